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


def convnet(
    channels: Sequence[int] = (16, 32, 64), hidden: Sequence[int] = (), side: int = 28, classes: int = 10, seed: int = 0
) -> torch.nn.Sequential:
    r"""A small convolutional network for square gray images that come as rows of pixels.

    Each convolution has kernels of 3×3 and takes every second place, so that it halves the width, rounded up:

    .. math:: h_0 = x \in \mathbb{R}^{1 \times w \times w}, \qquad h_l = \max(0, K_l * h_{l-1} + b_l)
        \in \mathbb{R}^{c_l \times w_l \times w_l}, \qquad w_l = \lceil w_{l-1} / 2 \rceil

    Linear layers follow, as in `mlp`.

    Parameters
    ----------
    channels : sequence of int
        :math:`c_1, c_2, \dots`
    hidden : sequence of int
        The widths of hidden linear layers.
    side : int
        :math:`w`: a row has ``side ** 2`` pixels.
    classes : int
        The outputs.
    seed : int
        Of the weights, drawn as torch draws them. Torch's global generators are left as they were.

    Raises
    ------
    ValueError
        If there are no channels, or a number is no positive integer.

    Notes
    -----
    Kernels are stored with the channels last, which is the faster order on a CPU and on recent GPUs.

    Examples
    --------
    >>> model = convnet([16, 32, 64])
    >>> model(torch.zeros(5, 784)).shape, sum(param.numel() for param in model.parameters())
    (torch.Size([5, 10]), 33546)
    """
    if not channels:
        raise ValueError(f"channels must be one at least, got channels={channels!r}")
    for one in channels:
        check.count(channels=one)
    check.count(side=side)
    layers: list[torch.nn.Module] = [torch.nn.Unflatten(1, (1, side, side))]
    with seeded(seed, torch.device("cpu")):
        for inputs, outputs in pairwise([1, *channels]):
            layers += [torch.nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), torch.nn.ReLU()]
            side = -(-side // 2)
        layers.append(torch.nn.Flatten())
    model = torch.nn.Sequential(*layers, *mlp([channels[-1] * side**2, *hidden, classes], seed=seed + 1))
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class RandomShift(torch.nn.Module):
    r"""Move each image of a training batch by a few whole pixels, drawn anew each time; the gap is filled with zeros.

    .. math:: x'_{r, c} = x_{r + d_r, \, c + d_c}, \qquad d_r, d_c \sim \text{uniform on } \{-k, \dots, k\}

    In evaluation mode images pass unchanged. The draws are torch's, on the images' device: `fit` seeds them.

    Parameters
    ----------
    pixels : int
        :math:`k`.
    side : int
        Images come as rows of ``side ** 2`` pixels, and leave so.

    Raises
    ------
    ValueError
        If a number is no positive integer.

    Examples
    --------
    >>> shift, row = RandomShift(1, side=3), torch.tensor([[0.0, 0, 0, 0, 1, 0, 0, 0, 0]])
    >>> shift(row).sum(), torch.equal(shift.eval()(row), row)
    (tensor(1.), True)
    """

    def __init__(self, pixels: int, side: int = 28) -> None:
        super().__init__()
        check.count(pixels=pixels, side=side)
        self.pixels, self.side = pixels, side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        k, w = self.pixels, self.side
        padded = torch.nn.functional.pad(x.view(-1, w, w), (k, k, k, k))
        down, right = torch.randint(0, 2 * k + 1, (2, len(x), 1), device=x.device)
        along = torch.arange(w, device=x.device)
        rows, columns = down + along, right + along
        every = torch.arange(len(x), device=x.device)[:, None, None]
        return padded[every, rows[:, :, None], columns[:, None, :]].flatten(1)
