"""Momentum on a bowl: which pairs of rate and momentum converge, and how fast."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import traitlets
from matplotlib.figure import Figure as Picture
from numpy.typing import ArrayLike

from lrlab import optimizers
from lrlab.display import COLORS, INK
from lrlab.objectives import Quadratic
from lrlab.plots import heatmap, losses, subplots
from lrlab.training import Trajectory, minimize
from lrlab.widgets.base import AtLeastOne, Count, Figure, Fraction, Positive


def spectral_radius(method: str, lr: ArrayLike, momentum: ArrayLike, curvature: ArrayLike) -> Any:
    r"""What one step multiplies a direction of a bowl by, in the long run.

    .. math::

        \begin{pmatrix} \theta_{t+1} \\ \theta_t \end{pmatrix}
        = \begin{pmatrix} a & -b \\ 1 & 0 \end{pmatrix}
        \begin{pmatrix} \theta_t \\ \theta_{t-1} \end{pmatrix}

    with :math:`a = 1 - \eta\lambda + \beta, \; b = \beta` for heavy ball and
    :math:`a = (1 + \beta)(1 - \eta\lambda), \; b = \beta (1 - \eta\lambda)` for Nesterov.

    Parameters
    ----------
    method : {"HeavyBall", "Nesterov"}
        Whose matrix.
    lr, momentum, curvature : float or arrays that broadcast
        :math:`\eta`, :math:`\beta` and :math:`\lambda`.

    Returns
    -------
    array
        The largest modulus of the matrix's eigenvalues; below 1 the method converges.

    Raises
    ------
    ValueError
        If the method is neither.

    Notes
    -----
    For heavy ball :cite:t:`polyak1964some`.

    Examples
    --------
    >>> round(float(spectral_radius("HeavyBall", lr=0.1, momentum=0.81, curvature=1.0)), 6)
    0.9
    """
    if method not in ("HeavyBall", "Nesterov"):
        raise ValueError(f"method must be 'HeavyBall' or 'Nesterov', got method={method!r}")
    shrink, beta = np.broadcast_arrays(1 - np.asarray(lr) * np.asarray(curvature), np.asarray(momentum, dtype=float))
    matrix = np.zeros((*shrink.shape, 2, 2))
    matrix[..., 1, 0] = 1
    matrix[..., 0, 0] = shrink + beta if method == "HeavyBall" else (1 + beta) * shrink
    matrix[..., 0, 1] = -beta if method == "HeavyBall" else -beta * shrink
    return np.abs(np.linalg.eigvals(matrix)).max(axis=-1)


class StabilityMap(Figure):
    r"""Rate against momentum on a bowl of curvatures 1 and :math:`\kappa`, colored by the speed of convergence.

    Parameters
    ----------
    method : {"HeavyBall", "Nesterov"}
        Who walks.
    lr : float > 0
        :math:`\eta`; the best one without momentum, :math:`2 / (1 + \kappa)`, if not given.
    momentum : float in [0, 1)
        :math:`\beta`.
    condition : float >= 1
        :math:`\kappa`, the largest curvature over the smallest.
    steps : int
        How many steps are drawn.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> shown = StabilityMap(condition=100)
    >>> round(shown.lr, 4), round(shown.radius, 4)
    (0.0198, 0.9802)
    >>> shown.lr, shown.momentum = shown.optimum("HeavyBall", condition=100)
    >>> round(shown.lr, 4), round(shown.momentum, 4), round(shown.radius, 4)
    (0.0331, 0.6694, 0.8182)
    """

    _script = "stability_map.js"
    method = traitlets.Enum(("HeavyBall", "Nesterov"), "HeavyBall").tag(sync=True)
    lr = Positive(0.1).tag(sync=True)
    momentum = Fraction(0.5).tag(sync=True)
    condition = AtLeastOne(10.0).tag(sync=True)
    steps = Count(60).tag(sync=True)

    def __init__(
        self,
        method: str = "HeavyBall",
        lr: float | None = None,
        momentum: float = 0.0,
        condition: float = 10.0,
        steps: int = 60,
    ) -> None:
        spectral_radius(method, 1.0, 0.0, 1.0)  # a wrong name is told here
        lr = 2 / (1 + condition) if lr is None else lr
        super().__init__(method=method, lr=lr, momentum=momentum, condition=condition, steps=steps)

    @staticmethod
    def optimum(method: str, condition: float) -> tuple[float, float]:
        r"""The rate and the momentum with the smallest spectral radius, for curvatures 1 and :math:`\kappa`.

        .. math:: \eta = \Bigl(\frac{2}{\sqrt\kappa + 1}\Bigr)^2, \quad
            \beta = \Bigl(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\Bigr)^2

        for heavy ball, and :math:`\eta = 4 / (3\kappa + 1)`, :math:`\beta = (1 - \sqrt\eta) / (1 + \sqrt\eta)` for
        Nesterov :cite:p:`lessard2016analysis`.
        """
        root = math.sqrt(condition)
        if method == "HeavyBall":
            return (2 / (root + 1)) ** 2, ((root - 1) / (root + 1)) ** 2
        lr = 4 / (3 * condition + 1)
        return lr, (1 - math.sqrt(lr)) / (1 + math.sqrt(lr))

    @property
    def radius(self) -> float:
        """What one step multiplies the distance by, in the long run."""
        return float(spectral_radius(self.method, self.lr, self.momentum, [1.0, self.condition]).max())

    @property
    def trajectory(self) -> Trajectory:
        """The run that the figure shows, as ``lrlab.minimize`` makes it."""
        rule = getattr(optimizers, self.method)(self.momentum)
        return minimize(Quadratic([1.0, self.condition]), [1.0, 1.0], rule, self.lr, self.steps)

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        lr, momentum = self.optimum(self.method, self.condition)
        return (
            f"A map of rate against momentum for {self.method} on a bowl of condition {self.condition:.3g}. At rate "
            f"{self.lr:.3g} and momentum {self.momentum:.3g} each step multiplies the distance by {self.radius:.4g}; "
            f"the fastest pair is rate {lr:.3g} and momentum {momentum:.3g}."
        )

    def _picture(self) -> Picture:
        lr, momentum = np.linspace(0, 4 / self.condition, 120)[1:], np.linspace(0, 0.99, 100)
        curvature = np.array([1.0, self.condition])[:, None, None]
        radius = spectral_radius(self.method, lr, momentum[:, None], curvature).max(axis=0)
        fig, (left, right) = subplots(1, 2)
        heatmap(left, lr, momentum, np.where(radius < 1, radius, np.nan), label="factor per step")
        left.plot(*self.optimum(self.method, self.condition), marker="+", color="white", markersize=12)
        left.plot(self.lr, self.momentum, marker="o", color=COLORS["orange"])
        left.set(xlabel="rate η", ylabel="momentum β")
        distance = np.sqrt((self.trajectory.params**2).sum(axis=1))
        losses(right, distance, label="this run")
        theory = distance[0] * self.radius ** np.arange(self.steps + 1)
        losses(right, theory, label="theory", color=INK, linestyle="--")
        right.set(ylabel="distance to the minimum")
        right.legend()
        return cast(Picture, fig)
