"""Gradient descent and momentum: the rules with one rate for all coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, namespace


@dataclass(frozen=True)
class GradientDescent(Method):
    r"""A step against the gradient :cite:p:`cauchy1847methode`.

    .. math:: \theta_{t+1} = \theta_t - \eta_t \, g_t

    Examples
    --------
    >>> import numpy as np
    >>> GradientDescent().step(np.array([1.0, 2.0]), np.array([1.0, -1.0]), (), lr=0.5)
    (array([0.5, 2.5]), ())
    """

    def _init(self, params: Array) -> tuple[()]:
        return ()

    def _step(self, params: Array, grad: Array, state: tuple[()], lr: Any) -> tuple[Array, tuple[()]]:
        return params - lr * grad, state


class Momentum(NamedTuple):
    """The state of `HeavyBall` and `Nesterov`: the number of steps done and the velocity."""

    t: int
    velocity: Array


@dataclass(frozen=True)
class HeavyBall(Method):
    r"""Momentum: the step is a running sum of gradients :cite:p:`polyak1964some`.

    .. math::

        v_{t+1} &= \beta \, v_t + (1 - \tau) \, g_t \\
        \theta_{t+1} &= \theta_t - \eta_t \, v_{t+1}

    with :math:`v_1 = g_0`, undampened, as in torch.

    Parameters
    ----------
    momentum : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta`, what is kept of the velocity. A constant gradient ends in steps of
        :math:`\eta (1 - \tau) / (1 - \beta)` times it.
    dampening : float in [0, 1], or array
        :math:`\tau`; with :math:`\tau = \beta` the velocity is an average, not a sum.

    Raises
    ------
    ValueError
        If ``momentum`` is outside [0, 1) or ``dampening`` outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> method, params, state = HeavyBall(0.5), np.array([1.0]), Momentum(1, np.array([4.0]))
    >>> method.step(params, np.array([1.0]), state, lr=0.1)
    (array([0.7]), Momentum(t=2, velocity=array([3.])))
    """

    momentum: Any
    dampening: Any = 0.0

    def __post_init__(self) -> None:
        check.fraction(momentum=self.momentum)
        check.share(dampening=self.dampening)

    def _init(self, params: Array) -> Momentum:
        return Momentum(0, namespace(params).zeros_like(params))

    def _step(self, params: Array, grad: Array, state: Momentum, lr: Any) -> tuple[Array, Momentum]:
        t, velocity = state
        fresh = 1 - self.dampening if t > 0 else 1.0
        velocity = self.momentum * velocity + fresh * grad
        return params - lr * velocity, Momentum(t + 1, velocity)


@dataclass(frozen=True)
class Nesterov(Method):
    r"""Momentum that looks ahead :cite:p:`nesterov1983method`, in the form of :cite:t:`sutskever2013importance`.

    .. math::

        v_{t+1} &= \beta \, v_t + g_t \\
        \theta_{t+1} &= \theta_t - \eta_t \, (g_t + \beta \, v_{t+1})

    The gradient is taken at :math:`\theta_t`, which is Nesterov's look-ahead point: the change of variables that torch
    uses.

    Parameters
    ----------
    momentum : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta`.

    Raises
    ------
    ValueError
        If ``momentum`` is outside [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> method, params = Nesterov(0.5), np.array([1.0])
    >>> method.step(params, np.array([1.0]), method.init(params), lr=0.1)
    (array([0.85]), Momentum(t=1, velocity=array([1.])))
    """

    momentum: Any

    def __post_init__(self) -> None:
        check.fraction(momentum=self.momentum)

    def _init(self, params: Array) -> Momentum:
        return Momentum(0, namespace(params).zeros_like(params))

    def _step(self, params: Array, grad: Array, state: Momentum, lr: Any) -> tuple[Array, Momentum]:
        t, velocity = state
        velocity = self.momentum * velocity + grad
        return params - lr * (grad + self.momentum * velocity), Momentum(t + 1, velocity)
