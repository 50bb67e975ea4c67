"""The step size: one update, one multiplier, one edge."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New receipts, rates and curves."""
    weight = np.sort(rng.choice(np.arange(1, 11), 5, replace=False)) / 2
    paid = np.round(rng.uniform(2, 6) * weight + rng.normal(0, 0.2, 5), 1)
    parabola = float(rng.choice([1.5, 2.0, 2.5, 4.0]))
    multipliers = rng.permutation([rng.uniform(0.2, 0.6), rng.uniform(-0.3, -0.1), rng.uniform(-0.9, -0.6), -1.2])
    falling, crossing, leaving = rng.uniform(0.6, 0.9), -rng.uniform(0.4, 0.8), -rng.uniform(1.05, 1.2)
    curves = {
        f"curve_{letter}": [float(f"{8 * m**t:.4g}") for t in range(8)]
        for letter, m in zip("abc", (falling, crossing, leaving), strict=True)
    }
    rates = [round(float((1 - m) / parabola), 3) for m in multipliers]
    return {"weight": weight.tolist(), "paid": paid.tolist(), "rates": rates, "parabola": parabola, **curves}


def one_step(rng: Generator) -> tuple[Any, ...]:
    shape = [(), (3,), (2, 4)][rng.integers(3)]
    return rng.normal(size=shape), rng.normal(size=shape), rng.uniform(0.05, 0.9)


def after(rng: Generator) -> tuple[Any, ...]:
    return int(rng.integers(2, 9)), rng.normal(0, 3), rng.normal(0, 2), rng.uniform(0.5, 3), rng.uniform(0.1, 0.9)


def steps_needed(rng: Generator) -> tuple[Any, ...]:
    curvature = rng.uniform(0.5, 4)
    product = rng.choice(
        [1.0, rng.uniform(0.05, 0.6), rng.uniform(1.3, 1.95), rng.uniform(2.05, 3)], p=[0.1, 0.4, 0.4, 0.1]
    )
    return (
        float(product / curvature) if product != 1 else 0.25,
        curvature if product != 1 else 4.0,
        rng.uniform(5, 5000),
    )


def descend(rng: Generator) -> tuple[Any, ...]:
    slope = Expression(f"lambda theta: {rng.uniform(0.5, 2):.3f} * theta + {rng.uniform(0.01, 0.1):.3f} * theta**3")
    return slope, rng.uniform(1, 3), rng.uniform(0.05, 0.3), int(rng.integers(3, 8))


RUBRIC = Rubric(
    chapter="book/descent/step_size",
    constants=constants,
    problems=(
        Problem(
            name="one-step",
            answer="one_step",
            inputs=one_step,
            hints=("The only sign in equation (1) is a minus.", "One line: start from θ and take away η times g."),
            mistakes=(
                Mistake(
                    "sign flipped",
                    "The gradient points uphill. Adding it climbs; subtract it.",
                    {"theta - eta": "theta + eta"},
                ),
                Mistake(
                    "rate missing",
                    "The step is the whole gradient, as if η were 1. The rate says which part of it to take.",
                    {"eta * grad": "grad"},
                ),
                Mistake(
                    "only the direction of the gradient",
                    "This takes the sign of the gradient, so every step has the length η and the run never settles. "
                    "In equation (1) the step shrinks as the slope does.",
                    {"eta * grad": "eta * np.sign(grad)"},
                ),
                Mistake(
                    "the step instead of the new point",
                    "This is the change of θ. The new θ is the old one plus that change.",
                    {"theta - eta * grad": "-eta * grad"},
                ),
                Mistake(
                    "divided by the rate",
                    "A smaller rate must make a smaller step; dividing by it makes a larger one.",
                    {"eta * grad": "grad / eta"},
                ),
            ),
            equivalents=(
                {"theta - eta * grad": "np.add(theta, np.multiply(grad, -eta))"},
                """
                def one_step(theta, grad, eta):
                    print("one step")
                    return (np.asarray(theta) - np.asarray(grad) * eta).tolist()
                """,
            ),
        ),
        Problem(
            name="after",
            answer="after",
            inputs=after,
            hints=("What is multiplied at each step is the distance θ − θ*.", "Add θ* at the end, once."),
            mistakes=(
                Mistake(
                    "steps multiplied, not raised to a power",
                    "Each step multiplies the distance by the same factor, so t steps multiply it by the factor to the "
                    "power t. A product t · ηλ would fall on a straight line.",
                    {"(1 - eta * curvature) ** steps": "(1 - steps * eta * curvature)"},
                ),
                Mistake(
                    "sign flipped",
                    "With 1 + ηλ every step moves away from the minimum.",
                    {"1 - eta": "1 + eta"},
                ),
                Mistake(
                    "minimum forgotten",
                    "This is the distance to the minimum; θ itself is the minimum plus that distance.",
                    {"minimum + (1": "(1"},
                ),
                Mistake(
                    "start not measured from the minimum",
                    "The multiplier acts on the distance θ_0 − θ*, not on θ_0.",
                    {"(start - minimum)": "start"},
                ),
                Mistake(
                    "one step too many",
                    "After no step you are at θ_0, so the exponent is t.",
                    {"** steps": "** (steps + 1)"},
                ),
            ),
            equivalents=(
                """
                def after(steps, start, minimum, curvature, eta):
                    theta = start
                    for _ in range(steps):
                        theta -= eta * curvature * (theta - minimum)
                    return theta
                """,
                """
                def after(steps, start, minimum, curvature, eta):
                    multiplier = np.float64(1 - eta * curvature)
                    return np.array(multiplier**steps * start + (1 - multiplier**steps) * minimum)
                """,
            ),
        ),
        Problem(
            name="edge",
            answer="edge",
            hints=(
                "Differentiate (θ x − y)² twice with respect to θ.",
                "The second derivative of one term is 2x²; the loss is the mean of the terms.",
            ),
            mistakes=(
                Mistake(
                    "the best rate instead of the edge",
                    "1/λ is the rate that arrives in one step. The run diverges only beyond 2/λ.",
                    {"2 / np.mean": "1 / np.mean"},
                ),
                Mistake(
                    "sum instead of mean",
                    "The loss is the mean of the squared errors. The sum has n times the curvature, a lower edge.",
                    {"np.mean": "np.sum"},
                ),
                Mistake(
                    "curvature without its factor 2",
                    "The derivative of a square brings down a 2: λ is the mean of 2x².",
                    {"np.mean(2 * ": "np.mean("},
                ),
                Mistake(
                    "the curvature instead of the rate",
                    "This is λ. The steeper the parabola, the smaller the largest rate: 2/λ.",
                    {"2 / np.mean(": "np.mean("},
                ),
                Mistake(
                    "square of the mean",
                    "The mean of the squares is needed; squaring the mean gives a smaller curvature.",
                    {"np.mean(2 * np.array(weight) ** 2)": "(2 * np.mean(weight) ** 2)"},
                ),
            ),
            equivalents=(
                "edge = np.float32(1 / (sum(x * x for x in weight) / len(weight)))",
                "edge = len(weight) / np.dot(weight, weight)",
            ),
        ),
        Problem(
            name="steps-needed",
            answer="steps_needed",
            inputs=steps_needed,
            cases=40,
            hints=(
                "Take the logarithm on both sides, and mind that the logarithm of a number below 1 is negative.",
                "ln(factor) / −ln|1 − ηλ|, rounded up; think of the multipliers 0 and above 1 first.",
            ),
            mistakes=(
                Mistake(
                    "rounded down",
                    "One step fewer is not enough: the smallest whole number that is large enough is the one above.",
                    {"np.ceil": "np.floor"},
                ),
                Mistake(
                    "not rounded",
                    "There are no half steps; round up.",
                    {"int(np.ceil(np.log(factor) / -np.log(multiplier)))": "np.log(factor) / -np.log(multiplier)"},
                ),
                Mistake(
                    "absolute value forgotten",
                    "A negative multiplier has no logarithm, but such a run converges too, from both sides.",
                    {"abs(1 - eta * curvature)": "1 - eta * curvature"},
                ),
                Mistake(
                    "other base of the logarithm",
                    "Both logarithms must have one base; with two different ones the quotient is wrong.",
                    {"np.log(factor)": "np.log10(factor)"},
                ),
                Mistake(
                    "divergence not refused",
                    "With |1 − ηλ| ≥ 1 the distance never falls. A number of steps would be a lie; raise ValueError.",
                    {"multiplier >= 1": "False", "-np.log(multiplier)": "abs(np.log(multiplier))"},
                ),
                Mistake(
                    "e-folding steps for small rates",
                    "1 − ηλ ≈ exp(−ηλ) holds only where ηλ is small; here it can be anything below 2.",
                    {"-np.log(multiplier)": "(eta * curvature)"},
                ),
            ),
            equivalents=(
                """
                def steps_needed(eta, curvature, factor):
                    distance, steps = 1.0, 0
                    if not 0 < eta * curvature < 2:
                        raise ValueError
                    while distance * factor > 1:
                        distance *= abs(1 - eta * curvature)
                        steps += 1
                    return steps
                """,
                {"int(np.ceil(np.log(factor) / -np.log(multiplier)))": "-(np.log10(factor) // np.log10(multiplier))"},
            ),
        ),
        Problem(
            name="fates",
            answer="fates",
            hints=("Compute 1 − ηλ for each rate and look at its sign first, then at its size.",),
            mistakes=(
                Mistake(
                    "edge at 1/λ",
                    "Beyond 1/λ the run changes side at each step, but it still converges, up to 2/λ.",
                    {'"both sides")': '"diverges")'},
                ),
                Mistake(
                    "sides exchanged",
                    "A positive multiplier keeps the side, a negative one changes it.",
                    {"multiplier >= 0": "multiplier < 0"},
                ),
                Mistake(
                    "never diverges",
                    "Below −1 the multiplier makes each jump longer than the one before.",
                    {"abs(multiplier) > 1": "False"},
                ),
                Mistake(
                    "curvature forgotten",
                    "The rate alone says nothing: what counts is ηλ.",
                    {"1 - eta * parabola": "1 - eta"},
                ),
            ),
            equivalents=(
                """
                def fate(eta):
                    if eta * parabola > 2:
                        return "diverges"
                    return "both sides" if eta > 1 / parabola else "one side"

                fates = list(map(fate, rates))
                """,
                """
                words = np.array(["one side", "both sides", "diverges"])
                fates = tuple(str(word) for word in words[np.digitize(np.array(rates) * parabola, [1, 2])])
                """,
            ),
        ),
        Problem(
            name="descend",
            answer="descend",
            inputs=descend,
            hints=("How often does `broken` ask for the slope?", "Ask for it inside the loop."),
            mistakes=(
                Mistake(
                    "slope taken once",
                    "The slope is computed before the loop and never again, so all steps are equal. Each step needs "
                    "the slope where it stands.",
                    {
                        "path = [theta]\n": "path = [theta]\n    g = slope(theta)\n",
                        "slope(theta)\n        path": "g\n        path",
                    },
                ),
                Mistake(
                    "rate missing",
                    "The step is η times the slope, not the slope itself.",
                    {"eta * slope(theta)": "slope(theta)"},
                ),
                Mistake(
                    "start missing",
                    "The path begins with the start, before the first step.",
                    {"path = [theta]": "path = []"},
                ),
                Mistake(
                    "one step short",
                    "`steps` steps make `steps + 1` points.",
                    {"range(steps)": "range(steps - 1)"},
                ),
                Mistake(
                    "sign flipped",
                    "Against the slope, not with it.",
                    {"theta - eta": "theta + eta"},
                ),
            ),
            equivalents=(
                """
                def descend(slope, start, eta, steps):
                    path = np.empty(steps + 1)
                    path[0] = start
                    for t in range(steps):
                        path[t + 1] = path[t] - eta * slope(path[t])
                    return path
                """,
                """
                def descend(slope, start, eta, steps):
                    if steps == 0:
                        return [start]
                    return [start, *descend(slope, start - eta * slope(start), eta, steps - 1)]
                """,
            ),
        ),
        Problem(
            name="read-rates",
            answer="read_rates",
            rtol=0.01,
            hints=("Divide a point by the one before it: that is the multiplier, with its sign.",),
            mistakes=(
                Mistake(
                    "the multiplier instead of the rate",
                    "θ_{t+1}/θ_t is 1 − ηλ. Solve it for η.",
                    {"1 - curve[1] / curve[0]": "curve[1] / curve[0]"},
                ),
                Mistake(
                    "sign lost",
                    "A curve that changes side has a negative multiplier. With its absolute value the rate is below 1.",
                    {"1 - curve[1] / curve[0]": "1 - abs(curve[1] / curve[0])"},
                ),
                Mistake(
                    "quotient upside down",
                    "The later point stands above the fraction bar.",
                    {"curve[1] / curve[0]": "curve[0] / curve[1]"},
                ),
                Mistake(
                    "difference instead of quotient",
                    "The step θ_t − θ_{t+1} is η λ θ_t: divide it by θ_t.",
                    {"1 - curve[1] / curve[0]": "curve[0] - curve[1]"},
                ),
            ),
            equivalents=(
                {"curve[1] / curve[0]": "curve[4] / curve[3]"},
                """
                curves = np.array([curve_a, curve_b, curve_c], dtype=np.float32)
                read_rates = 1 - np.median(curves[:, 1:] / curves[:, :-1], axis=1)
                """,
            ),
        ),
        Problem(
            name="eta-for-all",
            answer="eta_for_all",
            measure="worst_distance",
            thresholds={0.4: 1, 0.14: 2},
            hints=("Draw |1 − ηλ| against λ for one η: where can its largest value be?", "Make the two ends equal."),
            mistakes=(
                Mistake(
                    "best for a mean curvature",
                    "1/√10 suits the geometric mean of the ends. At λ = 10 it diverges: the steep end sets the limit.",
                    {"2 / 11": "1 / 10**0.5"},
                    when=lambda eta: abs(eta - 10**-0.5) < 0.01,
                ),
                Mistake(
                    "too large for the steepest curve",
                    "At λ = 10 the multiplier is −1 or below, so that run does not converge.",
                    {"2 / 11": "2 / 10"},
                    when=lambda eta: eta >= 0.2,
                ),
                Mistake(
                    "best for the steepest curve alone",
                    "1/10 is perfect for λ = 10 and slow for λ = 1. A larger rate costs little there and gains much.",
                    {"2 / 11": "1 / 10"},
                    when=lambda eta: 0.08 <= eta <= 0.12,
                ),
                Mistake(
                    "wrong sign",
                    "A negative rate climbs on every curve.",
                    {"2 / 11": "-2 / 11"},
                    when=lambda eta: eta < 0,
                ),
                Mistake(
                    "far too small",
                    "It is safe everywhere and gets nowhere: look at λ = 1.",
                    {"2 / 11": "0.01"},
                    when=lambda eta: 0 <= eta < 0.08,
                ),
            ),
            equivalents=(
                {"2 / 11": "np.float32(0.1817)"},
                {"2 / 11": "min(np.linspace(0.001, 0.3, 3000), key=worst_distance)"},
            ),
        ),
    ),
)
