"""Adam and AdamW: corrected means, one step, the first step, decoupled decay and its time scale."""

from typing import Any

from numpy.random import Generator

from exercises.grader import Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New rates, slopes and curve."""
    beta2 = float(rng.choice([0.99, 0.995, 0.998, 0.999]))
    slopes = [rng.uniform(0.01, 0.1), -rng.uniform(5, 90), 0.0, 10 ** -rng.uniform(11, 13)]
    return {
        "rate": float(rng.choice([0.001, 0.002, 0.003])),
        "decay": float(rng.choice([0.05, 0.1, 0.2])),
        "keep": float(rng.choice([0.4, 0.6, 0.7])),
        "slopes": [float(f"{slope:.3g}") for slope in rng.permutation(slopes)],
        "rms_curve": [float(f"{(1 - beta2 ** (t + 1)) ** 0.5:.6g}") for t in range(5)],
    }


def corrected(rng: Generator) -> tuple[Any, ...]:
    return rng.normal(size=(int(rng.integers(2, 7)), 3)), rng.uniform(0.5, 0.95)


def adam(rng: Generator) -> tuple[Any, ...]:
    theta, grad, m = rng.normal(size=(3, 4))
    t = int(rng.integers(0, 6))
    betas = rng.uniform(0.5, 0.95), rng.uniform(0.6, 0.99)
    return theta, grad, m, rng.uniform(0.1, 2, 4), t, rng.uniform(0.01, 0.3), *betas, rng.uniform(0.1, 0.5)


def adamw(rng: Generator) -> tuple[Any, ...]:
    theta, step = rng.normal(size=(2, 5))
    decayed = rng.permutation([True, True, True, False, False])
    return theta, step, rng.uniform(0.05, 0.5), rng.uniform(0.1, 1), decayed


def moves(rng: Generator) -> tuple[Any, ...]:
    return rng.normal(size=int(rng.integers(3, 8))).tolist(), rng.uniform(0.01, 0.3), 0.8, rng.uniform(0.9, 0.99)


RUBRIC = Rubric(
    chapter="book/methods/adam",
    constants=constants,
    problems=(
        Problem(
            name="corrected",
            answer="corrected",
            inputs=corrected,
            hints=("First the plain running mean, in a loop; one division at the end.",),
            mistakes=(
                Mistake(
                    "not corrected",
                    "The mean started at zero and is too small by the factor 1 − β^{t+1}.",
                    {" / (1 - beta ** len(grads))": ""},
                ),
                Mistake(
                    "exponent one too small",
                    "After n gradients the weights add up to 1 − β^n. With n − 1 the first would divide by 0.",
                    {"beta ** len(grads)": "beta ** (len(grads) - 1)"},
                ),
                Mistake(
                    "corrected in every step",
                    "The correction is for reading the mean. Put back into the mean, it acts again and again.",
                    """
                    def corrected(grads, beta):
                        m = np.zeros_like(grads[0])
                        for t, grad in enumerate(grads):
                            m = (beta * m + (1 - beta) * grad) / (1 - beta ** (t + 1))
                        return m
                    """,
                ),
                Mistake(
                    "sum instead of mean",
                    "(1 − β) makes an average of it. Without it the gradients pile up as in heavy ball.",
                    {"(1 - beta) * grad": "grad"},
                ),
                Mistake(
                    "plain mean",
                    "A running mean gives recent gradients more weight; this one treats all alike.",
                    """
                    def corrected(grads, beta):
                        return np.mean(grads, axis=0)
                    """,
                ),
            ),
            equivalents=(
                """
                def corrected(grads, beta):
                    weights = beta ** np.arange(len(grads))[::-1]
                    return np.tensordot(weights / weights.sum(), grads, axes=1)
                """,
                """
                def corrected(grads, beta):
                    m, total = 0.0, 0.0
                    for grad in grads:
                        m, total = beta * m + grad, beta * total + 1
                    return m / total
                """,
            ),
        ),
        Problem(
            name="adam",
            answer="adam",
            inputs=adam,
            hints=(
                "Keep the moments uncorrected; correct copies of them.",
                "The root goes over v̂, and ε is added after.",
            ),
            mistakes=(
                Mistake(
                    "bias correction missing",
                    "Without it the first steps have a wrong size: m is a tenth, √v a thirtieth of what it stands for.",
                    {"m / (1 - beta1 ** (t + 1))": "m", "v / (1 - beta2 ** (t + 1))": "v"},
                ),
                Mistake(
                    "√v in the place of √v̂",
                    "Only the first moment is corrected. A tutorial prints it so; the first steps become far too long.",
                    {"v / (1 - beta2 ** (t + 1))": "v"},
                ),
                Mistake(
                    "ε inside the root",
                    "√(v̂ + ε) is another number: for ε = 1e-8 it acts like 1e-4 outside.",
                    {"(np.sqrt(v_hat) + eps)": "np.sqrt(v_hat + eps)"},
                ),
                Mistake(
                    "exponent one too small",
                    "At t = 0 one gradient has been seen: the exponent is t + 1.",
                    {"(t + 1)": "np.maximum(t, 1)"},
                ),
                Mistake(
                    "gradient not squared",
                    "The second moment averages squares.",
                    {"grad**2": "grad", "np.sqrt(v_hat)": "np.sqrt(np.abs(v_hat))"},
                ),
                Mistake(
                    "root forgotten",
                    "Divided by v̂, the step is in the wrong unit: small gradients would make huge steps.",
                    {"np.sqrt(v_hat)": "v_hat"},
                ),
                Mistake(
                    "corrected moments returned",
                    "The correction is for reading. Kept in the state it is applied again in the next step.",
                    {", m, v]": ", m_hat, v_hat]"},
                ),
                Mistake(
                    "β₁ and β₂ exchanged",
                    "β₁ is the memory of the gradient, β₂ that of its square.",
                    {
                        "beta1 * m + (1 - beta1)": "beta2 * m + (1 - beta2)",
                        "beta2 * v + (1 - beta2)": "beta1 * v + (1 - beta1)",
                    },
                ),
            ),
            equivalents=(
                """
                def adam(theta, grad, m, v, t, eta, beta1, beta2, eps):
                    new_m = m + (1 - beta1) * (grad - m)
                    new_v = v + (1 - beta2) * (np.square(grad) - v)
                    size = eta * np.sqrt(1 - beta2 ** (t + 1)) / (1 - beta1 ** (t + 1))
                    return theta - size * new_m / (np.sqrt(new_v) + eps * np.sqrt(1 - beta2 ** (t + 1))), new_m, new_v
                """,
                """
                def adam(theta, grad, m, v, t, eta, beta1, beta2, eps):
                    out = [[], [], []]
                    for p, g, a, b in zip(np.ravel(theta), np.ravel(grad), np.ravel(m), np.ravel(v)):
                        a, b = beta1 * a + (1 - beta1) * g, beta2 * b + (1 - beta2) * g * g
                        root = (b / (1 - beta2 ** (t + 1))) ** 0.5
                        for part, number in zip(out, (p - eta * a / (1 - beta1 ** (t + 1)) / (root + eps), a, b)):
                            part.append(float(number))
                    return [np.reshape(part, np.shape(theta)) for part in out]
                """,
            ),
        ),
        Problem(
            name="first-moves",
            answer="first_moves",
            rtol=0.01,
            atol=1e-12,
            hints=("m̂ = g and v̂ = g² at the first step.",),
            mistakes=(
                Mistake(
                    "sign of the gradient, whatever its size",
                    "A gradient far below ε makes hardly a step, and one of zero makes none.",
                    {"g / (abs(g) + 1e-8)": "(1 if g >= 0 else -1)"},
                ),
                Mistake(
                    "gradient descent",
                    "Adam does not multiply the gradient by the rate; it multiplies g/|g|.",
                    {"g / (abs(g) + 1e-8)": "g"},
                ),
                Mistake(
                    "uphill",
                    "The step goes against the gradient.",
                    {"-rate": "rate"},
                ),
                Mistake(
                    "without bias correction",
                    "(1 − β₁) g / √((1 − β₂) g²) is 3.2 for the usual β. The correction makes it 1.",
                    {"g / (abs(g) + 1e-8)": "0.1 * g / (0.001**0.5 * abs(g) + 1e-8)"},
                ),
            ),
            equivalents=(
                """
                g = np.array(slopes)
                first_moves = -rate * g / (np.sqrt(g**2) + 1e-8)
                """,
                """
                first_moves = []
                for g in slopes:
                    m, v = 0.1 * g / (1 - 0.9), 0.001 * g * g / (1 - 0.999)
                    first_moves.append(0.0 - rate * m / (v**0.5 + 1e-8))
                first_moves = tuple(first_moves)
                """,
            ),
        ),
        Problem(
            name="adamw",
            answer="adamw",
            inputs=adamw,
            hints=("An array of booleans times a number is that number where it is true, else 0.",),
            mistakes=(
                Mistake(
                    "rate missing in the decay",
                    "As in PyTorch, the decay is multiplied by the rate. Without it a decay of 0.1 takes a tenth of "
                    "every weight in each step.",
                    {"eta * weight_decay": "weight_decay"},
                ),
                Mistake(
                    "all parameters decayed",
                    "Biases and gains stay out: use `decayed`.",
                    {" * decayed": ""},
                ),
                Mistake(
                    "decay applied after the step",
                    "The parameters are shrunk first, then the step is taken off in full. Otherwise it shrinks too.",
                    {
                        "(1 - eta * weight_decay * decayed) * theta - step": (
                            "(1 - eta * weight_decay * decayed) * (theta - step)"
                        )
                    },
                ),
                Mistake(
                    "weights grow",
                    "Decay takes away: 1 − ηλ.",
                    {"(1 - eta": "(1 + eta"},
                ),
                Mistake(
                    "the wrong ones decayed",
                    "`decayed` is true where there is decay.",
                    {"* decayed": "* (1 - decayed)"},
                ),
                Mistake(
                    "applied twice",
                    "Once through the factor and once more as a term: the decay has doubled.",
                    {"- step": "- step - eta * weight_decay * decayed * theta"},
                ),
            ),
            equivalents=(
                """
                def adamw(theta, step, eta, weight_decay, decayed):
                    shrunk = np.where(decayed, theta - eta * weight_decay * theta, theta)
                    return shrunk - step
                """,
                """
                def adamw(theta, step, eta, weight_decay, decayed):
                    new = np.array(theta, copy=True)
                    new[np.asarray(decayed, dtype=bool)] *= 1 - eta * weight_decay
                    return list(new - step)
                """,
            ),
        ),
        Problem(
            name="time-scale",
            answer="time_scale",
            rtol=2e-3,
            hints=(
                "The logarithm turns the power into a product.",
                "A line over 2n steps adds up to as much as a constant over n.",
            ),
            mistakes=(
                Mistake(
                    "decay without the rate",
                    "One step shrinks a weight by 1 − ηλ: rate and decay only act together.",
                    {"np.log(1 - rate * decay)": "np.log(1 - decay)"},
                ),
                Mistake(
                    "1/(ηλ), whatever the share",
                    "After 1/(ηλ) steps e^{−1} = 0.37 is left. For another share multiply by its logarithm.",
                    {"np.log(keep) / np.log(1 - rate * decay)": "1 / (rate * decay)"},
                ),
                Mistake(
                    "a line as a constant",
                    "A rate that falls to zero adds up to half as much as one that stays.",
                    {"(2 * steps) / 2": "2 * steps"},
                ),
                Mistake(
                    "share lost instead of kept",
                    "The question is for what is left.",
                    {"np.log(keep)": "np.log(1 - keep)"},
                ),
            ),
            equivalents=(
                """
                n = -np.log(keep) / (rate * decay)
                line = rate * (1 - np.arange(int(2 * n)) / (2 * n))
                time_scale = (n, np.prod(1 - decay * line))
                """,
                """
                n = np.log(keep) / np.log1p(-rate * decay)
                time_scale = np.array([n, keep])
                """,
            ),
        ),
        Problem(
            name="moves",
            answer="moves",
            inputs=moves,
            hints=("Correct v as m is corrected.",),
            mistakes=(
                Mistake(
                    "√v still uncorrected",
                    "The root goes over v̂ = v / (1 − β₂^{t+1}). Without it the first moves are too long.",
                    {"v / (1 - beta2 ** (t + 1))": "v"},
                ),
                Mistake(
                    "m uncorrected",
                    "Both moments start at zero; both are corrected.",
                    {"m / (1 - beta1 ** (t + 1))": "m"},
                ),
                Mistake(
                    "β₁ corrects v",
                    "Each moment is corrected with its own β.",
                    {"1 - beta2 ** (t + 1)": "1 - beta1 ** (t + 1)"},
                ),
                Mistake(
                    "positions instead of moves",
                    "A move is what is taken off in one step. Don't add them up.",
                    {"return found": "return np.cumsum(found)"},
                ),
                Mistake(
                    "root forgotten",
                    "Divide by the root of v̂.",
                    {"np.sqrt(v_hat)": "v_hat"},
                ),
                Mistake(
                    "exponent t",
                    "At t = 0 one gradient has been seen.",
                    {"(t + 1)": "max(t, 1)"},
                ),
            ),
            equivalents=(
                """
                def moves(grads, eta, beta1=0.9, beta2=0.999):
                    out = []
                    for n in range(1, len(grads) + 1):
                        g = np.array(grads[:n])
                        w1, w2 = beta1 ** np.arange(n)[::-1], beta2 ** np.arange(n)[::-1]
                        out.append(eta * (w1 @ g / w1.sum()) / (np.sqrt(w2 @ g**2 / w2.sum()) + 1e-8))
                    return np.array(out)
                """,
                {
                    "np.sqrt(v_hat) + 1e-8": "v_hat**0.5 + 1e-8",
                    "return found": "print(len(found))\n    return tuple(found)",
                },
            ),
        ),
        Problem(
            name="read-beta",
            answer="read_beta",
            rtol=0.02,
            hints=("Square the first number: that is 1 − β₂.",),
            mistakes=(
                Mistake(
                    "root not undone",
                    "The curve holds √v. Square it first.",
                    {"rms_curve[0] ** 2": "rms_curve[0]"},
                ),
                Mistake(
                    "1 − β₂ instead of β₂",
                    "After one step v is 1 − β₂.",
                    {"1 - rms_curve[0] ** 2\n": "rms_curve[0] ** 2\n"},
                ),
                Mistake(
                    "memory of the root",
                    "How many gradients are remembered is 1/(1 − β₂); its root is something else.",
                    {"1 / (1 - beta2)": "1 / (1 - beta2) ** 0.5"},
                ),
                Mistake(
                    "read one step late",
                    "The first number belongs to t = 0, when one gradient has been seen.",
                    {"rms_curve[0] ** 2": "rms_curve[1] ** 2"},
                ),
            ),
            equivalents=(
                """
                v = np.array(rms_curve) ** 2
                b = np.mean((1 - v) ** (1 / np.arange(1, 6)))
                read_beta = (b, 1 / v[0])
                """,
                "read_beta = np.array([(1 - rms_curve[3] ** 2) ** 0.25, rms_curve[0] ** -2])",
            ),
        ),
    ),
)
