"""Take each implementation along the same problem and keep its path."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import torch

from lrlab.optimizers import Method
from tests import papers
from tests.matrix import ROWS, Row, Settings

STEPS = 200
Layers = list[np.ndarray]
Walk = tuple[np.ndarray, np.ndarray]  # the path (steps, numbers) and the point to judge at its end


@dataclass(frozen=True)
class Problem:
    """A noisy quadratic over a list of layers: the gradient is ``curvature * params + noise[t]``."""

    start: Layers
    curvature: Layers
    noise: Layers
    rates: np.ndarray

    def grad(self, layers: Layers, t: int) -> Layers:
        return [c * p + n[t] for c, p, n in zip(self.curvature, layers, self.noise, strict=True)]


def problem(seed: int, row: Row, steps: int = STEPS) -> Problem:
    rng = np.random.default_rng(seed)
    low, high = row.lr
    rates = np.full(steps, rng.uniform(low, high)) if row.constant_lr else rng.uniform(low, high, steps)
    return Problem(
        [rng.normal(size=shape) for shape in row.shapes],
        [rng.uniform(0.1, 1.0, shape) * (not row.fixed) for shape in row.shapes],
        [rng.normal(scale=0.5, size=(steps, *shape)) for shape in row.shapes],
        rates,
    )


def flat(layers: Any) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(layer)) for layer in layers])


def walk_ours(method: Method, to: Problem, tensors: bool = False) -> Walk:
    make = torch.tensor if tensors else np.array
    on = Problem(*([make(layer) for layer in layers] for layers in (to.start, to.curvature, to.noise)), to.rates)
    layers, path = on.start, []
    state = method.init(layers)
    for t, lr in enumerate(to.rates):
        layers, state = method.step(layers, on.grad(layers, t), state, lr)
        path.append(flat(layers))
    return np.array(path), flat(method.eval_params(layers, state))


@contextmanager
def torch_float64() -> Iterator[None]:
    """NAdam's and ASGD's counters have torch's default dtype; Muon casts to bfloat16."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.double):
            yield
    finally:
        torch.set_default_dtype(before)


def walk_torch(row: Row, settings: Settings, to: Problem) -> Walk:
    with torch_float64():
        layers = torch.nn.ParameterList(torch.tensor(layer) for layer in to.start)
        curvature, noise = [torch.tensor(c) for c in to.curvature], [torch.tensor(n) for n in to.noise]
        averaged = _averaged(layers, settings) if row.name == "swa_utils.AveragedModel" else None
        if averaged:
            optimizer = torch.optim.SGD(layers)
        else:
            optimizer = getattr(torch.optim, row.name)(layers, lr=float(to.rates[0]), **row.theirs(settings))
        path = []
        for t, lr in enumerate(to.rates):
            optimizer.param_groups[0]["lr"] = float(lr)
            for layer, c, n in zip(layers, curvature, noise, strict=True):
                layer.grad = c * layer.detach() + n[t]
            optimizer.step()
            if averaged and t >= settings.get("start", 0):
                averaged.update_parameters(layers)
            path.append(flat(layer.detach() for layer in layers))
        judged = averaged.module if averaged else [optimizer.state[layer].get("ax", layer) for layer in layers]
        return np.array(path), flat(layer.detach() for layer in judged)


def _averaged(layers: torch.nn.ParameterList, settings: Settings) -> Any:
    if "decay" not in settings:
        return torch.optim.swa_utils.AveragedModel(layers)
    ema = torch.optim.swa_utils.get_ema_multi_avg_fn(settings["decay"])
    averaged = torch.optim.swa_utils.AveragedModel(layers, multi_avg_fn=ema)
    averaged.update_parameters(layers)
    return averaged


@contextmanager
def keras_float64() -> Iterator[Any]:
    """Keras in float64, two things mended: its norm is float32, ScheduleFreeAdamW overwrites a value still needed."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    def norm(x: torch.Tensor, axis: Any, keepdims: bool) -> torch.Tensor:
        return torch.linalg.norm(x, dim=axis, keepdim=keepdims)

    def assign_sub(optimizer: Any, variable: Any, delta: torch.Tensor) -> None:
        variable._value = torch.nn.Parameter(variable.value - delta, requires_grad=False)

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        with (
            warnings.catch_warnings(),
            mock.patch.object(keras.src.ops, "norm", norm),
            mock.patch.object(keras.optimizers.ScheduleFreeAdamW, "assign_sub", assign_sub),
        ):
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # Keras' own, in Nadam
            yield keras
    finally:
        keras.config.set_floatx(before)


def walk_keras(row: Row, settings: Settings, to: Problem) -> Walk:
    with keras_float64() as keras:
        layers = [keras.Variable(layer) for layer in to.start]
        optimizer = getattr(keras.optimizers, row.name)(learning_rate=float(to.rates[0]), **row.theirs(settings))
        optimizer.build(layers)
        path = []
        for t, lr in enumerate(to.rates):
            if not row.constant_lr:
                optimizer.learning_rate = float(lr)
            here = [layer.value.detach().numpy() for layer in layers]
            optimizer.apply([torch.tensor(grad) for grad in to.grad(here, t)], layers)
            path.append(flat(layer.value.detach() for layer in layers))
        judged = path[-1]
        if row.method == "ScheduleFreeAdamW":
            beta, z = settings["beta1"], flat(v.value for v in optimizer._momentums)
            judged = (judged - (1 - beta) * z) / beta
        if row.method == "EMA":
            optimizer.finalize_variable_values(layers)
            behind = settings["decay"] ** len(path) * (path[0] - flat(to.start))
            judged = flat(layer.value.detach() for layer in layers) - behind
        return np.array(path), judged


def walk_optax(row: Row, settings: Settings, to: Problem) -> Walk:
    import jax

    with jax.enable_x64(True):
        path, judged = _optax_scan(ROWS.index(row))(settings, to.start, to.curvature, to.noise, to.rates)
        return np.concatenate([np.reshape(part, (len(to.rates), -1)) for part in path], axis=1), flat(judged)


@cache
def _optax_scan(index: int) -> Any:
    """One compiled loop for a row; its settings are arguments."""
    import jax
    import jax.numpy as jnp
    import optax

    row = ROWS[index]

    def build(settings: Settings, rates: Any) -> Any:
        lr = rates[0] if row.constant_lr else lambda count: rates[count]
        if row.name == "add_decayed_weights":
            return optax.chain(optax.add_decayed_weights(**row.theirs(settings)), optax.sgd(lr))
        if row.name == "contrib.muon":
            outputs_first = optax.contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=0)
            return optax.contrib.muon(
                lr, **row.theirs(settings), muon_weight_dimension_numbers=lambda params: [outputs_first for _ in params]
            )
        module = optax.contrib if row.name.startswith("contrib.") else optax
        return getattr(module, row.name.removeprefix("contrib."))(lr, **row.theirs(settings))

    @jax.jit
    def scan(settings: Settings, start: Any, curvature: Any, noise: Any, rates: Any) -> Any:
        optimizer = build(settings, rates)
        state = optimizer.init(start)
        if row.late:
            state = jax.tree.map(lambda x: x + 10**6 if x.dtype == jnp.int32 and x.ndim == 0 else x, state)

        def step(carry: Any, noise_t: Any) -> Any:
            params, state = carry
            grad = jax.tree.map(lambda c, p, n: c * p + n, curvature, params, noise_t)
            updates, state = optimizer.update(grad, state, params)
            params = optax.apply_updates(params, updates)
            return (params, state), params

        (params, state), path = jax.lax.scan(step, (start, state), noise)
        averages = row.name.startswith("contrib.schedule_free")
        return path, optax.contrib.schedule_free_eval_params(state, params) if averages else params

    return scan


def walk_paper(row: Row, settings: Settings, to: Problem) -> Walk:
    layers, rates = [layer.copy() for layer in to.start], [float(lr) for lr in to.rates]
    steps = [(flat(moved), judged) for moved, judged in getattr(papers, row.name)(layers, to.grad, rates, **settings)]
    return np.array([moved for moved, _ in steps]), flat(steps[-1][1])
