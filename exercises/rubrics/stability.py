"""Stability: errors through depth, sixteen bits, clipping and the rate in effect, loss scaling, a rewound spike."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New depths, gains, updates and logs."""
    bits = [rng.integers(-3, 2, 3), rng.integers(4, 8, 1), rng.integers(-9, -5, 1)]
    powers = 2.0 ** np.concatenate(bits)
    digits = [rng.uniform(1.7, 1.85), rng.uniform(1.04, 1.1), *rng.uniform(1.1, 1.9, 3)]
    halves = [1.35 / 2**8, 1.3 / 2**11, 0.5 / 2**11]  # in units of the power of two below the weight
    steps = [*(powers[:3] * halves), rng.uniform(0.001, 0.003), powers[4] * rng.uniform(3, 6) / 2**8]
    updates = [[float(f"{w * b:.3g}"), float(f"{s:.2g}")] for w, b, s in zip(digits, powers, steps, strict=True)]
    threshold = float(rng.choice([0.3, 0.5, 0.8]))
    longer, tiny = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    lengths = [
        *rng.uniform(1.2, 9, longer),
        *rng.uniform(0.1, 0.9, 12 - longer - tiny),
        *rng.uniform(0.006, 0.012, tiny),
    ]
    return {
        "depth": int(rng.choice([16, 20, 24, 30])),
        "relu_gain": float(rng.choice([0.8, 1.0, 1.1, 1.2])),
        "tanh_gain": float(rng.choice([0.85, 0.9, 0.95, 1.1])),
        "sigmoid_gain": float(rng.choice([1.0, 2.0, 3.0])),
        "units": int(rng.choice([64, 100, 128, 256])),
        "updates": [updates[i] for i in rng.permutation(5)],
        "norms": [float(f"{threshold * lengths[i]:.2g}") for i in rng.permutation(12)],
        "eta": float(rng.choice([0.05, 0.1, 0.2, 0.5])),
        "threshold": threshold,
        "beta": float(rng.choice([0.8, 0.9, 0.95])),
    }


def errors(rng: Generator) -> tuple[Any, ...]:
    n, layers = int(rng.integers(4, 7)), int(rng.integers(3, 6))
    weights = rng.normal(size=(layers, n, n)) + 0.4
    return weights, rng.uniform(0.2, 1, n), rng.normal(size=n)


def mended(rng: Generator) -> tuple[Any, ...]:
    batches, layers, n = (int(rng.integers(2, 5)) for _ in range(3))
    scale = float(2 ** rng.integers(3, 8))
    gradients = rng.normal(size=(layers, n)) + 0.5 * rng.normal(size=(batches, layers, n))
    length = np.linalg.norm(gradients.mean(axis=0))
    return scale * gradients, scale, float(length * rng.choice([0.3, 0.6, 1.5, 6, 30]))


def scales(rng: Generator) -> tuple[Any, ...]:
    largest = 2 ** rng.uniform(-5, -1, int(rng.integers(14, 20)))
    largest[rng.integers(4, len(largest), 2)] *= 64
    return largest.tolist(), float(2 ** rng.integers(16, 20)), int(rng.integers(2, 4))


def guarded(rng: Generator) -> tuple[Any, ...]:
    blocks, steps = int(rng.integers(6, 9)), int(rng.integers(3, 5))
    batches = rng.normal(1, 0.4, (blocks, steps, 2))
    if rng.random() < 0.4:
        batches[1:3] += 30.0  # two whole blocks, one after the other
    else:
        for far, block in zip((5.0, 30.0), rng.choice(np.arange(2, blocks), 2, replace=False), strict=True):
            batches[block, rng.integers(steps)] += far * np.array([1, -1])
    return batches, rng.uniform(3, 5, 2), rng.uniform(0.1, 0.2), rng.uniform(0.4, 0.7), rng.uniform(3, 5)


RUBRIC = Rubric(
    chapter="book/practice/stability",
    constants=constants,
    problems=(
        Problem(
            name="left-over",
            answer="left_over",
            rtol=1e-3,
            atol=0.0,
            hints=(
                "The mean of the squared slope is ½ for ReLU, 1 for tanh, 1/16 for the sigmoid; its root multiplies.",
                "For (d), g times the root of ½ must be 1, and the variance is g²/n.",
            ),
            mistakes=(
                Mistake(
                    "root forgotten",
                    "A length goes with the root of the mean square: per layer it is g √½ for ReLU, not g/2.",
                    {"0.5**0.5": "0.5", "sigmoid_gain * 0.25": "sigmoid_gain * 0.25**2"},
                ),
                Mistake(
                    "ReLU taken for the identity",
                    "The units that are off pass nothing back. On average half of them are.",
                    {"relu_gain * 0.5**0.5": "relu_gain"},
                ),
                Mistake(
                    "one layer only",
                    "Every layer multiplies: with twenty layers there are twenty factors.",
                    {" ** depth": "", "tanh_gain**depth": "tanh_gain"},
                ),
                Mistake(
                    "factors added up",
                    "The layers stand one behind the other: factors are multiplied, not added.",
                    {
                        "(relu_gain * 0.5**0.5) ** depth": "(relu_gain * 0.5**0.5) * depth",
                        "tanh_gain**depth": "tanh_gain * depth",
                        "(sigmoid_gain * 0.25) ** depth": "(sigmoid_gain * 0.25) * depth",
                    },
                ),
                Mistake(
                    "Glorot's variance for ReLU",
                    "1/n keeps the length where the slope is 1. ReLU loses half of the squares, so it needs twice "
                    "that.",
                    {"2 / units": "1 / units"},
                ),
                Mistake(
                    "spread in the place of the variance",
                    "The variance is the square of the spread: g²/n, without a root.",
                    {"2 / units": "(2 / units) ** 0.5"},
                ),
            ),
            equivalents=(
                """
                mean_squares = np.array([0.5, 1.0, 1 / 16])
                gains = np.array([relu_gain, tanh_gain, sigmoid_gain])
                left_over = [*np.exp(depth * (np.log(gains) + np.log(mean_squares) / 2)), 2 / units]
                """,
                """
                left_over = [1.0, 1.0, 1.0]
                for _ in range(depth):
                    for i, factor in enumerate((relu_gain / 2**0.5, tanh_gain, sigmoid_gain / 4)):
                        left_over[i] *= factor
                left_over = (*left_over, (2**0.5) ** 2 / units)
                """,
            ),
        ),
        Problem(
            name="formats",
            answer="formats",
            hints=(
                "The power of two below 0.7 is 0.5, below 5 it is 4. Divide it by 256 and by 2048.",
                "`moves(weight, step, 8)` tells for bfloat16, `moves(weight, step, 11)` for float16.",
            ),
            mistakes=(
                Mistake(
                    "a whole gap asked for",
                    "Rounding goes to the nearest number: half a gap is enough. And the power of two is the one below "
                    "the weight, not above.",
                    {"power / 2**8": "power / 2**7", "power / 2**11": "power / 2**10"},
                ),
                Mistake(
                    "a share of the weight itself",
                    "The gap is the same from one power of two to the next. Take the power of two below the weight.",
                    {"2.0 ** np.floor(np.log2(abs(weight)))": "abs(weight)"},
                ),
                Mistake(
                    "weight not looked at",
                    "The gap grows with the weight: a step that moves a weight of 0.01 is lost beside one of 100.",
                    {"2.0 ** np.floor(np.log2(abs(weight)))": "1.0"},
                ),
                Mistake(
                    "formats exchanged",
                    "bfloat16 gave digits away for range: it has 8 of them, float16 has 11. Where bfloat16 moves, "
                    "float16 does, too.",
                    {'"both" if step': '"neither" if step', 'else "neither"': 'else "both"'},
                ),
            ),
            equivalents=(
                """
                words = {(True, True): "both", (False, True): "float16 only", (False, False): "neither"}
                formats = [words[moves(w, s, 8), moves(w, s, 11)] for w, s in updates]
                """,
                """
                formats = ()
                for w, s in updates:
                    e = -20
                    while 2.0 ** (e + 1) <= abs(w):
                        e += 1
                    count = (s >= 2.0 ** (e - 8)) + (s >= 2.0 ** (e - 11))
                    formats += (["neither", "float16 only", "both"][count],)
                """,
            ),
        ),
        Problem(
            name="errors",
            answer="errors",
            inputs=errors,
            hints=(
                "Go forward once and keep z > 0 of every layer.",
                "From layer l to layer l − 1: multiply by the transposed W_l, then by the slopes of layer l − 1.",
            ),
            mistakes=(
                Mistake(
                    "weights not transposed",
                    "Forward, W sums over the inputs of a unit. Backward it sums over the units that an input feeds: "
                    "Wᵀ.",
                    {"weights[layer].T": "weights[layer]"},
                ),
                Mistake(
                    "slopes forgotten",
                    "A unit that is off passes nothing back. Multiply by φ′.",
                    {"slopes[layer - 1] * (weights[layer].T @ delta)": "weights[layer].T @ delta"},
                ),
                Mistake(
                    "slopes of the wrong layer",
                    "The error arrives in layer l − 1, so the slopes of that layer count.",
                    {"slopes[layer - 1]": "slopes[layer]"},
                ),
                Mistake(
                    "activation in the place of its slope",
                    "What multiplies the error is φ′(z), which is 0 or 1, not φ(z).",
                    {"slopes.append(z > 0)": "slopes.append(np.maximum(z, 0))"},
                ),
                Mistake(
                    "last layer first",
                    "The error is computed from the last layer to the first; turn the list around.",
                    {"lengths[::-1]": "lengths"},
                ),
                Mistake(
                    "squared lengths",
                    "A length is the root of the sum of squares.",
                    {"np.linalg.norm(delta)": "np.sum(delta**2)"},
                ),
                Mistake(
                    "forward without the activation",
                    "Each layer gets what the activation lets through. Otherwise the later z have other signs.",
                    {"h = np.maximum(z, 0)": "h = z"},
                ),
            ),
            equivalents=(
                """
                def errors(weights, h, delta):
                    def back(l, h):
                        # the error of z_l, given h_{l-1}
                        z = weights[l] @ h
                        if l == len(weights) - 1:
                            return [delta]
                        later = back(l + 1, np.maximum(z, 0))
                        return [np.where(z > 0, weights[l + 1].T @ later[0], 0.0), *later]

                    return np.array([np.sqrt(d @ d) for d in back(0, h)])
                """,
                """
                def errors(weights, h, delta):
                    outputs = []
                    for w in weights:
                        h = (w @ h).clip(min=0)
                        outputs.append(h)
                    found = {len(weights) - 1: delta}
                    for l in reversed(range(len(weights) - 1)):
                        found[l] = (found[l + 1] @ weights[l + 1]) * np.sign(outputs[l])
                    return [float(np.linalg.norm(found[l])) for l in range(len(weights))]
                """,
            ),
        ),
        Problem(
            name="mended",
            answer="mended",
            inputs=mended,
            hints=(
                "First the mean over the batches, then divide by S, and only then look at the length.",
                "np.linalg.norm of a matrix is the length of all its entries together.",
            ),
            mistakes=(
                Mistake(
                    "left as it was",
                    "All three faults are still there. Mend the sum, the order and the clip, one after the other.",
                    """
                    def mended(scaled, S, c):
                        return broken(scaled, S, c)
                    """,
                ),
                Mistake(
                    "sum over the batches",
                    "The loss is a mean over all examples. The sum over m batches is m times as long, and so is the "
                    "step.",
                    {"scaled.mean(axis=0)": "scaled.sum(axis=0)"},
                ),
                Mistake(
                    "clipped before the scaling is undone",
                    "Then the threshold meets gradients that are S times too long: it always acts, and c is c/S in "
                    "truth.",
                    """
                    def mended(scaled, S, c):
                        gradient = scaled.mean(axis=0)
                        return gradient * min(1, c / np.linalg.norm(gradient)) / S
                    """,
                ),
                Mistake(
                    "scaling never undone",
                    "The gradient is still S times too long. Divide by S.",
                    {"scaled.mean(axis=0) / S": "scaled.mean(axis=0)"},
                ),
                Mistake(
                    "clipped by value",
                    "Each coordinate is cut alone, and the direction turns. By norm, all are multiplied by one factor.",
                    {"gradient * min(1, c / np.linalg.norm(gradient))": "np.clip(gradient, -c, c)"},
                ),
                Mistake(
                    "each layer alone",
                    "The length is that of all layers together. Layer by layer, the layers change their sizes relative "
                    "to each other.",
                    {
                        "min(1, c / np.linalg.norm(gradient))": (
                            "np.minimum(1, c / np.linalg.norm(gradient, axis=1, keepdims=True))"
                        )
                    },
                ),
                Mistake(
                    "short gradients lengthened",
                    "A gradient that is shorter than c stays as it is. That is what the minimum is for.",
                    {"min(1, c / np.linalg.norm(gradient))": "c / np.linalg.norm(gradient)"},
                ),
                Mistake(
                    "each batch clipped alone",
                    "Clip once, the mean. The mean of clipped gradients has another length and another direction.",
                    """
                    def mended(scaled, S, c):
                        each = [g / S * min(1, c / np.linalg.norm(g / S)) for g in scaled]
                        return np.mean(each, axis=0)
                    """,
                ),
            ),
            equivalents=(
                """
                def mended(scaled, S, c):
                    total = 0.0
                    for batch in scaled:
                        total = total + batch / (S * len(scaled))
                    length = float(np.sum(total**2)) ** 0.5
                    if length > c:
                        total = total * (c / length)
                    return total.tolist()
                """,
                {
                    "scaled.mean(axis=0) / S": "np.average(scaled / S, axis=0)",
                    "np.linalg.norm(gradient)": "np.sqrt(np.vdot(gradient, gradient))",
                },
            ),
        ),
        Problem(
            name="clip-log",
            answer="clip_log",
            rtol=1e-3,
            hints=(
                "The sum over 64 examples has gradients 64 times as long as the mean.",
                "The effective rate is smallest where the gradient is longest: η c / ‖g‖ there.",
            ),
            mistakes=(
                Mistake(
                    "the steps that were not clipped",
                    "The clip acts where the gradient is longer than c.",
                    {"np.mean(lengths > threshold)": "np.mean(lengths <= threshold)"},
                ),
                Mistake(
                    "a count, not a share",
                    "A share is the count divided by the number of steps.",
                    {"np.mean(": "np.sum("},
                ),
                Mistake(
                    "the length of the step for the rate",
                    "η c is how far a clipped step goes. The rate in effect is that, divided by the gradient's length.",
                    {"threshold / max(lengths)": "threshold", "threshold / (64 * max(lengths))": "threshold"},
                ),
                Mistake(
                    "the sum thought to change nothing",
                    "The step of a clipped gradient stays the same. But more steps are clipped, and the factor is 64 "
                    "times smaller.",
                    {"64 * lengths": "lengths", "(64 * max(lengths))": "max(lengths)"},
                ),
                Mistake(
                    "the sum thought to be shorter",
                    "A sum over 64 examples is 64 times their mean, and so is its gradient.",
                    {
                        "64 * lengths": "lengths / 64",
                        "threshold / (64 * max(lengths))": "min(1, 64 * threshold / max(lengths))",
                    },
                ),
                Mistake(
                    "momentum left out",
                    "With momentum β the steps of the past go on: up to 1/(1 − β) times one step.",
                    {" / (1 - beta)": ""},
                ),
                Mistake(
                    "multiplied by 1 − β",
                    "The velocity adds up gradients: with β = 0.9 it becomes up to ten times as long, not a tenth.",
                    {" / (1 - beta)": " * (1 - beta)"},
                ),
            ),
            equivalents=(
                """
                effective = [eta * min(1, threshold / norm) for norm in norms]
                summed = [eta * min(1, threshold / (64 * norm)) for norm in norms]
                acted = [sum(rate < eta for rate in rates) / len(norms) for rates in (effective, summed)]
                clip_log = (acted[0], min(effective), acted[1], min(summed), eta * threshold / (1 - beta))
                """,
                """
                g = np.sort(norms)[::-1]
                clip_log = np.array(
                    [
                        np.count_nonzero(g > threshold) / g.size,
                        eta * threshold / g[0],
                        np.count_nonzero(g > threshold / 64) / g.size,
                        eta * threshold / g[0] / 64,
                        eta * threshold * sum(beta**k for k in range(2000)),
                    ]
                )
                """,
            ),
        ),
        Problem(
            name="scales",
            answer="scales",
            inputs=scales,
            hints=(
                "Write down S before you decide: the list holds what was used.",
                "A counter of done steps begins anew whenever S changes, in either direction.",
            ),
            mistakes=(
                Mistake(
                    "row not interrupted by a skipped step",
                    "After an overflow the count of done steps begins anew. Otherwise S is doubled right after it was "
                    "halved.",
                    {"            skipped += 1\n            done = 0": "            skipped += 1"},
                ),
                Mistake(
                    "count not begun anew after doubling",
                    "The larger S has to prove itself for `patience` steps, too. Otherwise it doubles in every step.",
                    {
                        "done == patience": "done >= patience",
                        "                S = 2 * S\n                done = 0": "                S = 2 * S",
                    },
                ),
                Mistake(
                    "tried again with the same gradient",
                    "The overflowed step is skipped, not repeated: the next step has the next batch.",
                    """
                    def scales(largest, S, patience):
                        used, skipped, done = [], 0, 0
                        for entry in largest:
                            while S * entry > 65504:
                                S, skipped, done = S / 2, skipped + 1, 0
                            used.append(S)
                            done += 1
                            if done == patience:
                                S, done = 2 * S, 0
                        return [used, skipped]
                    """,
                ),
                Mistake(
                    "never doubled",
                    "A factor that only falls ends too small after one wild batch: small gradients become zero again.",
                    {"done == patience": "False"},
                ),
                Mistake(
                    "unscaled entry compared",
                    "What overflows is the scaled gradient: S times the entry.",
                    {"S * entry > 65504": "entry > 65504"},
                ),
                Mistake(
                    "the next factor written down",
                    "The list holds the factor that was used in the step, before it changed.",
                    {
                        "        used.append(S)\n": "",
                        "    return [used": "        used.append(S)\n    return [used",
                    },
                ),
                Mistake(
                    "skipped steps count as done",
                    "A skipped step proves nothing about S. Only done steps count.",
                    {
                        "            done = 0\n        else:\n            done += 1": "            done += 1\n        "
                        "else:\n            done += 1"
                    },
                ),
            ),
            equivalents=(
                """
                def scales(largest, S, patience):
                    used, since, skipped = np.empty(len(largest)), 0, 0
                    for t, entry in enumerate(largest):
                        used[t] = S
                        overflowed = S * entry > 65504
                        since = 0 if overflowed else since + 1
                        skipped += overflowed
                        S *= 0.5 if overflowed else 2 if since and since % patience == 0 else 1
                    return used, int(skipped)
                """,
                """
                def scales(largest, S, patience):
                    used, over = [S], []
                    for entry in largest:
                        over.append(used[-1] * entry > 65504)
                        row = 0
                        while row < len(over) and not over[-1 - row] and used[-1 - row] == used[-1]:
                            row += 1
                        used.append(used[-1] / 2 if over[-1] else used[-1] * 2 if row == patience else used[-1])
                    return [used[:-1], sum(over)]
                """,
            ),
        ),
        Problem(
            name="guarded",
            answer="guarded",
            inputs=guarded,
            hints=(
                "Four variables live from block to block: θ, v, the good losses, the numbers of the skipped blocks.",
                "`theta = theta - eta * v` makes a new array, so the kept one stays as it was.",
            ),
            mistakes=(
                Mistake(
                    "velocity not put back",
                    "The velocity still holds the long gradient, and the next steps throw the weights out again.",
                    {"theta, v = kept": "theta, _ = kept"},
                ),
                Mistake(
                    "velocity set to zero",
                    "The run had a velocity before the block. Put that one back: then it is as if the block had never "
                    "been there.",
                    {"theta, v = kept": "theta, v = kept[0], np.zeros_like(v)"},
                ),
                Mistake(
                    "weights not put back",
                    "The state alone does not help: the weights have been thrown out already.",
                    {"theta, v = kept": "_, v = kept"},
                ),
                Mistake(
                    "nothing put back",
                    "The block is noted, but its steps stay. If you kept `theta` and then wrote `theta -= …`, the kept "
                    "one changed with it: keep a copy.",
                    {"theta, v = kept": "pass"},
                ),
                Mistake(
                    "losses of the spike kept",
                    "With the spike among the good losses the measure for the next one is too high.",
                    {"        else:\n            good += seen": "        good += seen"},
                ),
                Mistake(
                    "mean in the place of the median",
                    "The mean of all losses still remembers the high ones of the start, and a spike may hide below it. "
                    "The median does not mind them.",
                    {"np.median(good)": "np.mean(good)"},
                ),
                Mistake(
                    "highest loss of the block compared",
                    "One loss alone is noisy: good blocks would be thrown away. Compare the mean of the block.",
                    {"np.mean(seen) >": "np.max(seen) >"},
                ),
                Mistake(
                    "only the last loss compared",
                    "A spike in the middle of the block may be over at its end. Compare the mean of the block.",
                    {"np.mean(seen) >": "seen[-1] >"},
                ),
            ),
            equivalents=(
                """
                def guarded(batches, theta, eta, beta, times):
                    theta, v = np.array(theta, dtype=float), np.zeros(len(theta))
                    good, skipped = np.array([]), []
                    for number in range(len(batches)):
                        old_theta, old_v, seen = theta.copy(), v.copy(), np.empty(batches.shape[1])
                        for s in range(batches.shape[1]):
                            g = theta - batches[number, s]
                            seen[s] = g @ g / 2
                            v *= beta
                            v += g
                            theta -= eta * v
                        if number and seen.mean() > times * np.median(good):
                            theta, v = old_theta, old_v
                            skipped.append(number)
                        else:
                            good = np.append(good, seen)
                    return theta, v, skipped
                """,
                """
                def guarded(batches, theta, eta, beta, times):
                    def block_of(theta, v, block):
                        seen = []
                        for b in block:
                            g = theta - b
                            seen.append(sum(x * x for x in g) / 2)
                            v = beta * v + g
                            theta = theta - eta * v
                        return theta, v, seen

                    v, good, skipped = 0.0 * theta, [], []
                    for number, block in enumerate(batches):
                        new_theta, new_v, seen = block_of(theta, v, block)
                        if good and sum(seen) / len(seen) > times * sorted(good + good)[len(good) - 1] / 2 + (
                            times * sorted(good + good)[len(good)] / 2
                        ):
                            skipped.append(number)
                            continue
                        theta, v, good = new_theta, new_v, good + seen
                    return [theta, v, skipped]
                """,
            ),
        ),
    ),
)
