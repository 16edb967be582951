#!/bin/sh
# Makes sure that Rust can build, format and lint here. Usage: setup-rust.sh [--build-only]
set -eu
. "$(dirname "$0")/common.sh"

if ! command -v cargo >/dev/null 2>&1; then
    say "Rust is missing. Install it from https://rustup.rs, then run the same command again."
    exit 1
fi
# rustc links through the C compiler.
if ! command -v cc >/dev/null 2>&1; then
    apt_install gcc libc6-dev
fi
if [ "${1:-}" = --build-only ]; then exit 0; fi
if ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
    if ! { command -v rustup >/dev/null 2>&1 && rustup component add rustfmt clippy; } >&2; then
        say "rustfmt and clippy are missing and rustup could not add them; 'make test' needs both."
        exit 1
    fi
fi
