"""How curved a loss is at a point, and the largest rate that the curvature allows.

Nothing here forms a Hessian: all that is asked of a loss is the product of its Hessian and a vector.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lrlab import _checks as check
from lrlab._checks import Floats


class Eigenpair(NamedTuple):
    r"""An eigenvalue :math:`\lambda`, its vector of length one, :math:`\lVert H v - \lambda v \rVert`, and the cost."""

    value: float
    vector: Any
    residual: float
    products: int  # Hessian-vector products


def hessian_vector_product(objective: Any, params: ArrayLike, vector: ArrayLike) -> Floats:
    r"""The Hessian at a point times a vector.

    .. math:: H v = \left. \frac{\mathrm{d}}{\mathrm{d} \epsilon} \nabla L(\theta + \epsilon v) \right|_{\epsilon = 0}
        \approx \frac{\nabla L(\theta + \epsilon v) - \nabla L(\theta - \epsilon v)}{2 \epsilon}

    Parameters
    ----------
    objective : Objective, or callable ``params -> gradient``
        One with an ``hvp`` is asked for it, exactly; of a callable the two gradients on the right are taken, which
        leaves about ten of sixteen digits.
    params, vector : array of shape (d,)
        :math:`\theta` and :math:`v`.

    Raises
    ------
    ValueError
        If the vector has not the shape of the parameters.

    Notes
    -----
    :cite:t:`pearlmutter1994fast` takes the derivative on the left exactly, for the price of about two gradients; so
    does ``lrlab.pytorch.curvature``.

    Examples
    --------
    >>> from lrlab.objectives import Rosenbrock
    >>> hessian_vector_product(Rosenbrock(), [1.0, 1.0], [1.0, 0.0])
    array([ 802., -400.])
    >>> hessian_vector_product(Rosenbrock().grad, [1.0, 1.0], [1.0, 0.0]).round(5)
    array([ 802., -400.])
    """
    point, v = np.asarray(params, dtype=np.float64), np.asarray(vector, dtype=np.float64)
    if point.ndim != 1 or v.shape != point.shape:
        raise ValueError(f"params and vector must have one shape (d,), got {point.shape} and {v.shape}")
    if hasattr(objective, "hvp"):
        return np.asarray(objective.hvp(point, v))
    if not v.any():
        return np.zeros_like(v)
    eps = np.finfo(float).eps ** (1 / 3) * (1 + np.linalg.norm(point)) / np.linalg.norm(v)
    return np.asarray(objective(point + eps * v) - objective(point - eps * v)) / (2 * eps)


def sharpness(
    objective: Any,
    params: ArrayLike,
    method: Literal["lanczos", "power"] = "lanczos",
    tolerance: float = 1e-8,
    max_products: int = 1000,
    rng: np.random.Generator | int | None = None,
) -> float:
    r"""The largest eigenvalue of the Hessian, :math:`\lambda_\text{max}(H(\theta))`.

    .. math:: \lambda_\text{max} = \max_{\lVert v \rVert = 1} v^\top H v

    The largest, not the largest in size: at a saddle whose steepest direction bends down, it is that of the direction
    that bends up most.

    Parameters
    ----------
    objective : Objective, or callable ``vector -> H vector``
        The loss; or the products with its Hessian at the point.
    params : array of shape (d,)
        :math:`\theta`.
    method : {"lanczos", "power"}
        `lanczos` needs fewer products, `power_iteration` remembers one vector only.
    tolerance, max_products
        As for `lanczos`.
    rng : numpy.random.Generator or int, optional
        Draws the vector to start from. An integer is a generator's seed; 0 if not given.

    Raises
    ------
    ValueError
        If an argument is outside its range or a product is not finite.

    Warns
    -----
    UserWarning
        If ``max_products`` did not do. What is returned is then too small.

    Notes
    -----
    Gradient descent is stable up to :math:`2 / \lambda_\text{max}`; :cite:t:`cohen2021gradient` watch networks train
    right at that edge.

    Examples
    --------
    >>> from lrlab.objectives import Quadratic
    >>> round(sharpness(Quadratic([-50.0, 2.0, 10.0]), [0.0, 0.0, 0.0]), 9)
    10.0
    """
    point = np.asarray(params, dtype=np.float64)
    if point.ndim != 1 or point.size == 0:
        raise ValueError(f"params must have shape (d,), got shape {point.shape}")
    if method not in ("lanczos", "power"):
        raise ValueError(f"method must be 'lanczos' or 'power', got method={method!r}")
    start = check.generator(0 if rng is None else rng).standard_normal(point.shape)
    product = (lambda v: objective.hvp(point, v)) if hasattr(objective, "hvp") else objective
    return (lanczos if method == "lanczos" else power_iteration)(product, start, tolerance, max_products).value


def lanczos(product: Callable[[Any], Any], start: Any, tolerance: float = 1e-8, max_products: int = 1000) -> Eigenpair:
    r"""The largest eigenvalue of a symmetric :math:`H` and its vector, after :cite:t:`lanczos1950iteration`.

    .. math:: \beta_k \, q_{k+1} = H q_k - \alpha_k \, q_k - \beta_{k-1} \, q_{k-1}, \qquad \alpha_k = q_k^\top H q_k

    The vectors :math:`q_k` are orthogonal and in their basis :math:`H` is the tridiagonal matrix of the
    :math:`\alpha_k` and :math:`\beta_k`, whose largest eigenvalue never exceeds that of :math:`H` and soon equals it.
    Rounding would undo the orthogonality, so each new vector is made orthogonal to all before it, twice.

    Parameters
    ----------
    product : callable
        :math:`v \mapsto H v`.
    start : array or torch tensor of shape (d,)
        Where to start: a random vector. Its type, precision and device are those of the computation.
    tolerance : float
        Done when :math:`\lVert H v - \lambda v \rVert` is at most this share of the largest eigenvalue (in size) seen.
    max_products : int
        Most products; as many vectors are kept.

    Raises
    ------
    ValueError
        If an argument is outside its range, ``start`` is zero, or a product is not finite.

    Warns
    -----
    UserWarning
        If ``max_products`` did not do. The value is then too small, never too large.

    Notes
    -----
    See :cite:t:`golub2013matrix`, chapter 10.

    Examples
    --------
    >>> curvatures = np.arange(1.0, 101.0)
    >>> top = lanczos(lambda v: curvatures * v, np.ones(100))
    >>> round(top.value, 9), top.products < 100
    (100.0, True)
    """
    q = _first(start, tolerance, max_products)
    basis, alphas, betas = [q], list[float](), list[float]()
    while True:
        w = product(q)
        alphas.append(_finite(float(q @ w)))
        for known in basis * 2:
            w = w - (known @ w) * known
        beta = _finite(float(w @ w) ** 0.5)
        values, vectors = np.linalg.eigh(np.diag(alphas) + np.diag(betas, 1) + np.diag(betas, -1))
        residual, scale = beta * abs(float(vectors[-1, -1])), abs(values).max()
        if residual <= tolerance * scale or len(alphas) == max_products:
            break
        q = w / beta
        basis.append(q)
        betas.append(beta)
    vector = sum(float(share) * known for share, known in zip(vectors[:, -1], basis, strict=True))
    return _told(Eigenpair(float(values[-1]), vector, residual, len(alphas)), tolerance * scale)


def power_iteration(
    product: Callable[[Any], Any], start: Any, tolerance: float = 1e-8, max_products: int = 1000
) -> Eigenpair:
    r"""The largest eigenvalue of a symmetric :math:`H` and its vector, by multiplying again and again.

    .. math:: v \leftarrow \frac{(H + \sigma I) \, v}{\lVert (H + \sigma I) \, v \rVert}, \qquad \lambda = v^\top H v

    With :math:`\sigma = 0` that finds the eigenvalue of the largest *size*. If it is negative, or if two of either sign
    tie and nothing settles, a second pass with :math:`\sigma` at that size makes all eigenvalues positive, so that the
    largest wins.

    Parameters
    ----------
    product, start, tolerance
        As for `lanczos`.
    max_products : int
        Most products in each of the two passes.

    Raises
    ------
    ValueError
        If an argument is outside its range, ``start`` is zero, or a product is not finite.

    Warns
    -----
    UserWarning
        If ``max_products`` did not do. The value is then too small, never too large.

    Notes
    -----
    See :cite:t:`golub2013matrix`, chapter 8. The error shrinks by the ratio of the two largest sizes per product.

    Examples
    --------
    >>> curvatures = np.array([-3.0, 1.0, 2.0])
    >>> round(power_iteration(lambda v: curvatures * v, np.ones(3)).value, 9)
    2.0
    """
    v = _first(start, tolerance, max_products)
    top, size = _climb(product, v, 0.0, tolerance, max_products)
    if top.value < 0 or top.residual > tolerance * size:
        again, _ = _climb(product, v, size, tolerance, max_products)
        top = max(top, again, key=lambda pair: pair.value)._replace(products=top.products + again.products)
    return _told(top, tolerance * size)


def max_stable_lr(curvature: Any, params: ArrayLike | None = None, momentum: Any = 0.0) -> Any:
    r"""The largest rate at which gradient descent does not diverge on a quadratic.

    .. math:: \eta_\text{max} = \frac{2 \, (1 + \beta)}{\lambda_\text{max}}

    and infinite where :math:`\lambda_\text{max} \le 0`: in a direction that does not bend up no step can overshoot.

    Parameters
    ----------
    curvature : float, or array of any shape
        :math:`\lambda_\text{max}`, as `sharpness` gives it. With ``params``: the objective to ask for it.
    params : array of shape (d,), optional
        The point at which to ask.
    momentum : float in [0, 1), or array
        :math:`\beta` of `lrlab.optimizers.HeavyBall` without dampening :cite:p:`polyak1964some`.

    Returns
    -------
    float, or array
        Of the shape to which ``curvature`` and ``momentum`` broadcast.

    Raises
    ------
    ValueError
        If ``curvature`` is not finite or ``momentum`` outside [0, 1).

    Examples
    --------
    >>> from lrlab.objectives import Quadratic
    >>> max_stable_lr(10.0), max_stable_lr(10.0, momentum=0.5), max_stable_lr(-1.0)
    (0.2, 0.3, inf)
    >>> round(max_stable_lr(Quadratic([1.0, 10.0]), params=[0.0, 0.0]), 9)
    0.2
    """
    found = curvature if params is None else sharpness(curvature, params)
    check.finite(curvature=found)
    check.fraction(momentum=momentum)
    largest, beta = np.broadcast_arrays(np.asarray(found, dtype=np.float64), np.asarray(momentum, dtype=np.float64))
    limit = np.divide(2 * (1 + beta), largest, out=np.full(largest.shape, math.inf), where=largest > 0)
    return limit if limit.ndim else float(limit)


def _first(start: Any, tolerance: float, max_products: int) -> Any:
    """The vector to start from, of length one."""
    check.positive(tolerance=tolerance)
    check.count(max_products=max_products)
    length = float(start @ start) ** 0.5
    if not 0 < length < math.inf:
        raise ValueError(f"start must be finite and not zero, got a vector of length {length}")
    return start / length


def _climb(
    product: Callable[[Any], Any], v: Any, shift: float, tolerance: float, max_products: int
) -> tuple[Eigenpair, float]:
    """Power iteration on H + shift I; also the largest ‖Hv‖ met, which is the size of H once it has settled."""
    size = 0.0
    for products in range(1, max_products + 1):
        w = product(v)
        value = _finite(float(v @ w))
        size = max(size, float(w @ w) ** 0.5)
        off = w - value * v
        residual = float(off @ off) ** 0.5
        if residual <= tolerance * size or products == max_products:
            break
        shifted = w + shift * v
        v = shifted / float(shifted @ shifted) ** 0.5
    return Eigenpair(value, v, residual, products), size


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(f"the products must be finite, got {number}: params is no point at which the loss is smooth")
    return number


def _told(pair: Eigenpair, wanted: float) -> Eigenpair:
    if pair.residual > wanted:
        warnings.warn(
            f"residual {pair.residual:.1e} after {pair.products} products, {wanted:.1e} wanted; "
            "a larger max_products or tolerance would do",
            stacklevel=3,
        )
    return pair
