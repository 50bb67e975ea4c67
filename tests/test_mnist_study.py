"""The recorded study of the MNIST chapter: it is what its generator makes with the settings of today."""

import numpy as np
import pytest

from lrlab.data import mnist_study
from lrlab.pytorch import Recipe
from tools import mnist_study as study

GRID = mnist_study()["grid"]
PARTS = sorted(mnist_study())


@pytest.mark.parametrize("name", PARTS)
def test_a_part_says_where_it_comes_from(name: str) -> None:
    made = mnist_study()[name]["made"]
    command = "benchmarks/mnist.py" if name == "bench" else f"-m tools.mnist_study {name}"
    assert made["command"] == f"python {command}"
    assert {"date", "machine", "versions"} <= set(made)


def test_the_grid_has_the_settings_of_its_generator() -> None:
    assert GRID["settings"] == study.grid_settings()


def test_the_grid_is_whole_and_each_rate_is_the_best_of_its_row() -> None:
    pairs = {(row["schedule"], row["optimizer"]) for row in GRID["rows"]}
    assert pairs == {(schedule, optimizer) for schedule in study.SCHEDULES for optimizer in study.OPTIMIZERS}
    assert len(GRID["rows"]) == len(pairs)
    for row in GRID["rows"]:
        rates, seen = study.RATES[row["optimizer"]], row["validation_accuracy"]
        assert len(seen) == len(rates)
        assert row["lr"] == rates[int(np.argmax(seen))]
        assert row["edge"] == (row["lr"] in (rates[0], rates[-1]))
        assert len(row["test_accuracy"]) == len(study.FINAL_SEEDS) >= 3
    assert not set(study.TUNING_SEEDS) & set(study.FINAL_SEEDS)


def test_the_long_run_has_the_settings_of_its_generator() -> None:
    full = mnist_study()["full"]
    assert full["settings"] == study.full_settings()
    assert len(full["test_accuracy"]) == len(study.FULL_SEEDS) >= 3


def test_a_run_of_the_grid_is_what_its_configuration_says() -> None:
    config = {"schedule": "cosine", "optimizer": "Muon", "lr": 0.02}
    recipe = study.recipe(config)
    assert isinstance(recipe, Recipe)
    assert (recipe.lr, recipe.matrix_lr, recipe.epochs, recipe.batch_size) == (0.02, 0.02, 1.0, 128)
    assert recipe.matrices == study.OPTIMIZERS["Muon"]
    np.testing.assert_allclose(recipe.schedule(0.02, 100)(50), 0.01)
    adam = study.recipe(config | {"optimizer": "Adam", "schedule": "constant"})
    assert (adam.method, adam.matrices) == (study.OPTIMIZERS["Adam"], None)
    assert adam.schedule(0.02, 100)(99) == 0.02
