#!/bin/sh
# Makes sure that Rust can build for a browser, and writes target/wasm/env.sh, to be sourced before cargo is called with $WASM_FLAGS.
#
# The standard library for wasm32-unknown-unknown is the toolchain's own where it has one (rustup target add wasm32-unknown-unknown).
# Elsewhere cargo builds it (half a minute, once) of its sources: of the toolchain's component rust-src, else of Debian's package rust-src
# of the same version. The toolchain and the system are left as they are; no toolchain is downloaded.
set -eu
. "$(dirname "$0")/common.sh"
cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
sysroot=$(rustc --print sysroot)
version=$(rustc --version | cut -d' ' -f2)
dir=$PWD/target/wasm
mkdir -p "$dir"

give_up() {
    say "This Rust ($version) has no standard library for $target, which the page and the npm package are built for, and $1."
    say "How to go on: rustup target add $target, and run the same command again."
    exit 1
}

# An apt of its own: nothing of the system's changes. Debian has several versions at once, in suites that this system need not be.
apt() {
    command=$1
    shift
    "$command" -q -o Dir::State="$dir/apt/state" -o Dir::Cache="$dir/apt/cache" -o Dir::Etc::SourceList="$dir/apt/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root "$@"
}

# Unpacks Debian's package of this version into $dir/rust-src.
from_debian() {
    command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || give_up "this is no Debian, whose package rust-src would do"
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || give_up "there is no keyring of Debian's, whose package rust-src would do"
    mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial"
    mirror=$(sed -n -E 's/^(URIs:|deb)[ \t]+(\[[^]]*\] )?([^ ]*\/debian)\/?( .*)?$/\3/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -1)
    for suite in trixie-backports trixie forky sid; do
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main"
    done > "$dir/apt/sources.list"
    say "Fetching the sources of Rust's standard library from Debian ..."
    apt apt-get update > "$dir/apt.log" 2>&1 || say "apt-get update failed for some of Debian's suites ($dir/apt.log); trying with the others."
    package=$(apt apt-cache madison rust-src | awk -v version="$version" 'index($3, version "+") == 1 { print $3; exit }')
    [ -n "$package" ] || give_up "Debian has no rust-src of that version"
    (cd "$dir/apt" && apt apt-get download "rust-src=$package" >> "$dir/apt.log" 2>&1) || give_up "Debian's rust-src $package cannot be fetched ($dir/apt.log)"
    rm -rf "$dir/rust-src"
    dpkg-deb -x "$dir"/apt/rust-src_*.deb "$dir/rust-src.new"
    mv "$dir/rust-src.new" "$dir/rust-src"
    rm -rf "$dir/apt"
}

if [ -d "$sysroot/lib/rustlib/$target" ]; then
    echo 'WASM_FLAGS=' > "$dir/env.sh"
    exit 0
fi
library=$sysroot/lib/rustlib/src/rust/library
if [ ! -d "$library" ]; then
    library=$dir/rust-src/usr/src/rustc-$version/library
    [ -d "$library" ] || from_debian
    [ -d "$library" ] || give_up "Debian's package has its sources elsewhere than in $library"
fi
# RUSTC_BOOTSTRAP has a stable cargo take -Z; the other variable says where the library's sources are when the toolchain has none.
cat > "$dir/env.sh" <<END
export RUSTC_BOOTSTRAP=1
export __CARGO_TESTS_ONLY_SRC_ROOT='$library'
WASM_FLAGS="-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size"
END
