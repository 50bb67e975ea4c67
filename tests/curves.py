"""Loss curves of small real runs, labeled by what made them: ``python -m tests.curves`` writes tests/curves.npz.

A label never comes from the look of a curve. For each task a grid of constant rates, with seeds of its own, measures

- the best rate: the lowest loss over the whole data at the end, and
- the largest stable rate: up to it, from the best one, every rate of the grid ends below the reference, which is the
  loss at the start or, for a network, that of the best constant prediction if this is lower.

A configuration (a schedule, with what is done to the run) is then run with two seeds to measure its *gap*: the share of
the decrease from the reference to the best rate's end that it leaves: 0 is as good as the best rate, 1 is no decrease.
Both seeds must agree. A third seed gives the curve.

=================  ==================================================================================================
healthy            a third of the best rate to the best rate; constant, warmed up or decayed late; gap at most 0.1
too slow           1/1000 to 1/8 of the best rate; gap, taken from the run's own start, between 0.4 and 0.95
oscillating        twice the best rate to the largest stable one; gap between 0.25 and 0.8
diverging          2 to 16 times the largest stable rate
decayed too early  a good rate, made tiny within the first sixth of the run; gap at least 0.2
spike              a good rate, and once a batch of wrong labels and scaled inputs, or one step of a huge rate, that at
                   least doubles the loss of the steps after it
plateau            a good rate, from a start whose gradient is below a hundredth of the usual one (tiny weights or dead
                   units); gap at least 0.2
=================  ==================================================================================================

A task is held out until its confusion matrix has been looked at; after that it belongs to those that thresholds are
tuned on, and new tasks are held out in its place.

Rates between these ranges are left out: nobody can say which of two names is right there.
"""

from __future__ import annotations

import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from lrlab.schedules import Constant, Cosine, Exponential, Linear, MultiStep, Schedule, Warmup
from tests.curve_tasks import TASKS, Task, cross_entropy, mean_square

FILE = Path(__file__).with_name("curves.npz")
TUNING = 2  # seeds that measure a configuration
MOST = dict.fromkeys(("too slow", "oscillating", "decayed too early", "spike", "diverging", "plateau"), 3)  # per task


class Run(NamedTuple):
    """What makes a curve, apart from its task and its seed."""

    label: str
    schedule: Any
    start: str = "usual"
    event: str = ""
    at: int = -1


@cache
def data_of(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = task.data()
    return tensor(x), tensor(y)


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32 if values.dtype.kind == "f" else torch.long)


def initial(task: Task, start: str, rng: np.random.Generator) -> np.ndarray:
    """Weights of variance 2 / inputs and biases of zero; "tiny" and "dead" starts spoil them."""
    factor = 0.01 if start == "tiny" else 1.0
    parts = task.network.parts(*data_of(task))
    flat = []
    for i, (shape, inputs) in enumerate(parts):
        if inputs:
            flat.append(rng.normal(size=np.prod(shape)) * np.sqrt(2 / inputs) * factor)
        else:
            flat.append(np.full(shape, -50.0 if start == "dead" and i < len(parts) - 1 else 0.0))
    return np.concatenate(flat)


def losses(task: Task, params: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The loss of each run, of shape (runs,), for parameters of shape (d, runs)."""
    shapes = [shape for shape, _ in task.network.parts(*data_of(task))]
    pieces = params.T.split([int(np.prod(shape)) for shape in shapes], dim=1)
    arrays = [piece.reshape(-1, *shape) for piece, shape in zip(pieces, shapes, strict=True)]
    return loss_of(task)(task.network(arrays, x), y)


def loss_of(task: Task) -> Any:
    return task.loss or (mean_square if data_of(task)[1].is_floating_point() else cross_entropy)


def starts_of(task: Task, runs: list[Run], seeds: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The loss over all data at each start, and the length of its gradient without the last biases, always large."""
    x, y = data_of(task)
    starts = [initial(task, run.start, np.random.default_rng(seed)) for run, seed in zip(runs, seeds, strict=True)]
    params = torch.tensor(np.stack(starts, 1), dtype=torch.float32, requires_grad=True)
    loss = losses(task, params, x[None], y[None])
    (grad,) = torch.autograd.grad(loss.sum(), params)
    shape, inputs = task.network.parts(x, y)[-1]
    last = 0 if inputs else int(np.prod(shape))
    return loss.detach().numpy(), grad[: len(grad) - last].norm(dim=0).numpy()


def train(task: Task, runs: list[Run], seeds: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Train all runs side by side: the loss curves, of shape (steps, runs), and the losses over all data at the end."""
    x, y = data_of(task)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    params = torch.tensor(
        np.stack([initial(task, run.start, rng) for run, rng in zip(runs, rngs, strict=True)], 1), dtype=torch.float32
    )
    steps, batch = task.steps, task.batch
    order = None if batch is None else np.stack([rng.integers(len(x), size=(steps, batch)) for rng in rngs], 1)
    noise = np.stack([rng.normal(size=(steps, len(params))) for rng in rngs], 2) * task.noise if task.noise else None
    rates = torch.tensor(np.stack([run.schedule(np.arange(steps)) for run in runs], 1), dtype=torch.float32)
    state, curve, ends = task.method.init(params), [], []
    for t in range(steps):
        xs, ys = (x[None], y[None]) if order is None else (x[order[t]], y[order[t]])
        bad = [i for i, run in enumerate(runs) if run.event == "batch" and run.at == t]
        if bad and batch is None:
            xs, ys = (part.repeat(len(runs), *(1,) * (part.ndim - 1)) for part in (xs, ys))
        for i in bad:
            xs[i] = 30 * xs[i] if x.is_floating_point() else xs[i]
            ys[i] = task.wrong * ys[i] if y.is_floating_point() else ys[i].roll(1, 0)
        free = params.detach().requires_grad_()
        loss = losses(task, free, xs, ys)
        (grad,) = torch.autograd.grad(loss.sum(), free)
        grad = grad if noise is None else grad + torch.tensor(noise[t], dtype=torch.float32)
        params, state = task.method.step(params, grad, state, rates[t])
        curve.append(loss.detach())
        if t >= 0.8 * steps and t % 5 == 0:
            ends.append(losses(task, params, x[None], y[None]).detach())
    return torch.stack(curve).numpy(), torch.stack(ends).mean(0).numpy()


def constant(task: Task) -> float:
    """The loss of the best prediction that does not look at its input."""
    _, y = data_of(task)
    if task.loss:
        guess = torch.zeros(1, 1, task.network.parts(*data_of(task))[-1][0][-1], requires_grad=True)
        search = torch.optim.Adam([guess], lr=0.05)
        for _ in range(400):
            search.zero_grad()
            loss = task.loss(guess.expand(1, len(y), -1), y[None]).sum()
            loss.backward()
            search.step()
        return float(loss.detach())
    if y.is_floating_point():
        return float(y.var(0, correction=0).mean())
    shares = torch.bincount(y) / len(y)
    return float(-(shares * shares.log()).sum())


def measure(task: Task) -> tuple[float, float, float, float]:
    """The best rate, the largest stable rate, and the losses of the reference and of the best rate's end."""
    grid = np.geomspace(2.0**-14, 2.0**7, 22)
    runs = [Run("", Constant(float(lr))) for lr in grid for _ in range(TUNING)]
    seeds = [1000 + i % TUNING for i in range(len(runs))]
    _, end = train(task, runs, seeds)
    rng = [np.random.default_rng(1000 + i) for i in range(TUNING)]
    params = torch.tensor(np.stack([initial(task, "usual", r) for r in rng], 1), dtype=torch.float32)
    start = float(losses(task, params, *(part[None] for part in data_of(task))).mean())
    if task.network.deep:
        start = min(start, constant(task))
    mean = np.nan_to_num(end.reshape(-1, TUNING).mean(1), nan=np.inf)
    best = int(mean.argmin())
    beyond = np.flatnonzero(mean[best:] > start - 0.02 * (start - mean[best]))
    return float(grid[best]), float(grid[best + beyond[0] - 1]), start, float(mean[best])


class Event(NamedTuple):
    """One step of another rate."""

    lr: float
    at: int
    huge: float

    def __call__(self, t):
        return np.where(t == self.at, self.huge, self.lr)


def candidates(task: Task, best: float, stable: float, rng: np.random.Generator) -> list[Run]:
    steps = task.steps

    def good() -> float:
        return best * 3 ** -rng.uniform()

    def share(low: float, high: float) -> int:
        return int(steps * rng.uniform(low, high))

    def mixed(label: str, rate: Any, n: int) -> list[Run]:
        """Constant rates, two in five of them warmed up."""
        plain = [Constant(float(rate())) for _ in range(n)]
        return [Run(label, Warmup(s, share(0.05, 0.15)) if i % 5 > 2 else s) for i, s in enumerate(plain)]

    runs = mixed("healthy", good, 5)
    decays: list[Schedule] = [
        Cosine(good(), steps),
        Linear(good(), steps),
        MultiStep(good(), 0.1, [share(0.6, 0.8)]),
        Warmup(Cosine(good(), steps - (n := share(0.1, 0.2))), n),
        Exponential(good(), 3 / steps),
    ]
    runs += [Run("healthy", schedule) for schedule in decays]
    runs += mixed("too slow", lambda: best * 10 ** -rng.uniform(0.9, 3), 16)
    runs += mixed("diverging", lambda: stable * 2 ** rng.uniform(1, 4), 5)
    if stable > 2 * best:
        runs += mixed("oscillating", lambda: 2 * best * (stable / (2 * best)) ** rng.uniform(), 16)
    early: list[Schedule] = [MultiStep(good(), 0.01, [share(0.015, 0.16)]) for _ in range(4)]
    early += [Exponential(good(), 1 / (0.04 * steps)), Exponential(good(), 1 / (0.02 * steps))]
    early += [Cosine(good(), share(0.05, 0.16)), Linear(good(), share(0.05, 0.16))]
    runs += [Run("decayed too early", schedule) for schedule in early]
    for i in range(8):
        at, rate = share(0.3, 0.8), good()
        if i % 2:
            runs.append(Run("spike", Constant(rate), event="batch", at=at))
        else:
            runs.append(Run("spike", Event(rate, at, stable * 2 ** rng.uniform(3, 5)), event="rate", at=at))
    if task.network.deep:
        spoiled = "dead" if task.activation is torch.relu and task.hidden else "tiny"
        runs += [Run("plateau", Constant(good()), start=("tiny", spoiled)[i % 2]) for i in range(4)]
        runs += [Run("plateau", Warmup(Constant(good()), share(0.05, 0.15)), start="tiny")]
    return runs


def fits(label: str, gap: float, gradient: float, jump: float) -> bool:
    """Whether the measured response of a configuration bears out the label that its cause suggests."""
    good = {
        "healthy": gap <= 0.1,
        "too slow": 0.4 <= gap <= 0.95,
        "oscillating": 0.25 <= gap <= 0.8,
        "decayed too early": gap >= 0.2,
        "plateau": gap >= 0.2 and gradient < 0.01,
        "spike": jump >= 2,
    }
    return good.get(label, True)


def curves_of(task: Task) -> list[dict[str, Any]]:
    """All labeled curves of a task."""
    best, stable, start, end = measure(task)
    rng = np.random.default_rng(zlib.crc32(task.name.encode()))
    runs = candidates(task, best, stable, rng)
    seeds = [2000 + i for i in range(TUNING)]
    repeated = [run for run in runs for _ in seeds]
    tuned, ends = train(task, repeated, seeds * len(runs))
    own, gradients = starts_of(task, repeated, seeds * len(runs))
    curve, _ = train(task, runs, [3000 + i for i in range(len(runs))])
    usual = np.median(gradients[: 10 * TUNING])  # the healthy ones stand first
    found = []
    for i, run in enumerate(runs):
        mine = range(i * TUNING, (i + 1) * TUNING)
        gaps = (ends[mine] - end) / ((own[mine] if run.label == "too slow" else start) - end)
        shrunk = gradients[mine] / usual
        before, after = tuned[run.at - 5 : run.at, mine], tuned[run.at + 1 : run.at + 4, mine]
        jumps = np.median(after, 0) / np.maximum(np.median(before, 0), 1e-30) if run.event else np.ones(TUNING)
        enough = sum(entry["label"] == run.label for entry in found) == MOST.get(run.label, 5)
        if not enough and all(map(fits, [run.label] * TUNING, gaps, shrunk, jumps)):
            found.append({"task": task.name, "held_out": task.held_out, "label": run.label, "loss": curve[:, i]})
            found[-1] |= {"lr": np.asarray(run.schedule(np.arange(task.steps)), float), "gap": gaps.mean()}
            found[-1] |= {"of_best": found[-1]["lr"].max() / best, "run": run}
    return found


def build(tasks: tuple[Task, ...] = TASKS) -> list[dict[str, Any]]:
    return [entry for task in tasks for entry in curves_of(task)]


def save(entries: list[dict[str, Any]], file: Path = FILE) -> None:
    columns = {name: np.array([entry[name] for entry in entries]) for name in ("task", "held_out", "label")}
    columns |= {name: np.array([e[name] for e in entries], np.float32) for name in ("gap", "of_best")}
    columns["length"] = np.array([len(entry["loss"]) for entry in entries])
    for name in ("loss", "lr"):  # to 12 binary digits, which is enough and takes less room
        column = np.concatenate([entry[name] for entry in entries]).astype(np.float32)
        columns[name] = np.where(
            np.isfinite(column), (column.view(np.uint32) & ~np.uint32(4095)).view(np.float32), column
        )
    np.savez_compressed(file, **columns)


def load(file: Path = FILE) -> list[dict[str, Any]]:
    with np.load(file) as saved:
        columns = dict(saved)
    ends = np.cumsum(columns["length"])[:-1]
    columns |= {name: np.split(columns[name].astype(float), ends) for name in ("loss", "lr")}
    del columns["length"]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    save(build(), Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
