"""A network on a device, with the names that NVIDIA's ``G`` has."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Union, cast

import numpy as np
import numpy.typing as npt

from . import _native
from .errors import ArgumentError
from .picture import Picture

Floats = npt.NDArray[np.float32]
Noise = Literal["const", "random", "none", "tf"]
Precision = Literal["auto", "f32", "f16"]
#: A class for all, one for each, or rows with a 1 in the place of the class, as NVIDIA's networks take them.
Label = Union[int, Sequence[int], npt.NDArray[Any], None]


class Directions(NamedTuple):
    """Directions in w: ``ws + 3 * sigma[i] * directions[i]`` goes three standard deviations along the i-th."""

    directions: Floats
    """``[n, w_dim]``, unit vectors, the strongest first."""
    sigma: Floats
    """``[n]``: the standard deviation of w along each."""
    mean: Floats
    """``[w_dim]``: the mean of w."""
    singular_values: Floats | None
    """``[n]``, of SeFa: how much a step along each changes the styles."""
    layers: list[str]
    """Of SeFa: the layers that were looked at."""


def load(
    source: str | os.PathLike[str] | bytes | None = None,
    *,
    device: str | int | None = None,
    precision: Precision = "auto",
    batch: int = 1,
    tune: bool = True,
) -> Generator:
    """Puts a network on a device.

    ``source`` is any checkpoint that ``stylegan convert`` reads (.pkl, .pt, .pth, .safetensors, a MobileStyleGAN's wheel or folder), or
    its bytes; without one, the built-in avatars. Nothing in a checkpoint is executed. ``device`` is an adapter's index or a part of its
    name (see :func:`devices`), ``batch`` how many pictures are drawn at once. ``tune=False`` leaves the kernels in their fixed order
    instead of timing them once on this device.
    """
    batch = _count("batch", batch)
    return Generator(_native.load(source, None if device is None else str(device), precision, batch, tune))


class Generator:
    """A network on a device; :func:`load` makes it. Any thread may call it; calls take turns, and Python goes on meanwhile."""

    def __init__(self, native: _native.Network) -> None:
        self._native = native

    # --- What it is

    @property
    def z_dim(self) -> int:
        """Length of a latent."""
        return self._native.z_dim

    @property
    def c_dim(self) -> int:
        """Number of classes; 0 where there are none."""
        return self._native.c_dim

    @property
    def w_dim(self) -> int:
        """Length of a row of w."""
        return self._native.w_dim

    @property
    def num_ws(self) -> int:
        """Rows of w of a picture."""
        return self._native.num_ws

    @property
    def img_resolution(self) -> int:
        """The longer side of a picture."""
        return max(self._native.image_size)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of a picture."""
        return self._native.image_size

    @property
    def img_channels(self) -> int:
        """Channels of a picture."""
        return self._native.img_channels

    @property
    def w_avg(self) -> Floats:
        """The average w: ``[w_dim]``, or a row for each layer, or for each class of a StyleGAN-XL."""
        return self._native.w_avg()

    @property
    def network(self) -> str:
        """Which network it is, as ``stylegan2``."""
        return self._native.network

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, as a converted file has it."""
        return cast("dict[str, Any]", json.loads(self._native.config))

    @property
    def provenance(self) -> dict[str, str]:
        """What the file says of where it came from, and of its licence."""
        return self._native.provenance

    @property
    def device(self) -> str:
        """The device's name."""
        return self._native.device

    @property
    def precision(self) -> str:
        """Element type on the device: ``f32`` or ``f16``."""
        return self._native.precision

    @property
    def batch(self) -> int:
        """Pictures drawn at once."""
        return self._native.batch

    @property
    def memory(self) -> int:
        """Bytes that it has on the device."""
        return self._native.memory

    def __repr__(self) -> str:
        height, width = self.image_size
        return f"<Generator {self.network} {width}x{height} on {self.device} ({self.precision})>"

    # --- From latents to pictures

    def z(self, seeds: int | Iterable[int]) -> Floats:
        """The latents of seeds, ``[n, z_dim]``: those of ``np.random.RandomState(seed).randn(z_dim)``."""
        several = [cast(int, seeds)] if _is_int(seeds) else cast("Iterable[int]", seeds)
        return self._native.z([_seed(seed) for seed in several])

    def mapping(self, z: npt.ArrayLike, label: Label = None, *, psi: float = 1.0, cutoff: int | None = None) -> Floats:
        """Latents ``[n, z_dim]`` to rows of w ``[n, num_ws, w_dim]``; with ``psi``, truncated: all rows, or the first ``cutoff``."""
        latents = _array("z", z, (-1, self.z_dim))
        return self._native.mapping(latents, self._classes(label, len(latents)), psi, cutoff)

    def synthesis(
        self, ws: npt.ArrayLike, *, noise: Noise = "const", noise_seed: int = 0, dtype: npt.DTypeLike = np.uint8
    ) -> npt.NDArray[Any]:
        """Rows of w ``[n, num_ws, w_dim]`` to pictures: uint8 ``[n, H, W, C]``, or float32 ``[n, C, H, W]``, about -1 to 1 and not
        clamped, as NVIDIA's networks give them. ``noise="random"`` draws that of picture i from ``noise_seed + i``.
        """
        if noise == "tf":
            raise ArgumentError('noise "tf" is drawn from a picture\'s seed, and rows of w have none')
        rows = _array("ws", ws, (-1, self.num_ws, self.w_dim))
        floats = _is_float(dtype)
        batch = self.batch
        blocks = ((rows[i : i + batch], (noise_seed + i) & 0xFFFFFFFF) for i in range(0, len(rows), batch))
        drawn = list(self._draw(blocks, noise, floats))
        if not drawn:
            raise ArgumentError("ws has no rows: nothing can be drawn")
        pictures = np.concatenate(drawn)
        return pictures if floats else pictures.view(Picture)

    def __call__(
        self,
        z: npt.ArrayLike | None = None,
        label: Label = None,
        *,
        seed: int | None = None,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: Noise = "const",
        noise_seed: int = 0,
        dtype: npt.DTypeLike = np.uint8,
    ) -> npt.NDArray[Any]:
        """``G(seed=85, psi=0.7)``: the picture of a seed, uint8 ``[H, W, C]``. ``G(z, label)``: pictures of latents, ``[n, H, W, C]``."""
        if (z is None) == (seed is None):
            raise ArgumentError("a picture is drawn from a seed or from latents: G(seed=85), or G(z)")
        if seed is None:
            ws = self.mapping(cast("npt.ArrayLike", z), label, psi=psi, cutoff=cutoff)
            return self.synthesis(ws, noise=noise, noise_seed=noise_seed, dtype=dtype)
        ws = self.mapping(self.z([seed]), label, psi=psi, cutoff=cutoff)
        if noise == "tf":
            noise_seed = _seed(seed)
        floats = _is_float(dtype)
        (drawn,) = self._draw([(ws, noise_seed)], noise, floats)
        return cast("npt.NDArray[Any]", drawn[0] if floats else drawn[0].view(Picture))

    def generate(
        self,
        seeds: Iterable[int],
        *,
        batch: int | None = None,
        label: Label = None,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: Noise = "const",
        noise_seed: int = 0,
    ) -> Pictures:
        """The pictures of many seeds, one after another, while the device draws those that follow:
        ``for seed, picture in zip(seeds, G.generate(seeds, batch=8))``. It has a length, so that ``tqdm`` shows how far it is.

        A picture's bytes depend on its seed and place in the list, never on ``batch``.
        """
        all_seeds = [_seed(seed) for seed in seeds]
        classes = self._classes(label, len(all_seeds))
        size = self.batch if batch is None else _count("batch", batch)

        def blocks() -> Iterator[tuple[Floats, int]]:
            for first, last in _blocks(all_seeds, size, noise == "tf"):
                of_block = None if classes is None else classes[first:last]
                ws = self._native.mapping(self._native.z(all_seeds[first:last]), of_block, psi, cutoff)
                yield ws, all_seeds[first] if noise == "tf" else (noise_seed + first) & 0xFFFFFFFF

        return Pictures(self._draw(blocks(), noise, False), len(all_seeds))

    def mix(
        self,
        seed: int,
        style: int,
        layers: str | Iterable[int] = "coarse",
        *,
        label: Label = None,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: Noise = "const",
        noise_seed: int = 0,
    ) -> Picture:
        """The picture of ``seed`` with some layers of ``style``, another seed: numbers, or as ``stylegan mix --styles`` has them,
        ``"0-3,7"``, ``"coarse,middle"``, names of layers.
        """
        ws = self.mapping(self.z([seed, style]), label, psi=psi, cutoff=cutoff)
        rows = self.rows(layers)
        ws[0, rows] = ws[1, rows]
        if noise == "tf":
            raise ArgumentError('noise "tf" is for pictures of one seed each')
        return cast(Picture, self.synthesis(ws[:1], noise=noise, noise_seed=noise_seed)[0])

    def directions(
        self,
        n: int = 10,
        layers: str | Iterable[int] | None = None,
        *,
        method: Literal["sefa", "pca"] = "sefa",
        label: int | None = None,
    ) -> Directions:
        """The ``n`` strongest directions in w, for all layers or some: SeFa's, or the principal components of w (GANSpace)."""
        rows = list(range(self.num_ws)) if layers is None else self.rows(layers)
        classes = self._classes(label, 1)
        return Directions(*self._native.directions(_count("n", n), rows, method, None if classes is None else classes[0]))

    def rows(self, layers: str | Iterable[int]) -> list[int]:
        """Which rows of w layers read: ``"coarse"``, ``"0-3,7"`` and ``"b8.conv0"`` as numbers."""
        if isinstance(layers, str):
            return self._native.rows(layers)
        rows = [operator.index(row) for row in layers]
        for row in rows:
            if not 0 <= row < self.num_ws:
                raise ArgumentError(f"layer {row} is not one of the {self.num_ws} layers, 0 to {self.num_ws - 1}")
        return rows

    # --- How

    def _draw(self, blocks: Iterable[tuple[Floats, int]], noise: str, floats: bool) -> Iterator[npt.NDArray[Any]]:
        """Draws blocks of ws, each submitted before the one ahead of it is waited for."""
        ahead: _native.Pending | None = None
        for ws, seed in blocks:
            following = self._native.submit(ws, noise, seed, floats)
            if ahead is not None:
                yield ahead.wait()
            ahead = following
        if ahead is not None:
            yield ahead.wait()

    def _classes(self, label: Label, n: int) -> list[int] | None:
        """A class for each of n pictures; None where the network has no classes."""
        if self.c_dim == 0:
            if label is None or (isinstance(label, np.ndarray) and label.size == 0):
                return None
            raise ArgumentError("this network is not conditional: it takes no label")
        if label is None:
            raise ArgumentError(f"this network is conditional: choose one of its {self.c_dim} classes with label=0 to {self.c_dim - 1}")
        if _is_int(label):
            classes = [operator.index(cast(int, label))] * n
        else:
            labels = np.asarray(label)
            if labels.ndim == 2:
                one_hot = labels.shape[1] == self.c_dim and ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
                if not one_hot:
                    raise ArgumentError(f"rows of a label are [n, {self.c_dim}], with a 1 in the place of the class and else 0")
                labels = labels.argmax(axis=1)
            if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
                raise ArgumentError("a label is a class, a class for each picture, or rows with a 1 in the place of the class")
            classes = [int(value) for value in labels]
        if len(classes) != n:
            raise ArgumentError(f"{len(classes)} labels for {n} pictures")
        for value in classes:
            if not 0 <= value < self.c_dim:
                raise ArgumentError(f"label {value} is out of range: this network has {self.c_dim} classes, 0 to {self.c_dim - 1}")
        return classes


class Pictures(Iterator[Picture]):
    """Pictures that are drawn as they are asked for."""

    def __init__(self, drawn: Iterator[npt.NDArray[Any]], count: int) -> None:
        self._pictures = (picture.view(Picture) for block in drawn for picture in block)
        self._left = count

    def __len__(self) -> int:
        """How many are left."""
        return self._left

    def __next__(self) -> Picture:
        picture: Picture = next(self._pictures)
        self._left -= 1
        return picture


def _blocks(seeds: list[int], size: int, consecutive: bool) -> Iterator[tuple[int, int]]:
    """First and end of each batch; where noise goes by the seed, a batch is of seeds that follow each other."""
    first = 0
    for i in range(1, len(seeds) + 1):
        if i == len(seeds) or i - first == size or (consecutive and seeds[i] != seeds[i - 1] + 1):
            yield first, i
            first = i


def _is_int(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, np.ndarray)


def _count(name: str, value: int) -> int:
    if not _is_int(value) or operator.index(value) < 1:
        raise ArgumentError(f"{name} is a whole number from 1 on; this is {value!r}")
    return operator.index(value)


def _seed(value: int) -> int:
    if not _is_int(value) or not 0 <= operator.index(value) <= 0xFFFFFFFF:
        raise ArgumentError(f"a seed is a whole number from 0 to {0xFFFFFFFF}; this is {value!r}")
    return operator.index(value)


def _is_float(dtype: npt.DTypeLike) -> bool:
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype(np.uint8), np.dtype(np.float32)):
        raise ArgumentError(f"pictures are uint8 or float32, not {wanted}")
    return wanted == np.dtype(np.float32)


def _array(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Values as float32, rows dense; -1 in a shape is any number."""
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != len(shape) or any(side not in (-1, found) for side, found in zip(shape, array.shape)):
        needed = ", ".join("n" if side == -1 else str(side) for side in shape)
        raise ArgumentError(f"{name} is {list(array.shape)}; this network takes [{needed}]")
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} has values that are NaN or infinite")
    return array
