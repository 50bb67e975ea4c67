"""Update rules: one line of math, one line of code, on NumPy arrays and on torch tensors."""

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import Adadelta, AdaGrad, RMSProp
from lrlab.optimizers.base import Method
from lrlab.optimizers.descent import GradientDescent, HeavyBall, Nesterov

__all__ = ["AdaGrad", "Adadelta", "Adam", "AdamW", "GradientDescent", "HeavyBall", "Method", "Nesterov", "RMSProp"]
