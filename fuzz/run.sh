#!/bin/sh
# Runs every target for SECONDS seconds (900 unless said otherwise) at the lowest priority, one after another; `fuzz/run.sh 900 pickle`
# runs one. The readers have no `unsafe`, so no sanitizer is used; overflow checks and assertions are on.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-900}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- pickle torch_legacy torch_zip safetensors openvino arrays picture
for target in "$@"; do
    nice -n 19 cargo +nightly fuzz run --sanitizer none --debug-assertions "$target" -- \
        -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=1024 -print_final_stats=1
done
