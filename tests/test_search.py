"""Sweeps with real processes that are really killed, and the range test against closed forms."""

import json
import math
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrlab import minimize
from lrlab.objectives import LinearRegression, Quadratic
from lrlab.optimizers import Adam, GradientDescent, HeavyBall
from lrlab.schedules import Cosine, Exponential, Linear
from lrlab.search import RangeTest, Sweep, compare, descent, interpolated_best, log_grid, range_test, sweep


def valley(config, seed):
    return (math.log10(config["lr"]) + 2) ** 2 + 0.1 * seed


def quiet(*arguments, **options):
    return sweep(*arguments, progress=False, **options)


def lines(file):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in Path(file).read_text().splitlines()]


class Counted:
    """A training function that writes down, in a file, each time it is called."""

    def __init__(self, folder, train=valley):
        self.log, self.train = folder / "calls", train

    def __call__(self, config, seed):
        with self.log.open("a") as log:
            log.write(json.dumps([config, seed]) + "\n")
        return self.train(config, seed)

    @property
    def calls(self):
        return Counter(self.log.read_text().splitlines()) if self.log.exists() else Counter()


GRID = {"lr": [1e-4, 1e-3, 1e-2, 1e-1, 1.0], "momentum": [0.0, 0.5, 0.9]}


# --------------------------------------------------------------------------------------------------- what comes back


def test_every_combination_with_every_seed_in_the_order_of_the_grid():
    with pytest.warns(UserWarning, match="momentum=0.0 is the lowest"):
        found = quiet(lambda c, s: valley(c, s) + c["momentum"], GRID, seeds=[3, 1])
    expected = [({"lr": lr, "momentum": m}, s) for lr in GRID["lr"] for m in GRID["momentum"] for s in (3, 1)]
    assert [(row.config, row.seed) for row in found.rows] == expected
    assert [row.loss for row in found.rows] == [valley(c, s) + c["momentum"] for c, s in expected]
    assert found.losses.shape == (15, 2)
    assert found.losses.ravel().tolist() == [row.loss for row in found.rows]
    assert all(row.error is None and row.seconds >= 0 for row in found.rows)
    assert found.best == {"lr": 1e-2, "momentum": 0.0}


def test_mean_and_spread_over_seeds():
    losses = np.random.default_rng(0).standard_normal((3, 5))
    found = quiet(lambda c, s: losses["abc".index(c["name"]), s], {"name": ["a", "b", "c"]}, seeds=5)
    assert found.mean == pytest.approx([statistics.fmean(row) for row in losses], rel=1e-13)
    assert found.spread == pytest.approx([statistics.stdev(row) for row in losses], rel=1e-12)
    assert found.best == {"name": "abc"[losses.mean(axis=1).argmin()]}


def test_one_seed_has_no_spread():
    assert np.isnan(quiet(valley, {"lr": [1e-3, 1e-2, 1e-1]}).spread).all()


def test_a_list_of_configurations_may_have_different_parameters():
    configs = [{"lr": 0.1}, {"lr": 0.01, "decay": 0.5}, {"lr": 0.001}]
    found = quiet(valley, configs)
    assert (found.configs, found.best) == (tuple(configs), configs[1])


def test_numpy_values_and_seeds_become_pythons_own(tmp_path):
    found = quiet(valley, {"lr": np.array([1e-3, 1e-2, 1e-1])}, seeds=np.arange(2), file=tmp_path / "runs")
    assert {type(row.config["lr"]) for row in found.rows} == {float}
    assert {type(row.seed) for row in found.rows} == {int}


def test_a_loss_may_be_any_number():
    losses = {0.1: torch.tensor(3.0), 0.2: np.float32(2.0), 0.3: 4}
    assert quiet(lambda c, s: losses[c["lr"]], {"lr": list(losses)}).losses.ravel().tolist() == [3.0, 2.0, 4.0]


def test_the_configuration_given_to_train_is_a_copy():
    def greedy(config, seed):
        return config.pop("lr")

    with pytest.warns(UserWarning, match="lowest"):
        assert quiet(greedy, {"lr": [0.1, 0.2]}, seeds=2).configs == ({"lr": 0.1}, {"lr": 0.2})


# ------------------------------------------------------------------------------------------- failures and bad losses


def test_a_failing_configuration_is_a_row_with_its_error(tmp_path):
    def fragile(config, seed):
        if config["lr"] == 0.1 and seed == 1:
            raise ZeroDivisionError("no gradient")
        return "none" if config["lr"] == 1.0 else valley(config, seed)

    found = quiet(fragile, {"lr": [1e-3, 1e-2, 0.1, 1.0]}, seeds=2, file=tmp_path / "runs")
    errors = [row.error for row in found.rows]
    assert errors[:5] == [None] * 5
    assert errors[5] == "ZeroDivisionError: no gradient"
    assert errors[6] == errors[7] == "ValueError: could not convert string to float: 'none'"
    assert np.isnan(found.losses).tolist() == [[False, False]] * 2 + [[False, True], [True, True]]
    assert found.best == {"lr": 1e-2}
    assert [(row["lr"], row["failed"]) for row in found.table()] == [(1e-2, 0), (1e-3, 0), (0.1, 1), (1.0, 2)]
    assert "ZeroDivisionError: no gradient" in str(found)
    again = quiet(lambda c, s: 1 / 0, {"lr": [1e-3, 1e-2, 0.1, 1.0]}, seeds=2, file=tmp_path / "runs")
    assert [row.error for row in again.rows] == errors


@pytest.mark.parametrize("bad", [math.nan, -math.inf, math.inf])
@pytest.mark.parametrize("saved", [True, False])
def test_a_loss_that_is_not_finite_is_never_the_best(bad, saved, tmp_path):
    losses = {(1, 0): bad, (1, 1): -100.0, (2, 0): 7.0, (2, 1): 8.0, (3, 0): 9.0, (3, 1): 9.0, (0, 0): 9.0, (0, 1): 9.0}
    file = tmp_path / "runs" if saved else None
    for _ in range(2):  # the second time from the file
        found = quiet(lambda c, s: losses[c["k"], s], {"k": [0, 1, 2, 3]}, seeds=2, file=file)
        assert found.best == {"k": 2}
        assert np.array_equal(found.losses[1], [bad, -100.0], equal_nan=True)


def test_where_nothing_is_finite_there_is_no_best():
    with pytest.warns(UserWarning, match="no configuration has a finite mean loss: ValueError: what"):
        found = quiet(lambda c, s: (_ for _ in ()).throw(ValueError("what")), {"lr": [0.1, 0.2]})
    assert (found.best, found.edges) == (None, {})
    with pytest.warns(UserWarning, match="finite mean loss: infinite or missing losses"):
        quiet(lambda c, s: math.inf, {"lr": [0.1, 0.2]})


# -------------------------------------------------------------------------------------------------------------- edges


@pytest.mark.parametrize(("rates", "side"), [([1e-2, 1e-1, 1.0], "lowest"), ([1e-4, 1e-2, 1e-3], "highest")])
def test_the_edge_of_the_grid_is_a_warning_and_a_field(rates, side):
    with pytest.warns(UserWarning, match=f"the best lr=0.01 is the {side} of its grid") as caught:
        found = quiet(valley, {"lr": rates})
    assert found.edges == {"lr": side}
    assert caught[0].filename == __file__


def test_inside_the_grid_there_is_no_warning():  # a warning would be an error here
    grid = {"lr": [1e-3, 1e-2, 1e-1], "name": ["a", "b"], "flag": [True, False], "one": [5.0], "schedule": [None, 1.0]}
    assert quiet(valley, grid).edges == {}


def test_table_is_sorted_and_prints():
    found = quiet(valley, {"lr": [1e-3, 1e-2, 10.0]}, seeds=2)
    assert [row["lr"] for row in found.table()] == [1e-2, 1e-3, 10.0]
    assert str(found).splitlines() == [
        "   lr  mean   spread  failed  error",
        " 0.01  0.05  0.07071       0",
        "0.001  1.05  0.07071       0",
        "   10  9.05  0.07071       0",
    ]


# ------------------------------------------------------------------------------------------------- in other processes


@pytest.mark.thorough
def test_local_processes_take_what_pickle_cannot():
    here, target = os.getpid(), -2

    def elsewhere(config, seed):
        if config["lr"] == 1.0:
            raise RuntimeError("too large")
        return (math.log10(config["lr"]) - target) ** 2 if os.getpid() != here else math.nan

    found = quiet(lambda c, s: elsewhere(c, s), {"lr": [1e-3, 1e-2, 0.1, 1.0]}, seeds=2, n_jobs=2)
    assert found.losses[:3].tolist() == [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
    assert found.rows[-1].error == "RuntimeError: too large"


def test_joblibs_configuration_is_respected():
    def name(config, seed):
        return float(threading.current_thread() is not threading.main_thread())

    grid = [{"i": str(i)} for i in range(4)]
    assert quiet(name, grid).losses.max() == 0
    with joblib.parallel_config("threading", n_jobs=2):
        assert quiet(name, grid).losses.min() == 1
    assert quiet(name, grid, backend="threading", n_jobs=2).losses.min() == 1


def test_a_bar_is_shown_unless_not_wanted(capsys):
    sweep(valley, {"lr": [1e-3, 1e-2, 1e-1]})
    assert "3/3" in capsys.readouterr().err
    quiet(valley, {"lr": [1e-3, 1e-2, 1e-1]})
    assert capsys.readouterr().err == ""


def test_importing_search_imports_nothing_heavy():
    code = "import sys, lrlab.search; print([m for m in ('joblib', 'tqdm', 'dask', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ModuleNotFoundError, match="sweep needs tqdm: pip install joblib tqdm"):
        sweep(valley, {"lr": [0.1]})


# --------------------------------------------------------------------------------------------------------- the file


def test_each_result_is_on_the_disk_before_the_next_is_trained(tmp_path):
    file = tmp_path / "runs.jsonl"
    counts = []

    def watch(config, seed):
        counts.append(len(lines(file)))
        return valley(config, seed)

    quiet(watch, {"lr": [1e-3, 1e-2, 1e-1]}, seeds=2, file=file)
    assert counts == sorted(counts)
    assert counts[-1] >= 4
    assert [(entry["config"], entry["seed"]) for entry in lines(file)] == [
        ({"lr": lr}, seed) for lr in (1e-3, 1e-2, 1e-1) for seed in (0, 1)
    ]


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path):
    file, count = tmp_path / "runs.jsonl", 0

    def interrupted(config, seed):
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return valley(config, seed)

    with pytest.raises(KeyboardInterrupt):
        quiet(interrupted, {"lr": [1e-3, 1e-2, 1e-1]}, seeds=3, file=file)
    before = file.read_bytes()
    assert 0 < len(lines(file)) < 5
    train = Counted(tmp_path)
    found = quiet(train, {"lr": [1e-3, 1e-2, 1e-1]}, seeds=3, file=file)
    assert sum(train.calls.values()) == 9 - len(before.splitlines())
    assert file.read_bytes().startswith(before)
    assert len(lines(file)) == 9
    assert [row.loss for row in found.rows] == [valley(row.config, row.seed) for row in found.rows]
    complete = file.read_bytes()
    assert quiet(train, {"lr": [1e-3, 1e-2, 1e-1]}, seeds=3, file=file).best == found.best
    assert file.read_bytes() == complete


KILLED = """
import sys, time
from lrlab.search import sweep
def train(config, seed):
    time.sleep(0.03)
    with open(sys.argv[1] + "/calls", "a") as log:
        log.write(f"{config['k']} {seed}\\n")
    return config["k"] + seed / 8
sweep(train, {"k": list(range(40))}, seeds=5, n_jobs=2, file=sys.argv[1] + "/runs", progress=False)
"""


@pytest.mark.thorough
def test_a_sweep_whose_process_is_killed_loses_nothing_that_was_saved(tmp_path):
    file = tmp_path / "runs"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)]) as process:
        while not file.exists() or len(file.read_bytes().splitlines()) < 12:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    saved = {(entry["config"]["k"], entry["seed"]) for entry in lines(file)}
    assert 12 <= len(saved) < 200
    with file.open("ab") as torn:  # what a write cut short would leave
        torn.write(b'{"config": {"k": 39}, "seed": 4, "lo')
    train = Counted(tmp_path, lambda config, seed: config["k"] + seed / 8)
    train.log = tmp_path / "resumed"
    with pytest.warns(UserWarning, match="k=0 is the lowest"):
        found = quiet(train, {"k": list(range(40))}, seeds=5, file=file)
    resumed = {(config["k"], seed) for config, seed in map(json.loads, train.calls)}
    assert resumed.isdisjoint(saved)
    assert len(resumed) + len(saved) == 200
    assert set(train.calls.values()) == {1}
    assert Counter((e["config"]["k"], e["seed"]) for e in lines(file)) == Counter(
        (k, seed) for k in range(40) for seed in range(5)
    )
    assert found.losses.tolist() == [[k + seed / 8 for seed in range(5)] for k in range(40)]


@pytest.mark.thorough
def test_a_local_worker_that_is_killed_ends_the_sweep_and_the_next_call_finishes_it(tmp_path):
    def suicidal(config, seed):
        if config["lr"] == 0.1:
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        return valley(config, seed)

    file, grid = tmp_path / "runs", {"lr": [1e-3, 1e-2, 1e-1]}
    with pytest.raises(joblib.externals.loky.process_executor.TerminatedWorkerError):
        quiet(suicidal, grid, n_jobs=2, file=file)
    assert quiet(valley, grid, file=file).losses.tolist() == [[1.0], [0.0], [1.0]]
    assert len(lines(file)) == 3


def test_a_larger_grid_adds_what_is_new_and_other_rows_are_left_alone(tmp_path):
    file, train = tmp_path / "runs", Counted(tmp_path)
    quiet(train, {"lr": [1e-3, 1e-2, 1e-1], "x": [1.0]}, file=file)
    found = quiet(train, {"x": [1.0], "lr": [1e-4, 1e-3, 1e-2, 1e-1]}, seeds=2, file=file)  # another order of names
    assert found.losses.shape == (4, 2)
    assert sum(train.calls.values()) == 8
    assert len(lines(file)) == 8
    assert quiet(train, {"lr": [1e-3, 1e-2, 1e-1], "x": [1.0]}, file=file).losses.shape == (3, 1)
    assert len(lines(file)) == 8


def test_a_complete_last_line_without_its_end_is_kept(tmp_path):
    file, train = tmp_path / "runs", Counted(tmp_path)
    quiet(valley, {"lr": [1e-3, 1e-2, 1e-1]}, file=file)
    file.write_bytes(file.read_bytes()[:-1])
    quiet(train, {"lr": [1e-3, 1e-2, 1e-1]}, seeds=2, file=file)
    assert sum(train.calls.values()) == 3
    assert len(lines(file)) == 6


@pytest.mark.parametrize("bad", ["", "not json", "[1, 2]", '{"loss": 1}', '{"config": 3, "seed": 0, "loss": 1}'])
def test_a_line_that_is_no_result_is_refused_and_nothing_is_written(bad, tmp_path):
    file = tmp_path / "runs"
    quiet(valley, {"lr": [1e-3, 1e-2, 1e-1]}, file=file)
    first, *rest = file.read_text().splitlines()
    file.write_text("\n".join([first, bad, *rest]) + "\n")
    before = file.read_bytes()
    with pytest.raises(ValueError, match="file must hold a result of a sweep on each line, got line 2 of"):
        quiet(valley, {"lr": [1e-3, 1e-2, 1e-1]}, seeds=5, file=file)
    assert file.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's")
def test_two_sweeps_cannot_write_one_file(tmp_path):
    file = tmp_path / "runs"

    def nested(config, seed):
        quiet(valley, {"lr": [0.1]}, file=file)

    with pytest.warns(UserWarning, match="ValueError: file must not be in use by another sweep"):
        quiet(nested, {"lr": [0.1]}, file=file)


def test_configurations_may_hold_schedules(tmp_path):
    file, train = tmp_path / "runs", Counted(tmp_path, lambda c, s: c)
    grid = {"schedule": [Cosine(0.1, 10), Linear(0.1, 10)], "tags": [["a", 1]], "none": [None]}
    losses = {Cosine(0.1, 10): 2.0, Linear(0.1, 10): 1.0}
    found = quiet(lambda c, s: losses[c["schedule"]], grid, file=file)
    assert found.best["schedule"] == Linear(0.1, 10)
    assert lines(file)[0]["config"]["schedule"] == "Cosine(lr=0.1, steps=10, lr_min=0.0)"
    assert quiet(train, grid, file=file).best["schedule"] == Linear(0.1, 10)
    assert not train.calls
    with pytest.raises(ValueError, match="file needs values with a name that lasts"):
        quiet(lambda c, s: 1.0, {"schedule": [lambda t: 0.1]}, file=file)
    assert quiet(lambda c, s: c["schedule"](0), {"schedule": [lambda t: 0.1, lambda t: 0.2]}).mean.tolist() == [
        0.1,
        0.2,
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), "grid must hold at least one value for each parameter, got grid={}"),
        (({"lr": []},), "grid must hold at least one value for each parameter"),
        (([],), "grid must hold at least one value"),
        (([{}],), "grid must hold at least one value"),
        (({"lr": 0.1},), "grid must hold a list of values for each parameter, got lr=0.1"),
        (({"method": "adam"},), "got method='adam'"),
        (([0.1, 0.2],), "grid must be a dict of lists or a list of dicts, got 0.1 in it"),
        (({"lr": [0.1, 0.1]},), "grid must hold each configuration once"),
        (({"lr": [0.1]}, 0), "seeds must be a positive integer, got seeds=0"),
        (({"lr": [0.1]}, []), "seeds must be different and at least one"),
        (({"lr": [0.1]}, [1, 1]), "seeds must be different and at least one"),
        (({"lr": [0.1]}, [0.5]), "seeds must be an integer >= 0, got seeds=0.5"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        quiet(valley, *arguments)
    assert message in str(caught.value)


# ---------------------------------------------------------------------------------------------- a cluster, on loopback


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and three workers of one thread, each a process of its own that nobody starts again."""
    place = tmp_path / "scheduler.json"
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(place)]
    worker = [
        "distributed.cli.dask_worker",
        "--no-nanny",
        "--nthreads",
        "1",
        "--local-directory",
        str(tmp_path),
        *common,
    ]
    commands = [["distributed.cli.dask_scheduler", "--port", "0", *common], *[worker] * 3]
    started = [
        subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        from dask.distributed import Client

        while not place.exists():
            assert started[0].poll() is None
            time.sleep(0.05)
        with Client(scheduler_file=str(place)) as client:
            client.wait_for_workers(3, timeout=60)
            yield started[1:]
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


@pytest.mark.thorough
def test_on_a_cluster_that_loses_a_worker_every_result_is_there_once(cluster, tmp_path):
    def train(config, seed):
        time.sleep(0.02)
        if config["k"] == 4 and seed == 2 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        with (tmp_path / "calls").open("a") as log:
            log.write(f"{os.getpid()}\n")
        if config["k"] == 9:
            raise ArithmeticError("nine")
        return (config["k"] - 6) ** 2 + seed / 8

    file = tmp_path / "runs"
    with joblib.parallel_config("dask"):
        found = quiet(train, {"k": list(range(12))}, seeds=4, file=file)
    expected = [[math.nan if k == 9 else (k - 6) ** 2 + seed / 8 for seed in range(4)] for k in range(12)]
    assert np.array_equal(found.losses, expected, equal_nan=True)
    assert found.best == {"k": 6}
    assert {row.error for row in found.rows if row.config["k"] == 9} == {"ArithmeticError: nine"}
    saved = Counter((entry["config"]["k"], entry["seed"]) for entry in lines(file))
    assert saved == Counter((k, seed) for k in range(12) for seed in range(4))
    dead = int((tmp_path / "killed").read_text())
    assert [process.pid for process in cluster if process.poll() == -signal.SIGKILL] == [dead]
    alive = {process.pid for process in cluster} - {dead}
    assert alive <= set(map(int, (tmp_path / "calls").read_text().split()))
    again = quiet(train, {"k": list(range(12))}, seeds=4, file=file, backend="dask")  # nothing is left to do
    assert again.best == found.best
    assert len(lines(file)) == 48


# --------------------------------------------------------------------------------------------------------- log_grid


@settings(max_examples=200, deadline=None)
@given(st.integers(-12, 6), st.integers(0, 8), st.integers(1, 12), st.floats(1.0, 9.99))
def test_log_grid_has_equal_ratios_and_both_ends(exponent, decades, per_decade, lead):
    low = lead * 10.0**exponent
    grid = log_grid(low, low * 10.0**decades, per_decade)
    assert len(grid) == decades * per_decade + 1
    assert grid[0] == low
    assert grid[-1] == pytest.approx(low * 10.0**decades, rel=1e-12)
    assert np.diff(np.log10(grid)) == pytest.approx([1 / per_decade] * (len(grid) - 1), rel=1e-9)


def test_log_grid_stops_before_an_end_that_it_does_not_meet():
    assert log_grid(0.001, 0.05, per_decade=1) == pytest.approx([0.001, 0.01])
    assert log_grid(0.2, 0.2) == [0.2]
    for arguments in ((0.0, 1.0), (1.0, 0.1), (0.1, 1.0, 0), (-1.0, 1.0)):
        with pytest.raises(ValueError, match=r"low|per_decade"):
            log_grid(*arguments)


def test_interpolated_best_is_the_vertex_of_a_parabola():
    grid = log_grid(0.001, 1.0, 3)
    vertex, height = np.array([0.004, 0.05, 0.31]), np.array([1.0, -2.0, 0.0])
    losses = height + 3 * np.log(np.array(grid)[:, None] / vertex) ** 2
    np.testing.assert_allclose(interpolated_best(grid, losses), vertex, rtol=1e-9)
    assert interpolated_best(grid, losses[:, 1]) == pytest.approx(0.05)


def test_interpolated_best_stays_within_half_a_step_of_the_lowest():
    grid = np.geomspace(0.01, 1, 7)
    losses = np.random.default_rng(0).random((7, 500))
    found, lowest = interpolated_best(grid, losses), losses.argmin(axis=0)
    inside = (lowest > 0) & (lowest < 6)
    np.testing.assert_array_equal(np.isfinite(found), inside)  # nothing is said about an edge
    away = np.abs(np.log(found / grid[lowest]))[inside]
    assert away.max() <= np.log(grid[1] / grid[0]) / 2 + 1e-12
    assert away.max() > 0.1


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([2.0, 1.0, np.inf], 0.1),
        ([np.nan, 1.0, 3.0], 0.1),
        ([np.inf] * 3, np.nan),
        ([np.nan, np.nan, 1.0], np.nan),
        ([1.0, 1.0, 1.0], np.nan),
    ],
)
def test_interpolated_best_where_a_run_diverged(losses, best):
    np.testing.assert_allclose(interpolated_best([0.01, 0.1, 1.0], losses), best)


@pytest.mark.parametrize(
    ("rates", "losses", "message"),
    [
        ([0.1, 1.0], [1.0, 2.0], "at least three"),
        ([0.1, 0.2, 0.3], [2.0, 1.0, 2.0], "equal ratios"),
        ([1.0, 0.1, 0.01], [2.0, 1.0, 2.0], "ascending"),
        ([0.0, 0.1, 1.0], [2.0, 1.0, 2.0], "equal ratios"),
        ([0.01, 0.1, 1.0], [[2.0, 1.0, 2.0]], "one row for each of 3"),
    ],
)
def test_interpolated_best_arguments_are_checked(rates, losses, message):
    with pytest.raises(ValueError, match=message):
        interpolated_best(rates, losses)


# -------------------------------------------------------------------------------------------------------- range test


def replay(losses):
    feed = iter(losses)
    return lambda lr: next(feed)


def test_range_test_rates_and_smoothing_are_their_formulas():
    losses = np.random.default_rng(0).random(50) + 1
    given_rates, feed = [], iter(losses)

    def step(lr):
        given_rates.append(lr)
        return next(feed)

    found = range_test(step, lr_min=1e-5, lr_max=0.1, steps=50, smoothing=0.8)
    assert found.lr.tolist() == given_rates
    assert found.lr == pytest.approx([1e-5 * 1e4 ** (t / 49) for t in range(50)], rel=1e-12)
    assert found.loss.tolist() == losses.tolist()
    for t in range(50):  # weights 0.8^(t−i), divided by their sum
        weights = 0.8 ** np.arange(t, -1, -1)
        assert found.smoothed[t] == pytest.approx(np.average(losses[: t + 1], weights=weights), rel=1e-12)
    assert found.diverged_at is None


@pytest.mark.parametrize("lowest", [1e-4, 1e-3, 1e-1])
def test_suggestion_is_a_tenth_of_the_rate_of_the_lowest_loss(lowest):
    found = range_test(lambda lr: 1 + math.log10(lr / lowest) ** 2, 1e-5, 1e1, steps=121, smoothing=0.0)
    assert found.suggestion == pytest.approx(lowest / 10, rel=1e-9)


def test_the_test_ends_where_the_loss_explodes():
    losses = [2.0] * 5 + [1.0] * 5 + [3.9] * 5 + [4.1] + [1.0] * 4
    found = range_test(replay(losses), steps=20, smoothing=0.0)
    assert (found.diverged_at, len(found.lr), found.loss[-1]) == (15, 16, 4.1)
    assert found.suggestion == pytest.approx(found.lr[5] / 10, rel=1e-12)
    end = f"{found.lr[15]:.3g}"
    assert repr(found) == f"RangeTest(16 rates to {end}, suggestion {found.suggestion:.3g}, diverged at {end})"


def test_a_loss_below_zero_may_fall_and_must_rise_to_explode():
    losses = [-1.0, -2.0, -3.0, -4.0, -1.0, 7.9, 8.1]
    found = range_test(replay(losses), steps=7, smoothing=0.0)
    assert found.diverged_at == 6
    assert found.suggestion == pytest.approx(found.lr[3] / 10, rel=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("at", [0, 3, 15])
def test_a_loss_that_is_not_finite_ends_the_test(bad, at):
    losses = [10.0 - t for t in range(at)] + [bad] * 5
    found = range_test(replay(losses), steps=20, smoothing=0.5)
    assert found.diverged_at == at == len(found.loss) - 1
    assert math.isnan(found.suggestion) == (at < 3)


def test_a_loss_that_never_falls_suggests_nothing_and_one_that_still_falls_warns():
    assert math.isnan(range_test(lambda lr: 1.0 + lr, steps=50).suggestion)
    assert math.isnan(range_test(lambda lr: 1.0, steps=50).suggestion)
    with pytest.warns(UserWarning, match=r"still falling at lr_max=0.001: a larger lr_max might do"):
        found = range_test(lambda lr: 1.0 - lr, lr_max=1e-3, steps=50)
    assert found.suggestion == pytest.approx(1e-4)


@pytest.mark.parametrize("largest", [0.1, 1.0, 40.0])
@pytest.mark.parametrize(("method", "momentum"), [(GradientDescent(), 0.0), (HeavyBall(0.9), 0.9)])
def test_on_a_bowl_the_suggestion_is_stable_and_not_timid(largest, method, momentum):
    bowl, limit = Quadratic(np.geomspace(largest / 100, largest, 10)), 2 * (1 + momentum) / largest
    found = range_test(descent(bowl, np.ones(10), method), lr_min=1e-6, lr_max=1e3, steps=200)
    assert limit / 50 < found.suggestion < limit < found.lr[found.diverged_at]
    run = minimize(bowl, np.ones(10), method, found.suggestion, steps=300)
    assert run.loss[-1] < 0.05 * run.loss[0]


def test_with_noise_the_suggestion_trains():
    X = np.random.default_rng(0).standard_normal((200, 5))
    problem = LinearRegression(X, X @ np.arange(5.0), batch=4)
    for seed in range(5):
        found = range_test(descent(problem, np.zeros(5), rng=np.random.default_rng(seed)))
        run = minimize(problem, np.zeros(5), GradientDescent(), found.suggestion, 500, rng=np.random.default_rng(99))
        assert run.loss[-1] < 1e-3 * run.loss[0]


@pytest.mark.parametrize("method", [None, HeavyBall(0.9), Adam()])
@pytest.mark.parametrize("seed", [None, 3])
def test_descent_is_minimize_one_step_at_a_time(method, seed):
    problem = LinearRegression(np.random.default_rng(1).standard_normal((20, 3)), np.arange(20.0), batch=4)
    draws = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
    step, schedule = descent(problem, np.ones(3), method, draws[0]), Exponential(lr=1e-4, rate=-0.1)
    losses = [step(schedule(t)) for t in range(30)]
    run = minimize(problem, np.ones(3), method or GradientDescent(), schedule, steps=29, rng=draws[1])
    assert losses == pytest.approx(run.loss.tolist(), rel=1e-12)


def test_range_test_arguments_are_checked():
    for options, message in [
        ({"lr_min": 0.0}, "lr_min must be"),
        ({"lr_min": 1.0, "lr_max": 0.1}, "lr_min <= lr_max must hold"),
        ({"steps": 1}, "steps must be an integer >= 2, got steps=1"),
        ({"smoothing": 1.0}, "smoothing must be"),
        ({"explode": 1.0}, "explode must be a number > 1, got explode=1.0"),
    ]:
        with pytest.raises(ValueError, match=message):
            range_test(lambda lr: 1.0, **options)
    with pytest.raises(ValueError, match=r"step must be callable; descent\(objective, start\) makes one"):
        range_test(Quadratic([1.0]))
    with pytest.raises(ValueError, match=r"start must have shape \(1,\), got shape \(1, 2\)"):
        descent(Quadratic([1.0]), [[1.0, 2.0]])


def test_results_are_what_the_annotations_say():
    assert isinstance(quiet(valley, {"lr": [1e-3, 1e-2, 1e-1]}), Sweep)
    found = range_test(descent(Quadratic([1.0]), [1.0]), lr_max=1e3)
    assert isinstance(found, RangeTest)
    assert isinstance(found.suggestion, float)
    assert isinstance(found.diverged_at, int)


def parabola(method, lr, seed):
    """Lowest at the rate that the method is named after; the seed lifts it."""
    return (np.log10(lr) - method) ** 2 + 0.1 * seed


TENTHS = [1e-3, 1e-2, 1e-1, 1.0]


@pytest.mark.parametrize("all_rates", [False, True])
def test_compare_gives_each_method_its_own_best_rate(all_rates):
    found = compare(parabola, {"slow": -2.0, "fast": -1.0, "faster": 0.0}, TENTHS, seeds=3, all_rates=all_rates)
    assert {name: best.lr for name, best in found.best.items()} == {"slow": 0.01, "fast": 0.1, "faster": 1.0}
    assert {name: best.edge for name, best in found.best.items()} == {"slow": "", "fast": "", "faster": "highest"}
    for best in found.best.values():
        assert best.losses == pytest.approx([0.0, 0.1, 0.2])
        assert (best.mean, best.spread) == pytest.approx((0.1, 0.1))
    assert found.losses["slow"].shape == (4, 3)
    assert found.losses["slow"][:, 0] == pytest.approx([1.0, 0.0, 1.0, 4.0])
    assert "on the edge: the highest rate tried" in str(found).splitlines()[3]
    assert "edge" not in "".join(str(found).splitlines()[:3])


def test_compare_takes_a_grid_for_each_method_in_any_order():
    found = compare(parabola, {"a": -2.0, "b": -1.0}, {"a": [0.1, 0.01, 0.001], "b": [0.1]}, seeds=2)
    assert found.rates["a"].tolist() == [0.001, 0.01, 0.1]
    assert (found.best["a"].lr, found.best["b"].lr, found.best["b"].edge) == (0.01, 0.1, "")


@pytest.mark.parametrize("all_rates", [False, True])
def test_compare_reports_the_final_seeds_and_tunes_on_the_others(all_rates):
    found = compare(parabola, {"a": -2.0}, TENTHS, seeds=2, final_seeds=3, all_rates=all_rates)
    assert found.best["a"].losses == pytest.approx([0.2, 0.3, 0.4])
    assert found.losses["a"].shape == (4, 2)


def test_difference_is_paired_by_seed():
    losses = {"one": [1.0, 2.0, 4.0], "other": [0.5, 1.0, 2.5]}
    found = compare(lambda name, lr, seed: losses[name][seed], {"one": "one", "other": "other"}, [0.1], seeds=3)
    mean, error = found.difference("one", "other")
    assert mean == pytest.approx(1.0)
    assert error == pytest.approx(0.5 / np.sqrt(3))
    assert found.difference("other", "one")[0] == pytest.approx(-1.0)


def test_a_rate_with_a_seed_that_diverges_is_never_the_best():
    def train(method, lr, seed):
        if lr == 1.0 and seed == 1:
            raise OverflowError
        return np.inf if lr == 0.1 and seed == 1 else -lr

    found = compare(train, {"a": None}, TENTHS, seeds=2)
    assert found.best["a"].lr == 0.01
    nothing = compare(lambda method, lr, seed: np.nan, {"a": None}, TENTHS, seeds=2, final_seeds=2)
    assert np.isnan(nothing.best["a"].lr)
    assert np.isnan(nothing.best["a"].losses).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": {}}, "methods must hold at least one"),
        ({"lr": []}, "lr must hold positive rates for 'a'"),
        ({"lr": [0.1, 0.0]}, "lr must hold positive rates"),
        ({"lr": [np.nan]}, "lr must hold positive rates"),
        ({"seeds": 1}, "seeds must be at least two"),
        ({"final_seeds": [1, 2]}, "final_seeds must be two or more that are not among seeds"),
        ({"final_seeds": 1}, "final_seeds must be two or more"),
        ({"all_rates": True, "train": lambda *_: 1.0}, "one loss per rate"),
    ],
)
def test_compare_arguments_are_checked(arguments, message):
    given = {"train": parabola, "methods": {"a": -2.0}, "lr": TENTHS, "seeds": 3} | arguments
    with pytest.raises(ValueError, match=message):
        compare(**given)
