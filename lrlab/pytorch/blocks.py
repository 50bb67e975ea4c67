"""A step of a large parameter, block by block: the fast path beside the readable rule, made of it."""

from __future__ import annotations

from typing import Any

import torch

from lrlab import optimizers
from lrlab.optimizers import Method

LARGE = 2**19  # bytes from which on new arrays of this size tend to cost a page fault every 4 kB
BLOCK = 2**18  # bytes of which a core's cache holds as many as a rule makes at once
COORDINATEWISE = (  # what happens to a coordinate depends on no other one
    optimizers.GradientDescent,
    optimizers.HeavyBall,
    optimizers.Nesterov,
    optimizers.AdaGrad,
    optimizers.RMSProp,
    optimizers.Adadelta,
    optimizers.Adam,
    optimizers.AdamW,
    optimizers.NAdam,
    optimizers.RAdam,
    optimizers.Adamax,
    optimizers.Lion,
    optimizers.ScheduleFreeSGD,
    optimizers.ScheduleFreeAdamW,
)


def goes_by_blocks(method: Method, param: torch.Tensor) -> bool:
    """Whether the step of a parameter may be taken block by block, and gains by it."""
    large = param.nbytes >= LARGE and param.device.type == "cpu" and param.is_contiguous()
    return large and type(method) in COORDINATEWISE  # a subclass may do anything


def step_by_blocks(method: Method, param: torch.Tensor, grad: torch.Tensor, state: Any, lr: float) -> Any:
    """Change the parameter, and the arrays in its state, in place; return the state.

    The numbers are those of ``method.step`` to the bit. Of what the rule makes, one block at a time exists.
    """
    theta, g = param.view(-1), grad.reshape(-1)
    flat = [leaf.view(-1) if isinstance(leaf, torch.Tensor) else leaf for leaf in state]
    stepped = state
    size = BLOCK // param.element_size()
    for start in range(0, len(theta), size):
        cut = slice(start, start + size)
        part = type(state)(*(leaf[cut] if isinstance(leaf, torch.Tensor) else leaf for leaf in flat))
        (theta[cut],), (stepped,) = method.step([theta[cut]], [g[cut]], [part], lr)
        for old, new in zip(part, stepped, strict=True):
            if isinstance(old, torch.Tensor):
                old.copy_(new)
    numbers = zip(state, stepped, strict=True)
    return type(state)(*(old if isinstance(old, torch.Tensor) else new for old, new in numbers))
