"""Gradual unfreezing: the last layer learns first, the others join it one by one."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lrlab import _checks as check


class GradualUnfreezing:
    """Freeze all layers but the last; then free one more after each ``every`` steps :cite:p:`howard2018universal`.

    Pass it to `fit` as ``callback``. A frozen layer has no gradient: an optimizer leaves it, and what it keeps for it,
    alone, and the backward pass ends above it, which saves time.

    Parameters
    ----------
    layers : sequence of torch.nn.Module
        Input first. It begins at once: their ``requires_grad`` is set here.
    every : int
        Steps from one to the next.

    Raises
    ------
    ValueError
        If there are no layers, or ``every`` is no positive integer.

    Examples
    --------
    >>> layers = [torch.nn.Linear(2, 2) for _ in range(3)]
    >>> unfreeze = GradualUnfreezing(layers, every=10)
    >>> def free():
    ...     return [layer.weight.requires_grad for layer in layers]
    >>> free()
    [False, False, True]
    >>> for step in range(10):
    ...     unfreeze(step)
    >>> free()
    [False, True, True]
    """

    def __init__(self, layers: Sequence[torch.nn.Module], every: int) -> None:
        check.count(every=every)
        if not layers:
            raise ValueError(f"layers must hold at least one layer, got layers={layers!r}")
        self.layers, self.every = list(layers), every
        for layer in self.layers[:-1]:
            layer.requires_grad_(False)
        self.layers[-1].requires_grad_(True)

    def __call__(self, step: int, loss: object = None) -> None:
        """Free the layer whose turn comes after this step, if there is one."""
        joined, rest = divmod(step + 1, self.every)
        if rest == 0 and joined < len(self.layers):
            self.layers[-1 - joined].requires_grad_(True)
