#!/bin/sh
# Minimises fuzz/corpus and packs it into fuzz/corpora, which is in the repository: at most 200 KB for a target, the smallest inputs first.
# `fuzz/keep.sh pickle` does one. Built by run.sh.
set -eu
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- pickle torch_legacy torch_zip opcodes safetensors openvino arrays vectors config picture
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p corpora
for target in "$@"; do
    [ -d "corpus/$target" ] || continue
    small=$(mktemp -d)
    # Merging keeps the smallest input for each edge.
    FUZZ_TARGET="$target" nice -n 19 "target/$host/release/fuzz" -merge=1 -max_len=65536 -timeout=20 -rss_limit_mb=1024 \
        "$small" "corpus/$target" 2>/dev/null
    # What compresses to a tenth is packed beyond the bound and cut until it fits.
    names=$(cd "$small" && ls -rS)
    count=$(echo "$names" | wc -l)
    while :; do
        (cd "$small" && echo "$names" | head -n "$count" | LC_ALL=C sort |
            tar --create --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=a=r --files-from=-) | gzip -9n >"corpora/$target.tar.gz"
        [ "$(wc -c <"corpora/$target.tar.gz")" -gt 200000 ] || break
        count=$((count * 9 / 10))
    done
    echo "$target: $count of $(ls "corpus/$target" | wc -l) inputs, $(wc -c <"corpora/$target.tar.gz") bytes"
    rm -r "$small"
done
