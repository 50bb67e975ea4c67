"""Data-parallel training: several processes, each with its share of every batch, and one network.

`parallel_fit` is what each process runs. `launch` starts the processes on this machine; ``torchrun`` starts them on
many, as in ``torchrun --nproc-per-node 8 -m lrlab.pytorch.train_parallel``.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from datetime import timedelta
from itertools import islice
from multiprocessing import connection, context, get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed
from torch.nn.functional import cross_entropy

from lrlab import _checks as check
from lrlab.optimizers.base import Method
from lrlab.pytorch.batches import indices, on_device, steps_per_epoch, to_numpy
from lrlab.pytorch.optimizer import Optimizer
from lrlab.pytorch.training import Loss, backward, reduced
from lrlab.schedules import AnySchedule


def average(tensors: Iterable[torch.Tensor]) -> None:
    r"""Put the mean over all processes in place of each tensor, in one message.

    .. math:: x \leftarrow \frac1W \sum_{r=1}^{W} x_r

    Parameters
    ----------
    tensors : iterable of tensors
        Of the same shapes in every process, and of one type. In a single process they stay as they are.
    """
    listed = list(tensors)
    if not distributed.is_initialized():
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in listed])
    distributed.all_reduce(flat)  # the sum; it waits for all processes
    flat /= distributed.get_world_size()
    start = 0
    for tensor in listed:
        tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
        start += tensor.numel()


def parallel_fit(
    model: torch.nn.Module,
    train: tuple[Any, Any],
    optimizer: Method,
    lr: AnySchedule,
    *,
    steps: int,
    batch_size: int,
    loss: Loss = cross_entropy,
    seed: int = 0,
    callback: Callable[[int, torch.Tensor], object] | None = None,
) -> NDArray[np.float64]:
    r"""Train a network, in place, together with the other processes of the group.

    .. math:: g = \frac1W \sum_{r=1}^{W} g_r, \qquad
        g_r = \nabla \frac{W}{|B|} \sum_{i \in B_r} \ell_i(\theta), \qquad
        B = B_1 \cup \dots \cup B_W

    The shares :math:`B_r` are equal, so the mean of their gradients is the gradient of the whole batch: whatever the
    number of processes, the run is the same, but for rounding.

    Parameters
    ----------
    model : torch.nn.Module
        The same in all processes; its parameters are made so at the start. It stays on its device.
    train : pair of arrays or tensors
        All of the data, in every process.
    optimizer : Method
        Steps in every process, on the same gradient.
    lr : float, schedule, or callable ``t -> lr``
        :math:`\eta(t)`.
    steps : int
        How long.
    batch_size : int
        Examples in a batch :math:`B`, of all processes together: a multiple of their number :math:`W`.
    loss : callable
        As for `fit`; its mean is taken.
    seed : int
        Of the order. Every process draws the same one and takes every :math:`W`-th example of a batch.
    callback : callable, optional
        Called in every process after each step, with its index and the loss.

    Returns
    -------
    array of shape (steps,)
        The loss of each whole batch, the same in all processes.

    Raises
    ------
    ValueError
        If ``batch_size`` is no multiple of the number of processes, or as in `fit`.

    Notes
    -----
    Batch normalization would see its own share alone, and dropout would draw the same mask in every process: neither
    gives the run of one process.

    Examples
    --------
    Alone, it is a plain training loop:

    >>> from lrlab.optimizers import GradientDescent
    >>> x = torch.linspace(-1, 1, 64).reshape(-1, 1)
    >>> parallel_fit(
    ...     torch.nn.Linear(1, 2), (x, (x[:, 0] > 0).long()), GradientDescent(), 0.1, steps=5, batch_size=16
    ... ).shape
    (5,)
    """
    rank, world = 0, 1
    if distributed.is_initialized():
        rank, world = distributed.get_rank(), distributed.get_world_size()
    check.count(steps=steps, batch_size=batch_size)
    if batch_size % world:
        raise ValueError(f"batch_size must be a multiple of the {world} processes, got batch_size={batch_size}")
    params = list(model.parameters())
    inputs, targets = on_device("train", train, params[0].device)
    steps_per_epoch(len(inputs), batch_size, drop_last=True)  # raises where there is not one whole batch
    with torch.no_grad():
        for param in params if world > 1 else []:
            distributed.broadcast(param, src=0)
    driver, batch_loss = Optimizer(params, optimizer, lr), reduced(loss, "mean")
    rows, losses = torch.arange(len(inputs), device=inputs.device), []
    for batch in islice(indices(len(inputs), batch_size, True, seed, inputs.device), steps):
        share = rows[batch][rank::world]
        value = backward(model, driver, (inputs[share], targets[share]), batch_loss, nullcontext())
        average([*(param.grad for param in params if param.grad is not None), value])
        driver.step()
        losses.append(value)
        if callback is not None:
            callback(len(losses) - 1, value)
    return to_numpy(losses)


def launch(worker: Callable[..., Any], processes: int, *arguments: Any, timeout: float = 60.0) -> list[Any]:
    """Run a function in several processes of this machine that form a group, and return what each one returns.

    Parameters
    ----------
    worker : callable
        Any function, also a lambda or one of a notebook. The processes start afresh and import what it needs.
    processes : int
        How many. They talk by gloo, over the machine's own loopback, each on one thread.
    *arguments
        What to call it with. Each process gets its own copy.
    timeout : float
        Seconds that a process waits for the others before it gives up.

    Returns
    -------
    list
        One result for each process, in the order of their ranks.

    Raises
    ------
    ModuleNotFoundError
        If cloudpickle is not installed.
    RuntimeError
        If a process raises or is killed. It says which one and why. The others are ended first: none is left behind,
        nor if this process itself is interrupted or killed.

    Examples
    --------
    >>> launch(lambda n: n + distributed.get_rank(), 2, 10)  # doctest: +SKIP
    [10, 11]
    """
    check.count(processes=processes)
    check.positive(timeout=timeout)
    try:
        import cloudpickle
    except ModuleNotFoundError:
        raise ModuleNotFoundError("launch needs cloudpickle: pip install cloudpickle", name="cloudpickle") from None
    task = cloudpickle.dumps((worker, arguments))
    starter = get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        group = [
            starter.Process(target=_member, args=(task, rank, processes, folder, timeout), daemon=True)
            for rank in range(processes)
        ]
        try:
            for process in group:
                process.start()
            if _fails(group):
                raise RuntimeError(_reason(group, folder))
            return [pickle.loads((folder / f"{rank}.result").read_bytes()) for rank in range(processes)]
        finally:
            for process in group:
                if process.pid is not None:
                    process.kill()
                    process.join()


def _member(task: bytes, rank: int, world: int, folder: Path, timeout: float) -> None:
    """What a process of `launch` does from its start to its end."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    try:
        distributed.init_process_group(
            "gloo",
            init_method=(folder / "meeting").as_uri(),
            rank=rank,
            world_size=world,
            timeout=timedelta(seconds=timeout),
        )
        worker, arguments = pickle.loads(task)
        result = pickle.dumps(worker(*arguments))
        distributed.barrier()  # who leaves early looks dead to the others
        (folder / f"{rank}.result").write_bytes(result)
    except Exception:
        (folder / f"{rank}.error").write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(1)  # at once: what is left of the group may hang


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _fails(group: list[context.SpawnProcess]) -> bool:
    """Wait until one process has not ended well, or all have."""
    running = group
    while running:
        connection.wait([process.sentinel for process in running])
        codes = [process.exitcode for process in running]  # once: they change while one looks
        if any(codes):
            return True
        running = [process for process, code in zip(running, codes, strict=True) if code is None]
    return False


def _reason(group: list[context.SpawnProcess], folder: Path) -> str:
    """Which process failed first, and of what. The failures of the others follow from it."""
    for rank, process in enumerate(group):
        if process.exitcode is not None and process.exitcode < 0:
            with suppress(ValueError):
                return f"worker {rank} of {len(group)} was killed by {signal.Signals(-process.exitcode).name}"
    errors = sorted(folder.glob("*.error"), key=lambda path: path.stat().st_mtime_ns)
    if errors:
        told = errors[0].read_text(encoding="utf-8")
        return f"worker {errors[0].stem} of {len(group)} failed: {told.splitlines()[-1]}\n\n{told}"
    codes = [process.exitcode for process in group]
    return f"a worker of {len(group)} ended without a result; their exit codes are {codes}"
