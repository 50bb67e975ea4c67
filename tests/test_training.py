"""`minimize` against recurrences written out, torch's training loop and its own single runs; clipping against torch."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrlab import Trajectory, minimize
from lrlab.objectives import Beale, LogisticRegression, Quadratic, Rosenbrock
from lrlab.optimizers import Adam, GradientDescent, HeavyBall, Nesterov, PolyakAverage
from lrlab.schedules import Cosine, Linear, OneCycle, Schedule, StepDecay, Warmup
from lrlab.training import GradientBelow, LossStalls, clip_norm, clip_value, grad_norms

GD = GradientDescent()
BOWL = Quadratic([1.0, 10.0])
LARGEST = np.finfo(np.float64).max
RULES = settings(derandomize=True, database=None, deadline=None, max_examples=60)


def rng(seed=0):
    return np.random.default_rng(seed)


def logistic():
    X = rng(1).standard_normal((40, 3))
    return LogisticRegression(X, (X[:, 0] + rng(2).standard_normal(40) > 0).astype(float), l2=0.1)


def assert_same(found, expected):
    """Two trajectories, to the bit."""
    for name in ("params", "loss", "lr", "grad_norm"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)


# ---------------------------------------------------------------- 10,000 runs in one call
#
# Heavy ball on L = (θ₁² + 10 θ₂²) / 2, 100 rates × 100 momenta × 200 steps. Rates reach 50 times the largest stable
# one, so that many runs leave the range of float64.

CURVATURES = np.array([1.0, 10.0])
RATES, MOMENTA = np.geomspace(1e-3, 10, 100)[:, None], np.linspace(0, 0.99, 100)
STEPS, START = 200, np.array([1.0, -2.0])


@pytest.fixture(scope="module")
def grid():
    return minimize(BOWL, START, HeavyBall(MOMENTA), lr=RATES, steps=STEPS)


@pytest.fixture(scope="module")
def recurrence():
    """θ and v of every step as (number, power of two), computed coordinate by coordinate and run by run.

    After each step both numbers are divided by one power of two, which rounds nothing: the digits are those of float64,
    but there is no overflow.
    """
    theta, v = START[:, None, None] * np.ones((2, 100, 100)), np.zeros((2, 100, 100))
    power, steps = np.zeros((2, 100, 100), dtype=int), []
    for _ in range(STEPS + 1):
        steps.append((theta, v, power))
        v = MOMENTA * v + CURVATURES[:, None, None] * theta
        theta = theta - RATES * v
        size = np.frexp(np.maximum(np.abs(theta), np.abs(v)))[1]
        theta, v, power = np.ldexp(theta, -size), np.ldexp(v, -size), power + size
    return [np.array(part) for part in zip(*steps, strict=True)]


def unscaled(number, power):
    with np.errstate(over="ignore"):
        return np.ldexp(number, power)


def test_shapes(grid):
    assert grid.params.shape == (STEPS + 1, 2, 100, 100)
    assert grid.loss.shape == grid.grad_norm.shape == (STEPS + 1, 100, 100)
    assert grid.lr.shape == (STEPS, 100, 100)
    assert grid.steps == STEPS
    assert grid.diverged.shape == grid.diverged_at.shape == (100, 100)
    assert repr(grid) == f"Trajectory(200 steps, runs (100, 100), {grid.diverged.sum()} diverged)"


def test_every_finite_number_of_the_grid_is_that_of_the_recurrence(grid, recurrence):
    """All 10,000 runs and all steps, to the bit, up to where a number of the run leaves the range of float64."""
    theta, v, power = recurrence
    largest = unscaled(np.maximum(np.abs(theta), np.abs(v)), power)
    fits = np.logical_and.accumulate((largest < LARGEST / 10).all(axis=1))  # a gradient is up to 10 |θ|
    broken = ~np.isfinite(grid.params).all(axis=1)
    assert 1000 < (~fits[-1]).sum() < 9000
    expected = unscaled(theta, power)
    vanished = (np.abs(expected) < 1e-290) & (np.abs(grid.params) < 1e-290)  # where float64 has fewer digits
    assert ((grid.params == expected) | vanished).all(axis=1)[fits].all()
    overflows = ~np.isfinite(expected).all(axis=1)
    assert broken[overflows].all()
    assert not broken[fits].any()


def test_loss_and_gradient_norm_are_those_of_the_parameters(grid):
    with np.errstate(all="ignore"):
        x, y = grid.params[:, 0], grid.params[:, 1]
        loss, norm = (x**2 + 10 * y**2) / 2, np.hypot(x, 10 * y)
    fits = (norm > 1e-140) & (norm < 1e150)  # beyond, squares leave the range
    np.testing.assert_allclose(grid.loss[fits], loss[fits], rtol=1e-15)
    np.testing.assert_allclose(grid.grad_norm[fits], norm[fits], rtol=1e-15)
    np.testing.assert_array_equal(np.isfinite(grid.loss), np.isfinite(loss))
    np.testing.assert_array_equal(grid.lr, np.broadcast_to(RATES, (STEPS, 100, 100)))


def test_every_point_is_a_power_of_the_step_matrix(grid):
    """θ and v after t steps are Mᵗ times the start: all runs and steps, as long as no power exceeds 1e100.

    A step rounds by a few ε of the numbers in it. With G the largest element of any power so far, they are at most G
    times the start, and the rest of the run multiplies the error by at most 2 G: t · 16 ε · G² bounds the difference.
    """
    step = np.empty((2, 100, 100, 2, 2))
    step[..., 0, 0], step[..., 0, 1] = 1 - RATES * CURVATURES[:, None, None], -RATES * MOMENTA
    step[..., 1, 0], step[..., 1, 1] = CURVATURES[:, None, None], MOMENTA
    power, largest = np.broadcast_to(np.eye(2), step.shape), np.ones((100, 100))
    for t in range(1, STEPS + 1):
        with np.errstate(all="ignore"):
            power = step @ power
        largest = np.fmax(largest, np.abs(power).max(axis=(0, -2, -1)))
        tame = largest < 1e100
        error = np.abs(grid.params[t][:, tame] - power[:, tame, 0, 0] * START[:, None])
        assert (error <= t * 16 * np.finfo(float).eps * largest[tame] ** 2 * abs(START[:, None])).all()
    assert tame.sum() > 5000


def test_single_runs_are_the_grid(grid):
    """A hundred of the 10,000 runs, one call each, to the bit; diverging ones too."""
    diverged, diverged_at = grid.diverged, grid.diverged_at
    for i, j in rng(3).integers(0, 100, (100, 2)):
        alone = minimize(BOWL, START, HeavyBall(MOMENTA[j]), lr=RATES[i, 0], steps=STEPS)
        np.testing.assert_array_equal(alone.params, grid.params[:, :, i, j])
        np.testing.assert_allclose(alone.loss, grid.loss[:, i, j], rtol=1e-15)
        np.testing.assert_allclose(alone.grad_norm, grid.grad_norm[:, i, j], rtol=1e-15)
        assert alone.diverged == diverged[i, j]
        assert alone.diverged_at == diverged_at[i, j]


def test_diverged(grid):
    broken = ~np.isfinite(grid.loss) | ~np.isfinite(grid.params).all(axis=1)
    diverged, diverged_at = grid.diverged, grid.diverged_at
    np.testing.assert_array_equal(diverged, broken.any(axis=0))
    for i, j in rng(4).integers(0, 100, (300, 2)):
        assert diverged_at[i, j] == [*broken[:, i, j].tolist(), True].index(True) - (STEPS + 2) * (not diverged[i, j])
    # Stable runs of heavy ball are those with η λ < 2 (1 + β); none of them diverges.
    assert not diverged[RATES * 10 < 2 * (1 + MOMENTA)].any()


def test_finite_runs_are_not_touched_by_the_others(grid):
    """The rows of small rates alone give what they gave beside the diverging ones."""
    assert_same(
        minimize(BOWL, START, HeavyBall(MOMENTA), lr=RATES[:50], steps=STEPS),
        Trajectory(*(part[..., :50, :] for part in (grid.params, grid.loss, grid.lr, grid.grad_norm))),
    )


def test_divergence_is_no_noise():
    """Neither a warning (warnings are errors here) nor a changed setting of NumPy's."""
    before = np.geterr()
    for objective, start in ((BOWL, [1.0, 1.0]), (Rosenbrock(), [3.0, 3.0]), (Beale(), [4.0, 4.0])):
        for method in (GD, HeavyBall(0.9), Nesterov(0.9)):
            run = minimize(objective, start, method, lr=100.0, steps=400)
            assert run.diverged
            assert not np.isfinite(run.loss[run.diverged_at])
            assert np.isfinite(run.loss[: run.diverged_at]).all()
    assert np.geterr() == before


def test_a_rotated_bowl_gives_the_rotated_run():
    """Gradient methods do not care for the basis: with a full matrix, to the rounding of 200 contracting steps."""
    turn = np.linalg.qr(rng(5).standard_normal((2, 2)))[0]
    full = Quadratic(turn @ np.diag(CURVATURES) @ turn.T)
    momenta, rates = MOMENTA[::10], RATES[:50:5]
    straight = minimize(BOWL, START, HeavyBall(momenta), lr=rates, steps=STEPS)
    turned = minimize(full, turn @ START, HeavyBall(momenta), lr=rates, steps=STEPS)
    np.testing.assert_allclose(turned.params, np.einsum("ij,tj...->ti...", turn, straight.params), rtol=0, atol=1e-12)
    np.testing.assert_allclose(turned.loss, straight.loss, rtol=0, atol=1e-11)


# ---------------------------------------------------------------- torch's training loop


TORCH_LOOPS = {
    "sgd, steps": (
        HeavyBall(0.9, dampening=0.5),
        StepDecay(0.05, 0.5, 40),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.5),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 40, 0.5),
    ),
    "nesterov, warm-up and line": (
        Nesterov(0.8),
        Warmup(Linear(0.05, 150, 0.001), 20),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True),
        lambda o: torch.optim.lr_scheduler.LambdaLR(
            o, lambda t: (t + 1) / 20 if t < 20 else 0.02 + 0.98 * max(0.0, 1 - (t - 20) / 150)
        ),
    ),
    "adam, one cycle": (
        Adam(),
        OneCycle(0.1, 201),
        lambda p: torch.optim.Adam(p, lr=0.1),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=201, cycle_momentum=False),
    ),
    "gradient descent, cosine": (
        GD,
        Cosine(0.5, 200, 0.01),
        lambda p: torch.optim.SGD(p, lr=0.5),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 200, 0.01),
    ),
}


@pytest.mark.parametrize("case", TORCH_LOOPS)
@pytest.mark.parametrize("clip", [None, 0.05])
def test_equals_torchs_training_loop(case, clip):
    """200 steps of logistic regression, loss by torch's own function: parameters, losses and rates to 1e-12.

    torch divides by the norm plus 1e-6 when it clips; the transform does the same.
    """
    method, schedule, make_optimizer, make_scheduler = TORCH_LOOPS[case]
    model = logistic()
    inputs, classes = torch.tensor(model.X), torch.tensor(model.y)
    theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([theta])
    scheduler = make_scheduler(optimizer)
    params, losses, rates = [], [], []
    for _ in range(200):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ theta, classes)
        loss = loss + model.l2 / 2 * theta.square().sum()
        loss.backward()
        params.append(theta.detach().numpy().copy())
        losses.append(loss.item())
        rates.append(optimizer.param_groups[0]["lr"])
        if clip:
            torch.nn.utils.clip_grad_norm_([theta], clip)
        optimizer.step()
        scheduler.step()

    def clipped(grad):
        norm = np.linalg.norm(grad)
        return clip_norm(grad, clip) * (norm / (norm + 1e-6) if norm > clip else 1.0)

    run = minimize(model, np.zeros(3), method, schedule, steps=200, transform=clipped if clip else None)
    np.testing.assert_allclose(run.params[:-1], params, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.loss[:-1], losses, rtol=1e-12)
    np.testing.assert_allclose(run.lr, rates, rtol=0, atol=1e-12)


# ---------------------------------------------------------------- what is recorded


def test_one_run():
    run = minimize(BOWL, [1.0, -2.0], GD, lr=0.05, steps=3)
    expected = START * (1 - 0.05 * CURVATURES) ** np.arange(4)[:, None]
    np.testing.assert_allclose(run.params, expected, rtol=1e-15)
    np.testing.assert_allclose(run.loss, expected**2 @ CURVATURES / 2, rtol=1e-15)
    np.testing.assert_allclose(run.grad_norm, np.linalg.norm(CURVATURES * expected, axis=1), rtol=1e-15)
    assert run.lr.tolist() == [0.05] * 3
    assert (run.steps, bool(run.diverged), int(run.diverged_at)) == (3, False, -1)
    assert repr(run) == "Trajectory(3 steps, runs (), 0 diverged)"


@pytest.mark.parametrize(
    ("start", "lr", "momentum", "runs"),
    [
        ((2,), (), (), ()),
        ((2,), (4,), (), (4,)),
        ((2,), (), (4,), (4,)),
        ((2,), (3, 1), (4,), (3, 4)),
        ((2, 3, 1), (1, 4), (), (3, 4)),
        ((2, 4), (3, 1), (), (3, 4)),
        ((2, 5), (), (), (5,)),
        ((2, 3, 1, 1), (4, 1), (5,), (3, 4, 5)),
        ((2,), (0,), (), (0,)),
        ((2, 1), (1,), (1,), (1,)),
    ],
)
def test_start_rates_and_hyperparameters_spread_over_the_runs(start, lr, momentum, runs):
    starts, rates = rng(6).standard_normal(start), rng(7).uniform(0, 0.1, lr)
    momenta = rng(8).uniform(0, 0.9, momentum)
    grid = minimize(BOWL, starts, HeavyBall(momenta), lr=rates, steps=7)
    assert grid.params.shape == (8, 2, *runs)
    assert grid.loss.shape == grid.grad_norm.shape == (8, *runs)
    assert grid.lr.shape == (7, *runs)
    aligned = starts.reshape(2, *(1,) * (len(runs) + 1 - len(start)), *start[1:])
    starts, rates, momenta = (np.broadcast_to(x, (*x.shape[: x.ndim - len(runs)], *runs)) if x.ndim > len(runs)
                              else np.broadcast_to(x, runs) for x in (aligned, rates, momenta))  # fmt: skip
    for run in np.ndindex(runs):
        alone = minimize(BOWL, starts[:, *run], HeavyBall(momenta[run]), lr=rates[run], steps=7)
        np.testing.assert_array_equal(grid.params[:, :, *run], alone.params)
        np.testing.assert_array_equal(grid.lr[:, *run], alone.lr)


def test_any_form_of_a_rate():
    constant = minimize(BOWL, START, GD, lr=0.05, steps=20)
    for same in (np.float64(0.05), np.array(0.05), lambda t: 0.05, Linear(0.05, 10, 0.05), lambda t: np.array(0.05)):
        assert_same(minimize(BOWL, START, GD, lr=same, steps=20), constant)
    assert minimize(BOWL, START, GD, lr=0, steps=2).params[-1].tolist() == START.tolist()

    schedule = Cosine(0.1, 20)
    scheduled = minimize(BOWL, START, GD, lr=schedule, steps=30)
    np.testing.assert_array_equal(scheduled.lr, schedule(np.arange(30)))
    assert_same(minimize(BOWL, START, GD, lr=lambda t: schedule(t), steps=30), scheduled)
    seen = []
    minimize(BOWL, START, GD, lr=lambda t: seen.append(t) or 0.1, steps=5)
    assert seen == [0, 1, 2, 3, 4]
    assert {type(t) for t in seen} == {int}

    peaks = np.array([0.02, 0.05, 0.1])
    several = minimize(BOWL, START, GD, lr=lambda t: peaks * schedule(t), steps=30)
    assert several.lr.shape == (30, 3)
    for i, peak in enumerate(peaks):
        alone = minimize(BOWL, START, GD, lr=lambda t, peak=peak: peak * schedule(t), steps=30)
        np.testing.assert_array_equal(several.params[..., i], alone.params)
    from_list = minimize(BOWL, START, GD, lr=[0.02, 0.05], steps=3)
    assert_same(from_list, minimize(BOWL, START, GD, lr=np.array([0.02, 0.05]), steps=3))


def test_the_start_is_copied():
    start = START.copy()
    run = minimize(BOWL, start, GD, lr=0.1, steps=2)
    np.testing.assert_array_equal(start, START)
    run.params[:] = 7
    np.testing.assert_array_equal(start, START)
    for form in ([1, -2], (1.0, -2.0), np.array([1, -2]), np.array([1, -2], dtype=np.float32)):
        np.testing.assert_array_equal(minimize(BOWL, form, GD, lr=0.1, steps=1).params[0], START)


def test_what_is_judged_is_what_the_method_says():
    """With an average, the trajectory holds the averages and their losses; the gradients are taken at the iterates."""
    plain = minimize(BOWL, START, GD, lr=0.15, steps=10)
    averaged = minimize(BOWL, START, PolyakAverage(GD), lr=0.15, steps=10)
    means = np.array([plain.params[1 : t + 1].mean(axis=0) if t else plain.params[0] for t in range(11)])
    np.testing.assert_allclose(averaged.params, means, rtol=1e-13)
    np.testing.assert_allclose(averaged.loss, BOWL.loss(means.T), rtol=1e-12)
    np.testing.assert_array_equal(averaged.grad_norm, plain.grad_norm)


# ---------------------------------------------------------------- noise


def test_noise_is_the_generators():
    first = minimize(BOWL, START, GD, lr=0.05, steps=50, rng=rng(9))
    assert_same(minimize(BOWL, START, GD, lr=0.05, steps=50, rng=rng(9)), first)
    other = minimize(BOWL, START, GD, lr=0.05, steps=50, rng=rng(10))
    assert not np.array_equal(first.params, other.params)
    np.testing.assert_array_equal(first.loss, BOWL.loss(first.params.T))  # never noisy
    moved = np.linalg.norm(np.diff(first.params, axis=0), axis=1)
    np.testing.assert_allclose(first.grad_norm[:-1], moved / 0.05, rtol=1e-12)  # that of the gradient that was used


def test_a_seed_stands_for_its_generator():
    by_seed = minimize(BOWL, START, GD, lr=0.05, steps=50, rng=9)
    np.testing.assert_array_equal(by_seed.params, minimize(BOWL, START, GD, lr=0.05, steps=50, rng=rng(9)).params)
    assert (by_seed.params != minimize(BOWL, START, GD, lr=0.05, steps=50).params)[1:].all()
    with pytest.raises(ValueError, match=r"^rng must be a numpy.random.Generator or a seed, .* got rng='7'$"):
        minimize(BOWL, START, GD, lr=0.05, steps=50, rng="7")


def test_each_run_has_noise_of_its_own_and_its_floor_is_the_known_one():
    """Gradient descent with noise σ ends at the variance η σ² / (λ (2 − η λ)): within 4 standard errors, 4,000 runs."""
    lr, sigma, runs = 0.1, 0.5, 4000
    noisy = Quadratic(CURVATURES, noise=sigma)
    end = minimize(noisy, np.zeros((2, runs)), GD, lr=lr, steps=300, rng=rng(11)).params[-1]
    variance = lr * sigma**2 / (CURVATURES * (2 - lr * CURVATURES))
    np.testing.assert_array_less(np.abs(end.var(axis=1) / variance - 1), 4 * math.sqrt(2 / runs))
    np.testing.assert_array_less(np.abs(end.mean(axis=1)), 4 * np.sqrt(variance / runs))
    assert abs(np.corrcoef(end)[0, 1]) < 4 / math.sqrt(runs)


# ---------------------------------------------------------------- stopping


def test_gradient_below():
    full = minimize(BOWL, START, GD, lr=0.05, steps=500)
    stopped = minimize(BOWL, START, GD, lr=0.05, steps=500, stop=GradientBelow(1e-3))
    assert stopped.steps == np.argmax(full.grad_norm < 1e-3) > 0
    assert_same(stopped, Trajectory(*(part[: stopped.steps + extra] for part, extra in (
        (full.params, 1), (full.loss, 1), (full.lr, 0), (full.grad_norm, 1)))))  # fmt: skip
    assert minimize(BOWL, START, GD, lr=0.05, steps=5, stop=GradientBelow(1e-9)).steps == 5


def test_a_grid_stops_when_its_last_run_is_done():
    rates = np.array([0.02, 0.05, 1.0])  # the last one diverges
    alone = [minimize(BOWL, START, GD, lr=lr, steps=2000, stop=GradientBelow(1e-3)).steps for lr in rates]
    together = minimize(BOWL, START, GD, lr=rates, steps=2000, stop=GradientBelow(1e-3))
    assert together.steps == max(alone[:2]) > min(alone[:2])
    assert together.params.shape == (together.steps + 1, 2, 3)
    diverging = minimize(BOWL, START, GD, lr=1.0, steps=2000, stop=GradientBelow(1e-3))
    assert diverging.diverged
    assert diverging.steps == diverging.diverged_at == alone[2]  # nothing left to wait for


def test_stopping_before_the_first_step():
    run = minimize(BOWL, [0.0, 0.0], GD, lr=0.1, steps=10, stop=GradientBelow(1.0))
    assert (run.steps, run.params.shape, run.lr.shape) == (0, (1, 2), (0,))


@RULES
@given(
    st.lists(st.integers(0, 6).map(float), min_size=1, max_size=15),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.25, 1.0]),
)
def test_loss_stalls(losses, patience, tolerance):
    """Literally: no loss of the last ``patience`` steps beats the best one before them by more than the tolerance."""
    rule, loss = LossStalls(patience, tolerance), np.array(losses)
    expected = False
    if len(losses) > patience:
        best = min(losses[:-patience])
        expected = not any(best - late > tolerance * best for late in losses[-patience:])
    assert bool(rule(loss, loss)) is expected
    assert rule(np.stack([loss, loss], axis=1), loss).tolist() == [expected] * 2


def test_loss_stalls_ends_a_noisy_run():
    noisy = Quadratic(CURVATURES, noise=0.1)
    full = minimize(noisy, START, GD, lr=0.1, steps=500, rng=rng(12))
    stopped = minimize(noisy, START, GD, lr=0.1, steps=500, rng=rng(12), stop=LossStalls(patience=20))
    t = stopped.steps
    assert 20 < t < 500
    assert full.loss[t - 19 : t + 1].min() >= full.loss[: t - 19].min()
    np.testing.assert_array_equal(stopped.loss, full.loss[: t + 1])


def test_a_rule_of_your_own():
    run = minimize(BOWL, START, GD, lr=0.05, steps=100, stop=lambda loss, grad_norm: loss[-1] < loss[0] / 100)
    assert run.loss[-1] < run.loss[0] / 100 <= run.loss[-2]
    seen = []
    minimize(BOWL, START, GD, lr=0.05, steps=3, stop=lambda loss, norm: seen.append((len(loss), len(norm))) or False)
    assert seen == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, None, "1"])
def test_a_bad_threshold_raises(bad):
    with pytest.raises(ValueError, match=rf"threshold must be .*, got threshold={bad!r}"):
        GradientBelow(bad)


def test_bad_settings_of_loss_stalls_raise():
    for bad in (0, -1, 1.5, None, True):
        with pytest.raises(ValueError, match=rf"patience must be a positive integer, got patience={bad}"):
            LossStalls(bad)
    for bad in (-1, math.nan, None):
        with pytest.raises(ValueError, match=rf"tolerance must be .*, got tolerance={bad}"):
            LossStalls(5, bad)


# ---------------------------------------------------------------- clipping

numbers = st.integers(-(10**6), 10**6).map(lambda n: n / 1000)
layers = st.lists(st.lists(numbers, min_size=1, max_size=4).map(np.array), min_size=1, max_size=3)


def torch_layers(arrays):
    parameters = [torch.nn.Parameter(torch.zeros(a.shape, dtype=torch.float64)) for a in arrays]
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.grad = torch.tensor(array)
    return parameters


@RULES
@given(layers, st.floats(1e-2, 1e3))
def test_clip_norm_is_torchs(arrays, max_norm):
    """Apart from the 1e-6 that torch adds to the norm, which is put back here."""
    parameters = torch_layers(arrays)
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm).item()
    kept = [a.copy() for a in arrays]
    back = (norm + 1e-6) / norm if norm > max_norm else 1.0
    for found, parameter, before in zip(clip_norm(arrays, max_norm), parameters, kept, strict=True):
        expected = parameter.grad.numpy()
        near = abs(norm - max_norm) < 2e-6  # within torch's 1e-6 of the edge one clips and the other does not
        np.testing.assert_allclose(found, before if near else back * expected, rtol=1e-5 if near else 1e-12)
    for array, before in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(array, before)


@RULES
@given(layers, st.floats(1e-2, 1e3))
def test_clip_value_and_grad_norms_are_torchs(arrays, max_value):
    parameters = torch_layers(arrays)
    norms = [parameter.grad.norm().item() for parameter in parameters]
    np.testing.assert_allclose(grad_norms(arrays), norms, rtol=1e-14)
    torch.nn.utils.clip_grad_value_(parameters, max_value)
    for found, parameter in zip(clip_value(arrays, max_value), parameters, strict=True):
        np.testing.assert_array_equal(found, parameter.grad.numpy())


def test_clipping_run_by_run():
    grads = rng(13).standard_normal((3, 4, 5)) * np.geomspace(1e-3, 1e3, 20).reshape(4, 5)
    clipped = clip_norm(grads, 1.5)
    for run in np.ndindex(4, 5):
        one = grads[:, *run]
        length = np.linalg.norm(one)
        np.testing.assert_allclose(clipped[:, *run], one * min(1, 1.5 / length), rtol=1e-14)
        np.testing.assert_allclose(clip_norm(one, 1.5), clipped[:, *run], rtol=1e-14)
    short = np.linalg.norm(grads, axis=0) <= 1.5
    np.testing.assert_array_equal(clipped[:, short], grads[:, short])  # not even rounded
    np.testing.assert_array_equal(clip_value(grads, 0.5), np.minimum(np.maximum(grads, -0.5), 0.5))
    np.testing.assert_array_equal(clip_norm(np.zeros(3), 1.0), np.zeros(3))
    assert clip_norm([np.zeros(2), np.zeros((2, 2))], 1.0)[1].tolist() == [[0, 0], [0, 0]]
    assert grad_norms([]).shape == (0,)


def test_clipping_in_a_run():
    run = minimize(BOWL, 100 * START, GD, lr=0.05, steps=50, transform=lambda g: clip_norm(g, 3.0))
    moved = np.linalg.norm(np.diff(run.params, axis=0), axis=1) / 0.05
    np.testing.assert_allclose(moved, np.minimum(run.grad_norm[:-1], 3.0), rtol=1e-11)
    assert run.grad_norm[0] > 1000  # what is recorded is the gradient before the clipping


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, None, "1"])
def test_a_bad_bound_raises(bad):
    with pytest.raises(ValueError, match=r"max_norm must be a finite number > 0, got max_norm="):
        clip_norm(np.ones(2), bad)
    with pytest.raises(ValueError, match=r"max_value must be a finite number > 0, got max_value="):
        clip_value(np.ones(2), bad)


# ---------------------------------------------------------------- bad input


@dataclass(frozen=True)
class Negative(Schedule):
    """A schedule that goes wrong at its third step."""

    def _formula(self, t):
        return np.where(t < 2, 0.1, -0.1)


GOOD = {"objective": BOWL, "start": START, "optimizer": HeavyBall(0.9), "lr": 0.1, "steps": 5}
NO_COUNT = r"^steps must be a positive integer, got steps="
NO_RATE = r"^lr must be a finite number >= 0, got lr="
NO_START = r"^start must be a number or an array of numbers, got start="
NOT_TWO = r"^start must have shape \(2,\) or \(2, \*runs\), got start="
NO_FIT = r"^start, lr and hyperparameters must fit, got runs"
TWO = HeavyBall(np.array([0.1, 0.2]))
BAD_INPUT = [
    *(({"steps": bad}, NO_COUNT) for bad in (0, -1, 1.5, None, True)),
    *(({"lr": bad}, NO_RATE) for bad in (-0.1, math.nan, math.inf, None, "1", 1j, [[0.1], [0.1, 0.2]])),
    *(({"lr": bad}, NO_RATE) for bad in (lambda t: None, lambda t: [0.1] * (t + 1))),
    ({"lr": np.array([0.1, math.nan])}, r"^lr must be a finite number >= 0, got lr\[1\]=nan$"),
    ({"lr": lambda t: 0.1 - t}, r"^lr must be a finite number >= 0, got lr\[1\]=-0.9$"),
    ({"lr": Negative()}, r"^lr must be a finite number >= 0, got lr\[2\]=-0.1$"),
    *(({"start": bad}, NOT_TWO) for bad in (1.0, [1.0], [1, 2, 3], [], [[1, 2, 3]])),
    *(({"start": bad}, NO_START) for bad in (None, "ab", ["a", "b"], [[1], [1, 2]])),
    ({"start": np.ones((2, 3)), "lr": np.full(4, 0.1)}, NO_FIT),
    ({"start": np.ones((2, 3)), "optimizer": TWO}, NO_FIT),
    ({"lr": np.full(3, 0.1), "optimizer": TWO}, NO_FIT),
    ({"transform": lambda g: g[:1]}, r"^grad must have the shape of params, \(2,\), got \(1,\)$"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_INPUT)
def test_bad_input_raises(changes, message):
    minimize(**GOOD)
    with pytest.raises(ValueError, match=message):
        minimize(**GOOD | changes)


def test_a_start_that_is_not_finite_is_data():
    """A run may be handed what another one left behind."""
    run = minimize(BOWL, [np.nan, 1.0], GD, lr=0.1, steps=3)
    assert run.diverged
    assert run.diverged_at == 0
