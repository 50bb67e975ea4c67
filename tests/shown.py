"""What the figures must say, from lrlab's numbers, and a figure on an open page to compare it with."""

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page

from lrlab import widgets
from lrlab.widgets.base import Figure
from lrlab.widgets.specs import from_spec


def said(x: float, digits: int = 3) -> str:
    """Write a number as the figures do."""
    if not math.isfinite(x):
        return "undefined" if math.isnan(x) else "∞" if x > 0 else "−∞"
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(x))
    if rounded == 0:
        return "0"
    power = rounded.adjusted()
    if -4 <= power < 5:
        return f"{rounded.normalize():f}".replace("-", "−")
    mantissa = f"{rounded.scaleb(-power).normalize():f}".replace("-", "−")
    raised = "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c.isdigit() else "⁻" for c in str(power))
    return f"{'' if mantissa == '1' else mantissa + '·'}10{raised}"


def one_step(figure: widgets.OneStep) -> list[str]:
    run = figure.trajectory
    regime = {
        "creeping": "creeps",
        "monotone": "from one side",
        "one step": "arrives in one step",
        "oscillating": "still comes closer",
        "bouncing": "bounces",
        "diverging": "farther each time",
    }
    numbers = (figure.multiplier, run.params[1, 0], run.params[-1, 0], run.loss[-1])
    return [regime[figure.regime], *map(said, numbers)]


def landscape(figure: widgets.Landscape) -> list[str]:
    return [said(x) for run in figure.trajectories for x in (run.loss[-1], *run.params[-1])]


def stability_map(figure: widgets.StabilityMap) -> list[str]:
    best = figure.optimum(figure.method, figure.condition)
    return [said(figure.radius, 4), *map(said, best), said(figure.lr), said(figure.momentum)]


def schedule_bench(figure: widgets.ScheduleBench) -> list[str]:
    rates = figure.schedule(np.arange(figure.steps))
    return [*map(said, figure.final), said(float(rates.sum())), said(float((rates**2).sum()))]


def noise_floor(figure: widgets.NoiseFloor) -> list[str]:
    numbers = (*figure.predicted, *figure.measured, figure.predicted_floor, figure.measured_floor)
    return [said(x) for x in numbers]


def adaptation(figure: widgets.Adaptation) -> list[str]:
    rates = figure.effective_rates()
    plain = figure.effective_rates(corrected=False)[0] if figure.method == "Adam" else []
    return [said(x) for x in (*rates[0], *rates[-1], *plain, figure.trajectory.loss[-1])]


def name_that_curve(figure: widgets.NameThatCurve) -> list[str]:
    right, given = figure.score
    answer = figure.answers[figure.curve - 1]
    known = f"Curve {figure.curve} of {len(figure.answers)}"
    score = f"Score: {right} of {given} right" if given else "Score: none named yet"
    verdict = f"Right: {figure.name}." if answer == figure.name else f"No, not {answer}: {figure.name}."
    why = [verdict, figure.cause, *figure.diagnosis.evidence] if answer else []
    return [known, score, said(figure.loss[0]), said(figure.levels[-1]), *why]


def rate_finder(figure: widgets.RateFinder) -> list[str]:
    found, at = figure.result, [figure.nearest(figure.lr), figure.best]
    if np.isfinite(found.suggestion):
        at.append(figure.nearest(found.suggestion))
    ends = [] if found.diverged_at is None else [found.lr[found.diverged_at]]
    suggested = [10 * found.suggestion, found.suggestion] if np.isfinite(found.suggestion) else []
    return [said(x) for x in (*suggested, *ends, *at, *(figure.trained[lr] for lr in at))]


EXPECTED: dict[type, Callable[[Any], list[str]]] = {
    widgets.OneStep: one_step,
    widgets.Landscape: landscape,
    widgets.ModelAndTruth: lambda figure: [
        said(x) for x in figure.decrease[: 4 if figure.lr * figure.smoothness < 2 else 3]
    ],
    widgets.NameThatCurve: name_that_curve,
    widgets.RateFinder: rate_finder,
    widgets.StabilityMap: stability_map,
    widgets.ScheduleBench: schedule_bench,
    widgets.NoiseFloor: noise_floor,
    widgets.Adaptation: adaptation,
}


class Shown:
    """One figure on an open page."""

    def __init__(self, page: Page, kind: type[Figure], index: int = 0) -> None:
        self.page, self.kind = page, kind
        self.root = page.locator(".lrlab-fig").nth(index)
        self.root.wait_for()

    def settings(self) -> dict[str, Any]:
        """What the page's model holds."""
        script = "e => Object.fromEntries(Object.keys(e.model.get('_initial')).map(k => [k, e.model.get(k)]))"
        return dict(self.root.locator("..").evaluate(script))

    def agrees(self) -> None:
        """The text shows what lrlab computes from the page's settings."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        text = self.root.locator(".lrlab-readout").inner_text()
        figure = self.kind()
        for name, value in self.settings().items():
            setattr(figure, name, from_spec(value))
        wanted = EXPECTED[self.kind](figure)
        for number in wanted:
            found = re.search(rf"(?<![\d.·−]){re.escape(number)}(?![\d·]|\.\d)", text)
            assert found, f"{number} of {wanted} is not in: {text} with {self.settings()}"

    def handles(self) -> list[Locator]:
        return [handle for handle in self.root.locator(".lrlab-handle").all() if handle.is_visible()]

    def sliders(self) -> list[Locator]:
        return self.root.locator("input[type=range]:enabled").all()
