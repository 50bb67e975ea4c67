"""Interactive figures for the book's chapters: they answer the hand in JupyterLab and in a page with no kernel."""

from lrlab.widgets.adaptation import Adaptation
from lrlab.widgets.landscape import Landscape
from lrlab.widgets.model_and_truth import ModelAndTruth
from lrlab.widgets.name_that_curve import NameThatCurve
from lrlab.widgets.noise_floor import NoiseFloor
from lrlab.widgets.one_step import OneStep
from lrlab.widgets.rate_finder import RateFinder
from lrlab.widgets.schedule_bench import ScheduleBench
from lrlab.widgets.stability_map import StabilityMap

__all__ = [
    "Adaptation",
    "Landscape",
    "ModelAndTruth",
    "NameThatCurve",
    "NoiseFloor",
    "OneStep",
    "RateFinder",
    "ScheduleBench",
    "StabilityMap",
]
