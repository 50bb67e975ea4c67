"""MNIST: sum and mean, lengths of schedules, fair comparison, honest reports, and the best schedule for a budget."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Mistake, Problem, Rubric
from exercises.grader.rubric import Limits


def constants(rng: Generator) -> dict[str, Any]:
    """New rates, sizes and accuracies."""
    common = rng.normal(0, 0.08, 5)
    base = rng.uniform(97, 97.5) + common + rng.normal(0, 0.06, 5)
    better = rng.uniform(0.4, 0.6) + base.mean() + common + rng.normal(0, 0.03, 5)
    return {
        "their_rate": float(rng.choice([0.0002, 0.0005, 0.001])),
        "their_batch": int(rng.choice([64, 128, 256])),
        "images": int(rng.choice([40000, 50000])),
        "batch": int(rng.choice([128, 192])),
        "epochs": int(rng.choice([3, 4, 5])),
        "share_of_climb": float(rng.choice([0.1, 0.2, 0.25])),
        "constant": base.round(2).tolist(),
        "cosine": better.round(2).tolist(),
        "linear": (better + rng.permutation([0.02, -0.03, 0.03, 0.03, -0.02])).round(2).tolist(),
    }


def tuned(rng: Generator) -> tuple[Any, ...]:
    table = rng.uniform(0.2, 1, (int(rng.integers(3, 6)), 3))
    if rng.uniform() < 0.5:
        table[rng.integers(len(table)), rng.integers(3)] = rng.choice([np.nan, np.inf])
    if rng.uniform() < 0.5:
        table[rng.integers(len(table)), 0] = 0.01
    return (table,)


def report(rng: Generator) -> tuple[Any, ...]:
    return tuple(rng.uniform(0.5, 1, (2, 4, 3, 5)))


RUBRIC = Rubric(
    chapter="book/practice/mnist",
    constants=constants,
    limits=Limits(seconds=20, total=200),
    problems=(
        Problem(
            name="your-rates",
            answer="your_rates",
            hints=("The gradient of the sum is B times that of the mean.",),
            mistakes=(
                Mistake(
                    "divided instead of multiplied",
                    "The mean's gradient is B times shorter, so the rate must be B times larger.",
                    {"their_rate * their_batch": "their_rate / their_batch"},
                ),
                Mistake(
                    "rate copied",
                    "The same number with another reduction is another rate.",
                    {"their_rate * their_batch, ": "their_rate, "},
                ),
                Mistake(
                    "rate kept for half the batch",
                    "With half the batch there are twice as many steps: by the linear rule each takes half the rate.",
                    {" * their_batch / 2": " * their_batch"},
                ),
                Mistake(
                    "rate doubled for half the batch",
                    "A smaller batch bears a smaller rate, not a larger one.",
                    {"/ 2]": "* 2]"},
                ),
            ),
            equivalents=(
                "your_rates = np.array([1.0, 0.5]) * their_batch * their_rate",
                """
                mean_rate = sum(their_rate for _ in range(their_batch))
                your_rates = (mean_rate, mean_rate * 0.5)
                """,
            ),
        ),
        Problem(
            name="lengths",
            answer="lengths",
            hints=("Round up within a pass, then multiply.",),
            mistakes=(
                Mistake(
                    "last batch forgotten",
                    "The last, smaller batch of a pass is a step, too: round up.",
                    {"-(-images // batch)": "(images // batch)"},
                ),
                Mistake(
                    "rounded over the whole run",
                    "Every pass ends with a batch of its own: round up within a pass.",
                    {"epochs * -(-images // batch)": "-(-epochs * images // batch)"},
                ),
                Mistake(
                    "fall over the whole run",
                    "The fall begins after the climb; a fall as long as the run never gets to its end.",
                    {"steps - climb]": "steps]"},
                ),
                Mistake(
                    "steps of one pass",
                    "The schedule counts the steps of all passes.",
                    {"steps = epochs * -": "steps = -"},
                ),
            ),
            equivalents=(
                """
                per_pass = int(np.ceil(images / batch))
                climb = int(per_pass * epochs * share_of_climb)
                lengths = (per_pass * epochs, climb, per_pass * epochs - climb)
                """,
                """
                T = sum(len(range(0, images, batch)) for _ in range(epochs))
                w = int(np.floor(share_of_climb * T))
                lengths = np.array([T, w, T - w])
                """,
            ),
        ),
        Problem(
            name="tuned",
            answer="tuned",
            inputs=tuned,
            cases=20,
            hints=("np.isfinite finds both nan and inf.", "Mean over the seeds first, then the smallest."),
            mistakes=(
                Mistake(
                    "the best single run",
                    "One lucky seed says little. Compare means over the seeds.",
                    {"finite.mean(axis=1)": "finite.min(axis=1)"},
                ),
                Mistake(
                    "diverged seeds left out",
                    "A rate that diverges for one seed in three is no good rate. Count it as infinite.",
                    {
                        "np.where(np.isfinite(table), table, np.inf)": (
                            "np.ma.filled(np.ma.masked_invalid(table).mean(axis=1, keepdims=True), np.inf)"
                        )
                    },
                ),
                Mistake(
                    "nan wins",
                    "np.argmin takes a nan for the smallest. Make it infinite first.",
                    {"np.where(np.isfinite(table), table, np.inf)": "table"},
                ),
                Mistake(
                    "only the upper edge",
                    "The lowest rate of the grid lies on the edge, too.",
                    {"best in (0, len(means) - 1)": "best == len(means) - 1"},
                ),
                Mistake(
                    "mean over the rates",
                    "The seeds stand in the second axis.",
                    {"finite.mean(axis=1)": "finite.mean(axis=0)"},
                ),
            ),
            equivalents=(
                """
                def tuned(table):
                    best, lowest = 0, float("inf")
                    for i, row in enumerate(table):
                        mean = sum(row) / len(row)
                        if mean < lowest:
                            best, lowest = i, mean
                    return best, lowest, best == 0 or best == len(table) - 1
                """,
                {"np.where(np.isfinite(table), table, np.inf)": "np.nan_to_num(table, nan=np.inf, posinf=np.inf)"},
            ),
        ),
        Problem(
            name="verdicts",
            answer="verdicts",
            rtol=1e-3,
            hints=("Subtract seed by seed; then mean and standard error of the five differences.",),
            mistakes=(
                Mistake(
                    "not paired",
                    "The seeds' common luck cancels in the differences. Unpaired, it hides them.",
                    {
                        "errors = [np.std(gap, ddof=1) / len(gap) ** 0.5 for gap in gaps]": (
                            "errors = [np.hypot(np.std(a, ddof=1), np.std(b, ddof=1)) * 5 for a, b in pairs]"
                        )
                    },
                ),
                Mistake(
                    "any difference counts",
                    "A difference of less than two standard errors says nothing.",
                    {"abs(np.mean(gap)) > 2 * error": "abs(np.mean(gap)) > 0"},
                ),
                Mistake(
                    "the other way round",
                    "Cosine minus constant: what is asked about comes first.",
                    {"np.subtract(one, other)": "np.subtract(other, one)"},
                ),
                Mistake(
                    "words exchanged",
                    "A large difference means something.",
                    {'"yes" if': '"no" if', 'else "no"': 'else "yes"'},
                ),
            ),
            equivalents=(
                """
                a, b, c = map(np.array, (constant, cosine, linear))
                words, means = [], []
                for d in (b - a, c - a, c - b):
                    t = d.mean() / (d.std(ddof=1) / np.sqrt(5))
                    words.append("yes" if abs(t) > 2 else "no")
                    means.append(d.mean())
                verdicts = words + means
                """,
                """
                def judged(one, other):
                    d = [x - y for x, y in zip(one, other)]
                    mean = sum(d) / len(d)
                    error = (sum((x - mean) ** 2 for x in d) / (len(d) - 1) / len(d)) ** 0.5
                    return ("yes" if mean**2 > 4 * error**2 else "no"), mean

                words, means = zip(judged(cosine, constant), judged(linear, constant), judged(linear, cosine))
                verdicts = (*words, *means)
                """,
            ),
        ),
        Problem(
            name="report",
            answer="report",
            inputs=report,
            hints=(
                "The last entry of the third axis is the last epoch.",
                "Choose on one array, report from the other.",
            ),
            mistakes=(
                Mistake(
                    "chosen on the test data",
                    "What is chosen on the test data fits them a little: the number is too good.",
                    {"validation[:, :, -1]": "test[:, :, -1]"},
                ),
                Mistake(
                    "validation accuracy reported",
                    "The validation data had a part in the choice. Report on the test data.",
                    {"final = test": "final = validation"},
                ),
                Mistake(
                    "best epoch instead of the last",
                    "The best epoch is a choice as well, and a different one for every seed.",
                    {"final = test[chosen, :, -1]": "final = test[chosen].max(axis=1)"},
                ),
                Mistake(
                    "best seed reported",
                    "A seed is luck. Report the mean over the seeds and the spread.",
                    {"final.mean()": "final.max()"},
                ),
                Mistake(
                    "spread of a population",
                    "The seeds are a sample: divide by n − 1.",
                    {"ddof=1": "ddof=0"},
                ),
            ),
            equivalents=(
                """
                def report(validation, test):
                    means = [np.mean([run[-1] for run in rate]) for rate in validation]
                    chosen = means.index(max(means))
                    last = [run[-1] for run in test[chosen]]
                    mean = sum(last) / len(last)
                    return mean, (sum((x - mean) ** 2 for x in last) / (len(last) - 1)) ** 0.5
                """,
                {"np.argmax(validation[:, :, -1].mean(axis=1))": "np.argmax(np.sum(validation[..., -1], axis=1))"},
            ),
        ),
        Problem(
            name="best-rates",
            answer="rates",
            measure="loss_after",
            thresholds={0.63: 3, 0.578: 6},
            hints=(
                "Sweep the peak at ratios of about 1.3, with the climb and the fall in place.",
                "Between 0.04 and 0.06; let the rate end at zero.",
            ),
            mistakes=(
                Mistake(
                    "a constant rate",
                    "A constant rate keeps the noise of its steps to the end. Let it fall to zero.",
                    "rates = [0.02] * 200",
                    when=lambda rates: np.ptp(rates) == 0,
                ),
                Mistake(
                    "far too large",
                    "With momentum 0.9 the effective rate is ten times the number. Go down by factors of two.",
                    "rates = [0.5 * (200 - t) / 200 for t in range(200)]",
                    when=lambda rates: np.max(rates) > 0.12,
                ),
                Mistake(
                    "far too small",
                    "The run does not get there in 200 steps. Go up by factors of two.",
                    "rates = [0.004 * (200 - t) / 200 for t in range(200)]",
                    when=lambda rates: np.max(rates) < 0.015,
                ),
                Mistake(
                    "does not end at zero",
                    "The last steps still have a large rate, and their noise stays in the result.",
                    "rates = [0.05 - 0.03 * t / 200 for t in range(200)]",
                    when=lambda rates: np.mean(np.asarray(rates)[-10:]) > 0.01,
                ),
            ),
            equivalents=(
                "rates = 0.05 * (1 - np.arange(200) / 200)",
                "rates = tuple(np.float32(0.052 * min((t + 1) / 10, (200 - t) / 190)) for t in range(200))",
            ),
        ),
    ),
)
