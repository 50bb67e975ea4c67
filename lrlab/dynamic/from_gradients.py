"""Rates computed from gradients: how far the minimum is, how the gradient changed, whether it turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from lrlab import _checks as check
from lrlab.dynamic.base import DynamicRate, dot, if_finite


@dataclass(frozen=True)
class PolyakStep(DynamicRate):
    r"""The rate that is best for what the loss and its slope tell, if the smallest loss is known.

    .. math:: \eta_t = \min\left(\frac{\max(L(\theta_t) - L^*, \, 0)}{\lVert g_t \rVert^2}, \; \eta_\text{max}\right)

    and 0 where the gradient is zero. On a convex loss no step leads away from the minimum.

    Parameters
    ----------
    minimum : float, or array that broadcasts to ``runs``
        :math:`L^*`, the smallest loss, or a lower bound of it: too low a value gives rates too large.
    lr_max : float > 0, or array, optional
        :math:`\eta_\text{max}`; with mini-batches, which may be fitted almost perfectly, a rate without bound is no use
        :cite:p:`loizou2021stochastic`.

    Raises
    ------
    ValueError
        If ``minimum`` is not finite or ``lr_max`` not positive.

    Notes
    -----
    From :cite:t:`polyak1987introduction`. There is nothing to remember: the state is ``()``.

    Examples
    --------
    >>> rule = PolyakStep(minimum=1.0)
    >>> rule.update(rule.init(), loss=3.0, grad=[2.0, 0.0])
    (0.5, ())
    """

    minimum: Any = 0.0
    lr_max: Any = None

    needs = ("grad",)

    def __post_init__(self) -> None:
        check.finite(minimum=self.minimum)
        if self.lr_max is not None:
            check.positive(lr_max=self.lr_max)

    def init(self) -> tuple[()]:
        return ()

    def _update(self, state: tuple[()], loss: Any, grad: Any, params: Any, loss_at: Any) -> tuple[Any, tuple[()]]:
        with np.errstate(all="ignore"):
            lr = if_finite(np.maximum(loss - self.minimum, 0) / dot(grad, grad), 0.0)
        return lr if self.lr_max is None else np.minimum(lr, self.lr_max), state


class BarzilaiBorweinState(NamedTuple):
    """The last rate, parameters and gradient; the latter two are None before the first step."""

    lr: Any
    params: Any
    grad: Any


@dataclass(frozen=True)
class BarzilaiBorwein(DynamicRate):
    r"""One over the curvature that the last step met :cite:p:`barzilai1988two`.

    .. math:: \eta_t = \frac{s^\top s}{s^\top y} \;\text{("long")} \quad\text{or}\quad
        \eta_t = \frac{s^\top y}{y^\top y} \;\text{("short")},
        \qquad s = \theta_t - \theta_{t-1}, \quad y = g_t - g_{t-1}

    On a quadratic the rate lies between :math:`1/\lambda_\text{max}` and :math:`1/\lambda_\text{min}`, and "long" is
    the rate of an exact line search one step earlier. The loss may rise on the way.

    Parameters
    ----------
    lr : float, or array that broadcasts to ``runs``
        :math:`\eta_0`; also kept while the curvature along the step is not positive (:math:`s^\top y \le 0`), for
        then the formula has no meaning: the rate stays the last one.
    form : {"long", "short"}
        "short" is never the longer of the two.
    lr_max : float > 0, or array, optional
        An upper bound, for losses that are no quadratics.

    Raises
    ------
    ValueError
        If ``lr`` or ``lr_max`` is not positive or ``form`` unknown.

    Examples
    --------
    >>> rule = BarzilaiBorwein(lr=0.0625)
    >>> lr, state = rule.update(rule.init(), loss=4.0, grad=[8.0], params=[1.0])  # a parabola of curvature 8
    >>> rule.update(state, loss=1.0, grad=[4.0], params=[0.5])[0]
    0.125
    """

    lr: Any
    form: Literal["long", "short"] = "long"
    lr_max: Any = None

    needs = ("grad", "params")

    def __post_init__(self) -> None:
        check.positive(lr=self.lr)
        if self.form not in ("long", "short"):
            raise ValueError(f"form must be 'long' or 'short', got form={self.form!r}")
        if self.lr_max is not None:
            check.positive(lr_max=self.lr_max)

    def init(self) -> BarzilaiBorweinState:
        return BarzilaiBorweinState(self.lr, None, None)

    def _update(
        self, state: BarzilaiBorweinState, loss: Any, grad: Any, params: Any, loss_at: Any
    ) -> tuple[Any, BarzilaiBorweinState]:
        lr = state.lr
        if state.params is not None:
            with np.errstate(all="ignore"):
                s, y = params - state.params, grad - state.grad
                formula = dot(s, s) / dot(s, y) if self.form == "long" else dot(s, y) / dot(y, y)
                lr = np.where(formula > 0, if_finite(formula, lr), lr)
        lr = lr if self.lr_max is None else np.minimum(lr, self.lr_max)
        return lr, BarzilaiBorweinState(lr, params, grad)


class HypergradientState(NamedTuple):
    """The last rate, and the last gradient (None before the first step)."""

    lr: Any
    grad: Any


@dataclass(frozen=True)
class Hypergradient(DynamicRate):
    r"""Gradient descent on the rate itself :cite:p:`baydin2018online`.

    .. math:: \eta_t = \max(\eta_{t-1} + \kappa \; g_t^\top g_{t-1}, \; 0)
        \qquad\text{or}\qquad
        \eta_t = \eta_{t-1} \left(
        1 + \kappa \; \frac{g_t^\top g_{t-1}}{\lVert g_t \rVert \, \lVert g_{t-1} \rVert} \right)

    :math:`-g_t^\top g_{t-1}` is the derivative of :math:`L(\theta_{t-1} - \eta \, g_{t-1})` by :math:`\eta`: while
    gradients keep their direction the rate grows, and when they turn around it shrinks.

    Parameters
    ----------
    lr : float, or array that broadcasts to ``runs``
        :math:`\eta_0`.
    hyper_lr : float >= 0, or array
        :math:`\kappa`. In the first form it has the unit of a rate per squared gradient; in the second it has none
        and is below 1.
    multiplicative : bool
        The second form: it does not change when the loss is scaled, and the rate stays positive.

    Raises
    ------
    ValueError
        If ``lr`` is not positive, ``hyper_lr`` negative, or, in the second form, not below 1.

    Notes
    -----
    This is the paper's rule for plain gradient descent. The floor at 0 is added here: a negative rate would climb.

    Examples
    --------
    >>> rule = Hypergradient(lr=0.1, hyper_lr=0.01)
    >>> lr, state = rule.update(rule.init(), loss=1.0, grad=[1.0, 2.0])
    >>> rule.update(state, loss=0.9, grad=[1.0, 1.0])[0]
    0.13
    """

    lr: Any
    hyper_lr: Any
    multiplicative: bool = False

    needs = ("grad",)

    def __post_init__(self) -> None:
        check.positive(lr=self.lr)
        check.non_negative(hyper_lr=self.hyper_lr)
        if self.multiplicative:
            check.fraction(hyper_lr=self.hyper_lr)

    def init(self) -> HypergradientState:
        return HypergradientState(self.lr, None)

    def _update(
        self, state: HypergradientState, loss: Any, grad: Any, params: Any, loss_at: Any
    ) -> tuple[Any, HypergradientState]:
        lr, last = state
        if last is not None:
            with np.errstate(all="ignore"):
                turn = dot(grad, last)
                if self.multiplicative:
                    new = lr * (1 + self.hyper_lr * turn / np.sqrt(dot(grad, grad) * dot(last, last)))
                else:
                    new = np.maximum(lr + self.hyper_lr * turn, 0.0)
                lr = if_finite(new, lr)
        return lr, HypergradientState(lr, grad)
