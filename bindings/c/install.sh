#!/bin/sh
# Builds the library and installs it with its header and pkg-config file: bindings/c/install.sh [PREFIX] [TARGET_FOLDER]
# With a folder, what cargo has built there is installed. PREFIX is /usr/local unless said otherwise.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-/usr/local}
built=${2:-}
if [ -z "$built" ]; then
    cargo build --release --manifest-path "$here/Cargo.toml"
    built=$here/../../target/release
fi
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -n 1)
mkdir -p "$prefix/include" "$prefix/lib/pkgconfig"
prefix=$(cd "$prefix" && pwd)
install -m 644 "$here/include/stylegan.h" "$prefix/include/stylegan.h"
for library in libstylegan_c.so libstylegan_c.dylib libstylegan_c.a; do
    [ ! -e "$built/$library" ] || install -m 644 "$built/$library" "$prefix/lib/$library"
done
sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" "$here/stylegan.pc.in" >"$prefix/lib/pkgconfig/stylegan.pc"
echo "stylegan $version is in $prefix; programs find it by: pkg-config --cflags --libs stylegan"
