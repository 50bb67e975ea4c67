"""``python -m lrlab diagnose run.csv``: what the loss of a run shows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from lrlab._checks import Floats
from lrlab.search import Diagnosis, diagnose, read_log


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 if all went well, 2 if it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m lrlab", description="Tools for the learning rate.")
    command = parser.add_subparsers(required=True, metavar="command").add_parser(
        "diagnose", help="name what the loss of a run shows", description="Name what the loss of a run shows."
    )
    command.add_argument("file", type=Path, help=".csv or .npy file, or an event file of TensorBoard or its folder")
    command.add_argument("--column", default="loss", help="column or tag of the loss (default: loss)")
    command.add_argument("--lr-column", default="lr", help="column or tag of the rate, if there is one (default: lr)")
    command.add_argument("--picture", type=Path, metavar="FILE", help="draw the curve there: .png, .svg or .pdf")
    options = parser.parse_args(arguments)
    try:
        loss, lr = read_log(options.file, options.column, options.lr_column)
        found = diagnose(loss, lr)
        print(found)
        if options.picture is not None:
            draw(options.picture, found, loss, lr)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"{parser.prog} diagnose: {error}", file=sys.stderr)
        return 2
    return 0


def draw(file: Path, found: Diagnosis, loss: Floats, lr: Floats | None) -> None:
    """Draw the loss, and the rate below it where there is one, with the name above."""
    from lrlab import plots  # needs Matplotlib, which the words do without

    fig, axes = plots.subplots(1 if lr is None else 2, 1, sharex=True, squeeze=False)
    top = axes[0, 0]
    finite = loss[np.isfinite(loss)]
    if finite.size and finite.min() > 0:
        plots.losses(top, loss)
    else:
        top.plot(loss)
        top.set(xlabel="step t", ylabel="loss")
    top.set_title(found.name)
    if lr is not None:
        axes[1, 0].plot(lr)
        top.set_xlabel("")
        axes[1, 0].set(xlabel="step t", ylabel="rate η(t)", ylim=(0, None))
    fig.savefig(file, dpi=150, facecolor="white")


if __name__ == "__main__":
    sys.exit(main())
