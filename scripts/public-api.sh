#!/bin/sh
# Prints what is public in the engine, a line each. Builds its tool into target/tools the first time.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
[ -e "$tools/bin/cargo-public-api" ] || cargo install --quiet --root "$tools" cargo-public-api
# rustdoc's JSON is an option of nightly's; what is printed of it is names.
RUSTC_BOOTSTRAP=1 "$tools/bin/cargo-public-api" --package stylegan-wgpu -sss
