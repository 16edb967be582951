#!/bin/sh
# Licences, bans, duplicates, unused and too low dependencies, and typos. Builds its tools into target/tools the first time.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"

for tool in cargo-deny cargo-machete typos-cli; do
    [ -e "$tools/bin/${tool%-cli}" ] || cargo install --quiet --root "$tools" "$tool"
done

echo "+ cargo deny: licences, bans, sources"
cargo deny --log-level error check --hide-inclusion-graph licenses bans sources
echo "+ cargo machete: dependencies that nothing uses"
cargo machete
echo "+ typos"
typos
echo "+ the lowest versions that the Cargo.tomls allow"
lowest=$(mktemp -d)
trap 'rm -rf "$lowest"' EXIT
git ls-files | tar -cf - --files-from=- | tar -xf - -C "$lowest"
# An option of nightly's, which resolves and nothing else; what it chose is then checked by the compiler of everybody.
(cd "$lowest" && RUSTC_BOOTSTRAP=1 cargo update -Z direct-minimal-versions --quiet &&
    cargo check --workspace --quiet --target-dir "${OLDPWD:-.}/target/lowest")
