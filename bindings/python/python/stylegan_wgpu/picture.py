"""Pictures: NumPy arrays that notebooks show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _native

if TYPE_CHECKING:
    from PIL.Image import Image


class Picture(np.ndarray):
    """uint8 ``[H, W, C]``: an array as any other, which a notebook shows and which saves itself.

    C is what the network draws: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. Of several pictures, ``[n, H, W, C]``, each item is one.
    """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a .png, .jpg or .webp: the bytes that ``stylegan generate --no-metadata`` writes."""
        path = Path(path)
        path.write_bytes(_native.encode(self._pixels(), path.suffix.lstrip(".")))

    def to_pil(self) -> Image:
        """The picture as Pillow has it, which must be installed."""
        from PIL import Image

        pixels = self._pixels()
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)

    def _pixels(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        if self.dtype != np.uint8 or self.ndim != 3:
            raise TypeError(f"a picture is uint8 [H, W, C]; this is {self.dtype} {list(self.shape)}")
        return np.ascontiguousarray(self).view(np.ndarray)

    def _repr_png_(self) -> bytes | None:
        is_picture = self.dtype == np.uint8 and self.ndim == 3 and 1 <= self.shape[2] <= 4 and self.size > 0
        return _native.encode(self._pixels(), "png") if is_picture else None
