"""Lion: momentum of which only the sign is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, namespace


class LionState(NamedTuple):
    """The average of the gradients."""

    m: Array


@dataclass(frozen=True)
class Lion(Method):
    r"""Move every coordinate by the rate, in the direction that momentum votes for :cite:p:`chen2023symbolic`.

    .. math::

        \theta_{t+1} &= (1 - \eta_t \lambda) \, \theta_t
            - \eta_t \, \mathrm{sign}\bigl(\beta_1 m_t + (1 - \beta_1) \, g_t\bigr) \\
        m_{t+1} &= \beta_2 m_t + (1 - \beta_2) \, g_t

    The rate is in the unit of the parameters; it is usually 3 to 10 times smaller than Adam's, and the decay as many
    times larger.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta_1` for the step, :math:`\beta_2` for what is remembered.
    weight_decay : float >= 0, or array
        :math:`\lambda`, decoupled.

    Raises
    ------
    ValueError
        If a beta is outside [0, 1) or ``weight_decay`` negative.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = Lion(), np.array([1.0, 1.0, 1.0])
    >>> method.step(params, np.array([100.0, -0.01, 0.0]), method.init(params), lr=0.1)[0]
    array([0.9, 1.1, 1. ])
    """

    beta1: Any = 0.9
    beta2: Any = 0.99
    weight_decay: Any = 0.0

    def __post_init__(self) -> None:
        check.fraction(beta1=self.beta1, beta2=self.beta2)
        check.non_negative(weight_decay=self.weight_decay)

    def _init(self, params: Array) -> LionState:
        return LionState(namespace(params).zeros_like(params))

    def _step(self, params: Array, grad: Array, state: LionState, lr: Any) -> tuple[Array, LionState]:
        direction = namespace(grad).sign(self.beta1 * state.m + (1 - self.beta1) * grad)
        m = self.beta2 * state.m + (1 - self.beta2) * grad
        return (1 - lr * self.weight_decay) * params - lr * direction, LionState(m)
