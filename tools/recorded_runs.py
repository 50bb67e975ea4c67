"""Record the runs that two figures show: lrlab/widgets/runs/curves.json and range_tests.json.

    python -m tools.recorded_runs [curves] [range_tests]

Both are made of real runs with fixed seeds, most of them on MNIST; each file says when and where it was made. It takes
some minutes on one core.
"""

import json
import math
import os
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.page import processor
from lrlab import pytorch
from lrlab.data import load_mnist
from lrlab.optimizers import Adam, GradientDescent, HeavyBall, Method
from lrlab.search import diagnose, log_grid, sweep
from lrlab.widgets.recorded import pack, unpack
from tests import curves
from tests.curve_tasks import TASKS

FOLDER = Path(__file__).resolve().parent.parent / "lrlab" / "widgets" / "runs"

# Of each task one healthy curve, and these.
DRILL = {
    "softmax of digits": ("too slow", "oscillating", "decayed too early", "spike"),
    "odd digits": ("too slow", "oscillating", "plateau", "decayed too early"),
    "three clouds, Adam": ("too slow", "oscillating", "oscillating", "diverging"),
    "moons": ("plateau", "decayed too early", "diverging", "spike"),
    "autoencoder": ("plateau", "decayed too early", "diverging", "spike"),
    "digits": ("too slow", "plateau", "diverging", "spike"),
}

SETTINGS: dict[str, tuple[Method, int]] = {
    "gradient descent, batch 64": (GradientDescent(), 64),
    "momentum 0.9, batch 64": (HeavyBall(0.9), 64),
    "momentum 0.9, batch 8": (HeavyBall(0.9), 8),
    "momentum 0.9, batch 512": (HeavyBall(0.9), 512),
    "Adam, batch 64": (Adam(), 64),
}
HELD_OUT = 10_000
TEST: dict[str, Any] = {"lr_min": 1e-5, "lr_max": 100.0, "steps": 210}
SEEDS = 3
TRAINING = 1000  # steps


def network(seed: int) -> torch.nn.Module:
    """784-64-10."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))


def short(values: Iterable[float], digits: int = 4) -> list[float | None]:
    """As JSON: with so many digits, and null for what is not finite."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values]


def cause(run: curves.Run, of_best: float) -> str:
    """What was done to a run, in a sentence."""
    if run.event == "batch":
        return f"Step {run.at} had a batch of wrong labels and inputs 30 times too large."
    if run.event == "rate":
        return f"The rate of step {run.at} was {run.schedule.huge / run.schedule.lr:.0f} times that of the others."
    if run.start == "dead":
        return "The rate was good; the run began with hidden units that never answer, their biases at −50."
    if run.start == "tiny":
        return "The rate was good; the run began from weights a hundredth of the usual size."
    if run.label == "decayed too early":
        return "The rate was good at its peak, and the schedule brought it down at once."
    if run.label == "healthy":
        return f"The rate was good: {digits(of_best)} times the best one of a grid."
    times = f"{digits(1 / of_best)} times smaller than" if of_best < 1 else f"{digits(of_best)} times"
    return f"The rate was {times} the best one of a grid."


def digits(x: float) -> str:
    """Two of them."""
    return f"{float(f'{x:.2g}'):g}"


def drill() -> list[dict[str, Any]]:
    """The curves that are to be named, in the order of the drill."""
    found: list[dict[str, Any]] = []
    for name, labels in DRILL.items():
        made = curves.curves_of(next(task for task in TASKS if task.name == name))
        for label in ("healthy", *labels):
            fits = [one for one in made if one["label"] == label == named(one)]
            found.append(fits[len(found) % len(fits)])
            made = [one for one in made if one is not found[-1]]
    order = np.random.default_rng(0).permutation(len(found))
    rows = []
    for entry in (found[i] for i in order):
        row = {name: entry[name] for name in ("task", "label")} | {"cause": cause(entry["run"], entry["of_best"])}
        rows.append(row | {"lr": short(entry["lr"], 3), "loss": pack(entry["loss"])})
    return rows


def named(entry: dict[str, Any]) -> str:
    """What the diagnosis says of a curve as it is recorded."""
    return diagnose(unpack(pack(entry["loss"])), np.array(short(entry["lr"], 3), dtype=float)).name


def range_tests() -> list[dict[str, Any]]:
    """Range tests that go on after the loss has exploded, and what training at each rate of a grid comes to."""
    data = load_mnist(progress=False, fallback=False)
    images, labels = torch.from_numpy(data.train_images).flatten(1), torch.from_numpy(data.train_labels)
    train, held_out = (images[:-HELD_OUT], labels[:-HELD_OUT]), (images[-HELD_OUT:], labels[-HELD_OUT:])
    rows = []
    for name, (method, batch) in SETTINGS.items():
        options: dict[str, Any] = {"batch_size": batch, "device": "cpu"}
        tests = [
            pytorch.range_test(network(seed), train, method, **TEST, **options, explode=1e30, seed=seed)
            for seed in range(SEEDS)
        ]

        def trained(config: dict[str, Any], seed: int, method: Method = method, options: Any = options) -> float:
            fixed = {"steps": TRAINING, "test": held_out, "seed": seed, "progress": False} | options
            return float(pytorch.fit(network(seed), train, method, config["lr"], **fixed).test_loss[-1])

        grid = log_grid(1e-5, 10.0, per_decade=2)
        result = sweep(trained, {"lr": grid}, seeds=SEEDS, progress=False)
        losses = {lr: [row.loss for row in result.rows if row.config["lr"] == lr] for lr in grid}
        rows.append(
            {"name": name, "tests": [short(test.loss, 3) for test in tests]}
            | {"rates": short(grid, 3), "trained": [short(losses[lr], 3) for lr in grid]}
        )
        print(f"{name}: {tests}\n{result}", flush=True)
    return rows


def write(name: str, rows: list[dict[str, Any]], **settings: Any) -> None:
    made = {
        "command": f"python -m tools.recorded_runs {name}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores, one thread used",
        "versions": {"python": platform.python_version()} | {one: version(one) for one in ("numpy", "torch")},
    }
    lines = ",\n".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows)
    head = json.dumps({"made": made, **settings}, ensure_ascii=False)[:-1]
    (FOLDER / f"{name}.json").write_text(f'{head}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")


def main() -> None:
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or ["curves", "range_tests"]
    if "curves" in wanted:
        write("curves", drill())
    if "range_tests" in wanted:
        write("range_tests", range_tests(), **TEST, training=TRAINING)


if __name__ == "__main__":
    main()
