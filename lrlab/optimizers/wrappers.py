"""Averages of a method's points, and decay coupled to its gradients: wrappers around any method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, Params, State, copy, floating, same_count, same_shape


@dataclass(frozen=True)
class Wrapper(Method):
    """A method around another. A list of arrays goes to the inner method as a list."""

    method: Method

    def __post_init__(self) -> None:
        if not isinstance(self.method, Method):
            raise ValueError(f"method must be a Method such as Adam(), got method={self.method!r}")

    def init(self, params: Params) -> State:
        if isinstance(params, list | tuple):
            return self._init([floating("params", array) for array in params])
        return super().init(params)

    def _step_all(self, params: Sequence[Array], grads: Sequence[Array], states: Any, lr: Any) -> tuple[Any, Any]:
        same_count(params, grads)
        params, grads = [floating("params", array) for array in params], [floating("grad", array) for array in grads]
        for array, grad in zip(params, grads, strict=True):
            same_shape(array, grad)
        return self._step(params, grads, states, lr)


class PolyakState(NamedTuple):
    """Steps done, the inner method's state, and the mean of its points."""

    t: int
    inner: State
    average: Params


@dataclass(frozen=True)
class PolyakAverage(Wrapper):
    r"""The mean of all points after the first ``start`` steps :cite:p:`polyak1992acceleration`.

    .. math::

        \bar\theta_t = \begin{cases} \theta_t & t \le t_0 \\
            \frac{1}{t - t_0} \sum_{i=t_0+1}^{t} \theta_i & t > t_0 \end{cases}

    The method moves as it would alone; ``eval_params`` gives the mean, and so does a trajectory of ``minimize``. Around
    a method that has an ``eval_params`` of its own, the mean is taken of those points.

    Parameters
    ----------
    method : Method
        What moves :math:`\theta`.
    start : int
        :math:`t_0`, the number of steps whose points stay out.

    Raises
    ------
    ValueError
        If ``method`` is no method or ``start`` no integer of at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lrlab.optimizers import GradientDescent
    >>> method, params = PolyakAverage(GradientDescent()), np.array([4.0])
    >>> state = method.init(params)
    >>> for _ in range(3):
    ...     params, state = method.step(params, np.array([1.0]), state, lr=1.0)
    >>> params, method.eval_params(params, state)
    (array([1.]), array([2.]))
    """

    start: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check.count(at_least=0, start=self.start)

    def eval_params(self, params: Params, state: PolyakState) -> Params:
        """The mean."""
        return state.average

    def _init(self, params: Params) -> PolyakState:
        return PolyakState(0, self.method.init(params), _each(copy, params))

    def _step(self, params: Params, grad: Params, state: PolyakState, lr: Any) -> tuple[Params, PolyakState]:
        t = state.t + 1
        params, inner = self.method.step(params, grad, state.inner, lr)
        n = max(t - self.start, 1)  # points in the mean, this one included
        point = self.method.eval_params(params, inner)
        average = _each(lambda mean, x: ((n - 1) * mean + x) / n, state.average, point)
        return params, PolyakState(t, inner, average)


class EMAState(NamedTuple):
    """The inner method's state and the average of its points."""

    inner: State
    average: Params


@dataclass(frozen=True)
class EMA(Wrapper):
    r"""An exponential moving average of a method's points.

    .. math:: \bar\theta_{t+1} = \rho \, \bar\theta_t + (1 - \rho) \, \theta_{t+1}, \qquad \bar\theta_0 = \theta_0

    The method moves as it would alone; ``eval_params`` gives the average, and so does a trajectory of ``minimize``. It
    remembers about :math:`1 / (1 - \rho)` points, the start among them. Around a method that has an ``eval_params`` of
    its own, the average is taken of those points.

    Parameters
    ----------
    method : Method
        What moves :math:`\theta`.
    decay : float in [0, 1), or array that broadcasts to the runs
        :math:`\rho`.

    Raises
    ------
    ValueError
        If ``method`` is no method or ``decay`` outside [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from lrlab.optimizers import GradientDescent
    >>> method, params = EMA(GradientDescent(), decay=0.5), np.array([4.0])
    >>> params, state = method.step(params, np.array([1.0]), method.init(params), lr=2.0)
    >>> params, method.eval_params(params, state)
    (array([2.]), array([3.]))
    """

    decay: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        check.fraction(decay=self.decay)

    def eval_params(self, params: Params, state: EMAState) -> Params:
        """The average."""
        return state.average

    def _init(self, params: Params) -> EMAState:
        return EMAState(self.method.init(params), _each(copy, params))

    def _step(self, params: Params, grad: Params, state: EMAState, lr: Any) -> tuple[Params, EMAState]:
        params, inner = self.method.step(params, grad, state.inner, lr)
        point = self.method.eval_params(params, inner)
        average = _each(lambda mean, x: self.decay * mean + (1 - self.decay) * x, state.average, point)
        return params, EMAState(inner, average)


@dataclass(frozen=True)
class L2(Wrapper):
    r"""Weight decay that goes through the gradient: the penalty :math:`\frac{\lambda}{2} \lVert \theta \rVert^2`.

    .. math:: g_t \leftarrow g_t + \lambda \, \theta_t

    Around `GradientDescent` it shrinks the parameters by :math:`1 - \eta_t \lambda`, as `AdamW` does; around `Adam` it
    does not, since the penalty is divided by the root of the second moment too :cite:p:`loshchilov2019decoupled`. It is
    what torch's ``SGD`` and ``Adam`` call ``weight_decay``.

    Parameters
    ----------
    method : Method
        What gets the gradient.
    weight_decay : float >= 0, or array that broadcasts to the runs
        :math:`\lambda`.

    Raises
    ------
    ValueError
        If ``method`` is no method or ``weight_decay`` negative.

    Examples
    --------
    >>> import numpy as np
    >>> from lrlab.optimizers import GradientDescent
    >>> L2(GradientDescent(), weight_decay=0.5).step(np.array([1.0]), np.array([0.0]), (), lr=0.1)[0]
    array([0.95])
    """

    weight_decay: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        check.non_negative(weight_decay=self.weight_decay)

    def eval_params(self, params: Params, state: State) -> Params:
        return self.method.eval_params(params, state)

    def _init(self, params: Params) -> State:
        return self.method.init(params)

    def _step(self, params: Params, grad: Params, state: State, lr: Any) -> tuple[Params, State]:
        grad = _each(lambda g, theta: g + self.weight_decay * theta, grad, params)
        return self.method.step(params, grad, state, lr)


def _each(rule: Callable[..., Array], *params: Params) -> Params:
    """``rule`` for an array, or for each array of a list."""
    if isinstance(params[0], list | tuple):
        return [rule(*arrays) for arrays in zip(*params, strict=True)]
    return rule(*params)
