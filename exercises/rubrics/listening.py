"""Rates that listen to the run: Polyak's step, backtracking, Barzilai and Borwein, the bold driver."""

from typing import Any

from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New factors, curvatures and guesses."""
    return {
        "grow": float(rng.choice([1.05, 1.1, 1.2])),
        "shrink": float(rng.choice([0.3, 0.5, 0.6])),
        "curvature": float(rng.choice([4.0, 5.0, 10.0, 20.0])),
        "share": float(rng.choice([0.05, 0.1, 0.3])),
        "guessed": [float(guess) for guess in rng.permutation([round(rng.uniform(0, 0.08), 2), 0.1, 0.3])],
    }


def polyak(rng: Generator) -> tuple[Any, ...]:
    lowest = rng.uniform(0.5, 2)
    return lowest + rng.uniform(-0.3, 3), lowest, rng.normal(size=3) * 10 ** rng.uniform(-1, 0.5), rng.uniform(0.5, 2)


def backtrack(rng: Generator) -> tuple[Any, ...]:
    a, b = rng.uniform(4, 12), rng.uniform(0.5, 2)
    loss = Expression(f"lambda t: {a:.3f} * t[0] ** 2 / 2 + {b:.3f} * t[1] ** 2 / 2")
    theta = rng.normal(size=2)
    return loss, theta, theta * [round(a, 3), round(b, 3)], rng.uniform(0.3, 3), rng.uniform(0.2, 0.7), 0.8


def two_rates(rng: Generator) -> tuple[Any, ...]:
    old, new = rng.normal(size=(2, 3))
    curvatures = rng.uniform(0.5, 6, 3)
    return old, new, curvatures * old, curvatures * new


def bold_driver(rng: Generator) -> tuple[Any, ...]:
    a = round(rng.uniform(0.5, 3), 3)
    loss, slope = Expression(f"lambda t: {a} * t**2 / 2 + 1"), Expression(f"lambda t: {a} * t")
    return loss, slope, rng.uniform(1, 3), rng.uniform(1, 5) / a, int(rng.integers(3, 9))


RUBRIC = Rubric(
    chapter="book/schedules/listening",
    constants=constants,
    problems=(
        Problem(
            name="polyak",
            answer="polyak",
            inputs=polyak,
            cases=12,
            hints=("The squared length of the gradient stands below the bar.",),
            mistakes=(
                Mistake(
                    "smallest loss forgotten",
                    "What counts is how much there is to gain, L − L*.",
                    {"loss - lowest": "loss"},
                ),
                Mistake(
                    "length instead of its square",
                    "L − L* over ‖g‖ is a distance. The rate is that distance over the length of the gradient.",
                    {"min(max(loss - lowest, 0) / squared": "min(max(loss - lowest, 0) / squared**0.5"},
                ),
                Mistake(
                    "no bound",
                    "Near a wrong guess for L* the gradient goes to zero and the rate to infinity: bound it.",
                    {"min(max(loss - lowest, 0) / squared, largest)": "max(loss - lowest, 0) / squared"},
                ),
                Mistake(
                    "negative rate",
                    "Below the guessed smallest loss the formula turns negative and the step would climb.",
                    {"max(loss - lowest, 0)": "(loss - lowest)"},
                ),
                Mistake(
                    "the larger of the two",
                    "A bound is kept by taking the smaller number.",
                    {"return min(": "return max("},
                ),
            ),
            equivalents=(
                """
                def polyak(loss, lowest, grad, largest):
                    gain = np.maximum(loss - lowest, 0.0)
                    with np.errstate(divide="ignore", invalid="ignore"):
                        rate = gain / np.dot(grad, grad)
                    return float(np.fmin(rate, largest))
                """,
                """
                def polyak(loss, lowest, grad, largest):
                    total = sum(float(g) ** 2 for g in grad)
                    if loss <= lowest and total > 0:
                        return 0.0
                    return largest if total * largest <= loss - lowest or total == 0 else (loss - lowest) / total
                """,
            ),
        ),
        Problem(
            name="backtrack",
            answer="backtrack",
            inputs=backtrack,
            cases=12,
            hints=(
                "A while loop: as long as the condition does NOT hold, cut.",
                "The promise shrinks with the rate, too.",
            ),
            mistakes=(
                Mistake(
                    "any decrease accepted",
                    "That is the bold driver. Armijo asks for a share of the promise.",
                    {" - c * eta * squared": ""},
                ),
                Mistake(
                    "full promise",
                    "With c = 1 the condition asks for more than curvature leaves.",
                    {"c * eta * squared": "0.9 * eta * squared"},
                ),
                Mistake(
                    "one cut too many",
                    "The first rate that is accepted is the answer.",
                    {"return eta": "return eta * cut"},
                ),
                Mistake(
                    "halved, whatever the cut",
                    "The rate is multiplied by `cut` each time, which need not be a half.",
                    {"eta = eta * cut": "eta = eta * 0.5"},
                ),
                Mistake(
                    "length instead of its square",
                    "The promise is η times the squared length of the gradient.",
                    {"squared = np.sum(grad**2)": "squared = np.sum(grad**2) ** 0.5"},
                ),
            ),
            equivalents=(
                """
                def backtrack(loss, theta, grad, eta, c, cut):
                    here, promise = loss(theta), np.dot(grad, grad)
                    for k in range(1000):
                        rate = eta * cut**k
                        if here - loss(theta - rate * grad) >= c * rate * promise:
                            return rate
                """,
                """
                def backtrack(loss, theta, grad, eta, c, cut):
                    if loss(theta - eta * grad) <= loss(theta) - c * eta * float(grad @ grad):
                        return np.float64(eta)
                    return backtrack(loss, theta, grad, eta * cut, c, cut)
                """,
            ),
        ),
        Problem(
            name="two-rates",
            answer="two_rates",
            inputs=two_rates,
            hints=("Two differences, three products.",),
            mistakes=(
                Mistake(
                    "curvature instead of rate",
                    "s·y over s·s is the curvature. The rate is its inverse.",
                    {"s @ s / (s @ y)": "s @ y / (s @ s)"},
                ),
                Mistake(
                    "long and short exchanged",
                    "The long one has s·s above the bar.",
                    {"[s @ s / (s @ y), s @ y / (y @ y)]": "[s @ y / (y @ y), s @ s / (s @ y)]"},
                ),
                Mistake(
                    "lengths of both",
                    "‖s‖/‖y‖ lies between the two and is neither.",
                    {"s @ s / (s @ y)": "(s @ s / (y @ y)) ** 0.5"},
                ),
                Mistake(
                    "gradient instead of its change",
                    "y is how much the gradient changed along the step.",
                    {"new_grad - old_grad": "new_grad"},
                ),
                Mistake(
                    "sum instead of difference",
                    "The step is the new point minus the old one.",
                    {"new - old,": "new + old,"},
                ),
            ),
            equivalents=(
                """
                def two_rates(old, new, old_grad, new_grad):
                    s, y = np.subtract(old, new), np.subtract(old_grad, new_grad)
                    sy = np.sum(s * y)
                    return np.array([np.sum(s**2) / sy, sy / np.sum(y**2)])
                """,
                """
                def two_rates(old, new, old_grad, new_grad):
                    ss = sy = yy = 0.0
                    for a, b, c, d in zip(old, new, old_grad, new_grad):
                        ss, sy, yy = ss + (b - a) ** 2, sy + (b - a) * (d - c), yy + (d - c) ** 2
                    return ss / sy, sy / yy
                """,
            ),
        ),
        Problem(
            name="before",
            answer="before",
            hints=("Solve the first equation for r; the other two are read off.",),
            mistakes=(
                Mistake(
                    "share of accepted steps",
                    "The question is for the rejected ones: few, because one cut undoes many growths.",
                    {
                        "np.log(grow) / (np.log(grow) - np.log(shrink))": (
                            "-np.log(shrink) / (np.log(grow) - np.log(shrink))"
                        )
                    },
                ),
                Mistake(
                    "edge of stability",
                    "The condition asks for a decrease, so it stops a little below the edge: 2(1 − c)/λ.",
                    {"2 * (1 - share) / curvature": "2 / curvature"},
                ),
                Mistake(
                    "best rate instead of Polyak's",
                    "Polyak's step takes half of the best rate on a parabola: L − L* has a half in it.",
                    {"0.5 / curvature": "1 / curvature"},
                ),
                Mistake(
                    "without logarithms",
                    "Growths and cuts multiply; it is their logarithms that add up.",
                    {
                        "np.log(grow) / (np.log(grow) - np.log(shrink))": "(grow - 1) / (grow - shrink)",
                    },
                ),
            ),
            equivalents=(
                """
                r = 1 / (1 - np.log(shrink) / np.log(grow))
                before = np.array([r, (2 - 2 * share) / curvature, 1 / (2 * curvature)])
                """,
                """
                ups = -np.log(shrink) / np.log(grow)
                before = (1 / (1 + ups), 2 / curvature * (1 - share), curvature / 2 / curvature**2)
                """,
            ),
        ),
        Problem(
            name="bold-driver",
            answer="bold_driver",
            inputs=bold_driver,
            cases=12,
            hints=("Try the step first; move only if it helped.",),
            mistakes=(
                Mistake(
                    "turned round",
                    "A step that helped says that the rate can grow; one that did not, that it was too large.",
                    {"new, 1.1 * eta": "new, 0.5 * eta", "eta = 0.5 * eta": "eta = 1.1 * eta"},
                ),
                Mistake(
                    "step not taken back",
                    "After a step that made it worse the point returns to where it was.",
                    {"            eta = 0.5 * eta": "            theta, eta = new, 0.5 * eta"},
                ),
                Mistake(
                    "every step accepted",
                    "Only a step that lowers the loss is kept, and only then the rate grows.",
                    {"if loss(new) < loss(theta)": "if True"},
                ),
                Mistake(
                    "never grows",
                    "Without growth the rate can only fall, and one bad start makes it small for ever.",
                    {"1.1 * eta": "eta"},
                ),
                Mistake(
                    "never shrinks",
                    "After a rejected step the same rate would be rejected again.",
                    {"eta = 0.5 * eta": "pass"},
                ),
            ),
            equivalents=(
                """
                def bold_driver(loss, slope, theta, eta, steps):
                    kept = loss(theta)
                    for _ in range(steps):
                        there = loss(theta - eta * slope(theta))
                        if there >= kept:
                            eta /= 2
                            continue
                        theta, kept, eta = theta - eta * slope(theta), there, eta * 1.1
                    return np.array([theta, eta])
                """,
                """
                def bold_driver(loss, slope, theta, eta, steps):
                    if steps == 0:
                        return [theta, eta]
                    new = theta - eta * slope(theta)
                    if loss(new) < loss(theta):
                        return bold_driver(loss, slope, new, eta * 1.1, steps - 1)
                    return bold_driver(loss, slope, theta, eta / 2, steps - 1)
                """,
            ),
        ),
        Problem(
            name="guesses",
            answer="guesses",
            hints=("Too low a guess: L − guess never reaches zero, but the gradient does.",),
            mistakes=(
                Mistake(
                    "too low and too high exchanged",
                    "With a guess that is too low the gain never reaches zero while the gradient does: the rate "
                    "explodes. With one that is too high the rate reaches zero early.",
                    {
                        '"never rests" if guess < 0.1': '"stops short" if guess < 0.1',
                        'else "stops short"': 'else "never rests"',
                    },
                ),
                Mistake(
                    "a low guess is safe",
                    "A lower guess makes longer steps, not shorter ones.",
                    {'"never rests" if': '"arrives" if'},
                ),
                Mistake(
                    "a high guess never rests",
                    "Where the loss has come down to the guess, the rate is zero and the run stands still.",
                    {'else "stops short"': 'else "never rests"'},
                ),
                Mistake(
                    "the right guess stops short",
                    "With the true L* the gain goes to zero with the square of the gradient, and the run arrives.",
                    {'"arrives" if': '"stops short" if'},
                ),
            ),
            equivalents=(
                """
                words = {-1: "never rests", 0: "arrives", 1: "stops short"}
                guesses = [words[int(np.sign(round(guess - 0.1, 9)))] for guess in guessed]
                """,
                """
                order = np.digitize(guessed, [0.0999, 0.1001])
                guesses = tuple(np.array(["never rests", "arrives", "stops short"])[order].tolist())
                """,
            ),
        ),
    ),
)
