"""Learning-rate schedules, optimizers and experiments: the reference implementations behind the book.

Importing this package needs NumPy alone. ``minimize`` and ``Trajectory`` stand at the top. What needs more is imported
by its own name: ``lrlab.search`` (joblib), ``lrlab.data`` (pooch), ``lrlab.pytorch`` (torch), ``lrlab.plots``
(Matplotlib), ``lrlab.widgets`` (anywidget).
"""

from lrlab import curvature, dynamic, objectives, optimizers, schedules
from lrlab.training import Trajectory, minimize

__all__ = ["Trajectory", "curvature", "dynamic", "minimize", "objectives", "optimizers", "schedules"]
