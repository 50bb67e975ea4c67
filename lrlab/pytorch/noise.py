"""The gradient noise scale: about how large a batch is worth its price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from lrlab import _checks as check
from lrlab.pytorch.batches import indices, on_device
from lrlab.pytorch.training import Loss, reduced


@dataclass(frozen=True)
class NoiseScale:
    r"""What `noise_scale` found.

    Attributes
    ----------
    signal : float
        :math:`|G|^2`, the squared length of the mean gradient. The estimate has no bias and may be negative.
    noise : float
        :math:`\operatorname{tr} \Sigma`, the variance of the gradient of one example, summed over the parameters.
    """

    signal: float
    noise: float

    @property
    def batch_size(self) -> float:
        r""":math:`\operatorname{tr} \Sigma / |G|^2`, in examples; infinite where the signal is lost in the noise."""
        return self.noise / self.signal if self.signal > 0 else math.inf


def noise_scale(
    model: torch.nn.Module,
    data: tuple[Any, Any],
    *,
    batch_size: int = 32,
    batches: int = 32,
    loss: Loss = cross_entropy,
    seed: int = 0,
) -> NoiseScale:
    r"""Measure the mean gradient and its noise, at the parameters that a network has now.

    .. math::

        \operatorname{tr} \Sigma \approx \frac{b}{n - 1} \sum_{k=1}^{n} | g_k - \bar g |^2, \qquad
        |G|^2 \approx | \bar g |^2 - \frac{\operatorname{tr} \Sigma}{n b}, \qquad
        B_\text{simple} = \frac{\operatorname{tr} \Sigma}{|G|^2}

    :cite:t:`mccandlish2018empirical` call the last one the simple noise scale.

    Parameters
    ----------
    model : torch.nn.Module
        Left as it is; its ``.grad`` too.
    data : pair of arrays or tensors
        Inputs and targets, moved to the device of the model.
    batch_size : int
        :math:`b`, examples in each batch.
    batches : int
        :math:`n \ge 2`, how many gradients :math:`g_k` are taken, of different examples. :math:`\bar g` is their mean.
        The larger :math:`nb`, the more exact; it must be a multiple of the result for that to mean much.
    loss : callable
        As for `fit`; its mean is taken.
    seed : int
        Of the order.

    Returns
    -------
    NoiseScale

    Raises
    ------
    ValueError
        If there are fewer than two batches, or the data has fewer than ``batches * batch_size`` examples.

    Examples
    --------
    >>> draw = torch.Generator().manual_seed(0)
    >>> x = 1 + 2 * torch.randn(4096, 1, generator=draw)  # the gradient at 0 is −x: mean −1, variance 4
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.zeros_(model.weight)
    >>> half_square = lambda outputs, x, reduction: (outputs - x).square().mean() / 2
    >>> found = noise_scale(model, (torch.ones(4096, 1), x), batches=128, loss=half_square)
    >>> round(found.signal, 1), round(found.noise, 1), round(found.batch_size)
    (1.0, 3.4, 4)
    """
    check.count(batch_size=batch_size, batches=batches)
    params = [param for param in model.parameters() if param.requires_grad]
    inputs, targets = on_device("data", data, params[0].device)
    if batches < 2 or batches * batch_size > len(inputs):
        most = len(inputs) // batch_size
        room = f"at least 2 and at most {most}, for {len(inputs)} examples in batches of {batch_size}"
        raise ValueError(f"batches must be {room}, got batches={batches}")
    batch_loss, grads = reduced(loss, "mean"), []
    for batch in islice(indices(len(inputs), batch_size, True, seed, inputs.device), batches):
        value = batch_loss(model(inputs[batch]), targets[batch])
        grad = torch.autograd.grad(value, params, materialize_grads=True)
        grads.append(torch.cat([part.reshape(-1) for part in grad]))
    mean = torch.stack(grads).mean(0)
    spread = torch.stack([(grad - mean).square().sum() for grad in grads]).sum()
    noise = batch_size / (batches - 1) * float(spread)
    return NoiseScale(signal=float(mean.square().sum()) - noise / (batches * batch_size), noise=noise)
