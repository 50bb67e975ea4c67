"""Gradient clipping that remembers what it did."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from lrlab import _checks as check
from lrlab.pytorch.batches import to_numpy


class GradientClip:
    """What `clip_gradients` returns; call it between ``backward`` and ``step``.

    Attributes
    ----------
    norms : array of shape (calls,)
        The length of every gradient, before clipping.
    share : float
        The share of the gradients that were longer than ``max_norm``, in [0, 1].
    factor : float
        By what those were multiplied, on average.
    """

    def __init__(self, params: Iterable[torch.Tensor], max_norm: float) -> None:
        check.positive(max_norm=max_norm)
        self.params = list(params)
        self.max_norm = max_norm
        self._norms: list[torch.Tensor] = []

    def __call__(self) -> torch.Tensor:
        """Clip, and return the length before: a tensor, so that nothing waits for the device."""
        self._norms.append(torch.nn.utils.clip_grad_norm_(self.params, self.max_norm).detach())
        return self._norms[-1]

    @property
    def norms(self) -> NDArray[np.float64]:
        return to_numpy(self._norms)

    @property
    def share(self) -> float:
        return float(np.mean(self.norms > self.max_norm)) if self._norms else math.nan

    @property
    def factor(self) -> float:
        longer = self.norms[self.norms > self.max_norm]
        return float(np.mean(self.max_norm / longer)) if len(longer) else math.nan

    def __repr__(self) -> str:
        acted = f"{np.count_nonzero(self.norms > self.max_norm)} of {len(self._norms)} gradients shortened"
        return f"GradientClip(max_norm={self.max_norm:g}, {acted}, on average to {self.factor:.3g} of their length)"


def clip_gradients(params: Iterable[torch.Tensor], max_norm: float) -> GradientClip:
    r"""Shorten gradients longer than ``max_norm``, and keep count :cite:p:`pascanu2013difficulty`.

    .. math:: g \leftarrow g \cdot \min(1, \; c / \lVert g \rVert)

    Parameters
    ----------
    params : iterable of tensors
        The parameters whose gradients :math:`g` are taken together.
    max_norm : float > 0
        :math:`c`, in the unit of the gradient.

    Returns
    -------
    GradientClip
        Call it after each ``backward``. It does what ``torch.nn.utils.clip_grad_norm_`` does.

    Raises
    ------
    ValueError
        If ``max_norm`` is not positive.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> clip = clip_gradients([weight], max_norm=1.0)
    >>> for size in (1.0, 0.1):
    ...     weight.grad = size * weight.detach()
    ...     norm = clip()
    >>> weight.grad, clip
    (tensor([0.3000, 0.4000]), GradientClip(max_norm=1, 1 of 2 gradients shortened, on average to 0.2 of their length))
    """
    return GradientClip(params, max_norm)
