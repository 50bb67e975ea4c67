"""Momentum: heavy ball, Nesterov, effective rates, the spectral radius."""

from typing import Any

from numpy.random import Generator

from exercises.grader import Expression, Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New rates, momenta, settings and swing."""
    b = rng.uniform(0.3, 0.7, 5)
    kinds = [
        (0.9 * (1 - b[0] ** 0.5) ** 2, b[0]),  # creeps
        ((1 - b[1] ** 0.5) ** 2 + 0.6 * ((1 - b[1]) ** 2 - (1 - b[1] ** 0.5) ** 2), b[1]),  # swings
        ((1 + b[2] ** 0.5) ** 2 + 0.5 * (2 * (1 + b[2]) - (1 + b[2] ** 0.5) ** 2), b[2]),  # jumps
        (2.2 * (1 + b[3]), b[3]),  # diverges
        (2 + 0.5 * ((1 + b[4] ** 0.5) ** 2 - 2), b[4]),  # swings
    ]
    product, momentum, x = rng.uniform(0.2, 0.8), rng.uniform(0.5, 0.9), [rng.uniform(4, 10)]
    x.append((1 - product) * x[0])
    for _ in range(6):
        x.append((1 + momentum - product) * x[-1] - momentum * x[-2])
    return {
        "old_rate": float(rng.choice([0.05, 0.1, 0.2, 0.4])),
        "new_momentum": float(rng.choice([0.8, 0.9, 0.95])),
        "average_rate": float(rng.choice([0.02, 0.03, 0.06])),
        "settings": [(float(f"{e:.3g}"), float(f"{m:.2f}")) for e, m in (kinds[i] for i in rng.permutation(5))],
        "ball": [float(f"{point:.8g}") for point in x],
    }


def step(rng: Generator) -> tuple[Any, ...]:
    shape = [(), (3,), (2, 2)][rng.integers(3)]
    return *(rng.normal(size=shape) for _ in range(3)), rng.uniform(0.05, 0.9), rng.uniform(0.3, 0.95)


def radius(rng: Generator) -> tuple[Any, ...]:
    beta, curvature = rng.uniform(0.1, 0.9), rng.uniform(0.5, 3)
    creeping = (1 - beta**0.5) ** 2
    product = rng.uniform(0.2, 0.9) * creeping if rng.uniform() < 0.4 else rng.uniform(creeping, 2.5 * (1 + beta))
    return product / curvature, beta, curvature


def descend(rng: Generator) -> tuple[Any, ...]:
    slope = Expression(f"lambda w: {rng.uniform(0.5, 2):.3f} * w + {rng.uniform(0.01, 0.1):.3f} * w**3")
    return slope, rng.uniform(1, 3), rng.uniform(0.05, 0.3), rng.uniform(0.3, 0.9), int(rng.integers(3, 8))


RUBRIC = Rubric(
    chapter="book/methods/momentum",
    constants=constants,
    problems=(
        Problem(
            name="heavy-ball",
            answer="heavy_ball",
            inputs=step,
            hints=("Two lines: first the velocity, then the point.", "The gradient is added whole."),
            mistakes=(
                Mistake(
                    "average instead of sum",
                    "With (1 − β) g the velocity is an average, and the same rate moves 1/(1 − β) times less. "
                    "Libraries differ here; equation (1) adds the whole gradient.",
                    {"+ grad": "+ (1 - beta) * grad"},
                ),
                Mistake(
                    "the old velocity moves the point",
                    "First the velocity, then the step with the new one. With the old one every gradient acts one step "
                    "late.",
                    """
                    def heavy_ball(theta, velocity, grad, eta, beta):
                        return [theta - eta * velocity, beta * velocity + grad]
                    """,
                ),
                Mistake(
                    "rate inside the velocity",
                    "With the rate in the sum, a change of the rate acts late: old steps go on with the old rate. "
                    "Equation (1) keeps it outside.",
                    {"+ grad": "+ eta * grad", "theta - eta * velocity": "theta - velocity"},
                ),
                Mistake(
                    "rate in the place of β",
                    "The rate as the decay factor leaves next to no memory. A tutorial on the web has this error.",
                    {"beta * velocity": "eta * velocity"},
                ),
                Mistake(
                    "sign flipped",
                    "The step goes against the velocity, which is a sum of gradients.",
                    {"theta - eta": "theta + eta"},
                ),
                Mistake(
                    "velocity not decayed",
                    "Without β the velocity never forgets, and the ball never comes to rest.",
                    {"beta * velocity": "velocity"},
                ),
            ),
            equivalents=(
                """
                def heavy_ball(theta, velocity, grad, eta, beta):
                    kept = np.multiply(beta, velocity)
                    return theta - eta * kept - eta * np.asarray(grad), kept + grad
                """,
                {"theta - eta * velocity, velocity": "np.subtract(theta, eta * velocity).tolist(), velocity"},
            ),
        ),
        Problem(
            name="nesterov",
            answer="nesterov",
            inputs=step,
            hints=(
                "The velocity is the one of problem 1.",
                "The step sees the gradient twice: g, and β times the v that holds it.",
            ),
            mistakes=(
                Mistake(
                    "heavy ball",
                    "This is the step of equation (1): g + β v with the old v is just the new v. Nesterov's looks one "
                    "velocity ahead, so the bracket holds the new one.",
                    {"(grad + beta * velocity)": "velocity"},
                ),
                Mistake(
                    "β before the gradient",
                    "The gradient counts in full, and the velocity β times. With the old velocity in place of the new "
                    "one, g + β v would just be heavy ball.",
                    {"grad + beta * velocity)": "beta * grad + velocity)"},
                ),
                Mistake(
                    "β missing before the velocity",
                    "Without β the step is g + v: the gradient counts twice in full.",
                    {"grad + beta * velocity)": "grad + velocity)"},
                ),
                Mistake(
                    "gradient missing",
                    "β v alone leaves out the part that makes it Nesterov's: the present gradient in full.",
                    {"(grad + beta * velocity)": "(beta * velocity)"},
                ),
                Mistake(
                    "average instead of sum",
                    "The velocity adds the whole gradient, as in equation (1).",
                    {"beta * velocity + grad": "beta * velocity + (1 - beta) * grad"},
                ),
            ),
            equivalents=(
                """
                def nesterov(theta, velocity, grad, eta, beta):
                    new = beta * velocity + grad
                    return theta - eta * (1 + beta) * grad - eta * beta**2 * velocity, new
                """,
                """
                def nesterov(theta, velocity, grad, eta, beta):
                    behind = theta + eta * beta * velocity
                    new = np.float64(beta) * velocity + grad
                    behind = behind - eta * new
                    return [behind - eta * beta * new, new]
                """,
            ),
        ),
        Problem(
            name="same-speed",
            answer="same_speed",
            hints=("With constant gradients the sum in (1) becomes g / (1 − β), the average becomes g.",),
            mistakes=(
                Mistake(
                    "divided instead of multiplied",
                    "Momentum makes steps longer, so the rate must become smaller: times 1 − β.",
                    {"* (1 - new_momentum)": "/ (1 - new_momentum)"},
                ),
                Mistake(
                    "rates kept",
                    "With the same rate the steps become 1/(1 − β) times as long.",
                    {" * (1 - new_momentum)": ""},
                ),
                Mistake(
                    "second rate kept",
                    "An average of equal gradients is that gradient; the sum is 1/(1 − β) of them. The colleague's "
                    "rate must shrink too.",
                    {"average_rate * (1 - new_momentum)": "average_rate"},
                ),
                Mistake(
                    "second rate divided",
                    "From the average to the sum the steps become 1/(1 − β) times as long, so this rate shrinks too.",
                    {"average_rate * (1 - new_momentum)": "average_rate / (1 - new_momentum)"},
                ),
                Mistake(
                    "times β",
                    "What counts is how much is forgotten at each step, 1 − β.",
                    {"(1 - new_momentum)": "new_momentum"},
                ),
            ),
            equivalents=(
                "same_speed = (1 - new_momentum) * np.array([old_rate, average_rate])",
                """
                total = sum(new_momentum**i for i in range(10000))
                same_speed = (old_rate / total, average_rate / total)
                """,
            ),
        ),
        Problem(
            name="radius",
            answer="radius",
            inputs=radius,
            cases=16,
            hints=(
                "np.roots takes the coefficients of a polynomial; np.sqrt of a negative number needs + 0j.",
                "The modulus of a complex number is its abs. Compare the moduli: complex numbers have no order.",
            ),
            mistakes=(
                Mistake(
                    "the smaller root",
                    "The larger root is the one that is left in the end.",
                    {"max(abs": "min(abs"},
                ),
                Mistake(
                    "√β everywhere",
                    "Only complex roots have the modulus √β. For small and for large ηλ they are real.",
                    {"max(abs(middle + root), abs(middle - root))": "np.sqrt(beta)"},
                ),
                Mistake(
                    "plain descent's multiplier",
                    "|1 − ηλ| is the case without momentum.",
                    {"max(abs(middle + root), abs(middle - root))": "abs(1 - eta * curvature)"},
                ),
                Mistake(
                    "one root only",
                    "Where the middle is negative the other root is the larger one.",
                    {"max(abs(middle + root), abs(middle - root))": "abs(middle + root)"},
                ),
                Mistake(
                    "real part only",
                    "A complex number's size is its modulus, the root of the squares of both parts.",
                    {"abs(middle + root), abs(middle - root)": "abs((middle + root).real), abs((middle - root).real)"},
                ),
                Mistake(
                    "sign of β",
                    "The constant term of (4) is +β. With −β the roots are always real.",
                    {"middle**2 - beta": "middle**2 + beta"},
                ),
            ),
            equivalents=(
                {"max(abs(middle + root), abs(middle - root))": "np.abs(np.roots([1, -2 * middle, beta])).max()"},
                """
                def radius(eta, beta, curvature):
                    matrix = np.array([[1 + beta - eta * curvature, -beta], [1, 0]])
                    return float(max(abs(value) for value in np.linalg.eigvals(matrix)))
                """,
            ),
        ),
        Problem(
            name="fates",
            answer="fates",
            hints=("Check the edge 2 (1 + β) first, then the two ends of (5).",),
            mistakes=(
                Mistake(
                    "plain descent's edge",
                    "Momentum widens the stable range from 2 to 2 (1 + β).",
                    {"eta > 2 * (1 + beta)": "eta > 2"},
                ),
                Mistake(
                    "creeping taken for swinging",
                    "Below (1 − √β)² the roots are real and positive: no swing, however large the momentum.",
                    {'"creeps"': '"swings"'},
                ),
                Mistake(
                    "jumping taken for divergence",
                    "Between (1 + √β)² and 2 (1 + β) the run changes side at each step and still converges.",
                    {'"jumps"': '"diverges"'},
                ),
                Mistake(
                    "roots of β forgotten",
                    "The ends of (5) hold √β, not β.",
                    {"beta**0.5": "beta"},
                ),
            ),
            equivalents=(
                """
                fates = []
                for eta, beta in settings:
                    roots = np.roots([1, -(1 + beta - eta), beta])
                    last = roots[np.argmax(np.abs(roots))]
                    if abs(last) > 1:
                        fates.append("diverges")
                    elif abs(last.imag) > 1e-9:
                        fates.append("swings")
                    else:
                        fates.append("creeps" if last.real > 0 else "jumps")
                """,
                """
                def fate(eta, beta):
                    ends = [(1 - np.sqrt(beta)) ** 2, (1 + np.sqrt(beta)) ** 2, 2 * (1 + beta)]
                    if beta == 0:
                        ends[0] = 1.0
                    return ("creeps", "swings", "jumps", "diverges")[int(np.digitize(eta, ends))]

                fates = tuple(fate(*pair) for pair in settings)
                """,
            ),
        ),
        Problem(
            name="descend",
            answer="descend",
            inputs=descend,
            hints=("Three things change: the factor of the old step, the factor of the gradient, the sign.",),
            mistakes=(
                Mistake(
                    "rate in the place of μ",
                    "The factor of the old step is μ. With η there, a hundredth of it is kept.",
                    {"mu * delta": "eta * delta"},
                ),
                Mistake(
                    "gradient still divided by μ",
                    "Nothing divides the gradient; that only hides a larger rate.",
                    {"eta * slope(w)": "eta / mu * slope(w)"},
                ),
                Mistake(
                    "sign missing",
                    "Added with a plus, the gradient leads uphill.",
                    {"mu * delta - eta": "mu * delta + eta"},
                ),
                Mistake(
                    "no memory",
                    "The step is made anew each time: that is plain descent.",
                    {"mu * delta - eta": "-eta"},
                ),
                Mistake(
                    "average instead of sum",
                    "The gradient is multiplied by η alone.",
                    {"eta * slope(w)": "(1 - mu) * eta * slope(w)"},
                ),
                Mistake(
                    "start missing",
                    "The path begins with the start.",
                    {"path = [w]": "path = []"},
                ),
            ),
            equivalents=(
                """
                def descend(slope, start, eta, mu, steps):
                    path, velocity = [start], 0.0
                    while len(path) <= steps:
                        velocity = mu * velocity + slope(path[-1])
                        path.append(path[-1] - eta * velocity)
                    return np.array(path)
                """,
                """
                def descend(slope, start, eta, mu, steps):
                    path = [start, start - eta * slope(start)]
                    for t in range(1, steps):
                        path.append(path[t] - eta * slope(path[t]) + mu * (path[t] - path[t - 1]))
                    return path[: steps + 1]
                """,
            ),
        ),
        Problem(
            name="read-ball",
            answer="read_ball",
            rtol=0.01,
            hints=("The first step had no velocity: it is plain descent.", "Then solve (7) for β at t = 1."),
            mistakes=(
                Mistake(
                    "multiplier instead of ηλ",
                    "ball[1]/ball[0] is 1 − ηλ.",
                    {"read_ball = [product,": "read_ball = [1 - product,"},
                ),
                Mistake(
                    "β from the wrong side",
                    "β multiplies x_t − x_{t−1}, the step that was made; the other way round it is negative.",
                    {"(ball[1] - ball[0])": "(ball[0] - ball[1])"},
                ),
                Mistake(
                    "quotient of neighbors",
                    "A single quotient of points mixes ηλ and β. It changes from step to step.",
                    {"read_ball = [product, momentum]": "read_ball = [product, abs(ball[2] / ball[1])]"},
                ),
                Mistake(
                    "order exchanged",
                    "First ηλ, the product of rate and curvature, then β.",
                    {"[product, momentum]": "[momentum, product]"},
                ),
                Mistake(
                    "√β instead of β",
                    "The swing shrinks by √β per step, since the product of the two roots is β.",
                    {"read_ball = [product, momentum]": "read_ball = [product, momentum**0.5]"},
                ),
            ),
            equivalents=(
                """
                x = np.array(ball)
                a, b = np.linalg.lstsq(np.stack([x[1:-1], x[:-2]], 1), x[2:], rcond=None)[0]
                read_ball = np.array([1 - b - a, -b], dtype=np.float32)
                """,
                """
                matrix = [[ball[2], ball[1]], [ball[3], ball[2]]]
                a, b = np.linalg.solve(matrix, [ball[3], ball[4]])
                read_ball = (1 - a - b, -b)
                """,
            ),
        ),
    ),
)
