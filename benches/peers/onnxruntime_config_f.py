"""Config F in ONNX Runtime: the PyTorch network of config_f.py, exported."""

import os
import tempfile
import time

import report

parser = report.arguments(__doc__, ["cpu", "cuda"], ["f32"])
parser.add_argument("--model", help="keep the exported model here, and use it when it is there")
args = parser.parse_args()

import numpy  # noqa: E402
import onnxruntime  # noqa: E402


def export(path):
    """Not part of any time: a user does it once."""
    import torch

    import config_f

    # Styles on activations: constant weights are what ONNX Runtime can pack once.
    network = config_f.Synthesis(fold=False, planes=True).eval()
    torch.onnx.export(
        network, (torch.randn(args.batch, 18, 512),), path, input_names=["ws"], output_names=["img"], opset_version=17, dynamo=False
    )


with tempfile.TemporaryDirectory() as folder:
    path = args.model or os.path.join(folder, "config-f.onnx")
    if not os.path.exists(path):
        export(path)
    start = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    provider = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[args.mode]
    session = onnxruntime.InferenceSession(path, options, providers=[provider])
    assert session.get_providers()[0] == provider, session.get_providers()
loaded = time.perf_counter()
ws = numpy.random.RandomState(0).randn(args.batch, 18, 512).astype(numpy.float32)


def once():
    start = time.perf_counter()
    (planes,) = session.run(None, {"ws": ws})
    wall = time.perf_counter() - start
    pixels = numpy.clip(planes * 127.5 + 128, 0, 255).astype(numpy.uint8)
    assert pixels.shape == (args.batch, 3, 1024, 1024) and pixels.std() > 1
    return {"wall": wall * 1e3, "readback": (time.perf_counter() - start) * 1e3}


first_start = time.perf_counter()
once()
first = time.perf_counter() - first_start
report.write(
    args,
    engine="ONNX Runtime",
    version=onnxruntime.__version__,
    device=report.device(),
    network=report.CONFIG_F,
    cold={"device": 0.0, "load": 0.0, "build": loaded - start, "first": first},
    lists=report.measure(once, args),
)
