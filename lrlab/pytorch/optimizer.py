"""A torch optimizer whose update is a method of lrlab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lrlab import _checks as check
from lrlab.optimizers.base import Method, hyperparameters
from lrlab.optimizers.layers import Joint
from lrlab.optimizers.wrappers import Wrapper
from lrlab.pytorch.blocks import goes_by_blocks, step_by_blocks
from lrlab.schedules import AnySchedule, as_schedule


class Optimizer(torch.optim.Optimizer):
    r"""Drive a network with a method and a schedule of lrlab.

    .. math:: \theta_{t+1}, s_{t+1} = \text{step}(\theta_t, g_t, s_t, \eta(t))

    It is a ``torch.optim.Optimizer``: it has ``zero_grad``, ``step``, parameter groups, hooks and ``state_dict``, and
    torch's learning-rate schedulers drive it where its rate is a plain number. Parameters are changed in place. One
    without a gradient is left alone, and its state too, unless the method measures all arrays together
    (``DAdaptSGD``, ``Prodigy``): then a missing gradient counts as zero.

    Parameters
    ----------
    params : iterable of tensors, or of dicts
        What to train, as for any torch optimizer. A dict is a group: ``{"params": ...}`` and, where the group differs,
        its own ``"lr"`` and ``"method"``.
    method : Method
        The update rule, with single numbers as hyperparameters.
    lr : float, schedule, or callable ``t -> lr``
        :math:`\eta(t)`, asked with the number of steps done before this one. ``param_groups[i]["lr"]`` shows the rate
        of the latest step (before the first, of the first); changing it by hand changes nothing where a schedule
        rules: use `set_lr`.

    Raises
    ------
    ValueError
        If the method is no ``Method``, a hyperparameter no single number, or a rate negative or not finite.

    Notes
    -----
    ``state_dict`` holds tensors, numbers and lists alone, so that ``torch.load`` reads it in its safe mode, and a run
    resumed from it goes on to the bit. Methods and schedules are code, not state: give the same ones again.

    On the CPU a large parameter is stepped block by block, to the same numbers: new arrays of its size would cost more
    time than the arithmetic.

    Examples
    --------
    >>> from lrlab.optimizers import Adam
    >>> from lrlab.schedules import Cosine
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = Optimizer([weight], Adam(), lr=Cosine(0.1, steps=4))
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     weight.square().sum().backward()
    ...     optimizer.step()
    >>> round(optimizer.param_groups[0]["lr"], 6), round(weight.item(), 3)
    (0.05, 0.766)
    """

    def __init__(self, params: Any, method: Method, lr: AnySchedule) -> None:
        super().__init__(params, {"method": method, "lr": lr})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        group = {**self.defaults, **param_group}
        method, lr = group["method"], group["lr"]
        if not isinstance(method, Method):
            raise ValueError(f"method must be a Method such as Adam(), got method={method!r}")
        for name, value in hyperparameters(method):
            if np.ndim(value):
                raise ValueError(f"{name} must be a single number for a network, got {name}={value!r}")
        schedule = as_schedule(lr)
        group |= {"lr": check.rate(schedule(0)), "schedule": schedule if callable(lr) else None, "t": 0}
        super().add_param_group(group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; return the loss that ``closure`` computes, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["schedule"] is not None:
                group["lr"] = check.rate(group["schedule"](group["t"]))
            for params in _together(group):
                if any(p.grad is not None for p in params):
                    self._step(params, group["method"], group["lr"])
            group["t"] += 1
        return loss

    @contextmanager
    def eval_params(self) -> Iterator[None]:
        """Within ``with optimizer.eval_params():`` the network holds the point that the method is judged by.

        That is the average of a method that averages (``ScheduleFreeSGD``, ``EMA``), and what it holds anyway for the
        others. Statistics that layers gather in training, such as batch normalization's, stay those of the moving
        point.
        """
        moving = self.to_eval_params()
        try:
            yield
        finally:
            with torch.no_grad():
                for param, value in moving:
                    param.copy_(value)

    @torch.no_grad()
    def to_eval_params(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Move to the point to judge by; return the parameters that this changed, with their values before."""
        moving = []
        for group in self.param_groups:
            for params in _together(group):
                if params[0] in self.state:
                    points = group["method"].eval_params(params, self.state[params[0]]["state"])
                    for param, point in zip(params, points, strict=True):
                        if point is not param:
                            moving.append((param, param.clone()))
                            param.copy_(point)
        return moving

    def _step(self, params: list[torch.Tensor], method: Method, lr: float) -> None:
        kept = self.state[params[0]]
        if not kept:
            kept["state"] = method.init([p.clone() for p in params])
        if goes_by_blocks(method, params[0]) and params[0].grad is not None:
            kept["state"] = [step_by_blocks(method, params[0], params[0].grad, kept["state"][0], lr)]
            return
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
        stepped, state = method.step(params, grads, kept["state"], lr)
        # The parameters change below, the gradients in the next backward pass: a state must own what it keeps.
        kept["state"] = _owned(state, {id(array) for array in (*params, *grads)})
        for param, new in zip(params, stepped, strict=True):
            if param.grad is not None:
                param.copy_(new)

    def state_dict(self) -> dict[str, Any]:
        packed = super().state_dict()
        packed["state"] = {key: {"state": _plain(kept["state"])} for key, kept in packed["state"].items()}
        for group in packed["param_groups"]:
            del group["method"], group["schedule"]
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if not all("t" in group for group in state_dict["param_groups"]):
            raise ValueError("state_dict must come from an Optimizer of lrlab, got one without a step count 't'")
        rules = [{name: group[name] for name in ("method", "schedule")} for group in self.param_groups]
        super().load_state_dict({**state_dict, "state": {}})  # raises where the groups do not fit
        for group, packed, rule in zip(self.param_groups, state_dict["param_groups"], rules, strict=True):
            group |= rule
            keys = dict(zip(group["params"], packed["params"], strict=True))
            for params in _together(group):
                if keys[params[0]] in state_dict["state"]:
                    pattern = group["method"].init([p.detach() for p in params])
                    saved = state_dict["state"][keys[params[0]]]["state"]
                    self.state[params[0]]["state"] = _restored(pattern, saved, params[0].device)


def _together(group: dict[str, Any]) -> list[list[torch.Tensor]]:
    """The lists of parameters that are stepped together: all of a group where its method measures them together."""
    return [group["params"]] if _joint(group["method"]) else [[p] for p in group["params"]]


def _joint(method: Method) -> bool:
    return _joint(method.method) if isinstance(method, Wrapper) else isinstance(method, Joint)


def _owned(state: Any, given: set[int]) -> Any:
    """The state with a copy in place of each array whose id is among the given."""
    if isinstance(state, tuple | list):
        return _like(state, [_owned(part, given) for part in state])
    return state.clone() if id(state) in given else state


def _plain(state: Any) -> Any:
    """The state as lists of tensors and Python's own numbers."""
    if isinstance(state, tuple | list):
        return [_plain(part) for part in state]
    return state.item() if isinstance(state, np.generic) else state


def _restored(pattern: Any, saved: Any, device: torch.device) -> Any:
    """What `_plain` made plain, in the shape of ``pattern`` again, with its tensors on a device."""
    if isinstance(pattern, tuple | list):
        if not isinstance(saved, list) or len(saved) != len(pattern):
            wanted = f"a {type(pattern).__name__} of {len(pattern)} parts"
            got = f"{len(saved)} parts" if isinstance(saved, list) else type(saved).__name__
            raise ValueError(f"state_dict must come from the same method, whose state has {wanted}, got {got}")
        return _like(pattern, [_restored(part, one, device) for part, one in zip(pattern, saved, strict=True)])
    return saved.to(device, copy=True) if isinstance(saved, torch.Tensor) else saved


def _like(pattern: Any, parts: list[Any]) -> Any:
    """The parts as the same kind of NamedTuple, tuple or list."""
    return type(pattern)(*parts) if hasattr(pattern, "_fields") else type(pattern)(parts)
