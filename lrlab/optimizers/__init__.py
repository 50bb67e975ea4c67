"""Update rules: one line of math, one line of code, on NumPy arrays and on torch tensors."""

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adam_variants import Adamax, NAdam, RAdam
from lrlab.optimizers.adaptive import Adadelta, AdaGrad, RMSProp
from lrlab.optimizers.base import Method
from lrlab.optimizers.descent import GradientDescent, HeavyBall, Nesterov
from lrlab.optimizers.distance import DAdaptSGD, Prodigy
from lrlab.optimizers.large_batch import LAMB, LARS
from lrlab.optimizers.lion import Lion
from lrlab.optimizers.muon import Muon, orthogonalize
from lrlab.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.optimizers.wrappers import EMA, L2, PolyakAverage

__all__ = [
    "EMA",
    "L2",
    "LAMB",
    "LARS",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Adamax",
    "DAdaptSGD",
    "GradientDescent",
    "HeavyBall",
    "Lion",
    "Method",
    "Muon",
    "NAdam",
    "Nesterov",
    "PolyakAverage",
    "Prodigy",
    "RAdam",
    "RMSProp",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "orthogonalize",
]
