"""Warm-up, restarts, cycles: pieces of schedules, where they begin, where to stop, and what to restore."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New peaks, falls, budgets and phases."""
    peak, w, s, d = float(rng.choice([0.2, 0.4, 0.8])), *(int(n) for n in rng.integers([3, 2, 4], [6, 6, 8]))
    t = np.arange(w + s + d + 3)
    rates = peak * np.minimum(np.minimum((t + 1) / w, 1), np.maximum(1 - (t - w - s) / d, 0))
    first, growth = int(rng.choice([5, 10, 20])), int(rng.choice([2, 3]))
    ends = first * np.cumsum([growth**i for i in range(5)])
    budgets = [ends[i] + int(rng.integers(0, ends[i + 1] - ends[i])) for i in (1, 2, 3)]
    return {
        "peak": peak,
        "width": int(rng.choice([256, 512, 1024])),
        "climb": int(rng.choice([2000, 4000, 8000])),
        "first_fall": first,
        "growth": growth,
        "budgets": [int(budget) for budget in rng.permutation([*budgets, ends[2]])],
        "rates": [round(float(rate), 10) for rate in rates],
    }


def falling(rng: Generator) -> Expression:
    return Expression(f"lambda t: {rng.uniform(0.2, 1):.3f} / (1 + {rng.uniform(0.1, 0.5):.3f} * t)")


def warmed(rng: Generator) -> tuple[Any, ...]:
    n = int(rng.integers(3, 9))
    return n if rng.uniform() < 0.3 else int(rng.integers(0, 2 * n)), falling(rng), n


def restarts(rng: Generator) -> tuple[Any, ...]:
    first, m = int(rng.integers(4, 9)), int(rng.integers(1, 4))
    t = first * (1 + m * int(rng.integers(2))) if rng.uniform() < 0.4 else int(rng.integers(0, 6 * first))
    return t, rng.uniform(0.1, 1), first, m  # often a restart


def resumed(rng: Generator) -> tuple[Any, ...]:
    saved = int(rng.integers(4, 7))
    return (
        falling(rng),
        saved + int(rng.integers(8, 12)),
        saved + int(rng.integers(1, 4)),
        saved,
        int(rng.integers(2, 5)),
    )


RUBRIC = Rubric(
    chapter="book/schedules/warmup",
    constants=constants,
    problems=(
        Problem(
            name="warmed",
            answer="warmed",
            inputs=warmed,
            cases=16,
            hints=("The climb ends at schedule(0).", "After the climb the schedule counts from its own start."),
            mistakes=(
                Mistake(
                    "starts at zero",
                    "With t/n the first step has the rate zero and is wasted. (t + 1)/n starts at an n-th of the peak.",
                    {"(t + 1) / n": "t / n"},
                ),
                Mistake(
                    "schedule not shifted",
                    "The climb eats the beginning of the schedule. It should begin at its own step 0 after the climb.",
                    {"schedule(t - n)": "schedule(t)"},
                ),
                Mistake(
                    "climbs to the schedule's present rate",
                    "The climb goes to s(0); the schedule has not begun yet.",
                    {"schedule(0) *": "schedule(t) *"},
                ),
                Mistake(
                    "climb one step too long",
                    "With t ≤ n the step n still belongs to the climb, at more than the peak.",
                    {"if t < n": "if t <= n"},
                ),
                Mistake(
                    "divided by n + 1",
                    "The last of the n steps is at the peak: (t + 1)/n.",
                    {"(t + 1) / n": "(t + 1) / (n + 1)"},
                ),
            ),
            equivalents=(
                """
                def warmed(t, schedule, n):
                    return min((t + 1) / n, 1.0) * schedule(max(t - n, 0))
                """,
                """
                def warmed(t, schedule, n):
                    rates = [schedule(0) * k / n for k in range(1, n + 1)]
                    rates += [schedule(k) for k in range(max(t - n, 0) + 1)]
                    return np.array(rates[t])
                """,
            ),
        ),
        Problem(
            name="noam",
            answer="noam",
            hints=("Both forms meet their peak at n = w.", "√(w/n) = 1/10."),
            mistakes=(
                Mistake(
                    "width forgotten",
                    "The paper's rate holds d^{−1/2}.",
                    {"width**-0.5 * climb**-0.5": "climb**-0.5"},
                ),
                Mistake(
                    "warm-up forgotten",
                    "At n = w the paper's rate is d^{−1/2} w^{−1/2}.",
                    {"width**-0.5 * climb**-0.5": "width**-0.5"},
                ),
                Mistake(
                    "ten times the climb",
                    "The rate falls as one over the root: a tenth needs a hundred times the steps.",
                    {"100 * climb - 1": "10 * climb - 1"},
                ),
                Mistake(
                    "exponent 3/2",
                    "w^{−3/2} is multiplied by n = w at the peak.",
                    {"climb**-0.5": "climb**-1.5"},
                ),
            ),
            equivalents=(
                "noam = np.array([1 / np.sqrt(width * climb), climb * 100 - 1])",
                """
                n = climb
                top = width**-0.5 * min(n**-0.5, n * climb**-1.5)
                noam = (top, float(climb / 0.1**2 - 1))
                """,
            ),
        ),
        Problem(
            name="restarts",
            answer="restarts",
            inputs=restarts,
            cases=16,
            hints=("Walk from fall to fall until t lies in one.",),
            mistakes=(
                Mistake(
                    "restart one step late",
                    "At t = t₁ the new fall has begun already.",
                    {"t >= start + length": "t > start + length"},
                ),
                Mistake(
                    "falls of one length",
                    "Each fall is m times as long as the one before.",
                    {"length * m": "length"},
                ),
                Mistake(
                    "start of the fall forgotten",
                    "Within a fall the cosine counts from the start of that fall.",
                    {"(t - start) / length": "t / length"},
                ),
                Mistake(
                    "a full period",
                    "A fall is half a period of the cosine, from 0 to π.",
                    {"np.pi * (t": "2 * np.pi * (t"},
                ),
                Mistake(
                    "length of the first fall",
                    "The cosine of a fall takes that fall's own length.",
                    {"/ length))": "/ first))"},
                ),
            ),
            equivalents=(
                """
                def restarts(t, lr, first, m):
                    lengths = first * float(m) ** np.arange(12)
                    starts = np.concatenate([[0], np.cumsum(lengths)])
                    i = np.searchsorted(starts, t, side="right") - 1
                    return lr * np.cos(np.pi * (t - starts[i]) / lengths[i] / 2) ** 2
                """,
                """
                def restarts(t, lr, first, m):
                    if t < first:
                        return (lr + lr * np.cos(np.pi * t / first)) / 2
                    return restarts(t - first, lr, first * m, m)
                """,
            ),
        ),
        Problem(
            name="wasted",
            answer="wasted",
            hints=("List the ends of the falls first.",),
            mistakes=(
                Mistake(
                    "falls of one length",
                    "Each fall is longer than the one before: the ends are not multiples of the first.",
                    {"first_fall * growth**i": "first_fall"},
                ),
                Mistake(
                    "lengths taken for ends",
                    "A fall ends where its own length and all before it add up.",
                    {"np.cumsum([": "np.array(["},
                ),
                Mistake(
                    "steps that are missing",
                    "The question is for what comes after the last complete fall, not for what the next would need.",
                    {"budget - ends[ends <= budget].max()": "ends[ends >= budget].min() - budget"},
                ),
                Mistake(
                    "steps that are used",
                    "That is the length of the part to keep.",
                    {"budget - ends[ends <= budget].max()": "ends[ends <= budget].max()"},
                ),
            ),
            equivalents=(
                """
                wasted = []
                for budget in budgets:
                    length = first_fall
                    while budget >= length:
                        budget, length = budget - length, length * growth
                    wasted.append(budget)
                """,
                """
                fits = [first_fall * (growth**i - 1) // (growth - 1) for i in range(1, 13)]
                wasted = np.array([budget - max(end for end in fits if end <= budget) for budget in budgets])
                """,
            ),
        ),
        Problem(
            name="resumed",
            answer="resumed",
            inputs=resumed,
            cases=12,
            hints=(
                "Two stretches: 0 to interrupted, then saved to total.",
                "The plan is always asked for the true step.",
            ),
            mistakes=(
                Mistake(
                    "the step forgotten",
                    "After resuming, the plan is asked for steps 0, 1, 2, … again. Ask it for the true step.",
                    {"plan(t) * min": "plan(t - saved) * min"},
                ),
                Mistake(
                    "resumed where it was interrupted",
                    "The state is from step `saved`: the steps after it are lost and made again.",
                    {"range(saved, total)": "range(interrupted, total)"},
                ),
                Mistake(
                    "no second warm-up",
                    "The optimizer's memory is lost: the first n steps after resuming are made smaller.",
                    {" * min(1, (t - saved + 1) / n)": ""},
                ),
                Mistake(
                    "warm-up does not end",
                    "The factor is at most one. Otherwise it climbs beyond the plan.",
                    {"min(1, (t - saved + 1) / n)": "(t - saved + 1) / n"},
                ),
                Mistake(
                    "lost steps left out",
                    "The steps between `saved` and the interruption were made, and then made again.",
                    {"range(interrupted)]": "range(saved)]"},
                ),
                Mistake(
                    "warm-up from zero",
                    "The first step after resuming has an n-th of the plan's rate, not zero.",
                    {"(t - saved + 1) / n": "(t - saved) / n"},
                ),
            ),
            equivalents=(
                """
                def resumed(plan, total, interrupted, saved, n):
                    steps = [*range(interrupted), *range(saved, total)]
                    factor = [1.0] * interrupted + [min((k + 1) / n, 1) for k in range(total - saved)]
                    return [f * plan(t) for f, t in zip(factor, steps)]
                """,
                """
                def resumed(plan, total, interrupted, saved, n):
                    before = np.array([plan(t) for t in range(interrupted)], dtype=float)
                    after = np.array([plan(t) for t in range(saved, total)], dtype=float)
                    after *= np.minimum(np.arange(1, total - saved + 1) / n, 1)
                    return np.concatenate([before, after])
                """,
            ),
        ),
        Problem(
            name="phases",
            answer="phases",
            hints=("Count back from the first zero: the decay takes d steps.",),
            mistakes=(
                Mistake(
                    "decay begins at the first lower rate",
                    "The first rate of the decay is the peak itself; the fall is seen one step later.",
                    {"[w, end - d - w, d, top]": "[w, end - d - w + 1, d, top]"},
                ),
                Mistake(
                    "warm-up one step short",
                    "The last step of the warm-up is at the peak: it belongs to the w steps.",
                    {"rates.index(top) + 1": "rates.index(top)"},
                ),
                Mistake(
                    "decay one step short",
                    "From the peak to zero there are d differences.",
                    {"d, top]": "d - 1, top]"},
                ),
                Mistake(
                    "stable part with the warm-up in it",
                    "s counts the steps after the warm-up and before the decay.",
                    {"end - d - w,": "end - d,"},
                ),
            ),
            equivalents=(
                """
                eta = np.array(rates)
                w = int(np.round(eta.max() / eta[0]))
                d = int(np.round(eta.max() / np.abs(np.diff(eta[w:])).max()))
                s = int(np.argmax(eta == 0)) - w - d
                phases = np.array([w, s, d, eta.max()])
                """,
                """
                top = max(rates)
                climbing = sum(1 for a, b in zip(rates, rates[1:]) if b > a)
                falling = sum(1 for a, b in zip(rates, rates[1:]) if b < a)
                phases = (climbing + 1, rates.count(top) - 2, falling, top)
                """,
            ),
        ),
    ),
)
