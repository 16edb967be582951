#!/bin/sh
# Makes sure that Rust can build for a browser. Downloads no toolchain: the target's standard library is the toolchain's own.
set -eu
. "$(dirname "$0")/common.sh"

if [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ]; then
    exit 0
fi
say "This Rust has no standard library for wasm32-unknown-unknown, which the page and the npm package are built for."
say "How to go on: rustup target add wasm32-unknown-unknown, and run the same command again."
exit 1
