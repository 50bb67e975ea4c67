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
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from lrlab.data import load_mnist
from lrlab.optimizers import Adam, GradientDescent, HeavyBall, Method, RMSProp
from lrlab.schedules import Constant, Cosine, Exponential, Linear, MultiStep, Schedule, Warmup

FILE = Path(__file__).with_name("curves.npz")
TUNING = 2  # seeds that measure a configuration
MOST = dict.fromkeys(("too slow", "oscillating", "decayed too early", "spike", "diverging", "plateau"), 3)  # per task


@dataclass(frozen=True, eq=False)
class Task:
    """A network without hidden layers is linear or logistic regression; on scaled unit vectors, a quadratic."""

    name: str
    held_out: bool
    data: Any  # () -> (x, y); integer y asks for cross-entropy, others for the mean squared error
    hidden: tuple[int, ...] = ()
    activation: Any = torch.tanh
    batch: int | None = None  # None: all of the data in every step
    steps: int = 200
    method: Method = field(default_factory=GradientDescent)
    noise: float = 0.0  # standard deviation added to each coordinate of the gradient


class Run(NamedTuple):
    """What makes a curve, apart from its task and its seed."""

    label: str
    schedule: Any
    start: str = "usual"
    event: str = ""
    at: int = -1


def quadratic(dim, condition):
    x = np.diag(np.sqrt(dim * np.geomspace(1, condition, dim)))
    return lambda: (x, np.zeros((dim, 1)))


def regression(n, dim, noise, seed, decay=0.0):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim)) * np.arange(1, dim + 1) ** -decay
        return x, x @ rng.normal(size=(dim, 1)) + noise * rng.normal(size=(n, 1))

    return draw


def wave(n, seed, noise=0.1):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.uniform(-2, 2, size=(n, 1))
        return x, np.sqrt(2) * np.sin(2 * x) + noise * rng.normal(size=(n, 1))

    return draw


def surface(n, seed):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, 3))
        y = x[:, :1] * x[:, 1:2] + np.cos(2 * x[:, 2:])
        return x, (y - y.mean()) / y.std()

    return draw


def polynomial(n, degree, noise, seed):
    def draw():
        rng = np.random.default_rng(seed)
        t = rng.uniform(-1, 1, size=n)
        return np.polynomial.legendre.legvander(t, degree), (np.exp(t) + noise * rng.normal(size=n))[:, None]

    return draw


def egg_box(n, seed):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, size=(n, 2))
        return x, 2 * (np.sin(3 * x[:, :1]) * np.sin(3 * x[:, 1:])) + 0.1 * rng.normal(size=(n, 1))

    return draw


def sawtooth(n, seed):
    def draw():
        x = np.sort(np.random.default_rng(seed).uniform(-1.5, 1.5, size=(n, 1)), 0)
        return x, 2 * np.sqrt(3) * (x % 1 - 0.5)

    return draw


def clouds(n, dim, classes, distance, seed, wrong=0.0):
    def draw():
        rng = np.random.default_rng(seed)
        y = np.arange(n) % classes
        x = distance * rng.normal(size=(classes, dim))[y] + rng.normal(size=(n, dim))
        return x, np.where(np.arange(n) % 100 < 100 * wrong, (y + 1) % classes, y)

    return draw


def rings(n, seed):
    def draw():
        rng = np.random.default_rng(seed)
        y, angle = np.arange(n) % 2, rng.uniform(0, 2 * np.pi, size=n)
        r = 0.8 + 0.8 * y + 0.3 * rng.normal(size=n)
        return np.stack([r * np.cos(angle), r * np.sin(angle)], 1), y

    return draw


def cubic(n, seed):
    def draw():
        x = np.random.default_rng(seed).uniform(-1.5, 1.5, size=(n, 2))
        y = x[:, :1] ** 3 - x[:, :1] * x[:, 1:]
        return x, y / y.std()

    return draw


def checkerboard(n, seed):
    def draw():
        x = np.random.default_rng(seed).uniform(-1.5, 1.5, size=(n, 2))
        return x, np.floor(x).astype(int).sum(1) % 2

    return draw


def outputs(n, dim, outputs, seed):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        return x, x @ rng.normal(size=(dim, outputs)) / 2 + 0.3 * rng.normal(size=(n, outputs))

    return draw


def damped(n, seed):
    def draw():
        x = np.random.default_rng(seed).uniform(-1, 2, size=(n, 1))
        y = np.exp(-x) * np.cos(5 * x)
        return x, (y - y.mean()) / y.std()

    return draw


def parity(n, bits, seed):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.integers(2, size=(n, bits))
        return 2.0 * x - 1 + 0.3 * rng.normal(size=(n, bits)), x.sum(1) % 2

    return draw


def spirals(n, seed):
    def draw():
        rng = np.random.default_rng(seed)
        y, r = np.arange(n) % 2, rng.uniform(0.2, 1, size=n)
        angle = 5 * r + np.pi * y
        return 2 * np.stack([r * np.cos(angle), r * np.sin(angle)], 1) + 0.05 * rng.normal(size=(n, 2)), y

    return draw


def moons(n, seed):
    def draw():
        rng = np.random.default_rng(seed)
        y, angle = np.arange(n) % 2, rng.uniform(0, np.pi, size=n)
        x = np.stack([np.cos(angle) * (1 - 2 * y) + y - 0.5, np.sin(angle) * (1 - 2 * y) + 0.5 * y - 0.25], 1)
        return 1.5 * x + 0.2 * rng.normal(size=(n, 2)), y

    return draw


def digits(first, n, target="digit"):
    def draw():
        images = load_mnist(progress=False, fallback=False)
        x = images.train_images[first : first + n].reshape(n, 7, 4, 7, 4).mean((2, 4)).reshape(n, 49)
        x = (x - x.mean()) / x.std()
        labels = images.train_labels[first : first + n]
        if target == "lower":
            return x[:, :28], x[:, 28:]
        return x, {"digit": labels, "odd": labels % 2, "image": x}[target]

    return draw


TASKS = (
    Task("quadratic", False, quadratic(10, 20.0), steps=150),
    Task("noisy quadratic, momentum", False, quadratic(6, 10.0), method=HeavyBall(0.5), noise=0.5),
    Task("regression in batches", False, regression(256, 8, 0.3, seed=1), batch=8, steps=250),
    Task("logistic regression", False, clouds(120, 4, 2, 0.8, seed=2), steps=150),
    Task("waves", False, wave(200, seed=3), (24, 24), batch=32, steps=300, method=HeavyBall(0.9)),
    Task("spirals", False, spirals(160, seed=4), (24, 24), torch.relu, method=HeavyBall(0.9), steps=300),
    Task("digits", False, digits(0, 1000), (32, 16), torch.relu, batch=32),
    Task("three clouds, Adam", False, clouds(300, 6, 3, 0.8, seed=5), (16, 16), batch=24, method=Adam()),
    Task("overlapping clouds", False, clouds(300, 5, 4, 0.7, seed=6), batch=20, steps=200),
    Task("spirals, Adam", False, spirals(240, seed=7), (24,), batch=40, steps=200, method=Adam()),
    Task("steep surface", False, surface(240, seed=8), (20, 20), batch=30, steps=200),
    Task("correlated regression", False, regression(100, 6, 0.2, seed=11, decay=0.7), method=HeavyBall(0.5)),
    Task("softmax of digits", False, digits(2000, 1000), batch=32, steps=250),
    Task("moons", False, moons(300, seed=12), (24, 24), torch.relu, batch=24, steps=250, method=HeavyBall(0.9)),
    Task("digits in one batch", False, digits(4000, 300), (24, 16), steps=150),
    Task("surface, Adam", False, surface(300, seed=13), (24, 24), batch=32, steps=300, method=Adam()),
    Task("autoencoder", False, digits(6000, 600, target="image"), (24, 8, 24), batch=32),
    Task("regression, wide and noisy", False, regression(400, 20, 1.0, seed=14), batch=20, steps=180),
    Task(
        "five clouds", False, clouds(400, 8, 5, 1.0, seed=15), (24, 16), torch.sigmoid, batch=40, method=HeavyBall(0.9)
    ),
    Task("polynomial", False, polynomial(80, 6, 0.2, seed=21), steps=200, method=HeavyBall(0.9)),
    Task("odd digits", False, digits(12000, 800, target="odd"), (40,), torch.relu, batch=50, steps=180),
    Task("rings", False, rings(240, seed=22), (16, 16), batch=32, steps=250, method=Adam()),
    Task("egg box", False, egg_box(400, seed=23), (32, 32), torch.relu, batch=25, steps=300, method=HeavyBall(0.9)),
    Task("wrong labels", False, clouds(400, 6, 3, 1.2, seed=24, wrong=0.15), (32,), batch=32, method=RMSProp()),
    Task("lower half of digits", False, digits(14000, 500, target="lower"), batch=40, steps=220),
    Task("two clouds in batches, Adam", False, clouds(300, 10, 2, 0.6, seed=25), batch=20, method=Adam()),
    Task("long valley", False, quadratic(20, 60.0), steps=250, noise=0.2),
    Task("sawtooth", False, sawtooth(120, seed=26), (12, 12, 12), steps=250, method=HeavyBall(0.9)),
    Task("parity of bits", False, parity(256, 4, seed=27), (32,), torch.relu, batch=32, steps=300, method=Adam()),
    Task("cubic", True, cubic(300, seed=31), (16,), batch=20, steps=250, method=HeavyBall(0.9)),
    Task("digits in small batches", True, digits(16000, 600), (24,), torch.relu, batch=16, method=HeavyBall(0.5)),
    Task("many blobs", True, clouds(400, 12, 8, 0.9, seed=32), batch=50, steps=180),
    Task("checkerboard", True, checkerboard(400, seed=33), (24, 24), batch=40, steps=300, method=Adam()),
    Task("several outputs", True, outputs(150, 10, 5, seed=34), steps=160),
    Task("digits, sigmoid, Adam", True, digits(18000, 500), (30,), torch.sigmoid, batch=25, method=Adam()),
    Task("damped wave", True, damped(100, seed=35), (20, 20), steps=200, method=Adam()),
    Task("few examples", True, regression(40, 12, 0.1, seed=36), batch=10, steps=220, method=HeavyBall(0.9)),
)


@cache
def data_of(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = task.data()
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.long if y.ndim == 1 else torch.float32)


def layers(task: Task) -> list[tuple[int, int]]:
    x, y = data_of(task)
    sizes = [x.shape[1], *task.hidden, int(y.max()) + 1 if y.ndim == 1 else y.shape[1]]
    return list(pairwise(sizes))


def initial(task: Task, start: str, rng: np.random.Generator) -> np.ndarray:
    """Weights of variance 2 / inputs and biases of zero; "tiny" and "dead" starts spoil them."""
    factor = 0.01 if start == "tiny" else 1.0
    flat = []
    for depth, (inputs, outputs) in enumerate(layers(task)):
        last = depth == len(task.hidden)
        flat.append(rng.normal(size=inputs * outputs) * np.sqrt(2 / inputs) * factor)
        flat.append(np.full(outputs, -50.0 if start == "dead" and not last else 0.0))
    return np.concatenate(flat)


def losses(task: Task, params: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The loss of each run, of shape (runs,), for parameters of shape (d, runs)."""
    at, shapes = 0, layers(task)
    for depth, (inputs, outputs) in enumerate(shapes):
        weight = params[at : at + inputs * outputs].T.reshape(-1, inputs, outputs)
        bias = params[at + inputs * outputs : at + (inputs + 1) * outputs].T[:, None]
        x = x @ weight + bias
        x = x if depth == len(shapes) - 1 else task.activation(x)
        at += (inputs + 1) * outputs
    if y.is_floating_point():
        return ((x - y) ** 2).mean((1, 2))
    return -torch.log_softmax(x, -1).gather(-1, y.expand(len(x), -1)[..., None]).mean((1, 2))


def starts_of(task: Task, runs: list[Run], seeds: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The loss over all data at each start, and the length of its gradient without the last biases, always large."""
    x, y = data_of(task)
    starts = [initial(task, run.start, np.random.default_rng(seed)) for run, seed in zip(runs, seeds, strict=True)]
    params = torch.tensor(np.stack(starts, 1), dtype=torch.float32, requires_grad=True)
    loss = losses(task, params, x[None], y[None])
    (grad,) = torch.autograd.grad(loss.sum(), params)
    return loss.detach().numpy(), grad[: -layers(task)[-1][1]].norm(dim=0).numpy()


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
            xs[i], ys[i] = 30 * xs[i], ys[i].roll(1, 0) if y.ndim == 1 else -30 * ys[i]
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
    if task.hidden:
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
    if task.hidden:
        spoiled = "dead" if task.activation is torch.relu else "tiny"
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
