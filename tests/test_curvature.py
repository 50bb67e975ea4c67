"""Curvature against numpy's eigh, torch's automatic differentiation, and descents run on both sides of the edge."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lrlab import minimize
from lrlab.curvature import hessian_vector_product, lanczos, max_stable_lr, power_iteration, sharpness
from lrlab.objectives import Beale, LinearRegression, LogisticRegression, Quadratic, Rosenbrock
from lrlab.optimizers import GradientDescent, HeavyBall
from lrlab.pytorch.curvature import hessian_product
from lrlab.pytorch.curvature import sharpness as model_sharpness

METHODS = {"lanczos": lanczos, "power": power_iteration}
both = pytest.mark.parametrize("method", METHODS)


def rng(seed=0):
    return np.random.default_rng(seed)


def with_eigenvalues(values, seed=0):
    basis = np.linalg.qr(rng(seed).standard_normal((len(values), len(values))))[0]
    matrix = (basis * values) @ basis.T
    return (matrix + matrix.T) / 2


def regression(kind, seed=0):
    X = rng(seed).standard_normal((30, 5))
    y = X @ rng(seed + 1).standard_normal(5)
    return LinearRegression(X, y) if kind == "linear" else LogisticRegression(X, (y > 0).astype(float), l2=0.01)


OBJECTIVES = [
    Rosenbrock(),
    Beale(),
    regression("linear"),
    regression("logistic"),
    Quadratic(with_eigenvalues([-4, 1, 3])),
]


# ------------------------------------------------------------------------------------------ Hessian-vector products


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_products_are_the_hessians_columns(objective):
    point = rng(3).standard_normal(objective.dim)
    for column, unit in zip(objective.hessian(point).T, np.eye(objective.dim), strict=True):
        assert hessian_vector_product(objective, point, unit) == pytest.approx(column, rel=1e-13, abs=1e-13)
        size = np.abs(objective.hessian(point)).max()
        assert hessian_vector_product(objective.grad, point, 7 * unit) == pytest.approx(7 * column, abs=1e-7 * size)


def test_product_of_rosenbrock_is_torchs_hvp():
    def loss(x):
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    point, vector = rng(5).standard_normal((2, 2))
    expected = torch.autograd.functional.hvp(loss, torch.tensor(point), torch.tensor(vector))[1].numpy()
    assert hessian_vector_product(Rosenbrock(), point, vector) == pytest.approx(expected, rel=1e-12)


def test_product_with_zero_is_zero_and_shapes_are_checked():
    assert hessian_vector_product(Rosenbrock().grad, [1.0, 2.0], [0.0, 0.0]).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"one shape \(d,\), got \(2,\) and \(3,\)"):
        hessian_vector_product(Rosenbrock(), [1.0, 2.0], [0.0, 0.0, 0.0])


# -------------------------------------------------------------------------------------------------- largest eigenvalue


SPECTRA = {
    "positive": [1.0, 2.0, 5.0, 9.0],
    "the largest in size is negative": [-50.0, -3.0, 2.0, 10.0],
    "a tie of both signs": [-10.0, -1.0, 3.0, 10.0],
    "all negative": [-8.0, -5.0, -2.0, -1.0],
    "largest is zero": [-8.0, -5.0, -2.0, 0.0],
    "repeated": [1.0, 7.0, 7.0, 7.0],
    "one number": [3.0],
    "one negative number": [-3.0],
    "tiny": [1e-12, 3e-12, 4e-12],
    "huge": [1e12, 3e12, 9e12],
    "wide": np.geomspace(1e-6, 1e3, 30),
}


@both
@pytest.mark.parametrize("name", SPECTRA)
def test_sharpness_is_eighs_largest_eigenvalue(name, method):
    matrix = with_eigenvalues(np.array(SPECTRA[name]))
    size = np.abs(np.linalg.eigvalsh(matrix)).max()
    found = sharpness(Quadratic(matrix), np.zeros(len(matrix)), method=method)
    assert found == pytest.approx(np.linalg.eigh(matrix)[0][-1], abs=1e-12 * size)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 25), st.integers(0, 10**6))
def test_lanczos_on_random_matrices(d, seed):
    matrix = rng(seed).standard_normal((d, d))
    matrix = matrix + matrix.T
    top = lanczos(lambda v: matrix @ v, rng(seed + 1).standard_normal(d), tolerance=1e-9)
    values, vectors = np.linalg.eigh(matrix)
    assert top.value == pytest.approx(values[-1], abs=1e-11 * np.abs(values).max())
    assert top.products <= d
    assert np.linalg.norm(top.vector) == pytest.approx(1, abs=1e-12)
    assert np.linalg.norm(matrix @ top.vector - top.value * top.vector) <= 2e-9 * np.abs(values).max()
    gap = values[-1] - values[-2] if d > 1 else 1.0
    assert abs(vectors[:, -1] @ top.vector) >= 1 - (1e-8 * np.abs(values).max() / gap) ** 2 - 1e-12


@both
def test_the_residual_is_the_residual(method):
    matrix = with_eigenvalues(np.linspace(-3, 5, 12))
    top = METHODS[method](lambda v: matrix @ v, rng().standard_normal(12), tolerance=1e-5)
    true = np.linalg.norm(matrix @ top.vector - top.value * top.vector)
    assert top.residual == pytest.approx(true, rel=1e-6)
    assert 0 < true <= 1e-5 * 5


def test_lanczos_is_exact_after_as_many_products_as_there_are_eigenvalues():
    matrix = with_eigenvalues([1.0, 1.0, 1.0, 4.0, 4.0, 9.0])
    top = lanczos(lambda v: matrix @ v, np.ones(6), tolerance=1e-10)
    assert (top.value, top.products) == (pytest.approx(9.0, rel=1e-12), 3)


def test_lanczos_needs_fewer_products_than_power_iteration():
    values = np.arange(1.0, 201.0)
    pairs = {name: method(lambda v: values * v, np.ones(200), 1e-5, 10_000) for name, method in METHODS.items()}
    assert all(pair.value == pytest.approx(200, rel=1e-7) for pair in pairs.values())
    assert 5 * pairs["lanczos"].products < pairs["power"].products


@both
def test_a_flat_loss_has_no_sharpness(method):
    assert sharpness(lambda v: 0 * v, np.zeros(5), method=method) == 0.0


@both
def test_out_of_products_warns_and_is_a_lower_bound(method):
    values = np.linspace(0, 1, 500)
    with pytest.warns(UserWarning, match=r"after \d+ products, .* a larger max_products or tolerance would do"):
        found = sharpness(lambda v: values * v, np.zeros(500), method=method, max_products=6)
    assert 0.3 < found < 1.0


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@both
def test_sharpness_of_objectives_with_and_without_their_hessian(objective, method):
    point = rng(3).standard_normal(objective.dim)
    values = np.linalg.eigvalsh(objective.hessian(point))
    size = np.abs(values).max()
    assert sharpness(objective, point, method=method) == pytest.approx(values[-1], abs=1e-10 * size)
    numeric = sharpness(
        lambda v: hessian_vector_product(objective.grad, point, v), point, method=method, tolerance=1e-5
    )
    assert numeric == pytest.approx(values[-1], abs=1e-6 * size)


def test_float32_tensors_stay_float32_tensors():
    matrix = torch.tensor(with_eigenvalues(np.linspace(-2, 7, 20)), dtype=torch.float32)
    for method in METHODS.values():
        top = method(lambda v: matrix @ v, torch.ones(20), tolerance=1e-4)
        assert top.value == pytest.approx(7, rel=1e-5)
        assert top.vector.dtype == torch.float32


def test_another_random_start_gives_the_same_value():
    found = [sharpness(Rosenbrock(), [0.3, -2.0], rng=rng(seed)) for seed in range(5)]
    assert found == pytest.approx([found[0]] * 5, rel=1e-12)


# --------------------------------------------------------------------------------------------- the largest stable rate


def test_formula():
    assert max_stable_lr(10.0) == 0.2
    assert max_stable_lr(10.0, momentum=0.9) == pytest.approx(0.38)
    assert max_stable_lr(0.0) == max_stable_lr(-5.0) == math.inf
    assert max_stable_lr(np.array([1.0, 0.0, -1.0, 4.0])).tolist() == [2.0, math.inf, math.inf, 0.5]
    grid = max_stable_lr(np.array([[1.0], [2.0]]), momentum=np.array([0.0, 0.5, 0.9]))
    assert grid.tolist() == [[2.0, 3.0, 3.8], [1.0, 1.5, 1.9]]
    assert isinstance(max_stable_lr(1), float)


@pytest.mark.parametrize("seed", range(4))
def test_descent_converges_just_below_and_diverges_just_above(seed):
    objective = regression("linear", seed)
    limit = max_stable_lr(objective, params=np.zeros(5))
    start = objective.minimum + rng(seed + 9).standard_normal(5)
    rates = limit * np.array([0.99, 1.01])
    run = minimize(objective, start, GradientDescent(), rates, steps=3000)
    floor = objective.loss(objective.minimum)
    below, above = run.loss[-1] - floor
    assert below < 1e-6 * (run.loss[0, 0] - floor)
    assert above > 1e6 * (run.loss[0, 1] - floor)


@pytest.mark.parametrize("momentum", [0.3, 0.9, 0.99])
def test_heavy_ball_converges_just_below_and_diverges_just_above(momentum):
    objective = Quadratic(with_eigenvalues([1.0, 3.0, 8.0]))
    rates = max_stable_lr(objective, np.zeros(3), momentum=momentum) * np.array([0.99, 1.01])
    run = minimize(objective, np.ones(3), HeavyBall(momentum), rates, steps=8000)
    assert run.loss[-1, 0] < 1e-6
    assert not run.loss[-1, 1] < 1e6


def test_at_the_minimum_of_a_loss_that_is_no_quadratic():
    objective = regression("logistic")
    at = objective.minimum
    limit = max_stable_lr(objective, params=at)
    nudged = at + 1e-6 * rng(1).standard_normal(5)
    run = minimize(objective, nudged, GradientDescent(), limit * np.array([0.98, 1.02]), steps=2000)
    distance = np.linalg.norm(run.params - at[:, None], axis=1)
    assert distance[-1, 0] < 1e-3 * distance[0, 0]
    assert distance[-1, 1] > 1e3 * distance[0, 1]


# ----------------------------------------------------------------------------------------------------------- networks


def small_network(seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).to(dtype)
    x = torch.randn(12, 2, dtype=dtype)
    y = torch.sin(x.sum(1, keepdim=True))
    return model, lambda: (model(x) - y).square().mean() + 0.01 * sum(p.square().sum() for p in model.parameters())


def full_hessian(model, loss):
    """Every second derivative, by torch.autograd.functional.hessian on the flat vector of parameters."""
    params = {f"model.{name}": p.detach() for name, p in model.named_parameters() if p.requires_grad}
    sizes = [p.numel() for p in params.values()]

    def of(flat):
        parts = [part.view_as(p) for part, p in zip(torch.split(flat, sizes), params.values(), strict=True)]
        return torch.func.functional_call(Loss(model, loss), dict(zip(params, parts, strict=True)), ())

    return torch.autograd.functional.hessian(of, torch.cat([p.reshape(-1) for p in params.values()]))


class Loss(torch.nn.Module):
    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self):
        return self.loss()


@pytest.mark.parametrize("seed", range(3))
@both
def test_network_against_torchs_full_hessian(seed, method):
    model, loss = small_network(seed)
    hessian = full_hessian(model, loss)
    values, product = torch.linalg.eigvalsh(hessian), hessian_product(model, loss)
    vector = torch.randn(len(hessian), dtype=torch.float64)
    assert torch.allclose(product(vector), hessian @ vector, rtol=1e-12, atol=1e-12)
    found = model_sharpness(model, loss, method=method, tolerance=1e-7, max_products=5000)
    assert found == pytest.approx(values[-1].item(), rel=1e-10)
    assert all(p.grad is None for p in model.parameters())


def test_network_in_float32_with_frozen_and_unused_parameters():
    model, loss = small_network(dtype=torch.float32)
    model[0].requires_grad_(False)
    model.unused = torch.nn.Parameter(torch.zeros(3))
    matrix = full_hessian(model, lambda: loss() - 0.01 * model.unused.square().sum() + 0 * model.unused.sum())
    assert model_sharpness(model, loss) == pytest.approx(torch.linalg.eigvalsh(matrix)[-1].item(), rel=1e-4)


def test_network_descends_just_below_the_edge_and_leaves_just_above():
    model, loss = small_network()
    search = torch.optim.LBFGS(model.parameters(), max_iter=1000, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        value = loss()
        value.backward()
        return value

    search.step(closure)
    for _ in range(5):  # Newton's method for the last digits
        closure()
        grad = torch.cat([p.grad.reshape(-1) for p in model.parameters()])
        theta = parameters_to_vector(model.parameters()).detach() - torch.linalg.solve(full_hessian(model, loss), grad)
        vector_to_parameters(theta, model.parameters())
    top = torch.linalg.eigh(full_hessian(model, loss))[1][:, -1]
    limit = max_stable_lr(model_sharpness(model, loss, tolerance=1e-6))
    moved = []
    for factor in (0.97, 1.03):
        vector_to_parameters(theta + 1e-7 * top, model.parameters())
        descent = torch.optim.SGD(model.parameters(), lr=factor * limit)
        for _ in range(60):
            descent.zero_grad()
            loss().backward()
            descent.step()
        moved.append(abs(float(top @ (parameters_to_vector(model.parameters()).detach() - theta))))
    # along the sharpest direction each step multiplies the distance by 1 − 2 · factor
    assert moved == pytest.approx([1e-7 * 0.94**60, 1e-7 * 1.06**60], rel=0.01)


def test_a_loss_without_curvature():
    model = torch.nn.Linear(3, 1)
    assert model_sharpness(model, lambda: model(torch.ones(3)).sum()) == 0.0
    with pytest.raises(ValueError, match="model must have parameters that require a gradient, got Tanh with none"):
        hessian_product(torch.nn.Tanh(), lambda: torch.tensor(0.0))
    with pytest.raises(ValueError, match=r"loss must return a scalar tensor, got shape \(1,\)"):
        hessian_product(model, lambda: model(torch.ones(3)))
    with pytest.raises(ValueError, match=r"vector must have shape \(4,\), got \(3,\)"):
        hessian_product(model, lambda: model(torch.ones(3)).sum())(torch.ones(3))
    with pytest.raises(ValueError, match="method must be"):
        model_sharpness(model, lambda: model(torch.ones(3)).sum(), method="qr")


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sharpness(Rosenbrock(), 1.0), r"params must have shape \(d,\), got shape \(\)"),
        (lambda: sharpness(Rosenbrock(), []), r"params must have shape \(d,\), got shape \(0,\)"),
        (
            lambda: sharpness(Rosenbrock(), [0.0, 0.0], method="qr"),
            "method must be 'lanczos' or 'power', got method='qr'",
        ),
        (lambda: sharpness(Rosenbrock(), [0.0, 0.0], tolerance=0), "tolerance must be a finite number > 0"),
        (lambda: sharpness(Rosenbrock(), [0.0, 0.0], max_products=0), "max_products must be a positive integer"),
        (lambda: sharpness(lambda v: v * math.nan, [0.0, 0.0]), "products must be finite, got nan"),
        (lambda: power_iteration(lambda v: v * math.inf, np.ones(2)), "products must be finite, got inf"),
        (lambda: lanczos(lambda v: v, np.zeros(2)), "start must be finite and not zero"),
        (lambda: max_stable_lr(math.nan), "curvature must be a finite number, got curvature=nan"),
        (lambda: max_stable_lr(1.0, momentum=1.0), "momentum must be"),
    ],
)
def test_errors_say_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()
