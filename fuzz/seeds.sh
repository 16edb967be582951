#!/bin/sh
# Fills fuzz/corpus/* with what the targets start from: small checkpoints in every layout, and the fixtures.
set -eu
cd "$(dirname "$0")/.."
export FUZZ_CORPUS="$PWD/fuzz/corpus"
cargo test --quiet -p stylegan-convert --lib -- --ignored --exact tests::seeds::seeds
cargo test --quiet -p stylegan-studio --lib -- --ignored --exact pictures::picture_settings::tests::seeds
cargo test --quiet -p stylegan-tools --test openvino -- --ignored --exact seeds
for file in tests/fixtures/tiny/*/*.pkl tests/fixtures/tiny/*/*.pt; do
    case "$file" in
        *legacy*) target=torch_legacy ;;
        *.pt) target=torch_zip ;;
        *) target=pickle ;;
    esac
    cp "$file" "$FUZZ_CORPUS/$target/$(basename "$(dirname "$file")")-$(basename "$file")"
done
