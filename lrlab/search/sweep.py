"""Sweeps: every configuration of a grid with every seed, in parallel, saved as they come."""

from __future__ import annotations

import importlib
import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from lrlab._checks import Floats
from lrlab.search.grid import Config, Grid, configurations, edges, seed_list
from lrlab.search.results import ResultFile, Row, check_names, key


@dataclass(frozen=True, eq=False)
class Sweep:
    r"""The results of a sweep, in the order of the grid.

    Attributes
    ----------
    rows : tuple of Row
        One per configuration and seed: ``config``, ``seed``, ``loss``, ``error`` (None where there was none) and
        ``seconds``.
    configs : tuple of dict
        The configurations.
    losses : array of shape (configs, seeds)
        NaN where a run failed.
    """

    rows: tuple[Row, ...]
    configs: tuple[Config, ...]
    losses: Floats

    @property
    def mean(self) -> Floats:
        """The mean of each configuration over the seeds; NaN where a run failed."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(np.mean(self.losses, axis=1))

    @property
    def spread(self) -> Floats:
        """The standard deviation of each configuration over the seeds (of a sample: n − 1); NaN for a single seed."""
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            squares = np.sum((self.losses - self.mean[:, None]) ** 2, axis=1)
            return np.asarray(np.sqrt(squares / (self.losses.shape[1] - 1)))

    @property
    def best(self) -> Config | None:
        """The configuration of the lowest mean; None where no mean is finite."""
        finite = np.where(np.isfinite(self.mean), self.mean, math.inf)
        return self.configs[finite.argmin()] if np.isfinite(finite).any() else None

    @property
    def edges(self) -> dict[str, str]:
        """The parameters whose best value is the lowest or highest of its grid: ``{"lr": "highest"}``."""
        return {} if self.best is None else edges(self.configs, self.best)

    def table(self) -> list[dict[str, Any]]:
        """One dict per configuration, best first: its parameters, mean, spread, failed runs, and the first error."""
        rows = []
        seeds = self.losses.shape[1]
        for index, config in enumerate(self.configs):
            errors = [row.error for row in self.rows[index * seeds : (index + 1) * seeds] if row.error is not None]
            found = {"mean": float(self.mean[index]), "spread": float(self.spread[index])}
            rows.append({**config, **found, "failed": len(errors), "error": errors[0] if errors else None})
        return sorted(rows, key=lambda row: row["mean"] if math.isfinite(row["mean"]) else math.inf)

    def __str__(self) -> str:
        rows = [{name: _text(value) for name, value in row.items()} for row in self.table()]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return columns([names, *([row.get(name, "") for name in names] for row in rows)])


def sweep(
    train: Callable[[Config, int], float],
    grid: Grid,
    seeds: int | Iterable[int] = 1,
    n_jobs: int | None = None,
    file: str | PathLike[str] | None = None,
    backend: str | None = None,
    progress: bool = True,
) -> Sweep:
    r"""Train every configuration of a grid with every seed, and find the one of the lowest mean loss.

    .. math:: c^* = \arg\min_c \; \frac{1}{n} \sum_{s=1}^{n} \text{train}(c, s)

    Parameters
    ----------
    train : callable
        Takes a configuration (a dict) and a seed (an int), returns the loss to be made small (a number). A lambda or a
        function of a notebook does. What it raises becomes the error of its row, and the sweep goes on.
    grid : dict of lists, or list of dicts
        The values of each parameter, of which every combination is tried; or the configurations themselves.
    seeds : int or sequence of int
        A number ``n`` means 0, 1, …, n − 1.
    n_jobs : int, optional
        Processes: -1 for one per core. If not given, as ``joblib.parallel_config`` says, or else one: this process.
    file : path, optional
        Each result is a line of JSON there, on the disk before the next is awaited. If the file exists, what it holds
        is not trained again: a sweep that was interrupted goes on, and a larger grid adds what is new. Delete the
        file after a change of ``train``, and lines with an error to try those again.
    backend : str, optional
        Of joblib; local processes ("loky") if not given. ``"dask"`` takes the sweep to the cluster of the current
        ``dask.distributed.Client``; a worker that dies there is made up for by the others.
    progress : bool
        Show a bar.

    Returns
    -------
    Sweep
        ``print`` it for a table.

    Raises
    ------
    ValueError
        If the grid or the seeds are empty or repeat themselves, a configuration cannot be written to ``file``, or a
        line of ``file`` is not a result.
    ModuleNotFoundError
        joblib or tqdm is not installed.

    Warns
    -----
    UserWarning
        If the best value of a number lies on the edge of its grid: the best may lie beyond. Also if no configuration
        has a finite mean.

    Notes
    -----
    A mean that is infinite or NaN is never the best. Choose rates by `log_grid`: what matters is their ratio. With
    many parameters a random sample of the grid finds more than all of a coarse one
    :cite:p:`bergstra2012random`; pass it as a list of dicts.

    Examples
    --------
    >>> def train(config, seed):
    ...     return (config["lr"] - 0.1) ** 2 + 0.001 * seed
    >>> found = sweep(train, {"lr": [0.01, 0.1, 1.0]}, seeds=2, progress=False)
    >>> found.best
    {'lr': 0.1}
    >>> print(found)
      lr    mean     spread  failed  error
     0.1  0.0005  0.0007071       0
    0.01  0.0086  0.0007071       0
       1  0.8105  0.0007071       0
    """
    return _reported(train_all(train, grid, seeds, n_jobs, file, backend, progress))


def train_all(
    train: Callable[[Config, int], float],
    grid: Grid,
    seeds: int | Iterable[int],
    n_jobs: int | None = None,
    file: str | PathLike[str] | None = None,
    backend: str | None = None,
    progress: bool = True,
) -> Sweep:
    """`sweep` without its warnings: which result is the best one is up to the caller."""
    configs, numbers = configurations(grid), seed_list(seeds)
    tasks = [(config, seed) for config in configs for seed in numbers]
    if len({key(*task) for task in tasks}) < len(tasks):
        raise ValueError(f"grid must hold each configuration once, got grid={grid!r}")
    if file is not None:
        check_names(configs)
    joblib, bar = _package("joblib"), _package("tqdm").tqdm
    options = {name: value for name, value in (("n_jobs", n_jobs), ("backend", backend)) if value is not None}
    with ResultFile(file) as saved, joblib.parallel_config(**options):
        rows = [saved.get(*task) for task in tasks]
        missing = [joblib.delayed(_run)(i, train, *task) for i, task in enumerate(tasks) if rows[i] is None]
        parallel = joblib.Parallel(batch_size=1, return_as="generator_unordered")
        with bar(total=len(tasks), initial=len(tasks) - len(missing), disable=not progress, unit="run") as shown:
            for index, row in parallel(missing):
                rows[index] = row = row._replace(config=tasks[index][0])
                saved.add(row)
                shown.update()
    done = tuple(row for row in rows if row is not None)
    losses = np.array([row.loss for row in done]).reshape(len(configs), len(numbers))
    return Sweep(done, tuple(configs), losses)


def _run(index: int, train: Callable[[Config, int], float], config: Config, seed: int) -> tuple[int, Row]:
    """What a worker does."""
    start = time.perf_counter()
    try:
        loss, error = float(train(dict(config), seed)), None
    except Exception as exception:  # whatever it is, it belongs to this row
        loss, error = math.nan, f"{type(exception).__name__}: {exception}"
    return index, Row(config, seed, loss, error, time.perf_counter() - start)


def _package(name: str) -> Any:
    """Import an optional package when it is needed, not before."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"sweep needs {name}: pip install joblib tqdm", name=name) from None


def _reported(result: Sweep) -> Sweep:
    """Warn of what would be overlooked."""
    best = result.best
    if best is None:
        error = next((row.error for row in result.rows if row.error is not None), "infinite or missing losses")
        warnings.warn(f"no configuration has a finite mean loss: {error}", stacklevel=3)
        return result
    for name, side in result.edges.items():
        text = f"the best {name}={best[name]!r} is the {side} of its grid: the best of all may lie beyond"
        warnings.warn(text, stacklevel=3)
    return result


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def columns(lines: list[list[str]]) -> str:
    """Set lines of cells as a table, aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.rjust, line, widths)).rstrip() for line in lines)
