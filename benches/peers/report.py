"""What the peers share: command line, timing, and the JSON of `stylegan bench` (docs/bench-schema.md)."""

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time

START = time.perf_counter()


def arguments(description, modes, precisions):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--mode", choices=modes, default=modes[0])
    parser.add_argument("--precision", choices=precisions, default=precisions[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--iters", type=int, help="warm iterations; as many as fit 20 seconds when absent, 2 to 100")
    parser.add_argument("--json", help="file to write; stdout when absent")
    return parser


def measure(run, iterations):
    """Milliseconds of warm calls. `run` returns a dict of measured times, which become lists."""
    warm_up = time.perf_counter()
    while time.perf_counter() - warm_up < 0.3:
        run()
    lists, start, done = {}, time.perf_counter(), 0
    while True:
        for name, value in run().items():
            lists.setdefault(name, []).append(value)
        done += 1
        if iterations is not None:
            if done >= iterations:
                return lists
        elif done >= 100 or (done >= 2 and time.perf_counter() - start >= 20):
            return lists


def stat(times):
    """Percentiles as `stylegan bench` computes them: linear between the neighbours."""
    if not times:
        return None
    times = sorted(times)

    def at(part):
        position = part * (len(times) - 1)
        low = int(position)
        return times[low] + (times[min(low + 1, len(times) - 1)] - times[low]) * (position - low)

    return {"median": statistics.median(times), "p5": at(0.05), "p95": at(0.95)}


def cpu_name():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or None


def peak_memory():
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def device(name=None, backend="CPU", driver="", kind="Cpu"):
    return {"name": name or cpu_name() or "CPU", "backend": backend, "driver": driver, "type": kind}


CONFIG_F = {
    "name": "stylegan2",
    "source": "random",
    "resolution": 1024,
    "parameters": 30370000,
    "gmac": 74.06,
    "gmac_papers": 143.0,
}


def write(args, *, engine, version, device, network, cold, lists, plan_memory=None):
    """Prints or writes the report of one batch. `lists` has gpu, wall and readback times in milliseconds."""
    wall = stat(lists.get("wall"))
    readback = stat(lists.get("readback"))
    cold = {key: value * 1e3 for key, value in cold.items()}
    report = {
        "schema": 1,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "engine": {"name": engine, "version": version, "build": args.mode},
        "device": device,
        "host": {"os": platform.system().lower(), "arch": platform.machine(), "cpu": cpu_name(), "threads": args.threads},
        "network": network,
        "precision": args.precision,
        "cold_ms": {**cold, "total": sum(cold.values())},
        "runs": [
            {
                "batch": args.batch,
                "iterations": len(lists.get("wall") or lists["readback"]),
                "gpu_ms": stat(lists.get("gpu")),
                "wall_ms": wall,
                "wall_readback_ms": readback,
                "images_per_second": args.batch * 1e3 / (wall or readback)["median"],
                "plan_memory_bytes": plan_memory,
            }
        ],
        "peak_memory_bytes": peak_memory(),
    }
    text = json.dumps(report, indent=2)
    if args.json:
        with open(args.json, "w") as file:
            file.write(text + "\n")
        median = (wall or readback)["median"]
        print(f"{engine} {args.mode} {args.precision} batch {args.batch}: {median:.1f} ms, {args.json}", file=sys.stderr)
    else:
        print(text)
