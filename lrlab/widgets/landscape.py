"""Descent on a landscape: any method, any objective of two parameters, two methods side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import traitlets
from matplotlib.figure import Figure as Picture

from lrlab.display import COLORS
from lrlab.objectives import Beale, LogisticRegression, Objective, Quadratic, Rosenbrock
from lrlab.optimizers import GradientDescent, Method
from lrlab.plots import contours, losses, path, subplots
from lrlab.schedules import Constant, Cosine, InverseTime, Linear, Schedule, StepDecay, Warmup
from lrlab.training import Trajectory, minimize
from lrlab.widgets.base import Count, Figure, Point, Positive, Range
from lrlab.widgets.specs import instance, to_spec

_ROWS = [[-2.0, 1.0], [-1.0, 1.0], [-0.5, 1.0], [0.2, 1.0], [0.8, 1.0], [1.0, 1.0], [1.6, 1.0], [2.5, 1.0]]


class Preset(NamedTuple):
    """An objective with the ranges, the start and the rate that suit it."""

    objective: Objective
    x: tuple[float, float]
    y: tuple[float, float]
    start: tuple[float, float]
    lr: float
    steps: int = 60


#: What the figures offer in their list; a figure takes a name of it in place of an objective.
PRESETS = {
    "bowl, condition 10": Preset(Quadratic([1.0, 10.0]), (-3, 3), (-2, 2), (-2.6, 1.4), 0.17),
    "tilted valley": Preset(Quadratic([[5.0, 4.0], [4.0, 5.0]]), (-3, 3), (-3, 3), (-2.5, 1.0), 0.1),
    "Rosenbrock": Preset(Rosenbrock(b=10), (-2, 2), (-1, 3), (-1.4, 1.6), 0.008, 200),
    "Beale": Preset(Beale(), (-1, 4), (-2, 2), (0.4, 1.2), 0.02, 100),
    "logistic regression": Preset(
        LogisticRegression(_ROWS, [0, 0, 1, 0, 0, 1, 1, 1], l2=0.02), (-2, 4), (-3, 3), (-1.5, 2.5), 1.0
    ),
}


def shaped(shape: str, lr: float, steps: int) -> Schedule:
    """The schedules that a landscape offers, over ``steps`` steps.

    Raises
    ------
    ValueError
        If the shape is none of them.
    """
    warmup = math.ceil(steps / 10)
    shapes = {
        "constant": Constant(lr),
        "linear": Linear(lr, steps),
        "cosine": Cosine(lr, steps),
        "inverse time": InverseTime(lr, scale=steps / 10),
        "step decay": StepDecay(lr, gamma=0.3, every=math.ceil(steps / 4)),
        "warm-up, cosine": Warmup(Cosine(lr, max(steps - warmup, 1)), warmup),
    }
    if shape not in shapes:
        raise ValueError(f"shape must be one of {', '.join(shapes)}, got shape={shape!r}")
    return shapes[shape]


def preset(objective: Objective | str, **given: Any) -> dict[str, Any]:
    """The settings of a preset, or of an objective of one's own, with those that are given in place of the usual ones.

    Raises
    ------
    ValueError
        If the name is no preset's, or the objective has not two parameters.
    """
    if isinstance(objective, str) and objective not in PRESETS:
        raise ValueError(f"objective must be an Objective or one of {', '.join(PRESETS)}, got {objective!r}")
    if not isinstance(objective, str) and getattr(objective, "dim", None) != 2:
        raise ValueError(f"objective must have two parameters, got objective={objective!r}")
    own = PRESETS[objective] if isinstance(objective, str) else Preset(objective, (-3, 3), (-3, 3), (-2.0, 1.5), 0.1)
    return own._asdict() | {name: value for name, value in given.items() if value is not None}


class Landscape(Figure):
    r"""Descent on the contours of an objective: drag the start, change method, rate, momentum and schedule.

    Beside the map stand the loss and the eigenvalues of the Hessian along the way, with the largest curvature that the
    method can bear, :math:`2/\eta` for gradient descent.

    Parameters
    ----------
    objective : Objective of two parameters, or a name of ``PRESETS``
        :math:`L`.
    first, second : Method
        Who walks; ``second`` may be None.
    lr, lr_second : float > 0
        Their rates; ``lr_second`` is ``lr`` if not given.
    shape : str
        The schedule: constant, linear, cosine, inverse time, step decay, or warm-up, cosine.
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

    Notes
    -----
    After :cite:t:`goh2017why`, where every figure answers the hand.

    Examples
    --------
    >>> from lrlab.optimizers import HeavyBall
    >>> shown = Landscape("bowl, condition 10", second=HeavyBall(0.6), steps=50)
    >>> [f"{run.loss[-1]:.2g}" for run in shown.trajectories]
    ['2.7e-08', '9.1e-11']
    """

    _script = "landscape.js"
    _presets = traitlets.Dict({name: to_spec(one._asdict()) for name, one in PRESETS.items()}).tag(sync=True)
    objective = instance(Objective)
    first = instance(Method)
    second = instance(Method)
    lr = Positive(0.1).tag(sync=True)
    lr_second = Positive(0.1).tag(sync=True)
    shape = traitlets.Unicode("constant").tag(sync=True)
    start = Point().tag(sync=True)
    steps = Count(60).tag(sync=True)
    x = Range().tag(sync=True)
    y = Range().tag(sync=True)

    def __init__(
        self,
        objective: Objective | str = "bowl, condition 10",
        first: Method | None = None,
        second: Method | None = None,
        lr: float | None = None,
        lr_second: float | None = None,
        shape: str = "constant",
        start: Sequence[float] | None = None,
        steps: int | None = None,
        x: Sequence[float] | None = None,
        y: Sequence[float] | None = None,
    ) -> None:
        settings = preset(objective, lr=lr, start=start, steps=steps, x=x, y=y)
        settings |= {"lr_second": settings["lr"] if lr_second is None else lr_second, "shape": shape}
        super().__init__(**settings, first=first or GradientDescent(), second=second)

    @traitlets.validate("shape")
    def _known_shape(self, proposal: Any) -> str:
        shaped(proposal["value"], lr=1.0, steps=1)
        return str(proposal["value"])

    @property
    def trajectories(self) -> list[Trajectory]:
        """The runs that the figure shows, as ``lrlab.minimize`` makes them."""
        pairs = [(self.first, self.lr), (self.second, self.lr_second)]
        return [
            minimize(self.objective, self.start, method, shaped(self.shape, lr, self.steps), self.steps)
            for method, lr in pairs
            if method is not None
        ]

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        names = [repr(method) for method in (self.first, self.second) if method is not None]
        ends = [f"{name} has loss {run.loss[-1]:.3g}" for name, run in zip(names, self.trajectories, strict=True)]
        x, y = self.start
        return (
            f"Descent on {type(self.objective).__name__} from ({x:.3g}, {y:.3g}): after {self.steps} steps "
            f"{' and '.join(ends)}."
        )

    def _picture(self) -> Picture:
        fig, (left, right) = subplots(1, 2)
        contours(left, self.objective, (self.x[0], self.x[1]), (self.y[0], self.y[1]))
        for run, method, color in zip(
            self.trajectories, (self.first, self.second), (COLORS["blue"], COLORS["orange"]), strict=False
        ):
            shown = np.clip(run.params, -1e6, 1e6)
            path(left, Trajectory(shown, run.loss, run.lr, run.grad_norm), color=color)
            losses(right, run.loss, label=type(method).__name__, color=color)
        right.legend()
        return cast(Picture, fig)
