"""Argument checks, one line each at the call: ``positive(scale=self.scale)``.

Every check raises ``ValueError`` that names the argument, what came and what would do. A value may be a number or an
array of numbers (a grid of settings); all of its elements must pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Numbers = NDArray[np.number[Any]]


def numbers(name: str, value: object, wanted: str = "a number or an array of numbers") -> Numbers:
    """``value`` as an array, if it holds numbers; they may be inf or NaN."""
    with suppress(ValueError):  # rows of different lengths
        found = np.asarray(value)
        if found.dtype.kind in "iuf":  # neither text nor True nor None
            return found
    raise ValueError(f"{name} must be {wanted}, got {name}={value!r}")


def _require(wanted: str, test: Callable[[Any], Any], values: dict[str, object]) -> None:
    for name, value in values.items():
        found = numbers(name, value, wanted)
        good = np.isfinite(found) & test(found)
        if not good.all():
            first = np.unravel_index(np.argmin(good), found.shape)
            place = f"[{', '.join(map(str, first))}]" if first else ""
            raise ValueError(f"{name} must be {wanted}, got {name}{place}={found[first]}")


def number(**values: object) -> None:
    """Each value is one number, not an array of them."""
    for name, value in values.items():
        if not isinstance(value, Real):
            raise ValueError(f"{name} must be one number, got {name}={value!r}")


def finite(**values: object) -> None:
    """Each value is a finite number."""
    _require("a finite number", lambda x: True, values)


def positive(**values: object) -> None:
    """Each value is finite and above zero."""
    _require("a finite number > 0", lambda x: x > 0, values)


def non_negative(**values: object) -> None:
    """Each value is finite and at least zero."""
    _require("a finite number >= 0", lambda x: x >= 0, values)


def fraction(**values: object) -> None:
    """Each value lies in [0, 1): a decay factor or a momentum."""
    _require("a number in [0, 1)", lambda x: (x >= 0) & (x < 1), values)


def at_least_one(**values: object) -> None:
    """Each value is finite and at least one."""
    _require("a number >= 1", lambda x: x >= 1, values)


def above_one(**values: object) -> None:
    """Each value is finite and above one."""
    _require("a number > 1", lambda x: x > 1, values)


def share(**values: object) -> None:
    """Each value lies in [0, 1]."""
    _require("a number in [0, 1]", lambda x: (x >= 0) & (x <= 1), values)


def count(at_least: int = 1, **values: Any) -> None:
    """Each value is an integer of at least ``at_least``."""
    wanted = "a positive integer" if at_least == 1 else f"an integer >= {at_least}"
    for name, value in values.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < at_least:
            raise ValueError(f"{name} must be {wanted}, got {name}={value!r}")


def ordered(**values: float) -> None:
    """The values do not decrease in the order given: ``ordered(lr_min=0, lr_max=1)``."""
    if any(a > b for a, b in pairwise(values.values())):
        got = ", ".join(f"{name}={value!r}" for name, value in values.items())
        raise ValueError(f"{' <= '.join(values)} must hold, got {got}")


def increasing(**values: Any) -> None:
    """Each value is a non-empty, strictly increasing sequence of positive integers."""
    for name, value in values.items():
        steps = tuple(value) if isinstance(value, Sequence | np.ndarray) else ()
        if not steps or any(not isinstance(b, int | np.integer) or isinstance(b, bool) for b in steps):
            raise ValueError(f"{name} must be a non-empty sequence of integers, got {name}={value!r}")
        if any(b <= a for a, b in pairwise([0, *steps])):
            raise ValueError(f"{name} must be positive and strictly increasing, got {name}={value!r}")


def generator(rng: Any) -> Any:
    """What draws random numbers: a generator as it is, an integer as its seed; None stays None."""
    if rng is None or hasattr(rng, "standard_normal"):
        return rng
    if not isinstance(rng, int | np.integer) or isinstance(rng, bool) or rng < 0:
        raise ValueError(f"rng must be a numpy.random.Generator or a seed, an integer >= 0, got rng={rng!r}")
    return np.random.default_rng(rng)


def steps(t: ArrayLike) -> Numbers:
    """The step or steps ``t`` as an array: finite and at least zero."""
    found = numbers("t", t, "a step >= 0 or an array of steps")
    if found.size and not (found.min() >= 0 and np.isfinite(found.max())):
        bad = found[~(np.isfinite(found) & (found >= 0))].flat[0]
        raise ValueError(f"t must be finite and >= 0 (the first step is 0), got t={bad:g}")
    return found


def rate(lr: Any) -> Any:
    """A rate for one step: finite and at least zero. One number becomes a float, so that float32 stays float32.

    A torch tensor stays as it is: to look at it would be to wait for its device.
    """
    if type(lr) is float and 0 <= lr < math.inf:  # what almost every step gets
        return lr
    if type(lr).__module__.partition(".")[0] == "torch":
        return lr
    non_negative(lr=lr)
    return np.asarray(lr) if np.ndim(lr) else float(lr)
