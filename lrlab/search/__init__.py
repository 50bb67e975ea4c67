"""Finding a rate: sweeps over a grid, fair comparisons, the range test, and the diagnosis of a loss curve."""

from lrlab.search.compare import Best, Comparison, compare
from lrlab.search.diagnose import Diagnosis, diagnose
from lrlab.search.grid import interpolated_best, log_grid
from lrlab.search.logs import read_log
from lrlab.search.range_test import RangeTest, descent, range_test
from lrlab.search.results import Row
from lrlab.search.sweep import Sweep, sweep

__all__ = [
    "Best",
    "Comparison",
    "Diagnosis",
    "RangeTest",
    "Row",
    "Sweep",
    "compare",
    "descent",
    "diagnose",
    "interpolated_best",
    "log_grid",
    "range_test",
    "read_log",
    "sweep",
]
