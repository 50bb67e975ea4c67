"""Schedules that come back: restarts, triangles, and a random draw now and then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrlab import _checks as check
from lrlab._checks import Floats
from lrlab.schedules.base import Schedule


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    r"""Cosine falls, one after another, each ``multiplier`` times as long as the one before (SGDR).

    .. math::

        \eta(t) = \eta_{\min} + \tfrac{1}{2} (\eta_0 - \eta_{\min}) \, (1 + \cos(\pi \, (t - t_i) / T_i)),
        \qquad T_i = T_0 \, m^i, \quad t_i = T_0 + \dots + T_{i-1}

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at each restart; at least ``lr_min``.
    steps : int
        :math:`T_0`, steps of the first fall.
    multiplier : float
        :math:`m \ge 1`.
    lr_min : float
        :math:`\eta_{\min} \ge 0`, approached before each restart and never reached: the step of the restart is high.

    Raises
    ------
    ValueError
        If a rate is negative, ``lr < lr_min``, ``steps`` no positive integer, or ``multiplier`` below 1.

    Notes
    -----
    From :cite:t:`loshchilov2017sgdr`.

    Examples
    --------
    >>> CosineRestarts(lr=0.1, steps=2, multiplier=2)([0, 1, 2, 4, 6])
    array([0.1 , 0.05, 0.1 , 0.05, 0.1 ])
    """

    lr: float
    steps: int
    multiplier: float = 1
    lr_min: float = 0.0

    def _check(self) -> None:
        check.non_negative(lr_min=self.lr_min, lr=self.lr)
        check.ordered(lr_min=self.lr_min, lr=self.lr)
        check.count(steps=self.steps)
        check.finite(multiplier=self.multiplier)
        if self.multiplier < 1:
            raise ValueError(f"multiplier must be >= 1, got multiplier={self.multiplier!r}")

    def _formula(self, t: Floats) -> Floats:
        i = self._cycle(t)
        share = (t - self._start(i)) / (self.steps * float(self.multiplier) ** i)
        return self.lr_min + (self.lr - self.lr_min) / 2 * (1 + np.cos(np.pi * share))

    def _start(self, i: Floats) -> Floats:
        """Where fall ``i`` begins: the sum of the lengths before it. A whole number missed by rounding is put right."""
        m = float(self.multiplier)
        start = self.steps * (i if m == 1 else (m**i - 1) / (m - 1))
        whole = np.rint(start)
        return np.where(np.abs(start - whole) <= 1e-9 * start, whole, start)

    def _cycle(self, t: Floats) -> Floats:
        """Which fall step ``t`` is in: that sum, solved for its number of terms."""
        m, falls = self.multiplier, t / self.steps
        i = np.floor(falls if m == 1 else np.log1p(falls * (m - 1)) / np.log(m))
        i = i + (self._start(i + 1) <= t)  # at a restart the logarithm may round to either side
        return i - (self._start(i) > t)


@dataclass(frozen=True)
class Triangular(Schedule):
    r"""Straight up, straight down, and again (a cyclical rate).

    .. math:: \eta(t) = \eta_{\max} - (\eta_{\max} - \eta_{\min}) \left| \frac{t \bmod 2h}{h} - 1 \right|

    Parameters
    ----------
    lr_min, lr_max : float
        :math:`0 \le \eta_{\min} \le \eta_{\max}`; the first step has ``lr_min``.
    half_cycle : int
        :math:`h`, steps from the bottom to the top.

    Raises
    ------
    ValueError
        If a bound is negative, the two are the wrong way round, or ``half_cycle`` is no positive integer.

    Notes
    -----
    From :cite:t:`smith2017cyclical`.

    Examples
    --------
    >>> Triangular(lr_min=0.0, lr_max=0.1, half_cycle=2)([0, 1, 2, 3, 4])
    array([0.  , 0.05, 0.1 , 0.05, 0.  ])
    """

    lr_min: float
    lr_max: float
    half_cycle: int

    def _check(self) -> None:
        check.non_negative(lr_min=self.lr_min, lr_max=self.lr_max)
        check.ordered(lr_min=self.lr_min, lr_max=self.lr_max)
        check.count(half_cycle=self.half_cycle)

    def _formula(self, t: Floats) -> Floats:
        height = np.abs(np.mod(t, 2 * self.half_cycle) / self.half_cycle - 1)  # 1 at the bottom, 0 at the top
        return self.lr_max - (self.lr_max - self.lr_min) * height


@dataclass(frozen=True)
class RandomLogUniform(Schedule):
    r"""A new random rate every ``every`` steps, uniform in the logarithm: always positive, always within bounds.

    .. math:: \ln \eta(t) = \ln \eta_{\min} + u_{\lfloor t / s \rfloor} \, (\ln \eta_{\max} - \ln \eta_{\min}),
        \qquad u_k \sim U(0, 1)

    Parameters
    ----------
    lr_min, lr_max : float
        :math:`0 < \eta_{\min} \le \eta_{\max}`.
    every : int
        :math:`s`, steps that one draw lasts.
    seed : int
        The draw number :math:`k` depends on ``seed`` and :math:`k` alone, so that any step can be asked for.

    Raises
    ------
    ValueError
        If a bound is not positive, the two are the wrong way round, ``every`` is no positive integer, or ``seed`` is
        negative.

    Notes
    -----
    Drawing in the logarithm is the advice of :cite:t:`bergstra2012random` for searching a rate.

    Examples
    --------
    >>> schedule = RandomLogUniform(lr_min=0.001, lr_max=0.1, every=10, seed=0)
    >>> schedule(3) == schedule(9), schedule(9) == schedule(10)
    (True, False)
    """

    lr_min: float
    lr_max: float
    every: int
    seed: int

    def _check(self) -> None:
        check.positive(lr_min=self.lr_min, lr_max=self.lr_max)
        check.ordered(lr_min=self.lr_min, lr_max=self.lr_max)
        check.count(every=self.every)
        check.count(at_least=0, seed=self.seed)

    def _formula(self, t: Floats) -> Floats:
        draws, which = np.unique(np.floor(t / self.every), return_inverse=True)
        u = np.array([np.random.default_rng((self.seed, int(k))).random() for k in draws])
        rate = self.lr_min * (self.lr_max / self.lr_min) ** u
        return np.clip(rate, self.lr_min, self.lr_max)[which].reshape(t.shape)
