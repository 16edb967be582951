"""Config F in Core ML (macOS): the PyTorch network of config_f.py, converted to an ML program."""

import time

import report

parser = report.arguments(__doc__, ["all", "gpu", "ane", "cpu"], ["f16", "f32"])
args = parser.parse_args()

import coremltools  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402

import config_f  # noqa: E402

imported = time.perf_counter()
torch.set_grad_enabled(False)
network = config_f.Synthesis(fold=False, planes=True).eval()
example = torch.randn(args.batch, 18, 512, generator=torch.Generator().manual_seed(0))
traced = torch.jit.trace(network, example)
loaded = time.perf_counter()
units = coremltools.ComputeUnit
model = coremltools.convert(
    traced,
    inputs=[coremltools.TensorType(name="ws", shape=tuple(example.shape))],
    outputs=[coremltools.TensorType(name="img")],
    compute_precision={"f16": coremltools.precision.FLOAT16, "f32": coremltools.precision.FLOAT32}[args.precision],
    compute_units={"all": units.ALL, "gpu": units.CPU_AND_GPU, "ane": units.CPU_AND_NE, "cpu": units.CPU_ONLY}[args.mode],
    minimum_deployment_target=coremltools.target.macOS13,
)
built = time.perf_counter()
ws = example.numpy()


def once():
    start = time.perf_counter()
    planes = model.predict({"ws": ws})["img"]
    pixels = numpy.clip(planes * 127.5 + 128, 0, 255).astype(numpy.uint8)
    readback = time.perf_counter() - start
    assert pixels.shape == (args.batch, 3, 1024, 1024) and numpy.isfinite(planes).all() and pixels.std() > 1
    # A prediction is in the host's memory when it is there at all.
    return {"readback": readback * 1e3}


first_start = time.perf_counter()
once()
first = time.perf_counter() - first_start
report.write(
    args,
    engine="Core ML",
    version=coremltools.__version__,
    device=report.device(backend="CoreML", kind="Cpu" if args.mode == "cpu" else "IntegratedGpu"),
    network=report.CONFIG_F,
    # Converting is the network's compilation here.
    cold={"device": imported - report.START, "load": loaded - imported, "build": built - loaded, "first": first},
    lists=report.measure(once, args),
)
