"""One network at many rates, trained at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.functional import cross_entropy

from lrlab import _checks as check
from lrlab.optimizers.base import Method
from lrlab.pytorch import devices
from lrlab.pytorch.batches import indices, on_device, seeded
from lrlab.pytorch.blocks import COORDINATEWISE, LARGE, step_by_blocks
from lrlab.pytorch.training import Loss
from lrlab.schedules import AnySchedule, as_schedule


class Rates(NamedTuple):
    """What `fit_rates` found, one run for each rate."""

    loss: NDArray[np.float64]  # of shape (steps, runs): each step's batch, before the step
    params: dict[str, torch.Tensor]  # at the end, each of shape (runs, *shape)
    seconds: float  # of training


def fit_rates(
    model: torch.nn.Module,
    train: tuple[Any, Any],
    method: Method,
    rates: Sequence[AnySchedule],
    *,
    steps: int,
    batch_size: int = 64,
    loss: Loss = cross_entropy,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> Rates:
    r"""Train a network at many rates at once: the same start and the same batches for each.

    .. math:: \theta^{(r)}_{t+1} = \text{step}(\theta^{(r)}_t, \, \nabla L_t(\theta^{(r)}_t), \, \eta_r(t)),
        \qquad r = 1, \dots, R

    The runs' weights are stacked, and their matrix products are one batch of products: R small ones cost more than
    one large one does. The numbers are those of R calls of `fit`, to rounding. Beyond the edge of stability rounding
    grows from step to step, and they part.

    Parameters
    ----------
    model : torch.nn.Module
        Where each run starts; it is not changed. Its buffers stay what they are.
    train : pair of arrays or tensors
        Inputs and targets.
    method : Method
        One that treats each coordinate by itself.
    rates : sequence of float or schedule
        :math:`\eta_1, \dots, \eta_R`.
    steps : int
        How long.
    batch_size, loss, seed, device
        As for `fit`.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the method measures more than single coordinates.

    Examples
    --------
    >>> from lrlab.optimizers import HeavyBall
    >>> from lrlab.pytorch import mlp
    >>> x = torch.linspace(-1, 1, 100).reshape(-1, 1)
    >>> data = x, (x[:, 0] > 0).long()
    >>> found = fit_rates(mlp([1, 2]), data, HeavyBall(0.9), [0.001, 0.01, 0.1], steps=50, device="cpu")
    >>> found.loss.shape, int(found.loss[-1].argmin())
    ((50, 3), 2)
    """
    if type(method) not in COORDINATEWISE:
        raise ValueError(f"method must treat each coordinate by itself, got method={method!r}")
    check.count(steps=steps)
    where = devices.device(device)
    inputs, targets = on_device("train", train, where)
    schedules = [as_schedule(rate) for rate in rates]
    model = model.to(where)

    def batch_loss(params: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return loss(functional_call(model, params, (x,)), y)

    gradient: Callable[..., Any] = vmap(grad_and_value(batch_loss), in_dims=(0, None, None), randomness="same")
    runs = len(schedules)
    params = {name: param.detach().repeat(runs, *[1] * param.ndim) for name, param in model.named_parameters()}
    states = {name: method.init(param) for name, param in params.items()}
    losses = []
    model.train()
    start = time.perf_counter()
    with seeded(seed, where), torch.no_grad():
        for t, batch in enumerate(islice(indices(len(inputs), batch_size, False, seed, where), steps)):
            lr = [check.rate(schedule(t)) for schedule in schedules]
            grads, values = gradient(params, inputs[batch], targets[batch])
            losses.append(values)
            for name, param in params.items():
                params[name], states[name] = _step(method, param, grads[name], states[name], lr)
    found = torch.stack(losses).cpu().double().numpy()
    return Rates(found, params, time.perf_counter() - start)


def _step(method: Method, params: torch.Tensor, grads: torch.Tensor, state: Any, lr: list[float]) -> tuple[Any, Any]:
    """A step of every run; run by run where all of them together do not fit into the cache."""
    if params.nbytes < LARGE or params.device.type != "cpu":
        rates = torch.tensor(lr, dtype=params.dtype, device=params.device).view(-1, *[1] * (params.ndim - 1))
        return method.step(params, grads, state, rates)
    stepped = state
    for run, rate in enumerate(lr):
        own = type(state)(*(leaf[run] if isinstance(leaf, torch.Tensor) else leaf for leaf in state))
        stepped = step_by_blocks(method, params[run], grads[run], own, rate)
    pairs = zip(state, stepped, strict=True)
    return params, type(state)(*(old if isinstance(old, torch.Tensor) else new for old, new in pairs))
