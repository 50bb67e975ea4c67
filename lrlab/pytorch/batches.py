"""Data that stays on the device, and its batches, taken by index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from lrlab import _checks as check

Pair: TypeAlias = tuple[torch.Tensor, torch.Tensor]
Index: TypeAlias = slice | torch.Tensor


def on_device(name: str, data: Any, device: torch.device) -> Pair:
    """Inputs and targets, arrays or tensors, as tensors on a device."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"{name} must be a pair of inputs and targets, got {type(data).__name__}")
    inputs, targets = (_tensor(part).to(device) for part in data)
    if inputs.ndim == 0 or len(inputs) == 0 or targets.ndim == 0 or len(inputs) != len(targets):
        shapes = f"shapes {tuple(inputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"{name} must hold as many inputs as targets, and at least one, got {shapes}")
    return inputs, targets


def _tensor(part: Any) -> torch.Tensor:
    if isinstance(part, np.ndarray) and not part.flags.writeable:
        part = part.copy()  # torch warns about memory that it may not write to
    return torch.as_tensor(part)


def steps_per_epoch(size: int, batch_size: int, drop_last: bool) -> int:
    """Batches in one pass over ``size`` examples."""
    check.count(batch_size=batch_size)
    if drop_last and size < batch_size:
        raise ValueError(f"batch_size must be at most {size}, the examples there are, got batch_size={batch_size}")
    return size // batch_size if drop_last else -(-size // batch_size)


def indices(size: int, batch_size: int, drop_last: bool, seed: int | None, device: torch.device) -> Iterator[Index]:
    """What to index the data with, batch after batch without end: as it lies, or with a seed in a new order each epoch.

    The order is drawn on the CPU, so that a seed means the same order on every device.
    """
    order = None if seed is None else torch.Generator().manual_seed(seed)
    end = steps_per_epoch(size, batch_size, drop_last) * batch_size
    while True:
        shuffled = None if order is None else torch.randperm(size, generator=order).to(device)
        for start in range(0, end, batch_size):
            batch = slice(start, start + batch_size)
            yield batch if shuffled is None else shuffled[batch]


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global generators start from a seed, and are put back in the end."""
    check.count(at_least=0, seed=seed)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def to_numpy(values: list[torch.Tensor]) -> NDArray[np.float64]:
    """Numbers that were left on their device, as an array."""
    return torch.stack(values).cpu().double().numpy() if values else np.empty(0)
