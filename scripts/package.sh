#!/bin/sh
# Packs every crate as it would be published, and builds each from what is in its package and in those of the others.
set -eu
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=target/package
# Of a version, cargo keeps what it unpacked and what it compiled: a version that is not published yet is another one every time.
rm -rf "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/stylegan-* target/package/debug/.fingerprint/stylegan-*
# What is for Python, browsers and windows is published elsewhere, or not at all.
unpublished=$(git ls-files '*Cargo.toml' | xargs grep -l '^publish = false' | grep -v '^fuzz/' |
    xargs sed -n '/^\[package\]/,/^\[/s/^name = "\(.*\)"/--exclude \1/p')
# Optimised for nothing, and alike for all, so that what they depend on is compiled once. Quiet: of every test it would say that it stays at home.
# shellcheck disable=SC2086
cargo package --workspace $unpublished --allow-dirty --quiet \
    --config profile.dev.opt-level=0 --config profile.dev.debug=0 --config 'profile.dev.package."*".opt-level=0'
