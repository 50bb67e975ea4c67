"""The range test: one short run whose rate climbs until the loss explodes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lrlab import _checks as check
from lrlab._checks import Floats
from lrlab.objectives import Objective
from lrlab.optimizers import GradientDescent, Method


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
    r"""Raise the rate from step to step until the loss explodes, and suggest one :cite:p:`smith2017cyclical`.

    .. math::

        \eta_t &= \eta_\text{min} \, (\eta_\text{max} / \eta_\text{min})^{t / (T - 1)} \\
        a_{t+1} &= \beta \, a_t + (1 - \beta) \, L_t, \qquad \bar L_t = a_{t+1} / (1 - \beta^{t+1})

    The suggestion is a tenth of the rate at which the smoothed loss :math:`\bar L` was lowest. There the loss is about
    to rise, so that rate is already too large: an instability takes some steps to show in the loss, and the average
    some more to follow, while the rate keeps climbing.

    Parameters
    ----------
    step : callable
        Takes one training step at the rate it is given and returns the loss before that step. `descent` makes one from
        an objective.
    lr_min, lr_max : float > 0
        :math:`\eta_\text{min} \le \eta_\text{max}`, the rates to begin and to end with.
    steps : int
        :math:`T`, at least 2. The more steps, the more is learned on the way, and the less the suggestion is worth
        for the first steps of a run; 100 to 400 do.
    smoothing : float in [0, 1)
        :math:`\beta`. The first :math:`\beta / (1 - \beta)` averages hold too few losses to count as the lowest.
    explode : float > 1
        The test ends when the smoothed loss is this many times its lowest value so far (for a loss below zero: has
        risen by as much), or the loss is no longer finite.

    Returns
    -------
    RangeTest
        Rates, losses, smoothed losses, and the suggestion.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Warns
    -----
    UserWarning
        If the loss was still falling at ``lr_max``: a larger rate might do.

    Notes
    -----
    Smith raises the rate linearly; by a constant factor each decade gets as many steps. The steepest descent of the
    smoothed loss, another common suggestion, tells where most of the loss was lost, which depends on the start.

    Examples
    --------
    >>> from lrlab.objectives import Quadratic
    >>> found = range_test(descent(Quadratic([1.0, 10.0]), [1.0, 1.0]))
    >>> bool(0.02 < found.suggestion < 0.2)  # 0.2 is the largest stable rate
    True
    """
    if not callable(step):
        raise ValueError(
            f"step must be callable; descent(objective, start) makes one of an objective, got step={step!r}"
        )
    check.positive(lr_min=lr_min, lr_max=lr_max)
    check.ordered(lr_min=lr_min, lr_max=lr_max)
    check.count(at_least=2, steps=steps)
    check.fraction(smoothing=smoothing)
    check.above_one(explode=explode)
    rates = np.geomspace(lr_min, lr_max, steps)
    settled = round(smoothing / (1 - smoothing))
    losses: list[float] = []
    smoothed: list[float] = []
    average, best, diverged_at = 0.0, math.inf, None
    for t, lr in enumerate(rates.tolist()):
        with np.errstate(all="ignore"):  # divergence is what the test is looking for
            loss = float(step(lr))
        average = smoothing * average + (1 - smoothing) * loss
        losses.append(loss)
        smoothed.append(average / (1 - smoothing ** (t + 1)))
        if t >= settled:
            best = min(best, smoothed[-1])
        if not math.isfinite(loss) or smoothed[-1] > best + (explode - 1) * abs(best):
            diverged_at = t
            break
    lowest = settled + int(np.argmin([*smoothed[settled:diverged_at], math.inf]))
    fell = settled < lowest < len(smoothed)
    if fell and lowest == steps - 1:
        warnings.warn(f"the loss was still falling at lr_max={lr_max:g}: a larger lr_max might do", stacklevel=2)
    suggestion = float(rates[lowest]) / 10 if fell else math.nan
    return RangeTest(rates[: len(losses)], np.array(losses), np.array(smoothed), suggestion, diverged_at)


def descent(
    objective: Objective,
    start: ArrayLike,
    optimizer: Method | None = None,
    rng: np.random.Generator | int | None = None,
) -> Callable[[float], float]:
    r"""An objective as the ``step`` that `range_test` asks for: each call moves on from where the last one ended.

    .. math:: \eta \mapsto L(\theta_t), \qquad \theta_{t+1}, s_{t+1} = \text{step}(\theta_t, g_t, s_t, \eta)

    Parameters
    ----------
    objective : Objective
        :math:`L`.
    start : array of shape (d,)
        :math:`\theta_0`.
    optimizer : Method, optional
        Gradient descent if not given.
    rng : numpy.random.Generator or int, optional
        Given, gradients are noisy draws from it. An integer is a generator's seed.

    Raises
    ------
    ValueError
        If ``start`` is not one point or ``rng`` draws nothing.

    Examples
    --------
    >>> from lrlab.objectives import Quadratic
    >>> step = descent(Quadratic([2.0]), [3.0])
    >>> step(0.25), step(0.25)
    (9.0, 2.25)
    """
    method = GradientDescent() if optimizer is None else optimizer
    source = check.generator(rng)
    params = np.array(start, dtype=np.float64)
    if params.shape != (objective.dim,):
        raise ValueError(f"start must have shape ({objective.dim},), got shape {params.shape}")
    state = method.init(params)

    def step(lr: float) -> float:
        nonlocal params, state
        loss, grad = objective.loss_and_grad(params, source)
        params, state = method.step(params, grad, state, lr)
        return float(loss)

    return step
