"""Try a step before taking it: backtracking until the loss falls enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lrlab import _checks as check
from lrlab.dynamic.base import DynamicRate, dot


class ArmijoState(NamedTuple):
    """The loss evaluations so far: what the search has cost. Runs are searched together and count once."""

    evaluations: int


@dataclass(frozen=True)
class Armijo(DynamicRate):
    r"""Backtracking line search: the first of :math:`\eta_0, \sigma \eta_0, \sigma^2 \eta_0, \dots` that does enough.

    .. math:: L(\theta - \eta g) \le L(\theta) - c \, \eta \, \lVert g \rVert^2

    is what it has to do :cite:p:`armijo1966minimization`: the loss falls by at least the share :math:`c` of what the
    gradient promises. On a loss of largest curvature :math:`\lambda` every rate up to :math:`2 (1 - c) / \lambda` does.

    Parameters
    ----------
    lr : float, or array that broadcasts to ``runs``
        :math:`\eta_0`, the first rate tried at every step; larger costs evaluations, smaller costs speed.
    c : float in (0, 1)
        Below 1/2 the exact minimum along a quadratic is accepted.
    shrink : float in (0, 1)
        :math:`\sigma`.
    max_shrinks : int
        Most cuts in one search. Where none of them is enough (at a minimum, up to rounding) the rate is 0 and the run
        stays where it is.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Notes
    -----
    See :cite:t:`nocedal2006numerical`, chapter 3. It is made for plain gradient descent and for losses free of noise
    (or for the loss of one batch at a time).

    Examples
    --------
    >>> from lrlab.objectives import Quadratic
    >>> bowl, params, rule = Quadratic([10.0]), np.array([1.0]), Armijo(lr=1.0)
    >>> rule.update(rule.init(), bowl.loss(params), bowl.grad(params), params, bowl.loss)
    (0.125, ArmijoState(evaluations=4))
    """

    lr: Any = 1.0
    c: Any = 1e-4
    shrink: Any = 0.5
    max_shrinks: int = 50

    needs = ("grad", "params", "loss_at")

    def __post_init__(self) -> None:
        check.positive(lr=self.lr, c=self.c, shrink=self.shrink)
        check.fraction(c=self.c, shrink=self.shrink)
        check.count(max_shrinks=self.max_shrinks)

    def init(self) -> ArmijoState:
        return ArmijoState(0)

    def _update(self, state: ArmijoState, loss: Any, grad: Any, params: Any, loss_at: Any) -> tuple[Any, ArmijoState]:
        slope = dot(grad, grad)

        def enough(lr: Any) -> Any:
            return loss_at(params - lr * grad) <= loss - self.c * lr * slope

        found = backtrack(np.broadcast_to(self.lr, slope.shape), enough, self.shrink, self.max_shrinks)
        return found.lr, ArmijoState(state.evaluations + found.tries)


class Search(NamedTuple):
    """The rate found (0 where none was), the last one tried, and the number of tries."""

    lr: Any
    last: Any
    tries: int


def backtrack(lr: Any, accepts: Callable[[Any], Any], shrink: Any, max_shrinks: int) -> Search:
    """Shrink the rate of each run until ``accepts(lr)``, at most ``max_shrinks`` times."""
    with np.errstate(over="ignore", invalid="ignore"):  # a trial may jump anywhere; NaN is not accepted
        accepted = np.asarray(accepts(lr))
        tries = 1
        while not accepted.all() and tries <= max_shrinks:
            lr = np.where(accepted, lr, shrink * lr)
            accepted = np.asarray(accepts(lr))
            tries += 1
    return Search(np.where(accepted, lr, 0.0), lr, tries)
