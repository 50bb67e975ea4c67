"""Curves of a run in TensorBoard."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lrlab.pytorch.history import History


def log_to_tensorboard(history: History, folder: str | os.PathLike[str]) -> None:
    """Write a run's curves as an event file that TensorBoard shows: ``tensorboard --logdir folder``.

    Parameters
    ----------
    history : History
        What `fit` returned. Its tags are ``lr`` (``lr/0``, ``lr/1``, … for several groups), ``loss``, ``grad_norm``
        if it was recorded, ``test_loss`` and ``test_accuracy``; the horizontal axis is the step.
    folder : path
        Made if it is not there. Give each run its own, in one folder, to see them in one picture.

    Raises
    ------
    ModuleNotFoundError
        If tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        needs = "pip install tensorboard"
        raise ModuleNotFoundError(f"log_to_tensorboard needs tensorboard: {needs}", name="tensorboard") from None
    steps = np.arange(history.steps)
    curves: dict[str, tuple[Any, Any]] = {"loss": (steps, history.loss)}
    if history.lr.ndim == 1:
        curves["lr"] = (steps, history.lr)
    else:
        curves |= {f"lr/{i}": (steps, rates) for i, rates in enumerate(history.lr.T)}
    if history.grad_norm is not None:
        curves["grad_norm"] = (steps, history.grad_norm)
    curves["test_loss"] = (history.test_step, history.test_loss)
    curves["test_accuracy"] = (history.test_step, history.test_accuracy)
    with SummaryWriter(str(folder)) as writer:
        for tag, (at, values) in curves.items():
            for step, value in zip(at.tolist(), values.tolist(), strict=True):
                writer.add_scalar(tag, value, step)
