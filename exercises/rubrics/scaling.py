"""Scaling: the rate for another batch, what changes a run, exponents, shares, the noise scale, µP, the best batch."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """The changes in another order, and new best rates."""
    changes = ["shared", "each its own", "added, SGD", "added, Adam", "batch norm", "layer norm", "same share"]
    widths = 2 ** np.arange(4) * int(rng.choice([32, 48, 64]))
    first = rng.uniform(0.005, 0.02)
    rates = [
        first * 2.0 ** (-power * np.arange(4)) * np.exp(rng.normal(0, 0.05, 4))
        for power in (rng.uniform(0.5, 1), rng.uniform(-0.15, 0.05))
    ]
    usual, by_mup = ([float(f"{rate:.3g}") for rate in one] for one in rates)
    return {
        "changes": [changes[i] for i in rng.permutation(len(changes))],
        "widths": widths.tolist(),
        "best_usual": usual,
        "best_mup": by_mup,
        "target_width": int(widths[0]) * int(rng.choice([32, 64])),
    }


def carried(rng: Generator) -> tuple[Any, ...]:
    machines, new_machines = (int(n) for n in rng.choice([1, 2, 4, 8, 16], 2, replace=False))
    each, new_each = (int(n) for n in rng.choice([16, 32, 64, 128], 2, replace=False))
    return rng.uniform(0.01, 1), machines, each, new_machines, new_each, str(rng.choice(["sgd", "adam"]))


def combined(rng: Generator) -> tuple[Any, ...]:
    pieces = rng.permutation([1, 2, 3, int(rng.integers(1, 4))])[: rng.integers(2, 5)]
    return (
        [rng.normal(1, 1, (int(n), 3)) for n in pieces],
        [rng.integers(1, 30, int(n)).tolist() for n in pieces],
    )


def noise_scale(rng: Generator) -> tuple[Any, ...]:
    b, large = int(rng.choice([2, 4, 8])), int(rng.choice([32, 64, 128]))
    noise = rng.uniform(5, 50)
    signal = rng.uniform(0.2, 3) if rng.uniform() < 0.7 else -0.8 * noise / large
    squares = [(signal + noise / size) * rng.uniform(0.9, 1.1, 5) for size in (b, large)]
    return *np.sqrt(squares), b, large


def mup(rng: Generator) -> tuple[Any, ...]:
    inputs, classes, hidden = int(rng.choice([64, 196, 784])), int(rng.choice([5, 10])), int(rng.integers(2, 5))
    base, times = int(rng.choice([32, 64])), rng.choice([2, 3, 4, 8], hidden)

    def shapes(widths: list[int]) -> list[list[int]]:
        sizes = [inputs, *widths, classes]
        return [shape for n, m in pairwise(sizes) for shape in ([m, n], [m])]

    return shapes([base * int(factor) for factor in times]), shapes([base] * hidden), rng.uniform(0.001, 0.1)


RUBRIC = Rubric(
    chapter="book/practice/scaling",
    constants=constants,
    problems=(
        Problem(
            name="carried",
            answer="carried",
            inputs=carried,
            cases=12,
            hints=("First the two batches: machines times examples on each.",),
            mistakes=(
                Mistake(
                    "machines counted, not examples",
                    "A rate belongs to a batch, not to machines. If they share the old batch the rate stays.",
                    {"new_machines * new_each / (machines * each)": "new_machines / machines"},
                ),
                Mistake(
                    "batch of one machine",
                    "The gradients of all machines are averaged: the batch is what all of them take together.",
                    {"new_machines * new_each / (machines * each)": "new_each / each"},
                ),
                Mistake(
                    "turned round",
                    "A larger batch bears a larger rate: the new batch stands above the old one.",
                    {"new_machines * new_each / (machines * each)": "machines * each / (new_machines * new_each)"},
                ),
                Mistake(
                    "linear rule for Adam",
                    "Adam divides by the size of the gradient, which falls as the batch grows. The root is left.",
                    {"ratio**0.5": "ratio"},
                ),
                Mistake(
                    "root for SGD",
                    "k small steps are about one step with k times the rate: for SGD the rule is linear.",
                    {"eta * ratio if": "eta * ratio**0.5 if"},
                ),
                Mistake(
                    "rules exchanged",
                    "The linear rule is that of SGD, the root is Adam's.",
                    {'== "sgd"': '== "adam"'},
                ),
            ),
            equivalents=(
                """
                def carried(eta, machines, each, new_machines, new_each, method):
                    power = {"sgd": 1, "adam": 0.5}[method]
                    return eta * (new_machines / machines * new_each / each) ** power
                """,
                """
                def carried(eta, machines, each, new_machines, new_each, method):
                    old, new = machines * each, new_machines * new_each
                    if method == "adam":
                        old, new = np.sqrt(old), np.sqrt(new)
                    return np.float64(eta / old * new)
                """,
            ),
        ),
        Problem(
            name="predicted",
            answer="predicted",
            hints=(
                "Ask of each change: which examples are in the mean, and with which weights?",
                "Three of them leave the run as it is.",
            ),
            mistakes=(
                Mistake(
                    "Adam takes harm",
                    "Added up, the gradient is four times as long and points the same way. Adam divides the length "
                    "out again, at every step.",
                    {'"added, Adam", ': ""},
                ),
                Mistake(
                    "adding does no harm to SGD",
                    "Not divided, the gradient is four times as long. To SGD that is four times the rate.",
                    {"same = {": 'same = {"added, SGD", '},
                ),
                Mistake(
                    "larger batch overlooked",
                    "Four processes with 256 examples each are a batch of 1024. That is another run with another rate.",
                    {"same = {": 'same = {"each its own", '},
                ),
                Mistake(
                    "batch normalization overlooked",
                    "It normalizes over the examples in one process: 64 in place of 256. So what one example gives "
                    "depends on the cut.",
                    {"same = {": 'same = {"batch norm", '},
                ),
                Mistake(
                    "layer normalization suspected",
                    "It treats each example by itself, so the loss stays a mean over examples and may be cut.",
                    {', "layer norm"}': "}"},
                ),
                Mistake(
                    "copies overlooked",
                    "The mean of four equal gradients is one of them: a batch of 64, computed four times.",
                    {"same = {": 'same = {"same share", '},
                ),
                Mistake(
                    "words exchanged",
                    "Shares of one batch give the same run: start from there.",
                    {'"same" if': '"other" if', 'else "other"': 'else "same"'},
                ),
            ),
            equivalents=(
                """
                others = ("each its own", "added, SGD", "batch norm", "same share")
                predicted = tuple("other" if change in others else "same" for change in changes)
                """,
                """
                predicted = []
                for change in changes:
                    if change.startswith("added"):
                        predicted.append("same" if change.endswith("Adam") else "other")
                    else:
                        predicted.append({"shared": "same", "layer norm": "same"}.get(change, "other"))
                """,
            ),
        ),
        Problem(
            name="forecast",
            answer="forecast",
            rtol=1e-3,
            hints=(
                "np.polyfit(x, y, 1) returns the slope and the value at zero.",
                "The slope is −p. For the forecast take the exponential of the line.",
            ),
            mistakes=(
                Mistake(
                    "no logarithms",
                    "A power is a straight line in the logarithms only.",
                    {
                        "np.log(widths), np.log(best_usual)": "widths, best_usual",
                        "np.log(widths), np.log(best_mup)": "widths, best_mup",
                        "np.exp(np.polyval(usual, np.log(target_width)))": "np.polyval(usual, target_width)",
                    },
                ),
                Mistake(
                    "sign of p",
                    "The slope of the line is −p: a rate that falls with the width has a positive p.",
                    {"[-usual[0], -by_mup[0]": "[usual[0], by_mup[0]"},
                ),
                Mistake(
                    "logarithm not undone",
                    "The line gives the logarithm of the rate.",
                    {"np.exp(np.polyval(usual, np.log(target_width)))": "np.polyval(usual, np.log(target_width))"},
                ),
                Mistake(
                    "two kinds of logarithm",
                    "Take the same logarithm of the widths and of the rates, or the slope is off by a factor.",
                    {"np.log(best_": "np.log10(best_", "np.exp(np.polyval": "10 ** (np.polyval"},
                ),
                Mistake(
                    "forecast of the other line",
                    "Asked is the forecast for one rate: the line through best_usual.",
                    {"np.polyval(usual": "np.polyval(by_mup"},
                ),
            ),
            equivalents=(
                """
                x = np.log(np.array(widths))
                rows = np.stack([x, np.ones_like(x)], axis=1)
                slopes, heights = np.linalg.lstsq(rows, np.log(np.array([best_usual, best_mup]).T), rcond=None)[0]
                forecast = (-slopes[0], -slopes[1], np.exp(heights[0]) * target_width ** slopes[0])
                """,
                """
                def line(rates):
                    x, y = np.log2(widths), np.log2(rates)
                    slope = np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
                    return slope, y.mean() - slope * x.mean()

                slope, height = line(best_usual)
                forecast = np.array([-slope, -line(best_mup)[0], 2 ** (height + slope * np.log2(target_width))])
                """,
            ),
        ),
        Problem(
            name="combined",
            answer="combined",
            inputs=combined,
            hints=(
                "Undo the means first: b times the mean gradient is the sum over the characters of a piece.",
                "How many characters are there in all? Only this number divides.",
            ),
            mistakes=(
                Mistake(
                    "left as it was",
                    "Added up, a worker with three pieces counts three times, and long pieces count as short ones.",
                    """
                    def combined(gradients, counts):
                        return np.mean([np.sum(one, axis=0) for one in gradients], axis=0)
                    """,
                ),
                Mistake(
                    "mean of the means",
                    "A mean over 30 characters and one over 2 do not weigh the same.",
                    """
                    def combined(gradients, counts):
                        return np.mean([np.mean(one, axis=0) for one in gradients], axis=0)
                    """,
                ),
                Mistake(
                    "all pieces alike",
                    "That the pieces stand on different workers is seen to. But they differ in length, too.",
                    """
                    def combined(gradients, counts):
                        return np.mean(np.concatenate(gradients), axis=0)
                    """,
                ),
                Mistake(
                    "workers weigh the same",
                    "Within a worker the pieces have their weights. The workers need theirs: all their characters.",
                    """
                    def combined(gradients, counts):
                        return np.mean([np.average(g, axis=0, weights=b) for g, b in zip(gradients, counts)], axis=0)
                    """,
                ),
                Mistake(
                    "not divided",
                    "A sum over characters is a mean times their number: the rate would depend on the texts' length.",
                    {"total / sum(sum(b) for b in counts)": "total"},
                ),
                Mistake(
                    "divided by the pieces",
                    "The weights b are numbers of characters, so all characters divide the sum, not all pieces.",
                    {"sum(sum(b) for b in counts)": "sum(len(b) for b in counts)"},
                ),
                Mistake(
                    "divided by the workers",
                    "The sum is one over characters, so their number divides it.",
                    {"sum(sum(b) for b in counts)": "len(counts)"},
                ),
            ),
            equivalents=(
                """
                def combined(gradients, counts):
                    weights = [n for one in counts for n in one]
                    return np.average(np.concatenate(gradients), axis=0, weights=weights)
                """,
                """
                def combined(gradients, counts):
                    total, characters = np.zeros(gradients[0].shape[1]), 0
                    for r in range(len(gradients)):
                        for j, mean in enumerate(gradients[r]):
                            total = total + counts[r][j] * mean
                            characters = characters + counts[r][j]
                    return (total / characters).tolist()
                """,
            ),
        ),
        Problem(
            name="noise-scale",
            answer="noise_scale",
            inputs=noise_scale,
            hints=(
                "Subtract the two equations: |G|² drops out.",
                "With tr Σ known, either equation gives |G|².",
            ),
            mistakes=(
                Mistake(
                    "lengths not squared",
                    "Equation (5) is about squared lengths; the lists hold lengths.",
                    {"np.mean(np.square(small))": "np.mean(small)", "np.mean(np.square(large))": "np.mean(large)"},
                ),
                Mistake(
                    "squared after the mean",
                    "The mean of squares is more than the square of the mean. Square each length first.",
                    {
                        "np.mean(np.square(small))": "np.square(np.mean(small))",
                        "np.mean(np.square(large))": "np.square(np.mean(large))",
                    },
                ),
                Mistake(
                    "large batch taken for the truth",
                    "Its gradient has noise, too, tr Σ / B, and is longer than G. Take that off.",
                    {"other - noise / B": "other"},
                ),
                Mistake(
                    "noise of a batch",
                    "tr Σ belongs to one example. The difference of the two averages is tr Σ (1/b − 1/B).",
                    {"(one - other) / (1 / b - 1 / B)": "one - other"},
                ),
                Mistake(
                    "divided by B − b",
                    "The noise falls as one over the batch: the difference of the averages is tr Σ (1/b − 1/B).",
                    {"(1 / b - 1 / B)": "(B - b)"},
                ),
                Mistake(
                    "quotient turned round",
                    "A noisy gradient wants a large batch: the noise stands above.",
                    {"noise / signal if": "signal / noise if"},
                ),
                Mistake(
                    "negative batch size",
                    "A squared length below zero is an estimate that drowned in noise. No batch size follows from it.",
                    {"noise / signal if signal > 0 else np.inf": "noise / signal"},
                ),
            ),
            equivalents=(
                """
                def noise_scale(small, large, b, B):
                    lengths = [np.mean(np.square(small)), np.mean(np.square(large))]
                    signal, noise = np.linalg.solve([[1, 1 / b], [1, 1 / B]], lengths)
                    return signal, noise, float("inf") if signal <= 0 else noise / signal
                """,
                """
                def noise_scale(small, large, b, B):
                    s = sum(x * x for x in small) / len(small)
                    l = sum(x * x for x in large) / len(large)
                    signal = (B * l - b * s) / (B - b)
                    noise = (s - l) * b * B / (B - b)
                    print("signal", signal)
                    return np.array([signal, noise, noise / max(signal, 1e-300) if signal > 0 else np.inf])
                """,
            ),
        ),
        Problem(
            name="mup",
            answer="mup",
            inputs=mup,
            hints=(
                "A matrix has two numbers in its shape, a bias one. The inputs come second.",
                "The last matrix is the last entry with two numbers.",
            ),
            mistakes=(
                Mistake(
                    "one rate for all",
                    "In a wider layer each unit sums over more weights, and all of them move by η. The rate must fall.",
                    {"rates.append(eta * ratio)": "rates.append(eta)"},
                ),
                Mistake(
                    "outputs counted",
                    "A unit sums over its inputs, the second number of a shape.",
                    {"base[1] / shape[1]": "base[0] / shape[0]"},
                ),
                Mistake(
                    "biases slowed down",
                    "A bias is added, not summed over: it moves what its unit computes by η at any width.",
                    {"else 1.0\n        rates": "else base[0] / shape[0]\n        rates"},
                ),
                Mistake(
                    "last matrix at the full rate",
                    "The last matrix sums over the whole width. Its rate falls like that of a hidden one.",
                    {"eta * ratio)": "eta * (1.0 if i == last else ratio))"},
                ),
                Mistake(
                    "root forgotten",
                    "The variance shall be smaller by n₀/n than usual. A weight is then smaller by the root of that.",
                    {"ratio**0.5 if": "ratio if"},
                ),
                Mistake(
                    "all matrices made smaller",
                    "Hidden matrices are drawn as usual. Smaller ones would let the signal die from layer to layer.",
                    {"if i == last else 1.0": "if len(shape) == 2 else 1.0"},
                ),
                Mistake(
                    "turned round",
                    "The wider the network, the smaller the rate: the base stands above.",
                    {"base[1] / shape[1]": "shape[1] / base[1]"},
                ),
            ),
            equivalents=(
                """
                def mup(shapes, base_shapes, eta):
                    pairs = zip(base_shapes, shapes)
                    ratios = np.array([old[-1] / new[-1] if len(new) > 1 else 1 for old, new in pairs])
                    factors = np.ones(len(shapes))
                    factors[-2] = np.sqrt(ratios[-2])
                    return eta * ratios, factors
                """,
                """
                def mup(shapes, base_shapes, eta):
                    found = []
                    for new, old in zip(reversed(shapes), reversed(base_shapes)):
                        if len(new) == 1:
                            found.append((eta, 1))
                            continue
                        first = all(factor == 1 and rate == eta for rate, factor in found)
                        share = old[1] / new[1]
                        found.append((eta * share, share**0.5 if first else 1))
                    return [[one[k] for one in reversed(found)] for k in (0, 1)]
                """,
            ),
        ),
        Problem(
            name="plan",
            answer="plan",
            measure="seconds",
            thresholds={60: 2, 40: 4},
            hints=(
                "For the batches 8, 32, 128 and 512 find the best rate each. Then look between the best two.",
                "A batch near 100. Its best rate is below that of a huge batch.",
            ),
            mistakes=(
                Mistake(
                    "rate beyond the edge",
                    "The largest curvature is 2, so no rate above 2/2 = 1 is stable, however large the batch is.",
                    "plan = [128, 1.1]",
                    when=lambda plan: plan[1] >= 1,
                ),
                Mistake(
                    "batch too small",
                    "Its noise keeps the loss up unless the rate is tiny, and then the steps are many.",
                    "plan = [4, 0.05]",
                    when=lambda plan: plan[0] < 20,
                ),
                Mistake(
                    "batch too large",
                    "Beyond the critical batch size more examples save hardly a step, and each step takes longer.",
                    "plan = [512, 0.8]",
                    when=lambda plan: plan[0] > 300,
                ),
                Mistake(
                    "rate too small for the batch",
                    "A batch of this size bears a larger rate; go up in ratios of about 1.3.",
                    "plan = [96, 0.1]",
                    when=lambda plan: plan[1] < 0.3,
                ),
            ),
            equivalents=(
                "plan = (112, np.float32(0.65))",
                "plan = np.array([88, 0.6])",
            ),
        ),
    ),
)
