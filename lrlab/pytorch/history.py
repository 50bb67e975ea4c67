"""What a training run leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class History:
    r"""What `fit` saw.

    Attributes
    ----------
    lr : array of shape (steps,), or (steps, groups) if the optimizer has several parameter groups
        :math:`\eta_t`, the rate of each step.
    loss : array of shape (steps,)
        The loss of each step's batch before the step, as it was differentiated: a sum if ``reduction`` was "sum".
    grad_norm : array of shape (steps,) or None
        Length of each step's gradient before clipping, if it was asked for.
    test_step : array of shape (tests,)
        Steps done at each test: one test at the end of each epoch, and one at the end.
    test_loss : array of shape (tests,)
        Mean loss per example of the test data; empty without test data.
    test_accuracy : array of shape (tests,)
        Share of the test data whose largest output is that of the target; NaN where targets are no classes.
    seconds : float
        Time that the training took, tests not counted.
    device : str
        What it ran on.
    """

    lr: NDArray[np.float64]
    loss: NDArray[np.float64]
    grad_norm: NDArray[np.float64] | None
    test_step: NDArray[np.int64]
    test_loss: NDArray[np.float64]
    test_accuracy: NDArray[np.float64]
    seconds: float
    device: str

    @property
    def steps(self) -> int:
        """Steps done: fewer than asked for if ``callback`` ended the run."""
        return len(self.loss)

    @property
    def diverged(self) -> bool:
        """Whether a loss was inf or NaN."""
        return self.diverged_at >= 0

    @property
    def diverged_at(self) -> int:
        """The first index into ``loss`` that is inf or NaN, or -1."""
        broken = ~np.isfinite(self.loss)
        return int(broken.argmax()) if broken.any() else -1

    def __repr__(self) -> str:
        found = f", test accuracy {self.test_accuracy[-1]:.4f}" if len(self.test_accuracy) else ""
        broken = f", diverged at step {self.diverged_at}" if self.diverged else ""
        return f"History({self.steps} steps in {self.seconds:.1f} s on {self.device}{found}{broken})"
