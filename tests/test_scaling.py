"""The noise scale, µP and private gradients against other formulas, other code and their defining properties."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lrlab.optimizers import Adam
from lrlab.pytorch import Optimizer, fit, mlp, mup, noise_scale, private_gradient
from lrlab.schedules import Linear


def task(n: int = 512, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(n, 8, generator=draw, dtype=torch.float64).to(dtype)
    return x, (x @ torch.randn(8, 4, generator=draw, dtype=torch.float64).to(dtype)).argmax(1)


# ---------------------------------------------------------------- the noise scale


def gradient(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    grads = torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))
    return torch.cat([grad.reshape(-1) for grad in grads]).numpy()


def test_it_is_the_formula_of_the_paper_for_two_batch_sizes():
    """McCandlish et al., appendix A.1, from the lengths of small and large gradients alone."""
    model, (x, y) = mlp([8, 6, 4]).double(), task(dtype=torch.float64)
    small, n = 16, 20
    order = torch.randperm(512, generator=torch.Generator().manual_seed(3))
    batches = [order[small * k : small * (k + 1)] for k in range(n)]
    lengths = [np.sum(gradient(model, x[rows], y[rows]) ** 2) for rows in batches]
    rows = torch.cat(batches)
    large, length = small * n, np.sum(gradient(model, x[rows], y[rows]) ** 2)
    signal = (large * length - small * np.mean(lengths)) / (large - small)
    noise = (np.mean(lengths) - length) / (1 / small - 1 / large)
    found = noise_scale(model, (x, y), batch_size=small, batches=n, seed=3)
    assert found.signal == pytest.approx(signal, rel=1e-9)
    assert found.noise == pytest.approx(noise, rel=1e-9)
    assert found.batch_size == pytest.approx(noise / signal, rel=1e-9)


def test_with_batches_of_one_it_is_the_covariance_of_the_examples():
    model, (x, y) = mlp([8, 6, 4]).double(), task(dtype=torch.float64)
    each = np.array([gradient(model, x[i : i + 1], y[i : i + 1]) for i in range(512)])
    found = noise_scale(model, (x, y), batch_size=1, batches=512)
    covariance = np.cov(each, rowvar=False)
    assert found.noise == pytest.approx(np.trace(covariance), rel=1e-9)
    assert found.signal == pytest.approx(np.sum(each.mean(0) ** 2) - np.trace(covariance) / 512, rel=1e-9)


def test_noise_without_a_signal_has_no_finite_scale():
    """The gradient of this loss is −x, whose mean over the drawn examples is zero."""
    model = torch.nn.Linear(1, 1, bias=False)
    x = torch.tensor([[1.0], [-1.0]]).repeat(16, 1)
    found = noise_scale(
        model,
        (torch.ones(32, 1), x),
        batch_size=1,
        batches=32,
        loss=lambda outputs, x, reduction: -(outputs * x).mean(),
    )
    assert found.signal == pytest.approx(-1 / 31, rel=1e-5)  # no bias, and so it may be negative
    assert found.batch_size == math.inf


def test_the_model_is_left_as_it_was():
    model = mlp([8, 6, 4])
    before = [param.clone() for param in model.parameters()]
    noise_scale(model, task(), batches=8)
    assert all(param.grad is None for param in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("batches", [1, 17])
def test_too_few_batches_or_examples_are_refused(batches):
    with pytest.raises(ValueError, match=rf"at least 2 and at most 16, for 512 .* batches={batches}"):
        noise_scale(mlp([8, 4]), task(), batches=batches)


# ---------------------------------------------------------------- µP


def wide(width: int, seed: int = 0) -> torch.nn.Sequential:
    return mlp([8, width, width, 4], gain=2**0.5, seed=seed)


def test_at_the_width_of_the_base_nothing_changes():
    model, untouched = wide(64), wide(64)
    groups = mup(model, wide(64), 0.02)
    assert [group["lr"] for group in groups] == [0.02] * 6
    assert [group["params"][0] for group in groups] == list(model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), untouched.parameters(), strict=True))


def test_rates_and_last_weights_are_those_of_the_table():
    """Yang et al. 2021, table 3, for Adam: rates 1, 1/n, 1/n; variances 1/n₀, 1/n, 1/n²."""
    model, usual = wide(512), wide(512)
    rates = [group["lr"] for group in mup(model, wide(64), 0.02)]
    assert rates == pytest.approx([0.02, 0.02, 0.02 / 8, 0.02, 0.02 / 8, 0.02])
    for index, factor in ((0, 1.0), (2, 1.0), (4, 8**-0.5)):
        torch.testing.assert_close(model[index].weight, factor * usual[index].weight)
    assert model[4].weight.var().item() == pytest.approx(2 / 512**2 * 64, rel=0.1)


def test_a_schedule_is_scaled():
    groups = mup(wide(256), wide(64), Linear(0.02, 10))
    assert [group["lr"](5) for group in groups] == pytest.approx([0.01, 0.01, 0.0025, 0.01, 0.0025, 0.01])


def moved(width: int, by_mup: bool) -> float:
    """How far the outputs move in three steps of Adam, averaged over four networks."""
    x, y = task(128)
    found = []
    for seed in range(4):
        model = wide(width, seed)
        groups = mup(model, wide(64), 0.01) if by_mup else model.parameters()
        with torch.no_grad():
            before = model(x)
        fit(model, (x, y), Optimizer(groups, Adam(), 0.01), steps=3, batch_size=128, progress=False, device="cpu")
        with torch.no_grad():
            found.append((model(x) - before).square().mean().sqrt().item())
    return float(np.mean(found))


def test_outputs_move_as_far_in_a_wide_network_as_in_a_narrow_one():
    """The property that µP is named for; with one rate for all they move farther, the wider the network."""
    narrow = moved(64, by_mup=True)
    assert moved(1024, by_mup=True) == pytest.approx(narrow, rel=0.35)
    assert moved(64, by_mup=False) == narrow
    assert moved(1024, by_mup=False) > 4 * narrow


def test_another_network_is_refused():
    for base in (mlp([8, 64, 4]), torch.nn.Sequential(torch.nn.Linear(8, 64))):
        with pytest.raises(ValueError, match="base must be the same network but for its widths"):
            mup(wide(128), base, 0.01)
    with pytest.raises(ValueError, match="lr"):
        mup(wide(128), wide(64), -1.0)


# ---------------------------------------------------------------- clipped and noised gradients


def length_of(model: torch.nn.Module) -> float:
    return torch.nn.utils.get_total_norm([param.grad for param in model.parameters()]).item()


def test_without_clipping_and_noise_it_is_the_gradient_of_the_mean():
    model, (x, y) = mlp([8, 6, 4]).double(), task(64, torch.float64)
    private_gradient(model, (x, y), max_norm=1e6, noise=0.0, generator=torch.Generator())
    found = torch.cat([param.grad.reshape(-1) for param in model.parameters()]).numpy()
    np.testing.assert_allclose(found, gradient(model, x, y), rtol=0, atol=1e-14)


def test_each_example_is_clipped_by_itself():
    model, (x, y) = mlp([8, 6, 4]).double(), task(64, torch.float64)
    each = np.array([gradient(model, x[i : i + 1], y[i : i + 1]) for i in range(64)])
    lengths = np.linalg.norm(each, axis=1)
    limit = float(np.median(lengths))
    expected = (each * np.minimum(1, limit / lengths)[:, None]).mean(0)
    seen = private_gradient(model, (x, y), max_norm=limit, noise=0.0, generator=torch.Generator())
    np.testing.assert_allclose(seen.numpy(), lengths, rtol=1e-12)
    found = torch.cat([param.grad.reshape(-1) for param in model.parameters()]).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_the_noise_has_its_size_and_comes_from_the_generator():
    """σC/B for each coordinate, whatever the gradient; here 2 · 0.5 / 64, over 8,068 coordinates."""
    model, (x, y) = mlp([8, 500, 4]).double(), task(64, torch.float64)

    def drawn(noise, seed):
        generator = torch.Generator().manual_seed(seed)
        private_gradient(model, (x, y), max_norm=0.5, noise=noise, generator=generator)
        return torch.cat([param.grad.reshape(-1) for param in model.parameters()])

    clean = drawn(0.0, seed=1)
    added = drawn(2.0, seed=1) - clean
    assert added.std().item() == pytest.approx(2 * 0.5 / 64, rel=0.05)
    assert abs(added.mean().item()) < 4 * 2 * 0.5 / 64 / math.sqrt(len(added))
    assert torch.equal(drawn(2.0, seed=1), drawn(2.0, seed=1))
    assert not torch.equal(drawn(2.0, seed=1), drawn(2.0, seed=2))


def test_no_example_moves_the_sum_by_more_than_the_limit():
    model, (x, y) = mlp([8, 6, 4]).double(), task(64, torch.float64)
    x[0] *= 1e6
    private_gradient(model, (x[:1], y[:1]), max_norm=0.3, noise=0.0, generator=torch.Generator())
    assert length_of(model) == pytest.approx(0.3)


@pytest.mark.parametrize("change", [{"max_norm": 0.0}, {"noise": -1.0}])
def test_a_private_gradient_rejects_bad_numbers(change):
    settings = {"max_norm": 1.0, "noise": 0.0, "generator": torch.Generator(), **change}
    with pytest.raises(ValueError, match=next(iter(change))):
        private_gradient(mlp([8, 4]), task(8), **settings)
