"""LARS and LAMB: each layer's step is a fixed share of that layer's own length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.adam_variants import Moments
from lrlab.optimizers.base import Array, namespace, where
from lrlab.optimizers.layers import Layerwise, divisor, length


class LARSState(NamedTuple):
    """The velocity, with the rates in it."""

    velocity: Array


@dataclass(frozen=True)
class LARS(Layerwise):
    r"""Momentum whose rate is scaled, layer by layer, to the length of the layer :cite:p:`you2017large`.

    .. math::

        r &= \kappa \, \frac{\lVert \theta_t \rVert}{\lVert g_t \rVert + \lambda \lVert \theta_t \rVert} \\
        v_{t+1} &= \beta \, v_t + \eta_t \, r \, (g_t + \lambda \theta_t) \\
        \theta_{t+1} &= \theta_t - v_{t+1}

    with :math:`r = 1` where a length is zero. The rate sits inside the velocity, as in the paper: steps taken with an
    old rate go on moving the parameters. A list of arrays has one :math:`r` per array, an array of shape
    ``(d, *runs)`` one per run.

    Parameters
    ----------
    momentum : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta`.
    weight_decay : float >= 0, or array
        :math:`\lambda`, added to the gradient.
    trust : float > 0, or array
        :math:`\kappa`: the step's share of the layer's length, per unit of the rate.

    Raises
    ------
    ValueError
        If ``momentum`` is outside [0, 1), ``weight_decay`` negative, or ``trust`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> method, layers = LARS(), [np.array([[3.0], [4.0]]), np.array([1.0])]
    >>> grads = [np.array([[0.0], [100.0]]), np.array([0.01])]
    >>> method.step(layers, grads, method.init(layers), lr=100.0)[0]
    [array([[3. ], [3.5]]), array([0.9])]
    """

    momentum: Any = 0.9
    weight_decay: Any = 0.0
    trust: Any = 0.001

    def __post_init__(self) -> None:
        check.fraction(momentum=self.momentum)
        check.non_negative(weight_decay=self.weight_decay)
        check.positive(trust=self.trust)

    def _init(self, params: Array) -> LARSState:
        return LARSState(namespace(params).zeros_like(params))

    def _step(self, params: Array, grad: Array, state: LARSState, lr: Any) -> tuple[Array, LARSState]:
        ratio = _ratio(self.trust * length(params), length(grad) + self.weight_decay * length(params))
        velocity = self.momentum * state.velocity + lr * ratio * (grad + self.weight_decay * params)
        return params - velocity, LARSState(velocity)


@dataclass(frozen=True)
class LAMB(Layerwise):
    r"""Adam whose step is scaled, layer by layer, to the length of the layer :cite:p:`you2020large`.

    .. math::

        u &= \frac{\hat m}{\sqrt{\hat v} + \epsilon} + \lambda \theta_t \\
        \theta_{t+1} &= \theta_t - \eta_t \, \frac{\lVert \theta_t \rVert}{\lVert u \rVert} \, u

    with :math:`\hat m` and :math:`\hat v` of `Adam`, and the ratio 1 where a length is zero. A list of arrays has one
    ratio per array, an array of shape ``(d, *runs)`` one per run.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), or array that broadcasts to the runs
        As for `Adam`.
    eps : float > 0, or array
        :math:`\epsilon`.
    weight_decay : float >= 0, or array
        :math:`\lambda`; part of :math:`u`, so that it turns the step and does not lengthen it.

    Raises
    ------
    ValueError
        If a beta is outside [0, 1), ``eps`` not positive, or ``weight_decay`` negative.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = LAMB(), np.array([3.0, 4.0])
    >>> method.step(params, np.array([0.0, 100.0]), method.init(params), lr=0.1)[0]
    array([3. , 3.5])
    """

    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-6
    weight_decay: Any = 0.0

    def __post_init__(self) -> None:
        check.fraction(beta1=self.beta1, beta2=self.beta2)
        check.positive(eps=self.eps)
        check.non_negative(weight_decay=self.weight_decay)

    def _init(self, params: Array) -> Moments:
        zeros_like = namespace(params).zeros_like
        return Moments(0, zeros_like(params), zeros_like(params))

    def _step(self, params: Array, grad: Array, state: Moments, lr: Any) -> tuple[Array, Moments]:
        t, m, v = state
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * grad
        v = self.beta2 * v + (1 - self.beta2) * grad**2
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        update = m_hat / (v_hat**0.5 + self.eps) + self.weight_decay * params
        return params - lr * _ratio(length(params), length(update)) * update, Moments(t, m, v)


def _ratio(layer: Any, step: Any) -> Any:
    """``layer / step``, and 1 where either is zero."""
    return where((layer > 0) & (step > 0), layer / divisor(step), 1.0)
