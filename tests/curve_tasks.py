"""The tasks whose loss curves `tests.curves` labels: data, a model, a loss and a method each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from lrlab.data import load_mnist
from lrlab.optimizers import Adam, GradientDescent, HeavyBall, Method, RMSProp

Parts = list[tuple[tuple[int, ...], int]]


class Model(Protocol):
    """What predicts. Many runs go side by side, each with parameters of its own: the first axis of every array."""

    deep: bool  # whether tiny weights make its gradient tiny

    def parts(self, x: torch.Tensor, y: torch.Tensor) -> Parts:
        """The shape of each array of parameters, and how many inputs it sums over; 0 for biases."""

    def __call__(self, arrays: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """From inputs of shape (runs, n, ...), or (1, n, ...) if all runs have the same, to (runs, n, outputs)."""


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
    model: Model | None = None  # in place of dense layers
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None  # (prediction, y) -> one number per run
    wrong: float = -30.0  # what multiplies a y that is wrong

    @property
    def network(self) -> Model:
        return self.model or Dense(self.hidden, self.activation)


def outputs(y: torch.Tensor) -> int:
    """The outputs that a target asks for."""
    return y.shape[1] if y.ndim == 2 else int(y.max()) + 1


# Losses: a prediction of shape (runs, n, outputs) and a target of shape (n, outputs) or (n,), each run's or all runs'


def mean_square(found, y):
    return ((found - y) ** 2).mean((1, 2))


def cross_entropy(found, y, smooth=0.0):
    logs = torch.log_softmax(found, -1)
    right = logs.gather(-1, y.expand(len(found), -1)[..., None])[..., 0]
    return -((1 - smooth) * right + smooth * logs.mean(-1)).mean(1)


def huber(found, y):
    away = (found - y).abs()
    return torch.where(away < 1, away**2 / 2, away - 0.5).mean((1, 2))


def absolute(found, y):
    return (found - y).abs().mean((1, 2))


def log_cosh(found, y):
    away = (found - y).abs()
    return (away + torch.log1p(torch.exp(-2 * away)) - np.log(2)).mean((1, 2))


def pinball(found, y, share=0.9):
    return torch.maximum(share * (y - found), (share - 1) * (y - found)).mean((1, 2))


def poisson(found, y):
    return (torch.exp(found) - y * found).mean((1, 2))


def exponential(found, y):
    """Minus the log-likelihood of waiting times whose rate is exp(found)."""
    return (torch.exp(found) * y - found).mean((1, 2))


def gamma(found, y):
    """The deviance of a gamma distribution with the mean exp(found)."""
    return (y * torch.exp(-found) - 1 + found - torch.log(y)).mean((1, 2))


def gaussian(found, y):
    """Minus the log-likelihood of a mean and a logarithm of the variance, up to a constant: it goes below zero."""
    mean, log = found[..., :1], found[..., 1:]
    return ((y - mean) ** 2 * torch.exp(-log) + log).mean((1, 2)) / 2


def hinge(found, y):
    return torch.relu(1 - y * found).mean((1, 2))


def squared_hinge(found, y):
    return (torch.relu(1 - y * found) ** 2).mean((1, 2))


def yes_or_no(found, y):
    """The cross-entropy of labels of which several may hold, 0 or 1 each."""
    return (torch.relu(found) - found * y + torch.log1p(torch.exp(-found.abs()))).mean((1, 2))


def divergence(found, y):
    """From shares y to predicted ones, by Kullback and Leibler."""
    return (y * (torch.log(y) - torch.log_softmax(found, -1))).sum(-1).mean(1)


# Models


class Dense(NamedTuple):
    """Layers one after another."""

    hidden: tuple[int, ...]
    activation: Any

    @property
    def deep(self):
        return bool(self.hidden)

    def parts(self, x, y):
        return [part for a, b in pairwise([x.shape[1], *self.hidden, outputs(y)]) for part in (((a, b), a), ((b,), 0))]

    def __call__(self, arrays, x):
        for i in range(0, len(arrays), 2):
            x = x @ arrays[i] + arrays[i + 1][:, None]
            x = self.activation(x) if i < len(arrays) - 2 else x
        return x


class Shared(NamedTuple):
    """The same layer at each place of an input of shape (n, places, features): a convolution on cut-out patches.

    Its answers go on side by side, or as their mean: a network on sets.
    """

    width: int
    mean: bool = False
    activation: Any = torch.relu
    deep: bool = True

    def parts(self, x, y):
        inner = self.width * (1 if self.mean else x.shape[1])
        return [
            ((x.shape[2], self.width), x.shape[2]),
            ((self.width,), 0),
            ((inner, outputs(y)), inner),
            ((outputs(y),), 0),
        ]

    def __call__(self, arrays, x):
        one, bias, two, last = arrays
        x = self.activation(x @ one[:, None] + bias[:, None, None])
        x = x.mean(2) if self.mean else x.flatten(2)
        return x @ two + last[:, None]


class Recurrent(NamedTuple):
    """A state that each element of a sequence changes, with a gate or without; what the last state says."""

    width: int
    gated: bool = False
    deep: bool = True

    def parts(self, x, y):
        width = self.width * (2 if self.gated else 1)
        return [
            ((x.shape[2], width), x.shape[2]),
            ((self.width, width), 2 * self.width),
            ((width,), 0),
            ((self.width, outputs(y)), self.width),
            ((outputs(y),), 0),
        ]

    def __call__(self, arrays, x):
        inward, on, bias, out, last = arrays
        state = torch.zeros(1, 1, self.width)
        for t in range(x.shape[2]):
            new = x[:, :, t] @ inward + state @ on + bias[:, None]
            if self.gated:
                gate = torch.sigmoid(new[..., self.width :])
                state = (1 - gate) * state + gate * torch.tanh(new[..., : self.width])
            else:
                state = torch.tanh(new)
        return state @ out + last[:, None]


class Attention(NamedTuple):
    """The mean of all elements' values, weighted by a softmax of what each element asks for."""

    width: int
    deep: bool = True

    def parts(self, x, y):
        d, w, o = x.shape[2], self.width, outputs(y)
        return [((d, w), d), ((w, w), w), ((d, w), d), ((w, o), w), ((o,), 0)]

    def __call__(self, arrays, x):
        key, query, value, out, last = arrays
        keys = torch.tanh(x @ key[:, None])
        asked = keys.mean(2) @ query
        weights = torch.softmax((keys * asked[:, :, None]).sum(-1) / np.sqrt(self.width), -1)
        seen = (weights[..., None] * (x @ value[:, None])).sum(2)
        return torch.tanh(seen) @ out + last[:, None]


class Factors(NamedTuple):
    """A vector for each row and one for each column of a table; an entry is their product."""

    rows: int
    columns: int
    rank: int
    deep: bool = True

    def parts(self, x, y):
        return [((self.rows, self.rank), 2 * self.rank), ((self.columns, self.rank), 2 * self.rank), ((1,), 0)]

    def __call__(self, arrays, x):
        rows, columns, bias = arrays
        run = torch.arange(len(rows))[:, None]
        product = (rows[run, x[..., 0]] * columns[run, x[..., 1]]).sum(-1, keepdim=True)
        return product + bias[:, None]


class Words(NamedTuple):
    """A vector for each word, dense layers on the words side by side or on their sum."""

    words: int
    size: int
    hidden: int
    together: bool = False
    deep: bool = True

    def parts(self, x, y):
        inner = self.size * (1 if self.together else x.shape[1])
        dense = [((inner, self.hidden), inner), ((self.hidden,), 0), ((self.hidden, outputs(y)), self.hidden)]
        return [((self.words, self.size), 2), *dense, ((outputs(y),), 0)]

    def __call__(self, arrays, x):
        table, one, bias, two, last = arrays
        seen = table[torch.arange(len(table))[:, None, None], x]
        seen = seen.sum(2) / np.sqrt(x.shape[2]) if self.together else seen.flatten(2)
        return torch.tanh(seen @ one + bias[:, None]) @ two + last[:, None]


class Residual(NamedTuple):
    """Blocks that each add something to what goes through them."""

    width: int
    blocks: int
    activation: Any = torch.tanh
    deep: bool = True

    def parts(self, x, y):
        w = self.width
        inner = [part for _ in range(self.blocks) for part in (((w, w), 2 * w), ((w,), 0))]
        return [((x.shape[1], w), x.shape[1]), ((w,), 0), *inner, ((w, outputs(y)), w), ((outputs(y),), 0)]

    def __call__(self, arrays, x):
        x = x @ arrays[0] + arrays[1][:, None]
        for i in range(2, len(arrays) - 2, 2):
            x = x + self.activation(x @ arrays[i] + arrays[i + 1][:, None])
        return x @ arrays[-2] + arrays[-1][:, None]


class Gaussian(NamedTuple):
    """A hidden layer; a mean and a logarithm of the variance."""

    width: int
    deep: bool = True

    def parts(self, x, y):
        d, w = x.shape[1], self.width
        return [((d, w), d), ((w,), 0), ((w, 2), w), ((2,), 0)]

    def __call__(self, arrays, x):
        return Dense((self.width,), torch.tanh)(arrays, x)


# Data


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


def several(n, dim, outputs, seed):
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


def counts(n, dim, seed, level=1.0):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        weights = rng.normal(size=(dim, 1)) / np.sqrt(dim)
        return x / 2, rng.poisson(np.exp(level + 0.7 * x @ weights)).astype(float)

    return draw


def waiting(n, dim, seed):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        return x / 2, rng.exponential(np.exp(1 - x @ rng.normal(size=(dim, 1)) / np.sqrt(dim))) + 1e-3

    return draw


def outliers(n, dim, seed, share=0.1):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        return x, x @ rng.normal(size=(dim, 1)) + np.where(rng.random((n, 1)) < share, 10, 0.3) * rng.normal(
            size=(n, 1)
        )

    return draw


def fan(n, seed):
    """A wave whose noise grows from left to right."""

    def draw():
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1.5, 1.5, size=(n, 1))
        return x, np.sin(2 * x) + (0.1 + 0.3 * (x + 1.5)) * rng.normal(size=(n, 1))

    return draw


def ratings(rows, columns, rank, n, seed, sign=False):
    def draw():
        rng = np.random.default_rng(seed)
        x = np.stack([rng.integers(rows, size=n), rng.integers(columns, size=n)], 1)
        entries = (rng.normal(size=(rows, rank))[x[:, 0]] * rng.normal(size=(columns, rank))[x[:, 1]]).sum(1)
        entries = entries / np.sqrt(rank) + 0.2 * rng.normal(size=n)
        return x, ((entries > 0) if sign else entries).astype(float)[:, None]

    return draw


def tones(n, length, seed, kinds=0):
    """Noisy waves of random pitch: what comes next, or which of some pitches it was."""

    def draw():
        rng = np.random.default_rng(seed)
        kind = np.arange(n) % max(kinds, 1)
        pitch = 0.4 + 0.35 * kind if kinds else rng.uniform(0.3, 0.9, size=n)
        t = np.arange(length + 1) * pitch[:, None] + rng.uniform(0, 2 * np.pi, size=(n, 1))
        waves = 1.4 * np.sin(t) + 0.1 * rng.normal(size=t.shape)
        return waves[:, :-1, None], kind if kinds else waves[:, -1:]

    return draw


def patches(first, n, size, stride):
    """Digits of 14 by 14 points, cut into overlapping squares."""

    def draw():
        images = load_mnist(progress=False, fallback=False)
        x = images.train_images[first : first + n].reshape(n, 14, 2, 14, 2).mean((2, 4))
        cut = np.lib.stride_tricks.sliding_window_view((x - x.mean()) / x.std(), (size, size), (1, 2))
        return cut[:, ::stride, ::stride].reshape(n, -1, size**2).astype(float), images.train_labels[first : first + n]

    return draw


def labels(n, dim, kinds, seed):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        return x, (x @ rng.normal(size=(dim, kinds)) + rng.normal(size=kinds) > 0.5).astype(float)

    return draw


def letters(n, words, length, seed):
    """Letters that follow one another by a table of chances; the next one is asked for."""

    def draw():
        rng = np.random.default_rng(seed)
        chances = rng.dirichlet(np.full(words, 0.15), size=words)
        text = [0]
        for _ in range(n + length):
            text.append(int(rng.choice(words, p=chances[text[-1]])))
        cut = np.lib.stride_tricks.sliding_window_view(np.array(text), length + 1)[:n]
        return cut[:, :-1].copy(), cut[:, -1].copy()

    return draw


def topics(n, words, length, kinds, seed):
    """Bags of words, drawn by the table of their topic."""

    def draw():
        rng = np.random.default_rng(seed)
        kind, tables = np.arange(n) % kinds, rng.dirichlet(np.full(words, 0.3), size=kinds)
        return np.stack([rng.choice(words, size=length, p=tables[k]) for k in kind]), kind

    return draw


def sets(n, size, seed):
    """Sets of points; their spread is asked for."""

    def draw():
        rng = np.random.default_rng(seed)
        x = rng.uniform(0.3, 2, size=(n, 1, 1)) * rng.normal(size=(n, size, 2))
        y = np.log((x**2).mean((1, 2)))[:, None]
        return x, (y - y.mean()) / y.std()

    return draw


def signed(draw_classes):
    """Two classes as -1 and 1."""

    def draw():
        x, y = draw_classes()
        return x, (2.0 * y - 1)[:, None]

    return draw


def one_or_not(first, n, digit):
    """Digits, and whether they are a certain one."""
    return signed(lambda: (lambda x, y: (x, (y == digit).astype(int)))(*digits(first, n)()))


def phases(n, dim, seed):
    """Squared projections, whose sign is lost."""

    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        y = (x @ rng.normal(size=(dim, 2)) / np.sqrt(dim)) ** 2
        return x / np.sqrt(dim), y.sum(1, keepdims=True)

    return draw


def sheet(n, dim, seed):
    """Points of a curved sheet in many dimensions, to be copied."""

    def draw():
        rng = np.random.default_rng(seed)
        place = rng.uniform(-1, 1, size=(n, 2))
        x = np.sin(place @ rng.normal(size=(2, dim)) * 2) + 0.05 * rng.normal(size=(n, dim))
        return x / x.std(), x / x.std()

    return draw


def waves_of(n, dim, features, seed):
    """Random waves of the inputs as features of a linear model."""

    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        y = np.tanh(x[:, :1] * x[:, 1:2]) + 0.5 * np.sin(2 * x[:, 2:3]) + 0.1 * rng.normal(size=(n, 1))
        return np.sqrt(2) * np.cos(x @ rng.normal(size=(dim, features)) + rng.uniform(0, 2 * np.pi, features)), y

    return draw


def shares(n, dim, kinds, seed):
    def draw():
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        y = np.exp(2 * np.tanh(x @ rng.normal(size=(dim, kinds)) / 2))
        return x, y / y.sum(1, keepdims=True)

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
    Task("cubic", False, cubic(300, seed=31), (16,), batch=20, steps=250, method=HeavyBall(0.9)),
    Task("digits in small batches", False, digits(16000, 600), (24,), torch.relu, batch=16, method=HeavyBall(0.5)),
    Task("many blobs", False, clouds(400, 12, 8, 0.9, seed=32), batch=50, steps=180),
    Task("checkerboard", False, checkerboard(400, seed=33), (24, 24), batch=40, steps=300, method=Adam()),
    Task("several outputs", False, several(150, 10, 5, seed=34), steps=160),
    Task("digits, sigmoid, Adam", False, digits(18000, 500), (30,), torch.sigmoid, batch=25, method=Adam()),
    Task("damped wave", False, damped(100, seed=35), (20, 20), steps=200, method=Adam()),
    Task("few examples", False, regression(40, 12, 0.1, seed=36), batch=10, steps=220, method=HeavyBall(0.9)),
    Task("counts", False, counts(300, 6, seed=41), batch=16, loss=poisson, wrong=30.0),
    Task("ratings", False, ratings(30, 25, 3, 600, seed=42), batch=64, method=HeavyBall(0.9), model=Factors(30, 25, 4)),
    Task("next value of a tone", False, tones(200, 8, seed=43), batch=32, method=Adam(), model=Recurrent(12)),
    Task("digits by convolution", False, patches(20000, 400, 4, 2), batch=32, method=HeavyBall(0.9), model=Shared(6)),
    Task("outliers, Huber", False, outliers(300, 8, seed=44), batch=20, steps=250, loss=huber),
    Task("upper quantile", False, fan(300, seed=45), (16,), batch=32, steps=250, method=Adam(), loss=pinball),
    Task("several labels", False, labels(300, 8, 5, seed=46), (20,), torch.relu, 32, 200, RMSProp(), loss=yes_or_no),
    Task("residual network", False, surface(200, seed=47), steps=200, method=HeavyBall(0.9), model=Residual(16, 3)),
    Task(
        "next letter", False, letters(600, 12, 2, seed=48), batch=32, steps=250, method=Adam(), model=Words(12, 6, 24)
    ),
    Task("spread of a set", False, sets(200, 6, seed=49), batch=25, model=Shared(16, mean=True)),
    Task("margin between clouds", False, signed(clouds(240, 6, 2, 0.9, seed=50)), batch=12, loss=hinge),
    Task(
        "deep and linear",
        False,
        several(150, 8, 3, seed=51),
        (10, 10),
        torch.nn.Identity(),
        steps=200,
        method=HeavyBall(0.5),
    ),
    Task("sizes of claims", False, waiting(300, 5, seed=52), (12,), batch=32, method=Adam(), loss=gamma, wrong=30.0),
    Task(
        "is it a three",
        False,
        one_or_not(24000, 500, 3),
        (24,),
        torch.relu,
        40,
        180,
        HeavyBall(0.9),
        loss=squared_hinge,
    ),
    Task("lifetimes", False, waiting(300, 6, seed=61), batch=25, steps=220, loss=exponential, wrong=30.0),
    Task(
        "pairs that go together",
        False,
        ratings(25, 25, 2, 600, seed=62, sign=True),
        batch=50,
        method=HeavyBall(0.9),
        model=Factors(25, 25, 3),
        loss=yes_or_no,
    ),
    Task(
        "pitch of a tone",
        False,
        tones(240, 9, seed=63, kinds=4),
        batch=24,
        steps=250,
        method=HeavyBall(0.9),
        model=Recurrent(12, gated=True),
    ),
    Task("digits by attention", False, patches(26000, 400, 5, 3), batch=32, method=Adam(), model=Attention(16)),
    Task("least absolute deviations", False, outliers(120, 6, seed=64, share=0.2), steps=200, loss=absolute),
    Task(
        "copy of a sheet",
        False,
        sheet(300, 8, seed=65),
        (6, 2, 6),
        batch=30,
        steps=250,
        method=RMSProp(),
        loss=log_cosh,
    ),
    Task("lost signs", False, phases(150, 6, seed=66), (16,), torch.square, steps=220),
    Task(
        "blobs, smoothed labels",
        False,
        clouds(400, 7, 6, 1.1, seed=67),
        (20,),
        torch.relu,
        16,
        180,
        HeavyBall(0.5),
        loss=partial(cross_entropy, smooth=0.1),
    ),
    Task(
        "mean and spread",
        False,
        fan(400, seed=68),
        batch=32,
        steps=250,
        method=Adam(),
        model=Gaussian(16),
        loss=gaussian,
    ),
    Task("random waves", False, waves_of(300, 4, 40, seed=69), batch=20, steps=220),
    Task("shares", True, shares(250, 6, 4, seed=71), (16,), batch=25, method=HeavyBall(0.9), loss=divergence),
    Task("topic of a text", True, topics(300, 40, 12, 4, seed=72), batch=25, model=Words(40, 8, 16, together=True)),
    Task("lower quantile", True, outliers(250, 5, seed=73), batch=16, loss=partial(pinball, share=0.25)),
    Task(
        "gated tone",
        True,
        tones(200, 7, seed=74),
        batch=25,
        steps=250,
        method=Adam(),
        model=Recurrent(10, gated=True),
        loss=huber,
    ),
    Task("kinds of sets", True, tones(240, 10, seed=76, kinds=3), batch=20, method=HeavyBall(0.5), model=Shared(10)),
    Task(
        "counts of many kinds",
        True,
        counts(250, 8, seed=77, level=0.5),
        (10,),
        batch=25,
        method=Adam(),
        loss=poisson,
        wrong=30.0,
    ),
    Task(
        "residual of digits",
        True,
        digits(30000, 500),
        batch=25,
        method=HeavyBall(0.9),
        model=Residual(20, 2, torch.relu),
    ),
    Task(
        "margins of rings",
        True,
        signed(rings(240, seed=78)),
        (20,),
        batch=20,
        steps=250,
        method=Adam(),
        loss=squared_hinge,
    ),
    Task("wide least squares", True, waves_of(100, 3, 30, seed=79), steps=200, method=HeavyBall(0.9), loss=log_cosh),
)
