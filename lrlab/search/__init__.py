"""Finding a rate: sweeps over a grid, the range test, and the diagnosis of a loss curve."""

from lrlab.search.range_test import RangeTest, descent, range_test

__all__ = ["RangeTest", "descent", "range_test"]
