"""Exports config_f.py to ONNX: constant weights, which a runtime packs once. Not part of any time: a user does it once."""

import os
import sys


def export(path, batch, half=False):
    """ws [batch, 18, 512] -> planes [batch, 3, 1024, 1024], f32 on both sides. `half`: f16 in between."""
    import torch

    import config_f

    network = config_f.Synthesis(fold=False, planes=True).eval()
    torch.onnx.export(
        network, (torch.randn(batch, 18, 512),), path, input_names=["ws"], output_names=["img"], opset_version=17, dynamo=False
    )
    if half:
        import onnx
        from onnxconverter_common import float16

        # Squares of styles overflow f16: demodulation (its inverse root, the product and the squares before it) stays f32.
        keep = float16.DEFAULT_OP_BLOCK_LIST + ["Pow", "Sqrt", "Reciprocal", "MatMul", "Gemm"]
        onnx.save(float16.convert_float_to_float16(onnx.load(path), keep_io_types=True, op_block_list=keep), path)


def model(args, folder, half=False):
    """Where the model is: the file of --model if it is there, else a new export.

    Precision and batch are a part of its name: `--model f.onnx` is f-f16-b1.onnx. One of another precision is another network.
    """
    root, extension = os.path.splitext(args.model or os.path.join(folder, "config-f.onnx"))
    path = f"{root}-{'f16' if half else 'f32'}-b{args.batch}{extension}"
    if not os.path.exists(path):
        print(f"exporting {path}", file=sys.stderr)
        # An export that was stopped is none.
        export(f"{path}.part", args.batch, half)
        os.replace(f"{path}.part", path)
    return path
