"""The rates that listen, against torch, closed forms on quadratics, and the papers' algorithms as plain loops."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrlab import minimize
from lrlab.dynamic import Armijo, BarzilaiBorwein, BoldDriver, DynamicRate, Hypergradient, PolyakStep, ReduceOnPlateau
from lrlab.objectives import LogisticRegression, Quadratic, Rosenbrock
from lrlab.optimizers import GradientDescent

GD = GradientDescent()
EPS = np.finfo(float).eps


def rng(seed=0):
    return np.random.default_rng(seed)


def bowl(seed=0, d=4, low=0.5, high=20.0):
    """A quadratic with a random basis and known extreme curvatures."""
    basis = np.linalg.qr(rng(seed).standard_normal((d, d)))[0]
    matrix = (basis * np.geomspace(low, high, d)) @ basis.T
    return Quadratic((matrix + matrix.T) / 2, center=rng(seed + 1).standard_normal(d))


def logistic(seed=0):
    X = rng(seed).standard_normal((40, 3))
    return LogisticRegression(X, (X[:, 0] + rng(seed).standard_normal(40) > 0).astype(float), l2=0.1)


EVERY_RULE = [
    ReduceOnPlateau(lr=0.05, factor=0.5, patience=2),
    BoldDriver(lr=0.3),
    Armijo(lr=1.0, c=0.3),
    PolyakStep(),
    BarzilaiBorwein(lr=0.01),
    BarzilaiBorwein(lr=0.01, form="short"),
    Hypergradient(lr=0.01, hyper_lr=1e-4),
    Hypergradient(lr=0.01, hyper_lr=0.05, multiplicative=True),
]
EVERY_NAME = [f"{type(rule).__name__}-{i}" for i, rule in enumerate(EVERY_RULE)]
every_rule = pytest.mark.parametrize("rule", EVERY_RULE, ids=EVERY_NAME)


# ------------------------------------------------------------------------------------------------- plateau: torch


def torch_plateau(losses, lr, **options):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def our_rates(rule, losses):
    state, rates = rule.init(), []
    for loss in losses:
        lr, state = rule.update(state, loss)
        rates.append(lr)
    return rates


plateau_options = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["min", "max"]),
        "factor": st.floats(0.05, 0.95),
        "patience": st.integers(0, 5),
        "threshold": st.sampled_from([0.0, 1e-4, 0.1, 0.5]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 4),
        "min_lr": st.sampled_from([0.0, 1e-3, 0.02]),
        "eps": st.sampled_from([0.0, 1e-8, 1e-3]),
    }
)
loss_values = st.one_of(st.sampled_from([1.0, 0.9, 0.5, -1.0, 0.0, math.nan, math.inf]), st.floats(-2, 2))


@settings(max_examples=300, deadline=None)
@given(plateau_options, st.lists(loss_values, min_size=1, max_size=40), st.floats(1e-3, 1.0))
def test_plateau_is_torchs_step_by_step(options, losses, lr):
    assert our_rates(ReduceOnPlateau(lr=lr, **options), losses) == torch_plateau(losses, lr, **options)


def test_plateau_is_torchs_on_a_long_noisy_decay():
    losses = np.exp(-np.arange(200) / 30) + 0.02 * rng().standard_normal(200)
    options = {"factor": 0.3, "patience": 4, "cooldown": 3}
    expected = torch_plateau(losses, 0.1, **options)
    assert our_rates(ReduceOnPlateau(lr=0.1, **options), losses) == expected
    assert len(set(expected)) > 3  # it did reduce


def test_plateau_counts_each_run_for_itself():
    losses = rng(1).random((60, 3)).cumsum(axis=0) * [-1, 0, 1]
    rates = np.array(our_rates(ReduceOnPlateau(lr=np.array([0.1, 0.2, 0.3]), factor=0.5, patience=2), losses))
    for run, lr in enumerate((0.1, 0.2, 0.3)):
        assert rates[:, run].tolist() == torch_plateau(losses[:, run], lr, factor=0.5, patience=2)


# --------------------------------------------------------------------------------- bold driver: the rule as a loop


def driven(objective, start, lr, grow, shrink, steps):
    """Vogl's algorithm with each step really taken and really taken back; the points and rates that were kept."""
    points, rates = [np.array(start)], []
    while len(rates) < steps:
        trial = points[-1] - lr * objective.grad(points[-1])
        before, after = objective.loss(points[-1]), objective.loss(trial)
        if after <= before:
            points.append(trial)
            rates.append(lr)
        lr *= grow if after < before else shrink if after > before else 1.0
    return np.array(points), np.array(rates)


@pytest.mark.parametrize("objective", [bowl(3), Rosenbrock(), logistic()])
@pytest.mark.parametrize("lr", [1e-3, 10.0])
def test_bold_driver_keeps_the_points_of_the_classical_loop(objective, lr):
    start = np.full(objective.dim, -0.5)
    points, rates = driven(objective, start, lr, grow=1.1, shrink=0.5, steps=30)
    run = minimize(objective, start, GD, BoldDriver(lr=lr, grow=1.1, shrink=0.5), steps=30)
    assert np.allclose(run.lr, rates, rtol=8 * EPS, atol=0)
    assert np.allclose(run.params, points, rtol=1e-12, atol=1e-12)
    assert (np.diff(run.loss) <= 0).all()


def test_bold_driver_with_losses_alone_says_when_to_go_back():
    objective, rule, start = bowl(5), BoldDriver(lr=0.01, grow=1.5, shrink=0.4), np.ones(4)
    points, _ = driven(objective, start, 0.01, grow=1.5, shrink=0.4, steps=25)
    state, params, kept, back = rule.init(), start, [], 0
    while len(kept) < 26:
        lr, state = rule.update(state, objective.loss(params))
        if state.rejected:
            params, back = kept[-1], back + 1
        else:
            kept.append(params)
        params = params - lr * objective.grad(params)
    assert back > 3
    assert np.allclose(kept, points, rtol=1e-12, atol=1e-12)


def test_bold_driver_neither_grows_nor_shrinks_on_an_equal_loss():
    assert our_rates(BoldDriver(lr=1.0, grow=2.0, shrink=0.25), [3.0, 3.0, 2.0, math.nan, 1.0]) == [1, 1, 2, 0.5, 1]


def test_bold_driver_stays_where_no_rate_helps():
    lr, state = BoldDriver(lr=1.0, max_shrinks=5).update(
        BoldDriver(lr=1.0).init(), 1.0, grad=[1.0], params=[0.0], loss_at=lambda p: 2.0
    )
    assert (lr, state.lr) == (0.0, 0.5**5)


# ------------------------------------------------------------------- Armijo: on a quadratic the answer is a formula


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("c", [1e-4, 0.25, 0.5, 0.9])
def test_armijo_finds_the_largest_rate_of_its_sequence_on_a_quadratic(seed, c):
    objective, point = bowl(seed), rng(seed + 50).standard_normal(4)
    g = objective.grad(point)
    limit = 2 * (1 - c) * (g @ g) / (g @ objective.matrix @ g)  # from L(θ − ηg) = L − η gᵀg + η² gᵀAg / 2
    rule = Armijo(lr=3.0, c=c, shrink=0.7)
    lr, state = rule.update(rule.init(), objective.loss(point), g, point, objective.loss)
    cuts = max(0, math.ceil(math.log(limit / 3.0) / math.log(0.7)))
    assert lr == pytest.approx(3.0 * 0.7**cuts, rel=1e-12)
    assert state.evaluations == cuts + 1
    assert lr >= min(3.0, 0.7 * 2 * (1 - c) / 20.0)  # 20 is the largest curvature


@pytest.mark.parametrize("objective", [Rosenbrock(), logistic(), bowl(7)])
def test_armijo_condition_holds_at_every_step(objective):
    calls = []
    rule, params, c = Armijo(lr=2.0, c=0.1), np.full(objective.dim, -0.8), 0.1
    state = rule.init()

    def counted(point):
        calls.append(point)
        return objective.loss(point)

    for _ in range(50):
        loss, grad = objective.loss_and_grad(params)
        lr, state = rule.update(state, loss, grad, params, counted)
        params = params - lr * grad
        assert objective.loss(params) <= loss - c * lr * np.sum(grad**2)
    assert state.evaluations == len(calls)


def test_armijo_stays_where_it_is_when_no_rate_is_enough():
    objective, point = Quadratic([1.0]), np.array([1.0])
    rule = Armijo(max_shrinks=4)
    wrong = -objective.grad(point)
    lr, state = rule.update(rule.init(), objective.loss(point), wrong, point, objective.loss)
    assert (lr, state.evaluations) == (0.0, 5)


def test_armijo_survives_a_trial_that_overflows():
    objective, start = Rosenbrock(), np.array([-1.0, 1.0])
    run = minimize(objective, start, GD, Armijo(lr=1e150, shrink=0.01, max_shrinks=100), steps=5)
    assert np.isfinite(run.loss).all()
    assert (np.diff(run.loss) < 0).all()


# ---------------------------------------------------------------------------------------------------------- Polyak


def test_polyak_halves_the_distance_on_a_parabola():
    run = minimize(Quadratic([7.0]), [3.0], GD, PolyakStep(), steps=30)
    assert np.allclose(run.params[:, 0], 3.0 * 0.5 ** np.arange(31), rtol=1e-14)
    assert np.allclose(run.lr, 1 / 14, rtol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_polyak_converges_at_its_linear_rate_on_a_quadratic(seed):
    # ‖e⁺‖² = ‖e‖² − 2η gᵀe + η²‖g‖² = ‖e‖² − 3 (L − L*)²/‖g‖² with gᵀe = 2 (L − L*), ‖g‖² ≤ 2 λ_max (L − L*), …
    objective = bowl(seed)
    run = minimize(objective, np.ones(4), GD, PolyakStep(), steps=100)
    error = np.sum((run.params - objective.minimum) ** 2, axis=1)
    assert (error[1:] <= (1 - 0.75 * 0.5 / 20.0) * error[:-1] + 1e-28).all()


def test_polyak_never_steps_away_on_a_convex_loss():
    objective = logistic()
    best = float(objective.loss(objective.minimum))
    run = minimize(objective, [3.0, -3.0, 3.0], GD, PolyakStep(minimum=best), steps=60)
    error = np.linalg.norm(run.params - objective.minimum, axis=1)
    assert (np.diff(error) <= 1e-12).all()
    assert error[-1] < 1e-3 * error[0]


def test_polyak_is_bounded_and_stops_where_there_is_nothing_to_gain():
    def rate(rule, loss, grad):
        return rule.update(rule.init(), loss, grad)[0]

    assert rate(PolyakStep(lr_max=0.3), 8.0, [2.0]) == 0.3
    assert rate(PolyakStep(lr_max=0.3), 0.4, [2.0]) == 0.1
    assert rate(PolyakStep(minimum=1.0), 0.5, [2.0]) == 0.0
    assert rate(PolyakStep(), 1.0, [0.0]) == 0.0
    assert rate(PolyakStep(minimum=np.array([0.0, 4.0])), [8.0, 8.0], [[2.0, 2.0]]).tolist() == [2.0, 1.0]


# ------------------------------------------------------------------------------------------------ Barzilai–Borwein


@pytest.mark.parametrize("form", ["long", "short"])
def test_barzilai_borwein_is_the_papers_two_formulas(form):
    objective = logistic()
    run = minimize(objective, [1.0, -2.0, 0.5], GD, BarzilaiBorwein(lr=0.1, form=form), steps=8)
    grads = [objective.grad(p) for p in run.params]
    for t in range(1, 8):
        s, y = run.params[t] - run.params[t - 1], grads[t] - grads[t - 1]
        expected = np.inner(s, s) / np.inner(s, y) if form == "long" else np.inner(s, y) / np.linalg.norm(y) ** 2
        assert run.lr[t] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_barzilai_borwein_on_a_quadratic(seed):
    objective = bowl(seed)
    runs = {
        form: minimize(objective, np.ones(4), GD, BarzilaiBorwein(lr=0.01, form=form), 12) for form in ("long", "short")
    }
    for run in runs.values():
        assert (run.lr[1:] >= 1 / 20.0 * (1 - 1e-9)).all()
        assert (run.lr[1:] <= 1 / 0.5 * (1 + 1e-9)).all()
    assert runs["short"].lr[1] <= runs["long"].lr[1]
    for t in range(11):  # long: the exact line search of the step before
        g = objective.grad(runs["long"].params[t])
        assert runs["long"].lr[t + 1] == pytest.approx((g @ g) / (g @ objective.matrix @ g), rel=1e-8)


def test_barzilai_borwein_beats_the_best_constant_rate_in_two_dimensions():
    objective, start = Quadratic([1.0, 100.0]), [1.0, 1.0]
    constant = minimize(objective, start, GD, 2 / 101, steps=25)
    for form in ("long", "short"):
        run = minimize(objective, start, GD, BarzilaiBorwein(lr=0.001, form=form), steps=25)
        assert run.grad_norm[-1] < 1e-12
    assert constant.grad_norm[-1] == pytest.approx(np.sqrt(1 + 100**2) * (99 / 101) ** 25, rel=1e-9)


def test_barzilai_borwein_lands_on_the_minimum_of_a_parabola():
    run = minimize(Quadratic([3.0], center=[5.0]), [0.0], GD, BarzilaiBorwein(lr=0.01), steps=3)
    assert run.params[2:, 0] == pytest.approx([5.0, 5.0], abs=1e-12)


def test_barzilai_borwein_keeps_its_rate_where_the_curvature_is_not_positive():
    rule = BarzilaiBorwein(lr=0.1)
    _, state = rule.update(rule.init(), 1.0, grad=[1.0, 0.0], params=[0.0, 0.0])
    for grad, params in (([0.5, 0.0], [1.0, 0.0]), ([1.0, 0.0], [0.0, 0.0]), ([math.inf, 0.0], [1.0, 0.0])):
        assert rule.update(state, 1.0, grad=grad, params=params)[0] == 0.1
    assert rule.update(state, 1.0, grad=[1.5, 0.0], params=[1.0, 0.0])[0] == 2.0
    bounded = BarzilaiBorwein(lr=0.1, lr_max=0.4)
    assert bounded.update(state, 1.0, grad=[1.5, 0.0], params=[1.0, 0.0])[0] == 0.4


# --------------------------------------------------------------------------------------------------- hypergradient


def test_hypergradient_is_the_derivative_of_the_loss_by_the_rate():
    """One update by torch's autograd through the whole step θ − ηg."""
    theta, eta, kappa = torch.tensor([-0.7, 0.4], dtype=torch.float64), 0.003, 1e-7

    def loss(x):
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    g = torch.func.grad(loss)(theta)
    lr = torch.tensor(eta, dtype=torch.float64, requires_grad=True)
    (hyper,) = torch.autograd.grad(loss(theta - lr * g), lr)
    run = minimize(Rosenbrock(), theta.numpy(), GD, Hypergradient(lr=eta, hyper_lr=kappa), steps=2)
    assert run.lr.tolist() == pytest.approx([eta, eta - kappa * hyper.item()], rel=1e-12)


def test_hypergradient_is_sgd_hd_of_the_paper():
    objective, alpha, beta = logistic(), 0.05, 0.02
    theta, previous, rates = np.array([2.0, -1.0, 1.0]), np.zeros(3), []
    for _ in range(60):  # the paper's loop: gradient, h = −∇·∇previous, α ← α − βh, step
        gradient = objective.grad(theta)
        alpha = alpha + beta * float(np.inner(gradient, previous))
        theta, previous = theta - alpha * gradient, gradient
        rates.append(alpha)
    run = minimize(objective, [2.0, -1.0, 1.0], GD, Hypergradient(lr=0.05, hyper_lr=beta), steps=60)
    assert np.allclose(run.lr, rates, rtol=1e-12, atol=0)
    assert np.allclose(run.params[-1], theta, rtol=1e-12, atol=1e-14)
    assert run.lr[-1] > 0.06  # it grew


def test_multiplicative_hypergradient_turns_by_the_cosine_of_the_angle():
    rule = Hypergradient(lr=0.1, hyper_lr=0.2, multiplicative=True)
    for angle in (0.0, 1.0, 2.0, math.pi):
        _, state = rule.update(rule.init(), 1.0, grad=[3.0, 0.0])
        lr, _ = rule.update(state, 1.0, grad=[5 * math.cos(angle), 5 * math.sin(angle)])
        assert lr == pytest.approx(0.1 * (1 + 0.2 * math.cos(angle)), rel=1e-13)


def test_multiplicative_hypergradient_ignores_the_scale_of_the_loss():
    grads = rng().standard_normal((20, 3))
    rule = Hypergradient(lr=0.1, hyper_lr=0.1, multiplicative=True)

    def rates(scale):
        state, found = rule.init(), []
        for g in grads:
            lr, state = rule.update(state, 0.0, scale * g)
            found.append(lr)
        return found

    assert rates(1.0) == pytest.approx(rates(1000.0), rel=1e-12)


def test_hypergradient_never_climbs():
    rule = Hypergradient(lr=0.1, hyper_lr=1.0)
    _, state = rule.update(rule.init(), 1.0, grad=[1.0])
    assert rule.update(state, 1.0, grad=[-5.0])[0] == 0.0


# --------------------------------------------------------------------------------------------------- what all share


@every_rule
def test_many_runs_are_the_runs_one_by_one(rule):
    objective, starts = bowl(11), rng(2).standard_normal((4, 3))
    together = minimize(objective, starts, GD, rule, steps=15)
    for run in range(3):
        alone = minimize(objective, starts[:, run], GD, rule, steps=15)
        assert np.allclose(together.lr[:, run], alone.lr, rtol=1e-9, atol=1e-14)
        assert np.allclose(together.params[:, :, run], alone.params, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("rule", "name", "values"),
    [
        (ReduceOnPlateau, "lr", [0.01, 0.05]),
        (BoldDriver, "lr", [0.01, 5.0]),
        (Armijo, "lr", [0.1, 4.0]),
        (PolyakStep, "lr_max", [0.02, 0.05]),
        (BarzilaiBorwein, "lr", [0.01, 0.02]),
    ],
)
def test_a_hyperparameter_may_hold_one_value_per_run(rule, name, values):
    grid = minimize(bowl(), np.ones(4), GD, rule(**{name: np.array(values)}), steps=12)
    assert grid.lr.shape == (12, 2)
    for run, value in enumerate(values):
        alone = minimize(bowl(), np.ones(4), GD, rule(**{name: value}), steps=12)
        assert np.allclose(grid.params[:, :, run], alone.params, rtol=1e-10, atol=1e-12)


@every_rule
def test_update_is_pure_and_keeps_no_array_of_the_caller(rule):
    objective = bowl(4)
    params = np.ones(4)
    grad, loss = objective.grad(params), objective.loss(params)
    first, state = rule.update(rule.init(), loss, grad, params, objective.loss)
    moved = params - 0.01 * grad
    expected = rule.update(state, objective.loss(moved), objective.grad(moved), moved, objective.loss)
    params[:], grad[:] = 99.0, -99.0  # what the caller does later is of no effect
    again = rule.update(state, objective.loss(moved), objective.grad(moved), moved, objective.loss)
    assert again[0] == expected[0]
    assert isinstance(first, float)
    assert type(again[1]) is type(rule.init())


@every_rule
@pytest.mark.parametrize("bad", [math.inf, math.nan, 1e300])
def test_a_diverged_run_gets_a_finite_rate(rule, bad):
    state, objective = rule.init(), bowl()
    for value in (1.0, bad, bad, 1.0):
        with np.errstate(all="ignore"):
            lr, state = rule.update(state, value, np.full(4, value), np.full(4, value), objective.loss)
        assert math.isfinite(lr)
        assert lr >= 0


def test_divergence_is_data():
    run = minimize(Quadratic([1.0]), [1.0], GD, ReduceOnPlateau(lr=10.0, patience=500), steps=400)
    assert run.diverged
    assert (run.lr == 10.0).all()


def test_the_rule_hears_the_gradient_that_the_step_uses():
    run = minimize(Quadratic([4.0]), [1.0], GD, PolyakStep(), steps=1, transform=lambda g: g / 2)
    assert run.lr[0] == pytest.approx(2.0 / 2.0**2)


class Rate(NamedTuple):
    lr: float


class Halve(DynamicRate):
    def init(self):
        return Rate(0.4)

    def _update(self, state, loss, grad, params, loss_at):
        return state.lr, Rate(state.lr / 2)


def test_a_rule_of_ones_own():
    assert minimize(Quadratic([1.0]), [1.0], GD, Halve(), steps=3).lr.tolist() == [0.4, 0.2, 0.1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReduceOnPlateau(lr=-1.0), "lr must be"),
        (lambda: ReduceOnPlateau(lr=0.1, mode="low"), "mode must be 'min' or 'max', got mode='low'"),
        (lambda: ReduceOnPlateau(lr=0.1, factor=1.0), "factor must be"),
        (lambda: ReduceOnPlateau(lr=0.1, factor=0.0), "factor must be"),
        (lambda: ReduceOnPlateau(lr=0.1, patience=-1), "patience must be an integer >= 0, got patience=-1"),
        (lambda: ReduceOnPlateau(lr=0.1, threshold=1.0), "threshold must be"),
        (lambda: ReduceOnPlateau(lr=0.1, threshold_mode="x"), "threshold_mode must be"),
        (lambda: BoldDriver(lr=0.0), "lr must be"),
        (lambda: BoldDriver(lr=0.1, grow=0.9), "grow must be >= 1, got grow=0.9"),
        (lambda: BoldDriver(lr=0.1, shrink=1.0), "shrink must be"),
        (lambda: BoldDriver(lr=0.1, max_shrinks=0), "max_shrinks must be a positive integer"),
        (lambda: Armijo(c=1.0), "c must be"),
        (lambda: Armijo(shrink=0.0), "shrink must be"),
        (lambda: PolyakStep(minimum=math.inf), "minimum must be"),
        (lambda: PolyakStep(lr_max=0.0), "lr_max must be"),
        (lambda: BarzilaiBorwein(lr=0.1, form="both"), "form must be 'long' or 'short', got form='both'"),
        (lambda: BarzilaiBorwein(lr=0.1, lr_max=-1.0), "lr_max must be"),
        (lambda: Hypergradient(lr=0.1, hyper_lr=-1.0), "hyper_lr must be"),
        (lambda: Hypergradient(lr=0.1, hyper_lr=1.0, multiplicative=True), "hyper_lr must be"),
    ],
)
def test_hyperparameters_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="Armijo needs params and loss_at"):
        Armijo().update(Armijo().init(), 1.0, grad=[1.0])
    with pytest.raises(ValueError, match="PolyakStep needs grad"):
        PolyakStep().update((), 1.0)
    with pytest.raises(ValueError, match="BoldDriver needs grad and params with loss_at"):
        BoldDriver(lr=0.1).update(BoldDriver(lr=0.1).init(), 1.0, loss_at=lambda p: 1.0)
    with pytest.raises(ValueError, match=r"grad must have shape \(d, \*runs\) with runs \(2,\), got \(3,\)"):
        PolyakStep().update((), [1.0, 2.0], grad=[1.0, 2.0, 3.0])
