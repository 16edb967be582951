#!/usr/bin/env python3
"""What the compilers of GPUs make of the kernels, without a GPU (setup.sh first, as root).

    lab.py navi31 dg2                a table per chip; without chips, of all
    lab.py --only up.portable bmg    of the pipelines whose label holds that
    lab.py --wgsl FOLDER bmg         with sources of FOLDER in place of the kernels' own, named as STYLEGAN_DUMP_WGSL names them
    lab.py --check                   fails on a spill, scratch or local memory in what the fixed order can choose, or too few waves
    lab.py --report                  writes docs/kernels.md, with what changed since last.tsv
    lab.py --keep                    makes these figures last.tsv
    lab.py --again ...               without compiling: reads what the last run left
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LAB = pathlib.Path(os.environ.get("LAB", "/tmp/gpu-lab"))
CHROOT = LAB / "sid"

# Name: maker, what the shim calls the chip, title.
CHIPS = {
    "navi21": ("amd", "navi21", "Radeon RX 6800 (RDNA 2), RADV"),
    "navi31": ("amd", "navi31", "Radeon RX 7900 (RDNA 3), RADV"),
    "gfx1201": ("amd", "gfx1201", "Radeon RX 9070 (RDNA 4), RADV"),
    "vega10": ("amd", "vega10", "Radeon RX Vega (GCN 5), RADV"),
    "tgl": ("intel", "tgl", "Iris Xe (Tiger Lake), ANV"),
    "dg2": ("intel", "dg2", "Arc A770 (Alchemist), ANV"),
    "bmg": ("intel", "bmg", "Arc B580 (Battlemage), ANV"),
    "turing": ("nvidia", "164", "GeForce RTX 20 (Turing), NVK"),
    "ampere": ("nvidia", "174", "GeForce RTX 30 (Ampere), NVK"),
    "ada": ("nvidia", "192", "GeForce RTX 40 (Ada), NVK"),
}
SHIMS = {
    "amd": ("libamdgpu_noop_drm_shim.so", "AMDGPU_GPU_ID", "radeon_icd.json"),
    "intel": ("libintel_noop_drm_shim.so", "INTEL_STUB_GPU_PLATFORM", "intel_icd.json"),
    "nvidia": ("libnouveau_noop_drm_shim.so", "NOUVEAU_CHIPSET", "nouveau_icd.json"),
}
# Figures of the drivers: registers, spills (summed), bytes of scratch or local memory, waves, time by the driver's own estimate,
# instructions; and the mnemonic of a matrix instruction.
FIGURES = {
    "amd": ("VGPRs", ["Spilled VGPRs", "Spilled SGPRs"], "Scratch size", "Subgroups per SIMD", "Inverse Throughput", "Instructions", "v_s?wmma_"),
    "intel": ("Max live registers", ["Spills", "Fills"], "Scratch Memory Size", None, "Cycles", "Instructions", "dpas"),
    "nvidia": ("Number of GPRs", ["Spills to memory", "Fills from memory"], "SLM size", "Max warps/SM", "Static cycle count", "Instruction count", "hmma"),
}
COLUMNS = "lanes registers spills memory waves time instructions matrix".split()
LEAST_WAVES = {"amd": 3, "nvidia": 12}  # of convolutions
# Chips, starts of labels, what is excused, why.
EXCEPTIONS = [
    (
        ["turing", "ampere", "ada"], ("modulated_conv2d.matrix16.128.", "modulated_conv2d.matrix16.64.", "modulated_conv2d_up.matrix16."), "waves",
        "a subgroup's 16 fragments of sums are 128 registers, and the next weights are on their way in 24 more; "
        "with those in local memory, as before, there were 12 warps",
    ),
    (["vega10"], ("modulated_conv2d.wide.", "modulated_conv2d_up.wide."), "waves", "workgroups of one wave with 8 to 11 kB of workgroup memory, of which four SIMDs have 64 kB"),
    (["vega10"], ("depthwise_conv2d.",), "waves", "256 registers for 64 lanes; it waits for memory, of which 4 rows a thread read a third less"),
]

Row = collections.namedtuple("Row", ["chip", "label", "choice"] + COLUMNS)


def compile_for(chip, only, wgsl):
    """Compiles on a chip; the list of pipelines and the layer's files are left in its folder."""
    maker, name, _ = CHIPS[chip]
    shim, variable, driver = SHIMS[maker]
    folder = CHROOT / "root/out" / chip
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir(parents=True)
    environment = {
        "HOME": "/root", "PATH": "/usr/bin:/bin", "LD_PRELOAD": f"/root/kit/{shim}", variable: name, "NVK_I_WANT_A_BROKEN_VULKAN_DRIVER": "1",
        "VK_DRIVER_FILES": f"/usr/share/vulkan/icd.d/{driver}", "VK_LAYER_PATH": "/root/kit", "VK_INSTANCE_LAYERS": "VK_LAYER_STYLEGAN_pipestat",
        "PIPESTAT": f"/root/out/{chip}", "MESA_SHADER_CACHE_DISABLE": "true", "LAB_ONLY": only,
    }
    if wgsl:
        subprocess.run(["cp", "-r", wgsl, folder / "wgsl"], check=True)
        environment["LAB_WGSL"] = f"/root/out/{chip}/wgsl"
    with open(folder / "list.tsv", "w") as listing, open(folder / "log", "w") as log:
        command = ["chroot", CHROOT, "env", "-i", *(f"{key}={value}" for key, value in environment.items()), "nice", "/root/kit/gpu-lab"]
        if subprocess.run(command, stdout=listing, stderr=log).returncode:
            sys.exit(f"{chip}: the kernels could not be compiled:\n{(folder / 'log').read_text()[-2000:]}")


def read(chip):
    """The rows of a chip, from its folder; and the device's line."""
    folder = CHROOT / "root/out" / chip
    lines = [line.rstrip("\n").split("\t") for line in open(folder / "list.tsv")]
    pipelines = [line[1:] for line in lines if line[0] == "pipeline"]
    # wgpu has pipelines of its own, made with the device, before any of ours.
    files = sorted(folder.glob("*.stats"))[-len(pipelines):] if pipelines else []
    return [row(chip, label, choice, file) for (label, choice, *_), file in zip(pipelines, files)], lines[0]


def row(chip, label, choice, file):
    maker = CHIPS[chip][0]
    registers, spills, memory, waves, time, instructions, matrix = FIGURES[maker]
    figures = dict(line.rstrip("\n").split("\t") for line in open(file))  # of several executables, the last: the widest
    lanes = int(figures["lanes"])
    # RADV counts slots of 32 lanes on RDNA; GCN's are of 64.
    per_slot = 2 if maker == "amd" and chip != "vega10" else 1
    code = file.with_suffix(".code").read_text(errors="replace")
    return Row(
        chip, label, choice, lanes, int(figures[registers]), sum(int(figures[name]) for name in spills), int(figures[memory]),
        int(figures[waves]) // per_slot if waves else None, int(float(figures[time])), int(figures[instructions]), len(re.findall(matrix, code)),
    )


def last():
    """The figures of last.tsv by chip and label, and where they are from."""
    lines = (HERE / "last.tsv").read_text().splitlines()
    fields = (line.split("\t") for line in lines[2:])
    return {(chip, label): dict(zip(COLUMNS, map(number, values))) for chip, label, _, *values in fields}, lines[0].removeprefix("# ")


def number(text):
    return int(text) if text not in ("", "-") else None


def faults(row):
    """What the check has against a row, with the reason where it is excused."""
    found = []
    if row.choice != "fixed":
        return found
    if row.spills:
        found.append(("spills", f"{row.spills} spills"))
    if row.memory:
        found.append(("memory", f"{row.memory} bytes of scratch or local memory"))
    least = LEAST_WAVES.get(CHIPS[row.chip][0])
    if least and "conv2d" in row.label and row.waves < least:
        found.append(("waves", f"{row.waves} waves, not {least}"))
    excuse = lambda kind: next((reason for chips, starts, what, reason in EXCEPTIONS if row.chip in chips and row.label.startswith(starts) and what == kind), None)
    return [(text, excuse(kind)) for kind, text in found]


def table(rows, before=None):
    """Markdown; a figure that changed stands behind the one of before."""
    heads = ["pipeline", "taken", "lanes", "registers", "spills", "memory", "waves", "time", "instructions", "matrix"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in rows:
        old = (before or {}).get((row.chip, row.label), {})
        cells = [f"`{row.label}`", row.choice]
        for name in COLUMNS:
            value = getattr(row, name)
            text = "-" if value is None else str(value)
            was = old.get(name)
            cells.append(f"{was} → {text}" if was is not None and was != value else text)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def report(rows, devices, before, since):
    text = (HERE / "report.md").read_text()
    excused = collections.OrderedDict()
    for one in rows:
        for what, reason in faults(one):
            excused.setdefault((one.label, what, reason), []).append(one.chip)
    lines = [f"- `{label}`, {', '.join(chips)}: {what}{': **not excused**' if reason is None else ''}." for (label, what, reason), chips in excused.items()]
    lines += ["", *(f"{', '.join(chips)}, {', '.join(f'`{start}*`' for start in starts)}: {reason}.\n" for chips, starts, _, reason in EXCEPTIONS)]
    text = text.replace("{since}", since).replace("{exceptions}", "\n".join(lines) or "None.").replace("{summary}", summary(rows, before))
    for chip in CHIPS:
        of_chip = [one for one in rows if one.chip == chip]
        if of_chip:
            name, driver, tier, subgroups = devices[chip][1:5]
            text += f"\n## {chip}: {CHIPS[chip][2]}\n\n{name.strip()}, {driver}; tier `{tier}`, {subgroups}.\n\n{table(of_chip, before)}\n"
    (ROOT / "docs/kernels.md").write_text(text)


def summary(rows, before):
    """A line per chip: what the fixed order can choose, before and now."""
    lines = ["| chip | pipelines | spilling | with scratch or local memory | least waves of a convolution |", "| --- | --- | --- | --- | --- |"]
    for chip in CHIPS:
        now = [one for one in rows if one.chip == chip and one.choice == "fixed"]
        old = [before[(chip, one.label)] | {"label": one.label} for one in now if (chip, one.label) in before]
        count = lambda name: f"{sum(bool(one[name]) for one in old) if old else '?'} → {sum(bool(getattr(one, name)) for one in now)}"
        waves = [one.waves for one in now if "modulated_conv2d" in one.label and one.waves is not None]
        waves_old = [one["waves"] for one in old if "modulated_conv2d" in one["label"] and one["waves"] is not None]
        least = f"{min(waves_old, default='?')} → {min(waves)}" if waves else "-"
        if now:
            lines.append(f"| {chip} | {len(now)} | {count('spills')} | {count('memory')} | {least} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chips", nargs="*", metavar="CHIP", help=", ".join(CHIPS))
    parser.add_argument("--only", default="")
    parser.add_argument("--wgsl")
    for option in ("check", "report", "keep", "again"):
        parser.add_argument(f"--{option}", action="store_true")
    options = parser.parse_args()
    unknown = [chip for chip in options.chips if chip not in CHIPS]
    if unknown:
        parser.error(f"no chip is called {unknown[0]}; there are {', '.join(CHIPS)}")
    if not (CHROOT / "root/kit/libpipestat.so").exists():
        sys.exit(f"no lab in {LAB}: sudo sh tools/gpu-lab/setup.sh")
    chips = options.chips or list(CHIPS)
    if not options.again:
        subprocess.run(["cargo", "build", "--quiet", "--example", "gpu-lab"], cwd=ROOT, check=True)
        subprocess.run(["cp", ROOT / "target/debug/examples/gpu-lab", CHROOT / "root/kit/"], check=True)
    rows, devices = [], {}
    before, since = last()
    for chip in chips:
        if not options.again:
            compile_for(chip, options.only, options.wgsl)
        of_chip, devices[chip] = read(chip)
        rows += of_chip
        if not (options.check or options.report or options.keep):
            print(f"{chip}: {CHIPS[chip][2]}\n\n{table(of_chip, before)}\n")
    if options.report:
        report(rows, devices, before, since)
    if options.keep:
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
        lines = [f"# {commit}", "\t".join(Row._fields)] + ["\t".join("-" if value is None else str(value) for value in one) for one in rows]
        (HERE / "last.tsv").write_text("\n".join(lines) + "\n")
    if options.check:
        found = [(one, what, reason) for one in rows for what, reason in faults(one)]
        for one, what, reason in found:
            print(f"{one.chip}: {one.label}: {what}" + (f" (excused: {reason})" if reason else ""))
        wrong = sum(reason is None for _, _, reason in found)
        print(f"{len(rows)} pipelines on {len(chips)} chips: {wrong} faults, {len(found) - wrong} excused")
        sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
