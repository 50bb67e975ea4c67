"""The curvature of a network's loss: `lrlab.curvature` with products by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from lrlab.curvature import lanczos, power_iteration


def hessian_product(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    r"""The products of the loss's Hessian with vectors, at the parameters that the model has now.

    .. math:: H v = \nabla_\theta \bigl( \nabla L(\theta)^\top v \bigr)

    Differentiating twice gives them exactly, each for the price of about two gradients
    :cite:p:`pearlmutter1994fast`.

    Parameters
    ----------
    model : torch.nn.Module
        Its parameters that require a gradient, one after the other, are :math:`\theta`, :math:`d` numbers in all.
    loss : callable
        Without arguments: :math:`L` as a scalar tensor, for example ``lambda: cross_entropy(model(x), y)``. It is
        called once, with the model as it stands (dropout is drawn once; ``model.eval()`` turns it off), and its graph
        is kept as long as the products are.

    Returns
    -------
    callable
        A tensor :math:`v` of shape (d,) to the tensor :math:`H v`. No ``.grad`` is touched.

    Raises
    ------
    ValueError
        If nothing requires a gradient, or the loss is no scalar.

    Examples
    --------
    >>> model = torch.nn.Linear(2, 1, bias=False)
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    >>> product = hessian_product(model, lambda: model(x).square().sum() / 2)
    >>> product(torch.tensor([1.0, 1.0]))
    tensor([1., 9.])
    """
    params = [p for p in model.parameters() if p.requires_grad]
    if not params:
        raise ValueError(f"model must have parameters that require a gradient, got {type(model).__name__} with none")
    value = loss()
    if value.ndim:
        raise ValueError(f"loss must return a scalar tensor, got shape {tuple(value.shape)}")
    sizes = [p.numel() for p in params]
    grad = _flat(torch.autograd.grad(value, params, create_graph=True, materialize_grads=True))

    def product(vector: torch.Tensor) -> torch.Tensor:
        if vector.shape != (sum(sizes),):
            raise ValueError(f"vector must have shape ({sum(sizes)},), got {tuple(vector.shape)}")
        if not grad.requires_grad:  # a loss that is linear in the parameters
            return torch.zeros_like(vector)
        return _flat(torch.autograd.grad(grad @ vector, params, retain_graph=True, materialize_grads=True)).detach()

    return product


def sharpness(
    model: torch.nn.Module,
    loss: Callable[[], torch.Tensor],
    method: Literal["lanczos", "power"] = "lanczos",
    tolerance: float = 1e-3,
    max_products: int = 200,
    seed: int = 0,
) -> float:
    r"""The largest eigenvalue of the loss's Hessian, :math:`\lambda_\text{max}(H(\theta))`.

    .. math:: \lambda_\text{max} = \max_{\lVert v \rVert = 1} v^\top H v, \qquad
        \eta < \frac{2}{\lambda_\text{max}} \;\text{for stability}

    Parameters
    ----------
    model, loss
        As for `hessian_product`. On a batch the result is the batch's.
    method, tolerance, max_products
        As for `lrlab.curvature.sharpness`. The error of the eigenvalue is about the square of ``tolerance``. Lanczos
        keeps as many vectors as it makes products, on the model's device.
    seed : int
        Of the vector to start from, drawn on the CPU.

    Raises
    ------
    ValueError
        If an argument is outside its range or a product is not finite.

    Warns
    -----
    UserWarning
        If ``max_products`` did not do. What is returned is then too small.

    Examples
    --------
    >>> from lrlab.curvature import max_stable_lr
    >>> model = torch.nn.Linear(2, 1, bias=False)
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    >>> round(sharpness(model, lambda: model(x).square().sum() / 2), 4)
    9.0
    """
    if method not in ("lanczos", "power"):
        raise ValueError(f"method must be 'lanczos' or 'power', got method={method!r}")
    product = hessian_product(model, loss)
    like = next(p for p in model.parameters() if p.requires_grad)
    size = sum(p.numel() for p in model.parameters() if p.requires_grad)
    start = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=like.dtype).to(like.device)
    return (lanczos if method == "lanczos" else power_iteration)(product, start, tolerance, max_products).value


def _flat(tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
