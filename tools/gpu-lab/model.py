#!/usr/bin/env python3
"""Time of every layer of config F at 1024, one image, from the machine code that lab.py left (lab.py navi31 navi21 gfx1201 bmg ...).

    model.py                 the sums, of every chip that there is code for
    model.py navi31          ... and a line per layer and pipeline

AMD, by RADV's instructions, clocks of a wave of 64: a loop's instructions x its trips, which follow from the work a wave must do (matrix
products, multiply-adds) and what the loop's body does of it.
    VALU    2; v_fma_f32 and its kind 1 where two are issued at once (RDNA 3, 4); v_mul_lo_u32, v_rcp and others at a quarter 8;
            a matrix product 32 (RDNA 3), 16 (RDNA 4)                                       a SIMD does one wave's at a time
    LDS     128 bytes a clock: b128 8, b64 4, others 2                                      a compute unit
    memory  64 bytes a clock: b128 16, b64 8, others 4; lanes that read the same count in full, so this is pessimistic
A layer takes the longest of: its waves' VALU on all SIMDs, LDS and memory on all compute units, its operands at the card's bandwidth, and
one workgroup alone. No latency, barriers, caches, gaps between dispatches: an optimistic bound, not validated on hardware.

Intel and NVIDIA, whose code is not read: the driver's own cycles of a pipeline x the subgroups a layer is dispatched in, summed over the
pass, of the pipelines that the fixed order takes. The drivers guess how often loops run.
"""

import collections
import math
import re
import sys

import lab

Card = collections.namedtuple("Card", "title units ghz gbs matrix dual")
CARDS = {
    "navi31": Card("RX 7900 XTX", 96, 2.5, 960, 32, True),
    "navi21": Card("RX 6800 XT", 72, 2.25, 512, None, False),
    "gfx1201": Card("RX 9070 XT", 64, 2.97, 640, 16, True),
}
KINDS = [
    ("matrix", r"v_s?wmma"), ("fma", r"v_(dual_)?(fma|fmac|mac|mad|fmamk|fmaak)_f32|v_pk_fma_f32"), ("mix", r"v_(fma|mad)_mix"),
    ("quarter", r"v_(mul_lo_u32|mul_hi|mad_u64|mad_i64|exp|log|rcp|rsq|sqrt|sin|cos)"), ("valu", r"v_"),
    ("lds", r"ds_"), ("load", r"(buffer|global|flat)_load"), ("store", r"(buffer|global|flat)_store"),
]
Layer = collections.namedtuple("Layer", "name label grid flops bytes inputs outputs")


def kind(op):
    return next((name for name, pattern in KINDS if re.match(pattern, op)), "scalar")


def clocks(op, card):
    """Of the VALU, the LDS and the path to memory."""
    what = kind(op)
    if what == "matrix":
        return card.matrix, 0, 0
    if what == "fma":
        return (1 if card.dual else 2), 0, 0
    if what == "quarter":
        return 8, 0, 0
    if what in ("mix", "valu"):
        return (1 if op.startswith("v_dual") else 2), 0, 0
    if what == "lds":
        return 0, (8 if "128" in op else 4 if "64" in op or "2addr" in op or op.endswith("read2_b32") else 2), 0
    if what in ("load", "store"):
        return 0, 0, (16 if "128" in op or "x4" in op else 8 if "64" in op or "x2" in op else 4)
    return 0, 0, 0


def blocks_of(code):
    """Basic blocks of a listing, lists of instructions, and its loops, first and last block, outer ones first."""
    blocks, names, jumps = [], {}, []
    for line in code.splitlines():
        text = line.split(";")[0].strip()
        if match := re.match(r"(BB\d+):", text):
            names[match[1]] = len(blocks)
            blocks.append([])
        elif text and blocks:
            for part in text.split("::"):
                part = part.strip()
                blocks[-1].append(part.split()[0])
                if re.match(r"s_c?branch", part):
                    jumps.append((len(blocks) - 1, part.split()[-1]))
    ends = {}
    for block, target in jumps:
        if names.get(target, block + 1) <= block:
            ends[names[target]] = max(block, ends.get(names[target], 0))
    return blocks, sorted(ends.items(), key=lambda loop: (loop[0], -loop[1]))


def work(layer):
    """What a wave of 64 of a kernel does of its main work, in instructions of that kind; and the rounds it stages its inputs in."""
    kernel, constants = layer.label.split(".")[0], dict(re.findall(r"(\w+)=(\d+)", layer.label))
    taps = int(constants.get("KERNEL", 1)) ** 2
    if "matrix16" in layer.label:
        stages = layer.inputs / 16
        if ".split" in layer.label:
            return "matrix", math.ceil(stages / 4) * (18 if kernel.endswith("up") else 2 * taps), math.ceil(stages / 4)
        return "matrix", stages * (36 if kernel.endswith("up") else 4 * int(constants["COLUMNS"]) * taps), stages
    slices = int(constants.get("SLICES", 1))
    if kernel == "modulated_conv2d":
        return "sum", layer.inputs / slices * taps * 32, math.ceil(layer.inputs / (8 if ".wide" in layer.label else 4 * max(4, slices)))
    if kernel == "modulated_conv2d_up":
        return "sum", layer.inputs / slices * 72, math.ceil(layer.inputs / (8 if ".wide" in layer.label else 32))
    if kernel == "to_rgb":
        return "sum", math.ceil(layer.inputs / 4 / (16 if ".split" in layer.label else 1)) * 256, None
    return None, 0, None


def trips(layer, blocks, loops):
    """How often each block runs in a wave."""
    times = [1.0] * len(blocks)
    what, total, stages = work(layer)
    wanted = ("matrix",) if what == "matrix" else ("fma", "mix")
    count = lambda loop: sum(kind(op) in wanted for block in blocks[loop[0]:loop[1] + 1] for op in block)
    if what is None or not loops:
        return [0.0 if any(first <= i <= last for first, last in loops) else 1.0 for i in range(len(blocks))]
    most = max(map(count, loops))
    chain = [loop for loop in loops if count(loop) > most / 2 and count(loop) > 8]  # around the main work, outer ones first
    main = chain[-1]
    rounds = {main: total / count(main)}
    if len(chain) > 1:
        rounds[chain[0]] = stages
    for loop in loops:
        if loop in rounds or loop in chain:
            continue
        inside = next((outer for outer in reversed(chain) if outer[0] <= loop[0] and loop[1] <= outer[1]), None)
        stores = sum(op.startswith("ds_") and "store" in op or op.startswith("ds_write") for block in blocks[loop[0]:loop[1] + 1] for op in block)
        # A loop that stages runs a few times a round; what is left are borders of zeros, at edges only.
        rounds[loop] = 6 * rounds[inside] if inside and stores else 0.0
    for loop in loops:  # outer first: the innermost that holds a block counts
        for i in range(loop[0], loop[1] + 1):
            times[i] = rounds.get(loop, rounds[main])
    return times


def waves(layer):
    """Of 64 lanes, a workgroup."""
    if "matrix16" in layer.label or "SLICES" in layer.label:
        return 4
    return 2 if re.match(r"modulated_conv2d(_up)?\.portable\.", layer.label) else 1


def estimate(layer, code, card):
    """Seconds: VALU, LDS, memory's path, bandwidth, one workgroup alone."""
    blocks, loops = blocks_of(code)
    valu = lds = memory = 0.0
    for times, block in zip(trips(layer, blocks, loops), blocks):
        for op in block:
            v, l, m = clocks(op, card)
            valu, lds, memory = valu + times * v, lds + times * l, memory + times * m
    hertz, number = card.ghz * 1e9, layer.grid * waves(layer)
    alone = valu / hertz * max(1, waves(layer) / 4)
    return [number * valu / (2 * card.units) / hertz, number * lds / card.units / hertz, number * memory / card.units / hertz, layer.bytes / (card.gbs * 1e9), alone]


def layers_of(chip):
    lines = (line.rstrip("\n").split("\t") for line in open(lab.CHROOT / "root/out" / chip / "list.tsv"))
    for fields in lines:
        if fields[0] == "layer":
            _, name, label, grid, flops, bytes_, inputs, outputs = fields
            yield Layer(name, label, math.prod(map(int, grid.split("x"))), int(flops), int(bytes_), int(inputs), int(outputs))


def code_of(chip):
    """The machine code by label."""
    folder = lab.CHROOT / "root/out" / chip
    labels = [line.split("\t")[1] for line in open(folder / "list.tsv") if line.startswith("pipeline")]
    files = sorted(folder.glob("*.code"))[-len(labels):]
    return {label: file.read_text(errors="replace") for label, file in zip(labels, files)}


def amd(chip, verbose):
    card, code = CARDS[chip], code_of(chip)
    by_layer = collections.OrderedDict()
    for layer in layers_of(chip):
        if layer.label in code:
            half = "half" if ".F16" in layer.label else "full"
            found = by_layer.setdefault((layer.name, half if layer.name not in ("styles", "normalize_styles", "demodulate") else "half"), [])
            if all(layer.label != other.label for other, _ in found):
                found.append((layer, estimate(layer, code[layer.label], card)))
    sums = collections.Counter()
    for (name, half), found in by_layer.items():
        for i, (layer, parts) in enumerate(found):
            if verbose:
                cells = " ".join(f"{part * 1e6:8.1f}" for part in parts)
                print(f"{'*' if i == 0 else ' '}{name:20} {max(parts) * 1e6:8.1f} us  {cells}  {layer.label}")
        sums[half, "fixed order"] += max(found[0][1])
        sums[half, "best"] += min(max(parts) for _, parts in found)
        sums[half, "no units"] += min(max(parts) for layer, parts in found if "matrix" not in layer.label)
        peak = 2 * card.units * 32 * 2 * card.ghz * 1e9 * (2 if card.dual else 1)
        units = 2 * card.units * 2 * 16 ** 3 / card.matrix * card.ghz * 1e9 if card.matrix and half == "half" and "conv" in name else 0
        sums[half, "floor"] += max(found[0][0].flops / max(peak, units), found[0][1][3])
    for half in ("half", "full"):
        print(f"{card.title}, {'f16' if half == 'half' else 'f32'}: " + ", ".join(f"{what} {sums[half, what] * 1e3:.2f} ms" for what in ("fixed order", "best", "no units", "floor")))


def cycles(chip):
    """The driver's estimate, summed over the pass, in the fixed order."""
    rows = {row.label: row for row in lab.read(chip)[0]}
    sums, seen = collections.Counter(), set()
    for layer in layers_of(chip):
        half = "f16" if ".F16" in layer.label else "f32"
        if (layer.name, half) not in seen and layer.label in rows:
            seen.add((layer.name, half))
            row = rows[layer.label]
            sums[half] += row.time * layer.grid * waves(layer) * 64 / row.lanes
    print(f"{chip}: " + ", ".join(f"{half} {total / 1e9:.2f} G cycles" for half, total in sums.items()))


def main():
    verbose = sys.argv[1:]
    for chip in verbose or lab.CHIPS:
        if (lab.CHROOT / "root/out" / chip / "list.tsv").exists():
            amd(chip, bool(verbose)) if chip in CARDS else cycles(chip) if not chip.startswith("vega") else None


if __name__ == "__main__":
    main()
