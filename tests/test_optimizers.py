"""The update rules beside implementations that share no code with them, and the properties that theory asks for."""

import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lrlab import minimize, optimizers
from lrlab.objectives import Quadratic
from lrlab.optimizers import (
    EMA,
    L2,
    LAMB,
    LARS,
    Adadelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    DAdaptSGD,
    GradientDescent,
    HeavyBall,
    Lion,
    Method,
    Muon,
    NAdam,
    Nesterov,
    PolyakAverage,
    Prodigy,
    RAdam,
    RMSProp,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    orthogonalize,
)
from lrlab.optimizers.base import hyperparameters
from tests import matrix, walks
from tests.matrix import Row, Settings

SEEDS = st.integers(0, 2**32 - 1)


def profile(examples: int) -> Any:
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


def draw(row: Row) -> st.SearchStrategy[Settings]:
    strategies = {
        name: st.sampled_from(drawn) if isinstance(drawn, list) else st.floats(*drawn)
        for name, drawn in row.settings.items()
    }
    return st.fixed_dictionaries(strategies)


def agree(row: Row, data: st.DataObject, walk: Any, tensors: bool) -> None:
    chosen, problem = data.draw(draw(row)), walks.problem(data.draw(SEEDS), row)
    theirs, their_judged = walk(row, chosen, problem)
    if row.rate:
        rates = np.array([row.rate(lr, t, chosen) for t, lr in enumerate(problem.rates)])
        problem = walks.Problem(problem.start, problem.curvature, problem.noise, rates)
    path, judged = walks.walk_ours(row.build(chosen), problem, tensors)
    np.testing.assert_allclose(path, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(judged, their_judged, rtol=1e-12, atol=1e-12)


def cases(rows: list[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=str)


@cases(matrix.TORCH)
@pytest.mark.parametrize("tensors", [False, True], ids=["numpy", "tensors"])
@profile(3)
@given(data=st.data())
def test_same_path_as_torch(row: Row, tensors: bool, data: st.DataObject) -> None:
    agree(row, data, walks.walk_torch, tensors)


@pytest.mark.thorough
@cases(matrix.KERAS)
@profile(2)
@given(data=st.data())
def test_same_path_as_keras(row: Row, data: st.DataObject) -> None:
    agree(row, data, walks.walk_keras, tensors=False)


@pytest.mark.thorough
@cases(matrix.OPTAX)
@profile(5)
@given(data=st.data())
def test_same_path_as_optax(row: Row, data: st.DataObject) -> None:
    agree(row, data, walks.walk_optax, tensors=False)


@cases(matrix.PAPER)
@pytest.mark.parametrize("tensors", [False, True], ids=["numpy", "tensors"])
@profile(4)
@given(data=st.data())
def test_same_path_as_the_paper(row: Row, tensors: bool, data: st.DataObject) -> None:
    agree(row, data, walks.walk_paper, tensors)


METHODS = [name for name in optimizers.__all__ if name not in ("Method", "orthogonalize")]


def test_every_method_has_its_rows() -> None:
    assert {row.method for row in matrix.ROWS} == set(METHODS)
    assert len({str(row) for row in matrix.ROWS}) == len(matrix.ROWS)
    assert all(row.note or row.when == "always" for row in matrix.ROWS)


def test_prodigy_finds_a_distance_a_million_times_its_first_guess() -> None:
    """From the origin, where the small first steps lose no digits."""
    row = next(row for row in matrix.PAPER if row.method == "Prodigy")
    chosen = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "d0": 1e-6}
    problem = walks.problem(0, row)
    problem = replace(problem, start=[np.zeros(shape) for shape in row.shapes])
    path, _ = walks.walk_ours(row.build(chosen), problem)
    np.testing.assert_allclose(path, walks.walk_paper(row, chosen, problem)[0], rtol=1e-12, atol=1e-12)
    assert abs(path[-1]).max() > 0.1


# What holds for every method

EVERY: dict[str, Method] = {
    "GradientDescent": GradientDescent(),
    "HeavyBall": HeavyBall(0.9, dampening=0.5),
    "Nesterov": Nesterov(0.9),
    "AdaGrad": AdaGrad(),
    "RMSProp": RMSProp(),
    "RMSProp centered": RMSProp(0.9, centered=True, momentum=0.5),
    "Adadelta": Adadelta(),
    "Adam": Adam(),
    "AMSGrad": Adam(amsgrad=True),
    "AdamW": AdamW(weight_decay=0.1),
    "NAdam": NAdam(),
    "RAdam": RAdam(beta2=0.9),
    "Adamax": Adamax(),
    "Lion": Lion(weight_decay=0.1),
    "LARS": LARS(weight_decay=0.1),
    "LAMB": LAMB(weight_decay=0.1),
    "Muon": Muon(weight_decay=0.1),
    "ScheduleFreeSGD": ScheduleFreeSGD(),
    "ScheduleFreeAdamW": ScheduleFreeAdamW(weight_decay=0.1),
    "DAdaptSGD": DAdaptSGD(d0=0.01),
    "Prodigy": Prodigy(d0=0.01, weight_decay=0.1),
    "PolyakAverage": PolyakAverage(HeavyBall(0.9), start=2),
    "EMA": EMA(Adam(), 0.9),
    "EMA of an average": EMA(ScheduleFreeSGD(), 0.9),
    "L2": L2(Adam(), 0.1),
    "L2 of one distance": L2(Prodigy(d0=0.01), 0.1),
}
VECTOR_METHODS = {name: method for name, method in EVERY.items() if name != "Muon"}


def each(methods: dict[str, Method]) -> Any:
    return pytest.mark.parametrize("method", methods.values(), ids=methods.keys())


def arrays_in(value: Any) -> list[Any]:
    """The arrays and tensors in parameters or in a state."""
    if isinstance(value, list | tuple):
        return [array for item in value for array in arrays_in(item)]
    return [value] if hasattr(value, "dtype") else []


def walk(method: Method, params: Any, grads: list[Any], lr: Any = 0.1) -> tuple[Any, Any]:
    state = method.init(params)
    for grad in grads:
        params, state = method.step(params, grad, state, lr)
    return params, state


def noise(seed: int, shape: tuple[int, ...], steps: int = 12) -> tuple[Any, list[Any]]:
    """A start and as many gradients as RAdam needs to leave its first phase."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), list(rng.normal(size=(steps, *shape)))


@each(EVERY)
def test_nothing_is_changed_or_shared(method: Method) -> None:
    params, grads = noise(0, (3, 2))
    state = method.init(params)
    assert not any(np.shares_memory(array, params) for array in arrays_in(state))
    for grad in grads:
        for array in [params, grad, *arrays_in(state)]:
            if isinstance(array, np.ndarray):
                array.setflags(write=False)  # a change in place would raise
        new, new_state = method.step(params, grad, state, 0.1)
        again, _ = method.step(params, grad, state, 0.1)
        np.testing.assert_array_equal(new, again)
        for array in [new, *arrays_in(new_state), method.eval_params(new, new_state)]:
            assert not np.shares_memory(array, params)
            assert not np.shares_memory(array, grad)
        params, state = new, new_state


@each(EVERY)
def test_no_tensor_is_changed_or_shared(method: Method) -> None:
    start, grads = noise(0, (3, 2))
    params, grad = torch.tensor(start), torch.tensor(grads[0])
    state = method.init(params)
    before = [array.clone() for array in arrays_in([params, grad, state])]
    new, new_state = method.step(params, grad, state, 0.1)
    for now, was in zip(arrays_in([params, grad, state]), before, strict=True):
        assert torch.equal(now, was)
    taken = {params.data_ptr(), grad.data_ptr()}
    assert not taken & {array.data_ptr() for array in arrays_in(state)}
    assert not taken & {array.data_ptr() for array in arrays_in([new, new_state, method.eval_params(new, new_state)])}


@each(EVERY)
@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), 1], ids=["float", "float64", "int"])
def test_float32_stays_float32(method: Method, lr: Any) -> None:
    start, grads = noise(0, (3, 2))
    params, state = walk(method, start.astype(np.float32), [grad.astype(np.float32) for grad in grads], lr)
    assert {array.dtype for array in arrays_in([params, state])} == {np.dtype(np.float32)}


@each(EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_tensors_type_stays(method: Method, dtype: torch.dtype) -> None:
    start, grads = noise(0, (3, 2))
    params, state = walk(method, torch.tensor(start, dtype=dtype), [torch.tensor(g, dtype=dtype) for g in grads])
    assert {array.dtype for array in arrays_in([params, state])} == {dtype}


@each(VECTOR_METHODS)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)], ids=str)
def test_no_numbers_are_fine(method: Method, shape: tuple[int, ...]) -> None:
    params, _ = walk(method, *noise(0, shape))
    assert params.shape == shape


@each(VECTOR_METHODS)
def test_one_number_without_an_axis(method: Method) -> None:
    start, grads = noise(0, (1,))
    alone, _ = walk(method, start[0], [grad[0] for grad in grads])
    np.testing.assert_allclose(alone, walk(method, start, grads)[0][0], rtol=1e-14)


@each(EVERY)
def test_layout_in_memory_does_not_matter(method: Method) -> None:
    start, grads = noise(0, (4, 3))
    scattered = [np.repeat(array.T, 2, axis=1)[:, ::2].T for array in [start, *grads]]
    assert not any(array.flags.c_contiguous for array in scattered)
    expected, _ = walk(method, start, grads)
    np.testing.assert_allclose(walk(method, scattered[0], scattered[1:])[0], expected, rtol=1e-13)
    tensors = [torch.tensor(array.T.copy()).T for array in [start, *grads]]
    assert not tensors[0].is_contiguous()
    np.testing.assert_allclose(walk(method, tensors[0], tensors[1:])[0], expected, rtol=1e-12)


@each(EVERY)
def test_a_zero_gradient_is_no_division_by_zero(method: Method) -> None:
    start = np.ones((3, 2))
    params, state = walk(method, start, [np.zeros((3, 2))] * 3)
    assert all(np.isfinite(array).all() for array in arrays_in([params, state]))
    if not any("weight_decay" in name for name, _ in hyperparameters(method)):
        np.testing.assert_allclose(params, start, rtol=1e-15)


# Grids of runs and lists of layers

GRIDS: dict[str, Any] = {
    "GradientDescent": lambda x: GradientDescent(),
    "HeavyBall": lambda x: HeavyBall(x, x),
    "Nesterov": Nesterov,
    "AdaGrad": lambda x: AdaGrad(1e-3 * x, x),
    "RMSProp": lambda x: RMSProp(x, True, x, 1e-3 * x),
    "Adadelta": lambda x: Adadelta(x, 1e-3 * x),
    "Adam": lambda x: Adam(x, x, 1e-3 * x, True),
    "AdamW": lambda x: AdamW(x, x, 1e-3 * x, weight_decay=x),
    "NAdam": lambda x: NAdam(x, x, 1e-3 * x, x),
    "RAdam": lambda x: RAdam(x, x, 1e-3 * x),
    "Adamax": lambda x: Adamax(x, x, 1e-3 * x),
    "Lion": lambda x: Lion(x, x / 2, x),
    "LARS": lambda x: LARS(x, x, x / 10),
    "LAMB": lambda x: LAMB(x, x, 1e-3 * x, x),
    "ScheduleFreeSGD": ScheduleFreeSGD,
    "ScheduleFreeAdamW": lambda x: ScheduleFreeAdamW(x, x, 1e-3 * x, x),
    "DAdaptSGD": lambda x: DAdaptSGD(x, x / 10),
    "Prodigy": lambda x: Prodigy(x, x, 1e-3 * x, x, x / 10),
    "PolyakAverage": lambda x: PolyakAverage(HeavyBall(x)),
    "EMA": lambda x: EMA(HeavyBall(x), x),
    "L2": lambda x: L2(Adam(x), x),
}


@pytest.mark.parametrize("tensors", [False, True], ids=["numpy", "tensors"])
@pytest.mark.parametrize("make", GRIDS.values(), ids=GRIDS.keys())
def test_a_grid_is_its_runs(make: Any, tensors: bool) -> None:
    """30 steps of a 2 × 3 grid: 3 settings (one keeps RAdam in its first phase), and a rate for each run."""
    kind = torch.tensor if tensors else np.array
    start, grads = noise(1, (4, 2, 3), steps=30)
    settings, lr = np.array([0.3, 0.9, 0.99]), np.array([[0.01, 0.1, 0.2], [0.05, 0.3, 0.15]])
    method = make(kind(settings))
    params, state = walk(method, kind(start), [kind(grad) for grad in grads], kind(lr))
    judged = np.asarray(method.eval_params(params, state))
    for i, j in np.ndindex(2, 3):
        one = make(settings[j].item())
        single, single_state = walk(one, start[:, i, j], [grad[:, i, j] for grad in grads], lr[i, j])
        np.testing.assert_allclose(np.asarray(params)[:, i, j], single, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(judged[:, i, j], one.eval_params(single, single_state), rtol=1e-13, atol=1e-15)


@each(EVERY)
@pytest.mark.parametrize("tensors", [False, True], ids=["numpy", "tensors"])
def test_a_list_is_its_layers(method: Method, tensors: bool) -> None:
    """Layer by layer, or (one distance for all) the layers end to end; layers in a list are vectors to lengths."""
    kind = torch.tensor if tensors else np.array
    shapes = [(3, 2), (2, 4)]
    starts, layer_grads = zip(*(noise(seed, shape) for seed, shape in enumerate(shapes)), strict=True)
    lists = [[kind(grad) for grad in step] for step in zip(*layer_grads, strict=True)]
    params, state = walk(method, [kind(start) for start in starts], lists)
    judged = method.eval_params(params, state)
    assert [tuple(layer.shape) for layer in params] == shapes
    if isinstance(getattr(method, "method", method), DAdaptSGD | Prodigy):
        parts = [(walks.flat(starts), [walks.flat(grads) for grads in zip(*layer_grads, strict=True)])]
    elif isinstance(method, LARS | LAMB):
        parts = [(start.ravel(), [g.ravel() for g in grads]) for start, grads in zip(starts, layer_grads, strict=True)]
    else:
        parts = list(zip(starts, layer_grads, strict=True))
    alone = [walk(method, start, list(grads)) for start, grads in parts]
    np.testing.assert_allclose(walks.flat(params), walks.flat(one for one, _ in alone), rtol=1e-12)
    expected = walks.flat(method.eval_params(*one) for one in alone)
    np.testing.assert_allclose(walks.flat(judged), expected, rtol=1e-12)


@pytest.mark.parametrize("make", [PolyakAverage, lambda method: EMA(method, 0.5)], ids=["PolyakAverage", "EMA"])
def test_an_average_is_what_minimize_records(make: Any) -> None:
    """Around a grid of settings; the inner method moves as it would alone."""
    grid, problem = HeavyBall(np.array([0.0, 0.5, 0.9])), Quadratic([1.0, 4.0])
    alone = minimize(problem, [1.0, -1.0], grid, lr=0.2, steps=40)
    run = minimize(problem, [1.0, -1.0], make(grid), lr=0.2, steps=40)
    assert run.params.shape == (41, 2, 3)
    np.testing.assert_array_equal(run.grad_norm, alone.grad_norm)
    for t in range(1, 41):
        decayed = 0.5 ** np.arange(t, -1, -1) * np.array([1, *[0.5] * t])
        weights = np.array([0, *[1 / t] * t]) if isinstance(make(grid), PolyakAverage) else decayed
        np.testing.assert_allclose(run.params[t], np.tensordot(weights, alone.params[: t + 1], 1), rtol=0, atol=1e-15)
    np.testing.assert_allclose(run.loss, problem.loss(np.moveaxis(run.params, 0, -1)).T, rtol=1e-15)


def test_an_average_of_an_average_is_of_the_points_to_judge() -> None:
    inner, (start, grads) = ScheduleFreeSGD(), noise(0, (3,))
    points = [inner.eval_params(*walk(inner, start, grads[:t])) for t in range(len(grads) + 1)]
    mean, ema = PolyakAverage(inner), EMA(inner, 0.5)
    np.testing.assert_allclose(mean.eval_params(*walk(mean, start, grads)), np.mean(points[1:], axis=0), rtol=1e-13)
    weights = 0.5 ** np.array([12, *range(12, 0, -1)])
    np.testing.assert_allclose(ema.eval_params(*walk(ema, start, grads)), weights @ np.array(points), rtol=1e-13)


def test_a_layer_of_zeros_moves_at_the_plain_rate() -> None:
    layers, grads = [np.zeros(2), np.ones(2)], [np.array([3.0, -4.0]), np.array([3.0, -4.0])]
    (zeros, ones), _ = walk(LARS(trust=0.01), layers, [grads])
    np.testing.assert_allclose(zeros, [-0.3, 0.4], rtol=1e-15)
    np.testing.assert_allclose(ones, [1 - 0.001 * 2**0.5 * 0.6, 1 + 0.001 * 2**0.5 * 0.8], rtol=1e-15)
    (zeros, _), _ = walk(LAMB(eps=1e-300), layers, [grads])
    np.testing.assert_allclose(zeros, [-0.1, 0.1], rtol=1e-15)


# What theory says

SCALE_FREE: dict[str, Method] = {
    "AdaGrad": AdaGrad(eps=1e-300),
    "RMSProp": RMSProp(momentum=0.5, eps=1e-300),
    "Adam": Adam(eps=1e-300),
    "AMSGrad": Adam(eps=1e-300, amsgrad=True),
    "AdamW": AdamW(eps=1e-300),
    "NAdam": NAdam(eps=1e-300),
    "Adamax": Adamax(eps=1e-300),
    "Lion": Lion(weight_decay=0.1),
    "LARS": LARS(),
    "LAMB": LAMB(eps=1e-300, weight_decay=0.1),
    "Muon": Muon(eps=1e-300),
    "ScheduleFreeAdamW": ScheduleFreeAdamW(eps=1e-300),
    "DAdaptSGD": DAdaptSGD(d0=0.01),
    "Prodigy": Prodigy(d0=0.01, eps=1e-300),
}


@each(SCALE_FREE)
@profile(5)
@given(seed=SEEDS, scale=st.floats(1e-6, 1e6))
def test_the_gradients_scale_does_not_matter(method: Method, seed: int, scale: float) -> None:
    start, grads = noise(seed, (3, 2), steps=50)
    expected, _ = walk(method, start, grads)
    np.testing.assert_allclose(walk(method, start, [scale * g for g in grads])[0], expected, rtol=1e-12, atol=1e-12)


ROTATABLE = ["GradientDescent", "HeavyBall", "Nesterov", "LARS", "ScheduleFreeSGD", "DAdaptSGD", "PolyakAverage"]


@each({name: EVERY[name] for name in ROTATABLE})
@profile(5)
@given(seed=SEEDS)
def test_rotated_coordinates_give_the_rotated_path(method: Method, seed: int) -> None:
    start, grads = noise(seed, (5,), steps=50)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(5, 5)))[0]
    expected = rotation @ walk(method, start, grads)[0]
    np.testing.assert_allclose(walk(method, rotation @ start, [rotation @ g for g in grads])[0], expected, atol=1e-12)


def test_adam_depends_on_the_axes() -> None:
    start, grads = noise(0, (2,))
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    expected = rotation @ walk(Adam(), start, grads)[0]
    assert abs(walk(Adam(), rotation @ start, [rotation @ g for g in grads])[0] - expected).max() > 0.01


@each(VECTOR_METHODS)
@profile(5)
@given(seed=SEEDS)
def test_axes_may_be_flipped_and_reordered(method: Method, seed: int) -> None:
    start, grads = noise(seed, (6,))
    rng = np.random.default_rng(seed)
    order, flip = rng.permutation(6), rng.choice([-1.0, 1.0], 6)
    expected = flip * walk(method, start, grads)[0][order]
    found = walk(method, flip * start[order], [flip * g[order] for g in grads])[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@profile(10)
@given(seed=SEEDS, beta=st.floats(0, 0.99))
def test_lion_moves_every_coordinate_by_the_rate(seed: int, beta: float) -> None:
    start, grads = noise(seed, (5,))
    params, state = start, Lion(beta1=beta).init(start)
    for grad in grads:
        new, state = Lion(beta1=beta).step(params, grad, state, 0.125)
        np.testing.assert_allclose(abs(new - params), 0.125, rtol=1e-14)
        params = new


@profile(10)
@given(seed=SEEDS)
def test_adams_first_step_is_the_rate(seed: int) -> None:
    start, grads = noise(seed, (5,), steps=1)
    for method in (Adam(eps=1e-300), Adamax(eps=1e-300), AdaGrad(eps=1e-300)):
        np.testing.assert_allclose(start - walk(method, start, grads)[0], 0.1 * np.sign(grads[0]), rtol=1e-13)


@profile(20)
@given(seed=SEEDS)
def test_the_distance_is_not_overestimated(seed: int) -> None:
    """On a convex loss, ‖Aθ‖₁: by less than a factor of two in length, and not at all in the largest coordinate."""
    rng = np.random.default_rng(seed)
    factor, start = rng.normal(size=(6, 4)), rng.normal(size=4)
    for method, farthest in ((DAdaptSGD(momentum=0), 2 * np.linalg.norm(start)), (Prodigy(), abs(start).max())):
        params, state, d = start, method.init(start), 0.0
        for _ in range(300):
            params, state = method.step(params, factor.T @ np.sign(factor @ params), state, 1.0)
            assert d <= state.d <= farthest
            d = state.d
        assert d > 0.01 * farthest


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (1, 5), (5, 1)], ids=str)
@profile(10)
@given(seed=SEEDS)
def test_orthogonalize_keeps_directions_and_levels_sizes(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in shape)
    sizes = rng.uniform(0.05, 1.0, min(shape))
    matrix = (left[:, : len(sizes)] * sizes) @ right[: len(sizes)]
    found = left.T @ orthogonalize(matrix) @ right.T
    diagonal = np.diag(found)
    assert ((diagonal > 0.68) & (diagonal < 1.14)).all()
    np.testing.assert_allclose(found, np.eye(*shape) * found, rtol=0, atol=1e-12)
    np.testing.assert_allclose(orthogonalize(matrix.T), orthogonalize(matrix).T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(orthogonalize(torch.tensor(matrix)), orthogonalize(matrix), rtol=0, atol=1e-12)


# What is refused


def settings_of(method: Method) -> list[str]:
    return [field.name for field in fields(method) if not isinstance(getattr(method, field.name), bool | Method | int)]


BAD = [(name, setting) for name in METHODS for setting in settings_of(EVERY[name])]


@pytest.mark.parametrize(("name", "setting"), BAD)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5, "much", None], ids=str)
def test_a_bad_setting_is_named(name: str, setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{setting} must be a .*number.*, got {setting}={re.escape(repr(value))}$"):
        replace(EVERY[name], **{setting: value})


@pytest.mark.parametrize("lr", [float("nan"), float("inf"), -0.1, np.array([0.1, -0.1])], ids=str)
def test_a_bad_rate_is_named(lr: Any) -> None:
    params = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"^lr must be a finite number >= 0, got lr"):
        Adam().step(params, params, Adam().init(params), lr)


BAD_STEPS: dict[str, tuple[Any, Any, Any, str]] = {
    "whole numbers": (np.arange(3), np.ones(3), 0.1, "params must hold floating-point numbers, got dtype int64"),
    "a whole tensor": (torch.arange(3), torch.ones(3), 0.1, "params must hold floating-point .* torch.int64"),
    "a whole gradient": (np.ones(3), np.arange(3), 0.1, "grad must hold floating-point numbers, got dtype int64"),
    "text": (np.array(["a"]), np.ones(1), 0.1, "params must hold floating-point numbers, got dtype <U1"),
    "another shape": (np.ones(3), np.ones(4), 0.1, r"grad must have the shape of params, \(3,\), got \(4,\)"),
    "other layers": ([np.ones(3)], [np.ones(4)], 0.1, r"grad must have the shape of params, \(3,\), got \(4,\)"),
    "fewer layers": ([np.ones(3)] * 2, [np.ones(3)], 0.1, "grad must have as many arrays as params, 2, got 1"),
    "too many rates": (np.ones((3, 2)), np.ones((3, 2)), np.ones(3), r"lr must broadcast to the runs \(2,\) of params"),
}


@pytest.mark.parametrize(("params", "grad", "lr", "message"), BAD_STEPS.values(), ids=BAD_STEPS.keys())
@each(VECTOR_METHODS)
def test_what_does_not_fit_is_refused(method: Method, params: Any, grad: Any, lr: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        walk(method, params, [grad], lr)


@each({name: make(np.array([0.1, 0.2])) for name, make in GRIDS.items() if name != "GradientDescent"})
def test_settings_that_do_not_fit_the_runs_are_refused(method: Method) -> None:
    with pytest.raises(ValueError, match=r"must broadcast to the runs \(3,\) of params \(4, 3\), got shape \(2,\)$"):
        method.init(np.ones((4, 3)))


def test_muon_takes_matrices_and_single_numbers() -> None:
    with pytest.raises(ValueError, match=r"^params must be a matrix of shape \(m, n\), got shape \(3,\)$"):
        Muon().init(np.ones(3))
    with pytest.raises(
        ValueError, match=r"^momentum must be one number \(Muon has no axis for runs\), got shape \(2,\)$"
    ):
        Muon(momentum=np.array([0.5, 0.9]))
    with pytest.raises(ValueError, match=r"^lr must be one number"):
        walk(Muon(), np.ones((3, 2)), [np.ones((3, 2))], lr=np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match=r"^steps must be a positive integer, got steps=0$"):
        orthogonalize(np.ones((2, 2)), steps=0)


def test_muon_takes_each_kernel_of_a_convolution_as_a_row() -> None:
    kernels = [np.random.default_rng(seed).standard_normal((5, 2, 3, 3)) for seed in range(4)]
    found, _ = walk(Muon(0.9), kernels[0], kernels[1:])
    rows, _ = walk(Muon(0.9), kernels[0].reshape(5, 18), [grad.reshape(5, 18) for grad in kernels[1:]])
    np.testing.assert_array_equal(found.reshape(5, 18), rows)


@pytest.mark.parametrize("method", [Adam, 0.9, None])
def test_a_wrapper_needs_a_method(method: Any) -> None:
    for make in (PolyakAverage, lambda inner: EMA(inner, 0.9), lambda inner: L2(inner, 0.1)):
        with pytest.raises(ValueError, match=r"^method must be a Method such as Adam\(\), got method="):
            make(method)


@pytest.mark.parametrize("start", [-1, 1.5, True])
def test_an_average_starts_at_a_step(start: Any) -> None:
    with pytest.raises(ValueError, match=rf"^start must be an integer >= 0, got start={start}$"):
        PolyakAverage(Adam(), start)
