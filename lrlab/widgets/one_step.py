"""Chapter 1: one step on a parabola, and the steps after it."""

from __future__ import annotations

from typing import cast

import numpy as np
from matplotlib.figure import Figure as Picture

from lrlab.display import COLORS, INK
from lrlab.objectives import Quadratic
from lrlab.optimizers import GradientDescent
from lrlab.plots import subplots
from lrlab.training import Trajectory, minimize
from lrlab.widgets.base import Count, Figure, Finite, Positive


class OneStep(Figure):
    r"""Gradient descent on :math:`L(\theta) = \tfrac12 \lambda \theta^2`: drag the start, set the rate, see the regime.

    .. math:: \theta_{t+1} = (1 - \eta \lambda) \, \theta_t

    Parameters
    ----------
    lr : float > 0
        :math:`\eta`.
    curvature : float > 0
        :math:`\lambda`.
    start : float
        :math:`\theta_0`; the picture reaches from -3 to 3.
    steps : int
        How many steps are drawn.

    Raises
    ------
    ValueError
        If a setting is out of its range, at the start or later.

    Examples
    --------
    >>> shown = OneStep(lr=0.5, curvature=1.0, start=2.0)
    >>> shown.multiplier, shown.regime
    (0.5, 'monotone')
    >>> shown.lr = 2.5
    >>> shown.regime
    'diverging'
    """

    _script = "one_step.js"
    lr = Positive(0.3).tag(sync=True)
    curvature = Positive(1.0).tag(sync=True)
    start = Finite(2.0).tag(sync=True)
    steps = Count(20).tag(sync=True)

    def __init__(self, lr: float = 0.3, curvature: float = 1.0, start: float = 2.0, steps: int = 20) -> None:
        super().__init__(lr=lr, curvature=curvature, start=start, steps=steps)

    @property
    def multiplier(self) -> float:
        r""":math:`1 - \eta\lambda`, the factor of every step."""
        return 1 - self.lr * self.curvature

    @property
    def regime(self) -> str:
        r"""What the steps do, in a word.

        ``creeping`` (:math:`\eta\lambda < 0.1`), ``monotone`` (below 1), ``oscillating`` (below 2) or ``diverging``;
        ``one step`` at 1 and ``bouncing`` at 2.
        """
        product = self.lr * self.curvature
        if product in (1, 2):
            return "one step" if product == 1 else "bouncing"
        return ("creeping", "monotone", "oscillating", "diverging")[int(np.digitize(product, (0.1, 1, 2)))]

    @property
    def trajectory(self) -> Trajectory:
        """The run that the figure shows, as ``lrlab.minimize`` makes it."""
        return minimize(Quadratic([self.curvature]), [self.start], GradientDescent(), self.lr, self.steps)

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        end = self.trajectory.params[-1, 0]
        return (
            f"Gradient descent on a parabola of curvature {self.curvature:.3g} with rate {self.lr:.3g}: {self.regime}. "
            f"Each step multiplies θ by {self.multiplier:.3g}; from {self.start:.3g} it comes to {end:.3g} "
            f"in {self.steps} steps."
        )

    def _picture(self) -> Picture:
        run = self.trajectory
        theta = np.linspace(-3, 3, 121)
        fig, (loss, time) = subplots(1, 2)
        loss.plot(theta, self.curvature * theta**2 / 2, color=INK)
        loss.plot(run.params[:, 0], run.loss, color=COLORS["blue"], marker="o", markersize=4)
        loss.set(xlabel="θ", ylabel="loss L(θ)", xlim=(-3, 3), ylim=(0, 4.6 * self.curvature))
        time.plot(run.params[:, 0], color=COLORS["blue"], marker="o", markersize=4)
        time.set(xlabel="step t", ylabel="θ after t steps", ylim=(-3, 3))
        fig.suptitle(f"η = {self.lr:.3g}, λ = {self.curvature:.3g}: {self.regime}")
        return cast(Picture, fig)
