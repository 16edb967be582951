"""MobileStyleGAN in OpenVINO: the graphs its author published in the package random-face, on the CPU.

The weights' licence is unclear: they stay where you fetched them (scripts/fetch-mobilestylegan.sh).
"""

import os
import tempfile
import time
import zipfile

import report

parser = report.arguments(__doc__, ["cpu"], ["f32", "bf16"])
parser.add_argument("--network", required=True, help="the wheel random_face-2021.7.21.1-py3-none-any.whl, or a folder of its .xml and .bin")
args = parser.parse_args()
assert args.batch == 1, "the graph is of one image"

import numpy  # noqa: E402
import openvino  # noqa: E402

imported = time.perf_counter()
core = openvino.Core()
settings = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": args.threads,
    # The default on CPUs with AMX is bf16, whose images differ visibly.
    "INFERENCE_PRECISION_HINT": args.precision,
}


def read(folder):
    data = os.path.join(folder, "random_face", "data")
    data = data if os.path.isdir(data) else folder
    return [core.read_model(os.path.join(data, f"{name}.xml")) for name in ("MappingNetwork", "SynthesisNetwork")]


with tempfile.TemporaryDirectory() as folder:
    if os.path.isdir(args.network):
        models = read(args.network)
    else:
        with zipfile.ZipFile(args.network) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.endswith((".xml", ".bin"))])
        models = read(folder)
    loaded = time.perf_counter()
    mapping, synthesis = (core.compile_model(model, "CPU", settings) for model in models)
built = time.perf_counter()

style = mapping(numpy.random.RandomState(0).randn(1, 512).astype(numpy.float32))[mapping.output(0)]
inputs = {}
for port in synthesis.inputs:
    shape = [dimension.get_length() for dimension in port.partial_shape]
    # The style is [1, rows, 512] or [1, 512]; anything else is noise.
    inputs[port] = numpy.broadcast_to(style, shape).astype(numpy.float32) if shape[-1] == 512 else numpy.random.randn(*shape).astype(numpy.float32)
request = synthesis.create_infer_request()
output = synthesis.outputs[0]


def once():
    start = time.perf_counter()
    request.infer(inputs, share_inputs=True, share_outputs=True)
    wall = time.perf_counter() - start
    planes = request.get_tensor(output).data
    pixels = numpy.clip(planes * 127.5 + 128, 0, 255).astype(numpy.uint8)
    assert pixels.shape[-1] == 1024 and pixels.std() > 1, pixels.shape
    return {"wall": wall * 1e3, "readback": (time.perf_counter() - start) * 1e3}


first_start = time.perf_counter()
once()
first = time.perf_counter() - first_start
report.write(
    args,
    engine="OpenVINO",
    version=openvino.__version__.split("-")[0],
    device=report.device(),
    network={
        "name": "mobilestylegan",
        "source": "random-face 2021.7.21.1",
        "resolution": 1024,
        "parameters": 9410000,
        "gmac": 7.0799,
        "gmac_papers": 7.2867,
    },
    cold={"device": imported - report.START, "load": loaded - imported, "build": built - loaded, "first": first},
    lists=report.measure(once, args),
)
