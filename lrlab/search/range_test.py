"""The range test: one short run whose rate climbs until the loss explodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lrlab import _checks as check
from lrlab._checks import Floats


@dataclass(frozen=True, eq=False)
class RangeTest:
    r"""What a range test saw.

    Attributes
    ----------
    lr : array of shape (n,)
        :math:`\eta_t`, the rates tried, climbing by the same factor from step to step.
    loss : array of shape (n,)
        The loss at :math:`\theta_t`, before the step with ``lr[t]``.
    smoothed : array of shape (n,)
        The running average of ``loss``.
    suggestion : float
        A rate to start from, or NaN where the loss never fell.
    diverged_at : int or None
        The index into ``loss`` where it exploded or stopped being a number; None where it did not.
    """

    lr: Floats
    loss: Floats
    smoothed: Floats
    suggestion: float
    diverged_at: int | None

    def __repr__(self) -> str:
        end = "" if self.diverged_at is None else f", diverged at {self.lr[self.diverged_at]:.3g}"
        return f"RangeTest({len(self.lr)} rates to {self.lr[-1]:.3g}, suggestion {self.suggestion:.3g}{end})"


def range_test(
    step: Callable[[float], float],
    lr_min: float = 1e-6,
    lr_max: float = 10.0,
    steps: int = 200,
    smoothing: float = 0.9,
    explode: float = 4.0,
) -> RangeTest:
    check.positive(lr_min=lr_min, lr_max=lr_max)
    check.ordered(lr_min=lr_min, lr_max=lr_max)
    check.count(at_least=2, steps=steps)
    check.fraction(smoothing=smoothing)
    rates = np.geomspace(lr_min, lr_max, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    average, best, diverged_at = 0.0, math.inf, None
    for t, lr in enumerate(rates.tolist()):
        loss = float(step(lr))
        average = smoothing * average + (1 - smoothing) * loss
        losses.append(loss)
        smoothed.append(average / (1 - smoothing ** (t + 1)))
        best = min(best, smoothed[-1])
        if not smoothed[-1] <= best + (explode - 1) * abs(best):  # NaN too
            diverged_at = t
            break
    tried = rates[: len(losses)]
    slope = np.gradient(np.array(smoothed[:diverged_at])) if len(losses) > 2 else np.zeros(1)
    suggestion = float(tried[slope.argmin()]) if slope.min() < 0 else math.nan
    return RangeTest(tried, np.array(losses), np.array(smoothed), suggestion, diverged_at)
