"""Losses, gradients and Hessians against torch's autograd; noise against its own statistics."""

import numpy as np
import pytest
import torch

from lrlab import minimize
from lrlab.objectives import Beale, LinearRegression, LogisticRegression, Objective, Quadratic, Rosenbrock
from lrlab.optimizers import GradientDescent

EPS = np.finfo(np.float64).eps
RUNS = [(), (3,), (2, 3), (1, 2, 2), (0,), (2, 0)]


def rng(seed=0):
    return np.random.default_rng(seed)


def symmetric(d, seed=0):
    half = rng(seed).standard_normal((d, d))
    return (half + half.T) / 2


X, Y = rng(1).standard_normal((30, 4)), rng(2).standard_normal(30)
CLASSES = rng(3).integers(0, 2, 30)
A4, C4 = symmetric(4), rng(4).standard_normal(4)


# ---------------------------------------------------------------- the same losses in torch


def tensor(array):
    return torch.tensor(np.asarray(array, dtype=np.float64))


def quadratic(theta):
    return (theta - tensor(C4)) @ tensor(A4) @ (theta - tensor(C4)) / 2


def diagonal(theta):
    return (tensor([1.0, 10.0, 100.0]) * theta**2).sum() / 2


def rosenbrock(a, b):
    return lambda theta: (a - theta[0]).square() + b * (theta[1] - theta[0].square()).square()


def beale(theta):
    x, y = theta
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y * y) ** 2 + (2.625 - x + x * y * y * y) ** 2


def squares(reduction):
    return lambda theta: torch.nn.functional.mse_loss(tensor(X) @ theta, tensor(Y), reduction=reduction)


def cross_entropy(l2):
    loss = torch.nn.BCEWithLogitsLoss()
    return lambda theta: loss(tensor(X) @ theta, tensor(CLASSES)) + l2 / 2 * theta.square().sum()


CASES = {
    "quadratic": (Quadratic(A4, C4), quadratic),
    "diagonal": (Quadratic([1.0, 10.0, 100.0]), diagonal),
    "rosenbrock": (Rosenbrock(), rosenbrock(1, 100)),
    "rosenbrock 2 5": (Rosenbrock(a=2.0, b=5.0), rosenbrock(2, 5)),
    "beale": (Beale(), beale),
    "linear mean": (LinearRegression(X, Y), squares("mean")),
    "linear sum": (LinearRegression(X, Y, reduction="sum"), squares("sum")),
    "logistic": (LogisticRegression(X, CLASSES), cross_entropy(0.0)),
    "logistic l2": (LogisticRegression(X, CLASSES, l2=0.3), cross_entropy(0.3)),
}
OBJECTIVES = [ours for ours, _ in CASES.values()]
each = pytest.mark.parametrize("objective", OBJECTIVES, ids=list(CASES))


def close(found, expected, slack=0.0):
    """Equal to 1e-12 of the largest number involved."""
    unit = max(np.abs(expected).max(initial=0.0), slack)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * max(unit, 1.0))


@pytest.mark.parametrize("case", CASES)
def test_loss_gradient_and_hessian_are_those_of_autograd(case):
    objective, loss = CASES[case]
    for point in 2 * rng(5).standard_normal((20, objective.dim)):
        theta = tensor(point).requires_grad_()
        value = loss(theta)
        (grad,) = torch.autograd.grad(value, theta)
        hessian = torch.autograd.functional.hessian(loss, tensor(point))
        close(objective.loss(point), value.item())
        close(objective.grad(point), grad.numpy(), slack=value.item())
        close(objective.hessian(point), hessian.numpy(), slack=value.item())
        vector = rng(6).standard_normal(objective.dim)
        expected = torch.autograd.functional.hvp(loss, tensor(point), tensor(vector))[1]
        close(objective.hvp(point, vector), expected.numpy(), slack=value.item())


def test_logistic_regression_far_out():
    """Where e^z overflows and where 1 - p rounds to 0: the loss is a line, the gradient its slope."""
    model = LogisticRegression([[1.0], [1.0]], [1, 0])
    for z in (-1000.0, -40.0, 40.0, 1000.0):
        theta = tensor([z]).requires_grad_()
        value = torch.nn.functional.binary_cross_entropy_with_logits(theta.expand(2), tensor([1, 0]))
        (grad,) = torch.autograd.grad(value, theta)
        assert model.loss([z]) == pytest.approx(value.item(), rel=1e-15)
        assert model.grad([z]) == pytest.approx(grad.numpy(), abs=1e-16)


# ---------------------------------------------------------------- grids


@each
@pytest.mark.parametrize("runs", RUNS, ids=str)
def test_a_grid_of_points_equals_its_points(objective, runs):
    points = rng(7).standard_normal((objective.dim, *runs))
    loss, grad = objective.loss(points), objective.grad(points)
    assert np.shape(loss) == runs
    assert grad.shape == points.shape
    for run in np.ndindex(runs):
        point = points[:, *run]
        scale = 1 + abs(objective.loss(point))
        np.testing.assert_allclose(loss[run], objective.loss(point), rtol=1e-14, atol=20 * EPS * scale)
        np.testing.assert_allclose(grad[:, *run], objective.grad(point), rtol=1e-13, atol=20 * EPS * scale)


@each
def test_any_array_will_do_and_is_left_as_it_was(objective):
    points = rng(8).integers(-3, 3, (objective.dim, 4, 2)).astype(float)
    expected = objective.loss(points), objective.grad(points)
    frozen = points.copy()
    frozen.flags.writeable = False
    for form in (frozen, points.tolist(), points.astype(int), points.astype(np.float32), np.asfortranarray(points)):
        before = np.array(form)
        np.testing.assert_allclose(objective.loss(form), expected[0], rtol=1e-14)
        grad = objective.grad(form)
        np.testing.assert_allclose(grad, expected[1], rtol=1e-13, atol=1e-12)
        assert grad.dtype == np.float64
        grad[:] = np.nan
        np.testing.assert_array_equal(form, before)
    every_other = np.repeat(points, 2, axis=1)[:, ::2]
    np.testing.assert_allclose(objective.grad(every_other), expected[1], rtol=1e-13, atol=1e-12)


@each
def test_loss_and_grad_together_are_the_two_alone(objective):
    points = rng(9).standard_normal((objective.dim, 5))
    loss, grad = objective.loss_and_grad(points)
    np.testing.assert_array_equal(loss, objective.loss(points))
    np.testing.assert_array_equal(grad, objective.grad(points))
    loss, grad = objective.loss_and_grad(points, rng(10))
    np.testing.assert_array_equal(loss, objective.loss(points))
    np.testing.assert_array_equal(grad, objective.grad(points, rng(10)))


@each
def test_wrong_shapes_raise(objective):
    d = objective.dim
    for shape in ((), (d + 1,), (1, d), (d - 1, 3), (0,)):
        points = np.ones(shape)
        for method in (objective.loss, objective.grad, objective.loss_and_grad):
            with pytest.raises(ValueError, match=rf"params must have shape \({d},\) or .*, got shape \("):
                method(points)
    with pytest.raises(ValueError, match=rf"params must have shape \({d},\), got shape \({d}, 2\)"):
        objective.hessian(np.ones((d, 2)))
    for shape in ((), (d + 1,), (d, 2)):
        with pytest.raises(ValueError, match=rf"vector must have shape \({d},\), got shape"):
            objective.hvp(np.ones(d), np.ones(shape))


@each
def test_repr_is_one_line(objective):
    assert type(objective).__name__ in repr(objective)
    assert "\n" not in repr(objective)


# ---------------------------------------------------------------- noise

DRAWS = 20_000


def draw(objective, point, seed=0):
    """Many independent noisy gradients at one point: a grid whose runs all stand there."""
    grid = np.repeat(np.asarray(point, dtype=float)[:, None], DRAWS, axis=1)
    return objective.grad(grid, rng(seed))


def within_standard_errors(draws, mean, variance):
    """Mean and variance of the draws are those expected, within 4 standard errors each."""
    np.testing.assert_array_less(np.abs(draws.mean(axis=1) - mean), 4 * np.sqrt(variance / DRAWS) + 1e-12)
    squares = (draws - mean[:, None]) ** 2
    np.testing.assert_array_less(
        np.abs(squares.mean(axis=1) - variance), 4 * squares.std(axis=1) / np.sqrt(DRAWS) + 1e-12
    )


@pytest.mark.parametrize("make", [lambda noise: Quadratic(A4, C4, noise), lambda noise: Rosenbrock(noise=noise), Beale])
@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
def test_gaussian_noise(make, noise):
    objective = make(noise)
    point = rng(11).standard_normal(objective.dim)
    variance = np.full(objective.dim, noise**2)
    within_standard_errors(draw(objective, point), objective.grad(point), variance)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize(
    ("make", "row"),
    [
        (lambda batch: LinearRegression(X, Y, batch=batch), lambda i: 2 * X[i] * (X[i] @ C4 - Y[i])),
        (lambda batch: LinearRegression(X, Y, "sum", batch), lambda i: 30 * 2 * X[i] * (X[i] @ C4 - Y[i])),
        (
            lambda batch: LogisticRegression(X, CLASSES, l2=0.3, batch=batch),
            lambda i: X[i] * (1 / (1 + np.exp(-X[i] @ C4)) - CLASSES[i]) + 0.3 * C4,
        ),
    ],
    ids=["linear mean", "linear sum", "logistic"],
)
def test_batch_noise(make, row, batch):
    """A batch of b rows drawn with replacement: the variance of one row's gradient, divided by b."""
    objective, one_by_one = make(batch), np.array([row(i) for i in range(30)])
    np.testing.assert_allclose(objective.grad(C4), one_by_one.mean(axis=0), rtol=1e-12)
    within_standard_errors(draw(objective, C4), objective.grad(C4), one_by_one.var(axis=0) / batch)


@each
def test_noise_comes_from_the_generator_alone(objective):
    points = np.ones((objective.dim, 6))
    first = objective.grad(points, rng(12))
    np.testing.assert_array_equal(first, objective.grad(points, rng(12)))
    assert not np.array_equal(first, objective.grad(points, rng(13)))
    generator = rng(12)
    objective.grad(points, generator)
    assert not np.array_equal(first, objective.grad(points, generator))
    assert len({tuple(run) for run in first.T}) > 1  # each run has a draw of its own
    np.testing.assert_array_equal(objective.grad(points), objective.grad(points))


# ---------------------------------------------------------------- minima

BOWLS = [
    Quadratic([1.0, 10.0, 100.0], [1.0, -2.0, 3.0]),
    Quadratic(A4 @ A4, C4),
    Quadratic([[1.0, 1.0], [1.0, 1.0]], [1.0, 2.0]),  # flat along one direction
    Rosenbrock(),
    Rosenbrock(a=-1.5, b=3.0),
    Beale(),
    LinearRegression(X, Y),
    LinearRegression(X, Y, reduction="sum"),
    LinearRegression(X[:2], Y[:2]),  # fewer rows than features
    LogisticRegression(X, CLASSES),
    LogisticRegression(X, CLASSES, l2=0.3),
    LogisticRegression(1e6 * X, CLASSES),
    LogisticRegression(X, (X[:, 0] > 0).astype(int), l2=1e-4),  # separable, yet penalized
]


@pytest.mark.parametrize("objective", BOWLS, ids=str)
def test_the_gradient_vanishes_at_the_minimum_and_the_loss_is_no_smaller_around(objective):
    best = objective.minimum
    unit = np.abs(objective.hessian(best)).max()
    assert np.abs(objective.grad(best)).max() <= 1e-12 * max(unit, unit**0.5)
    assert np.linalg.eigvalsh(objective.hessian(best))[0] >= -1e-12 * unit
    around = best[:, None] + rng(14).standard_normal((objective.dim, 100)) * np.geomspace(1e-3, 1, 100) / unit**0.5
    assert (objective.loss(around) >= objective.loss(best) * (1 - 1e-12)).all()
    best[:] = np.nan
    assert np.isfinite(objective.minimum).all()  # what was given away was a copy


def test_known_minima():
    np.testing.assert_array_equal(Quadratic(A4 @ A4, C4).minimum, C4)
    np.testing.assert_array_equal(Rosenbrock(a=3.0).minimum, [3.0, 9.0])
    np.testing.assert_array_equal(Beale().minimum, [3.0, 0.5])
    np.testing.assert_allclose(LinearRegression(X, Y).minimum, np.linalg.solve(X.T @ X, X.T @ Y), rtol=1e-12)
    np.testing.assert_allclose(LinearRegression(X[:2], Y[:2]).minimum, np.linalg.pinv(X[:2]) @ Y[:2], rtol=1e-12)
    odds = LogisticRegression(np.ones((5, 1)), [1, 1, 1, 0, 0]).minimum  # an intercept alone: the log odds
    np.testing.assert_allclose(odds, [np.log(3 / 2)], rtol=1e-12)


def test_no_minimum():
    with pytest.raises(ValueError, match=r"no minimum: matrix has the negative eigenvalue -1"):
        _ = Quadratic([[0.0, 1.0], [1.0, 0.0]]).minimum
    apart = LogisticRegression(X, (X @ C4 > 0).astype(int))
    nearly = LogisticRegression([[0.0, 1], [0, 1], [1, 1], [2, 1]], [0, 1, 1, 1])  # but for two rows on the plane
    for model in (apart, nearly):
        with pytest.raises(ValueError, match=r"no finite minimum: a plane separates the classes.*got l2=0"):
            _ = model.minimum


def test_a_sure_row_does_not_make_the_classes_separable():
    """The last row lies far on its right side; the other four have a minimum without it."""
    rows = np.array([[-1.0, 1], [1, 1], [2, 1], [0.5, 1], [300, 1]])
    model = LogisticRegression(rows, [0, 1, 0, 1, 1])
    assert np.abs(model.grad(model.minimum)).max() < 1e-10
    assert (rows @ model.minimum)[-1] > 30


# ---------------------------------------------------------------- bad settings

NOT_FINITE = [np.nan, np.inf, "1", None]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *((lambda bad=bad: Quadratic(bad), "matrix") for bad in ([], [[]], 1.0, [[1.0, 2.0]], np.ones((2, 2, 2)))),
        *(
            (lambda bad=bad: Quadratic(bad), "matrix")
            for bad in ([[1, 2], [0, 1]], [[1, 1 + 1e-9], [1, 1]], [[1], [1, 2]])
        ),
        *((lambda bad=bad: Quadratic([1.0, bad]), "matrix") for bad in NOT_FINITE),
        *((lambda bad=bad: Quadratic([1.0, 2.0], bad), "center") for bad in ([1.0], [1, 2, 3], 1.0, [[1, 2]])),
        *((lambda bad=bad: Quadratic([1.0], [bad]), "center") for bad in NOT_FINITE),
        *((lambda bad=bad: Quadratic([1.0], noise=bad), "noise") for bad in [*NOT_FINITE, -1]),
        *((lambda bad=bad: Rosenbrock(a=bad), "a") for bad in NOT_FINITE),
        *((lambda bad=bad: Rosenbrock(b=bad), "b") for bad in [*NOT_FINITE, 0, -1]),
        *((lambda bad=bad: Beale(noise=bad), "noise") for bad in [*NOT_FINITE, -1]),
        *((lambda bad=bad: LinearRegression([[1.0, bad]], [1.0]), "X") for bad in NOT_FINITE),
        *((lambda bad=bad: LinearRegression([[1.0]], [bad]), "y") for bad in NOT_FINITE),
        *((lambda bad=bad: LinearRegression(bad, [1.0]), "X") for bad in ([1.0], [[]], [], [[1.0], [2.0]], 1.0)),
        *((lambda bad=bad: LinearRegression([[1.0]], bad), "y") for bad in ([1.0, 2.0], [[1.0]], 1.0, [])),
        *((lambda bad=bad: LinearRegression([[1.0]], [1.0], bad), "reduction") for bad in ("none", None, "Mean", 1)),
        *((lambda bad=bad: LinearRegression([[1.0]], [1.0], batch=bad), "batch") for bad in (0, -1, 1.5, None, True)),
        *((lambda bad=bad: LogisticRegression([[1.0]], [bad]), "y") for bad in [*NOT_FINITE, 2, -1, 0.5]),
        *((lambda bad=bad: LogisticRegression([[1.0]], [1], bad), "l2") for bad in [*NOT_FINITE, -1]),
    ],
)
def test_a_bad_setting_raises(make, name):
    with pytest.raises(ValueError, match=rf"\b{name} .*got "):
        make()


def test_data_is_copied():
    matrix, rows, targets = A4 @ A4, X.copy(), Y.copy()
    bowl, line = Quadratic(matrix), LinearRegression(rows, targets)
    before = bowl.loss(C4), line.loss(C4)
    matrix[:], rows[:], targets[:] = 0, 0, 0
    bowl.hessian(C4)[:] = 0
    assert (bowl.loss(C4), line.loss(C4)) == before


def test_rounding_does_not_make_a_matrix_asymmetric():
    """A product such as Q Λ Qᵀ is symmetric up to rounding only, most visibly where an element ought to be zero."""
    q = np.linalg.qr(rng(15).standard_normal((5, 5)))[0]
    matrix = (q * np.array([1.0, 10, 100, 1000, 1e6])) @ q.T
    matrix[0, 1], matrix[1, 0] = 1e-12, -1e-12
    np.testing.assert_array_equal(Quadratic(matrix).hessian(np.zeros(5)), matrix)


def test_an_objective_of_your_own():
    class Fourth(Objective):
        dim = 1

        def _loss(self, params):
            return params[0] ** 4

        def _grad(self, params):
            return 4 * params**3

        def hessian(self, params):
            return 12 * self._points(params, one=True)[:, None] ** 2

        @property
        def minimum(self):
            return np.zeros(1)

    own = Fourth(noise=0.1)
    assert own.loss([[1.0, 2.0]]).tolist() == [1.0, 16.0]
    assert own.hvp([2.0], [0.5]).tolist() == [24.0]
    within_standard_errors(draw(own, [0.5]), own.grad([0.5]), np.array([0.01]))


# ---------------------------------------------------------------- a regression found in a tutorial


def test_the_regression_that_diverges():
    """100 rows, 10 inputs in [0, 1], the sum of squares: 2/λ_max is 0.0039, and the rates were 0.01 and 0.1."""
    legacy = np.random.RandomState(0)  # what np.random.seed(0) gives
    inputs, targets = legacy.uniform(0, 1, (100, 10)), legacy.uniform(0, 1, 100)
    problem = LinearRegression(inputs, targets, reduction="sum")
    sharpness = np.linalg.eigvalsh(problem.hessian(np.zeros(10)))[-1]
    assert sharpness == pytest.approx(516.485, abs=1e-3)
    assert 2 / sharpness == pytest.approx(0.00387, abs=1e-5)

    for lr, update in ((0.01, 496), (0.1, 181)):
        run = minimize(problem, np.zeros(10), GradientDescent(), lr, steps=1000)
        finite = np.isfinite(run.params).all(axis=1)
        assert finite[:update].all()
        assert not finite[update:].any()
    assert not minimize(problem, np.zeros(10), GradientDescent(), 0.99 * 2 / sharpness, steps=1000).diverged
