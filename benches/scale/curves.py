#!/usr/bin/env python3
"""Time and memory of a picture over resolution and batch: config F with synthetic weights, as curves (docs/images/curves.svg) and a table.

    cargo build --release && benches/scale/curves.py [--precision f16] [--resolutions 64,...,2048] [--batches 1,...,32] [--at 128] [--iters 3]

Each point is a run of `stylegan bench` of its own, the kernels in their fixed order, so that all sizes take the same ones. What a curve should
be is beside it: the time of the smallest point grown with the arithmetic (`gflop`).
"""

import argparse
import json
import math
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = {"z_dim": 512, "c_dim": 0, "w_dim": 512, "img_channels": 3, "channel_base": 32768, "channel_max": 512, "num_layers": 8}


def measure(stylegan, folder, resolution, batch, precision, iters):
    """Milliseconds an image on the device (wall, medians), bytes of its buffers, GFLOP an image."""
    network = folder / f"{resolution}.safetensors"
    if not network.exists():
        config = folder / "config.json"
        config.write_text(json.dumps({**CONFIG, "img_resolution": resolution}))
        subprocess.run([stylegan, "random-weights", "--config", config, "--seed", "0", "-o", network], check=True, stdout=subprocess.DEVNULL)
    report = folder / "report.json"
    command = [stylegan, "bench", "--network", network, "--batch", str(batch), "--precision", precision, "--no-tune", "--iters", str(iters), "--json", report]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    run = json.loads(report.read_text())["results"][0]["runs"][0]
    gflop = sum(layer["gflop"] for layer in run["layers"])
    return {"ms": run["wall_ms"]["median"] / batch, "bytes": run["plan_memory_bytes"], "gflop": gflop / batch}


def panel(x, title, labels, ylabel, values, expected):
    """An SVG group: points over labels, on two logarithmic axes."""
    width, height, left = 300, 220, 62
    low = math.floor(math.log10(min(values + expected)))
    high = max(math.ceil(math.log10(max(values + expected))), low + 1)
    across = lambda i: left + (width - left - 12) * i / max(1, len(labels) - 1)
    up = lambda value: 30 + (height - 70) * (high - math.log10(value)) / (high - low)
    parts = [f'<g transform="translate({x} 0)"><text x="{left}" y="16" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        y = up(10**power)
        parts.append(f'<path d="M{left} {y:.1f}H{width - 8}" stroke="#8884"/><text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for i, label in enumerate(labels):
        parts.append(f'<text x="{across(i):.1f}" y="{height - 22}" text-anchor="middle">{label}</text>')
    for series, style in ((expected, 'stroke="#888" stroke-dasharray="4 3"'), (values, 'stroke="#2a7de1" stroke-width="2"')):
        points = " ".join(f"{across(i):.1f},{up(value):.1f}" for i, value in enumerate(series))
        parts.append(f'<polyline fill="none" {style} points="{points}"/>')
    parts += [f'<circle cx="{across(i):.1f}" cy="{up(value):.1f}" r="3" fill="#2a7de1"/>' for i, value in enumerate(values)]
    parts.append(f'<text x="{left}" y="{height - 4}" fill="#888">{ylabel}</text></g>')
    return "".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stylegan", default=ROOT / "target/release/stylegan")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--resolutions", default="64,128,256,512,1024,2048")
    parser.add_argument("--batches", default="1,2,4,8,16,32")
    parser.add_argument("--at", type=int, default=128, help="resolution of the curve over batches")
    parser.add_argument("--iters", type=int, default=3)
    parser.add_argument("--svg", type=pathlib.Path, default=ROOT / "docs/images/curves.svg")
    options = parser.parse_args()
    resolutions = [int(text) for text in options.resolutions.split(",")]
    batches = [int(text) for text in options.batches.split(",")]
    with tempfile.TemporaryDirectory() as name:
        take = lambda resolution, batch: measure(options.stylegan, pathlib.Path(name), resolution, batch, options.precision, options.iters)
        sizes = [take(resolution, 1) for resolution in resolutions]
        counts = [take(options.at, batch) for batch in batches]

    print("| resolution | batch | ms a picture | GFLOP a picture | GFLOP/s | buffers, MiB |\n|---|---|---|---|---|---|")
    rows = [(resolution, 1, point) for resolution, point in zip(resolutions, sizes)] + [(options.at, batch, point) for batch, point in zip(batches, counts)]
    for resolution, batch, point in rows:
        print(f"| {resolution} | {batch} | {point['ms']:.1f} | {point['gflop']:.1f} | {1e3 * point['gflop'] / point['ms']:.0f} | {point['bytes'] / 2**20:.0f} |")

    ms, mib = lambda points: [point["ms"] for point in points], lambda points: [point["bytes"] / 2**20 for point in points]
    work = [sizes[0]["ms"] * point["gflop"] / sizes[0]["gflop"] for point in sizes]
    panels = [
        panel(0, "ms a picture", resolutions, "resolution; dashed: grown as the work", ms(sizes), work),
        panel(310, "buffers, MiB", resolutions, "resolution", mib(sizes), mib(sizes)),
        panel(620, "ms a picture", batches, f"batch at {options.at} x {options.at}; dashed: of batch 1", ms(counts), [counts[0]["ms"]] * len(counts)),
        panel(930, "buffers, MiB", batches, f"batch at {options.at} x {options.at}; dashed: of batch 1, for each", mib(counts), [mib(counts)[0] * batch for batch in batches]),
    ]
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1240 220" font-family="sans-serif" font-size="11" fill="#888">'
    options.svg.write_text(head + "".join(panels) + "</svg>\n")


if __name__ == "__main__":
    main()
