"""What the letters of each printed formula stand for, so that `tests.tex` can compute it beside the code."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lrlab.optimizers import GradientDescent, orthogonalize
from lrlab.schedules import Cosine
from tests import tex

Values = dict[str, Any]
Lines = list[tuple[str, str]]

#: Formulas that the tests do not read, with the reason. Their code has other oracles: tests/matrix.py, tests/papers.py.
UNREAD = {
    "Join": "says which piece holds where, not how to compute it",
    "MultiStep": "counts the elements of a set",
    "RandomLogUniform": "has random draws in it",
    "as_schedule": "prints none",
    "AnySchedule": "prints none",
    "Schedule": "prints none",
    "Method": "prints none",
    "orthogonalize": "multiplies matrices",
    "PolyakAverage": "sums over a range that starts anywhere",
}


@dataclass(frozen=True)
class Formula:
    """A schedule or a rule with settings, and its letters.

    Attributes
    ----------
    settings : dict
        The arguments of the class in lrlab.
    letters : dict
        The value of each printed letter. What ends in ``_t`` and is not given is a state that starts at zero.
    until : int
        The last step at which the formula of a schedule holds.
    more : callable
        Further values from the lines of the formula, for step ``t``.
    above : str
        The rule whose lines, all but the last, stand above this one's: "m̂ and v̂ of Adam".
    below : str
        The rule that goes on with the gradient that this one makes.
    output : str
        The letter of the parameters, if not θ.
    judged : bool
        The formula gives the point to judge, ``eval_params``, made from the moving point θ.
    shape : tuple
        Of the parameters.
    undampened : dict
        Letters that have another value at the first step.
    optional : dict
        Letters that a chapter may leave out, and the setting that is at its default then.
    """

    settings: Values
    letters: Values
    until: int = 200
    more: Callable[[Lines, Values, Any], Values] | None = None
    above: str = ""
    below: str = ""
    output: str = r"\theta"
    judged: bool = False
    shape: tuple[int, ...] = (5,)
    undampened: Values = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)

    def arguments(self, printed: str) -> Values:
        """The settings that go with a print: one whose letter is left out of it has its default."""
        left_out = {setting for letter, setting in self.optional.items() if letter not in printed}
        return {name: value for name, value in self.settings.items() if name not in left_out}


def _cycles(lines: Lines, values: Values, t: Any) -> Values:
    """The cycle that each step is in: its start and its length."""
    starts = np.cumsum([0, *(values["T_0"] * values["m"] ** i for i in range(10))])
    i = np.searchsorted(starts, t, side="right") - 1
    return {"t_i": starts[i], "T_i": values["T_0"] * values["m"] ** i}


def _products(lines: Lines, values: Values, t: Any) -> Values:
    r"""NAdam's :math:`\mu` and its product at the two steps that the rule looks at, from the printed line for it."""
    printed = dict(lines)[r"\mu_t"]
    mu = [float(tex.value(printed, {**values, "t": float(k)})) for k in range(1, t + 3)]
    product = np.cumprod(mu)
    return {r"\mu_{t+1}": mu[t], r"\mu_{t+2}": mu[t + 1], "P_{t+1}": product[t], "P_{t+2}": product[t + 1]}


def _anneal(a: Any, b: Any, x: Any) -> Any:
    return b + (a - b) * (1 + np.cos(np.pi * x)) / 2


ADAM: Values = {r"\beta_1": 0.8, r"\beta_2": 0.95, r"\epsilon": 1e-3}
BETAS: Values = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3}
DECAY = {**BETAS, "weight_decay": 0.2}
INNER = Cosine(lr=0.3, steps=100)


def _inner(t: Any) -> Any:
    """The schedule inside; in the rows of a case that do not hold it is asked for steps before its start."""
    return INNER(np.maximum(t, 0))


FORMULAS: dict[str, Formula] = {
    "Constant": Formula({"lr": 0.3}, {r"\eta_0": 0.3}),
    "StepDecay": Formula({"lr": 0.3, "gamma": 0.7, "every": 7}, {r"\eta_0": 0.3, r"\gamma": 0.7, "s": 7}),
    "Exponential": Formula({"lr": 0.3, "rate": 0.02}, {r"\eta_0": 0.3, "k": 0.02, r"\gamma": np.exp(-0.02)}),
    "Linear": Formula({"lr": 0.3, "steps": 90, "lr_min": 0.1}, {r"\eta_0": 0.3, r"\eta_\min": 0.1, "T": 90}, 90),
    "Polynomial": Formula(
        {"lr": 0.3, "steps": 90, "power": 1.7, "lr_min": 0.1},
        {r"\eta_0": 0.3, r"\eta_\min": 0.1, "T": 90, "p": 1.7},
        90,
    ),
    "Cosine": Formula({"lr": 0.3, "steps": 90, "lr_min": 0.1}, {r"\eta_0": 0.3, r"\eta_\min": 0.1, "T": 90}, 90),
    "CosineRestarts": Formula(
        {"lr": 0.3, "steps": 7, "multiplier": 2, "lr_min": 0.1},
        {r"\eta_0": 0.3, r"\eta_\min": 0.1, "T_0": 7, "m": 2},
        more=_cycles,
    ),
    "InverseTime": Formula({"lr": 0.3, "scale": 11.0}, {r"\eta_0": 0.3, r"\tau": 11.0}),
    "InversePower": Formula({"lr": 0.3, "scale": 11.0, "power": 0.6}, {r"\eta_0": 0.3, r"\tau": 11.0, "p": 0.6}),
    "InverseSqrt": Formula({"lr": 0.3, "warmup": 20}, {r"\eta_0": 0.3, "w": 20}),
    "Triangular": Formula(
        {"lr_min": 0.1, "lr_max": 0.3, "half_cycle": 9}, {r"\eta_\min": 0.1, r"\eta_\max": 0.3, "h": 9}
    ),
    "OneCycle": Formula(
        {"lr_max": 0.3, "steps": 100, "pct_start": 0.3, "div_factor": 20.0, "final_div_factor": 50.0},
        {r"\eta_\max": 0.3, "T": 100, "t_p": 29, r"\delta": 20.0, r"\phi": 50.0, "A": _anneal},
        99,
    ),
    "WarmupStableDecay": Formula(
        {"lr": 0.3, "warmup": 10, "stable": 20, "decay": 30, "lr_min": 0.1},
        {r"\eta_0": 0.3, r"\eta_\min": 0.1, "w": 10, "s": 20, "d": 30},
        60,
    ),
    "Warmup": Formula({"schedule": INNER, "steps": 10}, {"s": _inner, "n": 10}),
    "Clip": Formula(
        {"schedule": INNER, "lr_min": 0.1, "lr_max": 0.2}, {"s": INNER, r"\eta_\min": 0.1, r"\eta_\max": 0.2}
    ),
    "Scale": Formula({"schedule": INNER, "factor": 0.7}, {"s": INNER, "c": 0.7}),
    "GradientDescent": Formula({}, {}),
    "HeavyBall": Formula(
        {"momentum": 0.8, "dampening": 0.3},
        {r"\beta": 0.8, r"\tau": 0.3},
        undampened={r"\tau": 0.0},
        optional={r"\tau": "dampening"},
    ),
    "Nesterov": Formula({"momentum": 0.8}, {r"\beta": 0.8}),
    "AdaGrad": Formula({"eps": 1e-3}, {r"\epsilon": 1e-3}),
    "RMSProp": Formula(
        {"decay": 0.9, "centered": True, "momentum": 0.7, "eps": 1e-3},
        {r"\rho": 0.9, r"\beta": 0.7, r"\epsilon": 1e-3},
        optional={"m_{t+1}": "centered", r"\beta": "momentum"},
    ),
    "Adadelta": Formula({"decay": 0.9, "eps": 1e-3}, {r"\rho": 0.9, r"\epsilon": 1e-3}),
    "Adam": Formula(BETAS, ADAM),
    "AdamW": Formula(DECAY, {**ADAM, r"\lambda": 0.2}, above="Adam"),
    "NAdam": Formula({**BETAS, "momentum_decay": 0.05}, {**ADAM, r"\psi": 0.05}, more=_products),
    "RAdam": Formula(BETAS, ADAM),
    "Adamax": Formula(BETAS, ADAM),
    "Lion": Formula(
        {"beta1": 0.8, "beta2": 0.95, "weight_decay": 0.2},
        {r"\beta_1": 0.8, r"\beta_2": 0.95, r"\lambda": 0.2},
        optional={r"\lambda": "weight_decay"},
    ),
    "LARS": Formula(
        {"momentum": 0.8, "weight_decay": 0.2, "trust": 0.1},
        {r"\beta": 0.8, r"\lambda": 0.2, r"\kappa": 0.1},
        optional={r"\lambda": "weight_decay"},
    ),
    "LAMB": Formula(DECAY, {**ADAM, r"\lambda": 0.2}, above="Adam"),
    "Muon": Formula(
        {"momentum": 0.8, "weight_decay": 0.2},
        {r"\beta": 0.8, r"\lambda": 0.2, "m": 4, "n": 3, r"\mathrm{orthogonalize}": orthogonalize},
        output=r"\Theta",
        shape=(4, 3),
        optional={r"\lambda": "weight_decay"},
    ),
    "ScheduleFreeSGD": Formula({"beta": 0.8}, {r"\beta": 0.8}, output="y"),
    "ScheduleFreeAdamW": Formula(DECAY, {**ADAM, r"\lambda": 0.2}, output="y", optional={r"\lambda": "weight_decay"}),
    "DAdaptSGD": Formula({"momentum": 0.8, "d0": 0.01}, {r"\beta": 0.8, "d_t": 0.01}),
    "Prodigy": Formula(
        {**DECAY, "d0": 0.01}, {**ADAM, r"\lambda": 0.2, "d_t": 0.01}, optional={r"\lambda": "weight_decay"}
    ),
    "L2": Formula({"method": GradientDescent(), "weight_decay": 0.2}, {r"\lambda": 0.2}, below="GradientDescent"),
    "EMA": Formula({"method": GradientDescent(), "decay": 0.9}, {r"\rho": 0.9}, output=r"\bar{\theta}", judged=True),
}

#: Rules for the rate, as the chapter on them prints them: one form each. The docstrings print several at once.
RATES: dict[str, Formula] = {
    "BoldDriver": Formula({"lr": 0.05, "grow": 1.1, "shrink": 0.6}, {r"\rho": 1.1, r"\sigma": 0.6}),
    "Armijo": Formula({"lr": 1.0, "c": 0.3, "shrink": 0.7}, {"c": 0.3}),
    "PolyakStep": Formula({"minimum": -0.2}, {r"L_\star": -0.2}),
    "BarzilaiBorwein": Formula({"lr": 0.02}, {}),
    "Hypergradient": Formula({"lr": 0.02, "hyper_lr": 1e-4}, {r"\kappa": 1e-4}),
}
