"""The range test on recorded runs: smoothing, the suggested rate, and what training at that rate came to."""

from __future__ import annotations

import math
from itertools import chain, repeat
from typing import Any, cast

import traitlets
from matplotlib.figure import Figure as Picture

from lrlab.display import COLORS, INK
from lrlab.plots import subplots
from lrlab.search import RangeTest, range_test
from lrlab.widgets.base import AboveOne, Count, Figure, Fraction, Positive
from lrlab.widgets.recorded import recorded

RECORDED = recorded("range_tests")
ROWS = {row["name"]: row for row in RECORDED["rows"]}


class RateFinder(Figure):
    r"""Range tests that were recorded on MNIST: change the smoothing, and see the suggested rate beside the truth.

    .. math:: \bar L_t = \frac{1 - \beta}{1 - \beta^{t+1}} \sum_{s \le t} \beta^{t-s} L_s, \qquad
        \eta^* = \tfrac{1}{10} \, \eta_{\arg\min_t \bar L_t}

    The network is 784-64-10, one seed for each trial. Below stands the mean loss over three seeds, on 10,000 images
    that were held out, after 1000 steps at each of 13 constant rates.

    Parameters
    ----------
    run : str
        "gradient descent, batch 64", "momentum 0.9, batch 64", "momentum 0.9, batch 8", "momentum 0.9, batch 512" or
        "Adam, batch 64".
    trial : int
        Which of the three recorded tests of this run.
    smoothing : float in [0, 1)
        :math:`\beta`.
    explode : float > 1
        The test ends when the smoothed loss is this many times its lowest value.
    lr : float > 0
        A rate :math:`\eta` to compare with the suggested one.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Notes
    -----
    The rule is `lrlab.search.range_test`, over the recorded losses.

    Examples
    --------
    >>> shown = RateFinder("momentum 0.9, batch 64")
    >>> bool(0.01 < shown.result.suggestion < 0.1)
    True
    """

    _script = "rate_finder.js"
    _recorded = traitlets.Dict({name: RECORDED[name] for name in RECORDED if name != "made"}).tag(sync=True)
    run = traitlets.Enum(tuple(ROWS), "momentum 0.9, batch 64").tag(sync=True)
    trial = Count(1).tag(sync=True)
    smoothing = Fraction(0.9).tag(sync=True)
    explode = AboveOne(4.0).tag(sync=True)
    lr = Positive(0.01).tag(sync=True)

    def __init__(
        self,
        run: str = "momentum 0.9, batch 64",
        trial: int = 1,
        smoothing: float = 0.9,
        explode: float = 4.0,
        lr: float = 0.01,
    ) -> None:
        if run not in ROWS:
            raise ValueError(f"run must be one of {'; '.join(ROWS)}, got run={run!r}")
        super().__init__(run=run, trial=trial, smoothing=smoothing, explode=explode, lr=lr)

    @traitlets.validate("trial")
    def _known_trial(self, proposal: Any) -> int:
        trials = len(ROWS[self.run]["tests"])
        if proposal["value"] > trials:
            raise ValueError(f"trial must be at most {trials}, got trial={proposal['value']!r}")
        return int(proposal["value"])

    @property
    def result(self) -> RangeTest:
        """What `lrlab.search.range_test` finds in the recorded losses."""
        losses = chain(_finite(ROWS[self.run]["tests"][self.trial - 1]), repeat(math.inf))
        given = {name: RECORDED[name] for name in ("lr_min", "lr_max", "steps")}
        return range_test(lambda _: next(losses), **given, smoothing=self.smoothing, explode=self.explode)

    @property
    def trained(self) -> dict[float, float]:
        """The mean loss after training at each recorded rate."""
        row = ROWS[self.run]
        return {lr: sum(_finite(losses)) / len(losses) for lr, losses in zip(row["rates"], row["trained"], strict=True)}

    def nearest(self, lr: float) -> float:
        """The recorded rate whose logarithm is nearest to that of a rate."""
        return min(self.trained, key=lambda rate: abs(math.log(rate / lr)))

    @property
    def best(self) -> float:
        """The recorded rate of the lowest mean loss."""
        return min(self.trained, key=self.trained.__getitem__)

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        suggestion = self.result.suggestion
        if math.isnan(suggestion):
            return f"A range test on MNIST, {self.run}, smoothing {self.smoothing:.3g}: the loss never fell."
        near = self.nearest(suggestion)
        return (
            f"A range test on MNIST, {self.run}, smoothing {self.smoothing:.3g}, suggests the rate {suggestion:.3g}. "
            f"Training at {near:.3g} came to a loss of {self.trained[near]:.3g}, at the best rate, {self.best:.3g}, to "
            f"{self.trained[self.best]:.3g}."
        )

    def _picture(self) -> Picture:
        found = self.result
        fig, (left, right) = subplots(1, 2)
        left.loglog(found.lr, found.loss, ".", color=COLORS["gray"], markersize=3, label="one batch")
        left.loglog(found.lr, found.smoothed, color=COLORS["blue"], label="smoothed")
        left.set(xlabel="rate η", ylabel="loss in the test", ylim=(0.03, 30))
        right.loglog(self.trained.keys(), self.trained.values(), "o-", color=COLORS["purple"], markersize=3)
        right.set(xlabel="rate η", ylabel=f"loss after {RECORDED['training']} steps", ylim=(0.06, 10))
        for ax in (left, right):
            ax.axvline(10 * found.suggestion, color=INK, linestyle=":")
            ax.axvline(found.suggestion, color=COLORS["green"], label="suggestion")
        left.legend()
        return cast(Picture, fig)


def _finite(losses: list[float | None]) -> list[float]:
    """JSON's null is a loss that was infinite or no number."""
    return [math.inf if loss is None else loss for loss in losses]
