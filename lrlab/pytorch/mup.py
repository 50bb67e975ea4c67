"""The maximal update parametrization: a rate that is tuned on a narrow network fits a wide one."""

from __future__ import annotations

from typing import Any

import torch

from lrlab.schedules import AnySchedule, Scale, as_schedule


def mup(model: torch.nn.Module, base: torch.nn.Module, lr: AnySchedule) -> list[dict[str, Any]]:
    r"""Parameter groups for Adam, and the last layer's weights made smaller, in place :cite:p:`yang2021tuning`.

    With :math:`n` and :math:`n_0` for the inputs of a matrix in the model and in the base:

    .. math::

        \eta_\text{matrix} = \eta \, \frac{n_0}{n}, \qquad
        \eta_\text{vector} = \eta_\text{first matrix} = \eta, \qquad
        W_\text{last} \leftarrow W_\text{last} \sqrt{n_0 / n}

    Parameters
    ----------
    model : torch.nn.Module
        Its weights as they were drawn, with variances in proportion to :math:`1/n`, as torch and `mlp` draw them. Call
        this once, before training.
    base : torch.nn.Module
        The same network with another width: the one at which ``lr`` was tuned, or is to be.
    lr : float or schedule
        :math:`\eta`, the rate of the base.

    Returns
    -------
    list of dict
        For an `Optimizer` or any of torch, one group for each parameter, with ``params`` and ``lr``. At the width of
        the base they all have :math:`\eta`, and nothing is changed.

    Raises
    ------
    ValueError
        If the two networks differ in more than their widths, or a rate is bad.

    Notes
    -----
    This is for Adam and methods like it, whose steps have a size of their own. A matrix is told from the last layer by
    what has grown with the width: its outputs too, or its inputs alone. Convolutions and embeddings are not treated.

    Examples
    --------
    >>> from lrlab.pytorch import mlp
    >>> model = mlp([4, 256, 256, 2])
    >>> [round(group["lr"], 4) for group in mup(model, mlp([4, 64, 64, 2]), lr=0.01)]
    [0.01, 0.01, 0.0025, 0.01, 0.0025, 0.01]
    """
    as_schedule(lr)  # raises for a bad number
    ours, theirs = list(model.named_parameters()), list(base.named_parameters())
    if [(name, param.ndim) for name, param in ours] != [(name, param.ndim) for name, param in theirs]:
        raise ValueError(f"base must be the same network but for its widths, got {base!r} for {model!r}")
    groups = []
    for (_, param), (_, small) in zip(ours, theirs, strict=True):
        factor = small.shape[1] / param.shape[1] if param.ndim == 2 else 1.0
        if factor != 1 and param.shape[0] == small.shape[0]:
            with torch.no_grad():
                param.mul_(factor**0.5)
        groups.append({"params": [param], "lr": Scale(lr, factor) if callable(lr) else lr * factor})
    return groups
