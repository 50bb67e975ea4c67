"""Muon: momentum for matrices, with all singular values brought close to one."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from lrlab import _checks as check
from lrlab.optimizers.base import Array, Method, namespace


class MuonState(NamedTuple):
    """The running sum of gradients."""

    velocity: Array


@dataclass(frozen=True)
class Muon(Method):
    r"""Momentum that moves a matrix equally far in all directions :cite:p:`jordan2024muon`.

    .. math::

        B_{t+1} &= \beta \, B_t + G_t \\
        O &= \mathrm{orthogonalize}(G_t + \beta \, B_{t+1}) \\
        \Theta_{t+1} &= (1 - \eta_t \lambda) \, \Theta_t - \eta_t \sqrt{\max(1, m / n)} \; O

    For a matrix of shape ``(m, n)``, or the kernels of a convolution, each of which is a row: ``(m, n)`` are then the
    outputs and the weights of each. Give vectors and embeddings to another method. There is no axis for runs; rate and
    settings are single numbers. The scale is its author's (torch's ``"original"``): whatever
    the shape, a step changes each output of :math:`\Theta x` by about the rate if the inputs are of size one. The other
    one in use, :math:`0.2 \sqrt{\max(m, n)}`, makes steps as large as Adam's; multiply the rate to get it.

    Parameters
    ----------
    momentum : float in [0, 1)
        :math:`\beta`.
    weight_decay : float >= 0
        :math:`\lambda`, decoupled.
    eps : float > 0
        Of `orthogonalize`.

    Raises
    ------
    ValueError
        If ``momentum`` is outside [0, 1), ``weight_decay`` negative, ``eps`` not positive, any of them no single
        number, or the parameters a vector.

    Examples
    --------
    >>> import numpy as np
    >>> method, params = Muon(), np.zeros((2, 2))
    >>> method.step(params, np.diag([100.0, 1.0]), method.init(params), lr=0.1)[0].round(2)
    array([[-0.07,  0.  ],
           [ 0.  , -0.07]])
    """

    momentum: float = 0.95
    weight_decay: float = 0.0
    eps: float = 1e-7

    def __post_init__(self) -> None:
        check.fraction(momentum=self.momentum)
        check.non_negative(weight_decay=self.weight_decay)
        check.positive(eps=self.eps)
        _single(momentum=self.momentum, weight_decay=self.weight_decay, eps=self.eps)

    def _init(self, params: Array) -> MuonState:
        if params.ndim < 2:
            raise ValueError(f"params must be a matrix of shape (m, n), got shape {tuple(params.shape)}")
        return MuonState(namespace(params).zeros_like(params))

    def _step(self, params: Array, grad: Array, state: MuonState, lr: Any) -> tuple[Array, MuonState]:
        _single(lr=lr)
        rows, columns = len(params), prod(params.shape[1:])
        velocity = self.momentum * state.velocity + grad
        matrix = (grad + self.momentum * velocity).reshape(rows, columns)
        direction = orthogonalize(matrix, eps=self.eps).reshape(params.shape)
        scale = max(1.0, rows / columns) ** 0.5
        return (1 - lr * self.weight_decay) * params - lr * scale * direction, MuonState(velocity)


def orthogonalize(matrix: Array, steps: int = 5, eps: float = 1e-7) -> Array:
    r"""Keep a matrix's singular vectors and bring its singular values close to one, by Newton–Schulz steps.

    .. math::

        X_0 &= M / (\lVert M \rVert_F + \epsilon) \\
        X_{k+1} &= a \, X_k + (b \, A + c \, A^2) \, X_k, \qquad A = X_k X_k^\top \\
        (a, b, c) &= (3.4445, \; -4.7750, \; 2.0315)

    Each singular value goes through :math:`s \mapsto a s + b s^3 + c s^5`. The coefficients :cite:p:`jordan2024muon`
    lift small values fast rather than bring all to one: five steps take every value from 0.01 to 1 (of the norm) to
    between 0.68 and 1.14. Computed in the matrix's own precision, where the author's code takes bfloat16.

    Parameters
    ----------
    matrix : array of shape (m, n)
        :math:`M`.
    steps : int
        Newton–Schulz steps.
    eps : float > 0
        :math:`\epsilon`, in the unit of the matrix.

    Raises
    ------
    ValueError
        If ``steps`` is no positive integer.

    Examples
    --------
    >>> import numpy as np
    >>> np.linalg.svd(orthogonalize(np.diag([5.0, 2.0, 1.0])), compute_uv=False).round(2)
    array([1.05, 0.97, 0.7 ])
    """
    check.count(steps=steps)
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T  # the Gram matrix below is then the smaller of the two
    x = x / ((x**2).sum() ** 0.5 + eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.T


def _single(**values: Any) -> None:
    for name, value in values.items():
        if np.ndim(value):
            raise ValueError(f"{name} must be one number (Muon has no axis for runs), got shape {np.shape(value)}")
