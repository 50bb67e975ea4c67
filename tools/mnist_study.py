"""Record the study of the MNIST chapter: lrlab/runs/mnist.json.

    python -m tools.mnist_study [grid] [full]

``grid`` trains every schedule with every optimizer under one fixed budget, each pair at its own best rate; ``full``
trains the full-budget recipe. Single runs are kept in _build/study, so that an interrupted study goes on where it was.
"""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.page import processor
from lrlab.data import load_mnist
from lrlab.optimizers import Adam, GradientDescent, Method, Muon, Nesterov
from lrlab.pytorch import RandomShift, Recipe, climb_and_fall, convnet, device, evaluate, mlp
from lrlab.pytorch.recipes import MNIST_LONG
from lrlab.schedules import AnySchedule, Constant, Cosine, Linear, StepDecay
from lrlab.search.sweep import train_all

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "lrlab" / "runs" / "mnist.json"
RUNS = ROOT / "_build" / "study"

MEAN, STD = 0.1307, 0.3081  # of a pixel of the training set
HIDDEN, EPOCHS, BATCH = 128, 1.0, 128
SCHEDULES: dict[str, Callable[[float, int], AnySchedule]] = {
    "constant": lambda lr, steps: Constant(lr),
    "step": lambda lr, steps: StepDecay(lr, gamma=0.1, every=-(-steps // 3)),
    "cosine": Cosine,
    "linear": Linear,
    "warm-up + linear": lambda lr, steps: climb_and_fall(lr, steps, climb=0.2),
}
OPTIMIZERS: dict[str, Method] = {
    "SGD": GradientDescent(),
    "Nesterov 0.9": Nesterov(0.9),
    "Adam": Adam(),
    "Muon": Muon(),  # biases: Nesterov's momentum at the same rate
}
RATES = {
    "SGD": (0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
    "Nesterov 0.9": (0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    "Adam": (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
    "Muon": (0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
}
TUNING_SEEDS, FINAL_SEEDS = (0, 1), (100, 101, 102, 103, 104)


def rows(images: Any) -> torch.Tensor:
    """Images as rows, of mean 0 and variance 1 over the training set."""
    return ((torch.from_numpy(images) - MEAN) / STD).flatten(1)


def load() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """What to train on while choosing, what to choose by, all to train on, and what to report on."""
    data, where = load_mnist(progress=False, fallback=False), device()
    images, labels = rows(data.train_images).to(where), torch.from_numpy(data.train_labels).to(where)
    held_out = len(images) // 6
    return {
        "train": (images[:-held_out], labels[:-held_out]),
        "validation": (images[-held_out:], labels[-held_out:]),
        "all": (images, labels),
        "test": (rows(data.test_images).to(where), torch.from_numpy(data.test_labels).to(where)),
    }


def recipe(config: dict[str, Any]) -> Recipe:
    """One run of the grid."""
    lr, method = config["lr"], OPTIMIZERS[config["optimizer"]]
    made = Recipe(lr, EPOCHS, Nesterov(0.9), schedule=SCHEDULES[config["schedule"]], batch_size=BATCH)
    if isinstance(method, Muon):
        return replace(made, matrices=method, matrix_lr=lr)
    return replace(made, method=method)


def grid() -> dict[str, Any]:
    """Each pair's rate tuned on the validation split; then fresh seeds, all training images, and the test set."""
    data = load()

    def error(train: str, test: str) -> Callable[[dict[str, Any], int], float]:
        def run(config: dict[str, Any], seed: int) -> float:
            model = mlp([784, HIDDEN, 10], seed=seed)
            recipe(config).fit(model, data[train], seed=seed)
            return 1 - evaluate(model, data[test])[1]

        return run

    pairs = [(schedule, optimizer) for optimizer in OPTIMIZERS for schedule in SCHEDULES]
    tried = [{"schedule": s, "optimizer": o, "lr": lr} for s, o in pairs for lr in RATES[o]]
    tuned = train_all(error("train", "validation"), tried, TUNING_SEEDS, file=RUNS / "tuning.jsonl")
    found: list[dict[str, Any]] = []
    for schedule, optimizer in pairs:
        mine = [i for i, c in enumerate(tried) if (c["schedule"], c["optimizer"]) == (schedule, optimizer)]
        errors = np.where(np.isfinite(tuned.mean[mine]), tuned.mean[mine], np.inf)
        found.append({"schedule": schedule, "optimizer": optimizer, "errors": errors, "best": int(errors.argmin())})
    chosen = [tried_at(one) for one in found]
    final = train_all(error("all", "test"), chosen, FINAL_SEEDS, file=RUNS / "final.jsonl")
    return {"settings": grid_settings()} | {
        "rows": [
            {"schedule": one["schedule"], "optimizer": one["optimizer"], "lr": config["lr"]}
            | {"validation_accuracy": [round(1 - e, 5) for e in one["errors"]], "edge": edge(one)}
            | {"test_accuracy": [round(1 - e, 4) for e in losses]}
            for one, config, losses in zip(found, chosen, final.losses.tolist(), strict=True)
        ]
    }


def tried_at(one: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a pair at its best rate."""
    lr = RATES[one["optimizer"]][one["best"]]
    return {"schedule": one["schedule"], "optimizer": one["optimizer"], "lr": lr}


def edge(one: dict[str, Any]) -> bool:
    """Whether the best rate lies on the edge of its grid."""
    return one["best"] in (0, len(one["errors"]) - 1)


def grid_settings() -> dict[str, Any]:
    """As JSON, what the grid depends on; a test compares it with the file."""
    return {
        "network": f"784-{HIDDEN}-10",
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "schedules": list(SCHEDULES),
        "optimizers": {name: repr(method) for name, method in OPTIMIZERS.items()},
        "rates": {name: list(rates) for name, rates in RATES.items()},
        "tuning_seeds": list(TUNING_SEEDS),
        "final_seeds": list(FINAL_SEEDS),
    }


CHANNELS, WIDTH, SHIFT, FULL_SEEDS = (32, 64, 128), 128, 2, (100, 101, 102)


def full() -> dict[str, Any]:
    """The recipe with a wider network, more epochs, shifted images and an average of the weights."""
    data = load()

    def error(config: dict[str, Any], seed: int) -> float:
        model = torch.nn.Sequential(RandomShift(SHIFT), convnet(CHANNELS, [WIDTH], seed=seed))
        MNIST_LONG.fit(model, data["all"], seed=seed)
        return 1 - evaluate(model, data["test"])[1]

    runs = train_all(error, [full_settings()], FULL_SEEDS, file=RUNS / "full.jsonl")
    return {
        "settings": full_settings(),
        "test_accuracy": [round(1 - row.loss, 4) for row in runs.rows],
        "seconds": [round(row.seconds) for row in runs.rows],
    }


def full_settings() -> dict[str, Any]:
    """As JSON, what the long run depends on; a test compares it with the file."""
    return {
        "channels": list(CHANNELS),
        "hidden": [WIDTH],
        "epochs": MNIST_LONG.epochs,
        "batch_size": MNIST_LONG.batch_size,
        "matrices": repr(MNIST_LONG.matrices),
        "matrix_lr": MNIST_LONG.matrix_lr,
        "lr": MNIST_LONG.lr,
        "smoothing": MNIST_LONG.smoothing,
        "shift": SHIFT,
        "bfloat16": MNIST_LONG.bfloat16,
        "seeds": list(FULL_SEEDS),
    }


def record(name: str, command: str, part: dict[str, Any]) -> None:
    """Write one part of the file: where it comes from, and what it found."""
    made = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version()} | {one: version(one) for one in ("numpy", "torch")},
    }
    parts = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    parts[name] = {"made": made} | part
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(parts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    for name, part in (("grid", grid), ("full", full)):
        if name in (sys.argv[1:] or ["grid", "full"]):
            record(name, f"python -m tools.mnist_study {name}", part())


if __name__ == "__main__":
    main()
