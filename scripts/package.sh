#!/bin/sh
# Packs every crate as it would be published, and checks each from what is in its package and in those of the others.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
# What is for Python, browsers and windows is published elsewhere, or not at all.
unpublished=$(git ls-files '*Cargo.toml' | xargs grep -l '^publish = false' | grep -v '^fuzz/\|^benches/' |
    xargs sed -n '/^\[package\]/,/^\[/s/^name = "\(.*\)"/--exclude \1/p')
rm -f target/package/*.crate
# Quiet: of every test it would say that it stays at home.
# shellcheck disable=SC2086
cargo package --workspace $unpublished --allow-dirty --quiet --no-verify

# A workspace of what was packed, in which each finds the others; with the profiles and versions of this one, so that what they depend on
# is not compiled again.
unpacked=target/package/unpacked
rm -rf "$unpacked"
mkdir -p "$unpacked"
for crate in target/package/*.crate; do
    tar -xzf "$crate" -C "$unpacked"
done
{
    printf '[workspace]\nresolver = "3"\nmembers = ["*"]\n\n[patch.crates-io]\n'
    for folder in "$unpacked"/*/; do
        folder=$(basename "$folder")
        echo "${folder%-*} = { path = \"$folder\" }"
    done
    sed -n '/^\[profile\.dev/,/^$/p' Cargo.toml
} > "$unpacked/Cargo.toml"
cp Cargo.lock "$unpacked"
echo "Packed and now checked: $(cd target/package && echo *.crate)"
CARGO_TARGET_DIR=$root/target cargo check --quiet --workspace --manifest-path "$unpacked/Cargo.toml"
