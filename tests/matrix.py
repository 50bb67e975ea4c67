"""Which implementation of a method agrees with which: each optimizer of lrlab beside torch, Keras, Optax, its paper.

``ROWS`` is data. The tests run every row and ask for the same path; a page of the book prints the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from lrlab import optimizers as ours
from lrlab.optimizers import Method

Settings = dict[str, Any]
Range = tuple[float, float] | list[Any]  # lowest and highest number, or a list of choices

BETA1: Range = (0.0, 0.99)
BETA2: Range = (0.5, 0.9999)
EPS: Range = (1e-8, 1e-3)
NO_EPS: Range = [1e-30]  # where the two put ε in different places, and agree without
DECAY: Range = (0.0, 0.3)
D0: Range = (1e-3, 1e-1)  # start - params loses the digits that a smaller estimate would need
VECTORS = ((3, 2), (4,))  # a layer of weights and one of biases
MATRICES = ((4, 2), (2, 3))
WIDE = ((2, 4), (3, 3))


@dataclass(frozen=True)
class Row:
    """One method in one other implementation, and what makes the two take the same path.

    Attributes
    ----------
    method : str
        Its name in lrlab.optimizers.
    library : str
        Where the other one is.
    name : str
        What it is called there; for a paper, the function in tests/papers.py.
    settings : dict
        What is drawn at random, and from where.
    ours : callable
        The settings as a method of lrlab.
    theirs : callable
        The settings as the other's arguments.
    when : str
        The condition for equal paths; "always" if there is none.
    note : str
        The convention: what a reader must know to carry numbers from one to the other.
    lr : (float, float)
        The rates are drawn from here, one for each step; a single one where ``constant_lr``.
    rate : callable
        The rate that ours needs for theirs: ``rate(lr, t, settings)``.
    fixed : bool
        Gradients that do not depend on the parameters: for a rule that blows rounding errors up.
    late : bool
        Start with a step counter so high that all corrections for the start are gone.
    """

    method: str
    library: Literal["torch", "keras", "optax", "paper"]
    name: str
    settings: dict[str, Range]
    theirs: Callable[[Settings], Settings] = dict
    ours: Callable[[Settings], Method] | None = None
    when: str = "always"
    note: str = ""
    lr: tuple[float, float] = (0.001, 0.3)
    constant_lr: bool = False
    rate: Callable[[float, int, Settings], float] | None = None
    shapes: tuple[tuple[int, ...], ...] = VECTORS
    fixed: bool = False
    late: bool = False

    def __str__(self) -> str:
        return f"{self.method}-{self.library}-{self.name}"

    def build(self, settings: Settings) -> Method:
        """The method of lrlab with these settings."""
        return self.ours(settings) if self.ours else getattr(ours, self.method)(**settings)


def _betas(h: Settings) -> Settings:
    return {"betas": (h["beta1"], h["beta2"]), **{k: v for k, v in h.items() if k not in ("beta1", "beta2")}}


def _keras(h: Settings) -> Settings:
    names = {"beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon", "decay": "rho"}
    return {names.get(name, name): value for name, value in h.items()}


def _optax(h: Settings) -> Settings:
    return {{"beta1": "b1", "beta2": "b2"}.get(name, name): value for name, value in h.items()}


INSIDE = "ε sits inside the root there, outside here"
UNCORRECTED = "ε sits beside the root of the uncorrected moment there, of the corrected one here"
RATE_INSIDE = "the velocity holds the rates there: after a change the old rate goes on acting"

LARGEST_RATE = "the weights are the largest rates so far, squared, one step ahead; the paper's are the rates, squared"

ADAM: dict[str, Range] = {"beta1": BETA1, "beta2": BETA2, "eps": EPS}
BARE: dict[str, Range] = {"beta1": BETA1, "beta2": BETA2, "eps": NO_EPS}

TORCH = [
    Row("GradientDescent", "torch", "SGD", {}),
    Row(
        "HeavyBall",
        "torch",
        "SGD",
        {"momentum": (0.01, 0.99), "dampening": (0.0, 1.0)},
        note="a running sum, started at the undampened gradient; the rate outside",
    ),
    Row(
        "Nesterov",
        "torch",
        "SGD",
        {"momentum": (0.01, 0.99)},
        lambda h: {**h, "nesterov": True},
        note="the gradient is taken at the look-ahead point, which is what the parameters are",
    ),
    Row(
        "AdaGrad",
        "torch",
        "Adagrad",
        {"eps": EPS, "initial": (0.0, 1.0)},
        lambda h: {"eps": h["eps"], "initial_accumulator_value": h["initial"]},
        note="ε outside the root",
    ),
    Row(
        "RMSProp",
        "torch",
        "RMSprop",
        {"decay": (0.5, 0.999), "eps": EPS, "momentum": (0.0, 0.95), "centered": [False, True]},
        lambda h: {**{k: v for k, v in h.items() if k != "decay"}, "alpha": h["decay"]},
        note="ε outside the root; no correction for the start; the rate outside the velocity",
    ),
    Row(
        "Adadelta",
        "torch",
        "Adadelta",
        {"decay": (0.5, 0.99), "eps": EPS},
        lambda h: {"rho": h["decay"], "eps": h["eps"]},
        note="ε inside both roots; the rate multiplies the paper's step",
        lr=(0.1, 1.0),
    ),
    Row(
        "Adam",
        "torch",
        "Adam",
        {**ADAM, "amsgrad": [False, True]},
        _betas,
        note="ε outside the root of the corrected moment; AMSGrad's maximum is of the uncorrected moment",
    ),
    Row(
        "AdamW",
        "torch",
        "AdamW",
        {**ADAM, "amsgrad": [False, True], "weight_decay": DECAY},
        _betas,
        note="the decay is multiplied by the rate",
    ),
    Row("NAdam", "torch", "NAdam", {**ADAM, "momentum_decay": (0.0, 1.0)}, _betas, note="the paper's growing momentum"),
    Row("RAdam", "torch", "RAdam", ADAM, _betas, note="adapts from ρ > 5; ε beside the root of the uncorrected moment"),
    Row("Adamax", "torch", "Adamax", ADAM, _betas, note="ε inside the maximum"),
    Row(
        "Muon",
        "torch",
        "Muon",
        {"momentum": (0.0, 0.99), "weight_decay": DECAY, "eps": NO_EPS},
        when="in float64 and without ε",
        note="computes in bfloat16; an average of gradients in the place of the sum, which changes ε only; "
        "scale √max(1, m/n)",
        lr=(0.001, 0.1),
        shapes=MATRICES,
        fixed=True,
    ),
    Row(
        "L2",
        "torch",
        "SGD",
        {"weight_decay": DECAY, "momentum": (0.01, 0.9)},
        ours=lambda h: ours.L2(ours.HeavyBall(h["momentum"]), h["weight_decay"]),
        note="`weight_decay` of SGD is added to the gradient",
    ),
    Row(
        "L2",
        "torch",
        "Adam",
        {**ADAM, "weight_decay": DECAY},
        _betas,
        lambda h: ours.L2(ours.Adam(h["beta1"], h["beta2"], h["eps"]), h["weight_decay"]),
        note="`weight_decay` of Adam is added to the gradient; that of AdamW is not",
    ),
    Row(
        "PolyakAverage",
        "torch",
        "ASGD",
        {"start": [0, 1, 7, 150, 300]},
        lambda h: {"lambd": 0, "alpha": 0, "t0": h["start"] - 1},
        lambda h: ours.PolyakAverage(ours.GradientDescent(), h["start"]),
        when="with lambd=0, alpha=0",
        note="`t0` counts from one step earlier; lambd and alpha are a decay of its own",
        constant_lr=True,
    ),
    Row(
        "PolyakAverage",
        "torch",
        "swa_utils.AveragedModel",
        {"start": [0, 1, 7, 150]},
        ours=lambda h: ours.PolyakAverage(ours.GradientDescent(), h["start"]),
        when="updated after every step past `start`",
        note="averages the points that it is shown",
    ),
    Row(
        "EMA",
        "torch",
        "swa_utils.AveragedModel",
        {"decay": (0.0, 0.999)},
        ours=lambda h: ours.EMA(ours.GradientDescent(), h["decay"]),
        when="updated before the first step too",
        note="starts at the first point that it is shown",
    ),
]

KERAS = [
    Row("GradientDescent", "keras", "SGD", {}),
    Row(
        "HeavyBall",
        "keras",
        "SGD",
        {"momentum": (0.01, 0.99)},
        when="at a constant rate",
        note=RATE_INSIDE,
        constant_lr=True,
    ),
    Row(
        "Nesterov",
        "keras",
        "SGD",
        {"momentum": (0.01, 0.99)},
        lambda h: {**h, "nesterov": True},
        when="at a constant rate",
        note=RATE_INSIDE,
        constant_lr=True,
    ),
    Row(
        "AdaGrad",
        "keras",
        "Adagrad",
        {"eps": NO_EPS, "initial": (0.0, 1.0)},
        lambda h: {"epsilon": h["eps"], "initial_accumulator_value": h["initial"]},
        when="without ε",
        note=f"{INSIDE}; the sum starts at 0.1 there by default",
    ),
    Row(
        "RMSProp",
        "keras",
        "RMSprop",
        {"decay": (0.5, 0.999), "eps": NO_EPS, "momentum": (0.0, 0.95)},
        _keras,
        when="at a constant rate, without ε",
        note=f"{INSIDE}; {RATE_INSIDE}",
        constant_lr=True,
    ),
    Row("Adadelta", "keras", "Adadelta", {"decay": (0.5, 0.99), "eps": EPS}, _keras, lr=(0.1, 1.0)),
    Row("Adam", "keras", "Adam", {**BARE, "amsgrad": [False, True]}, _keras, when="without ε", note=UNCORRECTED),
    Row("AdamW", "keras", "AdamW", {**BARE, "weight_decay": DECAY}, _keras, when="without ε", note=UNCORRECTED),
    Row(
        "NAdam",
        "keras",
        "Nadam",
        {**ADAM, "momentum_decay": [1.0]},
        lambda h: _keras({k: v for k, v in h.items() if k != "momentum_decay"}),
        when="with momentum_decay=1",
        note="momentum grows 250 times as fast as in the paper and in torch",
    ),
    Row("Adamax", "keras", "Adamax", BARE, _keras, when="without ε", note="ε is added to the maximum"),
    Row(
        "Lion",
        "keras",
        "Lion",
        {"beta1": (0.01, 0.99), "beta2": (0.01, 0.99), "weight_decay": DECAY},
        _keras,
        lr=(0.001, 0.05),
    ),
    Row(
        "LAMB",
        "keras",
        "Lamb",
        ADAM,
        _keras,
        when="without weight decay",
        note="weight decay is decoupled there, a part of the scaled step here and in the paper",
        lr=(0.001, 0.05),
    ),
    Row(
        "Muon",
        "keras",
        "Muon",
        {"momentum": (0.01, 0.99), "weight_decay": DECAY},
        lambda h: {**h, "rms_rate": None},
        when="with rms_rate=None, for wide matrices",
        note="scale 0.2 √max(m, n) by default, or none; vectors get Adam",
        lr=(0.001, 0.1),
        shapes=WIDE,
        fixed=True,
    ),
    Row(
        "ScheduleFreeAdamW",
        "keras",
        "ScheduleFreeAdamW",
        {"beta1": (0.5, 0.95), "beta2": BETA2, "eps": EPS},
        _keras,
        when="at a constant rate, without weight decay",
        note="averages with weight 1/t whatever the rate; weight decay moves y, and x with it; with Keras on torch a "
        "value still needed is overwritten (mended in the test)",
        constant_lr=True,
        lr=(0.001, 0.1),
    ),
    Row(
        "EMA",
        "keras",
        "SGD",
        {"decay": (0.0, 0.999)},
        lambda h: {"use_ema": True, "ema_momentum": h["decay"]},
        lambda h: ours.EMA(ours.GradientDescent(), h["decay"]),
        when="up to ρᵗ (θ₁ − θ₀)",
        note="starts at θ₁, after the first step",
    ),
]

OPTAX = [
    Row("GradientDescent", "optax", "sgd", {}),
    Row("HeavyBall", "optax", "sgd", {"momentum": (0.01, 0.99)}, note="no dampening"),
    Row("Nesterov", "optax", "sgd", {"momentum": (0.01, 0.99)}, lambda h: {**h, "nesterov": True}),
    Row(
        "AdaGrad",
        "optax",
        "adagrad",
        {"eps": NO_EPS, "initial": (0.01, 1.0)},
        lambda h: {"eps": h["eps"], "initial_accumulator_value": h["initial"]},
        when="without ε",
        note=f"{INSIDE}; the sum starts at 0.1 there by default",
    ),
    Row(
        "RMSProp",
        "optax",
        "rmsprop",
        {"decay": (0.5, 0.999), "eps": EPS, "momentum": (0.0, 0.95)},
        lambda h: {**h, "eps_in_sqrt": False},
        when="at a constant rate, with eps_in_sqrt=False",
        note=f"{INSIDE} by default; {RATE_INSIDE}",
        constant_lr=True,
    ),
    Row(
        "Adadelta",
        "optax",
        "adadelta",
        {"decay": (0.5, 0.99), "eps": EPS},
        lambda h: {"rho": h["decay"], "eps": h["eps"]},
        lr=(0.1, 1.0),
    ),
    Row("Adam", "optax", "adam", ADAM, _optax),
    Row(
        "Adam",
        "optax",
        "amsgrad",
        BARE,
        lambda h: {**_optax(h), "bias_correction_nu": False},
        lambda h: ours.Adam(**h, amsgrad=True),
        when="with bias_correction_nu=False, without ε, our rate divided by √(1 − β₂ᵗ)",
        note="the maximum is of the corrected moment by default; without correction there is none at all",
        rate=lambda lr, t, h: lr / (1 - h["beta2"] ** (t + 1)) ** 0.5,
    ),
    Row("AdamW", "optax", "adamw", {**ADAM, "weight_decay": DECAY}, _optax),
    Row(
        "NAdam",
        "optax",
        "nadam",
        {**ADAM, "momentum_decay": [1e6]},
        lambda h: _optax({k: v for k, v in h.items() if k != "momentum_decay"}),
        when="with momentum_decay=1e6",
        note="momentum is constant there: the paper's schedule is left out",
    ),
    Row("RAdam", "optax", "radam", BARE, _optax, when="without ε", note="ε beside the root of the corrected moment"),
    Row("Adamax", "optax", "adamax", ADAM, _optax),
    Row(
        "Lion",
        "optax",
        "lion",
        {"beta1": (0.01, 0.99), "beta2": (0.01, 0.99), "weight_decay": DECAY},
        _optax,
        lr=(0.001, 0.05),
    ),
    Row(
        "LARS",
        "optax",
        "lars",
        {"momentum": (0.01, 0.95), "weight_decay": DECAY, "trust": (0.001, 0.02)},
        lambda h: {**{k: v for k, v in h.items() if k != "trust"}, "trust_coefficient": h["trust"]},
        lambda h: ours.L2(ours.LARS(momentum=h["momentum"], trust=h["trust"]), h["weight_decay"]),
        when="with the decay in an L2 around it",
        note="divides by ‖g + λθ‖, the paper by ‖g‖ + λ‖θ‖",
        lr=(0.1, 1.0),
    ),
    Row("LAMB", "optax", "lamb", {**ADAM, "weight_decay": DECAY}, _optax, lr=(0.001, 0.05)),
    Row(
        "Muon",
        "optax",
        "contrib.muon",
        {"momentum": (0.0, 0.99), "weight_decay": DECAY, "eps": NO_EPS},
        lambda h: {"beta": h["momentum"], "weight_decay": h["weight_decay"], "eps": h["eps"]},
        when="without ε, after the first steps",
        note="corrects the average for its start; rows are inputs there by default, outputs here",
        lr=(0.001, 0.1),
        constant_lr=True,
        shapes=MATRICES,
        fixed=True,
        late=True,
    ),
    Row(
        "ScheduleFreeSGD",
        "optax",
        "contrib.schedule_free_sgd",
        {"beta": (0.5, 0.95)},
        lambda h: {"b1": h["beta"]},
        when="at a constant rate",
        note=LARGEST_RATE,
        constant_lr=True,
    ),
    Row(
        "ScheduleFreeAdamW",
        "optax",
        "contrib.schedule_free_adamw",
        {"beta1": (0.5, 0.95), "beta2": BETA2, "eps": EPS, "weight_decay": DECAY},
        _optax,
        when="at a constant rate",
        note=LARGEST_RATE,
        constant_lr=True,
        lr=(0.001, 0.1),
    ),
    Row(
        "Prodigy",
        "optax",
        "contrib.prodigy",
        {"beta1": BETA1, "beta2": (0.9, 0.999), "eps": NO_EPS, "weight_decay": DECAY, "d0": D0},
        lambda h: {
            "betas": (h["beta1"], h["beta2"]),
            "eps": h["eps"],
            "weight_decay": h["weight_decay"],
            "estim_lr0": h["d0"],
        },
        when="without ε, our rate times √(1 − β₂ᵗ) / (1 − β₁ᵗ)",
        note="corrects the moments for their start; ε is multiplied by the new estimate",
        lr=(0.5, 1.0),
        rate=lambda lr, t, h: lr * (1 - h["beta2"] ** (t + 1)) ** 0.5 / (1 - h["beta1"] ** (t + 1)),
    ),
    Row(
        "L2",
        "optax",
        "add_decayed_weights",
        {"weight_decay": DECAY},
        ours=lambda h: ours.L2(ours.GradientDescent(), h["weight_decay"]),
        note="chained before the method",
    ),
]

PAPER = [
    Row(
        "Lion",
        "paper",
        "lion",
        {"beta1": (0.01, 0.99), "beta2": (0.01, 0.99), "weight_decay": DECAY},
        note="the decay is multiplied by the rate",
        lr=(0.001, 0.05),
    ),
    Row(
        "LARS",
        "paper",
        "lars",
        {"momentum": (0.0, 0.95), "weight_decay": DECAY, "trust": (0.001, 0.02)},
        note="the rate inside the velocity; the decay is part of the gradient and of the ratio",
        lr=(0.1, 1.0),
    ),
    Row(
        "LAMB",
        "paper",
        "lamb",
        {**ADAM, "weight_decay": DECAY},
        note="φ is the identity; the decay is part of the scaled step",
        lr=(0.001, 0.05),
    ),
    Row(
        "Muon",
        "paper",
        "muon",
        {"momentum": (0.0, 0.99), "weight_decay": DECAY},
        note="scale √max(1, m/n); Nesterov momentum; full precision",
        lr=(0.001, 0.1),
        shapes=MATRICES,
        fixed=True,
    ),
    Row(
        "ScheduleFreeSGD",
        "paper",
        "schedule_free_sgd",
        {"beta": (0.0, 1.0)},
        note="the average's weights are the squared rates",
    ),
    Row(
        "ScheduleFreeAdamW",
        "paper",
        "schedule_free_adamw",
        {"beta1": (0.0, 1.0), "beta2": BETA2, "eps": EPS, "weight_decay": DECAY},
        when="with the correction moved into the second moment",
        note="the paper's listing multiplies the rate by √(1 − β₂ᵗ); the authors' present code does as we do",
        lr=(0.001, 0.1),
    ),
    Row(
        "DAdaptSGD",
        "paper",
        "dadapt_sgd",
        {"momentum": (0.0, 0.95), "d0": (1e-6, 1e-2)},
        note="rates are in units of d / ‖g₀‖",
        lr=(0.5, 1.0),
    ),
    Row(
        "Prodigy",
        "paper",
        "prodigy",
        {"beta1": BETA1, "beta2": (0.9, 0.999), "eps": EPS, "weight_decay": DECAY, "d0": D0},
        note="moments not corrected for their start; ε times the old estimate",
        lr=(0.5, 1.0),
    ),
    Row(
        "PolyakAverage",
        "paper",
        "polyak_average",
        {"start": [0, 1, 7, 150, 300]},
        ours=lambda h: ours.PolyakAverage(ours.GradientDescent(), h["start"]),
        note="the start is not in the mean",
    ),
    Row(
        "EMA",
        "paper",
        "ema",
        {"decay": (0.0, 0.999)},
        ours=lambda h: ours.EMA(ours.GradientDescent(), h["decay"]),
        note="starts at θ₀",
    ),
]

ROWS = TORCH + KERAS + OPTAX + PAPER
