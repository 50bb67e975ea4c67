"""Schedules with a horizon: they reach their end at a step that is known in advance, and stay there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrlab import _checks as check
from lrlab._checks import Floats
from lrlab.schedules.base import Schedule
from lrlab.schedules.combinators import Join, Warmup
from lrlab.schedules.decay import Constant


@dataclass(frozen=True)
class _Fall(Schedule):
    """What every fall from ``lr`` to ``lr_min`` in ``steps`` steps is made with."""

    lr: float
    steps: int
    lr_min: float = 0.0

    def _check(self) -> None:
        check.non_negative(lr_min=self.lr_min, lr=self.lr)
        check.ordered(lr_min=self.lr_min, lr=self.lr)
        check.count(steps=self.steps)


@dataclass(frozen=True)
class Polynomial(Schedule):
    r"""A power of the time that is left, from ``lr`` to ``lr_min``.

    .. math:: \eta(t) = \eta_{\min} + (\eta_0 - \eta_{\min}) \, (1 - t / T)^{p}

    for :math:`t \le T`, and :math:`\eta_{\min}` after that.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at step 0; at least ``lr_min``.
    steps : int
        :math:`T`, the step at which the end is reached.
    power : float
        :math:`p > 0`: 1 is a line, 2 falls early, 0.5 falls late.
    lr_min : float
        :math:`\eta_{\min} \ge 0`, where it ends.

    Raises
    ------
    ValueError
        If a rate is negative, ``lr < lr_min``, ``steps`` no positive integer, or ``power`` not positive.

    Notes
    -----
    :cite:t:`chen2018deeplab` call it "poly" and take ``power=0.9``.

    Examples
    --------
    >>> Polynomial(lr=0.1, steps=10, power=2)([0, 5, 10, 15])
    array([0.1  , 0.025, 0.   , 0.   ])
    """

    lr: float
    steps: int
    power: float
    lr_min: float = 0.0

    def _check(self) -> None:
        check.non_negative(lr_min=self.lr_min, lr=self.lr)
        check.ordered(lr_min=self.lr_min, lr=self.lr)
        check.count(steps=self.steps)
        check.positive(power=self.power)

    def _formula(self, t: Floats) -> Floats:
        return self.lr_min + (self.lr - self.lr_min) * (1 - np.minimum(t / self.steps, 1)) ** self.power


@dataclass(frozen=True)
class Linear(_Fall):
    r"""A straight line from ``lr`` to ``lr_min``.

    .. math:: \eta(t) = \eta_0 + (\eta_{\min} - \eta_0) \, t / T

    for :math:`t \le T`, and :math:`\eta_{\min}` after that.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at step 0; at least ``lr_min``.
    steps : int
        :math:`T`, the step at which the end is reached.
    lr_min : float
        :math:`\eta_{\min} \ge 0`, where it ends.

    Raises
    ------
    ValueError
        If a rate is negative, ``lr < lr_min``, or ``steps`` no positive integer.

    Notes
    -----
    :cite:t:`defazio2023optimal` find it hard to beat across many problems.

    Examples
    --------
    >>> Linear(lr=0.1, steps=10, lr_min=0.02)([0, 5, 10, 15])
    array([0.1 , 0.06, 0.02, 0.02])
    """

    def _formula(self, t: Floats) -> Floats:
        return self.lr_min + (self.lr - self.lr_min) * (1 - np.minimum(t / self.steps, 1))


@dataclass(frozen=True)
class Cosine(_Fall):
    r"""Half a cosine from ``lr`` to ``lr_min``: slow, fast, slow.

    .. math:: \eta(t) = \eta_{\min} + \tfrac{1}{2} (\eta_0 - \eta_{\min}) \, (1 + \cos(\pi t / T))

    for :math:`t \le T`, and :math:`\eta_{\min}` after that (torch's ``CosineAnnealingLR`` climbs back).

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at step 0; at least ``lr_min``.
    steps : int
        :math:`T`, the step at which the end is reached.
    lr_min : float
        :math:`\eta_{\min} \ge 0`, where it ends.

    Raises
    ------
    ValueError
        If a rate is negative, ``lr < lr_min``, or ``steps`` no positive integer.

    Notes
    -----
    From :cite:t:`loshchilov2017sgdr`, who restart it; most people now use one fall only.

    Examples
    --------
    >>> Cosine(lr=0.1, steps=10)([0, 5, 10, 15])
    array([0.1 , 0.05, 0.  , 0.  ])
    """

    def _formula(self, t: Floats) -> Floats:
        return self.lr_min + (self.lr - self.lr_min) / 2 * (1 + np.cos(np.pi * np.minimum(t / self.steps, 1)))


@dataclass(frozen=True)
class WarmupStableDecay(Schedule):
    r"""Up, level, down (WSD): the run can be prolonged as long as the fall has not begun.

    .. math::

        \eta(t) = \begin{cases}
            \eta_0 \, (t + 1) / w & t < w \\
            \eta_0 & w \le t < w + s \\
            \eta_0 + (\eta_{\min} - \eta_0) \, (t - w - s) / d & w + s \le t \le w + s + d
        \end{cases}

    and :math:`\eta_{\min}` after that.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the level; at least ``lr_min``.
    warmup, stable : int
        :math:`w` and :math:`s`, steps of the climb and of the level part; 0 leaves the part out.
    decay : int
        :math:`d \ge 1`, steps of the fall.
    lr_min : float
        :math:`\eta_{\min} \ge 0`, where it ends.

    Raises
    ------
    ValueError
        If a rate is negative, ``lr < lr_min``, or a number of steps is no integer in its range.

    Notes
    -----
    Named by :cite:t:`hu2024minicpm`; :cite:t:`hagele2024scaling` compare it with the cosine.

    Examples
    --------
    >>> WarmupStableDecay(lr=0.1, warmup=2, stable=6, decay=4)([0, 1, 2, 8, 10, 12])
    array([0.05, 0.1 , 0.1 , 0.1 , 0.05, 0.  ])
    """

    lr: float
    warmup: int
    stable: int
    decay: int
    lr_min: float = 0.0

    def _check(self) -> None:
        check.non_negative(lr_min=self.lr_min, lr=self.lr)
        check.ordered(lr_min=self.lr_min, lr=self.lr)
        check.count(at_least=0, warmup=self.warmup, stable=self.stable)
        check.count(decay=self.decay)

    def _formula(self, t: Floats) -> Floats:
        schedule: Schedule = Linear(self.lr, self.decay, self.lr_min)
        if self.stable:
            schedule = Join((Constant(self.lr), schedule), (self.stable,))
        return (Warmup(schedule, self.warmup) if self.warmup else schedule)._formula(t)


@dataclass(frozen=True)
class OneCycle(Schedule):
    r"""One climb to ``lr_max`` and one long fall to almost nothing ("super-convergence").

    .. math::

        \eta(t) = \begin{cases}
            A(\eta_{\max} / \delta, \; \eta_{\max}, \; t / t_p) & t < t_p \\
            A(\eta_{\max}, \; \eta_{\max} / (\delta \phi), \; (t - t_p) / (T - 1 - t_p)) & t_p \le t \le T - 1
        \end{cases}

    with :math:`A(a, b, x) = b + \tfrac12 (a - b) (1 + \cos \pi x)` or the line :math:`a + (b - a) x`, the peak at
    :math:`t_p = p T - 1`, and the last value after :math:`T - 1`.

    Parameters
    ----------
    lr_max : float
        :math:`\eta_{\max}`, the peak.
    steps : int
        :math:`T`, the number of steps of the run; the end is reached at ``t = steps - 1``, as in torch.
    pct_start : float
        :math:`p` in [0, 1], the share of the run spent climbing.
    div_factor : float
        :math:`\delta > 0`: the start is ``lr_max / div_factor``.
    final_div_factor : float
        :math:`\phi > 0`: the end is ``lr_max / (div_factor * final_div_factor)``.
    anneal : {"cos", "linear"}
        The shape :math:`A` of both parts.

    Raises
    ------
    ValueError
        If ``lr_max`` is negative, ``steps`` no positive integer, ``pct_start`` outside [0, 1], a factor not positive,
        or ``anneal`` unknown.

    Notes
    -----
    The idea is from :cite:t:`smith2019superconvergence`; the numbers' defaults are those of torch's ``OneCycleLR``.

    Examples
    --------
    >>> OneCycle(lr_max=1.0, steps=10, pct_start=0.5)([0, 4, 9]).round(6)
    array([4.e-02, 1.e+00, 4.e-06])
    """

    lr_max: float
    steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    anneal: Literal["cos", "linear"] = "cos"

    def _check(self) -> None:
        check.non_negative(lr_max=self.lr_max)
        check.count(steps=self.steps)
        check.share(pct_start=self.pct_start)
        check.positive(div_factor=self.div_factor, final_div_factor=self.final_div_factor)
        if self.anneal not in ("cos", "linear"):
            raise ValueError(f"anneal must be 'cos' or 'linear', got anneal={self.anneal!r}")

    def _formula(self, t: Floats) -> Floats:
        first, last = self.lr_max / self.div_factor, self.lr_max / self.div_factor / self.final_div_factor
        peak, end = self.pct_start * self.steps - 1, self.steps - 1
        climb = self._between(first, self.lr_max, t / peak if peak > 0 else np.ones_like(t))
        fall = self._between(self.lr_max, last, (t - peak) / (end - peak) if end > peak else np.zeros_like(t))
        return np.where(t < peak, climb, fall)

    def _between(self, start: float, stop: float, share: Floats) -> Floats:
        share = np.clip(share, 0, 1)
        return stop + (start - stop) * ((1 + np.cos(np.pi * share)) / 2 if self.anneal == "cos" else 1 - share)
