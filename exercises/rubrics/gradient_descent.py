"""Gradient descent: gradients, eigenvalues, the best rate, scaling."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New flats, curvatures, rates and curve."""
    area = np.sort(rng.choice(np.arange(5, 30), 5, replace=False)) * 5.0
    rooms = np.sort(rng.choice(np.arange(1, 8), 5, replace=False)) * 1.0
    price = np.round(3 * area + 8 * rooms + rng.normal(10, 4, 5))
    smallest, ratio = float(rng.choice([0.5, 1.0, 2.0])), float(rng.choice([9.0, 16.0, 25.0]))
    largest, best = smallest * ratio, 2 / (smallest * (1 + ratio))
    shares = rng.permutation([rng.uniform(0.3, 0.6), rng.uniform(0.8, 0.95)])
    edge = 2 / largest
    rates = [*(shares * best), best + rng.uniform(0.3, 0.7) * (edge - best), rng.uniform(1.1, 1.5) * edge]
    multiplier, height = rng.uniform(0.5, 0.85), rng.uniform(3, 12)
    return {
        "area": area.tolist(),
        "rooms": rooms.tolist(),
        "price": price.tolist(),
        "curvatures": [smallest, smallest * ratio**0.5, largest],
        "rates": [float(f"{rate:.3g}") for rate in rng.permutation(rates)],
        "curve": [float(f"{height * multiplier ** (2 * t):.8g}") for t in range(8)],
    }


def gradient(rng: Generator) -> tuple[Any, ...]:
    n, d = int(rng.integers(3, 7)), int(rng.integers(1, 4))
    return rng.normal(size=d), rng.normal(size=(n, d)), rng.normal(size=n)


def differences(rng: Generator) -> tuple[Any, ...]:
    a, b, c = rng.uniform(1, 3, 3)
    loss = Expression(f"lambda t: {a:.3f} * t[0] ** 3 + {b:.3f} * t[0] * t[1] + {c:.3f} * t[1] ** 4 + t[2] ** 2")
    return loss, rng.normal(size=3), rng.uniform(0.1, 0.5)


def slowest(rng: Generator) -> tuple[Any, ...]:
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    curvatures = rng.uniform(0.5, 5, 3)
    return axes @ np.diag(curvatures) @ axes.T, rng.uniform(0.2, 2.4) / curvatures.max()


def plan(rng: Generator) -> tuple[Any, ...]:
    smallest = rng.uniform(0.1, 3)
    return smallest, smallest * rng.uniform(3, 40), rng.uniform(20, 5000)


def standardize(rng: Generator) -> tuple[Any, ...]:
    shape = int(rng.integers(4, 8)), int(rng.integers(2, 4))
    X = rng.normal(rng.normal(0, 5, shape[1]), rng.uniform(0.5, 4, shape[1]), shape)
    return (X, rng.normal(2, 3, (3, shape[1]))) if rng.uniform() < 0.5 else (X,)


RUBRIC = Rubric(
    chapter="book/descent/gradient_descent",
    constants=constants,
    problems=(
        Problem(
            name="gradient",
            answer="gradient",
            inputs=gradient,
            hints=("Work from the inside out: the errors first, one per row.", "X.T @ errors adds up over the rows."),
            mistakes=(
                Mistake(
                    "sum instead of mean",
                    "This is the gradient of the sum of the squared errors. It is n times as long, and so the rate "
                    "would have to be n times smaller.",
                    {"2 / len(y) * ": "2 * "},
                ),
                Mistake(
                    "factor 2 missing",
                    "The derivative of a square brings down a 2. Losses with a half in front lose it again; this one "
                    "has none.",
                    {"2 / len(y)": "1 / len(y)"},
                ),
                Mistake(
                    "sign flipped",
                    "The errors are prediction minus target. The other way round, the gradient points downhill.",
                    {"X @ theta - y": "y - X @ theta"},
                ),
                Mistake(
                    "target forgotten",
                    "Without y the gradient is zero at θ = 0, whatever the data say.",
                    {"(X @ theta - y)": "(X @ theta)"},
                ),
                Mistake(
                    "divided by the number of parameters",
                    "The mean goes over the n rows, not over the d parameters.",
                    {"len(y)": "len(theta)"},
                ),
            ),
            equivalents=(
                """
                def gradient(theta, X, y):
                    total = np.zeros(len(theta))
                    for row, target in zip(X, y):
                        total += 2 * (row @ theta - target) * row
                    return total / len(X)
                """,
                {"2 / len(y) * X.T @ (X @ theta - y)": "np.mean(2 * (X @ theta - y)[:, None] * X, axis=0).tolist()"},
            ),
        ),
        Problem(
            name="differences",
            answer="differences",
            inputs=differences,
            rtol=1e-4,
            atol=1e-6,
            hints=("Change one coordinate at a time, by h to both sides.", "Copy theta before you change it."),
            mistakes=(
                Mistake(
                    "one-sided",
                    "(L(θ + h) − L(θ)) / h has an error that falls with h only; the central one falls with h².",
                    {"loss(theta - shift)": "loss(theta)", "(2 * h)": "h"},
                ),
                Mistake(
                    "divided by h, not by 2h",
                    "The two points are 2h apart.",
                    {"(2 * h)": "h"},
                ),
                Mistake(
                    "all coordinates at once",
                    "Shifting every coordinate gives the slope along (1, 1, …), the same number for each.",
                    {"shift[i] = h": "shift[:] = h"},
                ),
                Mistake(
                    "sign flipped",
                    "The loss ahead comes first, the loss behind is taken off.",
                    {"loss(theta + shift) - loss(theta - shift)": "loss(theta - shift) - loss(theta + shift)"},
                ),
                Mistake(
                    "shifts pile up",
                    "The shift of the coordinate before is still there. Start from zero for each coordinate.",
                    {
                        "slopes = np.zeros(len(theta))\n": "slopes = np.zeros(len(theta))\n"
                        "    shift = np.zeros(len(theta))\n",
                        "        shift = np.zeros(len(theta))\n        shift[i]": "        shift[i]",
                    },
                ),
            ),
            equivalents=(
                """
                def differences(loss, theta, h):
                    shifts = h * np.eye(len(theta))
                    return np.array([(loss(theta + s) - loss(theta - s)) / h / 2 for s in shifts])
                """,
                """
                def differences(loss, theta, h):
                    out = []
                    for i in range(len(theta)):
                        ahead, behind = theta.copy(), theta.copy()
                        ahead[i] += h
                        behind[i] -= h
                        out.append((loss(ahead) - loss(behind)) / (ahead[i] - behind[i]))
                    return out
                """,
            ),
        ),
        Problem(
            name="slowest",
            answer="slowest",
            inputs=slowest,
            hints=("np.linalg.eigvalsh gives the eigenvalues of a symmetric matrix.", "Take sizes, then the largest."),
            mistakes=(
                Mistake(
                    "absolute value forgotten",
                    "A multiplier of −1.2 makes the distance grow. Its size counts.",
                    {"np.abs(1 - eta * np.linalg.eigvalsh(H))": "(1 - eta * np.linalg.eigvalsh(H))"},
                ),
                Mistake(
                    "diagonal instead of eigenvalues",
                    "The diagonal holds the curvatures along the coordinate axes. Descent goes its own ways along the "
                    "eigenvectors.",
                    {"np.linalg.eigvalsh(H)": "np.diag(H)"},
                ),
                Mistake(
                    "the fastest axis",
                    "The smallest multiplier belongs to the axis that is done first. You wait for the last.",
                    {"np.max": "np.min"},
                ),
                Mistake(
                    "only the steepest axis",
                    "The largest eigenvalue sets the edge; the waiting is done along the flat ones.",
                    {"np.linalg.eigvalsh(H)": "np.linalg.eigvalsh(H)[-1]"},
                ),
                Mistake(
                    "rate forgotten",
                    "The multiplier is 1 − ηλ.",
                    {"eta * np.linalg": "np.linalg"},
                ),
            ),
            equivalents=(
                """
                def slowest(H, eta):
                    return np.linalg.norm(np.eye(len(H)) - eta * H, 2)
                """,
                {"np.max(np.abs(1 - eta * np.linalg.eigvalsh(H)))": "max(abs(1 - eta * np.linalg.eigvals(H).real))"},
            ),
        ),
        Problem(
            name="axes",
            answer="axes",
            hints=("Compute both multipliers for each rate; look whether one is beyond 1 first.",),
            mistakes=(
                Mistake(
                    "edge at 1/λ_max",
                    "Beyond 1/λ_max the steep axis changes side at each step, and still converges, up to 2/λ_max.",
                    {"max(flat, steep) > 1": "eta * max(curvatures) > 1"},
                ),
                Mistake(
                    "the fast axis instead of the slow one",
                    "The larger multiplier is the slower axis.",
                    {"flat > steep": "flat < steep"},
                ),
                Mistake(
                    "divergence overlooked",
                    "If any multiplier is beyond ±1 the run diverges along that axis, however well the others do.",
                    {'"none" if max(flat, steep) > 1 else ': ""},
                ),
                Mistake(
                    "absolute value forgotten",
                    "A negative multiplier counts by its size: −0.9 is slow.",
                    {"abs(1 - eta * max(curvatures))": "1 - eta * max(curvatures)"},
                ),
            ),
            equivalents=(
                """
                best, last = 2 / (curvatures[0] + curvatures[-1]), 2 / curvatures[-1]
                axes = ["flat" if eta < best else "steep" if eta <= last else "none" for eta in rates]
                """,
                """
                words = np.array(["flat", "steep", "none"])
                ends = [2 / (min(curvatures) + max(curvatures)), 2 / max(curvatures)]
                axes = tuple(words[np.searchsorted(ends, rates)].tolist())
                """,
            ),
        ),
        Problem(
            name="plan",
            answer="plan",
            inputs=plan,
            hints=("κ is a quotient; the multiplier depends on κ alone.", "Divide the logarithms, then round up."),
            mistakes=(
                Mistake(
                    "rate at 1/λ_max",
                    "That is a safe rate. The best one equalizes both ends: 2/(λ_min + λ_max).",
                    {"2 / (smallest + largest)": "1 / largest"},
                ),
                Mistake(
                    "rate at the edge",
                    "At 2/λ_max the steep axis never comes down at all.",
                    {"2 / (smallest + largest)": "2 / largest"},
                ),
                Mistake(
                    "not rounded up",
                    "Half a step cannot be taken, and one step fewer is not enough.",
                    {"np.ceil(steps)": "steps"},
                ),
                Mistake(
                    "rounded down",
                    "One step fewer is not enough.",
                    {"np.ceil": "np.floor"},
                ),
                Mistake(
                    "κ upside down",
                    "κ is the largest curvature over the smallest, at least 1. Upside down, (κ − 1)/(κ + 1) is "
                    "negative and has no logarithm.",
                    {"largest / smallest": "smallest / largest"},
                ),
                Mistake(
                    "steps for the loss, not for the distance",
                    "The loss falls with the square of the multiplier and needs half as many steps. Here the distance "
                    "is asked for.",
                    {"np.log(factor) /": "0.5 * np.log(factor) /"},
                ),
            ),
            equivalents=(
                """
                def plan(smallest, largest, factor):
                    eta = 2 / (smallest + largest)
                    distance, steps = 1.0, 0
                    while distance * factor > 1:
                        distance *= 1 - eta * smallest
                        steps += 1
                    return [eta, steps]
                """,
                """
                def plan(smallest, largest, factor):
                    eta = 1 / np.mean([smallest, largest])
                    return np.array([eta, -(np.log(factor) // np.log1p(-eta * smallest))])
                """,
            ),
        ),
        Problem(
            name="standardize",
            answer="standardize",
            inputs=standardize,
            hints=("axis=0 goes down the columns.", "The means and deviations are those of X, also for new rows."),
            mistakes=(
                Mistake(
                    "mean of the whole table",
                    "Without an axis, mean() mixes square meters with rooms. Each column has its own mean.",
                    {"X.mean(axis=0)": "X.mean()"},
                ),
                Mistake(
                    "deviation of the whole table",
                    "Without an axis, std() is one number for all features, so their scales stay as different as they "
                    "were.",
                    {"X.std(axis=0)": "X.std()"},
                ),
                Mistake(
                    "rows instead of columns",
                    "The features are the columns: axis=0 goes down them.",
                    """
                    def standardize(X, new=None):
                        rows = X if new is None else new
                        return (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)
                    """,
                ),
                Mistake(
                    "divided by the variance",
                    "The variance has the unit squared. The standard deviation is its root.",
                    {"X.std(axis=0)": "X.var(axis=0)"},
                ),
                Mistake(
                    "mean not taken off",
                    "Dividing alone leaves the quarrel with the intercept.",
                    {"(rows - X.mean(axis=0))": "rows"},
                ),
                Mistake(
                    "not divided",
                    "Taking off the mean alone leaves the scales as they were.",
                    {" / X.std(axis=0)": ""},
                ),
                Mistake(
                    "new rows measured by themselves",
                    "The model has learned with the means and deviations of X. A new row must be moved and stretched "
                    "just as the old ones were, or the same flat gets another price.",
                    {"X.mean": "rows.mean", "X.std": "rows.std"},
                ),
            ),
            equivalents=(
                """
                def standardize(X, new=None):
                    rows = np.array(X if new is None else new, dtype=float)
                    for j in range(X.shape[1]):
                        m = sum(X[:, j]) / len(X)
                        s = (sum((X[:, j] - m) ** 2) / len(X)) ** 0.5
                        rows[:, j] = (rows[:, j] - m) / s
                    return rows
                """,
                {"(rows - X.mean(axis=0)) / X.std(axis=0)": "(rows - np.average(X, 0)) * (1 / np.sqrt(np.var(X, 0)))"},
            ),
        ),
        Problem(
            name="three-numbers",
            answer="three_numbers",
            rtol=0.01,
            hints=("Divide a loss by the one before it, and take the root: that is the multiplier.",),
            mistakes=(
                Mistake(
                    "loss taken for distance",
                    "The loss is the square of the distance: its factor per step is the square of the multiplier. Take "
                    "the root first.",
                    {" ** 0.5": ""},
                ),
                Mistake(
                    "rate forgotten",
                    "The multiplier is 1 − ηλ with η = 0.2, so λ is (1 − multiplier) / 0.2.",
                    {" / 0.2": ""},
                ),
                Mistake(
                    "edge and best rate exchanged",
                    "2/λ is where it diverges, 1/λ is where it arrives in one step.",
                    {"2 / curvature, 1 / curvature": "1 / curvature, 2 / curvature"},
                ),
                Mistake(
                    "the other side",
                    "A multiplier of −m gives the same losses, but that run changes side at each step, and this one "
                    "never did.",
                    {"(1 - (curve": "(1 + (curve"},
                ),
                Mistake(
                    "quotient upside down",
                    "The later loss stands above the fraction bar.",
                    {"curve[1] / curve[0]": "curve[0] / curve[1]"},
                ),
            ),
            equivalents=(
                {"curve[1] / curve[0]": "curve[5] / curve[4]"},
                """
                slope = np.polyfit(range(len(curve)), np.log(curve), 1)[0]
                lam = (1 - np.exp(slope / 2)) * 5
                three_numbers = np.array([lam, 2 / lam, 1 / lam], dtype=np.float32)
                """,
            ),
        ),
    ),
)
