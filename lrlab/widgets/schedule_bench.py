"""Schedules on a bench: their shape and knots, and what they do to the loss of a noisy bowl."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import traitlets
from matplotlib.figure import Figure as Picture

from lrlab._checks import Floats
from lrlab.display import COLORS
from lrlab.objectives import Quadratic
from lrlab.optimizers import GradientDescent
from lrlab.plots import losses, subplots
from lrlab.schedules import (
    AnySchedule,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InversePower,
    InverseTime,
    Linear,
    OneCycle,
    Polynomial,
    Schedule,
    StepDecay,
    Triangular,
    Warmup,
    WarmupStableDecay,
)
from lrlab.training import minimize
from lrlab.widgets.base import Count, Figure, NonNegative, Positive, Whole
from lrlab.widgets.draws import Draws

CURVATURE, START, RUNS, SEED = (1.0, 10.0), (2.0, 1.0), 64, 1


def bench_schedule(shape: str, lr: float, lr_min: float, warmup: int, knee: int, steps: int) -> Schedule:
    """The schedules that the bench knows.

    Raises
    ------
    ValueError
        If the shape is none of them.
    """
    lr_min, warmup = min(lr_min, lr), min(warmup, steps)
    rest = max(steps - warmup, 1)
    shapes: dict[str, Any] = {
        "constant": lambda: Constant(lr),
        "step decay": lambda: StepDecay(lr, gamma=0.3, every=knee),
        "linear": lambda: Linear(lr, rest, lr_min),
        "polynomial": lambda: Polynomial(lr, rest, 2, lr_min),
        "cosine": lambda: Cosine(lr, rest, lr_min),
        "exponential": lambda: Exponential(lr, rate=1 / knee),
        "inverse time": lambda: InverseTime(lr, scale=knee),
        "inverse square root": lambda: InversePower(lr, scale=knee, power=0.5),
        "stable, then decay": lambda: WarmupStableDecay(lr, 0, min(knee, rest - 1), max(rest - knee, 1), lr_min),
        "cosine with restarts": lambda: CosineRestarts(lr, knee, 2, lr_min),
        "triangles": lambda: Triangular(lr_min, lr, knee),
        "one cycle": lambda: OneCycle(lr, steps, pct_start=warmup / steps),
    }
    if shape not in shapes:
        raise ValueError(f"shape must be one of {', '.join(shapes)}, got shape={shape!r}")
    body = cast(Schedule, shapes[shape]())
    return Warmup(body, warmup) if warmup and shape != "one cycle" else body


class ScheduleBench(Figure):
    r"""Compose a schedule, drag its knots, and see :math:`\eta(t)`, its sums and the loss of a noisy bowl.

    The loss is the mean of 64 runs of gradient descent on a bowl of curvatures 1 and 10, beside that of the constant
    rate with the same noise.

    Parameters
    ----------
    shape : str
        constant, step decay, linear, polynomial, cosine, exponential, inverse time, inverse square root,
        "stable, then decay", cosine with restarts, triangles, or one cycle.
    lr : float > 0
        The peak :math:`\eta_0`.
    lr_min : float >= 0
        The rate at the end, where the shape has one.
    warmup : int >= 0
        Steps of the climb.
    knee : int
        Steps after the climb at which the shape turns, drops, restarts or has halved.
    noise : float >= 0
        Standard deviation of the gradient noise per coordinate.
    steps : int
        Length of the run.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> ScheduleBench("cosine", lr=0.1, warmup=10, steps=200).schedule
    Warmup(schedule=Cosine(lr=0.1, steps=190, lr_min=0.0), steps=10)
    """

    _script = "schedule_bench.js"
    shape = traitlets.Unicode("cosine").tag(sync=True)
    lr = Positive(0.1).tag(sync=True)
    lr_min = NonNegative(0.0).tag(sync=True)
    warmup = Whole(0).tag(sync=True)
    knee = Count(60).tag(sync=True)
    noise = NonNegative(1.0).tag(sync=True)
    steps = Count(200).tag(sync=True)

    def __init__(
        self,
        shape: str = "cosine",
        lr: float = 0.12,
        lr_min: float = 0.0,
        warmup: int = 10,
        knee: int = 60,
        noise: float = 1.0,
        steps: int = 200,
    ) -> None:
        super().__init__(shape=shape, lr=lr, lr_min=lr_min, warmup=warmup, knee=knee, noise=noise, steps=steps)

    @traitlets.validate("shape")
    def _known_shape(self, proposal: Any) -> str:
        bench_schedule(proposal["value"], 1.0, 0.0, 0, 1, 2)
        return str(proposal["value"])

    @property
    def schedule(self) -> Schedule:
        """The schedule that the figure shows."""
        return bench_schedule(self.shape, self.lr, self.lr_min, self.warmup, self.knee, self.steps)

    def mean_loss(self, schedule: AnySchedule) -> Floats:
        """The mean loss of the runs before each step and after the last, of shape ``(steps + 1,)``."""
        bowl, start = Quadratic(CURVATURE, noise=self.noise), np.tile(np.reshape(START, (2, 1)), RUNS)
        rng: Any = Draws(SEED)
        run = minimize(bowl, start, GradientDescent(), schedule, self.steps, rng=rng)
        return np.asarray(run.loss.mean(axis=1))

    @property
    def final(self) -> tuple[float, float]:
        """The mean loss over the last tenth of the run, with the schedule and with the constant rate."""
        tail = max(int(self.steps / 10 + 0.5), 1)
        scheduled, constant = (self.mean_loss(rate)[-tail:].mean() for rate in (self.schedule, self.lr))
        return float(scheduled), float(constant)

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        scheduled, constant = self.final
        return (
            f"The schedule {self.shape} with peak {self.lr:.3g} and {self.warmup} steps of warm-up, and the mean loss "
            f"of a noisy bowl: {scheduled:.3g} at the end, against {constant:.3g} with the constant rate."
        )

    def _picture(self) -> Picture:
        fig, (left, right) = subplots(1, 2)
        t = np.linspace(0, self.steps, 2 * self.steps + 1)
        left.plot(t, self.schedule(t), color=COLORS["blue"])
        left.set(xlabel="step t", ylabel="rate η(t)", ylim=(0, None))
        losses(right, self.mean_loss(self.lr), label="constant", color=COLORS["gray"])
        losses(right, self.mean_loss(self.schedule), label="this schedule", color=COLORS["blue"])
        right.set(ylabel="mean loss")
        right.legend()
        return cast(Picture, fig)
