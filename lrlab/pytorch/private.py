"""A gradient that no single example can move far: clipped one by one, and noised."""

from __future__ import annotations

from typing import Any

import torch
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from lrlab import _checks as check
from lrlab.pytorch.batches import on_device
from lrlab.pytorch.training import Loss


def private_gradient(
    model: torch.nn.Module,
    batch: tuple[Any, Any],
    max_norm: float,
    noise: float,
    generator: torch.Generator,
    loss: Loss = cross_entropy,
) -> torch.Tensor:
    r"""Put the gradient of DP-SGD :cite:p:`abadi2016deep` into the parameters, in place of the one before.

    .. math:: \tilde g = \frac1B \left( \sum_{i=1}^{B} g_i \cdot \min\!\left( 1, \frac{C}{\lVert g_i \rVert} \right)
        + \sigma C z \right), \qquad z \sim \mathcal N(0, I)

    Parameters
    ----------
    model : torch.nn.Module
        Without layers that mix the examples of a batch, such as batch normalization.
    batch : pair of arrays or tensors
        :math:`B` inputs and targets.
    max_norm : float > 0
        :math:`C`, in the unit of the gradient: no example changes the sum by more than this.
    noise : float >= 0
        :math:`\sigma`, the noise in units of that change.
    generator : torch.Generator
        Of :math:`z`, on the CPU.
    loss : callable
        As for `fit`; that of one example is taken.

    Returns
    -------
    tensor of shape (B,)
        The lengths :math:`\lVert g_i \rVert` before clipping.

    Raises
    ------
    ValueError
        If ``max_norm`` or ``noise`` is out of its range, or inputs and targets do not fit.

    Notes
    -----
    What privacy this gives depends on :math:`\sigma`, the number of steps, and how batches are drawn; an accountant has
    to compute it. Reporting the lengths, or tuning on private data, costs privacy of its own.

    Examples
    --------
    >>> model = torch.nn.Linear(1, 2)
    >>> batch = torch.tensor([[1.0], [100.0]]), torch.tensor([0, 1])
    >>> lengths = private_gradient(model, batch, max_norm=0.1, noise=0.0, generator=torch.Generator())
    >>> bool(torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]) <= 0.1)
    True
    """
    check.positive(max_norm=max_norm)
    check.non_negative(noise=noise)
    params = {name: param for name, param in model.named_parameters() if param.requires_grad}
    inputs, targets = on_device("batch", batch, next(iter(params.values())).device)

    def one(values: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return loss(functional_call(model, values, (x.unsqueeze(0),)), y.unsqueeze(0))

    detached = {name: param.detach() for name, param in params.items()}
    each = vmap(grad(one), in_dims=(None, 0, 0))(detached, inputs, targets)
    lengths: torch.Tensor = torch.stack([part.flatten(1).norm(dim=1) for part in each.values()]).norm(dim=0)
    factors = (max_norm / lengths).clamp(max=1.0)
    for name, param in params.items():
        total = torch.tensordot(factors, each[name], dims=1)
        drawn = torch.randn(param.shape, generator=generator, dtype=param.dtype).to(param.device)
        param.grad = (total + noise * max_norm * drawn) / len(inputs)
    return lengths
