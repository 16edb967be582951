"""A network on a device, with the names that NVIDIA's ``G`` has."""

from __future__ import annotations

import json
import operator
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from . import _native
from .arguments import (
    Floats,
    Label,
    array_of,
    blocks,
    classes_of,
    count_of,
    is_float,
    is_int,
    noise_seed_of,
    seed_of,
    truncation_of,
)
from .errors import ArgumentError
from .picture import Picture
from .pictures import Pictures

Noise = Literal["const", "random", "none", "tf"]
Precision = Literal["auto", "f32", "f16"]


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
    batch = count_of("batch", batch)
    return Generator(_native.load(source, None if device is None else str(device), precision, batch, tune))


class Generator:
    """A network on a device; :func:`load` makes it. Any thread may call it; calls take turns, and Python goes on meanwhile."""

    def __init__(self, native: _native.Network) -> None:
        self._native = native
        self._moved = False

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
        several = [cast(int, seeds)] if is_int(seeds) else cast("Iterable[int]", seeds)
        return self._native.z([seed_of(seed) for seed in several])

    def mapping(self, z: npt.ArrayLike, label: Label = None, *, psi: float = 1.0, cutoff: int | None = None) -> Floats:
        """Latents ``[n, z_dim]`` to rows of w ``[n, num_ws, w_dim]``; with ``psi``, truncated: all rows, or the first ``cutoff``."""
        latents = array_of("z", z, (-1, self.z_dim))
        if not len(latents):
            raise ArgumentError("z has no rows: nothing can be mapped")
        psi, cutoff = truncation_of(psi, cutoff)
        return self._native.mapping(latents, classes_of(label, len(latents), self.c_dim), psi, cutoff)

    def synthesis(
        self, ws: npt.ArrayLike, *, noise: Noise = "const", noise_seed: int = 0, dtype: npt.DTypeLike = np.uint8
    ) -> npt.NDArray[Any]:
        """Rows of w ``[n, num_ws, w_dim]`` to pictures: uint8 ``[n, H, W, C]``, or float32 ``[n, C, H, W]``, about -1 to 1 and not
        clamped, as NVIDIA's networks give them. ``noise="random"`` draws that of picture i from ``noise_seed + i``.
        """
        if noise == "tf":
            raise ArgumentError('noise "tf" is drawn from a picture\'s seed, and rows of w have none')
        noise_seed = noise_seed_of(noise_seed)
        rows = array_of("ws", ws, (-1, self.num_ws, self.w_dim))
        floats = is_float(dtype)
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
        noise_seed = seed_of(seed) if noise == "tf" else noise_seed_of(noise_seed)
        floats = is_float(dtype)
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
        progress: bool = False,
    ) -> Pictures:
        """The pictures of many seeds, one after another, while the device draws those that follow:
        ``for seed, picture in zip(seeds, G.generate(seeds, batch=8))``. ``progress=True`` has a bar on stderr; its length lets ``tqdm``
        show one, too.

        A picture's bytes depend on its seed and place in the list, never on ``batch``.
        """
        all_seeds = [seed_of(seed) for seed in seeds]
        classes = classes_of(label, len(all_seeds), self.c_dim)
        (psi, cutoff), noise_seed = truncation_of(psi, cutoff), noise_seed_of(noise_seed)
        drawn = self._of_seeds(list(enumerate(all_seeds)), classes, batch, psi, cutoff, noise, noise_seed)
        return Pictures(drawn, len(all_seeds), progress)

    def generate_into(
        self,
        folder: str | os.PathLike[str],
        seeds: Iterable[int],
        *,
        batch: int | None = None,
        format: Literal["png", "jpg", "webp"] = "png",
        label: int | None = None,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: Noise = "const",
        noise_seed: int = 0,
        shard: tuple[int, int] | None = None,
        progress: bool = False,
    ) -> int:
        """Draws a picture of each seed into a folder, as ``seed0085.png``, and gives how many were drawn.

        The folder has the manifest of ``stylegan generate``: what was interrupted goes on with the same call, or with that command. A
        folder of another network or other settings is refused. ``shard=(3, 16)`` draws the third of sixteen parts, which may run side
        by side, on any machines that see the folder.
        """
        all_seeds = list(dict.fromkeys(seed_of(seed) for seed in seeds))
        classes = classes_of(label, len(all_seeds), self.c_dim)
        (psi, cutoff), noise_seed = truncation_of(psi, cutoff), noise_seed_of(noise_seed)
        if classes and len(set(classes)) > 1:
            raise ArgumentError("a folder has pictures of one class: label is one number")
        one = classes[0] if classes else None
        if self._moved:
            raise ArgumentError("a folder does not say where its pictures lie: transform() before, or stylegan generate --translate")
        place = _native.open_folder(self._native, folder, all_seeds, psi, cutoff, one, noise, noise_seed, shard)
        try:
            first, last = place.part(len(all_seeds))
            name = "seed{:04}.{}".format
            todo = [(i, all_seeds[i]) for i in range(first, last) if not place.has(name(all_seeds[i], format))]
            drawn = self._of_seeds(todo, classes, batch, psi, cutoff, noise, noise_seed)
            pictures = Pictures(drawn, len(todo), progress)
            for seed, data in _encoded((seed for _, seed in todo), pictures, format):
                place.add(seed, name(seed, format), data)
        finally:
            place.close()
        return len(todo)

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

    def transform(self, translate: tuple[float, float] = (0.0, 0.0), rotate: float = 0.0, zoom: float = 1.0) -> None:
        """Moves the pictures of a StyleGAN3 from now on by sides to the right and down, turns them by degrees and makes them ``zoom``
        times as large, as ``stylegan generate --translate --rotate --zoom``; without arguments they lie where the network draws them.
        """
        x, y = translate
        self._native.set_transform((float(x), float(y)), float(rotate), float(zoom))
        self._moved = (x, y, rotate, zoom) != (0, 0, 0, 1)

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
        classes = classes_of(label, 1, self.c_dim)
        return Directions(*self._native.directions(count_of("n", n), rows, method, None if classes is None else classes[0]))

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

    def _of_seeds(
        self,
        numbered: list[tuple[int, int]],
        classes: list[int] | None,
        batch: int | None,
        psi: float,
        cutoff: int | None,
        noise: str,
        noise_seed: int,
    ) -> Iterator[npt.NDArray[Any]]:
        """Draws (place in the list, seed) in batches; noise of a batch is numbered from its first picture on."""
        size = self.batch if batch is None else count_of("batch", batch)

        def may_follow(one: tuple[int, int], other: tuple[int, int]) -> bool:
            which = {"random": 0, "tf": 1}.get(noise)
            return which is None or one[which] + 1 == other[which]

        def mapped() -> Iterator[tuple[Floats, int]]:
            for block in blocks(numbered, size, may_follow):
                of_block = None if classes is None else [classes[place] for place, _ in block]
                ws = self._native.mapping(self._native.z([seed for _, seed in block]), of_block, psi, cutoff)
                place, seed = block[0]
                yield ws, seed if noise == "tf" else (noise_seed + place) & 0xFFFFFFFF

        return self._draw(mapped(), noise, False)

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


def _encoded(seeds: Iterable[int], pictures: Iterable[Picture], format: str) -> Iterator[tuple[int, bytes]]:
    """The bytes of files, made on all cores; a few ahead of the one that is written."""
    workers = os.cpu_count() or 1
    waiting: deque[tuple[int, Future[bytes]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for seed, picture in zip(seeds, pictures):
            waiting.append((seed, pool.submit(_native.encode, picture, format)))
            if len(waiting) > workers:
                seed, ready = waiting.popleft()
                yield seed, ready.result()
        for seed, ready in waiting:
            yield seed, ready.result()
