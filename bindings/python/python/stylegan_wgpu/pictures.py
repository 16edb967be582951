"""Many pictures, one after another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from .picture import Picture


class Pictures(Iterator[Picture]):
    """Pictures that are drawn as they are asked for."""

    def __init__(self, drawn: Iterator[npt.NDArray[Any]], count: int, progress: bool = False) -> None:
        self._pictures = (picture.view(Picture) for block in drawn for picture in block)
        self._count = self._left = count
        self._progress = progress and count > 0

    def __len__(self) -> int:
        """How many are left."""
        return self._left

    def __next__(self) -> Picture:
        picture: Picture = next(self._pictures)
        self._left -= 1
        if self._progress:
            self._show()
        return picture

    def _show(self) -> None:
        done = self._count - self._left
        bar = "#" * (40 * done // self._count)
        end = "" if self._left else "\n"
        print(f"\r[{bar:<40}] {done}/{self._count}", end=end, file=sys.stderr, flush=True)
