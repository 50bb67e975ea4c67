"""Decay schedules: step, cosine, exponential, what compounds, and the best schedule for a noisy bowl."""

from typing import Any

import numpy as np
from numpy.random import Generator

from exercises.grader import Mistake, Problem, Rubric


def constants(rng: Generator) -> dict[str, Any]:
    """New rates and tables."""
    lr, t = float(rng.choice([0.2, 0.4, 0.6, 0.8])), np.arange(9)
    tables = [
        lr * 0.5 ** (t // int(rng.integers(3, 5))),
        lr * (1 - t / 8),
        lr * rng.uniform(0.6, 0.9) ** t,
        lr / (1 + rng.uniform(0.5, 1.5) * t),
        lr * (1 + np.cos(np.pi * t / 8)) / 2,
    ]
    order = rng.permutation(5)
    named = {f"table_{letter}": tables[i].round(10).tolist() for letter, i in zip("abcde", order, strict=True)}
    first = float(rng.choice([0.1, 0.2, 0.4, 0.5]))
    return {
        "first_rate": first,
        "last_rate": round(first / float(rng.choice([50, 100, 200])), 6),
        "run_length": int(rng.choice([100, 150, 200, 300])),
        **named,
    }


def step_decay(rng: Generator) -> tuple[Any, ...]:
    every = int(rng.integers(3, 12))
    t = rng.integers(0, 5 * every, size=[(), (6,)][rng.integers(2)])
    return np.asarray(t) if np.ndim(t) else int(t), rng.uniform(0.05, 1), rng.uniform(0.3, 0.9), every


def cosine(rng: Generator) -> tuple[Any, ...]:
    steps, lr = int(rng.integers(20, 200)), rng.uniform(0.3, 1)
    return rng.uniform(0, 1.8 * steps, size=[(), (6,)][rng.integers(2)]), lr, steps, rng.uniform(0.1, 0.8) * lr


def reach(rng: Generator) -> tuple[Any, ...]:
    return rng.uniform(0.05, 1), rng.uniform(0.5, 0.98), int(rng.integers(2, 30))


def polynomial(rng: Generator) -> tuple[Any, ...]:
    every = int(rng.integers(2, 6))
    return rng.uniform(0.05, 1), every * int(rng.integers(4, 8)), rng.uniform(0.4, 2.5), every


RUBRIC = Rubric(
    chapter="book/schedules/decay",
    constants=constants,
    problems=(
        Problem(
            name="step-decay",
            answer="step_decay",
            inputs=step_decay,
            cases=12,
            hints=(
                "How many drops have there been by step t? // rounds a quotient down.",
                "// works on a number and on an array; int(…) takes one number only.",
            ),
            mistakes=(
                Mistake(
                    "not rounded down",
                    "Without the floor the rate falls a little at every step: that is exponential decay.",
                    {"t // every": "t / every"},
                ),
                Mistake(
                    "rounded to the nearest",
                    "Rounded, the first drop comes after half a piece already. ⌊ ⌋ rounds down.",
                    {"t // every": "np.round(t / every)"},
                ),
                Mistake(
                    "drops one step late",
                    "The boundary belongs to the right: at t = s the new rate holds already.",
                    {"t // every": "(np.maximum(t, 1) - 1) // every"},
                ),
                Mistake(
                    "divided by γ",
                    "γ is below 1, so dividing by it makes the rate grow.",
                    {"lr * gamma **": "lr / gamma **"},
                ),
                Mistake(
                    "1 − γ in the place of γ",
                    "A factor of 0.9 shall leave nine tenths. With (1 − γ) it leaves one tenth: read off which one a "
                    "formula means.",
                    {"gamma **": "(1 - gamma) **"},
                ),
                Mistake(
                    "multiplied, not raised to a power",
                    "Each drop multiplies what the one before left: γ to the power of the number of drops.",
                    {"lr * gamma ** (t // every)": "lr * (1 - (1 - gamma) * (t // every))"},
                ),
            ),
            equivalents=(
                """
                def step_decay(t, lr, gamma, every):
                    return lr * np.exp(np.log(gamma) * np.floor(np.asarray(t) / every))
                """,
                """
                def step_decay(t, lr, gamma, every):
                    def at(step):
                        rate = lr
                        for _ in range(every, int(step) + 1, every):
                            rate *= gamma
                        return rate

                    return at(t) if np.ndim(t) == 0 else [at(step) for step in t]
                """,
            ),
        ),
        Problem(
            name="cosine",
            answer="cosine",
            inputs=cosine,
            cases=12,
            hints=("np.minimum works on numbers and on arrays.", "Hold the share t/T at 1, then use (2) as it is."),
            mistakes=(
                Mistake(
                    "climbs back past the horizon",
                    "The cosine turns round at T. Hold t at T first: a rate that comes back up at the end "
                    "undoes what the fall was for.",
                    {"np.minimum(t / steps, 1)": "t / steps"},
                ),
                Mistake(
                    "a full period",
                    "Half a period, from 0 to π, goes from the top to the bottom.",
                    {"np.pi * share": "2 * np.pi * share"},
                ),
                Mistake(
                    "floor forgotten",
                    "The range of the cosine is η₀ − η_min, and η_min stands below it.",
                    {"lr_min + 0.5 * (lr - lr_min)": "0.5 * lr"},
                ),
                Mistake(
                    "floor added to the full range",
                    "With η₀ in place of η₀ − η_min the first rate is η₀ + η_min.",
                    {"(lr - lr_min)": "lr"},
                ),
                Mistake(
                    "sine",
                    "1 + cos begins at 2 and ends at 0.",
                    {"np.cos": "np.sin"},
                ),
                Mistake(
                    "zero past the horizon",
                    "The last value holds, and that is η_min.",
                    {"return lr_min": "return (np.asarray(t) <= steps) * (lr_min", "share))": "share)))"},
                ),
            ),
            equivalents=(
                """
                def cosine(t, lr, steps, lr_min):
                    t = np.clip(np.asarray(t, dtype=np.float64), 0, steps)
                    return lr_min + (lr - lr_min) * np.cos(np.pi * t / steps / 2) ** 2
                """,
                {"np.minimum(t / steps, 1)": "np.where(np.asarray(t) < steps, t, steps) / steps"},
            ),
        ),
        Problem(
            name="factor",
            answer="factor",
            hints=("Take the T-th root of the quotient of the two rates.", "ln(1/2) / ln γ."),
            mistakes=(
                Mistake(
                    "the rate λ of e^{−λt}",
                    "That is −ln γ. The factor per step is γ = e^{−λ}.",
                    {"(last_rate / first_rate) ** (1 / run_length)": "np.log(first_rate / last_rate) / run_length"},
                ),
                Mistake(
                    "quotient upside down",
                    "The later rate is the smaller one, and the factor is below 1.",
                    {"last_rate / first_rate": "first_rate / last_rate"},
                ),
                Mistake(
                    "a line, not a power",
                    "An equal share of the difference at each step is linear decay.",
                    {"(last_rate / first_rate) ** (1 / run_length)": "1 - (first_rate - last_rate) / run_length"},
                ),
                Mistake(
                    "half of the run",
                    "The rate is halved many times in a run. How many steps one halving takes depends on γ alone.",
                    {"np.log(0.5) / np.log(gamma)": "run_length / 2"},
                ),
            ),
            equivalents=(
                """
                decay = np.log(first_rate / last_rate) / run_length
                factor = np.array([np.exp(-decay), np.log(2) / decay])
                """,
                {"np.log(0.5) / np.log(gamma)": "float(np.log2(0.5) / np.log2(gamma))"},
            ),
        ),
        Problem(
            name="reach",
            answer="reach",
            inputs=reach,
            hints=("The first of the rates is η₀ γ⁰ = η₀.", "For a long run γ^T in (4) tends to zero."),
            mistakes=(
                Mistake(
                    "one rate too many",
                    "The first T rates end with η₀ γ^{T−1}.",
                    {"gamma**steps": "gamma ** (steps + 1)"},
                ),
                Mistake(
                    "one rate too few",
                    "The first T rates are those of the steps 0 to T − 1, T of them.",
                    {"gamma**steps": "gamma ** (steps - 1)"},
                ),
                Mistake(
                    "counted from one",
                    "The steps are 0 to T − 1, so the first rate is η₀ itself, not η₀ γ.",
                    {"limit * (1 - gamma**steps)": "gamma * limit * (1 - gamma**steps)"},
                ),
                Mistake(
                    "last rate instead of the sum",
                    "η₀ γ^T is one rate. How far a run can go is the sum of all.",
                    {"limit * (1 - gamma**steps)": "lr * gamma**steps"},
                ),
                Mistake(
                    "limit forgotten",
                    "γ^T tends to zero, so the sum tends to η₀ / (1 − γ), which is finite.",
                    {", limit]": ", np.inf]"},
                ),
                Mistake(
                    "divided by γ",
                    "The sum of a geometric series has 1 − γ below the bar.",
                    {"lr / (1 - gamma)": "lr / gamma"},
                ),
            ),
            equivalents=(
                """
                def reach(lr, gamma, steps):
                    return np.array([np.sum(lr * gamma ** np.arange(steps)), lr / (1 - gamma)])
                """,
                """
                def reach(lr, gamma, steps):
                    total, rate = 0.0, lr
                    for _ in range(steps):
                        total += rate
                        rate *= gamma
                    return total, total + rate / (1 - gamma)
                """,
            ),
        ),
        Problem(
            name="polynomial",
            answer="polynomial",
            inputs=polynomial,
            hints=("Never overwrite lr.", "every * (t // every) is the first step of the piece that t lies in."),
            mistakes=(
                Mistake(
                    "still compounds",
                    "The rate is multiplied again at each change. Compute it from the first rate every time.",
                    """
                    def polynomial(lr, steps, power, every):
                        rates = []
                        for t in range(steps):
                            if t % every == 0:
                                lr = lr * (1 - t / steps) ** power
                            rates.append(lr)
                        return rates
                    """,
                ),
                Mistake(
                    "changes at every step",
                    "The rate changes every s steps only: use the first step of the piece, t₀.",
                    {"every * (t // every)": "t"},
                ),
                Mistake(
                    "counts pieces as steps",
                    "t // s is the number of the piece. Times s it is the step at which the piece begins.",
                    {"every * (t // every)": "t // every"},
                ),
                Mistake(
                    "power forgotten",
                    "Without the power this is linear decay.",
                    {" ** power": ""},
                ),
                Mistake(
                    "one step early",
                    "At step t the share that is left is 1 − t₀/T; the first rate is η₀.",
                    {"every * (t // every)": "every * (t // every + 1)"},
                ),
            ),
            equivalents=(
                """
                def polynomial(lr, steps, power, every):
                    t = np.arange(steps)
                    return lr * (1 - (t - t % every) / steps) ** power
                """,
                """
                def polynomial(lr, steps, power, every):
                    rates, first = [], lr
                    for t in range(steps):
                        if t % every == 0:
                            lr = first * ((steps - t) / steps) ** power
                        rates.append(np.float64(lr))
                    return tuple(rates)
                """,
            ),
        ),
        Problem(
            name="families",
            answer="families",
            hints=("Constant differences: a line. Constant quotients: exponential.", "Look at 1/η too."),
            mistakes=(
                Mistake(
                    "linear and exponential exchanged",
                    "A line loses the same amount at each step, an exponential the same share.",
                    {'"linear")': '"x")', '"exponential")': '"linear")', '"x")': '"exponential")'},
                ),
                Mistake(
                    "inverse time taken for exponential",
                    "Its quotients are not constant: it falls fast at first and hardly at the end. The differences of "
                    "1/η are constant.",
                    {'"inverse time")': '"exponential")'},
                ),
                Mistake(
                    "cosine taken for a line",
                    "Its differences are small at both ends and large in the middle.",
                    {'"cosine")': '"linear")'},
                ),
                Mistake(
                    "cosine and inverse time exchanged",
                    "The cosine ends at zero; one over time never does.",
                    {'"inverse time")': '"x")', '"cosine")': '"inverse time")', '"x")': '"cosine")'},
                ),
            ),
            equivalents=(
                """
                def family(rates):
                    r = np.array(rates)
                    tests = {
                        "step": np.any(np.diff(r) == 0),
                        "linear": np.ptp(np.diff(r)) < 1e-6,
                        "exponential": r[-1] > 1e-6 and np.ptp(r[1:] / r[:-1]) < 1e-6,
                        "inverse time": r[-1] > 1e-6 and np.ptp(np.diff(1 / r)) < 1e-4,
                        "cosine": True,
                    }
                    return next(name for name, holds in tests.items() if holds)

                families = [family(table) for table in (table_a, table_b, table_c, table_d, table_e)]
                """,
                """
                families = []
                for table in (table_a, table_b, table_c, table_d, table_e):
                    middle, end = table[4] / table[0], table[8] / table[0]
                    if table[0] == table[1]:
                        families.append("step")
                    elif end < 1e-9:
                        families.append("linear" if abs(table[1] / table[0] - 0.875) < 1e-6 else "cosine")
                    else:
                        families.append("exponential" if abs(middle**2 - end) < 1e-6 else "inverse time")
                families = tuple(families)
                """,
            ),
        ),
        Problem(
            name="best-schedule",
            answer="rates",
            measure="noisy_end",
            thresholds={0.006: 1, 0.0035: 3, 0.0026: 4},
            hints=(
                "Which rate is the largest that the steep direction bears? Begin near it.",
                "Let the rate fall to nearly zero by the end. A line or a cosine comes to about 0.003.",
                "The best rate falls fast at first, then slowly, like 1/t. Which power of 1 − t/T bends so?",
            ),
            mistakes=(
                Mistake(
                    "a constant rate",
                    "A constant rate has a noise floor. The large rates of the start must become small ones.",
                    "rates = [0.025] * 200",
                    when=lambda rates: np.ptp(rates) == 0,
                ),
                Mistake(
                    "above the edge",
                    "The steep direction bears no rate above 2/20.",
                    "rates = [0.15 * (1 - t / 200) for t in range(200)]",
                    when=lambda rates: np.max(rates) > 0.1,
                ),
                Mistake(
                    "small before it has arrived",
                    "The rates of a fast decay add up to little: along the flat direction the run freezes on its way.",
                    "rates = [0.09 * 0.9**t for t in range(200)]",
                    when=lambda rates: np.sum(rates) < 3,
                ),
                Mistake(
                    "large at the end",
                    "The last steps set the noise floor. Let the last rates be small.",
                    "rates = [0.09 / (1 + t / 200) for t in range(200)]",
                    when=lambda rates: np.mean(np.asarray(rates)[-20:]) > 0.01,
                ),
            ),
            equivalents=(
                "rates = 0.095 * (1 - np.arange(200) / 200) ** 2.1",
                "rates = tuple(0.1 if t < 55 else 0.1 / (1 + (t - 55) / 9) for t in range(200))",
            ),
        ),
    ),
)
