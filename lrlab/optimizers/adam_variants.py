"""NAdam, RAdam, Adamax: Adam with a look ahead, with a careful start, with another norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, namespace, where


class NAdamState(NamedTuple):
    r"""Steps done, first and second moment, and the product :math:`P` of all :math:`\mu` so far."""

    t: int
    m: Array
    v: Array
    product: Any


@dataclass(frozen=True)
class NAdam(Method):
    r"""Adam with Nesterov's look ahead :cite:p:`dozat2016incorporating`.

    .. math::

        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) \, g_t \\
        v_{t+1} &= \beta_2 v_t + (1 - \beta_2) \, g_t^2 \\
        \mu_t &= \beta_1 \bigl(1 - \tfrac12 \, 0.96^{\psi t}\bigr), \qquad P_t = \mu_1 \mu_2 \cdots \mu_t \\
        \hat m &= \frac{\mu_{t+2}}{1 - P_{t+2}} \, m_{t+1} + \frac{1 - \mu_{t+1}}{1 - P_{t+1}} \, g_t \\
        \theta_{t+1} &= \theta_t - \eta_t \, \frac{\hat m}{\sqrt{v_{t+1} / (1 - \beta_2^{t+1})} + \epsilon}

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta_1, \beta_2`.
    eps : float > 0, or array
        :math:`\epsilon`.
    momentum_decay : float >= 0, or array
        :math:`\psi`: how fast :math:`\mu` grows from :math:`\beta_1 / 2` to :math:`\beta_1`. The default is torch's and
        the paper's; Keras has 1.

    Raises
    ------
    ValueError
        If a beta is outside [0, 1), ``eps`` not positive, or ``momentum_decay`` negative.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = NAdam(), np.array([1.0, 1.0])
    >>> method.step(params, np.array([100.0, 0.01]), method.init(params), lr=0.1)[0].round(4)
    array([0.8944, 0.8944])
    """

    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    momentum_decay: Any = 0.004

    def __post_init__(self) -> None:
        check.fraction(beta1=self.beta1, beta2=self.beta2)
        check.positive(eps=self.eps)
        check.non_negative(momentum_decay=self.momentum_decay)

    def _init(self, params: Array) -> NAdamState:
        zeros_like = namespace(params).zeros_like
        return NAdamState(0, zeros_like(params), zeros_like(params), 1.0)

    def _step(self, params: Array, grad: Array, state: NAdamState, lr: Any) -> tuple[Array, NAdamState]:
        t, m, v, product = state
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * grad
        v = self.beta2 * v + (1 - self.beta2) * grad**2
        mu, mu_next = self._mu(t), self._mu(t + 1)
        product = product * mu
        m_hat = mu_next / (1 - product * mu_next) * m + (1 - mu) / (1 - product) * grad
        v_hat = v / (1 - self.beta2**t)
        return params - lr * m_hat / (v_hat**0.5 + self.eps), NAdamState(t, m, v, product)

    def _mu(self, t: int) -> Any:
        return self.beta1 * (1 - 0.5 * 0.96 ** (self.momentum_decay * t))


class Moments(NamedTuple):
    """Steps done, first and second moment (for `Adamax`, the largest gradient)."""

    t: int
    m: Array
    v: Array


@dataclass(frozen=True)
class RAdam(Method):
    r"""Adam that waits until its second moment can be trusted: a built-in warm-up :cite:p:`liu2020variance`.

    .. math::

        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) \, g_t, \qquad v_{t+1} = \beta_2 v_t + (1 - \beta_2) \, g_t^2 \\
        \hat m &= m_{t+1} / (1 - \beta_1^{t+1}) \\
        \rho_\infty &= \frac{2}{1 - \beta_2} - 1, \qquad
            \rho = \rho_\infty - \frac{2 (t + 1) \, \beta_2^{t+1}}{1 - \beta_2^{t+1}} \\
        r &= \sqrt{\frac{(\rho - 4)(\rho - 2) \, \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2) \, \rho}} \\
        \theta_{t+1} &= \theta_t - \eta_t \begin{cases}
            r \, \sqrt{1 - \beta_2^{t+1}} \; \hat m / (\sqrt{v_{t+1}} + \epsilon) & \rho > 5 \\
            \hat m & \text{otherwise} \end{cases}

    :math:`\rho` is the number of gradients that the second moment is worth. While it is small the step is momentum's,
    in the unit of the gradient. The threshold and the place of :math:`\epsilon` are torch's; the paper switches at 4.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta_1, \beta_2`. For :math:`\beta_2 \le 2/3` the step is always momentum's.
    eps : float > 0, or array
        :math:`\epsilon`, beside the root of the uncorrected moment.

    Raises
    ------
    ValueError
        If a beta is outside [0, 1) or ``eps`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = RAdam(), np.array([1.0])
    >>> method.step(params, np.array([2.0]), method.init(params), lr=0.1)[0]
    array([0.8])
    """

    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8

    def __post_init__(self) -> None:
        check.fraction(beta1=self.beta1, beta2=self.beta2)
        check.positive(eps=self.eps)

    def _init(self, params: Array) -> Moments:
        zeros_like = namespace(params).zeros_like
        return Moments(0, zeros_like(params), zeros_like(params))

    def _step(self, params: Array, grad: Array, state: Moments, lr: Any) -> tuple[Array, Moments]:
        t, m, v = state
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * grad
        v = self.beta2 * v + (1 - self.beta2) * grad**2
        m_hat = m / (1 - self.beta1**t)
        last = 2 / (1 - self.beta2) - 1
        rho = last - 2 * t * self.beta2**t / (1 - self.beta2**t)
        known = rho > 5
        rho, last = where(known, rho, 5.0), where(known, last, 5.0)  # keeps the unused root real
        r = ((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho)) ** 0.5
        adaptive = r * (1 - self.beta2**t) ** 0.5 * m_hat / (v**0.5 + self.eps)
        return params - lr * where(known, adaptive, m_hat), Moments(t, m, v)


@dataclass(frozen=True)
class Adamax(Method):
    r"""Adam with the largest recent gradient in the place of the root of the second moment :cite:p:`kingma2015adam`.

    .. math::

        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) \, g_t \\
        v_{t+1} &= \max(\beta_2 v_t, \; |g_t| + \epsilon) \\
        \theta_{t+1} &= \theta_t - \frac{\eta_t}{1 - \beta_1^{t+1}} \, \frac{m_{t+1}}{v_{t+1}}

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), or array that broadcasts to the runs
        :math:`\beta_1, \beta_2`.
    eps : float > 0, or array
        :math:`\epsilon`, inside the maximum as in torch; the paper has none.

    Raises
    ------
    ValueError
        If a beta is outside [0, 1) or ``eps`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = Adamax(), np.array([1.0, 1.0])
    >>> method.step(params, np.array([100.0, 0.01]), method.init(params), lr=0.1)[0].round(6)
    array([0.9, 0.9])
    """

    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8

    def __post_init__(self) -> None:
        check.fraction(beta1=self.beta1, beta2=self.beta2)
        check.positive(eps=self.eps)

    def _init(self, params: Array) -> Moments:
        zeros_like = namespace(params).zeros_like
        return Moments(0, zeros_like(params), zeros_like(params))

    def _step(self, params: Array, grad: Array, state: Moments, lr: Any) -> tuple[Array, Moments]:
        t, m, v = state
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * grad
        v = namespace(grad).maximum(self.beta2 * v, abs(grad) + self.eps)
        return params - lr / (1 - self.beta1**t) * m / v, Moments(t, m, v)
