"""The small transformer against torch's own layers; LoRA and unfreezing against their definitions."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from lrlab.optimizers import Adam, AdamW, GradientDescent
from lrlab.pytorch import (
    Classifier,
    GradualUnfreezing,
    LoRA,
    Optimizer,
    Transformer,
    add_lora,
    evaluate,
    fit,
    layerwise_lr,
    merge_lora,
)
from lrlab.pytorch.transformer import Attention, Block


def seeded(make, seed: int = 0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def model(seed: int = 0) -> Transformer:
    return seeded(lambda: Transformer(vocabulary=11, context=7, width=12, heads=3, layers=2), seed)


def tokens(n: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, 11, (n, 7), generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------- the transformer


def test_attention_is_that_of_torch():
    ours = seeded(lambda: Attention(12, 3)).double()
    x = seeded(lambda: torch.randn(4, 7, 12, dtype=torch.float64))
    theirs = nn.MultiheadAttention(12, 3, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight)
        theirs.in_proj_bias.copy_(ours.qkv.bias)
        theirs.out_proj.weight.copy_(ours.out.weight)
        theirs.out_proj.bias.copy_(ours.out.bias)
    future = torch.ones(7, 7, dtype=torch.bool).triu(1)
    torch.testing.assert_close(ours(x), theirs(x, x, x, attn_mask=future)[0], rtol=0, atol=1e-12)
    q, k, v = ours.qkv(x).view(4, 7, 3, 3, 4).permute(2, 0, 3, 1, 4)
    fused = scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(4, 7, 12)
    torch.testing.assert_close(ours(x), ours.out(fused), rtol=0, atol=1e-12)


def test_a_block_is_the_encoder_layer_of_torch():
    ours = seeded(lambda: Block(12, 3)).double()
    theirs = nn.TransformerEncoderLayer(
        12,
        3,
        dim_feedforward=48,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
        dtype=torch.float64,
    )
    pairs = [
        (theirs.self_attn.in_proj_weight, ours.attention.qkv.weight),
        (theirs.self_attn.in_proj_bias, ours.attention.qkv.bias),
        (theirs.self_attn.out_proj.weight, ours.attention.out.weight),
        (theirs.self_attn.out_proj.bias, ours.attention.out.bias),
        (theirs.linear1.weight, ours.mlp[0].weight),
        (theirs.linear1.bias, ours.mlp[0].bias),
        (theirs.linear2.weight, ours.mlp[2].weight),
        (theirs.linear2.bias, ours.mlp[2].bias),
    ]
    with torch.no_grad():
        for norm in (ours.norm1, ours.norm2):
            norm.weight.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(1))
        for to, of in (*pairs, (theirs.norm1.weight, ours.norm1.weight), (theirs.norm2.weight, ours.norm2.weight)):
            to.copy_(of)
    x = seeded(lambda: torch.randn(4, 7, 12, dtype=torch.float64))
    future = torch.ones(7, 7, dtype=torch.bool).triu(1)
    torch.testing.assert_close(ours(x), theirs(x, src_mask=future), rtol=0, atol=1e-12)


def test_no_place_sees_the_future():
    network, text = model(), tokens()
    changed = text.clone()
    changed[:, 4] = 0
    before, after = network(text), network(changed)
    assert before.shape == (6, 11, 7)
    torch.testing.assert_close(before[:, :, :4], after[:, :, :4], rtol=0, atol=0)
    assert (before[:, :, 4:] != after[:, :, 4:]).any(1).all()


def test_it_learns_a_text_by_heart():
    """A cycle of the eleven tokens: after enough steps each is predicted from the one before."""
    network = model()
    cycle = torch.arange(66).remainder(11).view(-1, 6)
    history = fit(network, (cycle[:-1], cycle[:-1].add(1).remainder(11)), Adam(), 0.01, steps=150, progress=False)
    assert history.loss[0] == pytest.approx(math.log(11), rel=0.15)  # at first it knows nothing
    assert evaluate(network, (cycle, cycle.add(1).remainder(11)))[1] == 1.0


def test_the_classifier_takes_the_mean_over_the_text_alone():
    network = Classifier(model(), classes=4)
    text = tokens()
    padded = text.clone()
    padded[:, 5:] = 0
    features = network.body.features(text[:, :5]).mean(1)  # the future does not count, so the rest can be cut off
    torch.testing.assert_close(network(padded), network.head(features), rtol=1e-5, atol=1e-6)


def test_the_layers_of_a_classifier_hold_all_that_it_uses_once():
    network = Classifier(model(), classes=4)
    groups = layerwise_lr(network.layers(), 1.0, 0.5)
    assert [group["lr"] for group in groups] == [0.125, 0.25, 0.5, 1.0]
    found = [id(param) for group in groups for param in group["params"]]
    used = {id(p) for p in network.parameters()} - {id(p) for p in network.body.scores.parameters()}
    assert len(found) == len(set(found))
    assert set(found) == used


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"heads": 5}, "heads must divide width=12, got heads=5"),
        ({"layers": 0}, "layers must be a positive integer"),
        ({"vocabulary": 1.5}, "vocabulary must be a positive integer"),
    ],
)
def test_a_transformer_that_cannot_be_is_refused(change, problem):
    with pytest.raises(ValueError, match=problem):
        Transformer(**{"vocabulary": 11, "context": 7, "width": 12, "heads": 3, "layers": 2, **change})


# ---------------------------------------------------------------- LoRA


def trained_lora(alpha: float | None = None) -> tuple[Transformer, Transformer]:
    """A model with LoRA after some steps, and the one that it came from."""
    base = model()
    adapted = copy.deepcopy(base)
    seeded(lambda: add_lora(adapted, rank=2, alpha=alpha))
    fit(adapted, (tokens(), tokens(seed=1)), Adam(), 0.05, steps=20, progress=False)
    return adapted, base


def test_at_the_start_it_is_the_base():
    adapted = model()
    seeded(lambda: add_lora(adapted, rank=2))
    assert torch.equal(adapted(tokens()), model()(tokens()))


@pytest.mark.parametrize("alpha", [None, 1.0, 8.0])
def test_merged_it_is_what_it_was(alpha):
    adapted, base = trained_lora(alpha)
    before = adapted(tokens())
    assert (before - base(tokens())).abs().max() > 0.1  # it learned something
    merge_lora(adapted)
    assert not any(isinstance(layer, LoRA) for layer in adapted.modules())
    assert [name for name, _ in adapted.named_parameters()] == [name for name, _ in base.named_parameters()]
    torch.testing.assert_close(adapted(tokens()), before, rtol=0, atol=2e-5)


def test_only_the_small_matrices_move_and_their_product_has_their_rank():
    adapted, base = trained_lora(alpha=6.0)
    for name, param in base.named_parameters():
        now = dict(adapted.named_parameters())
        other = name if name in now else name.replace(".weight", ".linear.weight").replace(".bias", ".linear.bias")
        assert torch.equal(now[other], param)
        assert not now[other].requires_grad
    layers = [layer for layer in adapted.modules() if isinstance(layer, LoRA)]
    assert len(layers) == 2 * 4 + 1
    for layer in layers:
        x = torch.eye(layer.linear.in_features)
        change = (layer(x) - layer.linear(x)).T
        torch.testing.assert_close(change, 3.0 * layer.B @ layer.A, rtol=0, atol=1e-5)
        assert torch.linalg.matrix_rank(change.double(), rtol=1e-4) == 2


def test_the_gradients_are_those_of_the_product():
    r"""∂L/∂B = (α/r) G Aᵀ and ∂L/∂A = (α/r) Bᵀ G, with G the gradient of the matrix itself."""
    linear = seeded(lambda: nn.Linear(5, 4)).double()
    layer = seeded(lambda: LoRA(copy.deepcopy(linear), rank=2, alpha=6.0))
    with torch.no_grad():
        layer.B.normal_(generator=torch.Generator().manual_seed(1))
    x = seeded(lambda: torch.randn(8, 5, dtype=torch.float64))
    layer(x).square().sum().backward()
    whole = (linear.weight + 3.0 * layer.B @ layer.A).detach().requires_grad_()
    (x @ whole.T + linear.bias.detach()).square().sum().backward()
    torch.testing.assert_close(layer.B.grad, 3.0 * whole.grad @ layer.A.T)
    torch.testing.assert_close(layer.A.grad, 3.0 * layer.B.T @ whole.grad)


def test_a_half_precision_model_keeps_its_type():
    adapted = model().bfloat16()
    add_lora(adapted, rank=1)
    assert {param.dtype for param in adapted.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: LoRA(nn.Linear(5, 3), rank=4), "rank must be at most 3, the matrix's, got rank=4"),
        (lambda: LoRA(nn.Linear(5, 3), rank=0), "rank must be a positive integer"),
        (lambda: LoRA(nn.Linear(5, 3), rank=1, alpha=0.0), "alpha must be a finite number > 0"),
        (lambda: add_lora(nn.Linear(5, 3), rank=1), "model must have linear layers inside.*got Linear"),
        (lambda: add_lora(trained_lora()[0], rank=1), "no LoRA yet"),
    ],
)
def test_lora_rejects_what_it_cannot_do(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()


def test_a_rejected_model_is_as_it_was():
    network = nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 1))
    with pytest.raises(ValueError, match="rank must be at most 1"):
        add_lora(network, rank=2)
    assert [type(layer) for layer in network] == [nn.Linear, nn.Linear]
    assert all(param.requires_grad for param in network.parameters())


# ---------------------------------------------------------------- gradual unfreezing


def test_layers_join_from_the_last_to_the_first():
    network = seeded(lambda: nn.Sequential(*(nn.Linear(3, 3) for _ in range(4))))
    start = [layer.weight.clone() for layer in network]
    free = []

    def watch(step, loss):
        unfreeze(step, loss)
        free.append([not torch.equal(layer.weight, first) for layer, first in zip(network, start, strict=True)])

    unfreeze = GradualUnfreezing(list(network), every=2)
    data = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    fit(network, data, GradientDescent(), 0.1, steps=9, progress=False, callback=watch)
    moved = [sum(row) for row in free]
    assert moved == [1, 1, 2, 2, 3, 3, 4, 4, 4]
    assert all(row == sorted(row) for row in free)  # the last ones first


@pytest.mark.parametrize("method", [GradientDescent(), AdamW()])
def test_training_with_it_is_training_the_free_layers_by_hand(method):
    """Two steps of the head alone, then steps of all, with the state that the head has by then."""
    data = tokens(), torch.arange(6) % 4
    ours, hand = (Classifier(model(), classes=4) for _ in range(2))
    hand.load_state_dict(ours.state_dict())
    callback = GradualUnfreezing([ours.body, ours.head], every=2)
    fit(ours, data, method, 0.02, steps=5, shuffle=False, progress=False, callback=callback)
    heads, bodies = (Optimizer(part.parameters(), method, 0.02) for part in (hand.head, hand.body))
    for t in range(5):
        hand.zero_grad()
        cross_entropy(hand(data[0]), data[1]).backward()
        heads.step()
        if t >= 2:
            bodies.step()
    for a, b in zip(ours.parameters(), hand.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_unfreezing_rejects_nothing_to_do():
    with pytest.raises(ValueError, match="layers must hold at least one"):
        GradualUnfreezing([], every=1)
    with pytest.raises(ValueError, match="every must be a positive integer"):
        GradualUnfreezing([nn.Linear(1, 1)], every=0)


# ---------------------------------------------------------------- evaluate


def test_evaluate_is_the_mean_over_all_in_evaluation_mode():
    network = seeded(lambda: nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 4)))
    x = torch.randn(2500, 3, generator=torch.Generator().manual_seed(0))
    y = torch.arange(2500) % 4
    loss, accuracy = evaluate(network, (x.numpy(), y.numpy()), device="cpu")
    with torch.no_grad():
        outputs = network[2](network[0](x))
    assert loss == pytest.approx(cross_entropy(outputs, y).item(), rel=1e-5)
    assert accuracy == pytest.approx(np.mean((outputs.argmax(1) == y).numpy()))
    assert network.training
    assert network[1].training
