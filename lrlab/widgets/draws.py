"""Gradient noise that the scripts can make too: the same normal numbers for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrlab._checks import Floats


class Draws:
    """A source of normal numbers in place of NumPy's, for ``lrlab.minimize``: number ``k`` depends on seed and k alone.

    Parameters
    ----------
    seed : int
        Which sequence.

    Examples
    --------
    >>> Draws(seed=1).standard_normal((2,)).round(3)
    array([-0.896,  0.753])
    """

    def __init__(self, seed: int) -> None:
        self._from = np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
        self._done = 0

    def standard_normal(self, shape: Any) -> Floats:
        """The next numbers, by the method of Box and Muller."""
        count = int(np.prod(shape))
        k = np.arange(self._done, self._done + count, dtype=np.uint32)
        self._done += count
        first, second = _uniform(self._from + 2 * k), _uniform(self._from + 2 * k + np.uint32(1))
        return np.asarray(np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)).reshape(shape)


def _uniform(x: Any) -> Floats:
    """Between 0 and 1, from integers: their bits are mixed until no pattern is left."""
    h = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return np.asarray(((h ^ (h >> np.uint32(16))) + 0.5) / 2.0**32)
