"""StyleGAN pictures on any GPU, without CUDA and PyTorch: NumPy in, NumPy out.

>>> import stylegan_wgpu
>>> G = stylegan_wgpu.load("ffhq.pkl")  # or load(): the built-in avatars
>>> G(seed=85, psi=0.7).save("seed0085.png")
"""

from __future__ import annotations

import os
from typing import Any, Literal

from . import _native
from ._native import __version__
from .errors import ArgumentError, CheckpointError, DeviceError, StyleganError
from .generator import Directions, Generator, load
from .picture import Picture
from .pictures import Pictures

__all__ = [
    "ArgumentError",
    "CheckpointError",
    "DeviceError",
    "Directions",
    "Generator",
    "Picture",
    "Pictures",
    "StyleganError",
    "__version__",
    "convert",
    "devices",
    "load",
]


def convert(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, precision: Literal["f32", "f16"] = "f32"
) -> None:
    """Writes a checkpoint of any known format as one .safetensors file, which loads faster and holds nothing but the network."""
    _native.convert(source, target, precision)


def devices() -> list[dict[str, Any]]:
    """The adapters of this machine: GPUs and software ones, with index, name, backend, driver, type and tier."""
    return _native.devices()
