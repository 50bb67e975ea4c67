"""Learning-rate schedules: pure functions of the step, and the combinators that build one from another."""

from lrlab.schedules.base import AnySchedule, Schedule, as_schedule
from lrlab.schedules.combinators import Clip, Join, Scale, Warmup
from lrlab.schedules.cycles import CosineRestarts, RandomLogUniform, Triangular
from lrlab.schedules.decay import Constant, Exponential, InversePower, InverseSqrt, InverseTime, MultiStep, StepDecay
from lrlab.schedules.horizon import Cosine, Linear, OneCycle, Polynomial, WarmupStableDecay

__all__ = [
    "AnySchedule",
    "Clip",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InversePower",
    "InverseSqrt",
    "InverseTime",
    "Join",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "RandomLogUniform",
    "Scale",
    "Schedule",
    "StepDecay",
    "Triangular",
    "Warmup",
    "WarmupStableDecay",
    "as_schedule",
]
