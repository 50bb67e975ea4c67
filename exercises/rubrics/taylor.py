"""The Taylor derivation: predicted decrease, the best rate of a step, power iteration, the descent lemma."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New sharpness, rates and table."""
    sharp = float(rng.choice([20.0, 25.0, 40.0, 50.0]))
    shares = rng.permutation([rng.uniform(0.1, 0.4), rng.uniform(0.6, 0.9), rng.uniform(1.1, 1.5), rng.uniform(1.8, 3)])
    slope, bend = round(rng.uniform(2, 9), 1), round(rng.uniform(3, 12), 1)
    rates = np.arange(1, 9) / 10
    return {
        "sharp": sharp,
        "trial_rates": [float(f"{share * 2 / sharp:.3g}") for share in shares],
        "decreases": (rates * slope - rates**2 * bend / 2).round(6).tolist(),
    }


def symmetric(rng: Generator, lowest: float) -> Any:
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return axes @ np.diag(rng.uniform(lowest, 4, 3)) @ axes.T


def decrease(rng: Generator) -> tuple[Any, ...]:
    return rng.normal(size=3), symmetric(rng, -1), rng.uniform(0.2, 1.5, size=[(), (4,)][rng.integers(2)])


def best_rate(rng: Generator) -> tuple[Any, ...]:
    return rng.normal(size=3), symmetric(rng, 0.5) * (1 if rng.uniform() < 0.7 else -1)


def max_stable(rng: Generator) -> tuple[Any, ...]:
    a, b, c = rng.uniform(3, 5), rng.uniform(0.5, 2), rng.uniform(0.3, 0.8)
    product = Expression(f"lambda v: np.array([[{a:.4f}, {c:.4f}], [{c:.4f}, {b:.4f}]]) @ v")
    return product, rng.uniform(0.5, 2, 2), int(rng.integers(1, 5))


def safe_step(rng: Generator) -> tuple[Any, ...]:
    bound = rng.uniform(0.5, 4)
    return rng.normal(size=2), rng.normal(size=2), rng.uniform(0.2, 2.5) / bound, bound


RUBRIC = Rubric(
    chapter="book/descent/taylor",
    constants=constants,
    problems=(
        Problem(
            name="decrease",
            answer="decrease",
            inputs=decrease,
            hints=("Two numbers, g @ g and g @ H @ g, are all that you need.",),
            mistakes=(
                Mistake(
                    "half missing",
                    "The second-order term of a Taylor series has a half in front.",
                    {"0.5 * eta**2": "eta**2"},
                ),
                Mistake(
                    "rate not squared",
                    "The step is ηg, and the second-order term is quadratic in the step: η appears squared.",
                    {"eta**2": "eta"},
                ),
                Mistake(
                    "sign of the curvature term",
                    "Curvature takes away from the promise; it does not add to it.",
                    {"(g @ g) - 0.5": "(g @ g) + 0.5"},
                ),
                Mistake(
                    "first order only",
                    "This is the promise of the first-order model. Without the second term a longer step is always "
                    "better, and nothing says how far to go.",
                    {" - 0.5 * eta**2 * (g @ H @ g)": ""},
                ),
                Mistake(
                    "length instead of its square",
                    "The slope along the gradient is ‖g‖, and the step has the length η‖g‖: together ‖g‖².",
                    {"(g @ g)": "np.linalg.norm(g)"},
                ),
                Mistake(
                    "change instead of decrease",
                    "A decrease is positive when the loss falls.",
                    {"return eta * (g @ g) - 0.5 * eta**2": "return -eta * (g @ g) + 0.5 * eta**2"},
                ),
            ),
            equivalents=(
                {"eta * (g @ g) - 0.5 * eta**2 * (g @ H @ g)": "eta * (np.dot(g, g) - eta / 2 * np.dot(H @ g, g))"},
                """
                def decrease(g, H, eta):
                    rates = np.atleast_1d(np.asarray(eta, dtype=float))
                    found = []
                    for rate in rates:
                        step = -rate * g
                        found.append(-(g @ step) - step @ H @ step / 2)
                    return np.array(found).reshape(np.shape(eta))
                """,
            ),
        ),
        Problem(
            name="best-rate",
            answer="best_rate",
            inputs=best_rate,
            cases=12,
            hints=("Set the derivative of equation (1) with respect to η to zero.", "Look at the sign of gᵀHg first."),
            mistakes=(
                Mistake(
                    "edge instead of best rate",
                    "At twice the best rate the predicted decrease is back at zero.",
                    {"g @ g / bend": "2 * (g @ g) / bend"},
                ),
                Mistake(
                    "quotient upside down",
                    "This is the curvature along the gradient. The rate is its inverse.",
                    {"g @ g / bend": "bend / (g @ g)"},
                ),
                Mistake(
                    "bending down overlooked",
                    "Where the loss bends down along the gradient the formula gives a negative rate, which climbs.",
                    {" if bend > 0 else np.inf": ""},
                ),
                Mistake(
                    "largest curvature instead of the one along g",
                    "1/λ_max is safe from everywhere, but this step goes along g, where the loss may bend far less.",
                    {"bend = g @ H @ g": "bend = (g @ g) * np.linalg.eigvalsh(H).max()"},
                ),
                Mistake(
                    "length instead of its square",
                    "Numerator and denominator must both be quadratic in g, or the length of g does not cancel.",
                    {"g @ g / bend": "np.linalg.norm(g) / bend"},
                ),
                Mistake(
                    "zero where it goes down for ever",
                    "There the model gets better with every longer step. That is no best rate at all, and not zero.",
                    {"np.inf": "0.0"},
                ),
            ),
            equivalents=(
                """
                def best_rate(g, H):
                    u = g / np.linalg.norm(g)
                    along = u @ H @ u
                    if along <= 0:
                        return float("inf")
                    return 1 / along
                """,
                {"g @ g / bend if bend > 0 else np.inf": "(g**2).sum() / bend if 0 < bend else np.float32(np.inf)"},
            ),
        ),
        Problem(
            name="max-stable",
            answer="max_stable",
            inputs=max_stable,
            hints=(
                "One round: multiply, then divide by the length.",
                "After the last round multiply once more, for vᵀHv.",
            ),
            mistakes=(
                Mistake(
                    "eigenvalue instead of rate",
                    "This is λ. The largest stable rate is 2/λ.",
                    {"2 / (v @ product(v))": "v @ product(v)"},
                ),
                Mistake(
                    "best rate instead of edge",
                    "1/λ arrives at once along the steepest direction; the edge is twice as far.",
                    {"2 / (v": "1 / (v"},
                ),
                Mistake(
                    "length of Hv in place of vᵀHv",
                    "‖Hv‖ tends to the same number, but before it has converged it is too large. vᵀHv is closer: its "
                    "error is of second order.",
                    {"(v @ product(v))": "np.linalg.norm(product(v))"},
                ),
                Mistake(
                    "one round too few",
                    "The loop runs `rounds` times.",
                    {"range(rounds)": "range(rounds - 1)"},
                ),
                Mistake(
                    "never divided by the length",
                    "vᵀHv is the curvature only for a v of length one; and without dividing, the vector overflows.",
                    {"        v = v / np.linalg.norm(v)\n": ""},
                ),
                Mistake(
                    "divided by the largest entry",
                    "A vector whose largest entry is one has a length above one, so vᵀHv is too large.",
                    {"np.linalg.norm(v)": "np.abs(v).max()"},
                ),
            ),
            equivalents=(
                """
                def max_stable(product, v, rounds):
                    for _ in range(rounds):
                        v = product(v) / np.abs(v).max()
                    return 2 * (v @ v) / (v @ product(v))
                """,
                """
                def max_stable(product, v, rounds):
                    u = np.array(v, dtype=np.float64) / np.sqrt(np.sum(np.square(v)))
                    for i in range(rounds):
                        w = np.asarray(product(u))
                        u = w / np.sqrt(w @ w)
                    return np.array(2.0) / np.vdot(u, product(u))
                """,
            ),
        ),
        Problem(
            name="first-steps",
            answer="first_steps",
            hints=("Compute 2 / sharp once.",),
            mistakes=(
                Mistake(
                    "edge at 1/λ_max",
                    "Between 1/λ_max and 2/λ_max the steepest direction changes side at each step and still shrinks.",
                    {"2 / sharp": "1 / sharp"},
                ),
                Mistake(
                    "sides exchanged",
                    "Small rates are the safe ones.",
                    {"eta < 2": "eta > 2"},
                ),
                Mistake(
                    "all safe",
                    "A rate above 2/λ_max makes the steepest direction grow.",
                    {' if eta < 2 / sharp else "unstable"': ""},
                ),
                Mistake(
                    "all unstable",
                    "A rate below 2/λ_max makes every direction shrink.",
                    {'"safe" if eta < 2 / sharp else ': ""},
                ),
            ),
            equivalents=(
                """
                words = np.where(np.array(trial_rates) * sharp < 2, "safe", "unstable")
                first_steps = words.tolist()
                """,
                """
                first_steps = ()
                for eta in trial_rates:
                    first_steps += ("unstable" if abs(1 - eta * sharp) > 1 else "safe",)
                """,
            ),
        ),
        Problem(
            name="safe-step",
            answer="safe_step",
            inputs=safe_step,
            hints=("First decide on the rate; then use it in both numbers.",),
            mistakes=(
                Mistake(
                    "bounded at 2/Λ",
                    "At 2/Λ the lemma guarantees nothing; half of the promise is kept up to 1/Λ.",
                    {"min(eta, 1 / bound)": "min(eta, 2 / bound)"},
                ),
                Mistake(
                    "never bounded",
                    "Above 2/Λ the guaranteed decrease is negative: the lemma promises nothing.",
                    {"    eta = min(eta, 1 / bound)\n": ""},
                ),
                Mistake(
                    "always 1/Λ",
                    "The rate that was asked for is used where it is allowed.",
                    {"min(eta, 1 / bound)": "1 / bound"},
                ),
                Mistake(
                    "promise of the first order",
                    "η‖g‖² is never kept in full. The lemma takes off the share ηΛ/2.",
                    {" * (1 - eta * bound / 2)": ""},
                ),
                Mistake(
                    "sign flipped",
                    "The step goes against the gradient.",
                    {"theta - eta": "theta + eta"},
                ),
                Mistake(
                    "the rate cancels, as in the tutorial",
                    "A direction of −g/η times η is −g, whatever η is.",
                    {"theta - eta * g": "theta - g"},
                ),
            ),
            equivalents=(
                """
                def safe_step(theta, g, eta, bound):
                    if eta * bound > 1:
                        eta = 1 / bound
                    step = eta * g
                    return theta - step, g @ step - bound / 2 * (step @ step)
                """,
                {"min(eta, 1 / bound)": "np.minimum(eta, np.reciprocal(bound))", "(g @ g)": "np.sum(g**2)"},
            ),
        ),
        Problem(
            name="from-table",
            answer="from_table",
            rtol=0.01,
            hints=("Write equation (1) for η = 0.1 and for η = 0.2.", "Divide each by its rate and subtract."),
            mistakes=(
                Mistake(
                    "half forgotten",
                    "In equation (1) the second term has a half: with it, gᵀHg is twice as large.",
                    {"[0.1, -0.005], [0.2, -0.02]": "[0.1, -0.01], [0.2, -0.04]"},
                ),
                Mistake(
                    "best rate instead of edge",
                    "‖g‖²/gᵀHg is where the decrease is largest. It is back at zero at twice that.",
                    {"2 * squared / bending": "squared / bending"},
                ),
                Mistake(
                    "first order only",
                    "The first decrease over its rate is a little below ‖g‖²: the curvature has taken its share.",
                    {"from_table = [squared,": "squared = decreases[0] / 0.1\nfrom_table = [squared,"},
                ),
                Mistake(
                    "quotient upside down",
                    "The rate has the unit of ‖g‖² over gᵀHg.",
                    {"2 * squared / bending": "2 * bending / squared"},
                ),
            ),
            equivalents=(
                """
                eta = np.arange(1, 9) / 10
                quadratic, linear = np.polyfit(eta, np.array(decreases) / eta, 1)
                from_table = np.array([linear, -2 * quadratic, -linear / quadratic])
                """,
                """
                d1, d2 = decreases[0], decreases[1]
                h = (2 * d1 - d2) * 100
                s = 10 * d1 + h / 20
                from_table = [float(s), float(h), float(2 * s / h)]
                """,
            ),
        ),
    ),
)
