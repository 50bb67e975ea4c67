"""What a sweep goes through: its configurations, its seeds, and the edges of its grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lrlab import _checks as check

Config: TypeAlias = dict[str, Any]
Grid: TypeAlias = Mapping[str, Iterable[Any]] | Iterable[Config]


def log_grid(low: float, high: float, per_decade: int = 3) -> list[float]:
    r"""Rates at equal ratios, which is how rates differ.

    .. math:: \eta_k = \eta_\text{low} \cdot 10^{k / n}, \qquad k = 0, 1, \dots \quad\text{while}\quad
        \eta_k \le \eta_\text{high}

    Parameters
    ----------
    low, high : float > 0
        :math:`\eta_\text{low} \le \eta_\text{high}`; ``high`` is in the grid if it is a whole number of steps away.
    per_decade : int
        :math:`n`, values per factor of ten.

    Raises
    ------
    ValueError
        If ``low`` or ``high`` is not positive or out of order, or ``per_decade`` no positive integer.

    Examples
    --------
    >>> [float(f"{lr:.3g}") for lr in log_grid(0.001, 0.1, per_decade=2)]
    [0.001, 0.00316, 0.01, 0.0316, 0.1]
    """
    check.positive(low=low, high=high)
    check.ordered(low=low, high=high)
    check.count(per_decade=per_decade)
    steps = math.floor(math.log10(high / low) * per_decade + 1e-9)  # rounding must not lose the last one
    return [float(low * 10 ** (k / per_decade)) for k in range(steps + 1)]


def interpolated_best(rates: ArrayLike, losses: ArrayLike) -> Any:
    r"""Where between the points of a grid of rates the loss is lowest, by a parabola in :math:`\ln \eta`.

    .. math:: \ln \eta^* = \ln \eta_k + \frac{h}{2} \,
        \frac{\ell_{k-1} - \ell_{k+1}}{\ell_{k-1} - 2 \ell_k + \ell_{k+1}}

    The parabola goes through the lowest loss :math:`\ell_k` and its two neighbors, and :math:`h` is the step of the
    grid. So the result is never farther than half a step from :math:`\eta_k`.

    Parameters
    ----------
    rates : array of shape (n,)
        An ascending grid of equal ratios, such as `log_grid` makes.
    losses : array of shape (n,) or (n, \*runs)
        One for each rate; runs are for instance seeds.

    Returns
    -------
    float, or array of shape ``runs``
        :math:`\eta^*`; :math:`\eta_k` itself where a neighbor's loss is not finite, and NaN where the lowest loss lies
        on the edge of the grid, since nothing is known beyond it, or none is finite.

    Raises
    ------
    ValueError
        If the rates are no such grid of at least three, or there is not one loss for each.

    Examples
    --------
    >>> float(interpolated_best([0.01, 0.1, 1.0], [2.0, 1.0, 2.0]))
    0.1
    >>> interpolated_best([0.01, 0.1, 1.0], [[3.0, 1.0], [1.0, 2.0], [2.0, 3.0]]).round(3)
    array([0.147,   nan])
    """
    grid, found = np.asarray(rates, dtype=float), np.asarray(losses, dtype=float)
    steps = np.diff(np.log(grid)) if grid.ndim == 1 and len(grid) > 2 and (grid > 0).all() else np.zeros(1)
    if not (steps > 0).all() or not np.allclose(steps, steps[0]):
        raise ValueError(f"rates must be at least three, ascending at equal ratios, got rates={rates!r}")
    if found.shape[:1] != grid.shape:
        raise ValueError(f"losses must have one row for each of {len(grid)} rates, got shape {found.shape}")
    known = np.where(np.isfinite(found), found, np.inf)
    lowest = known.argmin(axis=0)
    middle = np.clip(lowest, 1, len(grid) - 2)
    left, low, right = (np.take_along_axis(known, (middle + i)[None], axis=0)[0] for i in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = (left - right) / (left - 2 * low + right) / 2
    shift = np.where(np.isfinite(shift), shift, 0.0)
    best = np.where(lowest == middle, grid[middle] * np.exp(shift * steps[0]), np.nan)
    return best if best.ndim else float(best)


def configurations(grid: Grid) -> list[Config]:
    """The dicts that a grid stands for."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
                raise ValueError(f"grid must hold a list of values for each parameter, got {name}={values!r}")
        configs = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    else:
        configs = []
        for config in grid:
            if not isinstance(config, Mapping):
                raise ValueError(f"grid must be a dict of lists or a list of dicts, got {config!r} in it")
            configs.append(dict(config))
    if not configs or not all(configs):
        raise ValueError(f"grid must hold at least one value for each parameter, got grid={grid!r}")
    return [{name: _plain(value) for name, value in config.items()} for config in configs]


def seed_list(seeds: int | Iterable[int]) -> list[int]:
    """The seeds; a number ``n`` stands for 0 to n − 1."""
    if isinstance(seeds, int | np.integer):
        check.count(seeds=seeds)
        return list(range(seeds))
    found = [_plain(seed) for seed in seeds]
    for seed in found:
        check.count(at_least=0, seeds=seed)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"seeds must be different and at least one, got seeds={seeds!r}")
    return found


def edges(configs: Sequence[Config], best: Config) -> dict[str, str]:
    """The numbers of the best configuration that are the lowest or highest tried: ``{"lr": "highest"}``."""
    found = {}
    for name, value in best.items():
        tried = [config[name] for config in configs if name in config]
        if all(isinstance(x, Real) and not isinstance(x, bool) for x in tried) and min(tried) < max(tried):
            if value == min(tried):
                found[name] = "lowest"
            elif value == max(tried):
                found[name] = "highest"
    return found


def _plain(value: Any) -> Any:
    """A NumPy number as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
