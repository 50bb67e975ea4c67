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

    The first rule that holds gives the name. With :math:`\ell_t = \ln L_t`, levels :math:`m_1, \dots, m_{10}`, which
    are the medians of ten equal pieces of the run, and :math:`D = L_0 - \min_k m_k`, what was gained:

    .. math::

        \text{diverging} &: L_T \text{ is not finite, or } \ell_T - \ell_0 \text{ is above zero and noise} \\
        \text{spike} &: \ell_t - \operatorname{median}(\ell_{t-8}, \dots, \ell_{t-1})
            \text{ stands out once from the noise and from all others} \\
        \text{decayed too early} &: \eta_t \text{ fell for good in the first third, while } L \text{ fell} \\
        \text{plateau} &: \text{no gain beyond the noise, most of it late, or a small one at once and none since} \\
        \text{too slow} &: \text{levels that fall all the time, and a share of the gain in the second half} \\
        \text{oscillating} &: P_{90} - P_{10} \text{ of the last third is a large part of } D,
            \text{ or many jumps, or an } L_t \text{ far above } L_0 \\
        \text{healthy} &: \text{none of these, and a gain beyond the noise}

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
        last = int(np.flatnonzero(finite)[-1]) + 1
        return _diagnosis("diverging", f"The loss is not finite from step {last} on.", {"steps": len(values)})
    if np.count_nonzero(finite) < SHORTEST:
        return _diagnosis("unclear", f"Only {np.count_nonzero(finite)} of {len(values)} values are finite.")
    values, rates = values[finite], None if rates is None else rates[finite]
    if np.ptp(values) == 0:
        return _diagnosis("plateau", f"All {len(values)} values are {values[0]:.4g}.", {"steps": len(values)})
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = measure(values, rates)
    for name, rule in RULES:
        evidence = rule(numbers)
        if evidence:
            return _diagnosis(name, evidence, numbers)
    return _diagnosis("unclear", "No rule holds clearly.", numbers)


def _spike(x: Numbers) -> str:
    stands_out = (
        x["jump_over_noise"] > 4
        and x["jump_at"] > 0.1 * x["steps"]
        and x["jump_over_next"] > (2 if x["jumps"] <= 2 else 3)
    )
    came_back = x["change"] < x["jump_from"] + 0.1 or x["jump_at"] > 0.2 * x["steps"]
    caused = "rate_outlier_at" in x and abs(x["jump_at"] - x["rate_outlier_at"]) <= RECENT
    matters = x["jump"] > math.log(2) and x["jump_from"] + x["jump"] > math.log(1e-3)
    if matters and (stands_out or caused) and came_back and x["jump_from"] < -math.log(1.25):
        rate = " The rate was far above its usual value just then." if caused else ""
        factor = math.exp(min(x["jump"], 700))
        return f"At step {x['jump_at']:.0f} the loss jumped to {factor:.3g} times what it was.{rate}"
    return ""


def _diverging(x: Numbers) -> str:
    beyond_noise = min(x["change"], x["change_of_levels"]) > max(0.1, 3 * x["error"])
    if beyond_noise or x["change"] > math.log(2) + 3 * x["noise"]:
        return f"In the last fifth of the run the loss is {math.exp(min(x['change'], 700)):.3g} times its start."
    stuck = (
        x["change"] > -0.1
        or (x["change_of_mean"] > -0.1 and x["change"] > -1)
        or (x["change"] > -0.5 and x["swing"] < 0.5)
    )
    exploded = x["highest"] > math.log(30) and x["change"] > -2
    if exploded or (x["highest"] > math.log(3) + 1.5 * min(x["noise"], 0.6) and stuck):
        factor = math.exp(min(x["highest"], 700))
        return f"The loss rose to {factor:.3g} times its start and did not come back below it."
    if x["rising"] and x["above_lowest"] > max(math.log(3), 5 * x["error"]):
        return f"The loss rises at the end, to {math.exp(min(x['above_lowest'], 700)):.3g} times its lowest level."
    return ""


def _decayed(x: Numbers) -> str:
    still_fell = x.get("fall_before_decay", 1.0) > 0.05 or x["change"] > -1.2
    if x.get("decay_at", 1.0) < 1 / 3 and x["rate_left"] < 0.1 and still_fell:
        return (
            f"After {x['decay_at']:.0%} of the run the rate stayed below a fifth of its peak; "
            f"the loss was still falling, and {max(x['late'], 0):.0%} of its fall came in the second half of the run."
        )
    return ""


def _plateau(x: Numbers) -> str:
    flat = x["spread"] < max(0.02, 6 * x["error"]) and abs(x["change"]) < max(0.02, 2 * x["noise"])
    still = max(x["spread"], abs(x["change"])) < 0.01
    if still or (flat and x["error"] < 0.1 and x["slope"] > -2.5):
        return (
            f"In the last fifth of the run the loss is {math.exp(x['change']):.3g} times its start, within the noise."
        )
    late = x["late"] > 0.5 and x["early"] < 0.15 and x["change"] < -0.02
    if late or (x["late"] > 0.6 and x["slope"] < -4 and x["change"] < -0.1):
        return f"{x['late']:.0%} of the fall came in the second half of the run: the loss was held up before."
    stopped = x["late"] < 0.05 and x["early"] > 0.9 and x["slope"] > -2.5 and x["swing"] < 0.42
    if stopped and -0.8 < x["change"] < 0:
        return f"The loss fell to {math.exp(x['change']):.3g} times its start at once and has stood there since."
    return ""


def _too_slow(x: Numbers) -> str:
    steady = x["trend"] < -0.8 and x["late"] > (0.12 if x["change"] > -0.9 else 0.25) and x["change"] > -2
    if x["change"] < 0 and (steady or (x["slope"] < -2.5 and x["late"] > 0.08 and x["change"] > -1)):
        return (
            f"The loss falls steadily, {x['late']:.0%} of its fall in the second half of the run, "
            f"and is at {math.exp(x['change']):.3g} times its start in the last fifth."
        )
    return ""


def _oscillating(x: Numbers) -> str:
    if x["swing"] > 0.42 and x["change"] < -0.1:
        return f"In the last third of the run the loss swings by {x['swing']:.0%} of what it gained since the start."
    if x["highest"] > math.log(2.2) + x["noise"] and math.log(1e-3) < x["change"] < -0.5:
        return f"The loss rose to {math.exp(x['highest']):.3g} times its start before it fell."
    if x["jumps"] >= 2 and x["change"] > math.log(1e-3):
        return f"The loss jumped up {x['jumps']:.0f} times, to more than twice its recent values."
    return ""


def _healthy(x: Numbers) -> str:
    if x["change"] < -max(0.05, 3 * x["error"]):
        return (
            f"The loss fell to {math.exp(x['change']):.3g} times its start, {1 - x['late']:.0%} of that in the first "
            f"half of the run, and swings by {x['swing']:.0%} of it at the end."
        )
    return ""


RULES: tuple[tuple[str, Callable[[Numbers], str]], ...] = (
    ("spike", _spike),
    ("diverging", _diverging),
    ("decayed too early", _decayed),
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
