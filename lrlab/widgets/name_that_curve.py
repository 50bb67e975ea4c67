"""A drill: loss curves of real runs, whose fault is to be named."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import numpy as np
import traitlets
from matplotlib.figure import Figure as Picture

from lrlab._checks import Floats
from lrlab.display import COLORS
from lrlab.plots import subplots
from lrlab.search import Diagnosis, diagnose
from lrlab.widgets.base import Count, Figure
from lrlab.widgets.recorded import recorded, unpack

ROWS: list[dict[str, Any]] = recorded("curves")["rows"]
NAMES = ("healthy", "too slow", "oscillating", "diverging", "spike", "plateau", "decayed too early")


@cache
def _told() -> list[dict[str, Any]]:
    """The rows, each with what the diagnosis says of it."""
    found = [diagnose(unpack(row["loss"]), row["lr"]) for row in ROWS]
    return [row | {"evidence": one.evidence[0], "advice": one.advice} for row, one in zip(ROWS, found, strict=True)]


class NameThatCurve(Figure):
    r"""Loss curves of small real runs: name what each one shows, and be told what was done to the run.

    .. math:: t \mapsto L_t, \quad t \mapsto \eta_t

    Each curve has a name by what made it, not by its look: the rate that it ran with, against the best one of a grid,
    or what was done to its start, its schedule or one of its batches. All of them are curves that
    `lrlab.search.diagnose` names right; the evidence and the advice that the figure tells are its own.

    Parameters
    ----------
    curve : int
        Which of the 30 curves is shown; the first is 1.
    scale : {"linear", "log"}
        Axis of the loss.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> shown = NameThatCurve(curve=3)
    >>> shown.name == shown.diagnosis.name
    True
    >>> shown.answers = [*shown.answers[:2], shown.name, *shown.answers[3:]]  # as a press of a button does
    >>> shown.score
    (1, 1)
    """

    _script = "name_that_curve.js"
    _curves: Any = traitlets.List().tag(sync=True)
    curve = Count(1).tag(sync=True)
    scale = traitlets.Enum(("linear", "log"), "linear").tag(sync=True)
    answers = traitlets.List(traitlets.Enum(("", *NAMES)), [""] * len(ROWS), len(ROWS), len(ROWS)).tag(sync=True)

    def __init__(self, curve: int = 1, scale: str = "linear") -> None:
        if scale not in ("linear", "log"):
            raise ValueError(f"scale must be 'linear' or 'log', got scale={scale!r}")
        super().__init__(curve=curve, scale=scale, answers=[""] * len(ROWS))

    @traitlets.default("_curves")
    def _all_curves(self) -> list[dict[str, Any]]:
        return _told()

    @traitlets.validate("curve")
    def _known_curve(self, proposal: Any) -> int:
        if proposal["value"] > len(ROWS):
            raise ValueError(f"curve must be at most {len(ROWS)}, got curve={proposal['value']!r}")
        return int(proposal["value"])

    @property
    def loss(self) -> Floats:
        """The losses of the curve that is shown, of shape ``(steps,)``."""
        return unpack(ROWS[self.curve - 1]["loss"])

    @property
    def lr(self) -> Floats:
        """The rates of the curve that is shown, of shape ``(steps,)``."""
        return np.array(ROWS[self.curve - 1]["lr"])

    @property
    def levels(self) -> Floats:
        """The medians of the loss in ten equal pieces of the run."""
        return np.array([np.median(piece) for piece in np.array_split(self.loss, 10)])

    @property
    def name(self) -> str:
        """What is right."""
        return str(ROWS[self.curve - 1]["label"])

    @property
    def cause(self) -> str:
        """What was done to the run."""
        return str(ROWS[self.curve - 1]["cause"])

    @property
    def diagnosis(self) -> Diagnosis:
        """What `lrlab.search.diagnose` says."""
        return diagnose(self.loss, self.lr)

    @property
    def score(self) -> tuple[int, int]:
        """How many curves were named right, and how many were named."""
        right = sum(answer == row["label"] for answer, row in zip(self.answers, ROWS, strict=True))
        return right, sum(map(bool, self.answers))

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        loss = self.loss
        return (
            f"A drill of {len(ROWS)} loss curves to be named {', '.join(NAMES[:-1])} or {NAMES[-1]}. "
            f"Curve {self.curve} starts at {loss[0]:.3g}, is {self.levels[-1]:.3g} in the last tenth of its "
            f"{len(loss)} steps, and at most {loss.max():.3g}."
        )

    def _picture(self) -> Picture:
        fig, (left, right) = subplots(1, 2)
        left.plot(self.loss, color=COLORS["blue"])
        left.set(xlabel="step t", ylabel="loss", yscale=self.scale)
        if self.scale == "linear":
            left.set_ylim(0, 1.04 * min(self.loss[np.isfinite(self.loss)].max(), 4 * self.loss[0]))
        right.plot(self.lr, color=COLORS["gray"])
        right.set(xlabel="step t", ylabel="rate η(t)", ylim=(0, None))
        return cast(Picture, fig)
