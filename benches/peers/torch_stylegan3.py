"""StyleGAN3 in PyTorch: eager, or compiled; fp16 on CUDA, fp32 on CPUs. --network is a file of stylegan random-weights --stylegan3."""

import time

import report

parser = report.arguments(__doc__, ["eager", "compile"], ["auto", "f32", "f16"])
parser.add_argument("--network", required=True, metavar="FILE", help="a StyleGAN3 as .safetensors of ours")
parser.add_argument("--npy", metavar="FILE", help="only writes the picture of seed 0, [1, C, H, W] in f32, as stylegan generate --format npy")
args = parser.parse_args()

import numpy  # noqa: E402  (the imports are part of the cold start)
import torch  # noqa: E402

import stylegan3  # noqa: E402
import torch_device  # noqa: E402

cuda, place, dtype = torch_device.choose(args)
imported = time.perf_counter()

config, tensors = stylegan3.load(args.network)
network = stylegan3.Synthesis(config, tensors, fold=args.batch == 1, planes=args.npy is not None)
network = network.eval().to(place, dtype).to(memory_format=torch.channels_last)
mapping = stylegan3.Mapping(config, tensors).eval().to(place)
loaded = time.perf_counter()


def latents():
    z = [numpy.random.RandomState(seed).randn(1, config["z_dim"]) for seed in range(args.batch)]
    return mapping(torch.from_numpy(numpy.concatenate(z)).float().to(place)).to(dtype).contiguous()


if args.npy:
    numpy.save(args.npy, network(latents()).cpu().numpy())
    raise SystemExit
run = torch.compile(network, mode="max-autotune" if cuda else "default", dynamic=False) if args.mode == "compile" else network
built = time.perf_counter()
ws = latents()
pixels = run(ws).cpu()
first = time.perf_counter()
assert pixels.float().std() > 1, "a picture of one colour"


def once():
    if cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = run(ws)
    if cuda:
        torch.cuda.synchronize()
    wall = time.perf_counter() - start
    result.cpu()
    return {"wall": wall * 1e3, "readback": (time.perf_counter() - start) * 1e3}


lists = report.measure(once, args)
report.write(
    args,
    engine="PyTorch",
    version=torch.__version__,
    device=torch_device.described(cuda),
    network=stylegan3.facts(config, tensors),
    cold={"device": imported - report.START, "load": loaded - imported, "build": built - loaded, "first": first - built},
    lists=lists,
    plan_memory=torch.cuda.max_memory_allocated() if cuda else None,
)
