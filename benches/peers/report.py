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
PROGRAM = None  # The process that computes, where it is not this one.


# What `stylegan bench` does without flags, and its rules for noise: tools/src/commands/bench/{protocol,quality}.rs.
WARMUP = 0.3
DURATION = 20.0
LEAST = 3
MOST_COV = 5.0
MOST_OTHERS = 10.0
MOST_STEAL = 5.0


def arguments(description, modes, precisions):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--mode", choices=modes, default=modes[0])
    parser.add_argument("--precision", choices=precisions, default=precisions[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--iters", type=int, help="warm iterations instead of a duration")
    parser.add_argument("--duration", type=float, default=DURATION, help="seconds; half of them are measured single stream, as there")
    parser.add_argument("--json", help="file to write; stdout when absent")
    return parser


def measure(run, args):
    """Milliseconds of warm calls, of an image. `run` returns a dict of measured times, which become lists."""
    warm_up = time.perf_counter()
    while time.perf_counter() - warm_up < WARMUP:
        run()
    lists, begin = {}, clocks()
    energy = Energy()
    start, done = time.perf_counter(), 0
    while True:
        for name, value in run().items():
            lists.setdefault(name, []).append(value / args.batch)
        done += 1
        elapsed = time.perf_counter() - start
        if done >= args.iters if args.iters is not None else (done >= LEAST and elapsed >= args.duration / 2):
            lists["telemetry"] = energy.of(done * args.batch)
            lists["load"] = load(begin, clocks())
            return lists


class Energy:
    """Of an NVIDIA GPU, by the counter that NVML keeps since Volta; nothing elsewhere, or without pynvml."""

    def __init__(self):
        self.begin = self.read()

    @staticmethod
    def read():
        try:
            import pynvml

            pynvml.nvmlInit()
            return pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(0)) / 1e3
        except Exception:  # There is no such library, GPU or counter: any of them is no reason to stop.
            return None

    def of(self, images):
        """Whatever else a call does (a second run for the readback) is in it: an upper bound."""
        end = self.read()
        if self.begin is None or end is None or end <= self.begin:
            return None
        joules = (end - self.begin) / images
        return {"sources": ["NVML"], "values": {}, "joules_per_image": joules, "images_per_joule": 1 / joules}


def stat(times):
    """Percentiles as `stylegan bench` computes them: linear between the neighbours, from 20 samples on."""
    if not times:
        return None
    ordered = sorted(times)

    def at(part):
        position = part * (len(ordered) - 1)
        low = int(position)
        return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (position - low)

    enough = len(times) >= 20
    kept = times if len(times) <= 1000 else [times[i * len(times) // 1000] for i in range(1000)]
    return {
        "count": len(times),
        "median": at(0.5),
        "p90": at(0.9) if enough else None,
        "p99": at(0.99) if enough else None,
        "least": ordered[0],
        "most": ordered[-1],
        "cov_percent": statistics.stdev(times) / statistics.mean(times) * 100 if len(times) >= 3 else None,
        "samples": [kept],
    }


def clocks():
    """Load average; ticks of all processors: busy, stolen, all; ticks of this process and of PROGRAM. None where there is no /proc."""
    try:
        with open("/proc/stat") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        times = os.times()
        own = (times.user + times.system) * os.sysconf("SC_CLK_TCK")
        if PROGRAM is not None:
            with open(f"/proc/{PROGRAM}/stat") as file:
                # Of all its threads, in user and in system mode; its name may have spaces and parentheses.
                own += sum(int(field) for field in file.read().rsplit(")", 1)[1].split()[11:13])
        return os.getloadavg()[0], sum(fields) - fields[3] - fields[4] - fields[7], fields[7], sum(fields), own
    except (OSError, AttributeError, ValueError):
        return None


def load(begin, end):
    if begin is None or end is None or end[3] <= begin[3]:
        return {}
    every = end[3] - begin[3]
    others = max(0, end[1] - begin[1] - (end[4] - begin[4]))
    return {
        "average_before": begin[0],
        "average_after": end[0],
        "others_percent": others / every * 100,
        "steal_percent": (end[2] - begin[2]) / every * 100,
    }


def quality(main, load):
    """The verdict, by the rules that hold for `stylegan bench`."""
    cov, reasons = main["cov_percent"], []
    if cov is None:
        reasons.append(f"{main['count']} samples are too few to tell")
    elif not cov <= MOST_COV:
        reasons.append(f"times scatter by {cov:.1f} % (allowed: {MOST_COV:.0f} %)")
    if load.get("others_percent", 0) > MOST_OTHERS:
        reasons.append(f"other programs took {load['others_percent']:.0f} % of the processors' time (allowed: {MOST_OTHERS:.0f} %)")
    if load.get("steal_percent", 0) > MOST_STEAL:
        reasons.append(f"the virtual machine was refused {load['steal_percent']:.0f} % of the processors' time (allowed: {MOST_STEAL:.0f} %)")
    return {"verdict": "noisy" if reasons else "ok", "reasons": reasons, "cov_percent": cov, "load": load}


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
        with open(f"/proc/{PROGRAM or 'self'}/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def device(name=None, backend="CPU", driver="", kind="Cpu"):
    return {"name": name or cpu_name() or "CPU", "backend": backend, "driver": driver, "type": kind}


def nvidia_device(backend):
    """The first NVIDIA GPU as NVML names it, with its driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        name, driver = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0)), pynvml.nvmlSystemGetDriverVersion()
    except Exception as error:  # The library, the GPU or the driver is missing, and each says so in its own way.
        sys.exit(f"NVML does not tell which GPU this is: {error}; pip install nvidia-ml-py, and a driver")
    return device(name, backend, f"NVIDIA {driver}", "DiscreteGpu")


CONFIG_F = {
    "name": "stylegan2",
    "source": "random",
    "resolution": 1024,
    "parameters": 30370000,
    "gmac": 74.06,
    "gmac_papers": 143.0,
}


def write(args, *, engine, version, device, network, cold, lists, plan_memory=None):
    """Prints or writes the report of one batch. `lists` is what `measure` gave: gpu, wall and readback times in milliseconds."""
    gpu, wall, readback = stat(lists.get("gpu")), stat(lists.get("wall")), stat(lists.get("readback"))
    cold = {key: value * 1e3 for key, value in cold.items()}
    median = (readback or wall)["median"]
    report = {
        "schema": 2,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "engine": {"name": engine, "version": version, "build": args.mode},
        "device": device,
        "host": {"os": platform.system().lower(), "arch": platform.machine(), "cpu": cpu_name(), "threads": args.threads},
        "protocol": {
            "name": "custom",
            "version": 0,
            "warmup_seconds": WARMUP,
            "duration_seconds": None if args.iters is not None else args.duration,
            "iterations": args.iters,
            "repeats": 1,
        },
        "quality": quality(gpu or wall or readback, lists["load"]),
        "peak_memory_bytes": peak_memory(),
        "results": [
            {
                "network": network,
                "precision": args.precision,
                "cold_ms": {**cold, "total": sum(cold.values())},
                "runs": [
                    {
                        "batch": args.batch,
                        "gpu_ms": gpu,
                        "wall_ms": wall,
                        "wall_readback_ms": readback,
                        "images_per_second": 1e3 / median,
                        "telemetry": lists["telemetry"],
                        "plan_memory_bytes": plan_memory,
                    }
                ],
            }
        ],
    }
    text = json.dumps(report, indent=2)
    if args.json:
        with open(args.json, "w") as file:
            file.write(text + "\n")
        verdict = report["quality"]["verdict"]
        print(f"{engine} {args.mode} {args.precision} batch {args.batch}: {median:.1f} ms an image, {verdict}, {args.json}", file=sys.stderr)
    else:
        print(text)
