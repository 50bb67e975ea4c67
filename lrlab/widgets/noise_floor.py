"""Stochastic gradients: the cloud around the minimum, and how large theory says it is."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure as Picture
from matplotlib.patches import Ellipse

from lrlab._checks import Floats
from lrlab.display import COLORS, INK
from lrlab.objectives import Quadratic
from lrlab.optimizers import GradientDescent
from lrlab.plots import losses, subplots
from lrlab.training import Trajectory, minimize
from lrlab.widgets.base import Count, Figure, NonNegative, Positive
from lrlab.widgets.draws import Draws

CURVATURE, START, RUNS, STEPS, TAIL, SEED = (1.0, 4.0), (2.4, 1.8), 160, 150, 30, 2


class NoiseFloor(Figure):
    r"""Stochastic gradient descent on a bowl: the cloud of runs around the minimum, predicted and measured.

    .. math:: \text{size}_i^2 = \frac{\eta \, \sigma^2 / B}{\lambda_i \, (2 - \eta \lambda_i)},
        \qquad \text{floor} = \tfrac12 \sum_i \lambda_i \, \text{size}_i^2

    Parameters
    ----------
    lr : float > 0
        :math:`\eta`.
    batch : int
        :math:`B`, examples per gradient.
    noise : float >= 0
        :math:`\sigma`, standard deviation of one example's gradient, per coordinate.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> shown = NoiseFloor(lr=0.1, batch=4, noise=2.0)
    >>> shown.predicted.round(4), round(shown.predicted_floor, 4)
    (array([0.2294, 0.125 ]), 0.0576)
    """

    _script = "noise_floor.js"
    lr = Positive(0.1).tag(sync=True)
    batch = Count(4).tag(sync=True)
    noise = NonNegative(2.0).tag(sync=True)

    def __init__(self, lr: float = 0.1, batch: int = 4, noise: float = 3.0) -> None:
        super().__init__(lr=lr, batch=batch, noise=noise)

    @property
    def trajectory(self) -> Trajectory:
        """The 160 runs that the figure shows, as ``lrlab.minimize`` makes them."""
        bowl = Quadratic(CURVATURE, noise=self.noise / math.sqrt(self.batch))
        rng: Any = Draws(SEED)
        start = np.tile(np.reshape(START, (2, 1)), RUNS)
        return minimize(bowl, start, GradientDescent(), self.lr, STEPS, rng=rng)

    @property
    def predicted(self) -> Floats:
        """The size of the cloud in each direction by theory; infinite where the rate is not stable."""
        curvature, variance = np.array(CURVATURE), self.noise**2 / self.batch
        with np.errstate(divide="ignore"):
            square = self.lr * variance / (curvature * (2 - self.lr * curvature))
        return np.where(self.lr * curvature < 2, np.sqrt(np.abs(square)), np.inf)

    @property
    def predicted_floor(self) -> float:
        """The loss at which the runs stop falling, by theory."""
        return float(np.sum(np.array(CURVATURE) * self.predicted**2) / 2)

    @property
    def measured(self) -> Floats:
        """The root mean square distance to the minimum in each direction, over all runs and the last 30 steps."""
        return np.asarray(np.sqrt((self.trajectory.params[-TAIL:] ** 2).mean(axis=(0, 2))))

    @property
    def measured_floor(self) -> float:
        """The mean loss over all runs and the last 30 steps."""
        return float(self.trajectory.loss[-TAIL:].mean())

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        return (
            f"A cloud of {RUNS} runs of stochastic gradient descent around a minimum, rate {self.lr:.3g}, batch "
            f"{self.batch}. The loss stops at {self.measured_floor:.3g}; theory predicts {self.predicted_floor:.3g}."
        )

    def _picture(self) -> Picture:
        run = self.trajectory
        fig, (left, right) = subplots(1, 2)
        left.scatter(*run.params[-1], s=8, color=COLORS["blue"], alpha=0.5)
        for size, color, dashes in ((self.predicted, INK, "--"), (self.measured, COLORS["orange"], "-")):
            if np.isfinite(size).all():
                left.add_patch(Ellipse((0, 0), *(4 * size), fill=False, edgecolor=color, linestyle=dashes))
        left.set(xlabel="θ₁", ylabel="θ₂", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
        losses(right, run.loss.mean(axis=1), label="measured", color=COLORS["orange"])
        if 0 < self.predicted_floor < math.inf:
            right.axhline(self.predicted_floor, color=INK, linestyle="--", label="predicted floor")
        right.set(ylabel="mean loss")
        right.legend()
        return cast(Picture, fig)
