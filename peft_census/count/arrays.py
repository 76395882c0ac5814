"""Types of the arrays that counting works with, and the step from Arrow to one array."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def flat(values: Any) -> Any:
    """Returns a chunked array as one array."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def compress(codes: Ints) -> tuple[Ints, Ints]:
    """Returns the distinct codes, ascending, and the position of each code among them, as ``np.unique`` does.

    Codes that are not much sparser than they are many are counted and not sorted, which is faster.
    """
    if not len(codes):
        return codes, codes
    first = int(codes.min())
    if int(codes.max()) - first > 8 * len(codes):
        distinct, positions = np.unique(codes, return_inverse=True)
        return distinct, positions
    seen = np.bincount(codes - first) > 0
    return np.flatnonzero(seen) + first, (np.cumsum(seen) - 1)[codes - first]


def distinct(codes: Ints) -> Ints:
    """Returns the distinct codes, ascending; codes that are ascending already are not sorted again."""
    if (codes[1:] < codes[:-1]).any():
        codes = np.sort(codes)
    return codes[starts(codes)]


def starts(codes: Ints) -> Bools:
    """Returns where in ascending codes a new code begins."""
    found = np.ones(len(codes), dtype=np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=found[1:])
    return found
