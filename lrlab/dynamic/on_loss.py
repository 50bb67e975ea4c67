"""Rates that listen to the loss: lower it on a plateau; drive boldly until something breaks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from lrlab import _checks as check
from lrlab.dynamic.base import DynamicRate
from lrlab.dynamic.line_search import backtrack


class PlateauState(NamedTuple):
    """The rate, the best loss, the updates in a row without a better one, and the updates of cooldown left."""

    lr: Any
    best: Any
    bad: Any
    cooldown: Any


@dataclass(frozen=True)
class ReduceOnPlateau(DynamicRate):
    r"""Multiply the rate by ``factor`` when the loss has not improved for a while.

    .. math:: \eta \leftarrow \max(\gamma \, \eta, \; \eta_\text{min}) \quad \text{after more than } p
        \text{ updates in a row without } L < (1 - \tau) \, L_\text{best}

    The same numbers as ``torch.optim.lr_scheduler.ReduceLROnPlateau``, whose ``step(loss)`` is this ``update``. Call it
    once per epoch with the validation loss: the loss of one mini-batch is too noisy to tell a plateau.

    Parameters
    ----------
    lr : float, or array that broadcasts to ``runs``
        The rate before the first reduction.
    mode : {"min", "max"}
        ``"max"`` where more is better (an accuracy): an improvement is then :math:`L > (1 + \tau) \, L_\text{best}`.
    factor : float in (0, 1)
        :math:`\gamma`.
    patience : int >= 0
        :math:`p`.
    threshold : float >= 0
        :math:`\tau`; smaller improvements do not count. Below 1 where it is relative.
    threshold_mode : {"rel", "abs"}
        ``"abs"`` asks for :math:`L < L_\text{best} - \tau` (or :math:`L > L_\text{best} + \tau`).
    cooldown : int >= 0
        Updates after a reduction during which nothing is counted.
    min_lr : float >= 0
        :math:`\eta_\text{min}`.
    eps : float >= 0
        A reduction by less than this is not made.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> rule = ReduceOnPlateau(lr=1.0, factor=0.1, patience=1)
    >>> state = rule.init()
    >>> for loss in (5.0, 4.0, 4.0, 4.0):
    ...     lr, state = rule.update(state, loss)
    ...     print(lr, state.bad)
    1.0 0
    1.0 0
    1.0 1
    0.1 0
    """

    lr: Any
    mode: Literal["min", "max"] = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8

    def __post_init__(self) -> None:
        check.positive(factor=self.factor)
        check.fraction(factor=self.factor)
        check.count(at_least=0, patience=self.patience, cooldown=self.cooldown)
        check.non_negative(lr=self.lr, threshold=self.threshold, min_lr=self.min_lr, eps=self.eps)
        if self.threshold_mode == "rel":
            check.fraction(threshold=self.threshold)
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', got mode={self.mode!r}")
        if self.threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be 'rel' or 'abs', got threshold_mode={self.threshold_mode!r}")

    def init(self) -> PlateauState:
        return PlateauState(self.lr, math.inf if self.mode == "min" else -math.inf, 0, 0)

    def _update(self, state: PlateauState, loss: Any, grad: Any, params: Any, loss_at: Any) -> tuple[Any, PlateauState]:
        lr, best, bad, cooldown = state
        better = self._better(loss, best)
        best = np.where(better, loss, best)
        bad = np.where(better | np.greater(cooldown, 0), 0, np.add(bad, 1))
        cooldown = np.maximum(np.subtract(cooldown, 1), 0)
        reduce = bad > self.patience
        lower = np.maximum(np.multiply(lr, self.factor), self.min_lr)
        lr = np.where(reduce & (lr - lower > self.eps), lower, lr)
        return lr, PlateauState(lr, best, np.where(reduce, 0, bad), np.where(reduce, self.cooldown, cooldown))

    def _better(self, loss: Any, best: Any) -> Any:
        sign = 1 if self.mode == "max" else -1
        relative = self.threshold_mode == "rel"
        needed = best * (1 + sign * self.threshold) if relative else best + sign * self.threshold
        return loss > needed if self.mode == "max" else loss < needed


class BoldDriverState(NamedTuple):
    """The rate, the last loss that was kept (infinite before the first), and whether the last step made it worse."""

    lr: Any
    loss: Any
    rejected: Any


@dataclass(frozen=True)
class BoldDriver(DynamicRate):
    r"""Grow the rate a little after each step that helped; cut it, and take the step back, after one that did not.

    .. math:: \eta_t = \begin{cases}
        \rho \, \eta_{t-1} & L(\theta_t) < L(\theta_{t-1}) \\
        \sigma \, \eta_{t-1} & L(\theta_t) > L(\theta_{t-1})
        \text{, and go back to } \theta_{t-1} \end{cases}

    Given ``grad``, ``params`` and ``loss_at``, as ``lrlab.minimize`` gives them, the step
    :math:`\theta_t - \eta_t g_t` is tried first, and the rate is cut until the loss does not rise: what comes back is
    a rate whose gradient step will not have to be taken back. With the loss alone, taking the step back is yours:
    where ``state.rejected`` is True, return to the parameters before it.

    Parameters
    ----------
    lr : float, or array that broadcasts to ``runs``
        :math:`\eta_0`.
    grow : float >= 1
        :math:`\rho`.
    shrink : float in (0, 1)
        :math:`\sigma`.
    max_shrinks : int
        Most cuts in one search. Where none of them is enough the rate is 0 and the run stays where it is.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Notes
    -----
    The rule is that of :cite:t:`vogl1988accelerating`, the name that of :cite:t:`battiti1989accelerated`, who halves.
    It needs losses free of noise: from one mini-batch to the next an increase may be chance.

    Examples
    --------
    >>> rule = BoldDriver(lr=1.0, grow=1.1, shrink=0.5)
    >>> state = rule.init()
    >>> for loss in (5.0, 4.0, 4.5):
    ...     lr, state = rule.update(state, loss)
    ...     print(lr, state.rejected)
    1.0 False
    1.1 False
    0.55 True
    """

    lr: Any
    grow: Any = 1.05
    shrink: Any = 0.5
    max_shrinks: int = 50

    def __post_init__(self) -> None:
        check.positive(lr=self.lr, grow=self.grow, shrink=self.shrink)
        check.fraction(shrink=self.shrink)
        if not np.all(np.greater_equal(self.grow, 1)):
            raise ValueError(f"grow must be >= 1, got grow={self.grow!r}")
        check.count(max_shrinks=self.max_shrinks)

    def init(self) -> BoldDriverState:
        return BoldDriverState(self.lr, math.inf, False)

    def _update(
        self, state: BoldDriverState, loss: Any, grad: Any, params: Any, loss_at: Any
    ) -> tuple[Any, BoldDriverState]:
        lr, kept, _ = state
        better, worse = (loss < kept) & np.isfinite(kept), ~(loss <= kept)
        lr = lr * np.where(worse, self.shrink, np.where(better, self.grow, 1.0))
        state = BoldDriverState(lr, np.where(worse, kept, loss), worse)
        if loss_at is None:
            return lr, state
        if grad is None or params is None:
            raise ValueError(
                "BoldDriver needs grad and params with loss_at: update(state, loss, grad, params, loss_at)"
            )
        found = backtrack(lr, lambda lr: loss_at(params - lr * grad) <= loss, self.shrink, self.max_shrinks)
        return found.lr, state._replace(lr=found.last)
