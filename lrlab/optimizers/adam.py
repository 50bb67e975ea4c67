"""Adam and AdamW: momentum over the root of the second moment, both corrected for their start at zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, average, namespace


class AdamState(NamedTuple):
    """Steps done, first and second moment, and (with ``amsgrad``, else None) the largest second moment so far."""

    t: int
    m: Array
    v: Array
    v_max: Array | None


@dataclass(frozen=True)
class Adam(Method):
    r"""Adaptive moments :cite:p:`kingma2015adam`.

    .. math::

        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) \, g_t \\
        v_{t+1} &= \beta_2 v_t + (1 - \beta_2) \, g_t^2 \\
        \hat m &= m_{t+1} / (1 - \beta_1^{t+1}) \\
        \hat v &= v_{t+1} / (1 - \beta_2^{t+1}) \\
        \theta_{t+1} &= \theta_t - \eta_t \, \frac{\hat m}{\sqrt{\hat v} + \epsilon}

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta_1, \beta_2`.
    eps : float > 0, or array
        :math:`\epsilon`, outside the root of the corrected moment.
    amsgrad : bool
        Put the largest :math:`v` so far in the place of :math:`v_{t+1}` :cite:p:`reddi2018convergence`; as in torch the
        maximum is taken before the correction.

    Raises
    ------
    ValueError
        If a beta is outside [0, 1) or ``eps`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = Adam(), np.array([1.0, 1.0])
    >>> method.step(params, np.array([100.0, 0.01]), method.init(params), lr=0.1)[0].round(6)
    array([0.9, 0.9])
    """

    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    amsgrad: bool = False

    def __post_init__(self) -> None:
        check.fraction(beta1=self.beta1, beta2=self.beta2)
        check.positive(eps=self.eps)

    def _init(self, params: Array) -> AdamState:
        zeros_like = namespace(params).zeros_like
        return AdamState(0, zeros_like(params), zeros_like(params), zeros_like(params) if self.amsgrad else None)

    def _step(self, params: Array, grad: Array, state: AdamState, lr: Any) -> tuple[Array, AdamState]:
        t, m, v, v_max = state
        t = t + 1
        m = average(m, grad, self.beta1)
        v = average(v, grad**2, self.beta2)
        v_max = namespace(v).maximum(v_max, v) if self.amsgrad else None
        m_hat = m / (1 - self.beta1**t)
        v_hat = (v if v_max is None else v_max) / (1 - self.beta2**t)
        return params - lr * m_hat / (v_hat**0.5 + self.eps), AdamState(t, m, v, v_max)


@dataclass(frozen=True)
class AdamW(Adam):
    r"""Adam with decoupled weight decay :cite:p:`loshchilov2019decoupled`.

    .. math:: \theta_{t+1} = (1 - \eta_t \lambda) \, \theta_t - \eta_t \, \frac{\hat m}{\sqrt{\hat v} + \epsilon}

    with :math:`\hat m` and :math:`\hat v` of `Adam`. The decay is multiplied by the rate, as in torch; the paper
    multiplies it by the schedule's factor alone.

    Parameters
    ----------
    beta1, beta2, eps, amsgrad
        As for `Adam`.
    weight_decay : float >= 0, or array that broadcasts to the runs
        :math:`\lambda`.

    Raises
    ------
    ValueError
        As `Adam`, and if ``weight_decay`` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = AdamW(weight_decay=0.5), np.array([1.0])
    >>> method.step(params, np.array([0.0]), method.init(params), lr=0.1)[0]
    array([0.95])
    """

    weight_decay: Any = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check.non_negative(weight_decay=self.weight_decay)

    def _step(self, params: Array, grad: Array, state: AdamState, lr: Any) -> tuple[Array, AdamState]:
        return super()._step((1 - lr * self.weight_decay) * params, grad, state, lr)
