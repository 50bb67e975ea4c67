"""Run a method on an objective and keep everything that happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from lrlab import _checks as check
from lrlab._checks import Floats
from lrlab.dynamic import DynamicRate
from lrlab.objectives import Objective
from lrlab.optimizers import Method
from lrlab.optimizers.base import hyperparameters
from lrlab.schedules import AnySchedule, Schedule


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""What `minimize` saw, step by step; the runs of a grid are the trailing axes.

    Attributes
    ----------
    params : array of shape (steps + 1, d, \*runs)
        :math:`\theta_0, \theta_1, \dots`; for a method that averages, the averages.
    loss : array of shape (steps + 1, \*runs)
        The loss at ``params``, free of noise.
    lr : array of shape (steps, \*runs)
        :math:`\eta_t`, which made ``params[t + 1]`` from ``params[t]``.
    grad_norm : array of shape (steps + 1, \*runs)
        Length of the gradient that the method got, noise included.
    """

    params: Floats
    loss: Floats
    lr: Floats
    grad_norm: Floats

    @property
    def steps(self) -> int:
        """Steps done: fewer than asked for if a stopping rule ended the run."""
        return len(self.lr)

    @property
    def diverged(self) -> Any:
        """Of shape ``runs``: True where parameters or loss became inf or NaN."""
        return self._broken.any(axis=0)

    @property
    def diverged_at(self) -> Any:
        """Of shape ``runs``: the first index into ``loss`` that is inf or NaN, or -1 where there is none."""
        return np.where(self.diverged, self._broken.argmax(axis=0), -1)

    @property
    def _broken(self) -> Any:
        return ~(np.isfinite(self.loss) & np.isfinite(self.params).all(axis=1))

    def __repr__(self) -> str:
        runs = self.loss.shape[1:]
        return f"Trajectory({self.steps} steps, runs {runs}, {np.count_nonzero(self.diverged)} diverged)"


class StopRule(Protocol):
    """What `minimize` asks after every step: which runs are done, given the losses and gradient norms so far."""

    def __call__(self, loss: Floats, grad_norm: Floats) -> Any:
        """A boolean of shape ``runs``."""


@dataclass(frozen=True)
class GradientBelow:
    r"""Stop where :math:`\lVert g_t \rVert` is below a threshold.

    Parameters
    ----------
    threshold : float > 0
        In the unit of the gradient: loss per unit of the parameters.

    Raises
    ------
    ValueError
        If ``threshold`` is not positive.

    Examples
    --------
    >>> from lrlab.objectives import Quadratic
    >>> from lrlab.optimizers import GradientDescent
    >>> minimize(Quadratic([1.0]), [1.0], GradientDescent(), lr=0.5, steps=100, stop=GradientBelow(1e-3)).steps
    10
    """

    threshold: float

    def __post_init__(self) -> None:
        check.positive(threshold=self.threshold)

    def __call__(self, loss: Floats, grad_norm: Floats) -> Any:
        return grad_norm[-1] < self.threshold


@dataclass(frozen=True)
class LossStalls:
    r"""Stop where the best loss of the last ``patience`` steps is no better than the best before them.

    Parameters
    ----------
    patience : int
        Steps to wait for an improvement.
    tolerance : float >= 0
        An improvement counts when it is larger than ``tolerance`` times the best loss so far.

    Raises
    ------
    ValueError
        If ``patience`` is no positive integer or ``tolerance`` negative.

    Examples
    --------
    >>> rule = LossStalls(patience=2)
    >>> losses = np.array([3.0, 2.0, 2.5, 2.1])
    >>> bool(rule(losses[:3], losses)), bool(rule(losses, losses))
    (False, True)
    """

    patience: int
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        check.count(patience=self.patience)
        check.non_negative(tolerance=self.tolerance)

    def __call__(self, loss: Floats, grad_norm: Floats) -> Any:
        if len(loss) <= self.patience:
            return np.zeros(loss.shape[1:], dtype=bool)
        before, lately = loss[: -self.patience].min(axis=0), loss[-self.patience :].min(axis=0)
        return lately >= before - self.tolerance * np.abs(before)


def minimize(
    objective: Objective,
    start: ArrayLike,
    optimizer: Method,
    lr: AnySchedule | ArrayLike | DynamicRate,
    steps: int,
    rng: np.random.Generator | int | None = None,
    stop: StopRule | None = None,
    transform: Callable[[Floats], Floats] | None = None,
) -> Trajectory:
    r"""Take ``steps`` steps of a method, for one run or for a whole grid of runs at once.

    .. math:: \theta_{t+1}, s_{t+1} = \text{step}(\theta_t, g_t, s_t, \eta_t), \qquad g_t = \nabla L(\theta_t)

    Parameters
    ----------
    objective : Objective
        :math:`L`.
    start : array of shape (d,) or (d, \*runs)
        :math:`\theta_0`; spread over the runs that ``lr`` and the optimizer's hyperparameters ask for.
    optimizer : Method
        Its hyperparameters may be arrays that broadcast to ``runs``.
    lr : float, array that broadcasts to ``runs``, schedule, callable ``t -> lr``, or `lrlab.dynamic.DynamicRate`
        :math:`\eta_t`.
    steps : int
        Steps to take.
    rng : numpy.random.Generator or int, optional
        Given, gradients are noisy draws from it. An integer is a generator's seed.
    stop : callable, optional
        Ends the call once every run is done or has diverged: `GradientBelow`, `LossStalls`, or a `StopRule` of yours.
    transform : callable, optional
        Applied to each gradient before the step, for example ``lambda g: clip_norm(g, 1.0)``.

    Returns
    -------
    Trajectory
        A run that diverges is no error: it holds inf or NaN from there on, and ``diverged`` tells.

    Raises
    ------
    ValueError
        If ``steps`` is no positive integer, a rate is negative or not finite, ``rng`` draws nothing, or shapes do not
        fit.

    Examples
    --------
    >>> from lrlab.objectives import Quadratic
    >>> from lrlab.optimizers import HeavyBall
    >>> run = minimize(Quadratic([1.0, 10.0]), [1.0, 1.0], HeavyBall(0.5), lr=0.1, steps=50)
    >>> run.params.shape, run.loss[-1] < 1e-6
    ((51, 2), np.True_)
    >>> grid = minimize(
    ...     Quadratic([1.0, 10.0]), [1.0, 1.0], HeavyBall(np.array([0.0, 0.9])), lr=np.array([[0.1], [0.5]]), steps=2000
    ... )
    >>> grid.diverged
    array([[False, False],
           [ True,  True]])
    """
    check.count(steps=steps)
    source = check.generator(rng)
    rule: Any = lr if isinstance(lr, DynamicRate) else None
    rates = np.empty(steps) if rule else _rates(lr, steps)
    settings = hyperparameters(optimizer) + hyperparameters(rule)
    params = _spread(start, objective.dim, [rates.shape[1:], *(np.shape(value) for _, value in settings)])
    runs = params.shape[1:]
    if rule:
        rates, rule_state = np.empty((steps, *runs)), rule.init()
    all_params, all_loss = np.empty((steps + 1, *params.shape)), np.empty((steps + 1, *runs))
    all_norms = np.empty((steps + 1, *runs))
    state = optimizer.init(params)
    done = 0
    with np.errstate(all="ignore"):  # a run that diverges is recorded, not reported
        for t in range(steps + 1):
            judged = optimizer.eval_params(params, state)
            loss, grad = objective.loss_and_grad(params, source)
            all_params[t], all_loss[t] = judged, loss if judged is params else objective.loss(judged)
            _norm(grad, out=all_norms[t, ...])
            done = t
            if t == steps or (stop is not None and _finished(stop, all_loss[: t + 1], all_norms[: t + 1])):
                break
            grad = grad if transform is None else transform(grad)
            if rule:
                rates[t], rule_state = rule.update(rule_state, loss, grad, params, objective.loss)
            params, state = optimizer.step(params, grad, state, rates[t])
    lrs = np.broadcast_to(rates.reshape(steps, *(1,) * (len(runs) + 1 - rates.ndim), *rates.shape[1:]), (steps, *runs))
    return Trajectory(all_params[: done + 1], all_loss[: done + 1], lrs[:done], all_norms[: done + 1])


def clip_norm(grad: Any, max_norm: float) -> Any:
    r"""Shorten a gradient longer than ``max_norm``, run by run; its direction stays :cite:p:`pascanu2013difficulty`.

    .. math:: g \leftarrow g \cdot \min(1, \; c / \lVert g \rVert)

    Parameters
    ----------
    grad : array of shape (d,) or (d, \*runs), or a list of arrays (layers of one network)
        :math:`g`; the norm of a list is that of all its numbers together.
    max_norm : float > 0
        :math:`c`, in the unit of the gradient.

    Raises
    ------
    ValueError
        If ``max_norm`` is not positive.

    Examples
    --------
    >>> clip_norm(np.array([3.0, 4.0]), max_norm=1.0)
    array([0.6, 0.8])
    """
    check.positive(max_norm=max_norm)
    if isinstance(grad, list | tuple):
        factor = min(1.0, max_norm / max(float(np.linalg.norm(grad_norms(grad))), np.finfo(float).tiny))
        return [factor * layer for layer in grad]
    return grad * np.minimum(1.0, max_norm / np.maximum(_norm(grad), np.finfo(float).tiny))


def clip_value(grad: Any, max_value: float) -> Any:
    r"""Hold each coordinate of a gradient within :math:`[-c, c]`; the direction may change.

    .. math:: g_i \leftarrow \max(-c, \min(g_i, c))

    Parameters
    ----------
    grad : array or list of arrays
        :math:`g`.
    max_value : float > 0
        :math:`c`, in the unit of the gradient.

    Raises
    ------
    ValueError
        If ``max_value`` is not positive.

    Examples
    --------
    >>> clip_value(np.array([3.0, -0.5]), max_value=1.0)
    array([ 1. , -0.5])
    """
    check.positive(max_value=max_value)
    if isinstance(grad, list | tuple):
        return [clip_value(layer, max_value) for layer in grad]
    return np.clip(grad, -max_value, max_value)


def grad_norms(grads: Sequence[Any]) -> Floats:
    r"""The length of each layer's gradient: where they vanish or explode on the way down a network.

    .. math:: \lVert g^{(l)} \rVert = \sqrt{\textstyle\sum_i (g_i^{(l)})^2}

    Parameters
    ----------
    grads : sequence of arrays
        One per layer, of any shapes.

    Examples
    --------
    >>> grad_norms([np.array([[3.0, 4.0]]), np.array([2.0])])
    array([5., 2.])
    """
    return np.array([np.linalg.norm(np.ravel(layer)) for layer in grads])


def _rates(lr: Any, steps: int) -> Floats:
    """The rate of every step, of shape (steps, *what runs it asks for)."""
    if not callable(lr):
        check.non_negative(lr=lr)
        return np.broadcast_to(np.asarray(lr, dtype=np.float64), (steps, *np.shape(lr)))
    rates = lr(np.arange(steps)) if isinstance(lr, Schedule) else [lr(t) for t in range(steps)]
    check.non_negative(lr=rates)
    return np.asarray(rates, dtype=np.float64)


def _spread(start: ArrayLike, dim: int, shapes: list[tuple[int, ...]]) -> Floats:
    """``start`` with the runs that it and the settings of the given ``shapes`` ask for together."""
    params = check.numbers("start", start).astype(np.float64)
    if params.shape[:1] != (dim,):
        raise ValueError(f"start must have shape ({dim},) or ({dim}, *runs), got start={start!r}")
    try:
        runs = np.broadcast_shapes(params.shape[1:], *shapes)
    except ValueError:
        raise ValueError(
            f"start, lr and hyperparameters must fit, got runs {params.shape[1:]} and shapes {shapes}"
        ) from None
    params = params.reshape(len(params), *(1,) * (len(runs) + 1 - params.ndim), *params.shape[1:])
    return np.ascontiguousarray(np.broadcast_to(params, (len(params), *runs)))


def _norm(grad: Floats, out: Floats | None = None) -> Any:
    """Length over the coordinates, of shape ``runs``; written into ``out`` if it is given."""
    return np.sqrt(np.einsum("i...,i...->...", grad, grad), out=out)


def _finished(stop: StopRule, loss: Floats, grad_norm: Floats) -> bool:
    return bool(np.all(stop(loss, grad_norm) | ~np.isfinite(loss[-1])))
