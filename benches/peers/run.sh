#!/bin/sh
# Measures stylegan-wgpu and its peers on this machine, one after the other in one go, and prints the ratios.
#
#   benches/peers/run.sh [FOLDER]        the reports, as JSON; out/peers when absent
#
# PYTHON   a Python with requirements.txt (python3 when absent)
# WHEEL    random_face-2021.7.21.1-py3-none-any.whl, for MobileStyleGAN; skipped when absent
# BATCHES  of config F ("1"); empty: none
# RUST_PEERS  of "burn candle" (none when absent: on two cores they take an hour to compile)
# STYLEGAN3  its configurations, as "t r" (none when absent: a minute a picture on two cores)
# ITERS    warm iterations of each, in each scenario (10 seconds of each)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$root/out/peers}
python=${PYTHON:-python3}
mkdir -p "$out"
# Reports of an earlier run would end up in the table.
rm -f "$out"/config-f-*.json "$out"/stylegan3-*.json "$out"/mobilestylegan-*.json
cd "$root"

cargo build --release --workspace
stylegan=${CARGO_TARGET_DIR:-$root/target}/release/stylegan
iters=${ITERS:+--iters $ITERS}

# A peer that is not installed, or that a machine cannot run, is named and left out.
peer() {
    name=$1
    script=$2
    shift 2
    # shellcheck disable=SC2086
    if "$python" "$here/$script" --json "$out/$name.json" $iters "$@" 2>"$out/$name.log"; then
        tail -n 1 "$out/$name.log"
    else
        rm -f "$out/$name.json"
        echo "$name: left out, see $out/$name.log"
    fi
}

ours() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$stylegan" bench --json "$out/$name.json" --html "$out/$name.html" $iters "$@" >"$out/$name.txt"
    echo "$name: $(tail -n 1 "$out/$name.txt")"
}

[ -z "${RUST_PEERS:-}" ] || "$stylegan" random-weights --config-f --seed 0 --output "$out/config-f.safetensors"
cuda=$("$python" -c "import torch; print(int(torch.cuda.is_available()))" 2>/dev/null || echo 0)
for batch in ${BATCHES-1}; do
    # Interleaved, ours first and last: a machine that becomes slower meanwhile shows.
    ours "config-f-b$batch-f16" --batch "$batch" --precision auto
    peer "config-f-b$batch-torch-eager" torch_config_f.py --batch "$batch" --mode eager
    peer "config-f-b$batch-torch-compile" torch_config_f.py --batch "$batch" --mode compile
    if [ "$cuda" = 1 ]; then
        peer "config-f-b$batch-torch-graph" torch_config_f.py --batch "$batch" --mode graph
        peer "config-f-b$batch-ort-cuda" onnxruntime_config_f.py --batch "$batch" --mode cuda
        peer "config-f-b$batch-ort-tensorrt" onnxruntime_config_f.py --batch "$batch" --mode tensorrt
        peer "config-f-b$batch-tensorrt" tensorrt_config_f.py --batch "$batch"
    elif [ "$(uname -s)" = Darwin ]; then
        peer "config-f-b$batch-coreml" coreml_config_f.py --batch "$batch"
    else
        peer "config-f-b$batch-onnxruntime" onnxruntime_config_f.py --batch "$batch"
    fi
    for which in ${RUST_PEERS:-}; do
        peer "config-f-b$batch-$which" rust_config_f.py --peer "$which" --batch "$batch" --network "$out/config-f.safetensors"
    done
    ours "config-f-b$batch-f32" --batch "$batch" --precision f32
done
for which in ${STYLEGAN3:-}; do
    "$stylegan" random-weights --stylegan3 "$which" --seed 0 --output "$out/stylegan3-$which.safetensors"
    ours "stylegan3-$which-f16" --stylegan3 "$which" --precision auto
    peer "stylegan3-$which-torch-eager" torch_stylegan3.py --network "$out/stylegan3-$which.safetensors" --mode eager
    peer "stylegan3-$which-torch-compile" torch_stylegan3.py --network "$out/stylegan3-$which.safetensors" --mode compile
    ours "stylegan3-$which-f32" --stylegan3 "$which" --precision f32
done
if [ -n "${WHEEL:-}" ]; then
    ours mobilestylegan-f32 --network "$WHEEL" --precision f32
    peer mobilestylegan-openvino openvino_mobilestylegan.py --network "$WHEEL"
    ours mobilestylegan-f16 --network "$WHEEL" --precision auto
fi

# Reports of this run only, the peers first: the ratios are to them.
set --
for name in torch-compile torch-eager torch-graph tensorrt ort-cuda coreml onnxruntime openvino burn candle f32 f16; do
    for file in "$out"/*-"$name".json; do
        [ -e "$file" ] && set -- "$@" "$file"
    done
done
"$stylegan" bench --compare "$@" --html "$out/compare.html" --csv "$out/compare.csv" | tee "$out/compare.txt"
