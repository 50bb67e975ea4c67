"""What a list of arrays (a network's layers) means to a rule that measures lengths: one for each, or one for all."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from lrlab.optimizers.base import Array, Method, Params, State, floating, namespace, same_count, same_shape


class Layerwise(Method):
    """A method that measures each array of a list by itself, and steps it as one long vector.

    An array outside a list has the shape ``(d, *runs)`` as ever, and one length per run.
    """

    def init(self, params: Params) -> State:
        return super().init(_vectors("params", params) if isinstance(params, list | tuple) else params)

    def _step_all(self, params: Sequence[Array], grads: Sequence[Array], states: Any, lr: Any) -> tuple[Any, Any]:
        stepped, states = super()._step_all(*_paired_vectors(params, grads), states, lr)
        return [new.reshape(old.shape) for new, old in zip(stepped, params, strict=True)], states


class Joint(Method):
    """A method that measures all arrays of a list together, and steps them as one long vector.

    An array outside a list has the shape ``(d, *runs)`` as ever, and one length per run.
    """

    def init(self, params: Params) -> State:
        return super().init(_join(_vectors("params", params)) if isinstance(params, list | tuple) else params)

    def _step_all(self, params: Sequence[Array], grads: Sequence[Array], states: Any, lr: Any) -> tuple[Any, Any]:
        vectors, grad_vectors = _paired_vectors(params, grads)
        vector, state = self._checked_step(_join(vectors), _join(grad_vectors), states, lr)
        stepped, start = [], 0
        for old in params:
            end = start + prod(old.shape)
            stepped.append(vector[start:end].reshape(old.shape))
            start = end
        return stepped, state


def length(array: Array) -> Any:
    """The Euclidean length of each run, of shape ``runs``."""
    return (array**2).sum(0) ** 0.5


def divisor(size: Any) -> Any:
    """``size``, and 1 where it is 0."""
    return size + (size == 0)


def _vectors(name: str, arrays: Sequence[Array]) -> list[Array]:
    return [floating(name, array).reshape(-1) for array in arrays]


def _paired_vectors(params: Sequence[Array], grads: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    same_count(params, grads)
    for array, grad in zip(params, grads, strict=True):
        same_shape(array, grad)
    return _vectors("params", params), _vectors("grad", grads)


def _join(vectors: list[Array]) -> Array:
    return namespace(vectors[0]).concatenate(vectors)
