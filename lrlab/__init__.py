"""Learning-rate schedules, optimizers and experiments: the reference implementations behind the book.

``lrlab.schedules``, ``lrlab.optimizers``, ``lrlab.objectives`` and ``lrlab.training`` need NumPy alone; so does
importing this package. `minimize` and `Trajectory` stand at the top.
"""

from lrlab import objectives, optimizers, schedules
from lrlab.training import Trajectory, minimize

__all__ = ["Trajectory", "minimize", "objectives", "optimizers", "schedules"]
