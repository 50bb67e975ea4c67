"""The book's figures: contours, paths, loss curves, schedules and maps, in one style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lrlab.display import COLORS, INK
from lrlab.objectives import Objective
from lrlab.schedules import AnySchedule, as_schedule
from lrlab.training import Trajectory

STYLE: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=list(COLORS.values())),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 10,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def subplots(rows: int = 1, columns: int = 1, width: float = 7.0, height: float = 3.5, **options: Any) -> Any:
    """``matplotlib.pyplot.subplots`` in the book's style, which holds from then on in this session.

    Parameters
    ----------
    rows, columns : int
        Panels.
    width, height : float
        Of the whole figure, in inches.
    **options
        Passed on, for example ``sharey=True``.

    Returns
    -------
    tuple
        The figure and its axes, as in Matplotlib.

    Examples
    --------
    >>> fig, (left, right) = subplots(1, 2, sharey=True)
    >>> plt.close(fig)
    """
    mpl.rcParams.update(STYLE)
    return plt.subplots(rows, columns, figsize=(width, height), **options)


def contours(ax: Axes, objective: Objective, x: tuple[float, float], y: tuple[float, float], levels: int = 12) -> None:
    r"""Draw the lines of equal loss of a two-parameter objective, denser toward the minimum.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    objective : Objective
        With ``dim == 2``.
    x, y : (low, high)
        Ranges of :math:`\theta_1` and :math:`\theta_2`.
    levels : int
        How many lines.

    Raises
    ------
    ValueError
        If the objective has not two parameters.

    Examples
    --------
    >>> from lrlab.objectives import Rosenbrock
    >>> fig, ax = subplots()
    >>> contours(ax, Rosenbrock(), x=(-2, 2), y=(-1, 3))
    >>> plt.close(fig)
    """
    if objective.dim != 2:
        raise ValueError(f"objective must have two parameters, got dim={objective.dim}")
    grid = np.stack(np.meshgrid(np.linspace(*x, 160), np.linspace(*y, 160)))
    loss = objective.loss(grid)
    low = objective.loss(objective.minimum)
    heights = low + (loss.max() - low) * np.linspace(0, 1, levels + 2)[1:-1] ** 3
    ax.contour(*grid, loss, levels=heights, colors=INK, linewidths=0.7, alpha=0.35)
    ax.plot(*objective.minimum, marker="+", color=INK, markersize=9)
    ax.set(xlabel="θ₁", ylabel="θ₂", xlim=x, ylim=y)


def path(ax: Axes, trajectory: Trajectory, label: str = "", color: str = COLORS["blue"], **options: Any) -> None:
    """Draw the way of one run through two parameters: a dot for each step, a ring at the start.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    trajectory : Trajectory
        Of one run with two parameters.
    label, color
        For the legend and the line.
    **options
        Passed on to ``ax.plot``.

    Raises
    ------
    ValueError
        If the trajectory is not one run of two parameters.

    Examples
    --------
    >>> from lrlab import minimize
    >>> from lrlab.objectives import Quadratic
    >>> from lrlab.optimizers import GradientDescent
    >>> fig, ax = subplots()
    >>> path(ax, minimize(Quadratic([1, 10]), [1, 1], GradientDescent(), lr=0.1, steps=20))
    >>> plt.close(fig)
    """
    if trajectory.params.shape[1:] != (2,):
        raise ValueError(f"trajectory must be one run of two parameters, got shape {trajectory.params.shape}")
    points = trajectory.params[np.isfinite(trajectory.params).all(axis=1)]
    ax.plot(*points.T, **{"marker": "o", "markersize": 3, "linewidth": 1.2, "label": label, "color": color, **options})
    ax.plot(*points[0], marker="o", markersize=8, markerfacecolor="none", color=color)


def losses(ax: Axes, loss: ArrayLike, label: str = "", floor: float = 0.0, **options: Any) -> None:
    """Draw a loss curve on a logarithmic axis, as far as it is finite.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    loss : array of shape (steps + 1,)
        One loss per step.
    label : str
        For the legend.
    floor : float
        The smallest possible loss; it is taken off, so that the line shows the distance to it.
    **options
        Passed on to ``ax.semilogy``.

    Examples
    --------
    >>> fig, ax = subplots()
    >>> losses(ax, [4.0, 1.0, 0.25, float("inf")], label="η = 0.1")
    >>> plt.close(fig)
    """
    gap = np.asarray(loss, dtype=float) - floor
    gap = np.where(np.isfinite(gap) & (gap > 0), gap, np.nan)
    ax.semilogy(np.arange(len(gap)), gap, label=label, **options)
    ax.set(xlabel="step t", ylabel="loss − smallest loss" if floor else "loss")


def valley(ax: Axes, rates: ArrayLike, losses: ArrayLike, label: str = "", **options: Any) -> None:
    """Draw the loss of a sweep against the rate, both axes logarithmic: a dot for each seed, a line through the means.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    rates : array of shape (n,)
        The grid.
    losses : array of shape (n, seeds)
        What came out. Where a run diverged there is no dot, and where a mean is not finite no line.
    label : str
        For the legend.
    **options
        Passed on to ``ax.loglog`` for the line; a ``color`` holds for the dots too.

    Examples
    --------
    >>> fig, ax = subplots()
    >>> valley(ax, [0.01, 0.1, 1.0], [[2.0, 2.1], [0.5, 0.4], [3.0, float("inf")]], label="momentum")
    >>> plt.close(fig)
    """
    found = np.asarray(losses, dtype=float)
    found = np.where(np.isfinite(found) & (found > 0), found, np.nan)
    (line,) = ax.loglog(rates, found.mean(axis=1), label=label, **options)
    ax.loglog(rates, found, "o", markersize=3.5, color=line.get_color())
    ax.set(xlabel="rate η", ylabel="loss")


def schedules(ax: Axes, named: dict[str, AnySchedule], steps: int) -> None:
    """Draw schedules against the step, each with its name.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    named : dict
        Name to schedule, number or callable.
    steps : int
        How many steps to draw.

    Examples
    --------
    >>> from lrlab.schedules import Cosine, Linear
    >>> fig, ax = subplots()
    >>> schedules(ax, {"cosine": Cosine(0.1, 100), "linear": Linear(0.1, 100)}, steps=120)
    >>> plt.close(fig)
    """
    for (name, schedule), dashes in zip(named.items(), _DASHES * len(named), strict=False):
        rate = as_schedule(schedule)
        ax.plot(np.arange(steps), [rate(t) for t in range(steps)], label=name, linestyle=dashes)
    ax.set(xlabel="step t", ylabel="rate η(t)", ylim=(0, None))
    ax.legend()


_DASHES: list[Any] = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 2))]


def heatmap(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    values: ArrayLike,
    label: str,
    vmin: float | None = None,
    vmax: float | None = None,
) -> None:
    """Draw a map of one number over two settings; where it is NaN or infinite the map is hatched.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; set its scales before (``ax.set_xscale("log")``).
    x, y : arrays of shapes (m,) and (n,)
        The settings.
    values : array of shape (n, m)
        One number for each pair.
    label : str
        What the number is, with its unit.
    vmin, vmax : float, optional
        Ends of the color scale.

    Examples
    --------
    >>> fig, ax = subplots()
    >>> heatmap(ax, [0.1, 0.2], [0.0, 0.5, 0.9], np.arange(6.0).reshape(3, 2), label="loss")
    >>> plt.close(fig)
    """
    shown = np.ma.masked_invalid(np.asarray(values, dtype=float))
    ax.patch.set(hatch="////", hatchcolor=COLORS["gray"])
    mesh = ax.pcolormesh(x, y, shown, cmap="viridis", vmin=vmin, vmax=vmax, rasterized=True)
    figure = ax.figure
    assert isinstance(figure, Figure)
    bar = figure.colorbar(mesh, ax=ax)
    bar.set_label(label, color=INK)
    bar.ax.tick_params(colors=INK)
    bar.outline.set_visible(False)


def shades(n: int) -> Sequence[Any]:
    """``n`` colors from dark to light for settings that are ordered, such as a grid of rates.

    Parameters
    ----------
    n : int
        How many.

    Examples
    --------
    >>> len(shades(5))
    5
    """
    return list(mpl.colormaps["viridis"](np.linspace(0.1, 0.85, n)))
