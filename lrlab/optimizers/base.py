"""What an update rule is: frozen hyperparameters, an explicit state, an explicit rate."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

import numpy as np

from lrlab import _checks as check

Array: TypeAlias = Any  # a NumPy array or a torch tensor
Params: TypeAlias = Any  # an Array, or a list of them (a network's layers)
State: TypeAlias = Any  # what the rule remembers; a NamedTuple, one per array


class Method(ABC):
    r"""An update rule :math:`(\theta_t, g_t, s_t, \eta_t) \mapsto (\theta_{t+1}, s_{t+1})`.

    The same lines run on NumPy arrays and on torch tensors. Nothing is changed in place: ``step`` returns new
    parameters and a new state. Coordinates come first and runs last: with ``params`` of shape ``(d, *runs)``, ``lr``
    and every hyperparameter may be an array that broadcasts to ``runs``. A list of arrays (a network's layers) is
    stepped array by array.

    To write your own, derive a frozen dataclass and give it ``_init`` and ``_step`` for one array.

    Examples
    --------
    >>> import numpy as np
    >>> from lrlab.optimizers import HeavyBall
    >>> method, params = HeavyBall(momentum=0.9), np.array([1.0, 2.0])
    >>> state = method.init(params)
    >>> params, state = method.step(params, np.array([1.0, 1.0]), state, lr=0.1)
    >>> params
    array([0.9, 1.9])
    """

    def init(self, params: Params) -> State:
        """The state before the first step, for an array or a list of arrays.

        Raises
        ------
        ValueError
            If the parameters are not floating-point numbers, or a hyperparameter's shape does not broadcast to
            ``runs``.
        """
        if isinstance(params, list | tuple):
            return [self.init(array) for array in params]
        array = floating("params", params)
        for name, value in hyperparameters(self):
            _fits_runs(name, value, array)
        return self._init(array)

    def step(self, params: Params, grad: Params, state: State, lr: Any) -> tuple[Params, State]:
        r"""One update: the parameters :math:`\theta_{t+1}` and the state that goes with them.

        Parameters
        ----------
        params, grad : array or list of arrays
            :math:`\theta_t` and :math:`g_t`, of the same shapes.
        state
            What ``init`` or the step before returned.
        lr : float or array that broadcasts to ``runs``
            :math:`\eta_t`.

        Raises
        ------
        ValueError
            If shapes do not fit, or ``lr`` is negative or not finite.
        """
        lr = check.rate(lr)
        if isinstance(params, list | tuple):
            return self._step_all(params, grad, state, lr)
        return self._checked_step(floating("params", params), floating("grad", grad), state, lr)

    def eval_params(self, params: Params, state: State) -> Params:
        """The point to judge the method by: the one that moves, unless the method averages."""
        return params

    def _step_all(self, params: Sequence[Array], grads: Sequence[Array], states: Any, lr: Any) -> tuple[Any, Any]:
        same_count(params, grads)
        stepped = [self.step(*one, lr) for one in zip(params, grads, states, strict=True)]
        return [array for array, _ in stepped], [state for _, state in stepped]

    def _checked_step(self, params: Array, grad: Array, state: State, lr: Any) -> tuple[Array, State]:
        same_shape(params, grad)
        _fits_runs("lr", lr, params)
        return self._step(params, grad, state, lr)

    @abstractmethod
    def _init(self, params: Array) -> State: ...

    @abstractmethod
    def _step(self, params: Array, grad: Array, state: State, lr: Any) -> tuple[Array, State]: ...


def namespace(array: Array) -> Any:
    """The module, NumPy or torch, whose functions take this array. Never imports torch."""
    return np if isinstance(array, np.ndarray | np.generic) else sys.modules["torch"]


def copy(array: Array) -> Array:
    """The same numbers in memory of their own."""
    return array.copy() if isinstance(array, np.ndarray | np.generic) else array.clone()


def average(old: Array, new: Array, decay: Any) -> Array:
    r"""A step of an exponential moving average, :math:`\beta \, m + (1 - \beta) \, g`."""
    if isinstance(old, np.ndarray | np.generic) or not isinstance(decay, float | int):
        return decay * old + (1 - decay) * new
    return namespace(old).lerp(old, new, 1 - decay)  # the same in one pass over memory; it takes plain numbers alone


def where(condition: Any, yes: Any, no: Any) -> Any:
    """``yes`` where the condition holds, else ``no``; the condition is a bool or an array of them."""
    if isinstance(condition, bool):
        return yes if condition else no
    return namespace(condition).where(condition, yes, no)


def floating(name: str, array: Any) -> Array:
    """``array`` itself if it is a tensor, else as a NumPy array; either must hold floating-point numbers."""
    tensor = type(array).__module__.partition(".")[0] == "torch"
    found: Any = array if tensor else np.asarray(array)
    if not (found.is_floating_point() if tensor else np.issubdtype(found.dtype, np.floating)):
        raise ValueError(f"{name} must hold floating-point numbers, got dtype {found.dtype}")
    return found


def hyperparameters(method: Method) -> list[tuple[str, Any]]:
    """Name and value of each setting of a method, and of the methods in it."""
    names: list[str] = [field.name for field in fields(method)] if is_dataclass(method) else []
    found: list[tuple[str, Any]] = []
    for name in names:
        value = getattr(method, name)
        found += hyperparameters(value) if isinstance(value, Method) else [(name, value)]
    return found


def same_count(params: Sequence[Array], grads: Sequence[Array]) -> None:
    """Raise unless two lists hold equally many arrays."""
    if len(params) != len(grads):
        raise ValueError(f"grad must have as many arrays as params, {len(params)}, got {len(grads)}")


def same_shape(params: Array, grad: Array) -> None:
    """Raise unless the gradient has the shape of the parameters."""
    if grad.shape != params.shape:
        raise ValueError(f"grad must have the shape of params, {tuple(params.shape)}, got {tuple(grad.shape)}")


def _fits_runs(name: str, value: Any, params: Array) -> None:
    """Raise unless an array ``value`` broadcasts to the runs of ``params``."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return
    runs = tuple(params.shape[1:])
    try:
        fits = np.broadcast_shapes(value.shape, runs) == runs
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} must broadcast to the runs {runs} of params {params.shape}, got shape {value.shape}")
