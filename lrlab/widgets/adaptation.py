"""Adaptive methods: the effective rate of each coordinate, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import traitlets
from matplotlib.figure import Figure as Picture

from lrlab._checks import Floats
from lrlab.display import COLORS
from lrlab.objectives import Objective, Quadratic
from lrlab.optimizers import AdaGrad, Adam, Method, RMSProp
from lrlab.plots import contours, path, subplots
from lrlab.training import Trajectory, minimize
from lrlab.widgets.base import Count, Figure, Fraction, Point, Positive, Range
from lrlab.widgets.specs import instance


class Adaptation(Figure):
    r"""What AdaGrad, RMSProp or Adam makes of one rate: an effective rate for each coordinate, at each step.

    .. math:: \eta_{t,i} = \frac{\eta}{\sqrt{s_{t,i}} + \epsilon}

    with :math:`s` the sum (AdaGrad), the running mean (RMSProp) or the corrected running mean (Adam) of squared
    gradients.

    Parameters
    ----------
    method : {"Adam", "RMSProp", "AdaGrad"}
        Who walks.
    lr : float > 0
        :math:`\eta`.
    decay : float in [0, 1)
        :math:`\beta_2` of Adam, :math:`\rho` of RMSProp.
    eps : float > 0
        :math:`\epsilon`.
    objective : Objective of two parameters
        :math:`L`; a bowl of curvatures 1 and 50 if not given.
    start : (float, float)
        :math:`\theta_0`.
    steps : int
        How many steps are drawn.
    x, y : (low, high)
        What the map shows.

    Raises
    ------
    ValueError
        If a setting is out of its range, or the objective has not two parameters.

    Examples
    --------
    >>> shown = Adaptation("Adam", lr=0.1)
    >>> shown.effective_rates()[0] * abs(shown.objective.grad(shown.start))  # the first step is the rate itself
    array([0.1, 0.1])
    """

    _script = "adaptation.js"
    method = traitlets.Enum(("Adam", "RMSProp", "AdaGrad"), "Adam").tag(sync=True)
    lr = Positive(0.1).tag(sync=True)
    decay = Fraction(0.9).tag(sync=True)
    eps = Positive(1e-8).tag(sync=True)
    objective = instance(Objective)
    start = Point().tag(sync=True)
    steps = Count(60).tag(sync=True)
    x = Range().tag(sync=True)
    y = Range().tag(sync=True)

    def __init__(
        self,
        method: str = "Adam",
        lr: float = 0.1,
        decay: float = 0.99,
        eps: float = 1e-8,
        objective: Objective | None = None,
        start: Sequence[float] = (-2.4, 1.6),
        steps: int = 60,
        x: Sequence[float] = (-3, 3),
        y: Sequence[float] = (-2, 2),
    ) -> None:
        objective = Quadratic([1.0, 50.0]) if objective is None else objective
        if objective.dim != 2:
            raise ValueError(f"objective must have two parameters, got dim={objective.dim}")
        if method not in ("Adam", "RMSProp", "AdaGrad"):
            raise ValueError(f"method must be 'Adam', 'RMSProp' or 'AdaGrad', got method={method!r}")
        settings = {"method": method, "lr": lr, "decay": decay, "eps": eps, "steps": steps, "x": x, "y": y}
        super().__init__(**settings, objective=objective, start=start)

    @property
    def rule(self) -> Method:
        """The method with the present settings."""
        if self.method == "AdaGrad":
            return AdaGrad(eps=self.eps)
        return RMSProp(self.decay, eps=self.eps) if self.method == "RMSProp" else Adam(beta2=self.decay, eps=self.eps)

    @property
    def trajectory(self) -> Trajectory:
        """The run that the figure shows, as ``lrlab.minimize`` makes it."""
        return minimize(self.objective, self.start, self.rule, self.lr, self.steps)

    def effective_rates(self, corrected: bool = True) -> Floats:
        """The effective rates of the run, of shape ``(steps, 2)``.

        Parameters
        ----------
        corrected : bool
            Whether Adam's bias correction is applied; the others have none.
        """
        squares = np.array([self.objective.grad(point) ** 2 for point in self.trajectory.params[:-1]])
        if self.method == "AdaGrad":
            return np.asarray(self.lr / (np.sqrt(squares.cumsum(axis=0)) + self.eps))
        age = np.arange(self.steps)[:, None] - np.arange(self.steps)
        weights = np.where(age >= 0, (1 - self.decay) * self.decay ** np.maximum(age, 0), 0.0)
        if self.method == "Adam" and corrected:
            weights /= weights.sum(axis=1, keepdims=True)
        return np.asarray(self.lr / (np.sqrt(weights @ squares) + self.eps))

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        (a, b), (c, d) = self.effective_rates()[[0, -1]]
        return (
            f"{self.method} with rate {self.lr:.3g} on {type(self.objective).__name__}: the effective rates of the two "
            f"coordinates are {a:.3g} and {b:.3g} at the first step, {c:.3g} and {d:.3g} at step {self.steps}."
        )

    def _picture(self) -> Picture:
        fig, (left, right) = subplots(1, 2)
        contours(left, self.objective, (self.x[0], self.x[1]), (self.y[0], self.y[1]))
        path(left, self.trajectory)
        steps = np.arange(1, self.steps + 1)
        for i, color in enumerate((COLORS["orange"], COLORS["purple"])):
            right.semilogy(steps, self.effective_rates()[:, i], color=color, label=f"θ{'₁₂'[i]}")
            if self.method == "Adam":
                right.semilogy(steps, self.effective_rates(corrected=False)[:, i], color=color, linestyle=":")
        right.set(xlabel="step t", ylabel="effective rate")
        right.legend()
        return cast(Picture, fig)
