"""Schedules made of schedules: warm-up, joining, clipping and scaling go with any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrlab import _checks as check
from lrlab._checks import Floats
from lrlab.schedules.base import AnySchedule, Schedule, as_schedule, evaluate


@dataclass(frozen=True)
class Warmup(Schedule):
    r"""A linear climb to where ``schedule`` begins, and then ``schedule`` from its own start.

    .. math::

        \eta(t) = \begin{cases} s(0) \, (t + 1) / n & t < n \\ s(t - n) & t \ge n \end{cases}

    Parameters
    ----------
    schedule : schedule, callable or float
        :math:`s`, what follows the climb.
    steps : int
        :math:`n`, steps of the climb. The first step has the rate :math:`s(0)/n`, not zero: no step is wasted.

    Raises
    ------
    ValueError
        If ``steps`` is no positive integer.

    Notes
    -----
    :cite:t:`goyal2017accurate` made it the standard remedy for large batches.

    Examples
    --------
    >>> Warmup(0.1, steps=4)([0, 1, 2, 3, 4])
    array([0.025, 0.05 , 0.075, 0.1  , 0.1  ])
    """

    schedule: AnySchedule
    steps: int

    def _check(self) -> None:
        as_schedule(self.schedule, "schedule")
        check.count(steps=self.steps)

    def _formula(self, t: Floats) -> Floats:
        climbing = t < self.steps
        if not climbing.any():  # nearly always, in a long run
            return evaluate(self.schedule, t - self.steps)
        peak = evaluate(self.schedule, np.zeros(1))
        after = evaluate(self.schedule, np.maximum(t - self.steps, 0))
        return np.where(climbing, peak * (t + 1) / self.steps, after)


@dataclass(frozen=True)
class Join(Schedule):
    r"""One schedule after another; each piece counts its steps from its own start.

    .. math:: \eta(t) = s_i(t - b_{i-1}) \quad \text{for } b_{i-1} \le t < b_i, \qquad b_{-1} = 0

    Parameters
    ----------
    schedules : sequence of schedules
        :math:`s_0, s_1, \dots`
    boundaries : sequence of int
        :math:`b_0 < b_1 < \dots`, one fewer than there are pieces; the step ``t = b`` belongs to the piece that
        begins there.

    Raises
    ------
    ValueError
        If the boundaries are not positive and increasing, or their number does not fit.

    Examples
    --------
    >>> from lrlab.schedules import Constant, Linear
    >>> Join([Constant(0.1), Linear(0.1, steps=4)], boundaries=[2])([0, 1, 2, 4, 6])
    array([0.1 , 0.1 , 0.1 , 0.05, 0.  ])
    """

    schedules: Sequence[AnySchedule]
    boundaries: Sequence[int]

    def _check(self) -> None:
        if not isinstance(self.schedules, tuple):
            raise ValueError(f"schedules must be a sequence of schedules, got schedules={self.schedules!r}")
        for i, schedule in enumerate(self.schedules):
            as_schedule(schedule, f"schedules[{i}]")
        check.increasing(boundaries=self.boundaries)
        if len(self.boundaries) != len(self.schedules) - 1:
            raise ValueError(
                f"boundaries must be one fewer than the {len(self.schedules)} schedules, "
                f"got boundaries={self.boundaries!r}"
            )

    def _formula(self, t: Floats) -> Floats:
        piece = np.searchsorted(self.boundaries, t, side="right")
        rate = np.empty_like(t)
        for i, (schedule, start) in enumerate(zip(self.schedules, (0, *self.boundaries), strict=True)):
            here = piece == i
            rate[here] = evaluate(schedule, t[here] - start)
        return rate


@dataclass(frozen=True)
class Clip(Schedule):
    r"""A schedule held between two bounds.

    .. math:: \eta(t) = \max(\min(s(t), \eta_{\max}), \eta_{\min})

    Parameters
    ----------
    schedule : schedule, callable or float
        :math:`s`.
    lr_min, lr_max : float
        :math:`0 \le \eta_{\min} \le \eta_{\max}`.

    Raises
    ------
    ValueError
        If a bound is negative or the two are the wrong way round.

    Examples
    --------
    >>> from lrlab.schedules import Exponential
    >>> Clip(Exponential.from_factor(0.1, 0.5), lr_min=0.02, lr_max=0.06)([0, 1, 2, 3])
    array([0.06 , 0.05 , 0.025, 0.02 ])
    """

    schedule: AnySchedule
    lr_min: float
    lr_max: float

    def _check(self) -> None:
        as_schedule(self.schedule, "schedule")
        check.non_negative(lr_min=self.lr_min, lr_max=self.lr_max)
        check.ordered(lr_min=self.lr_min, lr_max=self.lr_max)

    def _formula(self, t: Floats) -> Floats:
        return np.clip(evaluate(self.schedule, t), self.lr_min, self.lr_max)


@dataclass(frozen=True)
class Scale(Schedule):
    r"""A schedule times a factor: the same shape at another height.

    .. math:: \eta(t) = c \, s(t)

    Parameters
    ----------
    schedule : schedule, callable or float
        :math:`s`.
    factor : float
        :math:`c \ge 0`.

    Raises
    ------
    ValueError
        If ``factor`` is negative or not finite.

    Examples
    --------
    >>> from lrlab.schedules import Cosine
    >>> Scale(Cosine(lr=0.1, steps=10), factor=2)(5)
    0.1
    """

    schedule: AnySchedule
    factor: float

    def _check(self) -> None:
        as_schedule(self.schedule, "schedule")
        check.non_negative(factor=self.factor)

    def _formula(self, t: Floats) -> Floats:
        return self.factor * evaluate(self.schedule, t)
