"""Train a network with a method and a schedule, and keep what happened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import get_total_norm

from lrlab import _checks as check
from lrlab.optimizers.base import Method
from lrlab.pytorch import devices
from lrlab.pytorch.batches import Pair, indices, on_device, seeded, steps_per_epoch, to_numpy
from lrlab.pytorch.clipping import clip_gradients
from lrlab.pytorch.history import History
from lrlab.pytorch.optimizer import Optimizer
from lrlab.pytorch.rates import as_scheduler
from lrlab.schedules import AnySchedule

Loss: TypeAlias = Callable[..., torch.Tensor]
TEST_BATCH = 1000  # examples at once in a test; a matter of memory alone


def fit(
    model: torch.nn.Module,
    train: tuple[Any, Any],
    optimizer: Method | torch.optim.Optimizer,
    lr: AnySchedule | None = None,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int = 64,
    test: tuple[Any, Any] | None = None,
    loss: Loss = cross_entropy,
    reduction: str | None = "mean",
    shuffle: bool = True,
    drop_last: bool = False,
    max_norm: float | None = None,
    grad_norms: bool = False,
    bfloat16: bool = False,
    seed: int = 0,
    device: str | torch.device | None = None,
    progress: bool = True,
    callback: Callable[[int, torch.Tensor], object] | None = None,
) -> History:
    r"""Train a network, in place, on data that lies on the device.

    .. math::

        \theta_{t+1}, s_{t+1} = \text{step}(\theta_t, g_t, s_t, \eta(t)), \qquad
        g_t = \nabla \tfrac{1}{|B_t|} \textstyle\sum_{i \in B_t} \ell_i(\theta_t)

    Parameters
    ----------
    model : torch.nn.Module
        Moved to the device, and put into training mode if it is not. A method that averages leaves its average in it;
        an optimizer's is where its ``eval_params`` is.
    train : pair of arrays or tensors
        Inputs and targets, examples first, of the types that the model and the loss take.
    optimizer : Method or torch.optim.Optimizer
        A method gets all parameters of the model; an optimizer has its own.
    lr : float, schedule, or callable ``t -> lr``
        :math:`\eta(t)`, with t counting steps. An optimizer may do without: it keeps its own rates then.
    epochs, steps : int
        How long: passes over the data, or steps. Give one of the two.
    batch_size : int
        Examples in a batch :math:`B_t`.
    test : pair of arrays or tensors, optional
        Inputs and targets to test on after each epoch: a validation set while you choose, the test set when you are
        done.
    loss : callable
        :math:`\ell`, ``loss(outputs, targets, reduction=...)`` as in ``torch.nn.functional``.
    reduction : "mean", "sum" or None
        What becomes of a batch's losses. The sum's gradient is ``batch_size`` times the mean's, and so is the rate in
        effect. None leaves the argument out, for a loss that knows it.
    shuffle : bool
        Draw a new random order for each epoch; else take the examples as they lie.
    drop_last : bool
        Leave out the last batch of an epoch if it is smaller. Kept, each of its examples weighs more in a mean.
    max_norm : float > 0, optional
        Clip gradients to this length, as `clip_gradients` does.
    grad_norms : bool
        Record the length of each gradient; so does ``max_norm``.
    bfloat16 : bool
        Compute outputs and loss in torch's automatic mixed precision. Tests are in the model's own.
    seed : int
        Of the order and of whatever the model draws. On the CPU the same seed gives the same run to the bit; torch's
        global generators are left as they were.
    device : str or torch.device, optional
        Where to run; the choice of `device` if not given.
    progress : bool
        Show a progress bar.
    callback : callable, optional
        Called after each step with its index and its loss, a tensor; if the result is true, the run ends.

    Returns
    -------
    History
        A run that diverges is no error: it holds inf or NaN from there on, and ``diverged`` tells.

    Raises
    ------
    ValueError
        If an argument is out of its range, or inputs and targets do not fit.
    ModuleNotFoundError
        If the progress bar is wanted and tqdm not installed.

    Examples
    --------
    >>> from lrlab.optimizers import HeavyBall
    >>> from lrlab.schedules import Linear
    >>> x = torch.linspace(-1, 1, 100).reshape(-1, 1)
    >>> y = (x[:, 0] > 0).long()
    >>> model = torch.nn.Linear(1, 2)
    >>> history = fit(
    ...     model, (x, y), HeavyBall(0.9), Linear(0.5, steps=100), steps=100, test=(x, y), device="cpu", progress=False
    ... )
    >>> history.loss.shape, history.test_step[-1], bool(history.test_accuracy[-1] > 0.95)
    ((100,), np.int64(100), True)
    """
    where = devices.device(device)
    inputs, targets = on_device("train", train, where)
    tests = None if test is None else on_device("test", test, where)
    per_epoch = steps_per_epoch(len(inputs), batch_size, drop_last)
    total = _total(epochs, steps, per_epoch)
    batch_loss = reduced(loss, reduction)
    driver, scheduler = _driver(model.to(where), optimizer, lr)
    params = [param for group in driver.param_groups for param in group["params"]]
    clip = None if max_norm is None else clip_gradients(params, max_norm)
    precision = torch.autocast(where.type, torch.bfloat16) if bfloat16 else nullcontext()
    batches = indices(len(inputs), batch_size, drop_last, seed if shuffle else None, where)

    rates: list[list[float]] = []
    losses: list[torch.Tensor] = []
    norms: list[torch.Tensor] = []
    tested: list[tuple[int, float, float]] = []
    seconds, stop = 0.0, False
    if not model.training:  # else leave frozen layers in the mode that they are in
        model.train()
    with seeded(seed, where), _bar(total) if progress else nullcontext() as bar:
        while len(losses) < total and not stop:
            start = time.perf_counter()
            for batch in islice(batches, min(per_epoch, total - len(losses))):
                value = backward(model, driver, (inputs[batch], targets[batch]), batch_loss, precision)
                if clip is not None:
                    norms.append(clip())
                elif grad_norms:
                    norms.append(get_total_norm([param.grad for param in params if param.grad is not None]))
                if scheduler is not None and losses:
                    scheduler.step()
                driver.step()
                rates.append([float(group["lr"]) for group in driver.param_groups])
                losses.append(value)
                if bar is not None:
                    bar.update()
                if callback is not None and callback(len(losses) - 1, value):
                    stop = True
                    break
            _wait_for(where)
            seconds += time.perf_counter() - start
            if tests is not None:
                with driver.eval_params() if isinstance(driver, Optimizer) else nullcontext():
                    tested.append((len(losses), *_test(model, tests, reduced(loss, reduction and "mean"))))
    if isinstance(driver, Optimizer) and driver is not optimizer:
        driver.to_eval_params()
    return History(
        lr=np.array(rates).squeeze(1) if len(driver.param_groups) == 1 else np.array(rates),
        loss=to_numpy(losses),
        grad_norm=to_numpy(norms) if norms else None,
        test_step=np.array([step for step, _, _ in tested], dtype=np.int64),
        test_loss=np.array([mean for _, mean, _ in tested]),
        test_accuracy=np.array([accuracy for _, _, accuracy in tested]),
        seconds=seconds,
        device=devices.describe_device(where),
    )


def evaluate(
    model: torch.nn.Module,
    data: tuple[Any, Any],
    loss: Loss = cross_entropy,
    reduction: str | None = "mean",
    device: str | torch.device | None = None,
) -> tuple[float, float]:
    """Test a network: with its layers in evaluation mode, and no gradient.

    Parameters
    ----------
    model : torch.nn.Module
        Moved to the device; the modes of its layers stay as they were.
    data : pair of arrays or tensors
        Inputs and targets, examples first.
    loss, reduction, device
        As for `fit`.

    Returns
    -------
    loss, accuracy : float
        Mean loss per example; the share of targets whose output is the largest, NaN where targets are no classes.

    Raises
    ------
    ValueError
        As in `fit`.

    Examples
    --------
    >>> model = torch.nn.Linear(1, 2)
    >>> mean, accuracy = evaluate(model, (torch.zeros(8, 1), torch.zeros(8, dtype=torch.int64)), device="cpu")
    """
    where = devices.device(device)
    return _test(model.to(where), on_device("data", data, where), reduced(loss, reduction and "mean"))


def backward(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Pair,
    loss: Loss,
    precision: AbstractContextManager[Any],
) -> torch.Tensor:
    """Put a batch's gradient into the parameters, in place of the one before; return the loss."""
    inputs, targets = batch
    optimizer.zero_grad()
    with precision:
        value = loss(model(inputs), targets)
    torch.autograd.backward(value)
    return value.detach()


def _driver(
    model: torch.nn.Module, optimizer: Method | torch.optim.Optimizer, lr: AnySchedule | None
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler | None]:
    """A torch optimizer, and what sets its rate if it does not do so itself."""
    if isinstance(optimizer, Method):
        if lr is None:
            raise ValueError("lr must be a number or a schedule for a method, got lr=None")
        return Optimizer(model.parameters(), optimizer, lr), None
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(f"optimizer must be a Method or a torch.optim.Optimizer, got {optimizer!r}")
    return optimizer, None if lr is None else as_scheduler(optimizer, lr)


def _total(epochs: int | None, steps: int | None, per_epoch: int) -> int:
    if (epochs is None) == (steps is None):
        raise ValueError(f"epochs or steps must be given, one of the two, got epochs={epochs!r} and steps={steps!r}")
    if steps is not None:
        check.count(steps=steps)
        return steps
    check.count(epochs=epochs)
    return per_epoch * (epochs or 0)


def reduced(loss: Loss, reduction: str | None) -> Loss:
    """The loss of a batch, as one number."""
    if reduction not in ("mean", "sum", None):
        raise ValueError(f"reduction must be 'mean', 'sum' or None, got reduction={reduction!r}")
    return loss if reduction is None else partial(loss, reduction=reduction)


@torch.no_grad()
def _test(model: torch.nn.Module, tests: Pair, loss: Loss) -> tuple[float, float]:
    """Mean loss and accuracy, with the layers in their evaluation mode."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    inputs, targets = tests
    total: Any = 0.0
    hits: Any = 0.0
    for start in range(0, len(inputs), TEST_BATCH):
        y = targets[start : start + TEST_BATCH]
        outputs = model(inputs[start : start + TEST_BATCH])
        total = total + len(y) * loss(outputs, y)
        classes = not y.is_floating_point() and outputs.ndim == y.ndim + 1
        hits = hits + ((outputs.argmax(1) == y).sum() if classes else math.nan)
    for module in training:
        module.training = True
    return float(total) / len(inputs), float(hits) / targets.numel()


def _bar(total: int) -> Any:
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        needs = "pip install tqdm, or give progress=False"
        raise ModuleNotFoundError(f"fit needs tqdm for its progress bar: {needs}", name="tqdm") from None
    return tqdm(total=total, unit="step", leave=False)


def _wait_for(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
