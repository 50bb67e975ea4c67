"""Low-rank adaptation: train a small correction to each matrix, and leave the matrix alone."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from lrlab import _checks as check

Layer = TypeVar("Layer", bound=nn.Module)


class LoRA(nn.Module):
    r"""A linear layer that is frozen, plus a trained matrix of low rank :cite:p:`hu2022lora`.

    .. math:: y = W x + b + \frac{\alpha}{r} B A x

    Parameters
    ----------
    linear : torch.nn.Linear
        :math:`W` of shape (m, n), and :math:`b`. They require no gradient any more.
    rank : int
        :math:`r`, at most the smaller of m and n. :math:`A` has shape (r, n), :math:`B` (m, r).
    alpha : float > 0, optional
        :math:`\alpha`; the rank if not given, which makes the factor 1.

    Notes
    -----
    :math:`A` is drawn as ``torch.nn.Linear`` draws its weights, :math:`B` begins at zero. So the layer begins as the
    linear one, and the first gradient of :math:`A` is zero.

    Raises
    ------
    ValueError
        If ``rank`` or ``alpha`` is out of its range.

    Examples
    --------
    >>> linear = torch.nn.Linear(6, 4)
    >>> layer, x = LoRA(linear, rank=2), torch.ones(1, 6)
    >>> torch.equal(layer(x), linear(x)), [tuple(p.shape) for p in layer.parameters() if p.requires_grad]
    (True, [(2, 6), (4, 2)])
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float | None = None) -> None:
        super().__init__()
        self.factor = _factor(linear, rank, alpha)
        self.linear = linear.requires_grad_(False)
        weight = linear.weight
        self.A = nn.Linear(linear.in_features, rank, bias=False, device=weight.device, dtype=weight.dtype).weight
        self.B = nn.Parameter(weight.new_zeros(linear.out_features, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        base: torch.Tensor = self.linear(x)
        return base + self.factor * (x @ self.A.T @ self.B.T)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        r"""The linear layer with :math:`W + \frac{\alpha}{r} B A` in place of :math:`W`: as fast as before."""
        self.linear.weight += self.factor * self.B @ self.A
        return self.linear.requires_grad_(True)


def add_lora(model: nn.Module, rank: int, alpha: float | None = None) -> None:
    """Freeze a model, and give every ``torch.nn.Linear`` in it a `LoRA`, in place.

    Parameters
    ----------
    model : torch.nn.Module
        What else it has (embeddings, norms) is frozen too.
    rank, alpha
        As for `LoRA`.

    Raises
    ------
    ValueError
        As for `LoRA`; if there is no linear layer inside, or there is a `LoRA` already.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    >>> add_lora(model, rank=1)
    >>> sum(p.numel() for p in model.parameters() if p.requires_grad)
    16
    """
    found = _places(model, nn.Linear)
    if not found or _places(model, LoRA):
        raise ValueError(f"model must have linear layers inside, and no LoRA yet, got {type(model).__name__}")
    for _, _, layer in found:
        _factor(layer, rank, alpha)  # raises before anything is changed
    model.requires_grad_(False)
    for owner, name, layer in found:
        setattr(owner, name, LoRA(layer, rank, alpha))


def merge_lora(model: nn.Module) -> None:
    """Put the sum of both matrices in place of each `LoRA` of a model; all its parameters can be trained again.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(6, 4))
    >>> add_lora(model, rank=1)
    >>> merge_lora(model)
    >>> model
    Sequential(
      (0): Linear(in_features=6, out_features=4, bias=True)
    )
    """
    for owner, name, layer in _places(model, LoRA):
        setattr(owner, name, layer.merged())
    model.requires_grad_(True)


def _factor(linear: nn.Linear, rank: int, alpha: float | None) -> float:
    check.count(rank=rank)
    if rank > min(linear.weight.shape):
        raise ValueError(f"rank must be at most {min(linear.weight.shape)}, the matrix's, got rank={rank}")
    alpha = rank if alpha is None else alpha
    check.positive(alpha=alpha)
    return alpha / rank


def _places(model: nn.Module, kind: type[Layer]) -> list[tuple[nn.Module, str, Layer]]:
    """Where the layers of a kind stand: the module that holds each, its name there, and itself."""
    return [
        (owner, name, layer)
        for owner in model.modules()
        for name, layer in owner.named_children()
        if isinstance(layer, kind)
    ]
