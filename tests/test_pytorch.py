"""`lrlab.pytorch` against torch's own optimizers, schedulers and clipping, and against loops written out by hand."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim import lr_scheduler

from lrlab import optimizers as methods
from lrlab import schedules, search
from lrlab.optimizers.base import Method
from lrlab.pytorch import (
    Optimizer,
    RandomShift,
    Recipe,
    as_scheduler,
    at_once,
    blocks,
    climb_and_fall,
    clip_gradients,
    convnet,
    describe_device,
    device,
    fit,
    fit_rates,
    layer_norms,
    layerwise_lr,
    log_to_tensorboard,
    mlp,
    range_test,
    set_lr,
)

STEPS = 200


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# ---------------------------------------------------------------- networks and data


def network(dtype: torch.dtype = torch.float64, seed: int = 0, dropout: float = 0.0) -> torch.nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Dropout(dropout), torch.nn.Linear(8, 3)
        return torch.nn.Sequential(*layers).to(dtype)


def points(n: int = 96, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 5, generator=generator, dtype=torch.float64).to(dtype)
    return x, (x[:, 0] > 0).long() + (x[:, 1] * x[:, 2] > 0).long()


def flat(model: torch.nn.Module) -> np.ndarray:
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()]).numpy().copy()


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, scheduler: Any = None, steps=range(STEPS)):
    """A loop over batches of 16; the parameters after each step, of shape (steps, d)."""
    x, y = points(dtype=next(model.parameters()).dtype)
    path = []
    for t in steps:
        batch = slice(16 * (t % 6), 16 * (t % 6 + 1))
        optimizer.zero_grad()
        cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        path.append(flat(model))
    return np.array(path)


# ---------------------------------------------------------------- Optimizer


SGD, ADAM = torch.optim.SGD, torch.optim.Adam
METHODS = [
    (methods.GradientDescent(), SGD, {}),
    (methods.HeavyBall(0.9), SGD, {"momentum": 0.9}),
    (methods.HeavyBall(0.8, 0.3), SGD, {"momentum": 0.8, "dampening": 0.3}),
    (methods.Nesterov(0.9), SGD, {"momentum": 0.9, "nesterov": True}),
    (methods.AdaGrad(), torch.optim.Adagrad, {}),
    (methods.RMSProp(), torch.optim.RMSprop, {}),
    (methods.Adam(), ADAM, {}),
    (methods.Adam(amsgrad=True), ADAM, {"amsgrad": True}),
    (methods.AdamW(weight_decay=0.1), torch.optim.AdamW, {"weight_decay": 0.1}),
    (methods.RAdam(), torch.optim.RAdam, {}),
    (methods.Adamax(), torch.optim.Adamax, {}),
    (methods.L2(methods.HeavyBall(0.9), 0.01), SGD, {"momentum": 0.9, "weight_decay": 0.01}),
]
COSINE = schedules.Cosine(0.01, STEPS), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)
STEPWISE = schedules.MultiStep(0.01, 0.1, (20, 150)), lambda o: lr_scheduler.MultiStepLR(o, [20, 150], 0.1)
CONSTANT = 0.01, lambda o: None


@pytest.mark.parametrize(
    ("method", "theirs", "settings", "schedule", "scheduler"),
    [(*row, *COSINE) for row in METHODS] + [(*METHODS[i], *STEPWISE) for i in (1, 6)] + [(*METHODS[6], *CONSTANT)],
)
def test_training_is_that_of_torch(method, theirs, settings, schedule, scheduler):
    ours, reference = network(), network()
    optimizer = theirs(reference.parameters(), 0.01, **settings)
    found = train(ours, Optimizer(ours.parameters(), method, schedule))
    np.testing.assert_allclose(found, train(reference, optimizer, scheduler(optimizer)), rtol=0, atol=1e-12)


def test_a_schedule_is_asked_for_the_steps_that_are_done_and_its_value_is_shown():
    asked = []

    def schedule(t):
        asked.append(t)
        return (0.5, 0.25, 0.0)[t]  # a fourth step would raise

    model = network()
    optimizer = Optimizer(model.parameters(), methods.GradientDescent(), schedule)
    assert optimizer.param_groups[0]["lr"] == 0.5
    shown = []
    for t in range(3):
        train(model, optimizer, steps=[t])
        shown.append(optimizer.param_groups[0]["lr"])
    assert shown == [0.5, 0.25, 0.0]
    assert asked == [0, 0, 1, 2]


def test_torch_schedulers_drive_it_where_the_rate_is_a_number():
    ours, reference = network(), network()
    optimizer = Optimizer(ours.parameters(), methods.HeavyBall(0.9), 0.05)
    theirs = torch.optim.SGD(reference.parameters(), 0.05, momentum=0.9)
    found = train(ours, optimizer, lr_scheduler.StepLR(optimizer, 30, 0.5))
    np.testing.assert_allclose(
        found, train(reference, theirs, lr_scheduler.StepLR(theirs, 30, 0.5)), rtol=0, atol=1e-12
    )
    assert optimizer.param_groups[0]["lr"] == theirs.param_groups[0]["lr"]


def test_groups_have_their_own_rates_schedules_and_methods():
    ours, reference = network(), network()
    found = train(
        ours,
        Optimizer(
            [
                {"params": ours[0].weight, "lr": schedules.Exponential.from_factor(0.1, 0.99)},
                {"params": [ours[0].bias], "method": methods.HeavyBall(0.9)},
                {"params": ours[3].parameters()},
            ],
            methods.Adam(),
            0.01,
        ),
    )
    alone = [
        torch.optim.Adam([reference[0].weight], 0.1),
        torch.optim.SGD([reference[0].bias], 0.01, momentum=0.9),
        torch.optim.Adam(reference[3].parameters(), 0.01),
    ]
    decay = lr_scheduler.ExponentialLR(alone[0], 0.99)
    x, y = points()
    path = []
    for t in range(STEPS):
        reference.zero_grad()
        cross_entropy(reference(x[16 * (t % 6) :][:16]), y[16 * (t % 6) :][:16]).backward()
        for optimizer in alone:
            optimizer.step()
        decay.step()
        path.append(flat(reference))
    np.testing.assert_allclose(found, path, rtol=0, atol=1e-12)


def test_a_parameter_without_a_gradient_is_left_alone_and_starts_when_it_gets_one():
    def walk(model, optimizer):
        first = model[0].requires_grad_(False).weight.detach().clone()
        before = train(model, optimizer, steps=range(20))
        assert torch.equal(model[0].weight, first)
        model[0].requires_grad_(True)
        return np.concatenate([before, train(model, optimizer, steps=range(20, 60))])

    ours, reference = network(), network()
    for_torch = walk(reference, torch.optim.Adam(reference.parameters(), 0.01))
    for kind in (methods.Adam(), methods.PolyakAverage(methods.Adam())):
        ours = network()
        np.testing.assert_allclose(walk(ours, Optimizer(ours.parameters(), kind, 0.01)), for_torch, rtol=0, atol=1e-12)


LISTS = [methods.DAdaptSGD(), methods.Prodigy(), methods.EMA(methods.Prodigy(), 0.9), methods.LARS(trust=0.1)]
AVERAGES = [
    methods.ScheduleFreeSGD(),
    methods.ScheduleFreeAdamW(),
    methods.PolyakAverage(methods.Adam()),
    methods.EMA(methods.HeavyBall(0.9), 0.9),
    methods.L2(methods.ScheduleFreeSGD(), 0.01),
]


@pytest.mark.parametrize("method", [*LISTS, *AVERAGES], ids=repr)
def test_it_is_the_method_on_the_list_of_layers(method):
    """The oracle: the same gradients, as NumPy arrays, given to the method itself."""
    model = network()
    optimizer = Optimizer(model.parameters(), method, lr=schedules.Linear(0.1, STEPS))
    layers = [p.detach().numpy().copy() for p in model.parameters()]
    state = method.init(layers)
    x, y = points()
    for t in range(40):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        grads = [p.grad.numpy().copy() for p in model.parameters()]
        optimizer.step()
        layers, state = method.step(layers, grads, state, 0.1 * (1 - t / STEPS))
        for param, layer in zip(model.parameters(), layers, strict=True):
            np.testing.assert_allclose(param.detach(), layer, rtol=0, atol=1e-12)
    moving = flat(model)
    with optimizer.eval_params():
        for param, layer in zip(model.parameters(), method.eval_params(layers, state), strict=True):
            np.testing.assert_allclose(param.detach(), layer, rtol=0, atol=1e-12)
        assert (method in LISTS[:2] + LISTS[3:]) == np.array_equal(flat(model), moving)
    assert np.array_equal(flat(model), moving)


def test_a_method_of_the_whole_list_counts_a_missing_gradient_as_zero_and_leaves_the_parameter():
    model, method = network(), methods.Prodigy(d0=0.01)
    model[3].bias.requires_grad_(False)
    bias = model[3].bias.detach().clone()
    optimizer = Optimizer(model.parameters(), method, lr=1.0)
    layers = [p.detach().numpy().copy() for p in model.parameters()]
    state = method.init(layers)
    x, y = points()
    for _ in range(10):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        grads = [np.zeros(p.shape) if p.grad is None else p.grad.numpy().copy() for p in model.parameters()]
        optimizer.step()
        layers, state = method.step(layers, grads, state, 1.0)
    np.testing.assert_allclose(flat(model), np.concatenate([layer.ravel() for layer in layers]), rtol=0, atol=1e-12)
    assert torch.equal(model[3].bias, bias)
    optimizer.zero_grad()
    optimizer.step()  # no gradient at all: nothing to do
    np.testing.assert_array_equal(flat(model)[-3:], bias)


def test_eval_params_ends_also_when_its_block_raises():
    model = network()
    optimizer = Optimizer(model.parameters(), methods.EMA(methods.Adam(), 0.9), 0.1)
    train(model, optimizer, steps=range(5))
    moving = flat(model)
    with pytest.raises(ZeroDivisionError), optimizer.eval_params():
        1 / np.array_equal(flat(model), moving)  # not equal: division by False
    assert np.array_equal(flat(model), moving)
    with Optimizer(model.parameters(), methods.EMA(methods.Adam(), 0.9), 0.1).eval_params():  # before the first step
        assert np.array_equal(flat(model), moving)


@pytest.mark.parametrize("kind", blocks.COORDINATEWISE)
def test_a_large_parameter_goes_by_blocks_and_ends_at_the_same_numbers(kind, monkeypatch):
    method = kind(0.9) if kind in (methods.HeavyBall, methods.Nesterov) else kind()
    whole, cut = network(torch.float32), network(torch.float32)
    plain = Optimizer(whole.parameters(), method, schedules.Cosine(0.01, 20))
    expected = train(whole, plain, steps=range(12))
    monkeypatch.setattr(blocks, "LARGE", 8 * 4)
    monkeypatch.setattr(blocks, "BLOCK", 7 * 4)  # seven numbers
    optimizer = Optimizer(cut.parameters(), method, schedules.Cosine(0.01, 20))
    assert blocks.goes_by_blocks(method, cut[0].weight)
    assert not blocks.goes_by_blocks(method, cut[3].bias)  # three numbers
    np.testing.assert_array_equal(train(cut, optimizer, steps=range(12)), expected)
    found, wanted = (list(leaves(o.state_dict()["state"])) for o in (optimizer, plain))
    assert len(found) == len(wanted)
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))

    twin = network(torch.float32)  # a state that was loaded is a copy
    twin.load_state_dict(cut.state_dict())
    other = Optimizer(twin.parameters(), method, schedules.Cosine(0.01, 20))
    other.load_state_dict(optimizer.state_dict())
    expected = train(twin, other, steps=range(12, 20))
    np.testing.assert_array_equal(train(cut, optimizer, steps=range(12, 20)), expected)


def test_blocks_are_for_rules_that_treat_each_coordinate_alone():
    large = torch.zeros(blocks.LARGE // 2**10, 2**8)  # four bytes each
    assert blocks.goes_by_blocks(methods.Adam(), large)
    assert not blocks.goes_by_blocks(methods.Adam(), large[:-1])
    assert not blocks.goes_by_blocks(methods.Adam(), torch.zeros(*large.shape, 2)[..., 0])
    for method in (methods.LARS(), methods.LAMB(), methods.Muon(), methods.Prodigy(), methods.EMA(methods.Adam(), 0.9)):
        assert not blocks.goes_by_blocks(method, large)


class Positions(NamedTuple):
    before: Any
    grad: Any


@dataclass(frozen=True)
class Position(Method):
    """Heavy ball written with positions; its state keeps the very arrays that it was given."""

    momentum: float

    def _init(self, params):
        return Positions(params, params)

    def _step(self, params, grad, state, lr):
        return params - lr * grad + self.momentum * (params - state.before), Positions(params, grad)


def test_a_state_may_keep_the_arrays_that_it_was_given():
    ours, reference = network(), network()
    optimizer = Optimizer(ours.parameters(), Position(0.9), 0.05)
    theirs = torch.optim.SGD(reference.parameters(), 0.05, momentum=0.9)
    np.testing.assert_allclose(train(ours, optimizer), train(reference, theirs), rtol=0, atol=1e-12)
    grads = [p.grad.clone() for p in ours.parameters()]
    optimizer.zero_grad(set_to_none=False)
    for param, grad in zip(ours.parameters(), grads, strict=True):
        assert torch.equal(optimizer.state[param]["state"][0].grad, grad)


RESUMED = [
    methods.GradientDescent(),
    methods.HeavyBall(0.9),
    methods.Adam(amsgrad=True),
    methods.NAdam(),
    methods.RMSProp(centered=True, momentum=0.5),
    methods.PolyakAverage(methods.AdamW(), start=3),
    methods.EMA(methods.Prodigy(d0=np.float64(1e-3)), 0.9),
    *LISTS,
    *AVERAGES,
]


@pytest.mark.parametrize("method", RESUMED, ids=repr)
def test_a_resumed_run_goes_on_to_the_bit(method, tmp_path):
    schedule = schedules.Warmup(schedules.Cosine(0.05, 60), 10)
    model = network(torch.float32)
    optimizer = Optimizer(model.parameters(), method, schedule)
    train(model, optimizer, steps=range(25))
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run.pt")
    whole = train(model, optimizer, steps=range(25, 60))

    resumed = network(torch.float32, seed=1)
    fresh = Optimizer(resumed.parameters(), method, schedule)
    saved = torch.load(tmp_path / "run.pt", weights_only=True)
    resumed.load_state_dict(saved["model"])
    fresh.load_state_dict(saved["optimizer"])
    np.testing.assert_array_equal(train(resumed, fresh, steps=range(25, 60)), whole)
    with optimizer.eval_params(), fresh.eval_params():
        np.testing.assert_array_equal(flat(resumed), flat(model))
    assert fresh.param_groups[0]["t"] == 60
    assert whole.dtype == np.float32
    assert all(leaf.dtype == torch.float32 for leaf in leaves(fresh.state) if isinstance(leaf, torch.Tensor))


def leaves(state: Any) -> Iterator[Any]:
    if isinstance(state, dict):
        state = list(state.values())
    if isinstance(state, list | tuple):
        for part in state:
            yield from leaves(part)
    else:
        yield state


def test_resuming_with_torch_schedulers_and_groups():
    def make(model):
        groups = layerwise_lr(model, 0.1, 0.5)
        optimizer = Optimizer(groups, methods.Adam(), 0.1)
        return optimizer, as_scheduler(optimizer, schedules.Cosine(0.1, 50))

    model, resumed = network(), network(seed=1)
    optimizer, scheduler = make(model)
    train(model, optimizer, scheduler, range(20))
    saved = copy.deepcopy([model.state_dict(), optimizer.state_dict(), scheduler.state_dict()])
    whole = train(model, optimizer, scheduler, range(20, 50))
    fresh, schedule = make(resumed)
    for part, state in zip((resumed, fresh, schedule), saved, strict=True):
        part.load_state_dict(state)
    np.testing.assert_array_equal(train(resumed, fresh, schedule, range(20, 50)), whole)


def test_a_state_dict_is_a_snapshot():
    model = network()
    optimizer = Optimizer(model.parameters(), methods.Adam(), 0.1)
    train(model, optimizer, steps=range(3))
    saved = optimizer.state_dict()
    kept = copy.deepcopy(saved)
    train(model, optimizer, steps=range(3))
    assert list(map(repr, leaves(saved["state"]))) == list(map(repr, leaves(kept["state"])))


def test_copies_and_pickles_go_on_like_the_original():
    pair = network(), None
    pair = pair[0], Optimizer(pair[0].parameters(), methods.Adam(), schedules.Cosine(0.1, 50))
    train(*pair, steps=range(10))
    others = [copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))]
    expected = train(*pair, steps=range(10, 20))
    for other in others:
        np.testing.assert_array_equal(train(*other, steps=range(10, 20)), expected)


def test_a_closure_is_called_with_gradients_and_its_loss_returned():
    model = network()
    optimizer = Optimizer(model.parameters(), methods.GradientDescent(), 0.1)
    x, y = points()

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    expected = cross_entropy(model(x), y).item()
    before = flat(model)
    assert optimizer.step(closure).item() == expected
    assert not np.array_equal(flat(model), before)
    assert optimizer.step() is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_parameters_keep_their_type_and_memory(dtype):
    model = network(dtype)
    memory = [p.data_ptr() for p in model.parameters()]
    for method in (methods.Adam(), methods.Prodigy(), methods.LAMB(), methods.ScheduleFreeAdamW()):
        optimizer = Optimizer(model.parameters(), method, np.float64(0.01))
        optimizer.zero_grad()
        cross_entropy(model(points(dtype=dtype)[0]), points()[1]).backward()
        optimizer.step()
        assert all(leaf.dtype == dtype for leaf in leaves(optimizer.state) if isinstance(leaf, torch.Tensor))
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert [p.data_ptr() for p in model.parameters()] == memory
    assert type(optimizer.param_groups[0]["lr"]) is float


def test_the_optimizer_rejects_what_it_cannot_use():
    params = list(network().parameters())
    adam = methods.Adam()
    for lr in (-0.1, np.nan, np.inf, "fast", None, lambda t: -1.0):
        with pytest.raises(ValueError, match="lr must be"):
            Optimizer(params, adam, lr)
    with pytest.raises(ValueError, match="method must be a Method"):
        Optimizer(params, torch.optim.Adam, 0.1)
    with pytest.raises(ValueError, match="momentum must be a single number for a network"):
        Optimizer(params, methods.EMA(methods.HeavyBall(np.array([0.1, 0.9])), 0.9), 0.1)
    falling = Optimizer(params, adam, lambda t: 0.1 - t)
    for param in params:
        param.grad = torch.ones_like(param)
    falling.step()
    with pytest.raises(ValueError, match=r"lr must be a finite number >= 0, got lr=-0\.9"):
        falling.step()


def test_a_state_dict_of_something_else_is_rejected():
    model = network()
    saved = []
    for optimizer in (
        torch.optim.Adam(model.parameters(), 0.1),
        Optimizer(model.parameters(), methods.HeavyBall(0.9), 0.1),
        Optimizer(layerwise_lr(model, 0.1, 0.5), methods.Adam(), 0.1),
    ):
        train(model, optimizer, steps=range(2))
        saved.append(optimizer.state_dict())
    adam = Optimizer(model.parameters(), methods.Adam(), 0.1)
    for state, problem in zip(saved, ("come from an Optimizer", "come from the same method", "different"), strict=True):
        with pytest.raises(ValueError, match=problem):
            adam.load_state_dict(state)


# ---------------------------------------------------------------- rates for torch optimizers


def rates(optimizer: torch.optim.Optimizer, scheduler: Any, steps: int) -> np.ndarray:
    """Of shape (steps, groups): the rates that a training loop would use."""
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return np.array(seen)


def sgd(*lrs: float) -> torch.optim.SGD:
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs], lr=1.0)


SCHEDULES = [
    schedules.Warmup(schedules.Cosine(0.3, 40), 10),
    schedules.OneCycle(0.3, 50),
    schedules.Join([schedules.Constant(0.0), schedules.Linear(0.1, 30)], [20]),
    lambda t: 0.1 / (1 + t),
    0.1,
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("base", [0.0, 0.7, 1e-300])
def test_as_scheduler_gives_the_schedule_itself(schedule, base):
    optimizer = sgd(base)
    scheduler = as_scheduler(optimizer, schedule)
    assert isinstance(scheduler, lr_scheduler.LambdaLR)
    expected = [schedule(t) if callable(schedule) else schedule for t in range(60)]
    np.testing.assert_array_equal(rates(optimizer, scheduler, 60)[:, 0], expected)


def test_as_scheduler_keeps_the_ratios_of_groups_or_takes_one_schedule_each():
    cosine = schedules.Cosine(0.3, 40)
    expected = cosine(np.arange(50))
    optimizer = sgd(0.5, 2.0, 0.0)
    np.testing.assert_allclose(
        rates(optimizer, as_scheduler(optimizer, cosine), 50), np.outer(expected, [0.25, 1, 0]), rtol=1e-15
    )
    optimizer = sgd(0.0, 0.0)
    np.testing.assert_array_equal(rates(optimizer, as_scheduler(optimizer, cosine), 50), np.outer(expected, [1, 1]))
    optimizer = sgd(0.5, 0.0)
    found = rates(optimizer, as_scheduler(optimizer, [0.7, cosine]), 50)
    np.testing.assert_array_equal(found, np.stack([np.full(50, 0.7), expected], axis=1))


def test_a_scheduler_is_saved_as_numbers_and_resumes(tmp_path):
    def make():
        optimizer = sgd(0.5, 2.0)
        return optimizer, as_scheduler(optimizer, schedules.Warmup(schedules.Cosine(0.3, 40), 5))

    optimizer, scheduler = make()
    rates(optimizer, scheduler, 20)
    torch.save([optimizer.state_dict(), scheduler.state_dict()], tmp_path / "run.pt")
    fresh = make()
    for part, state in zip(fresh, torch.load(tmp_path / "run.pt", weights_only=True), strict=True):
        part.load_state_dict(state)
    np.testing.assert_array_equal(rates(*fresh, 20), rates(optimizer, scheduler, 20))


def test_as_scheduler_rejects_what_it_cannot_drive():
    model = network()
    with pytest.raises(ValueError, match="follows a schedule already"):
        as_scheduler(Optimizer(model.parameters(), methods.Adam(), schedules.Cosine(0.1, 10)), 0.1)
    with pytest.raises(ValueError, match="one for each of 2 parameter groups, got 3"):
        as_scheduler(sgd(0.1, 0.2), [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="optimizer must be a torch"):
        as_scheduler(model, 0.1)
    with pytest.raises(ValueError, match="lr must be"):
        as_scheduler(sgd(0.1), -0.1)
    optimizer = sgd(0.1)
    scheduler = as_scheduler(optimizer, lambda t: 0.1 - t)
    optimizer.step()
    with pytest.raises(ValueError, match=r"lr must be a finite number >= 0, got lr=-0\.9"):
        scheduler.step()


def test_set_lr_does_what_assigning_an_attribute_does_not():
    model = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> float:
        before = model.weight.item()
        model.weight.grad = torch.ones_like(model.weight)
        optimizer.step()
        return before - model.weight.item()

    optimizer.lr = 0.01
    assert step() == pytest.approx(0.1, rel=1e-12)
    set_lr(optimizer, 0.01)
    assert step() == pytest.approx(0.01, rel=1e-12)


def test_set_lr_for_each_group_for_tensors_and_over_a_schedule():
    optimizer = sgd(0.1, 0.2)
    set_lr(optimizer, [0.3, np.float64(0.0)])
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.0]
    held = torch.tensor(0.1)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=held, capturable=True)
    set_lr(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] is held
    assert held.item() == 0.5
    model = network()
    optimizer = Optimizer(model.parameters(), methods.GradientDescent(), schedules.Cosine(0.1, 10))
    set_lr(optimizer, 0.7)
    train(model, optimizer, steps=range(3))
    assert optimizer.param_groups[0]["lr"] == 0.7


@pytest.mark.parametrize("lr", [-0.1, np.nan, np.inf, "0.1", None, [0.1], [0.1, -0.1], [0.1, 0.2, 0.3]])
def test_set_lr_rejects_bad_rates_and_changes_nothing(lr):
    optimizer = sgd(0.1, 0.2)
    with pytest.raises(ValueError, match="lr must be"):
        set_lr(optimizer, lr)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.2]


def test_layerwise_rates_shrink_towards_the_input():
    model = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(4)), torch.nn.ReLU())
    groups = layerwise_lr(model, 0.1, 0.5)
    np.testing.assert_allclose([group["lr"] for group in groups], 0.1 * 0.5 ** np.array([3, 2, 1, 0]), rtol=1e-15)
    assert [list(map(id, group["params"])) for group in groups] == [[id(m.weight), id(m.bias)] for m in model[:4]]
    torch.optim.SGD(groups, lr=1.0)
    chosen = layerwise_lr([model[2], model[0]], 0.1, 0.5)
    assert [group["params"][0] is m.weight for group, m in zip(chosen, (model[2], model[0]), strict=True)] == [True] * 2
    (whole,) = layerwise_lr(torch.nn.Linear(2, 2), 0.1, 0.5)
    assert whole["lr"] == 0.1
    assert len(whole["params"]) == 2


def test_layerwise_schedules_are_scaled():
    model = network()
    optimizer = Optimizer(layerwise_lr(model, schedules.Linear(0.4, 10), 0.5), methods.GradientDescent(), 0.0)
    shown = []
    for t in range(10):
        train(model, optimizer, steps=[t])
        shown.append([group["lr"] for group in optimizer.param_groups])
    linear = 0.4 * (1 - np.arange(10) / 10)
    np.testing.assert_allclose(shown, np.outer(linear, [0.5, 1]), rtol=1e-14)


def test_every_parameter_is_in_one_layer_shared_and_loose_ones_in_the_first():
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))
            self.embed = torch.nn.Embedding(4, 3)
            self.body = torch.nn.Linear(3, 3)
            self.head = torch.nn.Linear(3, 4)
            self.head.weight = self.embed.weight

    model = Tied()
    groups = layerwise_lr(model, 1.0, 0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    assert [[names[id(p)] for p in group["params"]] for group in groups] == [
        ["scale", "embed.weight"],
        ["body.weight", "body.bias"],
        ["head.bias"],
    ]
    np.testing.assert_allclose([group["lr"] for group in groups], [0.01, 0.1, 1.0], rtol=1e-15)


def test_layerwise_rejects_bad_arguments():
    model = network()
    for decay in (0.0, -0.5, 1.5, np.nan):
        with pytest.raises(ValueError, match="decay must be"):
            layerwise_lr(model, 0.1, decay)
    with pytest.raises(ValueError, match="lr must be"):
        layerwise_lr(model, -0.1, 0.5)
    with pytest.raises(ValueError, match="model must have parameters"):
        layerwise_lr(torch.nn.ReLU(), 0.1, 0.5)


# ---------------------------------------------------------------- networks


def test_mlp_without_a_gain_is_torchs_own_start():
    torch.manual_seed(7)
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    before = torch.get_rng_state()
    ours = mlp([5, 4, 3], torch.nn.Tanh, seed=7)
    assert torch.equal(torch.get_rng_state(), before)
    assert [type(layer) for layer in ours] == [type(layer) for layer in theirs]
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
    assert not torch.equal(mlp([5, 4, 3], seed=8)[0].weight, ours[0].weight)


@pytest.mark.parametrize("gain", [1.0, 2**0.5])
def test_mlp_with_a_gain_draws_normal_weights_and_no_bias(gain):
    model = mlp([400, 300, 200], gain=gain)
    for layer, inputs in ((model[0], 400), (model[2], 300)):
        weights = layer.weight.detach().double().numpy()
        error = 1 / np.sqrt(2 * weights.size)  # of the standard deviation of normal numbers, relative
        assert abs(weights.std() / (gain / np.sqrt(inputs)) - 1) < 4 * error
        assert abs(np.mean(np.abs(weights) < weights.std()) - 0.6827) < 4 * 0.466 / np.sqrt(weights.size)
        assert not layer.bias.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"widths": [3]}, "at least two"), ({"widths": [3, 0]}, "widths"), ({"widths": [3, 2], "gain": 0.0}, "gain")],
)
def test_mlp_rejects_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        mlp(**arguments)


def test_convnet_is_its_layers_written_out():
    model, x = convnet([3, 4], [5], side=7, classes=2, seed=3), torch.randn(6, 49)
    kernels = [layer for layer in model if isinstance(layer, torch.nn.Conv2d)]
    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    assert [layer.weight.shape for layer in linear] == [(5, 4 * 2 * 2), (2, 5)]  # 7 → 4 → 2 places
    z = x.view(6, 1, 7, 7)
    for layer in kernels:
        padded = torch.nn.functional.pad(z, (1, 1, 1, 1))
        patches = padded.unfold(2, 3, 2).unfold(3, 3, 2)  # example, channel, row, column, and the place in the kernel
        z = torch.einsum("nirckl,oikl->norc", patches, layer.weight) + layer.bias[:, None, None]
        z = z * (z > 0)
    z = z.reshape(6, -1) @ linear[0].weight.T + linear[0].bias
    expected = (z * (z > 0)) @ linear[1].weight.T + linear[1].bias
    torch.testing.assert_close(model(x), expected)
    before = torch.get_rng_state()
    assert torch.equal(convnet([3, 4], [5], side=7, classes=2, seed=3)(x), model(x))
    assert not torch.equal(convnet([3, 4], [5], side=7, classes=2, seed=4)(x), model(x))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("arguments", [{"channels": []}, {"channels": [4, 0]}, {"side": 0}, {"hidden": [0]}])
def test_convnet_rejects_bad_arguments(arguments):
    with pytest.raises(ValueError, match=r"channels|side|widths"):
        convnet(**arguments)


def test_images_are_shifted_by_whole_pixels_all_ways_and_only_in_training():
    layer, side, k = RandomShift(2, side=9), 9, 2
    image = torch.zeros(side, side)
    image[3:6, 3:6] = torch.arange(1.0, 10).view(3, 3)
    torch.manual_seed(0)
    shifted = layer(image.view(1, -1).repeat(500, 1)).view(-1, side, side)
    moves = {(d, r): torch.roll(image, (d, r), (0, 1)) for d in range(-k, k + 1) for r in range(-k, k + 1)}
    found = [next(move for move, expected in moves.items() if torch.equal(one, expected)) for one in shifted]
    counts = [found.count(move) for move in moves]
    assert min(counts) > 5  # 20 are expected of each
    assert max(counts) < 40
    edge = torch.ones(1, side * side)
    assert {float(one) for one in layer(edge.repeat(200, 1)).sum(1)} == {
        float((side - d) * (side - r)) for d in range(k + 1) for r in range(k + 1)
    }  # what leaves the image is gone, and zeros come in
    assert torch.equal(layer.eval()(edge), edge)
    with pytest.raises(ValueError, match="pixels must be a positive integer"):
        RandomShift(0)


# ---------------------------------------------------------------- recipes


def test_climb_and_fall_begins_low_peaks_and_ends_at_zero():
    rates = climb_and_fall(2.0, steps=100, climb=0.25)(np.arange(101))
    np.testing.assert_allclose(rates[:25], 2.0 * np.arange(1, 26) / 25, rtol=1e-12)
    np.testing.assert_allclose(rates[25:], 2.0 * (1 - np.arange(76) / 75), rtol=1e-12)


def images(n: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.rand(n, 49, generator=generator), torch.randint(0, 3, (n,), generator=generator)


def small(seed: int = 1) -> torch.nn.Sequential:
    return convnet([4], side=7, classes=3, seed=seed)


def test_a_recipe_is_the_loop_written_by_hand():
    """Kernels, each as a row, and matrices by Muon, vectors by torch's SGD with Nesterov's momentum."""
    recipe = Recipe(
        lr=0.2,
        epochs=2.5,
        method=methods.Nesterov(0.9),
        matrices=methods.Muon(0.9),
        matrix_lr=0.05,
        batch_size=16,
        smoothing=0.2,
    )
    (x, y), ours, theirs = images(), small(), small()
    history = recipe.fit(ours, (x, y), test=(x, y), seed=7, device="cpu")
    steps = 8  # 2.5 epochs of three batches
    assert history.steps == steps
    vectors = [param for param in theirs.parameters() if param.ndim == 1]
    matrices = [param for param in theirs.parameters() if param.ndim > 1]
    sgd = torch.optim.SGD(vectors, lr=1.0, momentum=0.9, nesterov=True)
    velocity = [torch.zeros(len(param), param[0].numel()) for param in matrices]
    order, batches = torch.Generator().manual_seed(7), []
    for _ in range(3):
        batches += list(torch.randperm(40, generator=order).split(16))
    for t, batch in zip(range(steps), batches, strict=False):
        share = 1.0 if t == 0 else 1 - (t - 1) / (steps - 1)  # one step of warm-up, then the line
        targets = 0.8 * torch.nn.functional.one_hot(y[batch], 3) + 0.2 / 3
        value = -(targets * theirs(x[batch]).log_softmax(1)).sum(1).mean()
        assert abs(value.item() - history.loss[t]) < 1e-5
        theirs.zero_grad()
        value.backward()
        sgd.param_groups[0]["lr"] = 0.2 * share
        sgd.step()
        for param, v in zip(matrices, velocity, strict=True):
            g = param.grad.flatten(1)
            v.mul_(0.9).add_(g)
            step = methods.muon.orthogonalize(g + 0.9 * v) * max(1.0, g.shape[0] / g.shape[1]) ** 0.5
            param.data -= 0.05 * share * step.view(param.shape)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
    half = replace(recipe, bfloat16=True, smoothing=0.0).fit(small(), (x, y), device="cpu")
    whole = replace(recipe, smoothing=0.0).fit(small(), (x, y), device="cpu")
    np.testing.assert_allclose(half.loss, whole.loss, rtol=0.05)
    assert not np.array_equal(half.loss, whole.loss)


def test_a_method_that_averages_leaves_its_average():
    recipe, data = Recipe(lr=0.1, epochs=2.0, method=methods.EMA(methods.Nesterov(0.9), 0.5), batch_size=8), images()
    averaged = small()
    recipe.fit(averaged, data, seed=2, device="cpu")
    model = small()
    optimizer = Optimizer(model.parameters(), recipe.method, climb_and_fall(0.1, 10))
    fit(model, data, optimizer, steps=10, batch_size=8, seed=2, loss=cross_entropy, **QUIET)
    moving = [param.clone() for param in model.parameters()]
    optimizer.to_eval_params()
    for mine, average, moved in zip(averaged.parameters(), model.parameters(), moving, strict=True):
        assert torch.equal(mine, average)
        assert not torch.equal(mine, moved)


@pytest.mark.parametrize(
    "arguments", [{"epochs": 0.0}, {"smoothing": 1.0}, {"matrix_lr": 0.1}, {"matrices": methods.Muon()}]
)
def test_a_recipe_rejects_bad_arguments(arguments):
    with pytest.raises(ValueError, match="must be"):
        Recipe(**{"lr": 0.1, "epochs": 1.0, "method": methods.Adam()} | arguments)


# ---------------------------------------------------------------- many rates at once


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("method", [methods.Nesterov(0.9), methods.Adam(), methods.GradientDescent()])
def test_thirty_rates_at_once_are_thirty_runs(method, large, monkeypatch):
    """To rounding, at rates below the edge of stability, constant and falling ones."""
    monkeypatch.setattr(at_once, "LARGE", 0 if large else 2**40)
    rates = [*np.geomspace(1e-5, 3e-3, 29).tolist(), schedules.Cosine(1e-3, 50)]
    start, data = network(dropout=0.2), points()
    before = copy.deepcopy(start.state_dict())
    found = fit_rates(start, data, method, rates, steps=50, batch_size=16, seed=4, device="cpu")
    assert found.loss.shape == (50, 30)
    assert all(torch.equal(start.state_dict()[name], value) for name, value in before.items())
    for run, rate in enumerate(rates):
        model = network(dropout=0.2)
        alone = fit(model, data, method, rate, steps=50, batch_size=16, seed=4, **QUIET)
        np.testing.assert_allclose(found.loss[:, run], alone.loss, rtol=1e-11)
        for name, param in model.named_parameters():
            torch.testing.assert_close(found.params[name][run], param.detach(), rtol=1e-10, atol=1e-12)
    assert np.ptp(found.loss[-1]) > 1e-3  # they are not all one run


def test_many_rates_need_a_method_of_single_coordinates():
    with pytest.raises(ValueError, match="each coordinate by itself"):
        fit_rates(network(), points(), methods.LARS(), [0.1], steps=1)
    with pytest.raises(ValueError, match="steps must be"):
        fit_rates(network(), points(), methods.Adam(), [0.1], steps=0)


# ---------------------------------------------------------------- layer by layer


def test_layer_norms_are_those_of_backpropagation_by_hand():
    model = mlp([5, 4, 3], torch.nn.Tanh, gain=1.0, seed=1).double()
    x = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    target = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    found = layer_norms(model, lambda: (model(x) - target).square().sum())

    (w1, b1), (w2, b2) = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in (model[0], model[2])
    )
    z1 = x.numpy() @ w1.T + b1
    z2 = np.tanh(z1) @ w2.T + b2
    delta2 = 2 * (z2 - target.numpy())
    delta1 = delta2 @ w2 * (1 - np.tanh(z1) ** 2)
    grads = [(delta1.T @ x.numpy(), delta1.sum(0)), (delta2.T @ np.tanh(z1), delta2.sum(0))]
    assert found.names == ("0", "2")
    np.testing.assert_allclose(found.outputs, [np.sqrt(np.mean(z**2)) for z in (z1, z2)], rtol=1e-12)
    np.testing.assert_allclose(found.errors, [np.linalg.norm(delta) for delta in (delta1, delta2)], rtol=1e-12)
    np.testing.assert_allclose(found.gradients, [np.hypot(*map(np.linalg.norm, pair)) for pair in grads], rtol=1e-12)
    lengths = [np.hypot(np.linalg.norm(w), np.linalg.norm(b)) for w, b in ((w1, b1), (w2, b2))]
    np.testing.assert_allclose(found.weights, lengths, rtol=1e-12)
    assert all(param.grad is None for param in model.parameters())


def test_layer_norms_of_a_layer_that_is_called_again_are_over_its_calls():
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(2.0)
    model = torch.nn.Sequential(layer, layer)
    found = layer_norms(model, lambda: model(torch.tensor([[3.0]])).sum())  # w (w x): 12 w' at w = 2
    assert found.names == ("0",)
    np.testing.assert_allclose(found.outputs, np.sqrt((6.0**2 + 12.0**2) / 2))
    np.testing.assert_allclose(found.errors, np.hypot(2.0, 1.0))
    np.testing.assert_allclose(found.gradients, 12.0)


def test_layer_norms_leaves_no_hook_and_rejects_what_it_cannot_measure():
    model = mlp([3, 2])
    with pytest.raises(ValueError, match="must call a layer"):
        layer_norms(model, lambda: torch.zeros((), requires_grad=True))
    recurrent = torch.nn.LSTM(2, 2)
    with pytest.raises(ValueError, match="return a tensor, got tuple"):
        layer_norms(recurrent, lambda: recurrent(torch.zeros(1, 1, 2))[0].sum())
    assert not any(module._forward_hooks for module in (*model.modules(), *recurrent.modules()))


# ---------------------------------------------------------------- clipping


def test_clipping_is_that_of_torch_and_is_counted():
    ours, reference = network(), network()
    clip = clip_gradients(ours.parameters(), max_norm=1.5)
    assert len(clip.norms) == 0
    assert np.isnan(clip.share)
    lengths = []
    for size in (0.1, 1.0, 3.0, 10.0, 0.5):
        for model in (ours, reference):
            for i, param in enumerate(model.parameters()):
                param.grad = (
                    size * torch.arange(1.0, param.numel() + 1, dtype=param.dtype).reshape(param.shape) / 20 + i
                )
        lengths.append(np.sqrt(sum((p.grad**2).sum().item() for p in ours.parameters())))
        norm = clip()
        assert torch.equal(norm, torch.nn.utils.clip_grad_norm_(reference.parameters(), 1.5))
        for param, other in zip(ours.parameters(), reference.parameters(), strict=True):
            assert torch.equal(param.grad, other.grad)
    np.testing.assert_allclose(clip.norms, lengths, rtol=1e-14)
    longer = clip.norms[clip.norms > 1.5]
    assert 0 < len(longer) <= 5
    assert clip.share == len(longer) / 5
    assert clip.factor == pytest.approx(np.mean(1.5 / longer), rel=1e-14)
    assert f"{len(longer)} of 5 gradients shortened" in repr(clip)


@pytest.mark.parametrize("max_norm", [0.0, -1.0, np.nan, np.inf, None])
def test_clipping_rejects_bad_norms(max_norm):
    with pytest.raises(ValueError, match="max_norm must be"):
        clip_gradients(network().parameters(), max_norm)


# ---------------------------------------------------------------- fit


def by_hand(model, optimizer, epochs, batch_size=32, seed=0, data=None, shuffle=True, reduction="mean"):
    """The loop that `fit` stands for; losses, and the gradients' lengths."""
    x, y = data or points()
    order = torch.Generator().manual_seed(seed)
    losses, norms = [], []
    for _ in range(epochs):
        index = torch.randperm(len(x), generator=order) if shuffle else torch.arange(len(x))
        for batch in index.split(batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(model(x[batch]), y[batch], reduction=reduction)
            loss.backward()
            norms.append(torch.cat([p.grad.reshape(-1) for p in model.parameters()]).norm().item())
            optimizer.step()
            losses.append(loss.item())
    return losses, norms


QUIET: dict[str, Any] = {"device": "cpu", "progress": False}


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [32, 40, 1000])  # 96 examples: even, a smaller last batch, one batch
def test_fit_is_the_loop_written_by_hand(shuffle, batch_size):
    ours, reference = network(), network()
    data, tests = points(), points(50, seed=1)
    optimizer = torch.optim.SGD(reference.parameters(), 0.1, momentum=0.9)
    losses, norms = by_hand(reference, optimizer, 3, batch_size, seed=7, shuffle=shuffle)
    history = fit(
        ours,
        data,
        torch.optim.SGD(ours.parameters(), 0.1, momentum=0.9),
        epochs=3,
        batch_size=batch_size,
        shuffle=shuffle,
        test=tests,
        grad_norms=True,
        seed=7,
        **QUIET,
    )
    per_epoch = -(-96 // batch_size)
    np.testing.assert_array_equal(flat(ours), flat(reference))
    np.testing.assert_array_equal(history.loss, losses)
    np.testing.assert_allclose(history.grad_norm, norms, rtol=1e-13)
    np.testing.assert_array_equal(history.lr, np.full(3 * per_epoch, 0.1))
    np.testing.assert_array_equal(history.test_step, per_epoch * np.arange(1, 4))
    outputs = reference(tests[0])
    assert history.test_loss[-1] == pytest.approx(cross_entropy(outputs, tests[1]).item(), rel=1e-13)
    assert history.test_accuracy[-1] == (outputs.argmax(1) == tests[1]).double().mean().item()
    assert history.steps == 3 * per_epoch
    assert not history.diverged
    assert history.seconds > 0
    assert history.device == describe_device(torch.device("cpu"))


def test_fit_with_a_method_and_a_schedule_is_torch_with_its_scheduler():
    ours, reference = network(), network()
    optimizer = torch.optim.AdamW(reference.parameters(), 0.01)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=30, cycle_momentum=False)
    schedule, rate = schedules.OneCycle(0.05, 30), []
    optimizer.register_step_post_hook(lambda *_: (rate.append(optimizer.param_groups[0]["lr"]), scheduler.step()))
    losses, _ = by_hand(reference, optimizer, epochs=10)
    history = fit(ours, points(), methods.AdamW(), schedule, epochs=10, batch_size=32, **QUIET)
    np.testing.assert_allclose(history.lr, rate, rtol=0, atol=1e-12)
    np.testing.assert_allclose(history.loss, losses, rtol=0, atol=1e-12)
    np.testing.assert_allclose(flat(ours), flat(reference), rtol=0, atol=1e-12)


def test_fit_drives_a_torch_optimizer_by_a_schedule_asked_for_its_steps_alone():
    listed = np.linspace(0.1, 0.01, 12)
    ours, reference = network(), network()
    optimizer = torch.optim.SGD(ours.parameters(), 123.0)
    history = fit(ours, points(), optimizer, lambda t: listed[t], steps=12, batch_size=32, **QUIET)
    np.testing.assert_array_equal(history.lr, listed)
    fit(reference, points(), methods.GradientDescent(), lambda t: listed[t], steps=12, batch_size=32, **QUIET)
    np.testing.assert_allclose(flat(ours), flat(reference), rtol=0, atol=1e-12)


def test_fit_shows_the_rates_of_all_groups():
    model = network()
    groups = layerwise_lr(model, schedules.Linear(0.1, 8), 0.5)
    history = fit(model, points(), Optimizer(groups, methods.Adam(), 0.0), steps=8, **QUIET)
    np.testing.assert_allclose(history.lr, np.outer(0.1 * (1 - np.arange(8) / 8), [0.5, 1]), rtol=1e-14)


def test_the_sum_of_the_losses_is_the_mean_at_a_rate_times_the_batch_size():
    """Exactly, since 32 is a power of two: scaling by it rounds nothing."""
    summed, averaged = network(), network()
    method = methods.HeavyBall(0.9)
    with_sum = fit(summed, points(), method, 0.1 / 32, reduction="sum", epochs=5, batch_size=32, **QUIET)
    with_mean = fit(averaged, points(), method, 0.1, epochs=5, batch_size=32, **QUIET)
    np.testing.assert_array_equal(flat(summed), flat(averaged))
    np.testing.assert_array_equal(with_sum.loss, 32 * with_mean.loss)
    reference = network()
    by_hand(reference, torch.optim.SGD(reference.parameters(), 0.1 / 32, momentum=0.9), 5, reduction="sum")
    np.testing.assert_allclose(flat(summed), flat(reference), rtol=0, atol=1e-12)


def test_a_loss_that_reduces_itself_and_regression():
    x, y = points()
    kinds = {"mean": mse_loss, "sum": mse_loss, None: torch.nn.MSELoss()}
    target = torch.randn(96, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seen = {}
    for reduction, loss in kinds.items():
        model = network()
        rate = 0.1 / 96 if reduction == "sum" else 0.1 * 3
        seen[reduction] = fit(
            model,
            (x, target),
            methods.GradientDescent(),
            rate,
            steps=3,
            batch_size=96,
            loss=loss,
            reduction=reduction,
            test=(x, target),
            **QUIET,
        )
    np.testing.assert_allclose(seen["sum"].loss, 96 * 3 * seen["mean"].loss, rtol=1e-12)
    np.testing.assert_array_equal(seen[None].loss, seen["mean"].loss)
    np.testing.assert_allclose(seen["sum"].test_loss, seen["mean"].test_loss, rtol=1e-12)
    assert np.isnan(seen["mean"].test_accuracy).all()
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or None, got reduction='max'"):
        fit(network(), (x, y), methods.Adam(), 0.1, steps=1, reduction="max", **QUIET)


def test_the_last_batch_is_kept_or_dropped():
    kept = fit(network(), points(), methods.Adam(), 0.01, epochs=2, batch_size=40, **QUIET)
    dropped = fit(network(), points(), methods.Adam(), 0.01, epochs=2, batch_size=40, drop_last=True, **QUIET)
    assert (kept.steps, dropped.steps) == (6, 4)
    np.testing.assert_array_equal(kept.loss[:2], dropped.loss[:2])
    with pytest.raises(ValueError, match="batch_size must be at most 96"):
        fit(network(), points(), methods.Adam(), 0.01, epochs=2, batch_size=97, drop_last=True, **QUIET)


def test_steps_end_within_an_epoch_and_are_tested_there():
    whole, part = network(), network()
    a = fit(whole, points(), methods.Adam(), 0.01, epochs=2, batch_size=32, **QUIET)
    b = fit(part, points(), methods.Adam(), 0.01, steps=5, batch_size=32, test=points(), **QUIET)
    np.testing.assert_array_equal(b.loss, a.loss[:5])
    np.testing.assert_array_equal(b.test_step, [3, 5])


def test_a_seed_is_a_run_and_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()

    def losses(seed):
        return fit(
            network(dropout=0.5), points(), methods.Adam(), 0.05, epochs=3, batch_size=32, seed=seed, **QUIET
        ).loss

    first, again, other = losses(0), losses(0), losses(1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_clipping_in_fit():
    ours, reference = network(), network()
    history = fit(ours, points(), methods.GradientDescent(), 0.5, epochs=4, batch_size=32, max_norm=0.3, **QUIET)
    optimizer = torch.optim.SGD(reference.parameters(), 0.5)
    clipped = []
    optimizer.register_step_pre_hook(
        lambda *_: clipped.append(torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.3).item())
    )
    by_hand(reference, optimizer, 4)
    np.testing.assert_allclose(flat(ours), flat(reference), rtol=0, atol=1e-12)
    np.testing.assert_allclose(history.grad_norm, clipped, rtol=1e-12)
    assert (history.grad_norm > 0.3).any()


def test_divergence_is_recorded():
    x = points(dtype=torch.float32)[0]
    data = x, x[:, :3]
    history = fit(
        torch.nn.Linear(5, 3), data, methods.GradientDescent(), 1e6, epochs=4, loss=mse_loss, test=data, **QUIET
    )
    assert history.diverged
    assert 0 < history.diverged_at < history.steps == 8
    assert np.isfinite(history.loss[: history.diverged_at]).all()
    assert np.isnan(history.test_loss[-1])
    assert f"diverged at step {history.diverged_at}" in repr(history)


def test_a_callback_sees_every_step_and_ends_the_run():
    seen = []

    def callback(step, loss):
        seen.append((step, loss.item()))
        return step == 4

    history = fit(network(), points(), methods.Adam(), 0.01, epochs=9, callback=callback, test=points(), **QUIET)
    assert [step for step, _ in seen] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal([loss for _, loss in seen], history.loss)
    assert history.test_step[-1] == 5


@pytest.mark.parametrize("method", AVERAGES, ids=repr)
def test_fit_tests_and_leaves_the_point_that_the_method_is_judged_by(method):
    x, y = points()
    model, other = network(), network()
    history = fit(model, (x, y), method, 0.05, epochs=2, test=(x, y), **QUIET)
    assert history.test_loss[-1] == pytest.approx(cross_entropy(model(x), y).item(), rel=1e-13)
    optimizer = Optimizer(other.parameters(), method, 0.05)
    again = fit(other, (x, y), optimizer, epochs=2, test=(x, y), **QUIET)
    np.testing.assert_array_equal(again.test_loss, history.test_loss)
    assert not np.array_equal(flat(other), flat(model))
    with optimizer.eval_params():
        np.testing.assert_array_equal(flat(other), flat(model))


def test_modes_of_layers():
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.seen = []

        def forward(self, x):
            self.seen.append((self.training, torch.is_grad_enabled()))
            return x

    free, frozen = Layer(), Layer()
    model = torch.nn.Sequential(free, frozen, network())
    frozen.eval()
    fit(model, points(), methods.Adam(), 0.01, epochs=2, batch_size=96, test=points(), **QUIET)
    assert free.seen == [(True, True), (False, False)] * 2
    assert frozen.seen == [(False, True), (False, False)] * 2
    assert model.training
    assert not frozen.training
    fit(model.eval(), points(), methods.Adam(), 0.01, steps=1, **QUIET)
    assert free.seen[-1] == (True, True)


def test_bfloat16_is_for_training_alone():
    seen = []
    model = network(torch.float32)
    model[3].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    data = points(dtype=torch.float32)
    history = fit(model, data, methods.Adam(), 0.01, epochs=1, batch_size=96, test=data, bfloat16=True, **QUIET)
    assert seen == [torch.bfloat16, torch.float32]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    exact = fit(network(torch.float32), data, methods.Adam(), 0.01, epochs=1, batch_size=96, **QUIET)
    np.testing.assert_allclose(history.loss, exact.loss, rtol=2.0**-6)  # 8 bits of precision, a few roundings


def test_arrays_are_data_too_and_may_be_read_only():
    x, y = (part.numpy().copy() for part in points())
    x.flags.writeable = y.flags.writeable = False
    ours, reference = network(), network()
    a = fit(ours, (x, y), methods.Adam(), 0.01, epochs=1, **QUIET)
    b = fit(reference, points(), methods.Adam(), 0.01, epochs=1, **QUIET)
    np.testing.assert_array_equal(a.loss, b.loss)


def test_the_bar_is_drawn_by_tqdm(capsys, monkeypatch):
    fit(network(), points(), methods.Adam(), 0.01, steps=3, device="cpu")
    assert "3" in capsys.readouterr().err
    fit(network(), points(), methods.Adam(), 0.01, steps=3, **QUIET)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ModuleNotFoundError, match="progress=False"):
        fit(network(), points(), methods.Adam(), 0.01, steps=3, device="cpu")
    fit(network(), points(), methods.Adam(), 0.01, steps=3, **QUIET)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"epochs": None}, "epochs or steps must be given"),
        ({"steps": 3}, "epochs or steps must be given"),
        ({"epochs": 0}, "epochs must be a positive integer, got epochs=0"),
        ({"epochs": None, "steps": 2.5}, r"steps must be a positive integer, got steps=2\.5"),
        ({"batch_size": 0}, "batch_size must be a positive integer, got batch_size=0"),
        ({"lr": None}, "lr must be a number or a schedule for a method, got lr=None"),
        ({"lr": -1.0}, r"lr must be .*, got .*-1\.0"),
        ({"seed": -1}, "seed must be an integer >= 0, got seed=-1"),
        ({"max_norm": 0.0}, "max_norm must be"),
        ({"train": points()[0]}, "train must be a pair of inputs and targets, got Tensor"),
        (
            {"train": (points()[0], points()[1][:-1])},
            r"train must hold as many inputs as targets.*\(96, 5\) and \(95,\)",
        ),
        ({"test": (points()[0][:0], points()[1][:0])}, "test must hold .* at least one"),
        ({"device": "nowhere"}, "device must be one that this machine has, got device='nowhere'"),
        ({"device": "meta:x"}, "device must be one that this machine has"),
        ({"optimizer": "adam"}, "optimizer must be a Method or a torch"),
    ],
)
def test_fit_rejects_bad_arguments(change, problem):
    arguments: dict[str, Any] = {"train": points(), "optimizer": methods.Adam(), "lr": 0.1, "epochs": 1, **QUIET}
    with pytest.raises(ValueError, match=problem):
        fit(network(), **arguments | change)


# ---------------------------------------------------------------- range test


def test_the_range_test_is_the_loop_and_leaves_everything_as_it_was():
    x, y = points(dtype=torch.float32)
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(5), network(torch.float32, dropout=0.3)).eval()
    cross_entropy(model(x), y).backward()
    before, grads = copy.deepcopy(model), [param.grad.clone() for param in model.parameters()]
    torch.manual_seed(3)
    generator = torch.get_rng_state()
    found = range_test(model, (x, y), methods.HeavyBall(0.9), 1e-5, 1e4, 60, batch_size=32, seed=4, device="cpu")

    assert torch.equal(torch.get_rng_state(), generator)
    assert not model.training
    for name, value in before.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    for param, grad in zip(model.parameters(), grads, strict=True):
        assert torch.equal(param.grad, grad)

    tried = before.train()
    optimizer = torch.optim.SGD(tried.parameters(), 1.0, momentum=0.9)
    torch.manual_seed(4)
    order = torch.Generator().manual_seed(4)
    batches = iter([batch for _ in range(20) for batch in torch.randperm(96, generator=order).split(32)])

    def step(lr):
        batch = next(batches)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss = cross_entropy(tried(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        return loss.item()

    expected = search.range_test(step, 1e-5, 1e4, 60)
    np.testing.assert_allclose(found.lr, expected.lr, rtol=0)
    stable = slice(0, found.diverged_at - 10)  # where it diverges, so do roundings
    np.testing.assert_allclose(found.loss[stable], expected.loss[stable], rtol=1e-4)
    assert found.diverged_at == expected.diverged_at
    assert found.suggestion == expected.suggestion
    assert 1e-4 < found.suggestion < 10


def test_the_range_test_rejects_bad_arguments():
    for change, problem in (
        ({"lr_min": 0.0}, "lr_min must be"),
        ({"lr_min": 2.0, "lr_max": 1.0}, "lr_min <= lr_max"),
        ({"steps": 1}, "steps must be"),
        ({"batch_size": -1}, "batch_size must be"),
        ({"optimizer": torch.optim.SGD}, "optimizer must be a Method"),
        ({"train": 3}, "train must be a pair"),
    ):
        with pytest.raises(ValueError, match=problem):
            range_test(network(), **{"train": points(), "optimizer": methods.Adam(), "device": "cpu", **change})


# ---------------------------------------------------------------- TensorBoard, devices, imports


def test_tensorboard_gets_every_curve(tmp_path):
    model = network()
    groups = layerwise_lr(model, schedules.Linear(0.1, 6), 0.5)
    history = fit(
        model, points(), Optimizer(groups, methods.Adam(), 0.0), steps=6, test=points(), max_norm=1.0, **QUIET
    )
    log_to_tensorboard(history, tmp_path / "several")
    one = fit(network(), points(), methods.Adam(), 0.1, steps=6, **QUIET)
    log_to_tensorboard(one, tmp_path / "one")

    def curves(folder):
        events = EventAccumulator(str(folder)).Reload()
        tags = events.Tags()["scalars"]
        return {tag: np.array([(e.step, e.value) for e in events.Scalars(tag)]) for tag in tags}

    found = curves(tmp_path / "several")
    expected = {
        "loss": history.loss,
        "lr/0": history.lr[:, 0],
        "lr/1": history.lr[:, 1],
        "grad_norm": history.grad_norm,
        "test_loss": history.test_loss,
        "test_accuracy": history.test_accuracy,
    }
    assert found.keys() == expected.keys()
    for tag, values in expected.items():
        steps = history.test_step if tag.startswith("test") else np.arange(6)
        np.testing.assert_array_equal(found[tag][:, 0], steps)
        np.testing.assert_allclose(found[tag][:, 1], values, rtol=1e-6)  # event files hold float32
    assert curves(tmp_path / "one").keys() == {"loss", "lr"}


def test_without_tensorboard_the_error_says_what_to_install(tmp_path, monkeypatch):
    history = fit(network(), points(), methods.Adam(), 0.1, steps=2, **QUIET)
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="log_to_tensorboard needs tensorboard: pip install tensorboard"):
        log_to_tensorboard(history, tmp_path)


def test_the_device_is_chosen_or_named():
    chosen = device()
    assert chosen.type == (
        "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    )
    assert device("cpu") == torch.device("cpu")
    text = describe_device(torch.device("cpu"))
    assert "1 thread," in text
    assert torch.__version__ in text


def test_lrlab_alone_does_not_import_torch():
    code = "import sys, lrlab, lrlab.search; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
