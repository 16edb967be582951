"""Config F in TensorRT: the exported network, its engine built in fp16, run in a CUDA graph."""

import sys
import tempfile
import time

import report

parser = report.arguments(__doc__, ["graph", "stream"], ["f16", "f32"])
parser.add_argument("--model", help="keep the exported model here, with precision and batch in its name, and use it when it is there")
args = parser.parse_args()

import tensorrt  # noqa: E402
import torch  # noqa: E402  (memory, streams and events)

import onnx_config_f  # noqa: E402

if args.precision == "f16" and not hasattr(tensorrt.BuilderFlag, "FP16"):
    sys.exit(f"TensorRT {tensorrt.__version__} takes precisions from the model only; use TensorRT 10, or --precision f32")
imported = time.perf_counter()
logger = tensorrt.Logger(tensorrt.Logger.WARNING)
with tempfile.TemporaryDirectory() as folder:
    path = onnx_config_f.model(args, folder)
    loaded = time.perf_counter()
    builder = tensorrt.Builder(logger)
    network = builder.create_network(0)
    reader = tensorrt.OnnxParser(network, logger)
    if not reader.parse_from_file(path):
        sys.exit("\n".join(str(reader.get_error(i)) for i in range(reader.num_errors)))
config = builder.create_builder_config()
if args.precision == "f16":
    config.set_flag(tensorrt.BuilderFlag.FP16)
plan = builder.build_serialized_network(network, config)
if plan is None:
    sys.exit("TensorRT could not build the engine; its log is above")
engine = tensorrt.Runtime(logger).deserialize_cuda_engine(plan)
context = engine.create_execution_context()

ws = torch.randn(args.batch, 18, 512, generator=torch.Generator().manual_seed(0)).cuda()
img = torch.empty(args.batch, 3, 1024, 1024, device="cuda")
context.set_tensor_address("ws", ws.data_ptr())
context.set_tensor_address("img", img.data_ptr())
stream = torch.cuda.Stream()


def encode():
    """The network, and its picture as 8-bit pixels, as ours."""
    if not context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
        sys.exit("TensorRT could not run the engine; its log is above")
    return (img.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8)


run = encode
with torch.cuda.stream(stream):
    for _ in range(3):
        pixels = encode()
    stream.synchronize()
    if args.mode == "graph":
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            pixels = encode()

        def run():
            graph.replay()
            return pixels


built = time.perf_counter()


def once():
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    with torch.cuda.stream(stream):
        start = time.perf_counter()
        begin.record()
        result = run()
        end.record()
        stream.synchronize()
        wall = time.perf_counter() - start
        host = result.cpu()
        readback = time.perf_counter() - start
    assert host.shape == (args.batch, 1024, 1024, 3) and host.float().std() > 1, "a picture of one colour"
    return {"gpu": begin.elapsed_time(end), "wall": wall * 1e3, "readback": readback * 1e3}


first_start = time.perf_counter()
once()
first = time.perf_counter() - first_start
report.write(
    args,
    engine="TensorRT",
    version=tensorrt.__version__,
    device=report.nvidia_device("CUDA"),
    network=report.CONFIG_F,
    cold={"device": imported - report.START, "load": 0.0, "build": built - loaded, "first": first},
    lists=report.measure(once, args),
    plan_memory=engine.device_memory_size_v2 if hasattr(engine, "device_memory_size_v2") else None,
)
