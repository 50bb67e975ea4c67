"""Methods as their papers list them, in plain loops that share nothing with lrlab.

Each function takes the layers (arrays, changed in place), ``grad(layers, t)``, the rates and the settings, and yields
after each step the point that moves and the point to judge.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

Layers = list[np.ndarray]
Gradient = Callable[[Layers, int], Layers]
Path = Iterator[tuple[Layers, Layers]]


def coordinates(layers: Layers) -> list[tuple[int, tuple[int, ...]]]:
    return [(k, i) for k, layer in enumerate(layers) for i in np.ndindex(layer.shape)]


def zeros(layers: Layers) -> Layers:
    return [np.zeros(layer.shape) for layer in layers]


def copies(layers: Layers) -> Layers:
    return [layer.copy() for layer in layers]


def norm(layer: np.ndarray) -> float:
    return math.sqrt(math.fsum(float(number) ** 2 for number in layer.flat))


def lion(
    theta: Layers, grad: Gradient, rates: Sequence[float], beta1: float, beta2: float, weight_decay: float
) -> Path:
    """Chen et al. 2023, Algorithm 2."""
    m = zeros(theta)
    for t, eta in enumerate(rates):
        g = grad(theta, t)
        for k, i in coordinates(theta):
            c = beta1 * m[k][i] + (1 - beta1) * g[k][i]
            sign = math.copysign(1, c) if c else 0
            theta[k][i] -= eta * (sign + weight_decay * theta[k][i])
            m[k][i] = beta2 * m[k][i] + (1 - beta2) * g[k][i]
        yield theta, theta


def lars(
    theta: Layers, grad: Gradient, rates: Sequence[float], momentum: float, weight_decay: float, trust: float
) -> Path:
    """You, Gitman & Ginsburg 2017, equation 6 and Algorithm 1."""
    v = zeros(theta)
    for t, gamma in enumerate(rates):
        g = grad(theta, t)
        for k, layer in enumerate(theta):
            local = trust * norm(layer) / (norm(g[k]) + weight_decay * norm(layer))
            for i in np.ndindex(layer.shape):
                v[k][i] = momentum * v[k][i] + gamma * local * (g[k][i] + weight_decay * layer[i])
            for i in np.ndindex(layer.shape):
                layer[i] -= v[k][i]
        yield theta, theta


def lamb(
    x: Layers, grad: Gradient, rates: Sequence[float], beta1: float, beta2: float, eps: float, weight_decay: float
) -> Path:
    """You et al. 2020, Algorithm 2."""
    m, v = zeros(x), zeros(x)
    for t, eta in enumerate(rates, start=1):
        g = grad(x, t - 1)
        for k, layer in enumerate(x):
            update = np.zeros(layer.shape)
            for i in np.ndindex(layer.shape):
                m[k][i] = beta1 * m[k][i] + (1 - beta1) * g[k][i]
                v[k][i] = beta2 * v[k][i] + (1 - beta2) * g[k][i] ** 2
                m_hat, v_hat = m[k][i] / (1 - beta1**t), v[k][i] / (1 - beta2**t)
                update[i] = m_hat / (math.sqrt(v_hat) + eps) + weight_decay * layer[i]
            ratio = norm(layer) / norm(update)
            for i in np.ndindex(layer.shape):
                layer[i] -= eta * ratio * update[i]
        yield x, x


def muon(theta: Layers, grad: Gradient, rates: Sequence[float], momentum: float, weight_decay: float) -> Path:
    """Jordan et al. 2024; the five polynomials act on the singular values of an SVD, not on matrices."""
    buffer = zeros(theta)
    for t, eta in enumerate(rates):
        g = grad(theta, t)
        for k, layer in enumerate(theta):
            buffer[k] = momentum * buffer[k] + g[k]
            left, values, right = np.linalg.svd(g[k] + momentum * buffer[k], full_matrices=False)
            values = values / (math.sqrt(math.fsum(s**2 for s in values)) + 1e-7)
            for _ in range(5):
                values = np.array([3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5 for s in values])
            scale = math.sqrt(max(1, layer.shape[0] / layer.shape[1]))
            layer *= 1 - eta * weight_decay
            layer -= eta * scale * (left * values) @ right
        yield theta, theta


def schedule_free_sgd(y: Layers, grad: Gradient, rates: Sequence[float], beta: float) -> Path:
    """Defazio et al. 2024, equations 3 to 5, with the weights of Algorithm 1."""
    x, z = copies(y), copies(y)
    for t, gamma in enumerate(rates):
        g = grad(y, t)
        c = gamma**2 / math.fsum(rate**2 for rate in rates[: t + 1])
        for k, i in coordinates(y):
            z[k][i] -= gamma * g[k][i]
            x[k][i] = (1 - c) * x[k][i] + c * z[k][i]
            y[k][i] = (1 - beta) * z[k][i] + beta * x[k][i]
        yield y, x


def schedule_free_adamw(
    y: Layers, grad: Gradient, rates: Sequence[float], beta1: float, beta2: float, eps: float, weight_decay: float
) -> Path:
    """Defazio et al. 2024, Algorithm 1, the correction in the second moment as in the authors' present code."""
    x, z, v = copies(y), copies(y), zeros(y)
    for t, gamma in enumerate(rates, start=1):
        g = grad(y, t - 1)
        c = gamma**2 / math.fsum(rate**2 for rate in rates[:t])
        for k, i in coordinates(y):
            v[k][i] = beta2 * v[k][i] + (1 - beta2) * g[k][i] ** 2
            z[k][i] -= gamma * g[k][i] / (math.sqrt(v[k][i] / (1 - beta2**t)) + eps) + gamma * weight_decay * y[k][i]
            x[k][i] = (1 - c) * x[k][i] + c * z[k][i]
            y[k][i] = (1 - beta1) * z[k][i] + beta1 * x[k][i]
        yield y, x


def dadapt_sgd(x: Layers, grad: Gradient, rates: Sequence[float], momentum: float, d0: float) -> Path:
    """Defazio & Mishchenko 2023, SGD with D-Adaptation: one distance for all layers."""
    z, s = copies(x), zeros(x)
    d, numerator = d0, 0.0
    for t, gamma in enumerate(rates):
        g = grad(x, t)
        if t == 0:
            g0 = math.sqrt(math.fsum(norm(layer) ** 2 for layer in g))
        weight = d * gamma / g0
        numerator += weight * math.fsum(g[k][i] * s[k][i] for k, i in coordinates(x))
        for k, i in coordinates(x):
            s[k][i] += weight * g[k][i]
            z[k][i] -= weight * g[k][i]
            x[k][i] = momentum * x[k][i] + (1 - momentum) * z[k][i]
        d = max(d, 2 * numerator / math.sqrt(math.fsum(norm(layer) ** 2 for layer in s)))
        yield x, x


def prodigy(
    x: Layers,
    grad: Gradient,
    rates: Sequence[float],
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    d0: float,
) -> Path:
    """Mishchenko & Defazio 2024, the Adam version, with AdamW's decay: one distance for all layers."""
    x0, m, v, s = copies(x), zeros(x), zeros(x), zeros(x)
    d, r, root = d0, 0.0, math.sqrt(beta2)
    for t, gamma in enumerate(rates):
        g = grad(x, t)
        r = root * r + (1 - root) * gamma * d**2 * math.fsum(g[k][i] * (x0[k][i] - x[k][i]) for k, i in coordinates(x))
        for k, i in coordinates(x):
            m[k][i] = beta1 * m[k][i] + (1 - beta1) * d * g[k][i]
            v[k][i] = beta2 * v[k][i] + (1 - beta2) * (d * g[k][i]) ** 2
            s[k][i] = root * s[k][i] + (1 - root) * gamma * d**2 * g[k][i]
            x[k][i] -= gamma * d * (weight_decay * x[k][i] + m[k][i] / (math.sqrt(v[k][i]) + d * eps))
        d = max(d, r / math.fsum(abs(s[k][i]) for k, i in coordinates(x)))
        yield x, x


def polyak_average(theta: Layers, grad: Gradient, rates: Sequence[float], start: int) -> Path:
    """Gradient descent, and the mean of its points after the first ``start`` steps."""
    points: list[Layers] = []
    for t, eta in enumerate(rates):
        g = grad(theta, t)
        for k, i in coordinates(theta):
            theta[k][i] -= eta * g[k][i]
        points.append(copies(theta))
        yield theta, _weighted([1 / len(kept)] * len(kept), kept) if (kept := points[start:]) else theta


def ema(theta: Layers, grad: Gradient, rates: Sequence[float], decay: float) -> Path:
    """Gradient descent, and the exponentially weighted sum of its points with the start in it."""
    points = [copies(theta)]
    for t, eta in enumerate(rates):
        g = grad(theta, t)
        for k, i in coordinates(theta):
            theta[k][i] -= eta * g[k][i]
        points.append(copies(theta))
        yield theta, _weighted([decay ** (t + 1), *((1 - decay) * decay ** (t - j) for j in range(t + 1))], points)


def _weighted(weights: Sequence[float], points: Sequence[Layers]) -> Layers:
    return [np.tensordot(weights, np.array([point[k] for point in points]), axes=1) for k in range(len(points[0]))]
