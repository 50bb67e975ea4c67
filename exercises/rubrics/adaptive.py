"""AdaGrad, RMSProp, Adadelta: sums and means of squares, units, effective rates, where ε sits."""

from typing import Any

from numpy.random import Generator

from exercises.grader import Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New rates, factors and moves."""
    rate = float(rng.choice([0.2, 0.3, 0.4, 0.5]))
    return {
        "old_rate": float(rng.choice([0.1, 0.2, 0.5])),
        "loss_factor": float(rng.choice([10.0, 50.0, 100.0])),
        "length_factor": float(rng.choice([100.0, 1000.0])),
        "stream": float(rng.choice([0.2, 0.5, 2.0])),
        "long": int(rng.choice([900, 2500, 3600])),
        "inside": [float(f"{value:.2g}") for value in 10 ** rng.uniform([-4, -2.5, -1], [-3, -1.5, 0])],
        "moves": [round(rate / (t + 1) ** 0.5, 10) for t in range(5)],
    }


def adagrad(rng: Generator) -> tuple[Any, ...]:
    return *rng.normal(size=(2, 4)), rng.uniform(0.1, 4, 4), rng.uniform(0.1, 1), rng.uniform(0.1, 1)


def rmsprop(rng: Generator) -> tuple[Any, ...]:
    return *rng.normal(size=(2, 4)), rng.uniform(0.1, 4, 4), rng.uniform(0.1, 1), rng.uniform(0.6, 0.95), 0.3


def thresholds(rng: Generator) -> tuple[Any, ...]:
    return 10 ** rng.uniform(-3, 1, size=[(), (3,)][rng.integers(2)]), 10 ** rng.uniform(-3, 0)


def listens(rng: Generator) -> tuple[Any, ...]:
    return rng.normal(size=(int(rng.integers(3, 7)), 3)) * [1.0, 0.1, 10.0], rng.uniform(0.1, 1)


RUBRIC = Rubric(
    chapter="book/methods/adaptive",
    constants=constants,
    problems=(
        Problem(
            name="adagrad",
            answer="adagrad",
            inputs=adagrad,
            hints=("First the sum, then the step with the new sum.",),
            mistakes=(
                Mistake(
                    "old sum",
                    "The present gradient belongs to the sum it is divided by. At the first step the old sum is zero.",
                    """
                    def adagrad(theta, grad, total, eta, eps):
                        return [theta - eta * grad / (np.sqrt(total) + eps), total + grad**2]
                    """,
                ),
                Mistake(
                    "root forgotten",
                    "Divided by the sum itself the step has the unit of one over a gradient, and stalls at once.",
                    {"np.sqrt(total)": "total"},
                ),
                Mistake(
                    "gradients added, not their squares",
                    "Gradients of both signs would cancel. Their squares measure size.",
                    {"total + grad**2": "total + grad", "np.sqrt(total)": "np.sqrt(np.abs(total))"},
                ),
                Mistake(
                    "ε inside the root",
                    "√(G + ε) is another number than √G + ε.",
                    {"(np.sqrt(total) + eps)": "np.sqrt(total + eps)"},
                ),
                Mistake(
                    "one sum for all coordinates",
                    "Every coordinate has a sum of its own: that is the point of the method.",
                    {"total + grad**2": "total + np.sum(grad**2)"},
                ),
                Mistake(
                    "uphill",
                    "The step goes against the gradient, so the sign is a minus.",
                    {"theta - eta": "theta + eta"},
                ),
            ),
            equivalents=(
                """
                def adagrad(theta, grad, total, eta, eps):
                    new = np.add(total, np.square(grad))
                    return theta - np.divide(eta, eps + new**0.5) * grad, new
                """,
                """
                def adagrad(theta, grad, total, eta, eps):
                    pairs = [
                        (p - eta * g / ((s + g * g) ** 0.5 + eps), s + g * g)
                        for p, g, s in zip(np.ravel(theta), np.ravel(grad), np.ravel(total))
                    ]
                    points, sums = zip(*pairs)
                    return [np.reshape(points, np.shape(theta)), np.reshape(sums, np.shape(theta))]
                """,
            ),
        ),
        Problem(
            name="rmsprop",
            answer="rmsprop",
            inputs=rmsprop,
            hints=("ρ belongs to the old mean, 1 − ρ to the new square.",),
            mistakes=(
                Mistake(
                    "AdaGrad's sum",
                    "Without 1 − ρ the squares pile up. A mean keeps its size.",
                    {"(1 - rho) * grad**2": "grad**2"},
                ),
                Mistake(
                    "ρ and 1 − ρ exchanged",
                    "With ρ = 0.9 nine tenths of the old mean stay.",
                    {"rho * mean + (1 - rho)": "(1 - rho) * mean + rho"},
                ),
                Mistake(
                    "ε inside the root",
                    "√(s + ε) is another number than √s + ε.",
                    {"(np.sqrt(mean) + eps)": "np.sqrt(mean + eps)"},
                ),
                Mistake(
                    "old mean",
                    "The step is divided by the mean that holds the present gradient already.",
                    """
                    def rmsprop(theta, grad, mean, eta, rho, eps):
                        step = eta * grad / (np.sqrt(mean) + eps)
                        return [theta - step, rho * mean + (1 - rho) * grad**2]
                    """,
                ),
                Mistake(
                    "mean of sizes, not of squares",
                    "The root mean square has the square inside and the root outside.",
                    {"grad**2": "np.abs(grad)", "np.sqrt(mean)": "mean"},
                ),
                Mistake(
                    "root forgotten",
                    "Divided by s, a small gradient would make a huge step.",
                    {"np.sqrt(mean)": "mean"},
                ),
            ),
            equivalents=(
                """
                def rmsprop(theta, grad, mean, eta, rho, eps):
                    new = mean + (1 - rho) * (np.square(grad) - mean)
                    return theta - eta * np.asarray(grad) / (new**0.5 + eps), new
                """,
                {"np.sqrt(mean) + eps": "np.power(mean, 0.5) + eps", "grad**2": "grad * grad"},
            ),
        ),
        Problem(
            name="units",
            answer="units",
            hints=("In g/√G a factor of the loss cancels.",),
            mistakes=(
                Mistake(
                    "divided by the loss's factor",
                    "Gradient and root of the sum grow alike, so AdaGrad does not notice.",
                    {"[old_rate, old_rate * length_factor": "[old_rate / loss_factor, old_rate * length_factor"},
                ),
                Mistake(
                    "length squared",
                    "That is gradient descent's unit. AdaGrad's rate is a length.",
                    {"old_rate * length_factor": "old_rate * length_factor**2"},
                ),
                Mistake(
                    "length forgotten",
                    "A rate that is a length has other numbers in other units.",
                    {"old_rate * length_factor": "old_rate"},
                ),
                Mistake(
                    "gradient descent multiplied",
                    "The gradient is longer now, so the rate must be smaller.",
                    {"old_rate / loss_factor]": "old_rate * loss_factor]"},
                ),
            ),
            equivalents=(
                "units = old_rate * np.array([1, length_factor, 1 / loss_factor])",
                "units = tuple(old_rate * factor for factor in (1.0, float(length_factor), loss_factor**-1))",
            ),
        ),
        Problem(
            name="effective",
            answer="effective",
            rtol=0.01,
            hints=("n equal squares add up to n g².", "A tenth of the rate needs a hundred times the sum."),
            mistakes=(
                Mistake(
                    "root forgotten",
                    "G grows like n, and its root like √n.",
                    {"long**0.5": "long"},
                ),
                Mistake(
                    "ten steps",
                    "The rate falls as 1/√n: a tenth needs a hundred.",
                    {", 100]": ", 10]"},
                ),
                Mistake(
                    "RMSProp falls too",
                    "The mean of equal squares is that square, however many there are.",
                    {", 1 / stream,": ", 1 / (stream * long**0.5),"},
                ),
                Mistake(
                    "gradient forgotten",
                    "The effective rate is what multiplies the gradient: η over its root mean square.",
                    {"1 / (stream * long**0.5), 1 / stream": "1 / long**0.5, 1.0"},
                ),
            ),
            equivalents=(
                """
                G = np.cumsum(np.full(long, stream**2))
                rate = 1 / np.sqrt(G)
                s = 0.0
                for _ in range(long):
                    s = 0.99 * s + 0.01 * stream**2
                effective = (rate[-1], s**-0.5, 1 + int(np.argmax(rate <= 0.1001 * rate[0])))
                """,
                "effective = np.array([long**-0.5 / stream, 1 / np.abs(stream), 10**2])",
            ),
        ),
        Problem(
            name="inside-over-outside",
            answer="inside_over_outside",
            inputs=thresholds,
            hints=("Write both denominators, with s = r².", "Steps are inverse to denominators."),
            mistakes=(
                Mistake(
                    "quotient of the denominators the wrong way round",
                    "A larger denominator makes a smaller step: inside over outside is outside's denominator over "
                    "inside's.",
                    {"(r + eps) / np.sqrt(r**2 + eps)": "np.sqrt(r**2 + eps) / (r + eps)"},
                ),
                Mistake(
                    "r taken for s",
                    "r is the root mean square. Under the root stands its square.",
                    {"r**2 + eps": "r + eps"},
                ),
                Mistake(
                    "ε squared inside",
                    "Inside stands ε itself, and that is why its threshold is √ε.",
                    {"r**2 + eps": "r**2 + eps**2"},
                ),
                Mistake(
                    "root of both parts",
                    "√(s + ε) is not √s + √ε.",
                    {"np.sqrt(r**2 + eps)": "(r + np.sqrt(eps))"},
                ),
                Mistake(
                    "no difference",
                    "For a root mean square below √ε the two differ, by a factor of up to √ε.",
                    {"(r + eps) / np.sqrt(r**2 + eps)": "np.ones(np.shape(r))"},
                ),
            ),
            equivalents=(
                """
                def inside_over_outside(r, eps):
                    step_inside, step_outside = 1 / (np.square(r) + eps) ** 0.5, 1 / (np.asarray(r) + eps)
                    return step_inside / step_outside
                """,
                {"(r + eps) / np.sqrt(r**2 + eps)": "np.hypot(r, eps**0.5) ** -1 * (eps + r)"},
            ),
        ),
        Problem(
            name="listens",
            answer="listens",
            inputs=listens,
            hints=("Drop the loss; give `total` the shape of θ.",),
            mistakes=(
                Mistake(
                    "one sum for all coordinates",
                    "np.sum mixes the coordinates, and all get one rate. AdaGrad has one for each.",
                    {"total + grad**2": "total + np.sum(grad**2)"},
                ),
                Mistake(
                    "old sum",
                    "The present gradient belongs to the sum.",
                    {
                        "        total = total + grad**2\n": "",
                        "        path.append": "        total = total + grad**2\n        path.append",
                    },
                ),
                Mistake(
                    "only the last square",
                    "The sum holds all squares so far. With the last alone every step has the length of the rate.",
                    {"total + grad**2": "grad**2"},
                ),
                Mistake(
                    "moves instead of points",
                    "A point is the one before it minus the move.",
                    {"theta = theta - eta": "theta = -eta"},
                ),
                Mistake(
                    "root forgotten",
                    "Divide by the root of the sum.",
                    {"np.sqrt(total)": "total"},
                ),
            ),
            equivalents=(
                """
                def listens(grads, eta):
                    return -np.cumsum(eta * grads / (np.sqrt(np.cumsum(grads**2, axis=0)) + 1e-8), axis=0)
                """,
                """
                def listens(grads, eta):
                    columns = []
                    for column in np.transpose(grads):
                        theta, total, points = 0.0, 0.0, []
                        for g in column:
                            total += g * g
                            theta -= eta * g / (total**0.5 + 1e-8)
                            points.append(theta)
                        columns.append(points)
                    return np.transpose(columns).tolist()
                """,
            ),
        ),
        Problem(
            name="read-moves",
            answer="read_moves",
            rtol=0.01,
            hints=("Divide the first move by the others: √2, √3, 2, …",),
            mistakes=(
                Mistake(
                    "taken for RMSProp",
                    "RMSProp's moves tend to η and stay there. These go on falling as 1/√(t + 1).",
                    {'"AdaGrad"': '"RMSProp"'},
                ),
                Mistake(
                    "falls as 1/t",
                    "The moves fall with the root of the number of steps.",
                    {"101**0.5": "101"},
                ),
                Mistake(
                    "last move taken for the rate",
                    "The first move is the rate; later ones are shorter.",
                    {"moves[0], moves[0]": "moves[4], moves[0]"},
                ),
            ),
            equivalents=(
                'read_moves = ("AdaGrad", moves[3] * 2, moves[3] * 2 / np.sqrt(101))',
                """
                kind = "AdaGrad" if abs(moves[0] / moves[3] - 2) < 0.01 else "RMSProp"
                read_moves = [kind, np.float64(moves[0]), float(moves[0] * 101**-0.5)]
                """,
            ),
        ),
    ),
)
