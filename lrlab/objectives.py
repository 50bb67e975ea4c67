"""Losses small enough to know everything about: value, gradient, curvature and minimum.

Coordinates come first and runs last: ``params`` has shape ``(d,)`` for one point or ``(d, *runs)`` for a grid of
points, and the loss then has shape ``runs``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from lrlab import _checks as check
from lrlab._checks import Floats


class Objective(ABC):
    r"""A loss :math:`L(\theta)` of ``dim`` parameters.

    A subclass gives ``dim``, ``_loss``, ``_grad``, ``hessian`` and ``minimum``; this class checks and adds noise.

    Parameters
    ----------
    noise : float
        Standard deviation of the Gaussian noise on each coordinate of a gradient that is asked for with an ``rng``.
    """

    dim: int

    def __init__(self, noise: float = 1.0) -> None:
        check.non_negative(noise=noise)
        self.noise = noise

    def loss(self, params: ArrayLike) -> Any:
        """The loss, of shape ``runs`` (a NumPy float for one point)."""
        return self._loss(self._points(params))

    def grad(self, params: ArrayLike, rng: np.random.Generator | None = None) -> Floats:
        """The gradient, of the shape of ``params``; with an ``rng`` a noisy, unbiased draw of it, new for each run."""
        points = self._points(params)
        return self._grad(points) if rng is None else self._noisy_grad(points, rng)

    def loss_and_grad(self, params: ArrayLike, rng: np.random.Generator | None = None) -> tuple[Any, Floats]:
        """``loss(params)`` (never noisy) and ``grad(params, rng)``, for where both are wanted."""
        return self.loss(params), self.grad(params, rng)

    def hvp(self, params: ArrayLike, vector: ArrayLike) -> Floats:
        r"""The Hessian at one point times a vector, :math:`H(\theta) \, v`, of shape ``(d,)``."""
        v = np.asarray(vector, dtype=np.float64)
        if v.shape != (self.dim,):
            raise ValueError(f"vector must have shape ({self.dim},), got shape {v.shape}")
        return np.asarray(self.hessian(params) @ v)

    @abstractmethod
    def hessian(self, params: ArrayLike) -> Floats:
        r"""The matrix of second derivatives :math:`H(\theta)` at one point, of shape ``(d, d)``."""

    @property
    @abstractmethod
    def minimum(self) -> Floats:
        r"""The point :math:`\theta^*` of the smallest loss, of shape ``(d,)``."""

    @abstractmethod
    def _loss(self, params: Floats) -> Any: ...

    @abstractmethod
    def _grad(self, params: Floats) -> Floats: ...

    def _noisy_grad(self, params: Floats, rng: np.random.Generator) -> Floats:
        return self._grad(params) + self.noise * rng.standard_normal(params.shape)

    def _points(self, params: ArrayLike, one: bool = False) -> Floats:
        points = np.asarray(params, dtype=np.float64)
        if points.ndim == 0 or points.shape[0] != self.dim or (one and points.ndim > 1):
            wanted = f"({self.dim},)" if one else f"({self.dim},) or ({self.dim}, *runs)"
            raise ValueError(f"params must have shape {wanted}, got shape {points.shape}")
        return points


class Quadratic(Objective):
    r"""A bowl: the loss that every smooth loss looks like near a minimum.

    .. math:: L(\theta) = \tfrac{1}{2} (\theta - c)^\top A \, (\theta - c),
        \qquad \nabla L = A (\theta - c), \qquad H = A

    Parameters
    ----------
    matrix : array of shape (d, d), or (d,) for a diagonal one
        :math:`A`, symmetric. Its eigenvalues are the curvatures.
    center : array of shape (d,), optional
        :math:`c`; zero if not given.
    noise : float
        Standard deviation of the gradient noise per coordinate, used with an ``rng``.

    Raises
    ------
    ValueError
        If the matrix is not square, not symmetric or not finite, or the center does not fit.
        ``minimum`` raises where an eigenvalue is negative: the loss then has no minimum.

    Notes
    -----
    See :cite:t:`nocedal2006numerical` for what gradient methods do on it.

    Examples
    --------
    >>> bowl = Quadratic([1.0, 10.0])
    >>> bowl.loss([2.0, 1.0])
    np.float64(7.0)
    >>> bowl.grad([2.0, 1.0])
    array([ 2., 10.])
    """

    def __init__(self, matrix: ArrayLike, center: ArrayLike | None = None, noise: float = 1.0) -> None:
        super().__init__(noise)
        check.finite(matrix=matrix)
        given = np.array(matrix, dtype=np.float64)
        self.matrix = np.diag(given) if given.ndim == 1 else given
        self.dim = len(self.matrix) if self.matrix.ndim else 0
        if not self.dim or self.matrix.shape != (self.dim, self.dim) or not _symmetric(self.matrix):
            raise ValueError(f"matrix must be symmetric, of shape (d, d) or (d,), got matrix={matrix!r}")
        check.finite(center=0.0 if center is None else center)
        self.center = np.zeros(self.dim) if center is None else np.array(center, dtype=np.float64)
        if self.center.shape != (self.dim,):
            raise ValueError(f"center must have shape ({self.dim},), got shape {self.center.shape}")

    def __repr__(self) -> str:
        return f"Quadratic({self.matrix.tolist()}, center={self.center.tolist()})"

    def _loss(self, params: Floats) -> Any:
        offset = self._offset(params)
        return _dot(offset, self._times(offset)) / 2

    def _grad(self, params: Floats) -> Floats:
        return self._times(self._offset(params))

    def loss_and_grad(self, params: ArrayLike, rng: np.random.Generator | None = None) -> tuple[Any, Floats]:
        """``loss(params)`` and ``grad(params, rng)``; the product with the matrix is done once."""
        points = self._points(params)
        offset = self._offset(points)
        grad = self._times(offset)
        loss = _dot(offset, grad) / 2
        return loss, grad if rng is None else grad + self.noise * rng.standard_normal(points.shape)

    def hessian(self, params: ArrayLike) -> Floats:
        """The matrix, whatever the point."""
        self._points(params, one=True)
        return self.matrix.copy()

    @property
    def minimum(self) -> Floats:
        """The center, if no eigenvalue is negative."""
        eigenvalues = np.linalg.eigvalsh(self.matrix)
        if eigenvalues[0] < -1e-12 * abs(eigenvalues).max():
            raise ValueError(f"no minimum: matrix has the negative eigenvalue {eigenvalues[0]:.3g}")
        return self.center.copy()

    def _offset(self, params: Floats) -> Floats:
        return params - _column(self.center, params.ndim)

    def _times(self, offset: Floats) -> Floats:
        return (self.matrix @ offset.reshape(self.dim, -1)).reshape(offset.shape)


class Rosenbrock(Objective):
    r"""A bent, narrow valley: easy to enter, slow to follow :cite:p:`rosenbrock1960automatic`.

    .. math:: L(x, y) = (a - x)^2 + b \, (y - x^2)^2

    Parameters
    ----------
    a, b : float
        The minimum is :math:`(a, a^2)`; a larger :math:`b > 0` makes the valley narrower.
    noise : float
        Standard deviation of the gradient noise per coordinate, used with an ``rng``.

    Raises
    ------
    ValueError
        If ``a`` is not finite or ``b`` not positive.

    Examples
    --------
    >>> Rosenbrock().grad([-1.0, 1.0]), Rosenbrock().loss([1.0, 1.0])
    (array([-4.,  0.]), np.float64(0.0))
    """

    dim = 2

    def __init__(self, a: float = 1.0, b: float = 100.0, noise: float = 1.0) -> None:
        super().__init__(noise)
        check.finite(a=a)
        check.positive(b=b)
        self.a, self.b = a, b

    def __repr__(self) -> str:
        return f"Rosenbrock(a={self.a}, b={self.b})"

    def _loss(self, params: Floats) -> Any:
        x, y = params
        return (self.a - x) ** 2 + self.b * (y - x**2) ** 2

    def _grad(self, params: Floats) -> Floats:
        x, y = params
        return np.stack([-2 * (self.a - x) - 4 * self.b * x * (y - x**2), 2 * self.b * (y - x**2)])

    def hessian(self, params: ArrayLike) -> Floats:
        """The second derivatives at one point, of shape (2, 2)."""
        x, y = self._points(params, one=True)
        return np.array([[2 - 4 * self.b * (y - 3 * x**2), -4 * self.b * x], [-4 * self.b * x, 2 * self.b]])

    @property
    def minimum(self) -> Floats:
        r""":math:`(a, a^2)`."""
        return np.array([self.a, self.a**2])


class Beale(Objective):
    r"""Flat plains and steep walls :cite:p:`beale1958iterative`.

    .. math:: L(x, y) = (1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2

    Parameters
    ----------
    noise : float
        Standard deviation of the gradient noise per coordinate, used with an ``rng``.

    Examples
    --------
    >>> Beale().loss([3.0, 0.5]), Beale().grad([0.0, 0.0])
    (np.float64(0.0), array([-12.75,   0.  ]))
    """

    dim = 2

    def __repr__(self) -> str:
        return "Beale()"

    @staticmethod
    def _residuals(x: Any, y: Any) -> list[tuple[Any, int]]:
        return [(c - x + x * y**p, p) for c, p in ((1.5, 1), (2.25, 2), (2.625, 3))]

    def _loss(self, params: Floats) -> Any:
        return sum(r**2 for r, _ in self._residuals(*params))

    def _grad(self, params: Floats) -> Floats:
        x, y = params
        residuals = self._residuals(x, y)
        dx = sum(2 * r * (y**p - 1) for r, p in residuals)
        dy = sum(2 * r * p * x * y ** (p - 1) for r, p in residuals)
        return np.stack([dx, dy])

    def hessian(self, params: ArrayLike) -> Floats:
        """The second derivatives at one point, of shape (2, 2)."""
        x, y = self._points(params, one=True)
        second = np.zeros((2, 2))
        for r, p in self._residuals(x, y):
            slope = np.array([y**p - 1, p * x * y ** (p - 1)])
            cross, bend = p * y ** (p - 1), p * (p - 1) * x * y ** max(p - 2, 0)
            second += 2 * np.outer(slope, slope) + 2 * r * np.array([[0, cross], [cross, bend]])
        return second

    @property
    def minimum(self) -> Floats:
        """(3, 0.5)."""
        return np.array([3.0, 0.5])


class _Regression(Objective):
    """What fitting ``n`` rows of ``d`` features has in common: the data, and gradients of a random batch."""

    def __init__(self, X: ArrayLike, y: ArrayLike, batch: int) -> None:
        super().__init__()
        check.finite(X=X, y=y)
        check.count(batch=batch)
        self.X, self.y, self.batch = np.array(X, dtype=np.float64), np.array(y, dtype=np.float64), batch
        if self.X.ndim != 2 or 0 in self.X.shape or self.y.shape != self.X.shape[:1]:
            raise ValueError(f"X must have shape (n, d) and y (n,), got X {self.X.shape} and y {self.y.shape}")
        self.rows, self.dim = self.X.shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rows} rows, {self.dim} features)"

    def _outputs(self, params: Floats) -> Floats:
        return np.tensordot(self.X, params, axes=1)

    def _noisy_grad(self, params: Floats, rng: np.random.Generator) -> Floats:
        """The gradient on ``batch`` rows drawn with replacement, afresh for each run."""
        drawn = rng.integers(self.rows, size=(self.batch, *params.shape[1:]))
        X, y = self.X[drawn], self.y[drawn]
        slope = self._slope(np.einsum("b...d,d...->b...", X, params), y)
        total = np.einsum("b...d,b...->d...", X, slope)
        return np.asarray(total * (self._weight / self.batch) + self._penalty_grad(params))

    def _grad(self, params: Floats) -> Floats:
        slope = self._slope(self._outputs(params), _column(self.y, params.ndim))
        total = np.tensordot(self.X.T, slope, axes=1)
        return np.asarray(total * (self._weight / self.rows) + self._penalty_grad(params))

    _weight: float  # of the mean over rows: 1, or n where the loss is a sum

    @abstractmethod
    def _slope(self, outputs: Any, y: Any) -> Any:
        """The derivative of one row's loss by its output."""

    def _penalty_grad(self, params: Floats) -> Any:
        return 0.0


class LinearRegression(_Regression):
    r"""Least squares on ``n`` rows of ``d`` features.

    .. math:: L(\theta) = \frac{1}{n} \lVert X \theta - y \rVert^2, \qquad H = \frac{2}{n} X^\top X

    Parameters
    ----------
    X : array of shape (n, d)
        One row per example. Add a column of ones for an intercept.
    y : array of shape (n,)
        The targets.
    reduction : {"mean", "sum"}
        ``"sum"`` leaves out the :math:`1/n`: loss, gradient and curvature are then ``n`` times as large, and the
        largest stable rate is ``n`` times as small.
    batch : int
        Rows in a noisy gradient (asked for with an ``rng``), drawn with replacement; its mean is the full gradient.

    Raises
    ------
    ValueError
        If the shapes do not fit, a number is not finite, or ``reduction`` is unknown.

    Examples
    --------
    >>> line = LinearRegression([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])
    >>> line.minimum, line.hessian([0.0])
    (array([2.]), array([[3.33333333]]))
    """

    def __init__(self, X: ArrayLike, y: ArrayLike, reduction: Literal["mean", "sum"] = "mean", batch: int = 1) -> None:
        super().__init__(X, y, batch)
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction must be 'mean' or 'sum', got reduction={reduction!r}")
        self.reduction = reduction
        self._weight = 1.0 if reduction == "mean" else float(self.rows)

    def _loss(self, params: Floats) -> Any:
        residuals = self._outputs(params) - _column(self.y, params.ndim)
        return np.mean(residuals**2, axis=0) * self._weight

    def _slope(self, outputs: Any, y: Any) -> Any:
        return 2 * (outputs - y)

    def hessian(self, params: ArrayLike) -> Floats:
        """The matrix of the docstring's formula, whatever the point."""
        self._points(params, one=True)
        return np.asarray(2 * self.X.T @ self.X * (self._weight / self.rows))

    @property
    def minimum(self) -> Floats:
        """The least-squares solution; the shortest one where there are several."""
        return np.linalg.lstsq(self.X, self.y, rcond=None)[0]


class LogisticRegression(_Regression):
    r"""Two classes, cross-entropy, and a penalty that makes the minimum unique.

    .. math:: L(\theta) = \frac{1}{n} \sum_i \bigl[ \ln(1 + e^{z_i}) - y_i z_i \bigr]
        + \frac{\alpha}{2} \lVert \theta \rVert^2, \qquad z = X \theta

    Parameters
    ----------
    X : array of shape (n, d)
        One row per example. Add a column of ones for an intercept.
    y : array of shape (n,)
        The classes, 0 or 1.
    l2 : float
        :math:`\alpha \ge 0`. With 0 and classes that a plane separates there is no minimum.
    batch : int
        Rows in a noisy gradient (asked for with an ``rng``), drawn with replacement; its mean is the full gradient.

    Raises
    ------
    ValueError
        If the shapes do not fit, ``y`` has other values than 0 and 1, or ``l2`` is negative.
        ``minimum`` raises where Newton's method finds none.

    Examples
    --------
    >>> model = LogisticRegression([[-1.0], [1.0], [2.0]], [0, 1, 0], l2=0.1)
    >>> abs(model.grad(model.minimum)).max() < 1e-10
    np.True_
    """

    _weight = 1.0

    def __init__(self, X: ArrayLike, y: ArrayLike, l2: float = 0.0, batch: int = 1) -> None:
        super().__init__(X, y, batch)
        if not np.isin(self.y, (0, 1)).all():
            raise ValueError(f"y must hold 0 and 1 only, got values {np.unique(self.y)[:5]}")
        check.non_negative(l2=l2)
        self.l2 = l2

    def _loss(self, params: Floats) -> Any:
        z = self._outputs(params)
        rows = np.logaddexp(0, z) - _column(self.y, params.ndim) * z
        return np.mean(rows, axis=0) + self.l2 / 2 * np.sum(params**2, axis=0)

    def _slope(self, outputs: Any, y: Any) -> Any:
        return _sigmoid(outputs) - y

    def _penalty_grad(self, params: Floats) -> Any:
        return self.l2 * params

    def hessian(self, params: ArrayLike) -> Floats:
        r""":math:`X^\top \mathrm{diag}(p (1 - p)) X / n + \alpha I` at one point, with :math:`p = \sigma(X \theta)`."""
        p = _sigmoid(self._outputs(self._points(params, one=True)))
        return np.asarray((self.X.T * (p * (1 - p))) @ self.X / self.rows + self.l2 * np.eye(self.dim))

    @property
    def minimum(self) -> Floats:
        """Found by Newton's method with step halving."""
        params, unit = np.zeros(self.dim), np.abs(self.X).max()
        for _ in range(100):
            grad = self.grad(params)
            if np.abs(grad).max() <= 1e-13 * unit:
                break
            newton = np.linalg.lstsq(self.hessian(params), grad, rcond=None)[0]
            shrink = 1.0
            while self.loss(params - shrink * newton) > self.loss(params) and shrink > 1e-9:
                shrink /= 2
            params = params - shrink * newton
        p = _sigmoid(self._outputs(params))
        rank_of_unsure = np.linalg.matrix_rank(self.X[p * (1 - p) > 1e-10])
        if self.l2 == 0 and rank_of_unsure < np.linalg.matrix_rank(self.X):  # the loss falls for ever along the rest
            raise ValueError(f"no finite minimum: a plane separates the classes; l2 > 0 would do, got l2={self.l2}")
        return params


def _column(vector: Floats, ndim: int) -> Floats:
    """``vector`` with as many axes behind it as ``runs`` has."""
    return vector.reshape(-1, *(1,) * (ndim - 1))


def _dot(a: Floats, b: Floats) -> Any:
    """The sum over the coordinates, of shape ``runs``."""
    return np.einsum("i...,i...->...", a, b)


def _symmetric(matrix: Floats) -> bool:
    return bool(np.abs(matrix - matrix.T).max() <= 1e-12 * np.abs(matrix).max())


def _sigmoid(z: Floats) -> Floats:
    return (1 + np.tanh(z / 2)) / 2
