"""lrlab's objects as plain data for the scripts, and back."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import traitlets

from lrlab import objectives, optimizers, schedules


def to_spec(value: Any) -> Any:
    """Settings as JSON knows them; a schedule, a method or an objective becomes its name and its arguments.

    Examples
    --------
    >>> to_spec(schedules.Warmup(schedules.Cosine(lr=0.1, steps=90), steps=10))
    {'name': 'Warmup', 'schedule': {'name': 'Cosine', 'lr': 0.1, 'steps': 90, 'lr_min': 0.0}, 'steps': 10}
    """
    if isinstance(value, schedules.Schedule | optimizers.Method | objectives.Objective):
        settings = {name: to_spec(getattr(value, name)) for name in signature(type(value)).parameters}
        return {"name": type(value).__name__, **settings}
    if isinstance(value, dict):
        return {key: to_spec(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_spec(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def from_spec(spec: Any) -> Any:
    """What `to_spec` made plain.

    Raises
    ------
    ValueError
        If the name is none of lrlab's.

    Examples
    --------
    >>> from_spec({"name": "HeavyBall", "momentum": 0.9})
    HeavyBall(momentum=0.9, dampening=0.0)
    """
    if isinstance(spec, list):
        return [from_spec(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    settings = {key: from_spec(item) for key, item in spec.items() if key != "name"}
    for module in (schedules, optimizers, objectives):
        if hasattr(module, spec["name"]):
            return getattr(module, spec["name"])(**settings)
    raise ValueError(f"name must be that of a schedule, a method or an objective, got name={spec['name']!r}")


def instance(kind: type) -> Any:
    """A synchronized trait that holds one of lrlab's objects in Python and its spec in the page."""
    trait: traitlets.Instance[Any] = traitlets.Instance(kind, allow_none=True)
    return trait.tag(sync=True, to_json=lambda value, _: to_spec(value), from_json=lambda spec, _: from_spec(spec))
