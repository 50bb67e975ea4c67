"""Name what a loss curve shows, with the evidence and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from lrlab import _checks as check
from lrlab._checks import Floats
from lrlab.search.curve import PIECES, RECENT, Numbers, measure

SHORTEST = 2 * PIECES

ADVICE = {
    "diverging": "Divide the rate by 3 to 10. If it is a tenth of what others use, look at the data and at warm-up.",
    "oscillating": "Divide the rate by 2 to 4, or decay it to zero: the loss then settles below where it swings now.",
    "too slow": "Multiply the rate by 3 to 10 as long as the loss stays calm; a range test finds how far you can go.",
    "plateau": "Look at the gradient's size, the initial weights, dead units and frozen layers before the rate.",
    "spike": "Look at the batch and the rate of that step; clip gradients. One spike is no reason for another rate.",
    "decayed too early": "Hold the rate longer, or decay it over the whole run: the loss was still falling.",
    "healthy": "Keep the rate. If the end is not low enough, decay the rate to zero or train longer.",
    "unclear": "Give more steps, or the rates too, or run the neighbors: a third and three times this rate.",
}


@dataclass(frozen=True)
class Diagnosis:
    """What a loss curve shows.

    Attributes
    ----------
    name : str
        "diverging", "oscillating", "too slow", "plateau", "spike", "decayed too early", "healthy" or "unclear".
    evidence : tuple of str
        Sentences with the numbers that decided.
    advice : str
        What to do.
    numbers : dict
        All numbers that were measured, by name.
    """

    name: str
    evidence: tuple[str, ...]
    advice: str
    numbers: Numbers = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"- {sentence}" for sentence in self.evidence), self.advice])


def diagnose(loss: ArrayLike, lr: ArrayLike | None = None) -> Diagnosis:
    r"""Name what the loss of a run shows, or say that it is unclear.

    The first rule that holds gives the name. With :math:`\ell_t = \ln (L_t / L_0)`, levels :math:`m_1, \dots, m_{10}`,
    which are the medians of :math:`L_t / L_0` in ten equal pieces of the run, and :math:`A, B, C`, the means of its
    three thirds:

    .. math::

        \text{spike} &: \ell_t - \operatorname{median}(\ell_{t-8}, \dots, \ell_{t-1})
            \text{ stands out from the noise and from all others, in a run that had fallen} \\
        \text{decayed too early} &: \eta_t \text{ fell for good in the first third, before } L \text{ was done} \\
        \text{diverging} &: L_T \text{ is not finite, or } m_{10} \text{ is above the start and the noise,} \\
            &\quad \text{or the loss rose far above its start or its lowest level} \\
        \text{plateau} &: \text{no gain, and } A \approx C; \text{ or none at first; or one at once and none since} \\
        \text{too slow} &: \text{no fast gain at first, and } C \text{ is still large and well below } B \\
        \text{oscillating} &: C > B, \text{ or slow swings, or many jumps, or an } L_t \text{ far above } L_0 \\
        \text{healthy} &: \text{none of these, and a gain}

    Parameters
    ----------
    loss : array of shape (n,)
        :math:`L_t`, in the order of the run: of each step, or averages over equally many. The unit does not matter.
        At least 20 values. Where only the last ones are inf or NaN the run diverged; others are left out.
    lr : array of shape (n,), optional
        :math:`\eta_t`, the rates that belong to the losses. Without them no rate can be said to have decayed too early.

    Returns
    -------
    Diagnosis
        ``print`` it. A curve shows no cause: a rate that is a thousandth of a good one looks like a plateau.

    Raises
    ------
    ValueError
        If ``loss`` or ``lr`` are not one-dimensional arrays of numbers, differ in length, or a rate is negative.

    Examples
    --------
    >>> t = np.arange(100)
    >>> print(diagnose(1.1**t))
    diverging
    - In the last fifth of the run the loss is 5.07e+03 times its start.
    Divide the rate by 3 to 10. If it is a tenth of what others use, look at the data and at warm-up.
    >>> diagnose(0.999**t).name, diagnose(0.9**t).name, diagnose(0.9 ** t[:10]).name
    ('too slow', 'healthy', 'unclear')
    """
    values = _vector("loss", loss)
    rates = None if lr is None else _vector("lr", lr)
    if rates is not None:
        check.non_negative(lr=rates)
        if len(rates) != len(values):
            raise ValueError(f"lr must have one rate for each loss, got {len(rates)} rates and {len(values)} losses")
    finite = np.isfinite(values)
    if len(values) < SHORTEST:
        return _diagnosis("unclear", f"There are {len(values)} values; it takes {SHORTEST} to tell.")
    if not finite.any():
        return _diagnosis("unclear", "No value is finite: something other than the rate may be wrong.")
    if not finite[-1]:
        return _ended(values, int(np.flatnonzero(finite)[-1]) + 1)
    if np.count_nonzero(finite) < SHORTEST:
        return _diagnosis("unclear", f"Only {np.count_nonzero(finite)} of {len(values)} values are finite.")
    values, rates = values[finite], None if rates is None else rates[finite]
    if np.ptp(values) == 0:
        return _diagnosis("plateau", f"All {len(values)} values are {values[0]:.4g}.", {"steps": len(values)})
    with np.errstate(all="ignore"):
        numbers = measure(values, rates)
    for name, rule in RULES:
        evidence = rule(numbers)
        if evidence:
            return _diagnosis(name, evidence, numbers)
    return _diagnosis("unclear", "No rule holds clearly.", numbers)


def _ended(values: Floats, last: int) -> Diagnosis:
    """What to call a run without a finite loss from step ``last`` on: one jump may have ended a calm one."""
    start, before = np.median(values[:3]), np.median(values[max(last - 2 * RECENT, 0) : max(last - RECENT, 1)])
    if last > SHORTEST and before < start - 0.2 * abs(start) < values[last - 1]:
        evidence = f"The loss fell to {before:.4g}, jumped near step {last}, and is not finite from there on."
        return _diagnosis("spike", evidence, {"steps": len(values)})
    return _diagnosis("diverging", f"The loss is not finite from step {last} on.", {"steps": len(values)})


def _spike(x: Numbers) -> str:
    stands_out = x["jump_over_noise"] > 9 and x["jump_over_next"] > 1.8 and x["jumps_alike"] < 4
    settled = x["jump_at"] > 0.2 * x["steps"] and x["jump_from"] < -0.2
    caused = "rate_outlier_at" in x and abs(x["jump_at"] - x["rate_outlier_at"]) <= RECENT
    if (stands_out and settled and x["jump"] > math.log(4)) or (caused and x["jump"] > math.log(2)):
        rate = " The rate was far above its usual value just then." if caused else ""
        return f"At step {x['jump_at']:.0f} the loss jumped to {_times(x['jump'])} what it was.{rate}"
    return ""


def _decayed(x: Numbers) -> str:
    if x.get("decay_at", 1.0) < 1 / 3 and x["rate_left"] < 0.1 and x["change"] > -5:
        return (
            f"After {x['decay_at']:.0%} of the run the rate stayed below a fifth of its peak; "
            f"the loss ends at {_times(x['change'])} its start."
        )
    return ""


def _diverging(x: Numbers) -> str:
    if x["change"] > 0.24 or x["slope"] > 0.32:
        return f"In the last fifth of the run the loss is {_times(x['change'])} its start."
    fell_before = x["jump_from"] < -1.9
    never_back = x["highest"] > 1.5 and x["change"] > 0
    if never_back or (x["highest_calm"] > 1.5 and not fell_before) or (x["highest_calm"] > 0.8 and x["gain"] < 0.6):
        return f"The loss rose to {_times(x['highest'])} its start, and ends at {_times(x['change'])} it."
    if x["above_lowest"] > 1.2:
        return f"The loss rises again: it ends at {_times(x['above_lowest'])} its lowest level."
    return ""


def _plateau(x: Numbers) -> str:
    if x["gain"] < 0.2 and x["fall"] < 0.023 and x["fall_late_over_error"] < 5:
        return f"In the last fifth of the run the loss is {_times(x['change'])} its start, within the noise."
    held_up = x["slope_first_over_error"] > -0.2 and x["steepest_over_noise"] > 3
    if x["late"] > 0.5 and (held_up or x["noise_growth"] > 0.88):
        return f"The loss was held up at first: {x['late']:.0%} of its fall came in the second half of the run."
    stands = x["late"] < 0.05 and x["fall_late_over_error"] < 3 and x["swing"] < 0.32
    if x["early"] > 0.92 and stands and -0.8 < x["change"] < 0:
        return f"The loss fell to {_times(x['change'])} its start at once and has stood there since."
    return ""


def _too_slow(x: Numbers) -> str:
    still_falls = x["mean"] > 0.38 and x["fall_late_over_error"] > 2
    if x["early"] < 0.9 and (still_falls or x["mean"] > 0.72):
        return (
            f"The loss falls slowly, {max(x['late'], 0):.0%} of its fall in the second half of the run, "
            f"and is at {_times(x['change'])} its start in the last fifth."
        )
    return ""


def _oscillating(x: Numbers) -> str:
    if x["change"] < -4:
        return ""
    if x["fall_late"] < -0.022:
        return f"The loss has risen again since the middle of the run, by {-x['fall_late']:.0%} of where it began."
    if x["range"] > 0.22 and not -0.3 < x["memory"] < 0.11:
        how = "up and down at every step" if x["memory"] < 0 else "over several steps each"
        return f"In the last third of the run the loss swings by {x['range']:.0%} of its start, {how}."
    rises = max(x["rise_early"], 0) + max(x["rise_late"] + 0.3, 0)
    if rises > 2.3 or (x["highest"] > 1.2 and x["early"] > 0.45):
        return f"The loss rose to {_times(x['highest'])} its start before it fell."
    if x["jumps"] > 4:
        return f"The loss jumped up {x['jumps']:.0f} times, to more than twice its recent values."
    return ""


def _healthy(x: Numbers) -> str:
    if x["change"] < -0.05:
        return (
            f"The loss fell to {_times(x['change'])} its start, {1 - x['late']:.0%} of that in the first "
            f"half of the run, and swings by {x['swing']:.0%} of it at the end."
        )
    return ""


def _times(log: float) -> str:
    return f"{math.exp(min(log, 700)):.3g} times"


RULES: tuple[tuple[str, Callable[[Numbers], str]], ...] = (
    ("spike", _spike),
    ("decayed too early", _decayed),
    ("diverging", _diverging),
    ("plateau", _plateau),
    ("too slow", _too_slow),
    ("oscillating", _oscillating),
    ("healthy", _healthy),
)


def _diagnosis(name: str, evidence: str, numbers: Numbers | None = None) -> Diagnosis:
    return Diagnosis(name, (evidence,), ADVICE[name], numbers or {})


def _vector(name: str, values: ArrayLike) -> Floats:
    wanted = "a one-dimensional array of numbers"
    found = check.numbers(name, values, wanted)
    if found.ndim != 1:
        raise ValueError(f"{name} must be {wanted}, got shape {found.shape}")
    return found.astype(np.float64)
