"""Decay with no horizon: nobody has to say in advance how long the run will be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrlab import _checks as check
from lrlab._checks import Floats
from lrlab.schedules.base import Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    r"""The same rate at every step.

    .. math:: \eta(t) = \eta_0

    Parameters
    ----------
    lr : float
        :math:`\eta_0 \ge 0`.

    Raises
    ------
    ValueError
        If ``lr`` is negative or not finite.

    Notes
    -----
    With exact gradients a small enough constant rate converges; with noisy ones it stops at a floor, see
    :cite:t:`bottou2018optimization`.

    Examples
    --------
    >>> Constant(0.1)([0, 10, 1000])
    array([0.1, 0.1, 0.1])
    """

    lr: float

    def _check(self) -> None:
        check.non_negative(lr=self.lr)

    def _formula(self, t: Floats) -> Floats:
        return np.full(t.shape, float(self.lr))


@dataclass(frozen=True)
class StepDecay(Schedule):
    r"""The rate is multiplied by ``gamma`` every ``every`` steps.

    .. math:: \eta(t) = \eta_0 \, \gamma^{\lfloor t / s \rfloor}

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate before the first drop.
    gamma : float
        :math:`\gamma > 0`, the factor of each drop; 0.1 divides by ten.
    every : int
        :math:`s`, steps between two drops; the step ``t = every`` already has the lower rate.

    Raises
    ------
    ValueError
        If ``lr`` is negative, ``gamma`` not positive, or ``every`` no positive integer.

    Notes
    -----
    The drops by ten of :cite:t:`he2016deep` made this form common.

    Examples
    --------
    >>> StepDecay(lr=0.1, gamma=0.5, every=10)([0, 9, 10, 20])
    array([0.1  , 0.1  , 0.05 , 0.025])
    """

    lr: float
    gamma: float
    every: int

    def _check(self) -> None:
        check.non_negative(lr=self.lr)
        check.positive(gamma=self.gamma)
        check.count(every=self.every)

    def _formula(self, t: Floats) -> Floats:
        return self.lr * self.gamma ** np.floor(t / self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    r"""The rate is multiplied by ``gamma`` at each of the given steps.

    .. math:: \eta(t) = \eta_0 \, \gamma^{k(t)}, \qquad k(t) = \#\{\, m \in M : m \le t \,\}

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate before the first milestone.
    gamma : float
        :math:`\gamma > 0`, the factor at each milestone.
    milestones : sequence of int
        :math:`M`, positive and strictly increasing; the step ``t = m`` already has the lower rate.

    Raises
    ------
    ValueError
        If ``lr`` is negative, ``gamma`` not positive, or ``milestones`` not positive and increasing.

    Notes
    -----
    :cite:t:`he2016deep` divide by ten at two hand-picked points of the run.

    Examples
    --------
    >>> MultiStep(lr=0.1, gamma=0.1, milestones=(30, 60))([29, 30, 60])
    array([0.1  , 0.01 , 0.001])
    """

    lr: float
    gamma: float
    milestones: Sequence[int]

    def _check(self) -> None:
        check.non_negative(lr=self.lr)
        check.positive(gamma=self.gamma)
        check.increasing(milestones=self.milestones)

    def _formula(self, t: Floats) -> Floats:
        return self.lr * float(self.gamma) ** np.searchsorted(self.milestones, t, side="right")


@dataclass(frozen=True)
class Exponential(Schedule):
    r"""The rate shrinks by the same factor at every step.

    .. math:: \eta(t) = \eta_0 \, e^{-k t}

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at step 0.
    rate : float
        :math:`k`, per step; the rate halves every :math:`\ln 2 / k` steps. A negative value grows (a range test).

    Raises
    ------
    ValueError
        If ``lr`` is negative or ``rate`` not finite.

    See Also
    --------
    Exponential.from_factor : the same family as :math:`\eta_0 \gamma^t`.

    Notes
    -----
    See :cite:t:`goodfellow2016deep`, chapter 8, on decay in general.

    Examples
    --------
    >>> Exponential(lr=0.1, rate=0.05)([0, 10, 20]).round(6)
    array([0.1     , 0.060653, 0.036788])
    """

    lr: float
    rate: float

    def _check(self) -> None:
        check.non_negative(lr=self.lr)
        check.finite(rate=self.rate)

    @classmethod
    def from_factor(cls, lr: float, factor: float) -> Exponential:
        r"""Geometric decay :math:`\eta(t) = \eta_0 \gamma^t`, which is :math:`k = -\ln \gamma`.

        Parameters
        ----------
        lr : float
            :math:`\eta_0`.
        factor : float
            :math:`\gamma > 0`, what the rate is multiplied by at each step; 0.99 takes off one percent.

        Examples
        --------
        >>> Exponential.from_factor(lr=0.1, factor=0.5)([0, 1, 2])
        array([0.1  , 0.05 , 0.025])
        """
        check.number(factor=factor)
        check.positive(factor=factor)
        return cls(lr, -math.log(factor))

    def _formula(self, t: Floats) -> Any:
        return self.lr * np.exp(-self.rate * t)


@dataclass(frozen=True)
class InversePower(Schedule):
    r"""A power law: fast at first, then ever slower, with no end.

    .. math:: \eta(t) = \frac{\eta_0}{(1 + t / \tau)^{p}}

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at step 0.
    scale : float
        :math:`\tau > 0`, in steps: how long the rate stays near its start.
    power : float
        :math:`p > 0`; between 1/2 (excluded) and 1 it meets the conditions of :cite:t:`robbins1951stochastic`.

    Raises
    ------
    ValueError
        If ``lr`` is negative, or ``scale`` or ``power`` not positive.

    Examples
    --------
    >>> InversePower(lr=0.1, scale=10, power=2)([0, 10, 90])
    array([0.1  , 0.025, 0.001])
    """

    lr: float
    scale: float
    power: float

    def _check(self) -> None:
        check.non_negative(lr=self.lr)
        check.positive(scale=self.scale, power=self.power)

    def _formula(self, t: Floats) -> Floats:
        return self.lr * (1 + t / self.scale) ** -self.power


@dataclass(frozen=True)
class InverseTime(Schedule):
    r"""The rate falls as one over time, with no end.

    .. math:: \eta(t) = \frac{\eta_0}{1 + t / \tau}

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at step 0.
    scale : float
        :math:`\tau > 0`, in steps; at ``t = scale`` the rate has halved.

    Raises
    ------
    ValueError
        If ``lr`` is negative or ``scale`` not positive.

    Notes
    -----
    The classical choice of stochastic approximation :cite:p:`robbins1951stochastic`.

    Examples
    --------
    >>> InverseTime(lr=0.1, scale=10)([0, 10, 90])
    array([0.1 , 0.05, 0.01])
    """

    lr: float
    scale: float

    def _check(self) -> None:
        check.non_negative(lr=self.lr)
        check.positive(scale=self.scale)

    def _formula(self, t: Floats) -> Floats:
        return self.lr / (1 + t / self.scale)


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    r"""A linear climb to ``lr``, then one over the square root of time (the "Noam" schedule).

    .. math:: \eta(t) = \eta_0 \, \min\left(\frac{t + 1}{w}, \sqrt{\frac{w}{t + 1}}\right)

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the peak, reached at ``t = warmup - 1``.
    warmup : int
        :math:`w`, steps of the climb.

    Raises
    ------
    ValueError
        If ``lr`` is negative or ``warmup`` no positive integer.

    Notes
    -----
    :cite:t:`vaswani2017attention` write the peak as :math:`(d_\text{model} \, w)^{-1/2}` and count steps from 1.

    Examples
    --------
    >>> InverseSqrt(lr=0.1, warmup=4)([0, 3, 15])
    array([0.025, 0.1  , 0.05 ])
    """

    lr: float
    warmup: int

    def _check(self) -> None:
        check.non_negative(lr=self.lr)
        check.count(warmup=self.warmup)

    def _formula(self, t: Floats) -> Floats:
        return self.lr * np.minimum((t + 1) / self.warmup, np.sqrt(self.warmup / (t + 1)))
