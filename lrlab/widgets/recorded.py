"""Runs that were recorded for the figures by ``python -m tools.recorded_runs``; each file says when and where."""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lrlab._checks import Floats

LEVELS = 254  # one byte for a loss; 255 is a loss that is infinite or no number


@cache
def recorded(name: str) -> dict[str, Any]:
    """The content of a file: how it was made, the settings of all rows, and the rows."""
    found: dict[str, Any] = json.loads((files("lrlab.widgets") / "runs" / f"{name}.json").read_text("utf-8"))
    return found


def pack(loss: ArrayLike) -> list[Any]:
    """Positive losses as JSON: a byte for each, in base64, between the lowest and the highest logarithm.

    Examples
    --------
    >>> pack([1.0, np.e, np.inf])
    [0.0, 1.0, 'AP7/']
    >>> unpack(pack([1.0, np.e, np.inf]))
    array([1.        , 2.71828183,        inf])
    """
    log = np.log(np.asarray(loss, dtype=np.float64))
    finite = log[np.isfinite(log)]
    low, high = float(f"{finite.min():.4f}"), float(f"{finite.max():.4f}")
    levels = np.clip(LEVELS * (np.where(np.isfinite(log), log, low) - low) / (high - low), 0, LEVELS).round()
    packed = np.where(np.isfinite(log), levels, LEVELS + 1).astype(np.uint8)
    return [low, high, base64.b64encode(packed.tobytes()).decode()]


def unpack(packed: list[Any]) -> Floats:
    """The losses again, to within a 254th of their range in the logarithm; inf for what was not finite."""
    low, high, text = packed
    levels = np.frombuffer(base64.b64decode(text), dtype=np.uint8).astype(np.float64)
    return np.where(levels > LEVELS, np.inf, np.exp(low + (high - low) * levels / LEVELS))
