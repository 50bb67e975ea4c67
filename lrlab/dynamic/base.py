"""What a rate that depends on the run is: frozen hyperparameters and an explicit state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

State: TypeAlias = Any  # what the rule remembers: a NamedTuple, or () for nothing


class DynamicRate(ABC):
    r"""A learning rate :math:`(L(\theta_t), g_t, \theta_t, s_t) \mapsto (\eta_t, s_{t+1})`.

    A schedule knows the step and nothing else; this rule knows what has happened. It is asked once per step, before
    the step. All rules take the same arguments, each uses those it needs, and ``lrlab.minimize`` takes any of them as
    its ``lr``. Nothing is changed in place and no array of yours is kept.

    To write your own, derive a frozen dataclass and give it ``init`` and ``_update``, with a NamedTuple for its state;
    ``needs`` names the arguments that it cannot do without.

    Examples
    --------
    >>> from lrlab.dynamic import ReduceOnPlateau
    >>> rule = ReduceOnPlateau(lr=0.1, factor=0.5, patience=0)
    >>> state = rule.init()
    >>> for loss in (3.0, 2.0, 2.0):
    ...     lr, state = rule.update(state, loss)
    >>> lr
    0.05
    """

    needs: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def init(self) -> State:
        """The state before the first step."""

    def update(
        self,
        state: State,
        loss: ArrayLike,
        grad: ArrayLike | None = None,
        params: ArrayLike | None = None,
        loss_at: Callable[[Any], Any] | None = None,
    ) -> tuple[Any, State]:
        r"""The rate of step :math:`t`, and the state for the next call.

        Parameters
        ----------
        state
            What ``init`` or the call before returned.
        loss : float, or array of shape ``runs``
            :math:`L(\theta_t)`.
        grad, params : array of shape (d,) or (d, \*runs)
            :math:`g_t` and :math:`\theta_t`.
        loss_at : callable
            :math:`\theta \mapsto L(\theta)`, for a rule that tries a step before it is taken. With mini-batches, the
            loss of the batch that gave ``grad``.

        Returns
        -------
        lr : float, or array that broadcasts to ``runs``
            :math:`\eta_t`, finite and at least zero.
        state
            For the call at step :math:`t + 1`.

        Raises
        ------
        ValueError
            If an argument that the rule needs is missing, or shapes do not fit.
        """
        given = {"grad": grad, "params": params, "loss_at": loss_at}
        missing = [name for name in self.needs if given[name] is None]
        if missing:
            raise ValueError(f"{type(self).__name__} needs {' and '.join(missing)}: update(state, loss, {_call(self)})")
        losses = np.array(loss, dtype=np.float64)
        g, p = (None if x is None else np.array(x, dtype=np.float64) for x in (grad, params))
        for name, array in (("grad", g), ("params", p)):
            if array is not None and (array.ndim == 0 or array.shape[1:] != losses.shape):
                raise ValueError(f"{name} must have shape (d, *runs) with runs {losses.shape}, got {array.shape}")
        lr, state = self._update(state, losses, g, p, loss_at)
        return _plain(lr), type(state)(*map(_plain, state))

    @abstractmethod
    def _update(self, state: State, loss: Any, grad: Any, params: Any, loss_at: Any) -> tuple[Any, State]: ...


def dot(a: Any, b: Any) -> Any:
    """The inner product over the coordinates, of shape ``runs``."""
    return np.sum(a * b, axis=0)


def if_finite(new: Any, old: Any) -> Any:
    """``new`` where it is a number, else ``old``: a run that diverges stays data and raises nothing."""
    return np.where(np.isfinite(new), new, old)


def _call(rule: DynamicRate) -> str:
    return ", ".join(f"{name}={name}" for name in rule.needs)


def _plain(value: Any) -> Any:
    """An array of no axes as the number that it holds."""
    return value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value
