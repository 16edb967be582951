"""Config F in a framework of Rust: burn on wgpu, or candle on the CPU. --network is a file of stylegan random-weights --config-f.

The programs (burn/, candle/) draw a picture for every line they are sent and answer with its times; what is measured, and what is
written, is as for the other peers.
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import threading

import report

HERE = pathlib.Path(__file__).resolve().parent

parser = report.arguments(__doc__, ["release"], ["f32", "f16"])
parser.add_argument("--peer", choices=["burn", "candle"], required=True)
parser.add_argument("--network", required=True, metavar="FILE", help="a StyleGAN2 as .safetensors of ours")
parser.add_argument("--npy", metavar="FILE", help="only writes the picture of seed 0, [1, 3, R, R] in f32, as stylegan generate --format npy")
parser.add_argument("--limit", type=float, default=300.0, help="seconds that a picture may take, the first with all that is compiled and tuned for it")
args = parser.parse_args()
if args.batch != 1:
    parser.error("the peers in Rust draw one picture at a time: --batch 1")

import numpy  # noqa: E402  (as in the other peers, a wrong command line is told without it)

with open(args.network, "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
config = json.loads(header["__metadata__"]["config"])
resolution = config["img_resolution"]
parameters = sum(numpy.prod(entry["shape"]) for name, entry in header.items() if name.endswith((".weight", ".bias", ".const", ".noise_strength")))
if not args.npy and (config["network"], resolution, round(parameters / 1e4)) != ("stylegan2", 1024, round(report.CONFIG_F["parameters"] / 1e4)):
    parser.error(f"{args.network} is not config F: only pictures (--npy) are made of other networks")

manifest = HERE / args.peer / "Cargo.toml"
build = ["cargo", "build", "--release", "--locked", "--manifest-path", str(manifest), "--message-format", "json-render-diagnostics"]
messages = subprocess.run(build, stdout=subprocess.PIPE, check=True).stdout.splitlines()
program = [path for path in (json.loads(message).get("executable") for message in messages) if path][-1]

command = [program, "--network", args.network, "--precision", args.precision]
picture = pathlib.Path(f"{args.npy}.tmp") if args.npy else None
if picture:
    command += ["--picture", str(picture)]
# The C library would return the memory of every large map, and the system clear it again: a third of candle's time.
variables = {"RAYON_NUM_THREADS": str(args.threads), "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | variables)
report.PROGRAM = child.pid


def ask(line):
    """A line to the program, and its answer."""
    limit = threading.Timer(args.limit, child.kill)
    limit.start()
    try:
        print(line, file=child.stdin, flush=True)
        answer = child.stdout.readline()
    except BrokenPipeError:
        answer = ""
    finished = limit.is_alive()
    limit.cancel()
    if not answer:
        sys.exit(f"{args.peer} ended: {child.wait()}" if finished else f"{args.peer} drew no picture in {args.limit:.0f} s")
    return json.loads(answer)


z = numpy.random.RandomState(0).randn(config["z_dim"]).astype("<f4")
latents = " ".join(str(value) for value in z)
if picture:
    try:
        child.communicate(latents + "\n", timeout=args.limit)
    except subprocess.TimeoutExpired:
        child.kill()
        sys.exit(f"{args.peer} drew no picture in {args.limit:.0f} s")
    if child.returncode:
        sys.exit(child.returncode)
    numpy.save(args.npy, numpy.fromfile(picture, "<f4").reshape(1, 3, resolution, resolution))
    picture.unlink()
    raise SystemExit

facts = ask(latents)
lists = report.measure(lambda: ask(""), args)
report.write(
    args,
    engine=facts["engine"],
    version=facts["version"],
    device=report.device(**facts["device"]),
    network=report.CONFIG_F,
    cold=facts["cold"],
    lists=lists,
    plan_memory=None,
)
child.stdin.close()
child.wait()
