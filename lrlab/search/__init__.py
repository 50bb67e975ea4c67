"""Finding a rate: sweeps over a grid, the range test, and the diagnosis of a loss curve."""

from lrlab.search.range_test import RangeTest, range_test

__all__ = ["RangeTest", "range_test"]
