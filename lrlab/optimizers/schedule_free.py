"""Schedule-free SGD and AdamW: an average of the iterates takes the place of a decaying rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, Params, State, copy, namespace
from lrlab.optimizers.layers import divisor


class ScheduleFreeState(NamedTuple):
    """The iterate, the average of the iterates, and the sum of the weights in it."""

    z: Array
    x: Array
    total: Any


class ScheduleFree(Method):
    """What both have in common: the average ``x`` of the iterates ``z``, and the point ``y`` between them."""

    def eval_params(self, params: Params, state: State) -> Params:
        """The average :math:`x`."""
        return [one.x for one in state] if isinstance(params, list | tuple) else state.x


def _average(z: Array, x: Array, total: Any, lr: Any, beta: Any) -> tuple[Array, Array, Any]:
    total = total + lr**2
    c = lr**2 / divisor(total)
    x = (1 - c) * x + c * z
    y = (1 - beta) * z + beta * x
    return y, x, total


@dataclass(frozen=True)
class ScheduleFreeSGD(ScheduleFree):
    r"""Gradient descent that needs no schedule: judge it by :math:`x`, an average :cite:p:`defazio2024road`.

    .. math::

        z_{t+1} &= z_t - \eta_t \, \nabla L(y_t) \\
        c_{t+1} &= \eta_t^2 \Big/ \textstyle\sum_{i=0}^{t} \eta_i^2 \\
        x_{t+1} &= (1 - c_{t+1}) \, x_t + c_{t+1} \, z_{t+1} \\
        y_{t+1} &= (1 - \beta) \, z_{t+1} + \beta \, x_{t+1}

    The parameters are :math:`y`, where the gradient is taken; ``eval_params`` gives :math:`x`. A constant rate weighs
    all iterates equally; a warm-up gives the first ones less weight.

    Parameters
    ----------
    beta : float in [0, 1], or array that broadcasts to the runs
        :math:`\beta`: 0 is Polyak averaging, 1 takes gradients at the average.

    Raises
    ------
    ValueError
        If ``beta`` is outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> method, y = ScheduleFreeSGD(beta=0.5), np.array([1.0])
    >>> state = method.init(y)
    >>> for _ in range(2):
    ...     y, state = method.step(y, np.array([1.0]), state, lr=0.2)
    >>> y.round(3), method.eval_params(y, state).round(3)
    (array([0.65]), array([0.7]))
    """

    beta: Any = 0.9

    def __post_init__(self) -> None:
        check.share(beta=self.beta)

    def _init(self, params: Array) -> ScheduleFreeState:
        return ScheduleFreeState(copy(params), copy(params), 0.0)

    def _step(self, params: Array, grad: Array, state: ScheduleFreeState, lr: Any) -> tuple[Array, ScheduleFreeState]:
        z, x, total = state
        z = z - lr * grad
        y, x, total = _average(z, x, total, lr, self.beta)
        return y, ScheduleFreeState(z, x, total)


class ScheduleFreeAdamWState(NamedTuple):
    """Steps done, the iterate, the average of the iterates, the sum of its weights, and the second moment."""

    t: int
    z: Array
    x: Array
    total: Any
    v: Array


@dataclass(frozen=True)
class ScheduleFreeAdamW(ScheduleFree):
    r"""AdamW that needs no schedule: judge it by :math:`x`, an average :cite:p:`defazio2024road`.

    .. math::

        v_{t+1} &= \beta_2 v_t + (1 - \beta_2) \, g_t^2, \qquad g_t = \nabla L(y_t) \\
        \hat v &= v_{t+1} / (1 - \beta_2^{t+1}) \\
        z_{t+1} &= z_t - \eta_t \left( \frac{g_t}{\sqrt{\hat v} + \epsilon} + \lambda y_t \right) \\
        c_{t+1} &= \eta_t^2 \Big/ \textstyle\sum_{i=0}^{t} \eta_i^2 \\
        x_{t+1} &= (1 - c_{t+1}) \, x_t + c_{t+1} \, z_{t+1} \\
        y_{t+1} &= (1 - \beta_1) \, z_{t+1} + \beta_1 \, x_{t+1}

    The parameters are :math:`y`; ``eval_params`` gives :math:`x`. The second moment is corrected as in Adam and in the
    authors' present code; the paper's listing multiplies the rate by :math:`\sqrt{1 - \beta_2^{t+1}}`, which changes
    the first weights :math:`c` too.

    Parameters
    ----------
    beta1 : float in [0, 1], or array that broadcasts to the runs
        :math:`\beta_1`, as ``beta`` of `ScheduleFreeSGD`: there is no other momentum.
    beta2 : float in [0, 1), or array
        :math:`\beta_2`.
    eps : float > 0, or array
        :math:`\epsilon`.
    weight_decay : float >= 0, or array
        :math:`\lambda`, decoupled, taken at :math:`y`.

    Raises
    ------
    ValueError
        If ``beta1`` is outside [0, 1], ``beta2`` outside [0, 1), ``eps`` not positive, or ``weight_decay`` negative.

    Examples
    --------
    >>> import numpy as np
    >>> method, y = ScheduleFreeAdamW(), np.array([1.0, 1.0])
    >>> y, state = method.step(y, np.array([100.0, 0.01]), method.init(y), lr=0.1)
    >>> y.round(6), method.eval_params(y, state).round(6)
    (array([0.9, 0.9]), array([0.9, 0.9]))
    """

    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    weight_decay: Any = 0.0

    def __post_init__(self) -> None:
        check.share(beta1=self.beta1)
        check.fraction(beta2=self.beta2)
        check.positive(eps=self.eps)
        check.non_negative(weight_decay=self.weight_decay)

    def _init(self, params: Array) -> ScheduleFreeAdamWState:
        return ScheduleFreeAdamWState(0, copy(params), copy(params), 0.0, namespace(params).zeros_like(params))

    def _step(
        self, params: Array, grad: Array, state: ScheduleFreeAdamWState, lr: Any
    ) -> tuple[Array, ScheduleFreeAdamWState]:
        t, z, x, total, v = state
        t = t + 1
        v = self.beta2 * v + (1 - self.beta2) * grad**2
        v_hat = v / (1 - self.beta2**t)
        z = z - lr * (grad / (v_hat**0.5 + self.eps) + self.weight_decay * params)
        y, x, total = _average(z, x, total, lr, self.beta1)
        return y, ScheduleFreeAdamWState(t, z, x, total, v)
