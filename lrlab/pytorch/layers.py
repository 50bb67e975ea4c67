"""What passes through a network, layer by layer, forward and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lrlab.pytorch.batches import to_numpy


class LayerNorms(NamedTuple):
    r"""What `layer_norms` measured: one number for each layer, input first, in arrays of shape (layers,)."""

    names: tuple[str, ...]
    outputs: NDArray[np.float64]  # root mean square of a layer's outputs z
    errors: NDArray[np.float64]  # length of dL/dz, all outputs and examples together
    gradients: NDArray[np.float64]  # length of the gradient of the layer's own parameters
    weights: NDArray[np.float64]  # length of these parameters


def layer_norms(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> LayerNorms:
    r"""Measure where signals and gradients vanish or explode on their way through a network.

    .. math:: z_l = W_l h_{l-1} + b_l, \qquad
        \sqrt{\operatorname{mean}(z_l^2)}, \quad
        \left\lVert \frac{\partial L}{\partial z_l} \right\rVert, \quad
        \left\lVert \frac{\partial L}{\partial (W_l, b_l)} \right\rVert, \quad
        \lVert (W_l, b_l) \rVert

    Parameters
    ----------
    model : torch.nn.Module
        Its layers are the modules with parameters of their own, in the order in which they are defined. A layer that
        is called several times, as in a recurrent network, is measured over all its calls.
    loss : callable
        Without arguments: :math:`L` as a scalar tensor, for example ``lambda: cross_entropy(model(x), y)``. It is
        called once, with the model as it stands.

    Returns
    -------
    LayerNorms
        ``names``, ``outputs``, ``errors``, ``gradients`` and ``weights``. No ``.grad`` is touched.

    Raises
    ------
    ValueError
        If no layer with parameters that require a gradient was called, or one returned no tensor.

    Notes
    -----
    :cite:t:`glorot2010understanding` look at networks in this way.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
    >>> _ = model[0].weight.data.copy_(torch.tensor([[3.0, 4.0]])), model[1].weight.data.fill_(0.5)
    >>> found = layer_norms(model, lambda: model(torch.tensor([[1.0, 0.0]])).sum())
    >>> found.outputs, found.errors, found.gradients, found.weights
    (array([3. , 1.5]), array([0.5, 1. ]), array([0.5, 3. ]), array([5. , 0.5]))
    """
    calls: dict[str, list[torch.Tensor]] = {}
    layers = {name: list(_own(module)) for name, module in model.named_modules()}
    hooks = [
        module.register_forward_hook(partial(_keep, calls, name))
        for name, module in model.named_modules()
        if layers[name]
    ]
    try:
        value = loss()
    finally:
        for hook in hooks:
            hook.remove()
    names = tuple(name for name in layers if name in calls)
    if not names:
        raise ValueError(f"loss must call a layer of model that requires a gradient, got {type(model).__name__}")
    groups: list[list[torch.Tensor]] = [calls[name] for name in names] + [[*layers[name]] for name in names]
    flat = [tensor for group in groups for tensor in group]
    found = iter(torch.autograd.grad(value, flat, materialize_grads=True))
    lengths = [_length([next(found) for _ in group]) for group in groups]
    sizes = [sum(z.numel() for z in calls[name]) for name in names]
    return LayerNorms(
        names,
        outputs=to_numpy([_length(calls[name]) for name in names]) / np.sqrt(sizes),
        errors=to_numpy(lengths[: len(names)]),
        gradients=to_numpy(lengths[len(names) :]),
        weights=to_numpy([_length(layers[name]) for name in names]),
    )


def _own(module: torch.nn.Module) -> Iterable[torch.nn.Parameter]:
    return (param for param in module.parameters(recurse=False) if param.requires_grad)


def _keep(calls: dict[str, list[torch.Tensor]], name: str, module: torch.nn.Module, args: Any, output: Any) -> None:
    if not isinstance(output, torch.Tensor):
        raise ValueError(f"model must have layers that return a tensor, got {type(output).__name__} from {name!r}")
    calls.setdefault(name, []).append(output)


def _length(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.stack([tensor.detach().double().square().sum() for tensor in tensors]).sum().sqrt()
