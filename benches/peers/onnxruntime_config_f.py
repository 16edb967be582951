"""Config F in ONNX Runtime: the PyTorch network of config_f.py, exported.

Providers: cpu, cuda, tensorrt (fp16 by TensorRT itself), directml (Windows), coreml (macOS). Take the package that has the provider:
onnxruntime, onnxruntime-gpu or onnxruntime-directml.
"""

import tempfile
import time

import report

MODES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
# Where the picture can stay on the device; elsewhere every run reads it back.
BOUND = {"cuda": "cuda", "tensorrt": "cuda"}

parser = report.arguments(__doc__, list(MODES), ["auto", "f32", "f16"])
parser.add_argument("--model", help="keep the exported model here, with precision and batch in its name, and use it when it is there")
args = parser.parse_args()
if args.precision == "auto":
    args.precision = "f32" if args.mode in ("cpu", "coreml") else "f16"

import numpy  # noqa: E402
import onnxruntime  # noqa: E402

import onnx_config_f  # noqa: E402

half = args.precision == "f16"
settings = {
    "cuda": {"cudnn_conv_algo_search": "EXHAUSTIVE", "prefer_nhwc": "1"},
    "tensorrt": {"trt_fp16_enable": half, "trt_cuda_graph_enable": True},
    "coreml": {"ModelFormat": "MLProgram", "MLComputeUnits": "ALL"},
}.get(args.mode, {})

with tempfile.TemporaryDirectory() as folder:
    # TensorRT chooses by itself what it does in f16.
    path = onnx_config_f.model(args, folder, half and args.mode != "tensorrt")
    start = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    if args.mode == "directml":
        # What its documentation asks for.
        options.enable_mem_pattern = False
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    session = onnxruntime.InferenceSession(path, options, providers=[(MODES[args.mode], settings)])
    assert session.get_providers()[0] == MODES[args.mode], session.get_providers()
loaded = time.perf_counter()
ws = numpy.random.RandomState(0).randn(args.batch, 18, 512).astype(numpy.float32)
place = BOUND.get(args.mode)
binding = session.io_binding()
if place:
    binding.bind_ortvalue_input("ws", onnxruntime.OrtValue.ortvalue_from_numpy(ws, place, 0))
    binding.bind_output("img", place, 0)


def once():
    start = time.perf_counter()
    if place:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        wall = time.perf_counter() - start
        planes = binding.copy_outputs_to_cpu()[0]
    else:
        (planes,) = session.run(None, {"ws": ws})
        wall = time.perf_counter() - start
    pixels = numpy.clip(planes * 127.5 + 128, 0, 255).astype(numpy.uint8)
    readback = time.perf_counter() - start
    assert pixels.shape == (args.batch, 3, 1024, 1024) and numpy.isfinite(planes).all() and pixels.std() > 1
    return {"wall": wall * 1e3, "readback": readback * 1e3}


first_start = time.perf_counter()
once()
first = time.perf_counter() - first_start
if place:
    device = report.nvidia_device("CUDA" if args.mode == "cuda" else "TensorRT")
else:
    backend, kind = {"cpu": ("CPU", "Cpu"), "directml": ("Dx12", "Other"), "coreml": ("CoreML", "IntegratedGpu")}[args.mode]
    device = report.device(backend=backend, kind=kind)
report.write(
    args,
    engine="ONNX Runtime",
    version=onnxruntime.__version__,
    device=device,
    network=report.CONFIG_F,
    cold={"device": 0.0, "load": 0.0, "build": loaded - start, "first": first},
    lists=report.measure(once, args),
)
