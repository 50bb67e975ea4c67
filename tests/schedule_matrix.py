"""Every schedule beside the same thing in torch, Optax and Keras: what the tests compare and what the book tabulates.

`MATRIX` says what each schedule is called elsewhere, how to build it there from ours, and in which convention the two
differ. A pair that is not in it has no counterpart. The libraries are imported only when something is built.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrlab.schedules import (
    Clip,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InversePower,
    InverseSqrt,
    InverseTime,
    Join,
    Linear,
    MultiStep,
    OneCycle,
    Polynomial,
    RandomLogUniform,
    Scale,
    Schedule,
    StepDecay,
    Triangular,
    Warmup,
    WarmupStableDecay,
)

os.environ.setdefault("KERAS_BACKEND", "torch")  # Keras reads it when it is first imported

SCHEDULES: tuple[type[Schedule], ...] = (
    *(Constant, StepDecay, MultiStep, Exponential, Linear, Polynomial, Cosine, CosineRestarts, InverseTime),
    *(InversePower, InverseSqrt, Triangular, OneCycle, WarmupStableDecay, RandomLogUniform),
    *(Warmup, Join, Clip, Scale),
)
LIBRARIES = ("torch", "optax", "keras")


@dataclass(frozen=True)
class Twin:
    """A schedule of another library that is equal to ours.

    ``build`` makes it from ours: for torch from the schedule and the optimizer that it is to drive, for Optax and
    Keras, where a schedule is a function of the step, from the schedule alone. ``note`` is the difference of
    conventions, in the words of the book's table; without one the two mean the same by the same numbers.
    """

    name: str
    build: Callable[..., Any]
    note: str = ""


def rates(library: str, schedule: Any, n: int) -> Any:
    """The other library's rates of the steps 0 to n − 1."""
    return {"torch": _torch_rates, "optax": _optax_rates, "keras": _keras_rates}[library](schedule, n)


def _build(library: str, schedule: Any, *optimizer: Any) -> Any:
    return MATRIX[type(schedule), library].build(schedule, *optimizer)


# ---------------------------------------------------------------- torch: an object that is stepped


def _torch_rates(schedule: Any, n: int) -> list[float]:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=_base(schedule))
    scheduler = _build("torch", schedule, optimizer)
    found = []
    for _ in range(n):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def _base(schedule: Any) -> float:
    """The rate that torch's optimizer is given, which its schedulers multiply."""
    if isinstance(schedule, Warmup):
        return _base(schedule.schedule)
    if isinstance(schedule, Join):
        return _base(schedule.schedules[0])
    return schedule.lr_max if isinstance(schedule, OneCycle | Triangular) else schedule.lr


def _torch(name: str, arguments: Callable[[Any], dict[str, Any]], note: str = "") -> Twin:
    def build(schedule: Any, optimizer: Any) -> Any:
        from torch.optim import lr_scheduler

        return getattr(lr_scheduler, name)(optimizer, **arguments(schedule))

    return Twin(name, build, note)


def _torch_warmup(schedule: Warmup, optimizer: Any) -> Any:
    from torch.optim.lr_scheduler import LambdaLR, SequentialLR

    climb = LambdaLR(optimizer, lambda t: (t + 1) / schedule.steps)
    return SequentialLR(optimizer, [climb, _build("torch", schedule.schedule, optimizer)], [schedule.steps])


def _torch_join(schedule: Join, optimizer: Any) -> Any:
    from torch.optim.lr_scheduler import SequentialLR

    pieces = [_build("torch", piece, optimizer) for piece in schedule.schedules]
    return SequentialLR(optimizer, pieces, list(schedule.boundaries))


def _torch_wsd(schedule: WarmupStableDecay, optimizer: Any) -> Any:
    from torch.optim.lr_scheduler import LambdaLR, LinearLR, SequentialLR

    climb = LambdaLR(optimizer, lambda t: (t + 1) / schedule.warmup)
    level = LambdaLR(optimizer, lambda t: 1.0)
    fall = LinearLR(optimizer, 1.0, schedule.lr_min / schedule.lr, schedule.decay)
    return SequentialLR(optimizer, [climb, level, fall], [schedule.warmup, schedule.warmup + schedule.stable])


# ---------------------------------------------------------------- Optax and Keras: a function of the step


def _optax_rates(schedule: Any, n: int) -> Any:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        t = jnp.arange(max(n, 512))  # of one length as a rule: JAX compiles anew for each
        return np.asarray(jax.vmap(_build("optax", schedule))(t))[:n]


def _optax(name: str, arguments: Callable[[Any], dict[str, Any]], note: str = "") -> Twin:
    def build(schedule: Any) -> Any:
        import optax

        return getattr(optax, name)(**arguments(schedule))

    return Twin(name, build, note)


def _optax_restarts(s: CosineRestarts) -> dict[str, Any]:
    fall = {"init_value": s.lr, "peak_value": s.lr, "warmup_steps": 0, "end_value": s.lr_min}
    return {"cosine_kwargs": [fall | {"decay_steps": s.steps * int(s.multiplier) ** i} for i in range(10)]}


def _optax_onecycle(s: OneCycle) -> dict[str, Any]:
    peak, last = round(s.pct_start * s.steps) - 1, s.steps - 1
    shape = {"div_factor": s.div_factor, "final_div_factor": s.final_div_factor}
    return {"transition_steps": last, "peak_value": s.lr_max, "pct_start": (peak + 0.5) / last} | shape


def _optax_warmup(schedule: Warmup) -> Any:
    import optax

    peak, n = float(schedule.schedule(0)), schedule.steps
    climb = optax.linear_schedule(peak / n, peak, n - 1) if n > 1 else optax.constant_schedule(peak)
    return optax.join_schedules([climb, _build("optax", schedule.schedule)], [n])


def _optax_join(schedule: Join) -> Any:
    import optax

    return optax.join_schedules([_build("optax", piece) for piece in schedule.schedules], schedule.boundaries)


def _optax_wsd(s: WarmupStableDecay) -> Any:
    import optax

    climb = optax.linear_schedule(s.lr / s.warmup, s.lr, max(s.warmup - 1, 1))
    fall = optax.linear_schedule(s.lr, s.lr_min, s.decay)
    return optax.join_schedules([climb, optax.constant_schedule(s.lr), fall], [s.warmup, s.warmup + s.stable])


def _keras_rates(schedule: Any, n: int) -> Any:
    import keras

    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:  # one step at a time: Keras' floor and minimum make float32 of an array, though not of a number
        there = _build("keras", schedule)
        return [float(there(float(t))) for t in range(n)]
    finally:
        keras.config.set_floatx(floatx)


def _keras(name: str, arguments: Callable[[Any], dict[str, Any]], note: str = "") -> Twin:
    def build(schedule: Any) -> Any:
        from keras.optimizers import schedules

        return getattr(schedules, name)(**arguments(schedule))

    return Twin(name, build, note)


def _keras_steps(s: MultiStep) -> dict[str, Any]:
    values = [s.lr * s.gamma**i for i in range(len(s.milestones) + 1)]
    return {"boundaries": [float(m - 1) for m in s.milestones], "values": values}


def _keras_warmup(s: Warmup) -> Any:
    """Keras has a warm-up of its own for the cosine only; its decay is one step ahead of ours."""
    from keras.optimizers.schedules import CosineDecay

    fall: Any = s.schedule
    climb = {"warmup_target": fall.lr, "warmup_steps": s.steps - 1}
    there = CosineDecay(fall.lr / s.steps, fall.steps, alpha=fall.lr_min / fall.lr, **climb)
    return lambda t: there(t if t < s.steps else t - 1)


# ---------------------------------------------------------------- the matrix

_HOLDS = "Ours holds its end; torch's climbs back after T."
_MOMENTUM = "With cycle_momentum=False; by default it moves the momentum, too."
_FLOOR = "The floor is a fraction alpha of the rate."
MATRIX: dict[tuple[type[Schedule], str], Twin] = {
    (Constant, "torch"): _torch(
        "ConstantLR",
        lambda s: {"factor": 1.0},
        "With factor=1; by default its first five steps have a third of the rate.",
    ),
    (Constant, "optax"): _optax("constant_schedule", lambda s: {"value": s.lr}),
    (StepDecay, "torch"): _torch("StepLR", lambda s: {"step_size": s.every, "gamma": s.gamma}),
    (StepDecay, "optax"): _optax(
        "exponential_decay",
        lambda s: {"init_value": s.lr, "transition_steps": s.every, "decay_rate": s.gamma, "staircase": True},
        "With staircase=True.",
    ),
    (StepDecay, "keras"): _keras(
        "ExponentialDecay",
        lambda s: {"initial_learning_rate": s.lr, "decay_steps": s.every, "decay_rate": s.gamma, "staircase": True},
        "With staircase=True.",
    ),
    (MultiStep, "torch"): _torch("MultiStepLR", lambda s: {"milestones": list(s.milestones), "gamma": s.gamma}),
    (MultiStep, "optax"): _optax(
        "piecewise_constant_schedule",
        lambda s: {"init_value": s.lr, "boundaries_and_scales": dict.fromkeys(s.milestones, s.gamma)},
        "Takes a factor for each boundary.",
    ),
    (MultiStep, "keras"): _keras(
        "PiecewiseConstantDecay",
        _keras_steps,
        "Takes values, and the boundary still has the old one: give it m − 1 where we say m.",
    ),
    (Exponential, "torch"): _torch(
        "ExponentialLR", lambda s: {"gamma": np.exp(-s.rate)}, "Takes the factor per step, exp(−k)."
    ),
    (Exponential, "optax"): _optax(
        "exponential_decay",
        lambda s: {"init_value": s.lr, "transition_steps": 1, "decay_rate": np.exp(-s.rate)},
        "Takes the factor per transition_steps.",
    ),
    (Exponential, "keras"): _keras(
        "ExponentialDecay",
        lambda s: {"initial_learning_rate": s.lr, "decay_steps": 1, "decay_rate": float(np.exp(-s.rate))},
        "Takes the factor per decay_steps.",
    ),
    (Linear, "torch"): _torch(
        "LinearLR",
        lambda s: {"start_factor": 1.0, "end_factor": s.lr_min / s.lr, "total_iters": s.steps},
        "Both ends are factors of the rate.",
    ),
    (Linear, "optax"): _optax(
        "linear_schedule", lambda s: {"init_value": s.lr, "end_value": s.lr_min, "transition_steps": s.steps}
    ),
    (Linear, "keras"): _keras(
        "PolynomialDecay",
        lambda s: {"initial_learning_rate": s.lr, "decay_steps": s.steps, "end_learning_rate": s.lr_min},
        "With power=1; the floor is 0.0001 unless said otherwise.",
    ),
    (Polynomial, "torch"): _torch(
        "PolynomialLR", lambda s: {"total_iters": s.steps, "power": s.power}, "Falls to zero; no floor."
    ),
    (Polynomial, "optax"): _optax(
        "polynomial_schedule",
        lambda s: {"init_value": s.lr, "end_value": s.lr_min, "power": s.power, "transition_steps": s.steps},
    ),
    (Polynomial, "keras"): _keras(
        "PolynomialDecay",
        lambda s: {
            "initial_learning_rate": s.lr,
            "decay_steps": s.steps,
            "end_learning_rate": s.lr_min,
            "power": s.power,
        },
        "The floor is 0.0001 unless said otherwise.",
    ),
    (Cosine, "torch"): _torch("CosineAnnealingLR", lambda s: {"T_max": s.steps, "eta_min": s.lr_min}, _HOLDS),
    (Cosine, "optax"): _optax(
        "cosine_decay_schedule",
        lambda s: {"init_value": s.lr, "decay_steps": s.steps, "alpha": s.lr_min / s.lr},
        _FLOOR,
    ),
    (Cosine, "keras"): _keras(
        "CosineDecay",
        lambda s: {"initial_learning_rate": s.lr, "decay_steps": s.steps, "alpha": s.lr_min / s.lr},
        _FLOOR,
    ),
    (CosineRestarts, "torch"): _torch(
        "CosineAnnealingWarmRestarts",
        lambda s: {"T_0": s.steps, "T_mult": int(s.multiplier), "eta_min": s.lr_min},
        "The multiplier is an integer.",
    ),
    (CosineRestarts, "optax"): _optax("sgdr_schedule", _optax_restarts, "Each fall is listed, with its own warm-up."),
    (CosineRestarts, "keras"): _keras(
        "CosineDecayRestarts",
        lambda s: {
            "initial_learning_rate": s.lr,
            "first_decay_steps": s.steps,
            "t_mul": s.multiplier,
            "alpha": s.lr_min / s.lr,
        },
        "Finds the fall by a logarithm in float32: some restarts come one step late.",
    ),
    (InverseTime, "keras"): _keras(
        "InverseTimeDecay",
        lambda s: {"initial_learning_rate": s.lr, "decay_steps": s.scale, "decay_rate": 1.0},
        "η₀ / (1 + rate · t / steps): our scale is steps / rate.",
    ),
    (Triangular, "torch"): _torch(
        "CyclicLR",
        lambda s: {
            "base_lr": s.lr_min,
            "max_lr": s.lr_max,
            "step_size_up": s.half_cycle,
            "cycle_momentum": False,
        },
        _MOMENTUM,
    ),
    (OneCycle, "torch"): _torch(
        "OneCycleLR",
        lambda s: {
            "max_lr": s.lr_max,
            "total_steps": s.steps,
            "pct_start": s.pct_start,
            "div_factor": s.div_factor,
            "final_div_factor": s.final_div_factor,
            "anneal_strategy": s.anneal,
            "cycle_momentum": False,
        },
        _MOMENTUM,
    ),
    (OneCycle, "optax"): _optax(
        "cosine_onecycle_schedule",
        _optax_onecycle,
        "Peaks at p·T and ends at T, each one step later than torch's and ours; linear_onecycle_schedule has a third "
        "part and no counterpart here.",
    ),
    (WarmupStableDecay, "torch"): Twin("SequentialLR", _torch_wsd, "Joined by hand."),
    (WarmupStableDecay, "optax"): Twin("join_schedules", _optax_wsd, "Joined by hand."),
    (Warmup, "torch"): Twin(
        "SequentialLR", _torch_warmup, "Joined by hand; LinearLR climbs from a third of the rate unless told otherwise."
    ),
    (Warmup, "optax"): Twin(
        "join_schedules",
        _optax_warmup,
        "Joined by hand; warmup_cosine_decay_schedule starts at init_value, peaks at t = n and counts n within "
        "decay_steps.",
    ),
    (Warmup, "keras"): Twin(
        "CosineDecay",
        _keras_warmup,
        "For the cosine only; starts at its first rate, peaks at t = n, and decays from there without a second step at "
        "the peak.",
    ),
    (Join, "torch"): Twin("SequentialLR", _torch_join, "All pieces are multiples of the optimizer's one rate."),
    (Join, "optax"): Twin("join_schedules", _optax_join),
}
