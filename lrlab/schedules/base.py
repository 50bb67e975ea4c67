"""What a schedule is: a pure function of the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike

from lrlab import _checks as check
from lrlab._checks import Floats

_BLOCK = 2**14  # steps at a time: what a formula needs in between then stays in the processor's cache


@dataclass(frozen=True)
class Schedule(ABC):
    r"""A learning rate that depends on the step and on nothing else.

    ``schedule(t)`` is the rate :math:`\eta(t)` that makes :math:`\theta_{t+1}` from :math:`\theta_t`; the first step
    is ``t = 0``. A schedule holds no state: asking twice gives the same answer, in any order, for one step or for an
    array of steps at once.

    To write your own, derive a frozen dataclass and give it ``_formula(t)``, which gets a one-dimensional array of
    float64 and returns one of the same length, and ``_check()`` if it has settings that may be wrong. Any callable
    ``t -> lr`` works wherever a schedule does.

    Raises
    ------
    ValueError
        When called with a negative, infinite or missing (NaN) step.

    Examples
    --------
    >>> from lrlab.schedules import Cosine
    >>> schedule = Cosine(lr=0.1, steps=100)
    >>> schedule(50)
    0.05
    >>> schedule([[0, 50], [100, 150]])
    array([[0.1 , 0.05],
           [0.  , 0.  ]])
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in ("float", "int"):
                check.number(**{field.name: value})
            if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
                object.__setattr__(self, field.name, tuple(value))  # so that schedules can be compared and hashed
        self._check()

    def _check(self) -> None:  # noqa: B027, most have settings to check, but not all
        """Raise ``ValueError`` for settings that will not do."""

    @overload
    def __call__(self, t: float) -> float: ...
    @overload
    def __call__(self, t: ArrayLike) -> Any: ...
    def __call__(self, t: ArrayLike) -> Any:
        steps = check.steps(t)
        rate = np.empty(steps.shape)
        flat_steps, flat_rate = steps.reshape(-1), rate.reshape(-1)
        for start in range(0, steps.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            flat_rate[block] = self._formula(flat_steps[block].astype(np.float64))
        return rate if steps.shape or isinstance(t, np.ndarray) else float(rate)

    @abstractmethod
    def _formula(self, t: Floats) -> Floats:
        """The rate at the steps ``t``, an array of one axis, all of it finite and >= 0."""


AnySchedule: TypeAlias = Schedule | Callable[[int], float] | float


def as_schedule(lr: AnySchedule, name: str = "lr") -> Callable[[Any], Any]:
    """What can be called with a step: a number becomes `Constant`, a callable stays as it is.

    ``name`` is what an error calls the argument.

    Raises
    ------
    ValueError
        If ``lr`` is neither a callable nor a finite number >= 0.

    Examples
    --------
    >>> as_schedule(0.1)
    Constant(lr=0.1)
    >>> as_schedule(lambda t: 0.1 / (1 + t))(4)
    0.02
    """
    if callable(lr):
        return lr
    from lrlab.schedules.decay import Constant  # decay derives from this module

    check.number(**{name: lr})
    check.non_negative(**{name: lr})
    return Constant(lr)


def evaluate(schedule: AnySchedule, t: Floats) -> Floats:
    """The schedule at an array of steps. A plain callable is asked step by step, with integers where they are."""
    call = as_schedule(schedule)
    if isinstance(call, Schedule):
        return call._formula(t)
    rates = [call(int(step) if step.is_integer() else step) for step in t.tolist()]
    check.non_negative(lr=rates)
    return np.array(rates, dtype=np.float64)
