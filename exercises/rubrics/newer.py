"""Newer methods: Lion, averages, lengths of steps, schedule-free SGD."""

from typing import Any

from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New gradients, rates and points."""
    gradient = [float(rng.choice([2.0, 3.0, 5.0])), -float(rng.choice([1.0, 4.0, 6.0])), 0.0]
    return {
        "first_gradient": [gradient[i] for i in rng.permutation(3)],
        "rate": float(rng.choice([0.01, 0.02, 0.05])),
        "trust": float(rng.choice([0.02, 0.1, 0.2])),
        "adam_rate": float(rng.choice([0.001, 0.002])),
        "adam_decay": float(rng.choice([0.05, 0.1, 0.2])),
        "walk": [float(x) for x in rng.permutation([1.0, 2.0, 3.0, 4.0, float(rng.integers(6, 10))])],
    }


def lion(rng: Generator) -> tuple[Any, ...]:
    return *rng.normal(size=(3, 6)), rng.uniform(0.05, 0.5), rng.uniform(0.3, 0.5), rng.uniform(0.7, 0.9), 0.4


def points(rng: Generator) -> tuple[Any, ...]:
    return (rng.normal(size=(int(rng.integers(3, 8)), 2)),)


def schedule_free(rng: Generator) -> tuple[Any, ...]:
    slope = Expression(f"lambda t: {rng.uniform(0.5, 2):.3f} * t + {rng.uniform(0.05, 0.2):.3f} * t**3")
    return slope, rng.uniform(0.5, 1.5), rng.uniform(0.1, 0.4), rng.uniform(0.4, 0.9), int(rng.integers(3, 8))


RUBRIC = Rubric(
    chapter="book/methods/newer",
    constants=constants,
    problems=(
        Problem(
            name="lion",
            answer="lion",
            inputs=lion,
            hints=("Two mixes of the same two things: one for the sign, one to keep.",),
            mistakes=(
                Mistake(
                    "one β for both",
                    "The sign is taken of a mix with β₁, the memory is kept with β₂. Having two makes Lion "
                    "look ahead a little.",
                    {"beta1 * m + (1 - beta1)": "beta2 * m + (1 - beta2)"},
                ),
                Mistake(
                    "sign missing",
                    "Without the sign this is momentum as an average. Lion moves every coordinate by the rate.",
                    {"np.sign(beta1 * m + (1 - beta1) * grad)": "(beta1 * m + (1 - beta1) * grad)"},
                ),
                Mistake(
                    "sign kept in the memory",
                    "The memory holds gradients, not signs.",
                    {"(1 - beta2) * grad": "(1 - beta2) * np.sign(grad)"},
                ),
                Mistake(
                    "decay without the rate",
                    "As in AdamW the decay is multiplied by the rate.",
                    {"1 - eta * weight_decay": "1 - weight_decay"},
                ),
                Mistake(
                    "memory updated first",
                    "The sign sees the old memory; the present gradient counts with 1 − β₁ only.",
                    """
                    def lion(theta, grad, m, eta, beta1, beta2, weight_decay):
                        m = beta2 * m + (1 - beta2) * grad
                        update = np.sign(beta1 * m + (1 - beta1) * grad)
                        return [(1 - eta * weight_decay) * theta - eta * update, m]
                    """,
                ),
                Mistake(
                    "uphill",
                    "The step goes against the sign of the gradient.",
                    {"theta - eta * update": "theta + eta * update"},
                ),
            ),
            equivalents=(
                """
                def lion(theta, grad, m, eta, beta1, beta2, weight_decay):
                    mix = grad + beta1 * (m - grad)
                    new = theta - eta * ((mix > 0) * 1.0 - (mix < 0) * 1.0 + weight_decay * theta)
                    return new, grad + beta2 * (m - grad)
                """,
                {"np.sign(beta1 * m + (1 - beta1) * grad)": "np.sign(beta1 / (1 - beta1) * m + grad)"},
            ),
        ),
        Problem(
            name="means",
            answer="means",
            inputs=points,
            hints=("The first point is the first mean.",),
            mistakes=(
                Mistake(
                    "weight one step off",
                    "With n points so far the new one has the weight 1/(n + 1). The first must have weight 1.",
                    {"(n + 1)": "(n + 2)"},
                ),
                Mistake(
                    "moving average",
                    "A constant weight forgets old points. The mean of all gives each one the same weight.",
                    {"(point - mean) / (n + 1)": "0.5 * (point - mean)"},
                ),
                Mistake(
                    "sums instead of means",
                    "Divide by the number of points.",
                    {"(point - mean) / (n + 1)": "point"},
                ),
                Mistake(
                    "the last mean only",
                    "The means after every point are asked for.",
                    {"return np.array(found)": "return mean"},
                ),
                Mistake(
                    "mean of all coordinates",
                    "Each coordinate has a mean of its own.",
                    {"found.append(mean)": "found.append(mean * 0 + np.mean(mean))"},
                ),
            ),
            equivalents=(
                """
                def means(points):
                    counts = np.arange(1, len(points) + 1).reshape(-1, *[1] * (np.ndim(points) - 1))
                    return np.cumsum(points, axis=0) / counts
                """,
                """
                def means(points):
                    return [np.mean(points[: n + 1], axis=0) for n in range(len(points))]
                """,
            ),
        ),
        Problem(
            name="lengths",
            answer="lengths",
            hints=("Adam's first step and Lion's have the size η in every coordinate that has a gradient.",),
            mistakes=(
                Mistake(
                    "coordinates without a gradient counted",
                    "Where the gradient is zero, sign and quotient are zero too.",
                    {"np.count_nonzero(g)": "len(g)"},
                ),
                Mistake(
                    "η as the length",
                    "Each coordinate moves by η; the length over n coordinates is √n times that.",
                    {"rate * np.sqrt(np.count_nonzero(g))": "rate"},
                ),
                Mistake(
                    "LARS without its layer",
                    "The step of LARS is a share of the length of the parameters.",
                    {" * np.linalg.norm(theta)": ""},
                ),
                Mistake(
                    "everything grows with the loss",
                    "Quotients and signs do not notice a factor of the loss; that is what they are for.",
                    {"signs, signs, layer]": "factor * signs, factor * signs, factor * layer]"},
                ),
                Mistake(
                    "gradient descent does not notice",
                    "Gradient descent's step is the rate times the gradient, which has grown.",
                    {"rate * factor * np": "rate * np"},
                ),
            ),
            equivalents=(
                """
                norm = sum(x * x for x in first_gradient) ** 0.5
                moving = sum(x != 0 for x in first_gradient) ** 0.5
                rest = [rate * moving, rate * moving, rate * trust * 3.0]
                lengths = [rate * norm, *rest, 1000 * rate * norm, *rest]
                """,
                """
                def steps(grad):
                    one = np.sign(grad)
                    return [grad, one, one, trust * np.linalg.norm([1, 2, 2]) / np.linalg.norm(grad) * grad]

                all_steps = steps(np.array(first_gradient)) + steps(1000 * np.array(first_gradient))
                lengths = rate * np.linalg.norm(all_steps, axis=1)
                """,
            ),
        ),
        Problem(
            name="switched",
            answer="switched",
            hints=("η λ stays; η becomes five times smaller.",),
            mistakes=(
                Mistake(
                    "decay kept",
                    "With a fifth of the rate the same decay takes a fifth per step.",
                    {"5 * adam_decay": "adam_decay"},
                ),
                Mistake(
                    "decay made smaller too",
                    "The product must stay: a smaller rate needs a larger decay.",
                    {"5 * adam_decay": "adam_decay / 5"},
                ),
                Mistake(
                    "decay without the rate",
                    "The share that is taken away is rate times decay.",
                    {"adam_rate * adam_decay / 10": "adam_decay / 10"},
                ),
                Mistake(
                    "schedule forgotten",
                    "The decay goes through the rate, so it falls with the schedule.",
                    {"adam_rate * adam_decay / 10": "adam_rate * adam_decay"},
                ),
            ),
            equivalents=(
                """
                lion_rate = adam_rate / 5
                decay = adam_rate * adam_decay / lion_rate
                switched = (decay, 0.1 * lion_rate * decay)
                """,
                "switched = adam_decay * np.array([5.0, adam_rate / 10])",
            ),
        ),
        Problem(
            name="schedule-free",
            answer="schedule_free",
            inputs=schedule_free,
            hints=("Compute y first, in every step.", "What is returned is the average."),
            mistakes=(
                Mistake(
                    "gradient at z",
                    "The gradient is taken at y, between the moving point and the average. At z it is plain averaging.",
                    {"slope(y)": "slope(z)"},
                ),
                Mistake(
                    "gradient at x",
                    "The gradient is taken at y, not at the average itself.",
                    {"slope(y)": "slope(x)"},
                ),
                Mistake(
                    "the moving point judged",
                    "z trembles. The average x is the point to judge.",
                    {"return x": "return z"},
                ),
                Mistake(
                    "the point in between judged",
                    "y is where gradients are taken. The average x is the point to judge.",
                    {"return x": "return (1 - beta) * z + beta * x"},
                ),
                Mistake(
                    "β the wrong way round",
                    "β belongs to the average: y lies near x.",
                    {"(1 - beta) * z + beta * x": "beta * z + (1 - beta) * x"},
                ),
                Mistake(
                    "start counted in the average",
                    "With 1/(t + 1) the first average is the first new point. With 1/(t + 2) the start stays in it.",
                    {"(1 - 1 / (t + 1)) * x + z / (t + 1)": "(1 - 1 / (t + 2)) * x + z / (t + 2)"},
                ),
            ),
            equivalents=(
                """
                def schedule_free(slope, start, eta, beta, steps):
                    z, seen, x = start, [], start
                    for _ in range(steps):
                        z = z - eta * slope(z + beta * (x - z))
                        seen.append(z)
                        x = np.mean(seen)
                    return x
                """,
                """
                def schedule_free(slope, start, eta, beta, steps):
                    x, z, t = start, start, 0
                    while t < steps:
                        z -= eta * slope(beta * x + (1 - beta) * z)
                        t += 1
                        x += (z - x) / t
                    return np.array(x)
                """,
            ),
        ),
        Problem(
            name="averages",
            answer="averages",
            hints=("Four points in the first; the second starts from the first point.",),
            mistakes=(
                Mistake(
                    "start averaged in",
                    "The mean goes over the points after the start.",
                    {"np.mean(walk[1:])": "np.mean(walk)"},
                ),
                Mistake(
                    "moving average from zero",
                    "It begins at the start, so it needs no correction.",
                    {"moving = walk[0]": "moving = 0.0"},
                ),
                Mistake(
                    "start mixed in twice",
                    "The loop begins with the point after the start.",
                    {"in walk[1:]:": "in walk:", "moving = walk[0]": "moving = 0.5 * walk[0] + 0.5 * walk[1]"},
                ),
                Mistake(
                    "memory upside down",
                    "With ρ = 0.5 about 1/(1 − 0.5) points are remembered.",
                    {"1 / (1 - 0.5)]": "(1 - 0.5)]"},
                ),
            ),
            equivalents=(
                """
                weights = np.array([1, 1, 2, 4, 8]) / 16
                averages = np.array([sum(walk[1:]) / 4, weights @ walk, 2])
                """,
                """
                ema = [walk[0]]
                for point in walk[1:]:
                    ema.append((ema[-1] + point) / 2)
                averages = (float(np.average(walk, weights=[0, 1, 1, 1, 1])), ema[-1], 2.0)
                """,
            ),
        ),
    ),
)
