"""All that is chosen when a network is trained, as one value: to keep, to vary, to run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from lrlab import _checks as check
from lrlab.optimizers import EMA, Method, Muon, Nesterov
from lrlab.pytorch.history import History
from lrlab.pytorch.optimizer import Optimizer
from lrlab.pytorch.training import fit
from lrlab.schedules import AnySchedule, Linear, Warmup


def climb_and_fall(lr: float, steps: int, climb: float = 0.1) -> Warmup:
    r"""Warm-up over a share of the steps, then a line down to zero.

    .. math:: w = \max(1, \lfloor c \, T \rfloor), \qquad \eta(t) = \eta_0 \cdot
        \begin{cases} (t + 1) / w & t < w \\ 1 - (t - w) / (T - w) & t \ge w \end{cases}

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the peak.
    steps : int
        :math:`T`, those of the whole run, two at least.
    climb : float in [0, 1)
        :math:`c`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> climb_and_fall(1.0, steps=10, climb=0.2)(range(10)).round(3)
    array([0.5  , 1.   , 1.   , 0.875, 0.75 , 0.625, 0.5  , 0.375, 0.25 , 0.125])
    """
    check.count(at_least=2, steps=steps)
    check.fraction(climb=climb)
    warm = max(1, int(climb * steps))
    return Warmup(Linear(lr, steps - warm), warm)


@dataclass(frozen=True)
class Recipe:
    r"""How to train, but for the network and the data.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`, the rate at its peak.
    epochs : float
        How long, in passes over the data; parts of a pass will do.
    method : Method
        What steps the parameters.
    matrices : Method, optional
        Steps matrices and the kernels of convolutions in its place, for example `lrlab.optimizers.Muon`. ``method`` is
        left with the vectors.
    matrix_lr : float, optional
        The peak for these.
    schedule : callable ``(lr, steps) -> schedule``
        The course of the rate, for the peak and the steps of the run: a class such as `lrlab.schedules.Cosine`.
    batch_size : int
        Examples in a batch.
    smoothing : float in [0, 1)
        :math:`\epsilon`: targets are :math:`1 - \epsilon` for the right class and :math:`\epsilon` in all, equally,
        for every class :cite:p:`szegedy2016rethinking`.
    bfloat16 : bool
        Outputs and loss in torch's automatic mixed precision.

    Raises
    ------
    ValueError
        If an argument is out of its range, or only one of ``matrices`` and ``matrix_lr`` is given.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from lrlab.pytorch import convnet
    >>> recipe = Recipe(lr=0.3, epochs=2.0, method=Nesterov(0.9), batch_size=4)
    >>> images, labels = torch.rand(16, 784), torch.arange(16) % 10
    >>> recipe.fit(convnet([4]), (images, labels), device="cpu").steps
    8
    >>> replace(recipe, epochs=0.5).fit(convnet([4]), (images, labels), device="cpu").steps
    2
    """

    lr: float
    epochs: float
    method: Method
    matrices: Method | None = None
    matrix_lr: float | None = None
    schedule: Callable[[float, int], AnySchedule] = climb_and_fall
    batch_size: int = 128
    smoothing: float = 0.0
    bfloat16: bool = False

    def __post_init__(self) -> None:
        check.positive(epochs=self.epochs)
        check.fraction(smoothing=self.smoothing)
        if (self.matrices is None) != (self.matrix_lr is None):
            raise ValueError(f"matrix_lr must be given with matrices, got {self.matrices!r} and {self.matrix_lr!r}")

    def steps(self, examples: int) -> int:
        """How many steps the run has on so many examples."""
        return round(self.epochs * -(-examples // self.batch_size))

    def fit(
        self,
        model: torch.nn.Module,
        train: tuple[Any, Any],
        test: tuple[Any, Any] | None = None,
        seed: int = 0,
        device: str | torch.device | None = None,
    ) -> History:
        """Train a network in place: `fit`, with what the recipe says. A method that averages leaves its average in it.

        Parameters
        ----------
        model : torch.nn.Module
            What to train.
        train, test, seed, device
            As in `fit`. The loss of tests has smoothed targets too.
        """
        steps = self.steps(len(train[0]))
        params = list(model.parameters())
        groups: list[dict[str, Any]] = [{"params": params}]
        if self.matrices is not None and self.matrix_lr is not None:
            own = {"method": self.matrices, "lr": self.schedule(self.matrix_lr, steps)}
            matrices = [param for param in params if param.ndim > 1]
            groups = [{"params": [param for param in params if param.ndim < 2]}, {"params": matrices} | own]
        optimizer = Optimizer(groups, self.method, self.schedule(self.lr, steps))
        history = fit(
            model,
            train,
            optimizer,
            steps=steps,
            batch_size=self.batch_size,
            test=test,
            loss=partial(cross_entropy, label_smoothing=self.smoothing),
            bfloat16=self.bfloat16,
            seed=seed,
            device=device,
            progress=False,
        )
        optimizer.to_eval_params()
        return history


MNIST = Recipe(
    lr=0.3,  # of the biases
    epochs=1.5,
    method=Nesterov(0.9),
    matrices=Muon(0.9),
    matrix_lr=0.05,
    batch_size=256,
    smoothing=0.1,
    bfloat16=True,
)
MNIST_LONG = replace(MNIST, epochs=12.0, matrices=EMA(Muon(0.9), 0.99))
