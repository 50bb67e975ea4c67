"""Stochastic gradients: batches, the noise floor, accumulation, averaging."""

from typing import Any

from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New batches, floors and runs."""
    c = float(rng.choice([2.0, 4.0, 6.0]))
    fates = [
        (rng.uniform(0.05, 0.15), int(rng.choice([4, 8])), 1.0),
        (rng.uniform(0.12, 0.19), int(rng.choice([4, 8])), 0.0),
        (rng.uniform(0.02, 0.08), 1000, 0.0),
        (rng.uniform(0.22, 0.3), 8, 0.0),
    ]
    return {
        "batch_now": int(rng.choice([16, 32, 64, 128])),
        "error_now": float(rng.choice([0.3, 0.4, 0.6])),
        "error_wanted": float(rng.choice([0.1, 0.15, 0.2])),
        "floors": {(eta, b): round(c * eta / b, 6) for eta, b in ((0.1, 8), (0.05, 8), (0.1, 32))},
        "target": round(c * float(rng.choice([0.0004, 0.0005, 0.0008])), 6),
        "made_of": [(round(eta, 3), b, s) for eta, b, s in (fates[i] for i in rng.permutation(4))],
    }


def batch_gradient(rng: Generator) -> tuple[Any, ...]:
    n, d = int(rng.integers(5, 9)), int(rng.integers(1, 4))
    rows = rng.choice(n, int(rng.integers(2, n)), replace=True)
    return rng.normal(size=d), rng.normal(size=(n, d)), rng.normal(size=n), rows.tolist()


def floor(rng: Generator) -> tuple[Any, ...]:
    curvature, kind = rng.uniform(0.5, 5), rng.uniform()
    product = rng.uniform(0.1, 1.9) if kind < 0.7 else rng.uniform(2.1, 3)
    if kind > 0.85:  # at the edge; a power of two makes the product exact
        curvature, product = float(rng.choice([0.5, 1, 2, 4])), 2.0
    return product / curvature, curvature, rng.uniform(0.5, 3), int(rng.integers(2, 20))


def accumulated(rng: Generator) -> tuple[Any, ...]:
    mean = Expression(f"lambda theta, rows: np.mean(np.asarray(rows)) * (theta - {rng.uniform(0.5, 2):.3f})")
    n = int(rng.integers(5, 12))
    return mean, rng.normal(size=2), rng.uniform(1, 3, n), int(rng.integers(2, 5)), rng.uniform(0.05, 0.4)


def below_floor(rng: Generator) -> tuple[Any, ...]:
    start, d = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    minimum = rng.normal(0, 2, d)
    points = minimum + rng.normal(size=(start + int(rng.integers(4, 9)), d))
    points[:start] += 5
    return points, start, minimum


RUBRIC = Rubric(
    chapter="book/descent/stochastic",
    constants=constants,
    problems=(
        Problem(
            name="batch-gradient",
            answer="batch_gradient",
            inputs=batch_gradient,
            hints=(
                "X[rows] picks the rows of the batch.",
                "Then it is the gradient of the whole, with B in place of n.",
            ),
            mistakes=(
                Mistake(
                    "sum instead of mean",
                    "The sum grows with the batch, and so does the rate in effect. Divide by B.",
                    {"2 / len(rows) * ": "2 * "},
                ),
                Mistake(
                    "divided by all rows",
                    "The mean goes over the batch. Divided by n the gradient is too short by the factor B/n.",
                    {"2 / len(rows)": "2 / len(y)"},
                ),
                Mistake(
                    "all rows",
                    "This is the exact gradient: nothing is drawn.",
                    {"X[rows]": "X", "y[rows]": "y", "len(rows)": "len(y)"},
                ),
                Mistake(
                    "sign flipped",
                    "The errors are prediction minus target.",
                    {"X[rows] @ theta - y[rows]": "y[rows] - X[rows] @ theta"},
                ),
                Mistake(
                    "factor 2 missing",
                    "The derivative of a square brings down a 2.",
                    {"2 / len(rows)": "1 / len(rows)"},
                ),
            ),
            equivalents=(
                """
                def batch_gradient(theta, X, y, rows):
                    total = 0.0
                    for i in rows:
                        total = total + 2 * (X[i] @ theta - y[i]) * X[i]
                    return total / len(rows)
                """,
                {"2 / len(rows) * errors @ X[rows]": "np.mean(2 * errors[:, None] * X[rows], axis=0)"},
            ),
        ),
        Problem(
            name="sizes",
            answer="sizes",
            hints=("The error is the root of the variance: it falls as 1/√B.",),
            mistakes=(
                Mistake(
                    "root forgotten",
                    "The variance falls with B, the error only with √B: half the error needs four times the batch.",
                    {" ** 2": "", "**0.5": ""},
                ),
                Mistake(
                    "quotient upside down",
                    "Less error needs a larger batch.",
                    {"error_now / error_wanted": "error_wanted / error_now"},
                ),
                Mistake(
                    "error of a single example as a variance",
                    "σ² = B times the variance of the batch; the error is its root.",
                    {"error_now * batch_now**0.5": "error_now**2 * batch_now"},
                ),
                Mistake(
                    "error falls with B for one example",
                    "From a batch of B to one example the error grows by √B, not by B.",
                    {"batch_now**0.5": "batch_now"},
                ),
            ),
            equivalents=(
                """
                sigma = np.sqrt(batch_now * error_now**2)
                sizes = np.array([(sigma / error_wanted) ** 2, sigma])
                """,
                """
                variance = batch_now * error_now * error_now
                sizes = (variance / error_wanted / error_wanted, float(np.sqrt(variance)))
                """,
            ),
        ),
        Problem(
            name="floor",
            answer="floor",
            inputs=floor,
            cases=12,
            hints=("Put s on both sides and solve for it.", "1 − (1 − x)² = x (2 − x)."),
            mistakes=(
                Mistake(
                    "mean squared distance instead of loss",
                    "This is s. The loss of the direction is λs/2.",
                    {"curvature * s / 2": "s"},
                ),
                Mistake(
                    "half missing",
                    "The loss of a parabola is ½ λ x².",
                    {"curvature * s / 2": "curvature * s"},
                ),
                Mistake(
                    "batch forgotten",
                    "The variance of a batch's gradient is σ²/B.",
                    {" / batch": ""},
                ),
                Mistake(
                    "root of the batch",
                    "The error falls with √B; its square, which enters here, with B.",
                    {"/ batch": "/ batch**0.5"},
                ),
                Mistake(
                    "approximation for small rates",
                    "ησ²/4B holds where ηλ is small. Here it may be anything below 2.",
                    {"(2 - eta * curvature))": "2)"},
                ),
                Mistake(
                    "σ not squared",
                    "Variances add up, not errors: σ enters squared.",
                    {"sigma**2": "sigma"},
                ),
                Mistake(
                    "beyond the edge",
                    "Beyond 2/λ the mean squared distance grows without end. The formula then gives a negative number.",
                    {"eta * curvature >= 2": "False"},
                ),
                Mistake(
                    "the edge itself",
                    "At the edge, ηλ = 2, the run does not come to rest either: the formula would divide by zero.",
                    {"eta * curvature >= 2": "eta * curvature > 2"},
                ),
            ),
            equivalents=(
                """
                def floor(eta, curvature, sigma, batch):
                    shrink = (1 - eta * curvature) ** 2
                    if shrink >= 1:
                        return float("inf")
                    return 0.5 * curvature * (eta * sigma) ** 2 / batch / (1 - shrink)
                """,
                """
                def floor(eta, curvature, sigma, batch):
                    s = 0.0
                    for _ in range(5000):
                        s, last = (1 - eta * curvature) ** 2 * s + (eta * sigma) ** 2 / batch, s
                        if abs(s - last) < 1e-12 * s:
                            return np.float64(s * curvature / 2)
                    return np.inf
                """,
            ),
        ),
        Problem(
            name="choices",
            answer="choices",
            rtol=0.01,
            hints=("Find c from any of the three lines.",),
            mistakes=(
                Mistake(
                    "rate and batch both changed",
                    "Each question changes one of the two and keeps the other.",
                    {"[target * 8 / c, c * 0.1 / target]": "[target * 32 / c, c * 0.05 / target]"},
                ),
                Mistake(
                    "root of the batch",
                    "The floor falls with B, not with √B.",
                    {"c * 0.1 / target": "(c * 0.1 / target) ** 2"},
                ),
                Mistake(
                    "quotient upside down",
                    "A lower floor needs a smaller rate and a larger batch.",
                    {"target * 8 / c": "c / (target * 8)", "c * 0.1 / target": "target / (c * 0.1)"},
                ),
                Mistake(
                    "order exchanged",
                    "First the rate, then the batch.",
                    {"[target * 8 / c, c * 0.1 / target]": "[c * 0.1 / target, target * 8 / c]"},
                ),
            ),
            equivalents=(
                """
                ratio = target / floors[0.05, 8]
                choices = (0.05 * ratio, 4 / ratio * 4)
                """,
                "choices = np.array([0.1 * target / floors[0.1, 8], 32 * floors[0.1, 32] / target])",
            ),
        ),
        Problem(
            name="ends",
            answer="ends",
            hints=("First the edge, 2/10; then ask whether there is noise.",),
            mistakes=(
                Mistake(
                    "edge at 1/λ",
                    "Between 1/λ and 2/λ the run changes side at each step and comes to rest all the same.",
                    {"eta * 10 > 2": "eta * 10 > 1"},
                ),
                Mistake(
                    "a constant rate always trembles",
                    "Without noise a constant rate below the edge comes to rest. Decay is a cure for noise.",
                    {'"trembles" if sigma > 0 else "rests"': '"trembles"'},
                ),
                Mistake(
                    "noise overlooked",
                    "With noise at the minimum a constant rate never comes to rest.",
                    {'"trembles" if sigma > 0 else "rests"': '"rests"'},
                ),
                Mistake(
                    "divergence overlooked",
                    "Above the edge the run diverges, with noise or without.",
                    {'"diverges" if eta * 10 > 2 else ': ""},
                ),
            ),
            equivalents=(
                """
                eta = np.array([run[0] for run in made_of])
                noisy = np.array([run[2] > 0 for run in made_of])
                ends = np.where(eta > 0.2, "diverges", np.where(noisy, "trembles", "rests")).tolist()
                """,
                """
                def end(eta, batch, sigma):
                    x, rng = 1.0, np.random.default_rng(0)
                    for _ in range(2000):
                        x = x - eta * (10 * x + sigma / batch**0.5 * rng.normal())
                        if abs(x) > 1e6:
                            return "diverges"
                    return "trembles" if abs(x) > 1e-9 else "rests"

                ends = tuple(end(*run) for run in made_of)
                """,
            ),
        ),
        Problem(
            name="accumulated",
            answer="accumulated",
            inputs=accumulated,
            cases=12,
            hints=(
                "Each piece's mean stands for as many rows as the piece has.",
                "Divide by the number of all rows, once.",
            ),
            mistakes=(
                Mistake(
                    "sum of the means",
                    "k pieces make the step k times as long, as if the rate were k times as large.",
                    {"len(piece) * gradient_of": "gradient_of", " / len(rows)": ""},
                ),
                Mistake(
                    "plain mean of the means",
                    "A shorter piece then weighs as much as a longer one. Weigh each with its number of rows.",
                    {"len(piece) * gradient_of": "gradient_of", "/ len(rows)": "/ pieces"},
                ),
                Mistake(
                    "a step after every piece",
                    "Accumulation makes one step from all gradients, which are all taken at the same θ.",
                    """
                    def accumulated(gradient_of, theta, rows, pieces, eta):
                        for piece in np.array_split(rows, pieces):
                            theta = theta - eta * len(piece) / len(rows) * gradient_of(theta, piece)
                        return theta
                    """,
                ),
                Mistake(
                    "only the last piece",
                    "The gradient of the piece before was overwritten. Add up.",
                    {"total = total + len(piece)": "total = len(rows) / len(piece) * len(piece)"},
                ),
                Mistake(
                    "not divided",
                    "The weighted sum over B rows is B times the mean.",
                    {" / len(rows)": ""},
                ),
            ),
            equivalents=(
                """
                def accumulated(gradient_of, theta, rows, pieces, eta):
                    parts = np.array_split(rows, pieces)
                    weights = [len(part) for part in parts]
                    return theta - eta * np.average([gradient_of(theta, p) for p in parts], axis=0, weights=weights)
                """,
                """
                def accumulated(gradient_of, theta, rows, pieces, eta):
                    return (theta - eta * np.asarray(gradient_of(theta, rows))).tolist()
                """,
            ),
        ),
        Problem(
            name="below-floor",
            answer="below_floor",
            inputs=below_floor,
            hints=(
                "points[start + 1 :] are the points after the first `start` steps.",
                "Mean of squares, then square of the mean.",
            ),
            mistakes=(
                Mistake(
                    "start counted one short",
                    "points[0] is the point before the first step, so after t₀ steps the first one that counts is "
                    "t₀ + 1.",
                    {"start + 1 :": "start:"},
                ),
                Mistake(
                    "all points averaged",
                    "The way there does not belong to the cloud; it drags the mean along.",
                    {"points[start + 1 :]": "points[1:]"},
                ),
                Mistake(
                    "averaged over the coordinates",
                    "The mean goes over the steps: axis 0.",
                    {"late.mean(axis=0)": "late.mean()"},
                ),
                Mistake(
                    "distances, not their squares",
                    "The factor compares squared distances.",
                    {"single / np.sum((average - minimum) ** 2)": "(single / np.sum((average - minimum) ** 2)) ** 0.5"},
                ),
                Mistake(
                    "mean of the distances",
                    "Square each distance, then take the mean: the square of the mean is less than the mean square.",
                    {"np.sum((late - minimum) ** 2, axis=1))": "np.linalg.norm(late - minimum, axis=1)) ** 2"},
                ),
                Mistake(
                    "quotient upside down",
                    "How much nearer: the single points' squared distance over that of the average.",
                    {"single / np.sum((average - minimum) ** 2)": "np.sum((average - minimum) ** 2) / single"},
                ),
                Mistake(
                    "minimum forgotten",
                    "Distances are measured from the minimum, not from zero.",
                    {" - minimum": ""},
                ),
            ),
            equivalents=(
                """
                def below_floor(points, start, minimum):
                    total, squares, count = 0.0, 0.0, 0
                    for t in range(start + 1, len(points)):
                        total = total + points[t]
                        squares += float((points[t] - minimum) @ (points[t] - minimum))
                        count += 1
                    average = total / count
                    return average, squares / count / float((average - minimum) @ (average - minimum))
                """,
                {
                    "np.mean(np.sum((late - minimum) ** 2, axis=1))": "np.linalg.norm(late - minimum) ** 2 / len(late)",
                    "late.mean(axis=0)": "late.sum(axis=0) / (len(points) - 1 - start)",
                },
            ),
        ),
    ),
)
