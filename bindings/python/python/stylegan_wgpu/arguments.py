"""What callers may write, as the one form that is needed: every wrong one is an ``ArgumentError`` that says what would do."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, Union, cast

import numpy as np
import numpy.typing as npt

from .errors import ArgumentError

Floats = npt.NDArray[np.float32]
T = TypeVar("T")
#: A class for all, one for each, or rows with a 1 in the place of the class, as NVIDIA's networks take them.
Label = Union[int, Sequence[int], npt.NDArray[Any], None]


def classes_of(label: Label, n: int, c_dim: int) -> list[int] | None:
    """A class for each of n pictures; None where the network has no classes."""
    if c_dim == 0:
        if label is None or (isinstance(label, np.ndarray) and label.size == 0):
            return None
        raise ArgumentError("this network is not conditional: it takes no label")
    if label is None:
        raise ArgumentError(f"this network is conditional: choose one of its {c_dim} classes with label=0 to {c_dim - 1}")
    if is_int(label):
        classes = [operator.index(cast(int, label))] * n
    else:
        labels = np.asarray(label)
        if labels.ndim == 2:
            one_hot = labels.shape[1] == c_dim and ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
            if not one_hot:
                raise ArgumentError(f"rows of a label are [n, {c_dim}], with a 1 in the place of the class and else 0")
            labels = labels.argmax(axis=1)
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            raise ArgumentError("a label is a class, a class for each picture, or rows with a 1 in the place of the class")
        classes = [int(value) for value in labels]
    if len(classes) != n:
        raise ArgumentError(f"{len(classes)} labels for {n} pictures")
    for value in classes:
        if not 0 <= value < c_dim:
            raise ArgumentError(f"label {value} is out of range: this network has {c_dim} classes, 0 to {c_dim - 1}")
    return classes


def blocks(items: list[T], size: int, may_follow: Callable[[T, T], bool]) -> Iterator[list[T]]:
    """Batches of at most ``size`` items that may follow each other."""
    block: list[T] = []
    for item in items:
        if block and (len(block) == size or not may_follow(block[-1], item)):
            yield block
            block = []
        block.append(item)
    if block:
        yield block


def is_int(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, np.ndarray)


def count_of(name: str, value: int) -> int:
    if not is_int(value) or not 1 <= operator.index(value) <= 0xFFFFFFFF:
        raise ArgumentError(f"{name} is a whole number from 1 on, below 2**32; this is {value!r}")
    return operator.index(value)


def truncation_of(psi: float, cutoff: int | None) -> tuple[float, int | None]:
    """psi as a finite number, cutoff as a number of rows."""
    try:
        psi = float(psi)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"psi is a number; this is {psi!r}") from None
    if not abs(psi) <= 3e38:
        raise ArgumentError(f"psi is a finite number; this is {psi!r}")
    if cutoff is not None and (not is_int(cutoff) or not 0 <= operator.index(cutoff) <= 0xFFFFFFFF):
        raise ArgumentError(f"cutoff is a number of rows of w from 0 on, or None; this is {cutoff!r}")
    return psi, None if cutoff is None else operator.index(cutoff)


def noise_seed_of(value: int) -> int:
    if not is_int(value) or not 0 <= operator.index(value) <= 0xFFFFFFFF:
        raise ArgumentError(f"noise_seed is a whole number from 0 to {0xFFFFFFFF}; this is {value!r}")
    return operator.index(value)


def seed_of(value: int) -> int:
    if not is_int(value) or not 0 <= operator.index(value) <= 0xFFFFFFFF:
        raise ArgumentError(f"a seed is a whole number from 0 to {0xFFFFFFFF}; this is {value!r}")
    return operator.index(value)


def is_float(dtype: npt.DTypeLike) -> bool:
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype(np.uint8), np.dtype(np.float32)):
        raise ArgumentError(f"pictures are uint8 or float32, not {wanted}")
    return wanted == np.dtype(np.float32)


def array_of(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Values as float32, rows dense; -1 in a shape is any number."""
    try:
        found = np.asarray(values)
        if np.iscomplexobj(found):
            raise ArgumentError(f"{name} has complex numbers")
        array = np.ascontiguousarray(found, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} is no array of numbers: {error}") from None
    if array.ndim != len(shape) or any(side not in (-1, found) for side, found in zip(shape, array.shape)):
        needed = ", ".join("n" if side == -1 else str(side) for side in shape)
        raise ArgumentError(f"{name} is {list(array.shape)}; this network takes [{needed}]")
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} has values that are NaN or infinite")
    return array
