"""Plain networks for experiments, with weights drawn as the experiment wants them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch

from lrlab import _checks as check
from lrlab.pytorch.batches import seeded


def mlp(
    widths: Sequence[int],
    activation: Callable[[], torch.nn.Module] = torch.nn.ReLU,
    gain: float | None = None,
    seed: int = 0,
) -> torch.nn.Sequential:
    r"""A multilayer perceptron: linear layers with an activation between each two.

    .. math:: h_l = \phi(W_l h_{l-1} + b_l), \qquad W_l \sim \mathcal N(0, \, g^2 / n_{l-1}), \quad b_l = 0

    Parameters
    ----------
    widths : sequence of int
        :math:`n_0, n_1, \dots, n_L`: the numbers of inputs, of units in each layer, and of outputs.
    activation : callable
        Makes a module for :math:`\phi`; the last layer has none.
    gain : float > 0, optional
        :math:`g`. The square root of 2 is for ``ReLU`` :cite:p:`he2015delving`; 1 keeps the size of what a layer
        without activation passes on, and is what :cite:t:`glorot2010understanding` use where a layer is as wide as the
        one before it. If not given, layers start as torch starts them: weights and biases uniform within
        :math:`\pm 1 / \sqrt{n_{l-1}}`, the weights of a variance that :math:`g = 1/\sqrt 3` would give.
    seed : int
        Of the weights. Torch's global generators are left as they were.

    Raises
    ------
    ValueError
        If there are fewer than two widths, one is no positive integer, or ``gain`` is not positive.

    Examples
    --------
    >>> mlp([196, 64, 10])
    Sequential(
      (0): Linear(in_features=196, out_features=64, bias=True)
      (1): ReLU()
      (2): Linear(in_features=64, out_features=10, bias=True)
    )
    """
    if len(widths) < 2:
        raise ValueError(f"widths must be at least two, those of the input and the output, got widths={widths!r}")
    for width in widths:
        check.count(widths=width)
    if gain is not None:
        check.positive(gain=gain)
    layers: list[torch.nn.Module] = []
    with seeded(seed, torch.device("cpu")):
        for inputs, outputs in pairwise(widths):
            linear = torch.nn.Linear(inputs, outputs)
            if gain is not None:
                torch.nn.init.normal_(linear.weight, std=gain / math.sqrt(inputs))
                torch.nn.init.zeros_(linear.bias)
            layers += [linear, activation()]
    return torch.nn.Sequential(*layers[:-1])
