"""D-Adaptation and Prodigy: the rate is an estimate of how far away the solution is, made while walking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, copy, namespace, where
from lrlab.optimizers.layers import Joint, divisor, length


class DAdaptSGDState(NamedTuple):
    """The iterate, the weighted sum of gradients, the sum in the estimate, the estimate, the first gradient's length.

    Arrays of a list share one state: ``z`` and ``s`` hold them end to end.
    """

    z: Array
    s: Array
    total: Any
    d: Any
    first: Any


@dataclass(frozen=True)
class DAdaptSGD(Joint):
    r"""Momentum whose rate grows to the distance from the start to the solution :cite:p:`defazio2023learning`.

    .. math::

        \lambda_t &= d_t \, \eta_t / \lVert g_0 \rVert \\
        s_{t+1} &= s_t + \lambda_t \, g_t, \qquad z_{t+1} = z_t - \lambda_t \, g_t \\
        d_{t+1} &= \max\Bigl(d_t, \; 2 \textstyle\sum_{i=0}^{t} \lambda_i \langle g_i, s_i \rangle
            \Big/ \lVert s_{t+1} \rVert \Bigr) \\
        \theta_{t+1} &= \beta \, \theta_t + (1 - \beta) \, z_{t+1}

    Leave the rate at 1, or let a schedule take it from 1 to 0. For a convex loss, gradients without noise and
    :math:`\beta = 0`, :math:`d` stays below twice the distance from the start to the minimum. A list of arrays has one
    :math:`d` for all, an array of shape ``(d, *runs)`` one per run.

    Parameters
    ----------
    momentum : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta`.
    d0 : float > 0, or array
        :math:`d_0`, in the unit of the parameters: anything below the true distance.

    Raises
    ------
    ValueError
        If ``momentum`` is outside [0, 1) or ``d0`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = DAdaptSGD(momentum=0.0), np.array([3.0])
    >>> state = method.init(params)
    >>> for _ in range(100):
    ...     params, state = method.step(params, np.sign(params), state, lr=1.0)
    >>> state.d.round(2)
    np.float64(3.34)
    """

    momentum: Any = 0.9
    d0: Any = 1e-6

    def __post_init__(self) -> None:
        check.fraction(momentum=self.momentum)
        check.positive(d0=self.d0)

    def _init(self, params: Array) -> DAdaptSGDState:
        return DAdaptSGDState(copy(params), namespace(params).zeros_like(params), 0.0, self.d0, 0.0)

    def _step(self, params: Array, grad: Array, state: DAdaptSGDState, lr: Any) -> tuple[Array, DAdaptSGDState]:
        z, s, total, d, first = state
        first = where(first > 0, first, length(grad))
        rate = d * lr / divisor(first)
        total = total + rate * (grad * s).sum(0)
        s = s + rate * grad
        z = z - rate * grad
        estimate = 2 * total / divisor(length(s))
        d = where(estimate > d, estimate, d)
        return self.momentum * params + (1 - self.momentum) * z, DAdaptSGDState(z, s, total, d, first)


class ProdigyState(NamedTuple):
    """The moments, the two sums behind the estimate, the estimate, and the start.

    Arrays of a list share one state: its arrays hold them end to end.
    """

    m: Array
    v: Array
    r: Any
    s: Array
    d: Any
    start: Array


@dataclass(frozen=True)
class Prodigy(Joint):
    r"""Adam whose rate grows to the distance from the start to the solution :cite:p:`mishchenko2024prodigy`.

    .. math::

        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) \, d_t \, g_t \\
        v_{t+1} &= \beta_2 v_t + (1 - \beta_2) \, d_t^2 \, g_t^2 \\
        r_{t+1} &= \sqrt{\beta_2} \, r_t + (1 - \sqrt{\beta_2}) \, \eta_t \, d_t^2 \,
            \langle g_t, \theta_0 - \theta_t \rangle \\
        s_{t+1} &= \sqrt{\beta_2} \, s_t + (1 - \sqrt{\beta_2}) \, \eta_t \, d_t^2 \, g_t \\
        d_{t+1} &= \max(d_t, \; r_{t+1} / \lVert s_{t+1} \rVert_1) \\
        \theta_{t+1} &= (1 - \eta_t d_t \lambda) \, \theta_t
            - \eta_t \, d_t \, \frac{m_{t+1}}{\sqrt{v_{t+1}} + d_t \, \epsilon}

    Leave the rate at 1, or let a schedule take it from 1 to 0. For a convex loss and gradients without noise :math:`d`
    stays below the distance from the start to the minimum, measured by its largest coordinate. As in the paper the
    moments are not corrected for their start at zero. A list of arrays has one :math:`d` for all, an array of shape
    ``(d, *runs)`` one per run.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta_1, \beta_2`.
    eps : float > 0, or array
        :math:`\epsilon`.
    weight_decay : float >= 0, or array
        :math:`\lambda`, decoupled.
    d0 : float > 0, or array
        :math:`d_0`, in the unit of the parameters: anything below the true distance.

    Raises
    ------
    ValueError
        If a beta is outside [0, 1), ``eps`` or ``d0`` not positive, or ``weight_decay`` negative.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = Prodigy(), np.array([3.0, -2.0])
    >>> state = method.init(params)
    >>> for _ in range(200):
    ...     params, state = method.step(params, params, state, lr=1.0)
    >>> bool(state.d > 0.1), bool(abs(params).max() < 1)
    (True, True)
    """

    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    weight_decay: Any = 0.0
    d0: Any = 1e-6

    def __post_init__(self) -> None:
        check.fraction(beta1=self.beta1, beta2=self.beta2)
        check.positive(eps=self.eps, d0=self.d0)
        check.non_negative(weight_decay=self.weight_decay)

    def _init(self, params: Array) -> ProdigyState:
        zeros_like = namespace(params).zeros_like
        return ProdigyState(zeros_like(params), zeros_like(params), 0.0, zeros_like(params), self.d0, copy(params))

    def _step(self, params: Array, grad: Array, state: ProdigyState, lr: Any) -> tuple[Array, ProdigyState]:
        m, v, r, s, d, start = state
        beta3 = self.beta2**0.5
        m = self.beta1 * m + (1 - self.beta1) * d * grad
        v = self.beta2 * v + (1 - self.beta2) * d**2 * grad**2
        r = beta3 * r + (1 - beta3) * lr * d**2 * (grad * (start - params)).sum(0)
        s = beta3 * s + (1 - beta3) * lr * d**2 * grad
        estimate = r / divisor(abs(s).sum(0))
        stepped = (1 - lr * d * self.weight_decay) * params - lr * d * m / (v**0.5 + d * self.eps)
        return stepped, ProdigyState(m, v, r, s, where(estimate > d, estimate, d), start)
