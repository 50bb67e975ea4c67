"""The range test for a network."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from lrlab import search
from lrlab.optimizers import Method
from lrlab.pytorch import devices
from lrlab.pytorch.batches import indices, on_device, seeded
from lrlab.pytorch.optimizer import Optimizer
from lrlab.pytorch.rates import set_lr
from lrlab.pytorch.training import Loss, backward, reduced


def range_test(
    model: torch.nn.Module,
    train: tuple[Any, Any],
    optimizer: Method,
    lr_min: float = 1e-6,
    lr_max: float = 10.0,
    steps: int = 200,
    *,
    batch_size: int = 64,
    loss: Loss = cross_entropy,
    reduction: str | None = "mean",
    smoothing: float = 0.9,
    explode: float = 4.0,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> search.RangeTest:
    r"""Raise the rate from step to step, on a copy of the network, until its loss explodes :cite:p:`smith2017cyclical`.

    .. math:: \eta_t = \eta_\text{min} \, (\eta_\text{max} / \eta_\text{min})^{t / (T - 1)}

    The network itself and torch's global generators stay as they were.

    Parameters
    ----------
    model, train, optimizer, batch_size, loss, reduction, seed, device
        As for `fit`, and best the same: another method or batch size has another rate.
    lr_min, lr_max : float > 0
        :math:`\eta_\text{min} \le \eta_\text{max}`, the rates to begin and to end with.
    steps : int
        :math:`T`, at least 2.
    smoothing, explode
        As for `lrlab.search.range_test`, which does the work.

    Returns
    -------
    lrlab.search.RangeTest
        Rates, losses, smoothed losses, and the rate that they suggest.

    Raises
    ------
    ValueError
        If an argument is out of its range, or inputs and targets do not fit.

    Warns
    -----
    UserWarning
        If the loss was still falling at ``lr_max``: a larger rate might do.

    Examples
    --------
    >>> from lrlab.optimizers import GradientDescent
    >>> x = torch.linspace(-1, 1, 64).reshape(-1, 1)
    >>> y = x + torch.sin(40 * x)  # the bias has curvature 2: no rate above 2 / 2 is stable
    >>> model, mse = torch.nn.Linear(1, 1), torch.nn.functional.mse_loss
    >>> found = range_test(model, (x, y), GradientDescent(), loss=mse, device="cpu")
    >>> bool(found.suggestion < 1 < found.lr[found.diverged_at])
    True
    """
    if not isinstance(optimizer, Method):
        raise ValueError(f"optimizer must be a Method such as Adam(), got optimizer={optimizer!r}")
    where = devices.device(device)
    inputs, targets = on_device("train", train, where)
    batches = indices(len(inputs), batch_size, drop_last=False, seed=seed, device=where)
    tried = copy.deepcopy(model).to(where)
    if not tried.training:
        tried.train()
    driver = Optimizer(tried.parameters(), optimizer, lr_min)
    batch_loss = reduced(loss, reduction)

    def step(lr: float) -> float:
        batch = next(batches)
        set_lr(driver, lr)
        value = backward(tried, driver, (inputs[batch], targets[batch]), batch_loss, nullcontext())
        driver.step()
        return value.item()

    with seeded(seed, where):
        return search.range_test(step, lr_min, lr_max, steps, smoothing=smoothing, explode=explode)
