"""Taylor's formula: what the first and second order predict of one step, what the bound promises, and what happens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import traitlets
from matplotlib.figure import Figure as Picture

from lrlab.display import COLORS, INK
from lrlab.objectives import Objective
from lrlab.plots import subplots
from lrlab.widgets.base import Figure, Point, Positive, Range
from lrlab.widgets.landscape import PRESETS, preset
from lrlab.widgets.specs import instance, to_spec


class Decrease(NamedTuple):
    """By how much one step lowers the loss: in truth, by the models of first and second order, and by the bound."""

    truth: float
    first: float
    second: float
    bound: float


def _largest_curvature(objective: Objective, x: Sequence[float], y: Sequence[float]) -> float:
    """Rounded up to three digits, over a grid of points of the map."""
    points = [(a, b) for a in np.linspace(x[0], x[1], 25) for b in np.linspace(y[0], y[1], 25)]
    found = max(float(np.linalg.eigvalsh(objective.hessian(point))[-1]) for point in points)
    unit = 10.0 ** (math.floor(math.log10(found)) - 2)
    return float(f"{math.ceil(found / unit) * unit:.3g}")


class ModelAndTruth(Figure):
    r"""The loss along the gradient beside its models: drag the rate and see predicted against real decrease.

    .. math::

        L(\theta - \eta g) \approx L(\theta) - \eta \lVert g \rVert^2 + \tfrac12 \eta^2 g^\top H g
        \le L(\theta) - \eta \lVert g \rVert^2 + \tfrac12 \eta^2 \Lambda \lVert g \rVert^2

    Parameters
    ----------
    objective : Objective of two parameters, or a name of ``PRESETS``
        :math:`L(\theta)`.
    lr : float > 0
        :math:`\eta`; the best one for the bound, :math:`1/\Lambda`, if not given.
    smoothness : float > 0
        :math:`\Lambda` of the bound; the largest curvature on the map if not given.
    start : (float, float)
        :math:`\theta`.
    x, y : (low, high)
        What the map shows.

    Raises
    ------
    ValueError
        If a setting is out of its range, or the objective has not two parameters.

    Examples
    --------
    >>> shown = ModelAndTruth("bowl, condition 10", lr=0.1, start=(1.0, 0.0))
    >>> shown.smoothness, round(shown.decrease.truth, 6), round(shown.decrease.bound, 6)
    (10.0, 0.095, 0.05)
    """

    _script = "model_and_truth.js"
    _presets = traitlets.Dict({name: to_spec(one._asdict()) for name, one in PRESETS.items()}).tag(sync=True)
    objective = instance(Objective)
    lr = Positive(0.1).tag(sync=True)
    smoothness = Positive(1.0).tag(sync=True)
    start = Point().tag(sync=True)
    x = Range().tag(sync=True)
    y = Range().tag(sync=True)

    def __init__(
        self,
        objective: Objective | str = "logistic regression",
        lr: float | None = None,
        smoothness: float | None = None,
        start: Sequence[float] | None = None,
        x: Sequence[float] | None = None,
        y: Sequence[float] | None = None,
    ) -> None:
        settings = preset(objective, start=start, x=x, y=y)
        del settings["steps"]
        if smoothness is None:
            smoothness = _largest_curvature(settings["objective"], settings["x"], settings["y"])
        super().__init__(**settings | {"lr": 1 / smoothness if lr is None else lr}, smoothness=smoothness)

    @property
    def decrease(self) -> Decrease:
        """What one step of the present rate does, and what was said of it."""
        objective, start = self.objective, np.array(self.start)
        grad = objective.grad(start)
        square, bend = float(grad @ grad), float(grad @ objective.hessian(start) @ grad)
        first = self.lr * square
        return Decrease(
            truth=float(objective.loss(start) - objective.loss(start - self.lr * grad)),
            first=first,
            second=first - self.lr**2 * bend / 2,
            bound=first - self.lr**2 * self.smoothness * square / 2,
        )

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        found = self.decrease
        return (
            f"The loss of {type(self.objective).__name__} along its gradient, with models. A step of rate "
            f"{self.lr:.3g} lowers it by {found.truth:.3g}; the first order predicts {found.first:.3g}, the second "
            f"{found.second:.3g}, and the bound with Λ = {self.smoothness:.3g} promises {found.bound:.3g}."
        )

    def _picture(self) -> Picture:
        objective, start = self.objective, np.array(self.start)
        loss, grad = objective.loss_and_grad(start)
        square, bend = grad @ grad, grad @ objective.hessian(start) @ grad
        rates = np.linspace(0, 4 / self.smoothness, 200)
        fig, ax = subplots()
        ax.plot(rates, objective.loss(start[:, None] - rates * grad[:, None]), color=INK, label="loss")
        ax.plot(rates, loss - rates * square, color=COLORS["orange"], label="first order")
        ax.plot(rates, loss - rates * square + rates**2 * bend / 2, color=COLORS["purple"], label="second order")
        bound = loss - rates * square + rates**2 * self.smoothness * square / 2
        ax.plot(rates, bound, color=COLORS["green"], linestyle="--", label="bound with Λ")
        ax.axvline(self.lr, color=COLORS["blue"])
        fall = square / self.smoothness
        ax.set(xlabel="rate η", ylabel="L(θ − η g)", ylim=(loss - fall, loss + fall))
        ax.legend()
        return cast(Picture, fig)
