"""Rates that listen to the run: to its losses, to its gradients, or to a search along the step."""

from lrlab.dynamic.base import DynamicRate
from lrlab.dynamic.from_gradients import BarzilaiBorwein, Hypergradient, PolyakStep
from lrlab.dynamic.line_search import Armijo
from lrlab.dynamic.on_loss import BoldDriver, ReduceOnPlateau

__all__ = [
    "Armijo",
    "BarzilaiBorwein",
    "BoldDriver",
    "DynamicRate",
    "Hypergradient",
    "PolyakStep",
    "ReduceOnPlateau",
]
