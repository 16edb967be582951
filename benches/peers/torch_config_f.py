"""Config F in PyTorch: eager, compiled, or captured in a CUDA graph; fp16 channels-last on CUDA, fp32 on CPUs."""

import time

import report

parser = report.arguments(__doc__, ["eager", "compile", "graph"], ["auto", "f32", "f16"])
parser.add_argument("--shifts", action="store_true", help="the low-pass filter as shifted sums, not as a depthwise convolution")
args = parser.parse_args()

import torch  # noqa: E402  (the import is part of the cold start)

import config_f  # noqa: E402
import torch_device  # noqa: E402

cuda, place, dtype = torch_device.choose(args)
if args.mode == "graph" and not cuda:
    parser.error("--mode graph needs CUDA")
imported = time.perf_counter()

# A compiler fuses shifted sums with what follows; eager operators are better off with one depthwise convolution.
network = config_f.Synthesis(fold=args.batch == 1, filter_by_convolution=not (args.shifts or args.mode == "compile"))
network = network.eval().to(place, dtype)
if cuda or args.mode == "compile":
    network = network.to(memory_format=torch.channels_last)
mapping = config_f.Mapping().eval().to(place)
loaded = time.perf_counter()


def latents():
    z = torch.randn(args.batch, 512, generator=torch.Generator().manual_seed(0))
    return mapping(z.to(place)).to(dtype).contiguous()


run = network
if args.mode == "compile":
    # On CPUs autotuning times matrix products for minutes, and the convolutions are oneDNN's either way.
    run = torch.compile(network, mode="max-autotune" if cuda else "default", fullgraph=True, dynamic=False)
elif args.mode == "graph":
    held = latents()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            network(held)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        image = network(held)

    def run(ws):
        held.copy_(ws)
        graph.replay()
        return image


built = time.perf_counter()
ws = latents()
pixels = run(ws).cpu()
first = time.perf_counter()
assert pixels.shape == (args.batch, 1024, 1024, 3), pixels.shape
assert pixels.float().std() > 1, "a picture of one colour"


def once():
    times = {}
    if cuda:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
    start = time.perf_counter()
    if cuda:
        begin.record()
    result = run(ws)
    if cuda:
        end.record()
        torch.cuda.synchronize()
    times["wall"] = (time.perf_counter() - start) * 1e3
    if cuda:
        times["gpu"] = begin.elapsed_time(end)
        result.cpu()
        # Not run and read in one go: the copy is what is added.
        times["readback"] = (time.perf_counter() - start) * 1e3
    else:
        times["readback"] = times["wall"]
    return times


lists = report.measure(once, args)
report.write(
    args,
    engine="PyTorch",
    version=torch.__version__,
    device=torch_device.described(cuda),
    network=report.CONFIG_F,
    cold={"device": imported - report.START, "load": loaded - imported, "build": built - loaded, "first": first - built},
    lists=lists,
    plan_memory=torch.cuda.max_memory_allocated() if cuda else None,
)
