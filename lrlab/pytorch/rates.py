"""Rates for any torch optimizer: schedules, single changes, a rate for each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from lrlab import _checks as check
from lrlab.schedules import AnySchedule, Scale, as_schedule


def as_scheduler(optimizer: torch.optim.Optimizer, schedule: AnySchedule | Sequence[AnySchedule]) -> LambdaLR:
    r"""Let a schedule drive any torch optimizer, as a real ``LambdaLR``.

    .. math:: \eta_i(t) = \frac{\eta_i}{\max_j \eta_j} \, \eta(t)

    Call ``scheduler.step()`` after each ``optimizer.step()``; :math:`t` counts these calls.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its groups keep the ratios of their rates :math:`\eta_i`, so that the group with the largest one follows the
        schedule itself. With one group its rate so far does not matter; with several whose rates are all zero, all
        follow the schedule.
    schedule : schedule, callable ``t -> lr``, float, or a sequence of them, one for each group
        :math:`\eta(t)`. Those of a sequence are taken as they are, whatever the groups' rates.

    Raises
    ------
    ValueError
        If a schedule rules the optimizer already, the sequence is not as long as the groups are many, or a rate is
        negative or not finite.

    Examples
    --------
    >>> from lrlab.schedules import Cosine
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.0)
    >>> scheduler = as_scheduler(optimizer, Cosine(lr=0.1, steps=2))
    >>> for _ in range(2):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     optimizer.step()
    ...     scheduler.step()
    0.1
    0.05
    """
    groups = _groups(optimizer)
    if any(group.get("schedule") is not None for group in groups):
        raise ValueError("optimizer must have plain numbers as rates, got one that follows a schedule already")
    if isinstance(schedule, Sequence):
        _one_each("schedule", schedule, groups)
        schedules, weights = list(schedule), [1.0] * len(groups)
    else:
        rates = [float(group["lr"]) for group in groups]
        schedules, weights = [schedule] * len(groups), [rate / max(rates) if max(rates) else 1.0 for rate in rates]
    rules = [_checked(as_schedule(one)) for one in schedules]
    for group, weight in zip(groups, weights, strict=True):
        group["initial_lr"] = weight  # what LambdaLR multiplies
    return LambdaLR(optimizer, rules)


def set_lr(optimizer: torch.optim.Optimizer, lr: float | Sequence[float]) -> None:
    r"""Change the rate of an optimizer, from the next step on.

    It is what ``optimizer.lr = 0.01`` looks like and is not: that makes a new attribute, which nothing reads.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The schedule of an `Optimizer` gives way to the number. A torch scheduler does not: its next ``step()`` sets
        the rate again.
    lr : float, or a sequence of floats, one for each group
        :math:`\eta`.

    Raises
    ------
    ValueError
        If a rate is negative or not finite, or there are not as many as groups.

    Examples
    --------
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> set_lr(optimizer, 0.01)
    >>> optimizer.param_groups[0]["lr"]
    0.01
    """
    groups = _groups(optimizer)
    if isinstance(lr, Sequence):
        _one_each("lr", lr, groups)
    rates = [check.rate(one) for one in (lr if isinstance(lr, Sequence) else [lr] * len(groups))]
    for group, rate in zip(groups, rates, strict=True):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
        if "schedule" in group:
            group["schedule"] = None


def layerwise_lr(
    model: torch.nn.Module | Iterable[torch.nn.Module], lr: AnySchedule, decay: float
) -> list[dict[str, Any]]:
    r"""Parameter groups whose rates shrink from the last layer to the first :cite:p:`howard2018universal`.

    .. math:: \eta_l = \eta \, \gamma^{L - l}, \qquad l = 1, \dots, L

    Parameters
    ----------
    model : torch.nn.Module, or sequence of modules
        The layers, input first: a module's children in the order of their definition, or what you list. Those without
        parameters do not count.
    lr : float or schedule
        :math:`\eta`, for the last layer. A schedule is scaled for each layer; a torch optimizer takes numbers alone.
    decay : float in (0, 1]
        :math:`\gamma`.

    Returns
    -------
    list of dict
        For an `Optimizer` or any of torch, input first, with ``params`` and ``lr``. A parameter that several layers
        share goes with the first of them; one that belongs to the model and to none of its children, with the first
        layer.

    Raises
    ------
    ValueError
        If ``decay`` is outside (0, 1], a rate is bad, or there are no parameters.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    >>> [group["lr"] for group in layerwise_lr(model, lr=0.1, decay=0.5)]
    [0.05, 0.1]
    """
    check.positive(decay=decay)
    check.share(decay=decay)
    as_schedule(lr)  # raises for a bad number
    if isinstance(model, torch.nn.Module):
        own, layers = list(model.parameters(recurse=False)), list(model.children())
    else:
        own, layers = [], list(model)
    seen: set[torch.nn.Parameter] = set()
    groups: list[list[torch.nn.Parameter]] = []
    for params in [own, *(list(layer.parameters()) for layer in layers)]:
        groups.append([param for param in params if param not in seen])
        seen.update(params)
    groups = [params for params in groups if params]
    if own and len(groups) > 1:
        groups[:2] = [groups[0] + groups[1]]
    if not groups:
        raise ValueError(f"model must have parameters, got {model!r}")
    factors = [decay ** (len(groups) - 1 - i) for i in range(len(groups))]
    return [
        {"params": params, "lr": Scale(lr, factor) if callable(lr) else lr * factor}
        for params, factor in zip(groups, factors, strict=True)
    ]


def _groups(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(f"optimizer must be a torch.optim.Optimizer, got {optimizer!r}")
    return optimizer.param_groups


def _one_each(name: str, values: Sequence[Any], groups: list[Any]) -> None:
    if len(values) != len(groups):
        raise ValueError(f"{name} must be one for each of {len(groups)} parameter groups, got {len(values)}")


def _checked(schedule: Callable[[int], float]) -> Callable[[int], float]:
    """A plain function, since LambdaLR would put the fields of any other callable into its ``state_dict``."""
    return lambda t: check.rate(schedule(t))
