"""Fair comparisons: every method gets its own best rate before anything is said about the methods."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrlab._checks import Floats
from lrlab.search.grid import seed_list
from lrlab.search.sweep import columns, train_all


@dataclass(frozen=True, eq=False)
class Best:
    """A method at its best rate.

    Attributes
    ----------
    lr : float
        The rate of the lowest mean loss on the grid; NaN where every rate failed.
    losses : array of shape (seeds,)
        With that rate, one per seed.
    edge : str
        ``"lowest"`` or ``"highest"`` where the rate lies on the edge of its grid, so that a better one may lie beyond;
        else empty.
    """

    lr: float
    losses: Floats
    edge: str

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return float(np.mean(self.losses))

    @property
    def spread(self) -> float:
        """The standard deviation over the seeds (of a sample: n − 1)."""
        return float(np.std(self.losses, ddof=1))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    rates : dict of arrays of shape (rates,)
        The grid of each method, ascending.
    losses : dict of arrays of shape (rates, seeds)
        What was tuned on; NaN where a run failed.
    best : dict of Best
        Each method at its best rate: on the final seeds where there are any, else on those of the tuning.
    """

    rates: dict[str, Floats]
    losses: dict[str, Floats]
    best: dict[str, Best]

    def difference(self, one: str, other: str) -> tuple[float, float]:
        r"""How much larger the loss of one method is than that of another, seed by seed.

        .. math:: \bar d = \frac1n \sum_s d_s, \quad d_s = \ell^\text{one}_s - \ell^\text{other}_s, \qquad
            \text{standard error} = \frac{1}{\sqrt n} \sqrt{\frac{1}{n-1} \sum_s (d_s - \bar d)^2}

        Returns
        -------
        mean, standard_error : float
            A difference of less than two standard errors says nothing about which method is better.
        """
        gaps = self.best[one].losses - self.best[other].losses
        return float(np.mean(gaps)), float(np.std(gaps, ddof=1) / math.sqrt(len(gaps)))

    def __str__(self) -> str:
        lines = [["method", "best rate", "loss", "± spread", ""]]
        for name, best in self.best.items():
            note = f"on the edge: the {best.edge} rate tried" if best.edge else ""
            lines.append([name, *(f"{number:.3g}" for number in (best.lr, best.mean, best.spread)), note])
        return columns(lines)


def compare(
    train: Callable[[Any, Any, int], Any],
    methods: Mapping[str, Any],
    lr: Iterable[float] | Mapping[str, Iterable[float]],
    seeds: int | Iterable[int] = 3,
    final_seeds: int | Iterable[int] | None = None,
    all_rates: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Comparison:
    r"""Tune the rate of each method on a grid, then compare the methods at their best rates.

    .. math:: \eta_m^* = \arg\min_\eta \; \frac1n \sum_s \text{train}(m, \eta, s)

    Parameters
    ----------
    train : callable
        ``train(method, lr, seed)`` returns the loss to be made small. ``method`` is a value of ``methods``.
    methods : dict
        What is compared, by name: optimizers, schedules, anything that ``train`` understands.
    lr : list of float, or dict of lists
        The rates to try, best by `log_grid`; the same for all, or a list for each name.
    seeds : int or sequence of int
        At least two; a number ``n`` means 0, 1, …, n − 1.
    final_seeds : int or sequence of int, optional
        Train the best rate of each method again with these, and report those losses. The lowest of many noisy means is
        too low by luck; fresh seeds take the luck out. A number ``n`` means the n seeds after the largest of ``seeds``.
    all_rates : bool
        Call ``train(method, rates, seed)`` once with an array of all rates of a method; it returns as many losses.
        ``lrlab.minimize`` runs them in one call.
    n_jobs, progress
        As in `sweep`.

    Returns
    -------
    Comparison
        ``print`` it for a table. It says which best rates lie on the edge of their grid.

    Raises
    ------
    ValueError
        If there is no method, no positive rate, only one seed, or a final seed that was tuned on.

    Notes
    -----
    A run that fails or diverges counts as NaN or infinity: a rate with one such seed is never the best.

    Examples
    --------
    >>> import numpy as np
    >>> from lrlab import minimize
    >>> from lrlab.objectives import Quadratic
    >>> from lrlab.optimizers import GradientDescent, HeavyBall
    >>> def train(method, rates, seed):
    ...     bowl = Quadratic([1.0, 100.0], noise=0.1)
    ...     return minimize(bowl, [1.0, 1.0], method, rates, 50, np.random.default_rng(seed)).loss[-1]
    >>> methods = {"plain": GradientDescent(), "momentum": HeavyBall(0.7)}
    >>> found = compare(train, methods, lr=[0.001, 0.003, 0.01, 0.03, 0.1], seeds=5, all_rates=True)
    >>> print(found)
      method  best rate     loss  ± spread
       plain       0.01    0.182   0.00388
    momentum       0.03  0.00632   0.00639
    """
    names, tuning = list(methods), seed_list(seeds)
    if not names:
        raise ValueError(f"methods must hold at least one method, got methods={methods!r}")
    if len(tuning) < 2:
        raise ValueError(f"seeds must be at least two, or there is no spread, got seeds={seeds!r}")
    if isinstance(final_seeds, int):
        final_seeds = range(max(tuning) + 1, max(tuning) + 1 + final_seeds)
    final = [] if final_seeds is None else seed_list(final_seeds)
    if set(final) & set(tuning) or len(final) == 1:
        raise ValueError(f"final_seeds must be two or more that are not among seeds, got {final_seeds!r}")
    rates = {name: _rates(name, lr[name] if isinstance(lr, Mapping) else lr) for name in names}

    def one(config: dict[str, Any], seed: int) -> Any:
        return train(methods[config["method"]], config["lr"], seed)

    def losses(tried: dict[str, Floats], seeds: list[int]) -> dict[str, Floats]:
        if all_rates:
            return {name: np.stack([_all(train, methods[name], tried[name], s) for s in seeds], 1) for name in tried}
        grid = [{"method": name, "lr": float(rate)} for name in tried for rate in tried[name]]
        found = iter(train_all(one, grid, seeds, n_jobs=n_jobs, progress=progress).losses)
        return {name: np.array([next(found) for _ in tried[name]]) for name in tried}

    tuned = losses(rates, tuning)
    place = {name: _lowest(tuned[name]) for name in names}
    chosen = {name: rates[name][i : i + 1] for name, i in place.items() if i is not None}
    last = losses(chosen, final) if final and chosen else {name: tuned[name][place[name]][None] for name in chosen}
    best = {}
    for name, i in place.items():
        if i is None:
            best[name] = Best(math.nan, np.full(len(final or tuning), math.nan), "")
        else:
            ends = {0: "lowest", len(rates[name]) - 1: "highest"} if len(rates[name]) > 1 else {}
            best[name] = Best(float(rates[name][i]), last[name][0], ends.get(i, ""))
    return Comparison(rates, tuned, best)


def _rates(name: str, given: Iterable[float]) -> Floats:
    rates = np.unique(np.asarray(list(given), dtype=float))  # ascending
    if not rates.size or not (np.isfinite(rates) & (rates > 0)).all():
        raise ValueError(f"lr must hold positive rates for {name!r}, got {rates.tolist()}")
    return rates


def _all(train: Callable[[Any, Any, int], Any], method: Any, rates: Floats, seed: int) -> Floats:
    losses = np.asarray(train(method, rates, seed), dtype=float)
    if losses.shape != rates.shape:
        raise ValueError(f"train must return one loss per rate, shape {rates.shape}, got shape {losses.shape}")
    return losses


def _lowest(losses: Floats) -> int | None:
    """The row of the lowest finite mean."""
    with np.errstate(invalid="ignore", over="ignore"):
        means = losses.mean(axis=1)
    finite = np.isfinite(means)
    return int(np.where(finite, means, math.inf).argmin()) if finite.any() else None
