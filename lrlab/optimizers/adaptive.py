"""AdaGrad, RMSProp, Adadelta: each coordinate's rate is divided by the size of its own past gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, namespace


class AdaGradState(NamedTuple):
    """The sum of squared gradients."""

    total: Array


@dataclass(frozen=True)
class AdaGrad(Method):
    r"""Divide by the root of the sum of all squared gradients :cite:p:`duchi2011adaptive`.

    .. math::

        G_{t+1} &= G_t + g_t^2 \\
        \theta_{t+1} &= \theta_t - \eta_t \, \frac{g_t}{\sqrt{G_{t+1}} + \epsilon}

    Parameters
    ----------
    eps : float > 0, or array that broadcasts to the runs
        :math:`\epsilon`, outside the root.
    initial : float >= 0, or array
        :math:`G_0`; a value above zero shortens the first steps.

    Raises
    ------
    ValueError
        If ``eps`` is not positive or ``initial`` negative.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = AdaGrad(), np.array([1.0, 1.0])
    >>> method.step(params, np.array([100.0, 0.01]), method.init(params), lr=0.1)[0].round(6)
    array([0.9, 0.9])
    """

    eps: Any = 1e-10
    initial: Any = 0.0

    def __post_init__(self) -> None:
        check.positive(eps=self.eps)
        check.non_negative(initial=self.initial)

    def _init(self, params: Array) -> AdaGradState:
        return AdaGradState(namespace(params).zeros_like(params) + self.initial)

    def _step(self, params: Array, grad: Array, state: AdaGradState, lr: Any) -> tuple[Array, AdaGradState]:
        total = state.total + grad**2
        return params - lr * grad / (total**0.5 + self.eps), AdaGradState(total)


class RMSPropState(NamedTuple):
    """The averages of the squared gradient and (if centered) of the gradient, and the velocity (with momentum)."""

    square: Array
    mean: Array
    velocity: Array


@dataclass(frozen=True)
class RMSProp(Method):
    r"""Divide by the root of a running mean of squared gradients :cite:p:`tieleman2012rmsprop`.

    .. math::

        s_{t+1} &= \rho \, s_t + (1 - \rho) \, g_t^2 \\
        m_{t+1} &= \rho \, m_t + (1 - \rho) \, g_t \\
        v_{t+1} &= \beta \, v_t + \frac{g_t}{\sqrt{s_{t+1} - m_{t+1}^2} + \epsilon} \\
        \theta_{t+1} &= \theta_t - \eta_t \, v_{t+1}

    with :math:`m = 0` unless ``centered``.

    Parameters
    ----------
    decay : float in [0, 1), or array that broadcasts to the runs
        :math:`\rho`.
    centered : bool
        Subtract the squared mean: divide by the standard deviation. A difference that rounding makes negative counts
        as zero (torch gives NaN there).
    momentum : float in [0, 1), or array
        :math:`\beta`.
    eps : float > 0, or array
        :math:`\epsilon`, outside the root.

    Raises
    ------
    ValueError
        If ``decay`` or ``momentum`` is outside [0, 1), or ``eps`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = RMSProp(decay=0.75), np.array([1.0, 1.0])
    >>> method.step(params, np.array([100.0, 0.01]), method.init(params), lr=0.1)[0].round(4)
    array([0.8, 0.8])
    """

    decay: Any = 0.99
    centered: bool = False
    momentum: Any = 0.0
    eps: Any = 1e-8

    def __post_init__(self) -> None:
        check.fraction(decay=self.decay, momentum=self.momentum)
        check.positive(eps=self.eps)

    def _init(self, params: Array) -> RMSPropState:
        zeros_like = namespace(params).zeros_like
        return RMSPropState(zeros_like(params), zeros_like(params), zeros_like(params))

    def _step(self, params: Array, grad: Array, state: RMSPropState, lr: Any) -> tuple[Array, RMSPropState]:
        square, mean, velocity = state
        square = self.decay * square + (1 - self.decay) * grad**2
        spread = square
        if self.centered:
            mean = self.decay * mean + (1 - self.decay) * grad
            spread = (square - mean**2).clip(min=0)
        velocity = self.momentum * velocity + grad / (spread**0.5 + self.eps)
        return params - lr * velocity, RMSPropState(square, mean, velocity)


class AdadeltaState(NamedTuple):
    """The averages of the squared gradient and of the squared step."""

    square: Array
    moved: Array


@dataclass(frozen=True)
class Adadelta(Method):
    r"""RMSProp whose numerator is the size of its own past steps :cite:p:`zeiler2012adadelta`.

    .. math::

        s_{t+1} &= \rho \, s_t + (1 - \rho) \, g_t^2 \\
        d_{t+1} &= \frac{\sqrt{u_t + \epsilon}}{\sqrt{s_{t+1} + \epsilon}} \, g_t \\
        u_{t+1} &= \rho \, u_t + (1 - \rho) \, d_{t+1}^2 \\
        \theta_{t+1} &= \theta_t - \eta_t \, d_{t+1}

    The paper has no rate, which is ``lr=1``. Here :math:`\epsilon` sits inside both roots.

    Parameters
    ----------
    decay : float in [0, 1), or array that broadcasts to the runs
        :math:`\rho`.
    eps : float > 0, or array
        :math:`\epsilon`; it sets the size of the first steps, :math:`\sqrt{\epsilon / (1 - \rho)}`.

    Raises
    ------
    ValueError
        If ``decay`` is outside [0, 1) or ``eps`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = Adadelta(decay=0.75, eps=1e-6), np.array([1.0, 1.0])
    >>> method.step(params, np.array([100.0, 1.0]), method.init(params), lr=1.0)[0].round(4)
    array([0.998, 0.998])
    """

    decay: Any = 0.9
    eps: Any = 1e-6

    def __post_init__(self) -> None:
        check.fraction(decay=self.decay)
        check.positive(eps=self.eps)

    def _init(self, params: Array) -> AdadeltaState:
        zeros_like = namespace(params).zeros_like
        return AdadeltaState(zeros_like(params), zeros_like(params))

    def _step(self, params: Array, grad: Array, state: AdadeltaState, lr: Any) -> tuple[Array, AdadeltaState]:
        square, moved = state
        square = self.decay * square + (1 - self.decay) * grad**2
        delta = (moved + self.eps) ** 0.5 / (square + self.eps) ** 0.5 * grad
        moved = self.decay * moved + (1 - self.decay) * delta**2
        return params - lr * delta, AdadeltaState(square, moved)
