#!/bin/sh
# Runs every target for SECONDS seconds (900 unless said otherwise) at the lowest priority, one after another; `fuzz/run.sh 900 pickle`
# runs one. Any Rust that builds the project does, with a C++ compiler for libFuzzer. The readers have no `unsafe`, so no sanitizer is
# used; overflow checks and assertions are on. What is found lies in fuzz/artifacts.
set -eu
cd "$(dirname "$0")"
seconds=${1:-900}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- pickle torch_legacy torch_zip opcodes safetensors openvino arrays vectors config picture
# What cargo-fuzz sets, without the sanitizers, which need a nightly compiler. Said with --target, so that build scripts are spared.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
nice -n 19 cargo build --quiet --release --target "$host"
# With SECONDS 0 it is only built.
[ "$seconds" -gt 0 ] || exit 0
for target in "$@"; do
    mkdir -p "corpus/$target" artifacts
    # What earlier hunts came to (keep.sh).
    [ -e "corpora/$target.tar.gz" ] && tar -xzf "corpora/$target.tar.gz" -C "corpus/$target"
    dictionary=
    [ -e "dictionaries/$target" ] && dictionary="-dict=dictionaries/$target"
    echo "== $target"
    FUZZ_TARGET="$target" nice -n 19 "target/$host/release/fuzz" "corpus/$target" $dictionary -max_total_time="$seconds" \
        -max_len=65536 -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="artifacts/$target-"
done
