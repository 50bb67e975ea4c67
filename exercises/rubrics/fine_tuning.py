"""Fine-tuning: rates for the layers, gradual unfreezing, LoRA on paper and in code, forgetting, re-warming."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New sizes of a transformer, and the starts in another order."""
    width = int(rng.choice([32, 40, 48, 64, 80]))
    words = ("random", "zero")
    starts = [(a, b) for a in words for b in words]
    return {
        "shapes": [(3 * width, width), (width, width), (4 * width, width), (width, 4 * width)],
        "blocks": int(rng.choice([2, 3, 4, 6])),
        "rank": int(rng.choice([2, 4, 8])),
        "starts": [starts[i] for i in rng.permutation(4)],
    }


def layer_rates(rng: Generator) -> tuple[Any, ...]:
    return rng.uniform(0.01, 1), rng.uniform(0.3, 0.7), int(rng.integers(4, 8))


def unfrozen(rng: Generator) -> tuple[Any, ...]:
    layers, every = int(rng.integers(3, 7)), int(rng.integers(3, 9))
    near = every * int(rng.integers(layers + 2)) + int(rng.integers(-1, 3))
    return max(near, 0), layers, every


def lora(rng: Generator) -> tuple[Any, ...]:
    rows, m, n, rank = 3, 5, 6, int(rng.integers(2, 5))
    shapes = (rows, n), (m, n), (m,), (rank, n), (m, rank)
    return *(rng.normal(size=shape) for shape in shapes), rng.uniform(5, 20)


def choose(rng: Generator) -> tuple[Any, ...]:
    rates = rng.uniform(1e-4, 1e-3) * 10 ** np.arange(0, 3, 0.5)
    before = rng.uniform(0.5, 1.2)
    old_loss = before + np.cumsum(rng.uniform(0.1, 0.8, 6))
    allowed = old_loss[rng.integers(1, 5)] - before + rng.uniform(0.01, 0.09)
    return rates, rng.uniform(0.5, 0.9, 6), old_loss, before, allowed


def rewarmed(rng: Generator) -> tuple[Any, ...]:
    first, second, climb = int(rng.integers(30, 60)), int(rng.integers(12, 25)), int(rng.integers(4, 8))
    parts = (0, first), (first, first + climb), (first + climb, first + second), (first + second, first + 2 * second)
    t = int(rng.integers(*parts[rng.integers(4)]))
    return t, first, second, climb, rng.uniform(0.1, 0.5), rng.uniform(0.6, 1)


RUBRIC = Rubric(
    chapter="book/practice/fine_tuning",
    constants=constants,
    problems=(
        Problem(
            name="layer-rates",
            answer="layer_rates",
            inputs=layer_rates,
            hints=("Write down the exponents for L = 3 first: what does the head get, what the first layer?",),
            mistakes=(
                Mistake(
                    "turned round",
                    "The first layers hold what is general and should move least. The largest rate is the head's, and "
                    "the head comes last.",
                    {"layers - layer)": "layer - 1)"},
                ),
                Mistake(
                    "head shrunk too",
                    "For l = L the exponent is 0: the head has the rate η itself.",
                    {"layers - layer)": "layers - layer + 1)"},
                ),
                Mistake(
                    "rates grow toward the input",
                    "With γ below 1 the power shrinks and must be a factor. As a divisor it lets the rates grow.",
                    {"eta * gamma ** ": "eta / gamma ** "},
                ),
                Mistake(
                    "product instead of a power",
                    "Each layer has γ times the rate of the one above: γ is applied once more with each layer.",
                    {"gamma ** (layers - layer)": "(gamma * (layers - layer) if layer < layers else 1)"},
                ),
                Mistake(
                    "a straight line",
                    "From layer to layer the rates keep their ratio, not their difference. A line soon falls below 0.",
                    {"gamma ** (layers - layer)": "(1 - (1 - gamma) * (layers - layer))"},
                ),
            ),
            equivalents=(
                """
                def layer_rates(eta, gamma, layers):
                    return eta * gamma ** np.arange(layers)[::-1]
                """,
                """
                def layer_rates(eta, gamma, layers):
                    rates = []
                    for _ in range(layers):
                        rates.insert(0, eta)
                        eta = eta * gamma
                    return rates
                """,
            ),
        ),
        Problem(
            name="unfrozen",
            answer="unfrozen",
            inputs=unfrozen,
            cases=20,
            hints=("t // every counts how many layers have joined the head.",),
            mistakes=(
                Mistake(
                    "from the input up",
                    "The head is random and must learn first. The layers join from the head down.",
                    {"layer >= layers - t // every": "layer <= 1 + t // every"},
                ),
                Mistake(
                    "one layer at a time",
                    "Who has joined stays: all layers from there up to the head are trained.",
                    {">= layers - t // every": "== max(layers - t // every, 1)"},
                ),
                Mistake(
                    "one step early",
                    "Steps count from 0, so the first k steps have t = 0, …, k − 1. The next layer joins at t = k.",
                    {"t // every": "(t + 1) // every"},
                ),
                Mistake(
                    "nobody at first",
                    "In the first k steps the head is trained: l = L belongs to it.",
                    {">= layers": "> layers"},
                ),
                Mistake(
                    "rounded up",
                    "A layer joins when its k steps are over, not when they begin: round down.",
                    {"t // every": "-(-t // every)"},
                ),
                Mistake(
                    "frozen instead of trained",
                    "True stands for a layer that is trained.",
                    {">= layers": "< layers"},
                ),
            ),
            equivalents=(
                """
                def unfrozen(t, layers, every):
                    joined = min(1 + t // every, layers)
                    return [False] * (layers - joined) + [True] * joined
                """,
                """
                def unfrozen(t, layers, every):
                    return np.arange(1, layers + 1) >= layers - t / every
                """,
            ),
        ),
        Problem(
            name="on-paper",
            answer="on_paper",
            rtol=1e-3,
            hints=(
                "A has r · n numbers, B has m · r.",
                "If B is zero the gradient of A is zero, whatever G is; and the other way round.",
            ),
            mistakes=(
                Mistake(
                    "rank times the whole matrix",
                    "A and B are thin: r · n and m · r numbers, together r (m + n).",
                    {"rank * (m + n)": "rank * m * n"},
                ),
                Mistake(
                    "one block only",
                    "Each block has its own matrices, and each of them its own A and B.",
                    {"trained = blocks * ": "trained = "},
                ),
                Mistake(
                    "one of the two forgotten",
                    "Both A and B are trained.",
                    {"rank * (m + n)": "rank * n"},
                ),
                Mistake(
                    "own matrix as the factor",
                    "The gradient of B has A as a factor, and that of A has B: look at equation (3) again.",
                    {"b_moves, a_moves = a ==": "a_moves, b_moves = a =="},
                ),
                Mistake(
                    "all blocks over one",
                    "If the LoRAs of all blocks stand above the line, the matrices of all blocks belong below it.",
                    {"share = trained / (blocks * ": "share = trained / ("},
                ),
                Mistake(
                    "share in percent",
                    "The share was asked for as a number between 0 and 1.",
                    {"share = trained / (": "share = 100 * trained / ("},
                ),
                Mistake(
                    "both always move",
                    "A factor of zero makes the gradient zero. A matrix rests as long as the other one is zero.",
                    {'"both" if a_moves and b_moves else "A" if a_moves else "B" if b_moves else "neither"': '"both"'},
                ),
            ),
            equivalents=(
                """
                numbers = np.array(shapes)
                trained = blocks * rank * numbers.sum()
                word = {("zero", "zero"): "neither", ("zero", "random"): "A", ("random", "zero"): "B"}
                on_paper = [trained, rank * numbers.sum() / numbers.prod(axis=1).sum()]
                on_paper += [word.get(start, "both") for start in starts]
                """,
                """
                a_numbers, b_numbers, whole = 0, 0, 0
                for _ in range(blocks):
                    for m, n in shapes:
                        a_numbers, b_numbers, whole = a_numbers + rank * n, b_numbers + m * rank, whole + m * n
                words = []
                for a, b in starts:
                    moving = ["A"] * (b != "zero") + ["B"] * (a != "zero")
                    words.append({0: "neither", 1: "".join(moving), 2: "both"}[len(moving)])
                on_paper = (a_numbers + b_numbers, (a_numbers + b_numbers) / whole, *words)
                """,
            ),
        ),
        Problem(
            name="lora",
            answer="lora",
            inputs=lora,
            hints=(
                "For one input x the layer computes W @ x. For rows it is X @ W.T.",
                "Compute the merged matrix first. The outputs are those of a plain layer that has it.",
            ),
            mistakes=(
                Mistake(
                    "not divided by the rank",
                    "The factor is α/r. With α alone the correction, and its rate, grow with the rank.",
                    {"alpha / len(A)": "alpha"},
                ),
                Mistake(
                    "divided by the width",
                    "The rank is the number of rows of A and of columns of B, not the length of a row of A.",
                    {"len(A)": "A.shape[1]"},
                ),
                Mistake(
                    "correction in place of the layer",
                    "LoRA adds to the frozen layer. At the start, with B zero, the layer must be the old one.",
                    {"X @ W.T + b + factor": "factor"},
                ),
                Mistake(
                    "merged without the factor",
                    "The merged layer must compute what the unmerged one did: the factor belongs to the matrix too.",
                    {"W + factor * B @ A": "W + B @ A"},
                ),
                Mistake(
                    "counted twice",
                    "After merging, the correction is in the matrix. Who keeps adding it has it twice.",
                    {"X @ W.T": "X @ merged.T"},
                ),
                Mistake(
                    "bias forgotten",
                    "The frozen layer keeps its b.",
                    {" + b + factor": " + factor"},
                ),
            ),
            equivalents=(
                """
                def lora(X, W, b, A, B, alpha):
                    merged = W + (alpha / A.shape[0]) * (B @ A)
                    return X @ merged.T + b, merged
                """,
                """
                def lora(X, W, b, A, B, alpha):
                    r = B.shape[1]
                    rows = [W @ x + b + alpha / r * (B @ (A @ x)) for x in X]
                    return [rows, W + sum(alpha / r * np.outer(B[:, i], A[i]) for i in range(r))]
                """,
            ),
        ),
        Problem(
            name="choose",
            answer="choose",
            inputs=choose,
            hints=("Subtract first, for all rates at once.", "Give rates that are not allowed an accuracy of −∞."),
            mistakes=(
                Mistake(
                    "the loss afterwards",
                    "What is forgotten is the difference to the loss before. A part of the loss was there already.",
                    {"old_loss - before": "old_loss"},
                ),
                Mistake(
                    "a ratio",
                    "Equation (5) is a difference: losses in nats add up and subtract.",
                    {"old_loss - before": "old_loss / before"},
                ),
                Mistake(
                    "limit ignored",
                    "The last rate must be chosen among those that forget at most what is allowed.",
                    {"forgotten <= allowed": "forgotten <= np.inf"},
                ),
                Mistake(
                    "the one that forgets least",
                    "That would always be the smallest rate. The limit is kept; within it the new task decides.",
                    {"np.argmax(np.where(forgotten <= allowed, accuracy, -np.inf))": "np.argmin(forgotten)"},
                ),
                Mistake(
                    "the largest that is allowed",
                    "A larger rate forgets more and need not learn more. Compare the accuracies.",
                    {"allowed, accuracy,": "allowed, rates,"},
                ),
                Mistake(
                    "indices",
                    "The rates themselves are asked for.",
                    {"rates[best]": "best", "rates[kept]": "kept"},
                ),
            ),
            equivalents=(
                """
                def choose(rates, accuracy, old_loss, before, allowed):
                    rows = list(zip(accuracy, rates, old_loss - before))
                    _, best, cost = max(rows)
                    return best, cost, max(row for row in rows if row[2] <= allowed)[1]
                """,
                """
                def choose(rates, accuracy, old_loss, before, allowed):
                    best, kept = 0, None
                    for i in range(len(rates)):
                        if accuracy[i] > accuracy[best]:
                            best = i
                        if old_loss[i] <= before + allowed and (kept is None or accuracy[i] > accuracy[kept]):
                            kept = i
                    return np.array([rates[best], old_loss[best] - before, rates[kept]])
                """,
            ),
        ),
        Problem(
            name="rewarmed",
            answer="rewarmed",
            inputs=rewarmed,
            cases=24,
            hints=(
                "The second training has its own clock, s. Which clock do the last two lines of `broken` read?",
                "Where s ≥ second the last line must not fall below zero.",
            ),
            mistakes=(
                Mistake(
                    "left as it was",
                    "The second schedule reads the clock of the first. When it begins, t is past its end already.",
                    """
                    def rewarmed(t, first, second, climb, eta, peak):
                        if t < first:
                            return eta * (1 - t / first)
                        if t < climb:
                            return peak * (t + 1) / climb
                        return peak * max(0, 1 - (t - climb) / (second - climb))
                    """,
                ),
                Mistake(
                    "first step lost",
                    "With s in place of s + 1 the first step has the rate 0 and does nothing.",
                    {"(s + 1) / climb": "s / climb"},
                ),
                Mistake(
                    "fall counted from the start of the climb",
                    "After the climb the fall begins at the peak: it has its own clock, s − w.",
                    {"1 - (s - climb) / (second - climb)": "1 - s / second"},
                ),
                Mistake(
                    "fall too long",
                    "The climb is a part of the second training: w steps of it are gone, and T₂ − w are left to fall.",
                    {"/ (second - climb)": "/ second"},
                ),
                Mistake(
                    "up to the old rate",
                    "The second training has a peak of its own. How high it is decides how much is forgotten.",
                    {"return peak": "return eta"},
                ),
                Mistake(
                    "below zero",
                    "Past the end the line goes on downward, and a negative rate climbs. Hold it at zero.",
                    {"max(0, 1 - (s - climb) / (second - climb))": "(1 - (s - climb) / (second - climb))"},
                ),
            ),
            equivalents=(
                """
                def rewarmed(t, first, second, climb, eta, peak):
                    s = t - first
                    if s < 0:
                        return eta * (first - t) / first
                    up, down = (s + 1) / climb, (second - s) / (second - climb)
                    return peak * (up if s < climb else max(down, 0.0))
                """,
                """
                def rewarmed(t, first, second, climb, eta, peak):
                    old = eta * (1 - np.arange(first) / first)
                    up = peak * np.arange(1, climb + 1) / climb
                    down = peak * (1 - np.arange(second - climb) / (second - climb))
                    whole = np.concatenate([old, up, down, [0.0]])
                    return whole[min(t, len(whole) - 1)]
                """,
            ),
        ),
        Problem(
            name="best-rates",
            answer="rates",
            measure="learned_and_kept",
            thresholds={1.05: 1, 0.97: 3, 0.92: 5},
            hints=(
                "The same row 40 times will do. Sweep the head's rate with γ = 0.2, then γ.",
                "A head's rate of 0.4 to 0.7, and a body that is slower by 4 to 10 from layer to layer.",
            ),
            mistakes=(
                Mistake(
                    "one rate for all",
                    "The head wants large steps and the body small ones. With one rate the body forgets before the "
                    "head has learned.",
                    "rates = [[0.15] * 3] * 40",
                    when=lambda rates: np.ptp(rates, axis=1).max() == 0,
                ),
                Mistake(
                    "the head alone",
                    "Nothing is forgotten then, and nothing in the body can adapt. A little of it pays.",
                    "rates = [[0, 0, 0.6]] * 40",
                    when=lambda rates: np.max(np.asarray(rates)[:, :2]) == 0,
                ),
                Mistake(
                    "layers turned round",
                    "The first column is the first layer, which should move least.",
                    "rates = [[0.3, 0.1, 0.03]] * 40",
                    when=lambda rates: np.mean(rates, axis=0)[0] > np.mean(rates, axis=0)[2],
                ),
                Mistake(
                    "head far too large",
                    "Above 0.75 or so the head is beyond its edge and its loss grows from step to step.",
                    "rates = [[0.02, 0.1, 1.5]] * 40",
                    when=lambda rates: np.mean(rates, axis=0)[2] > 1,
                ),
                Mistake(
                    "head too slow",
                    "The head starts at random and has 40 steps only. Give it more and keep the body slow.",
                    "rates = [[0.001, 0.005, 0.02]] * 40",
                    when=lambda rates: np.mean(rates, axis=0)[2] < 0.1,
                ),
            ),
            equivalents=(
                "rates = np.outer(np.ones(40), 0.55 * 0.25 ** np.array([2, 1, 0]))",
                """
                rates = []
                for t in range(40):
                    fall = np.float32(0.7 - 0.7 * t / 40)
                    rates.append((fall / 7 * (t >= 16), fall / 2.6 * (t >= 8), fall))
                """,
            ),
        ),
    ),
)
