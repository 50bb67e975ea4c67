"""Finding a rate: grids, loss curves, range tests and where they mislead, batch sizes, accidents, a sweep for each."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New curves, changes of a range test, and measurements."""
    t = np.arange(16)
    early, late = int(rng.integers(3, 5)), int(rng.integers(10, 13))
    learned = 0.25 + 2.1 * np.exp(-t / rng.uniform(2.5, 3.5))
    tail = np.maximum(t - early, 0)
    swings = 0.9 * np.exp(rng.uniform(0.35, 0.5) * (-1.0) ** t)
    runs = [  # name, curve, where the rate was cut, noise
        ("healthy", np.where(t < late, learned, 0.75 * learned), late, 0.03),
        ("too slow", 2.3 * np.exp(-t / rng.uniform(30, 45)), None, 0.01),
        ("plateau", np.full(16, 2.3), None, 0.01),
        ("decayed too early", 2.3 * np.exp(-np.minimum(t, early) / 6 - tail / 170), early, 0.01),
        ("oscillating", np.where(t < 2, 2.3 - 0.5 * t, swings), None, 0.03),
    ]
    if rng.random() < 0.5:
        at, spike = int(rng.integers(7, 12)), learned.copy()
        spike[at : at + 2] *= 9, 2
        runs.append(("spike", spike, None, 0.03))
    else:
        turn, growth = int(rng.integers(4, 6)), rng.uniform(0.3, 0.45)
        runs.append(
            ("diverging", 2.3 * np.exp(-np.minimum(t, turn) / 6 + growth * np.maximum(t - turn, 0)), None, 0.05)
        )
    order = rng.permutation(len(runs))
    noisy = [runs[i][1] * np.exp(runs[i][3] * rng.normal(size=16)) for i in order]
    changes: list[dict[str, Any]] = [
        {"smoothing": float(rng.choice([0.97, 0.98]))},
        {"steps": int(rng.choice([20, 25]))},
        {"times": float(rng.choice([32, 64, 128]))},
        {"plus": float(rng.choice([3, 5, 8]))},
        {"momentum": float(rng.choice([0.9, 0.95]))},
        {"low": 1e-6, "steps": 140},
    ]
    noise_scale, ceiling = rng.uniform(60, 200), rng.uniform(0.3, 0.8)
    small, large = int(rng.choice([8, 16])), int(rng.choice([512, 1024]))
    return {
        "curves": [curve.round(2).tolist() for curve in noisy],
        "cut_at": [runs[i][2] for i in order],
        "changes": [changes[i] for i in rng.permutation(len(changes))],
        "measured": [[b, float(f"{ceiling / (1 + noise_scale / b):.3g}")] for b in (small, large)],
        "third_batch": int(rng.choice([64, 128])),
        "short_run": int(rng.choice([100, 200])),
        "alive": float(rng.choice([0.7, 0.75, 0.8, 0.85])),
        "long_run": int(rng.choice([800, 1000])),
    }


def grid(rng: Generator) -> tuple[Any, ...]:
    low, per_decade = 10 ** rng.uniform(-5, -2), int(rng.integers(2, 6))
    steps = rng.integers(per_decade + 1, 3 * per_decade) + rng.uniform(0.2, 0.8)
    return low, low * 10 ** (steps / per_decade), per_decade


def suggest(rng: Generator) -> tuple[Any, ...]:
    n = int(rng.integers(25, 40))
    rates = np.geomspace(1e-4, 10, n)
    losses = 0.3 + 2 / (1 + (rates / 0.01) ** rng.uniform(0.5, 1)) + (rates / rng.uniform(1, 3)) ** 3
    return rates, losses * np.exp(0.25 * rng.normal(size=n)), rng.uniform(0.6, 0.8)


def mended(rng: Generator) -> tuple[Any, ...]:
    curvature, bottom = rng.uniform(0.5, 3), rng.uniform(0.05, 0.3)
    loss = Expression(f"lambda x: {curvature:.4f} * x * x / 2 + {bottom:.4f}")
    slope = Expression(f"lambda x: {curvature:.4f} * x")
    return (
        loss,
        slope,
        rng.uniform(1, 3),
        10 ** rng.uniform(-3, -1.5),
        10 ** rng.uniform(1.5, 3),
        int(rng.integers(10, 18)),
    )


RUBRIC = Rubric(
    chapter="book/practice/finding_a_rate",
    constants=constants,
    problems=(
        Problem(
            name="grid",
            answer="grid",
            inputs=grid,
            hints=(
                "How many steps of the factor 10 to the power 1/n fit between `low` and `high`?",
                "The number of steps is the logarithm of high/low to the base 10, times n, rounded down.",
            ),
            mistakes=(
                Mistake(
                    "equal differences",
                    "Nine tenths of such a grid lie in its highest decade. What matters about a rate is its ratio to "
                    "others.",
                    {
                        "[low * 10 ** (k / per_decade) for k in range(last + 1)]": (
                            "np.linspace(low, low * 10 ** (last / per_decade), last + 1).tolist()"
                        )
                    },
                ),
                Mistake(
                    "last rate missing",
                    "k begins at 0, so there is one rate more than there are steps.",
                    {"range(last + 1)": "range(last)"},
                ),
                Mistake(
                    "one rate per decade",
                    "n rates share a factor of ten: the exponent is k/n.",
                    {
                        "int(np.log10(high / low) * per_decade)": "int(np.log10(high / low))",
                        "(k / per_decade)": "k",
                    },
                ),
                Mistake(
                    "ratios stretched to end at `high`",
                    "The ratio of neighbors is 10 to the power 1/n, whatever `high` is. Then grids of several sweeps "
                    "share their rates.",
                    {
                        "[low * 10 ** (k / per_decade) for k in range(last + 1)]": (
                            "np.geomspace(low, high, last + 1).tolist()"
                        )
                    },
                ),
                Mistake(
                    "e in the place of 10",
                    "Per decade means per factor of ten, not of 2.718.",
                    {"np.log10": "np.log", "10 **": "np.e **"},
                ),
                Mistake(
                    "above `high`",
                    "The last rate must not exceed `high`: round down, not up.",
                    {"range(last + 1)": "range(last + 2)"},
                ),
            ),
            equivalents=(
                """
                def grid(low, high, per_decade):
                    rates, k = [], 0
                    while low * 10 ** (k / per_decade) <= high:
                        rates.append(low * 10 ** (k / per_decade))
                        k += 1
                    return rates
                """,
                """
                def grid(low, high, per_decade):
                    k = np.arange(0, np.log10(high / low), 1 / per_decade)
                    return low * 10.0**k
                """,
            ),
        ),
        Problem(
            name="names",
            answer="names",
            hints=(
                "Begin with the flat one and the one whose rate was cut early.",
                "A run that is too slow gains about as much in its second half as in its first.",
            ),
            mistakes=(
                Mistake(
                    "too slow and plateau exchanged",
                    "A slow run gains all the time, though little; on a plateau nothing is gained beyond the noise.",
                    {'"plateau"': '"too slow"', '"too slow"': '"plateau"'},
                ),
                Mistake(
                    "every cut taken for an early one",
                    "A cut is early if the loss was still falling. Look at where it came, and at what the loss did.",
                    """
                    names = []
                    for curve, cut in zip(curves, cut_at, strict=True):
                        if cut is None:
                            jumps = np.abs(np.diff(np.log(curve)))[6:]
                            slow = "too slow" if curve[-1] < 0.9 * curve[0] else "plateau"
                            steady = "spike" if max(jumps) > 1 else slow
                            bent = "oscillating" if np.median(jumps) > 0.25 else steady
                            names.append("diverging" if curve[-1] > 2 * curve[0] else bent)
                        else:
                            names.append("decayed too early")
                    """,
                ),
                Mistake(
                    "early and late cut exchanged",
                    "The cut that came late found a loss that had all but arrived. The early one stopped a loss in "
                    "mid-fall.",
                    {"cut < 6": "cut > 6"},
                ),
                Mistake(
                    "cut taken for slowness",
                    "A rate that falls to a hundredth makes a slow run, too. But here the cure is to cut later.",
                    {"cut is not None and cut < 6": "False"},
                ),
                Mistake(
                    "swings taken for a spike",
                    "A spike is one jump, after which the loss comes back. A loss that swings for the rest of the run "
                    "oscillates.",
                    {'"oscillating"': '"spike"'},
                ),
                Mistake(
                    "swings taken for divergence",
                    "The swings neither grow nor shrink: the loss goes nowhere, but it does not run away.",
                    {'"oscillating"': '"diverging"'},
                ),
            ),
            equivalents=(
                """
                names = [None] * 6
                logs = np.log(np.array(curves))
                for i, (log, cut) in enumerate(zip(logs, cut_at)):
                    gain, wiggle = log[0] - log[-3:].mean(), np.abs(np.diff(log[6:]))
                    if gain < -0.7:
                        names[i] = "diverging"
                    elif cut is not None:
                        names[i] = "decayed too early" if cut < 8 else "healthy"
                    elif np.median(wiggle) > 0.4:
                        names[i] = "oscillating"
                    elif wiggle.max() > 1:
                        names[i] = "spike"
                    else:
                        names[i] = "plateau" if gain < 0.1 else "too slow"
                """,
                {"names = []": "print(len(curves))\nnames = []", "> 0.25": "> 0.3"},
            ),
        ),
        Problem(
            name="suggest",
            answer="suggest",
            inputs=suggest,
            hints=(
                "Keep the average uncorrected from step to step; divide a copy.",
                "np.argmin gives the place of the lowest; `rates` at that place, divided by ten.",
            ),
            mistakes=(
                Mistake(
                    "not corrected",
                    "The average starts at zero and is too low at first. Then the lowest one is the first, whatever "
                    "the losses are.",
                    {" / (1 - beta ** (t + 1))": ""},
                ),
                Mistake(
                    "weights exchanged",
                    "β is the weight of the past. A large β makes a smooth curve.",
                    {
                        "beta * average + (1 - beta) * loss": "(1 - beta) * average + beta * loss",
                        "(1 - beta ** (t + 1))": "(1 - (1 - beta) ** (t + 1))",
                    },
                ),
                Mistake(
                    "the rate itself, not a tenth",
                    "Where the loss is lowest it is about to explode. That rate is already too large.",
                    {"[np.argmin(smoothed)] / 10": "[np.argmin(smoothed)]"},
                ),
                Mistake(
                    "the lowest loss, not the lowest average",
                    "The lowest single loss is where luck put it. Take the place from the smoothed ones.",
                    {"np.argmin(smoothed)": "np.argmin(losses)"},
                ),
                Mistake(
                    "the steepest fall",
                    "Where the loss falls fastest depends on the start of the test. Equation (3) asks for the lowest.",
                    {"np.argmin(smoothed)": "np.argmin(np.diff(smoothed))"},
                ),
                Mistake(
                    "exponent one too small",
                    "At t = 0 one loss has been seen, with the weight 1 − β: the exponent is t + 1.",
                    {"(t + 1)": "max(t, 1)"},
                ),
                Mistake(
                    "corrected average kept",
                    "The correction is for reading. Put back into the average, it acts again and again.",
                    {
                        "average = beta * average + (1 - beta) * loss": (
                            "average = (beta * average + (1 - beta) * loss) / (1 - beta ** (t + 1))"
                        ),
                        "smoothed.append(average / (1 - beta ** (t + 1)))": "smoothed.append(average)",
                    },
                ),
            ),
            equivalents=(
                """
                def suggest(rates, losses, beta):
                    smoothed = np.empty(len(losses))
                    for t in range(len(losses)):
                        weights = beta ** np.arange(t, -1, -1)
                        smoothed[t] = weights @ losses[: t + 1] / weights.sum()
                    return rates[smoothed.argmin()] * 0.1, smoothed
                """,
                """
                def suggest(rates, losses, beta):
                    total, weight, best, at, out = 0.0, 0.0, float("inf"), None, []
                    for rate, loss in zip(rates, losses):
                        total, weight = beta * total + loss, beta * weight + 1
                        out.append(total / weight)
                        if out[-1] < best:
                            best, at = out[-1], rate
                    return [at / 10, out]
                """,
            ),
        ),
        Problem(
            name="moved",
            answer="moved",
            hints=(
                "What delays the moment at which the smoothed loss turns up? There the test has climbed on.",
                "A loss 64 times as large makes steps 64 times as long. A constant makes no step at all.",
            ),
            mistakes=(
                Mistake(
                    "smoothing thought harmless",
                    "An average lags by about β/(1 − β) steps, and the rate climbs on meanwhile.",
                    {'"smoothing": "higher"': '"smoothing": "same"'},
                ),
                Mistake(
                    "a short test thought cautious",
                    "A rate that is too large needs some steps to do its damage. In a short test it has no time to "
                    "show it.",
                    {'"steps": "higher"': '"steps": "lower"'},
                ),
                Mistake(
                    "the sum thought harmless",
                    "The gradient of a sum over 64 examples is 64 times as long: the same step needs a rate 64 times "
                    "smaller.",
                    {'"times": "lower"': '"times": "same"'},
                ),
                Mistake(
                    "a constant thought to matter",
                    "A constant in the loss has no gradient, and the lowest place of a curve stays where it is when "
                    "the curve is lifted.",
                    {'"plus": "same"': '"plus": "lower"'},
                ),
                Mistake(
                    "momentum thought to allow more",
                    "With momentum the steps add up to 1/(1 − β) times the rate. It explodes at a smaller one.",
                    {'"momentum": "lower"': '"momentum": "higher"'},
                ),
                Mistake(
                    "the start of the test thought to matter",
                    "At tiny rates nothing happens. Begun lower, the test only takes longer to come to where it was.",
                    {'"low": "same"': '"low": "lower"'},
                ),
            ),
            equivalents=(
                """
                moved = []
                for change in changes:
                    ratio = suggestion(**change) / suggestion()
                    moved.append("higher" if ratio > 1.1 else "lower" if ratio < 0.9 else "same")
                """,
                """
                up, down = {"smoothing", "steps"}, {"times", "momentum"}
                moved = tuple(
                    "same" if "low" in c else "higher" if up & set(c) else "lower" if down & set(c) else "same"
                    for c in changes
                )
                """,
            ),
        ),
        Problem(
            name="mended",
            answer="mended",
            inputs=mended,
            hints=(
                "Write the loss down first, then look whether it has exploded, then step.",
                "The exponent of the last rate is (T − 1)/(T − 1) = 1.",
            ),
            mistakes=(
                Mistake(
                    "left as it was",
                    "All four faults are still there. Mend one after the other, and look at the printed pairs.",
                    """
                    def mended(loss, slope, theta, low, high, steps):
                        return broken(loss, slope, theta, low, high, steps)
                    """,
                ),
                Mistake(
                    "equal differences",
                    "With equal differences all but a few steps are spent in the highest decade.",
                    {"low * (high / low) ** (t / (steps - 1))": "low + (high - low) * t / (steps - 1)"},
                ),
                Mistake(
                    "never arrives at `high`",
                    "t runs from 0 to T − 1. Divide by T − 1, so that the last rate is `high`.",
                    {"(t / (steps - 1))": "(t / steps)"},
                ),
                Mistake(
                    "loss after the step",
                    "That loss is already the work of the rate beside it. In step t the loss is that of θ_t.",
                    {"now = loss(theta)": "now = loss(theta - rate * slope(theta))"},
                ),
                Mistake(
                    "does not end",
                    "After an explosion the numbers grow until they overflow. End the test there.",
                    {"if now > 4 * lowest:": "if False:"},
                ),
                Mistake(
                    "exploded pair left out",
                    "The pair that exploded is what the test was looking for: write it down, then end.",
                    {"            break": "            seen.pop()\n            break"},
                ),
                Mistake(
                    "compared with the first loss",
                    "The loss may have fallen far below the first one. Compare with the lowest so far.",
                    {"now > 4 * lowest": "now > 4 * seen[0][1]"},
                ),
                Mistake(
                    "every rate from the start",
                    "A range test is one run: each step begins where the last one ended. One step from the start for "
                    "each rate tells nothing about a run.",
                    {
                        "theta = theta - rate * slope(theta)": "pass",
                        "now = loss(theta)": (
                            "last = low * (high / low) ** ((t - 1) / (steps - 1))\n"
                            "        now = loss(theta - (last * slope(theta) if t else 0))"
                        ),
                    },
                ),
            ),
            equivalents=(
                """
                def mended(loss, slope, theta, low, high, steps):
                    out = np.empty((0, 2))
                    for rate in np.geomspace(low, high, steps):
                        out = np.append(out, [[rate, loss(theta)]], axis=0)
                        if out[-1, 1] > 4 * out[:, 1].min():
                            return out
                        theta = theta - rate * slope(theta)
                    return out
                """,
                """
                def mended(loss, slope, theta, low, high, steps):
                    rates, losses = [], []
                    t = 0
                    while t < steps and (t < 2 or losses[-1] <= 4 * min(losses)):
                        losses.append(loss(theta))
                        rates.append(np.exp(np.log(low) + t / (steps - 1) * np.log(high / low)))
                        theta = theta - rates[-1] * slope(theta)
                        t += 1
                        if losses[-1] > 4 * min(losses):
                            break
                    return list(zip(rates, losses))
                """,
            ),
        ),
        Problem(
            name="carried",
            answer="carried",
            rtol=0.005,
            hints=(
                "The quotient of the two rates is (1 + N/B₁) / (1 + N/B₂). Solve it for N.",
                "If a share s survives one short run, s times s survives two in a row.",
            ),
            mistakes=(
                Mistake(
                    "in proportion to the batch",
                    "The rate grows in proportion only far below the noise scale. Here it has bent before.",
                    {"ceiling / (1 + noise / third_batch)": "low_rate * third_batch / small"},
                ),
                Mistake(
                    "with the root of the batch",
                    "That is another rule, for other methods. Two measurements and equation (6) say more.",
                    {"ceiling / (1 + noise / third_batch)": "low_rate * (third_batch / small) ** 0.5"},
                ),
                Mistake(
                    "on a straight line between the two",
                    "The curve bends between the two batch sizes; a straight line lies below it.",
                    {
                        "ceiling / (1 + noise / third_batch)": (
                            "low_rate + (high_rate - low_rate) * (third_batch - small) / (large - small)"
                        )
                    },
                ),
                Mistake(
                    "largest rate taken for the ceiling",
                    "Even the large batch has noise: its rate is still below the ceiling, by the factor 1 + N/B.",
                    {
                        "noise = (ratio - 1) / (1 / small - ratio / large)": "noise = (ratio - 1) * small",
                        "ceiling = high_rate * (1 + noise / large)": "ceiling = high_rate",
                    },
                ),
                Mistake(
                    "as many alive as after the short run",
                    "Each further step is a chance of an accident. A short test cannot see rare ones.",
                    {"alive ** (long_run / short_run)": "alive"},
                ),
                Mistake(
                    "deaths added up",
                    "A run dies only once. Shares that survive are multiplied, not subtracted.",
                    {"alive ** (long_run / short_run)": "max(0, 1 - (1 - alive) * long_run / short_run)"},
                ),
            ),
            equivalents=(
                """
                (b1, e1), (b2, e2) = measured
                a = np.array([[1.0, -e1 / b1], [1.0, -e2 / b2]])  # ceiling − (rate / batch) · noise = rate
                ceiling, noise = np.linalg.solve(a, [e1, e2])
                p = 1 - alive ** (1 / short_run)
                carried = np.array([noise, ceiling * third_batch / (third_batch + noise), (1 - p) ** long_run])
                """,
                """
                from scipy.optimize import brentq

                (b1, e1), (b2, e2) = measured
                n = brentq(lambda n: e1 * (1 + n / b1) - e2 * (1 + n / b2), 1, 1e5)
                carried = (n, e1 * (1 + n / b1) / (1 + n / third_batch), np.exp(np.log(alive) * long_run / short_run))
                """,
            ),
        ),
        Problem(
            name="best-rates",
            answer="rates",
            measure="final_loss",
            thresholds={0.022: 2, 0.0185: 3},
            hints=(
                "Sweep `loss_of` for each situation alone, at ratios of about two; then halve the ratio.",
                "Without momentum and with a constant rate the valley lies near 0.1.",
            ),
            mistakes=(
                Mistake(
                    "one rate for all",
                    "A rate belongs to its situation. The one that fits one of them is far off for another.",
                    "rates = [0.05] * 4",
                    when=lambda rates: np.ptp(rates) == 0,
                ),
                Mistake(
                    "momentum with the plain rate",
                    "With momentum 0.9 the steps add up to ten times the rate: its best rate is about a tenth.",
                    "rates = [0.1, 0.35, 0.1, 0.23]",
                    when=lambda rates: rates[2] > 0.4 * rates[0],
                ),
                Mistake(
                    "no more for the decay",
                    "A rate that falls to zero is small at the end whatever its peak is. The peak may be higher.",
                    "rates = [0.1, 0.08, 0.01, 0.1]",
                    when=lambda rates: rates[1] <= rates[0],
                ),
                Mistake(
                    "all far too small",
                    "The runs do not get there in 200 steps. Go up by factors of two until the loss rises.",
                    "rates = [0.01, 0.02, 0.001, 0.02]",
                    when=lambda rates: rates[0] < 0.04,
                ),
            ),
            equivalents=(
                "rates = np.array([0.09, 0.4, 0.0095, 0.22])",
                """
                tried = np.geomspace(0.0075, 0.6, 9)
                rates = tuple(float(tried[np.argmin([loss_of(n, r) for r in tried])]) for n in SITUATIONS)
                """,
            ),
        ),
    ),
)
