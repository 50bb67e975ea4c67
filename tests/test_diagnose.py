"""The diagnosis of loss curves: right on tasks that its thresholds have not seen, and silent where it cannot know.

``python -m tests.test_diagnose`` prints the confusion matrices.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.search import Diagnosis, diagnose, read_log
from tests import curves

pytestmark = pytest.mark.thorough

ENTRIES = curves.load()
HELD_OUT = [entry for entry in ENTRIES if entry["held_out"]]
NAMES = ("healthy", "too slow", "oscillating", "diverging", "decayed too early", "spike", "plateau")
STEPS = np.arange(200)
FALL = 2.0 * np.exp(-STEPS / 15) + 0.1
NOISE = np.exp(0.05 * np.random.default_rng(0).normal(size=200))


def confusion(entries, with_lr=True):
    found = Counter()
    for entry in entries:
        found[str(entry["label"]), diagnose(entry["loss"], entry["lr"] if with_lr else None).name] += 1
    return found


def share_right(found):
    return sum(n for (label, name), n in found.items() if label == name) / sum(found.values())


def table(found):
    names = (*NAMES, "unclear")
    lines = [" " * 18 + "".join(f"{name[:9]:>11}" for name in names)]
    return "\n".join(
        lines + [f"{label:<18}" + "".join(f"{found[label, name]:11d}" for name in names) for label in NAMES]
    )


# The labeled curves


def test_there_are_enough_curves_of_every_kind() -> None:
    halves = Counter((bool(entry["held_out"]), str(entry["label"])) for entry in ENTRIES)
    assert len(ENTRIES) >= 200
    assert len(HELD_OUT) >= 100
    assert {label for _, label in halves} == set(NAMES)
    assert min(halves[half, label] for half in (False, True) for label in NAMES) >= 5
    tasks = {half: {str(e["task"]) for e in ENTRIES if bool(e["held_out"]) == half} for half in (False, True)}
    assert not tasks[False] & tasks[True]
    assert {task.name for task in curves.TASKS if task.held_out} == tasks[True]


@pytest.mark.xfail(
    reason="the goal, 90 %, is not reached: 87.1 % of the curves of tasks that nobody tuned on are right"
)
def test_held_out_tasks_are_named_right() -> None:
    found = confusion(HELD_OUT)
    print(table(found))
    assert share_right(found) >= 0.9


@pytest.mark.parametrize("with_lr", [True, False])
def test_no_healthy_run_is_called_diverging(with_lr: bool) -> None:
    assert confusion(ENTRIES, with_lr)["healthy", "diverging"] == 0


@pytest.mark.slow
def test_curves_are_those_that_the_script_makes() -> None:
    task = curves.TASKS[0]  # full batches of a quadratic: rounding stays small there
    saved = [entry for entry in ENTRIES if entry["task"] == task.name]
    made = curves.curves_of(task)
    assert [entry["label"] for entry in made] == [entry["label"] for entry in saved]
    for new, old in zip(made, saved, strict=True):
        np.testing.assert_allclose(new["lr"], old["lr"], rtol=2**-11)  # 12 binary digits are kept
        early = slice(0, 20)  # later a run that diverges has magnified the rounding
        np.testing.assert_allclose(new["loss"][early], old["loss"][early], rtol=1e-2)


# What must not matter


@given(scale=st.floats(1e-9, 1e9), index=st.integers(0, len(ENTRIES) - 1))
def test_the_unit_of_the_loss_does_not_matter(scale: float, index: int) -> None:
    loss, lr = ENTRIES[index]["loss"], ENTRIES[index]["lr"]
    assert diagnose(scale * loss, lr).name == diagnose(loss, lr).name


@given(scale=st.floats(1e-9, 1e9), index=st.integers(0, len(ENTRIES) - 1))
def test_the_unit_of_the_rate_does_not_matter(scale: float, index: int) -> None:
    loss, lr = ENTRIES[index]["loss"], ENTRIES[index]["lr"]
    assert diagnose(loss, scale * lr).name == diagnose(loss, lr).name


def test_every_other_step_is_enough() -> None:
    calm = [entry for entry in ENTRIES if entry["label"] != "spike"]  # half of the spikes lie between
    thinned = [{**entry, "loss": entry["loss"][::2], "lr": entry["lr"][::2]} for entry in calm]
    assert share_right(confusion(thinned)) >= share_right(confusion(calm)) - 0.05


@pytest.mark.parametrize("shift", [-2.0, -0.1, 0.05, 1.0])
def test_a_shift_keeps_the_name_of_a_clear_curve(shift: float) -> None:
    """Also below zero, where a log-likelihood of a density goes."""
    assert diagnose(FALL * NOISE + shift).name == "healthy"
    assert diagnose(2 - STEPS / 400 + shift).name == "too slow"
    assert diagnose(1.05**STEPS + shift).name == "diverging"


def test_input_is_left_alone() -> None:
    loss, lr = FALL.copy(), np.full(200, 0.1)
    loss.flags.writeable = lr.flags.writeable = False
    diagnose(loss, lr)
    assert (loss == FALL).all()
    assert diagnose(list(FALL)) == diagnose(FALL)
    assert diagnose(np.repeat(FALL, 2)[::2]).name == "healthy"  # not contiguous
    assert diagnose(FALL.astype(np.float32)).name == "healthy"


# Curves whose name follows from their formula


def test_names_of_formulas() -> None:
    rate = np.full(200, 0.1)
    assert diagnose(FALL).name == "healthy"
    assert diagnose(FALL * NOISE, rate).name == "healthy"
    assert diagnose(np.exp(-STEPS / 400)).name == "too slow"
    assert diagnose(2 * NOISE).name == "plateau"
    assert diagnose(np.where(STEPS < 120, 1.0, np.exp(-(STEPS - 120) / 15))).name == "plateau"
    assert diagnose(1.02**STEPS).name == "diverging"
    assert diagnose(np.where(STEPS < 100, FALL, FALL[100] * 1.1 ** (STEPS - 100.0))).name == "diverging"
    assert diagnose(1 + (-1.0) ** STEPS * np.minimum(0.9, STEPS / 20) + np.exp(-STEPS / 5)).name == "oscillating"


def test_a_spike_is_named_with_its_step_and_size() -> None:
    loss = FALL * NOISE
    loss[120] *= 20
    found = diagnose(loss)
    assert found.name == "spike"
    assert found.numbers["jump_at"] == 120
    assert np.exp(found.numbers["jump"]) == pytest.approx(loss[120] / np.median(loss[112:120]))
    assert "At step 120 " in found.evidence[0]


def test_a_decay_is_too_early_only_while_the_loss_falls() -> None:
    slow = np.exp(-np.minimum(STEPS, 30) / 30)  # falls until step 30
    early, late = np.where(STEPS < 30, 0.1, 1e-4), np.where(STEPS < 150, 0.1, 1e-4)
    found = diagnose(slow, early)
    assert found.name == "decayed too early"
    assert found.numbers["decay_at"] == 0.15
    assert diagnose(slow, late).name != "decayed too early"
    assert diagnose(np.exp(-np.minimum(STEPS, 30) / 3), early).name == "healthy"  # it was done by then
    assert diagnose(slow).name != "decayed too early"


# Where there is nothing to tell


@pytest.mark.parametrize("n", [0, 1, 2, 5, 19])
def test_short_curves_are_unclear(n: int) -> None:
    for loss in (FALL[:n], 1.5 ** STEPS[:n], np.full(n, np.nan)):
        found = diagnose(loss)
        assert found.name == "unclear"
        assert f"{n} values" in found.evidence[0]


def test_losses_that_are_not_finite() -> None:
    for bad in (np.nan, np.inf):
        found = diagnose([*FALL[:50], *[bad] * 30])
        assert found.name == "diverging"
        assert "step 50 " in found.evidence[0]
        gaps = FALL.copy()
        gaps[[3, 70, 71]] = bad  # a log with holes
        assert diagnose(gaps, np.full(200, 0.1)).name == "healthy"
    assert diagnose(np.full(100, np.nan)).name == "unclear"
    assert diagnose([*[np.nan] * 90, *FALL[:10]]).name == "unclear"


def test_a_constant_is_a_plateau() -> None:
    for value in (0.0, 2.3, -1.0, 1e300):
        assert diagnose(np.full(50, value)).name == "plateau"


def test_extreme_values_raise_nothing() -> None:
    assert diagnose(np.geomspace(1, 1e300, 100)).name == "diverging"
    assert diagnose(np.geomspace(1e300, 1, 100)).name in {"healthy", "too slow"}
    assert diagnose(np.maximum(FALL - 0.1, 0) * (STEPS < 100)).name == "healthy"  # zero from step 100 on
    assert diagnose(np.linspace(0, 1, 100)).name == "diverging"  # starts at zero


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=0, max_size=60))
def test_any_numbers_get_a_name(loss: list[float]) -> None:
    found = diagnose(np.array(loss, dtype=float))
    assert found.name in (*NAMES, "unclear")
    assert found.evidence
    assert found.advice


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a", "b"],), "loss must be a one-dimensional array of numbers, got loss=['a', 'b']"),
        ((np.ones((30, 2)),), "loss must be a one-dimensional array of numbers, got shape (30, 2)"),
        ((1.0,), "loss must be a one-dimensional array of numbers, got shape ()"),
        ((FALL, [0.1, 0.1]), "lr must have one rate for each loss, got 2 rates and 200 losses"),
        ((FALL, -np.ones(200)), "lr must be a finite number >= 0, got lr[0]=-1.0"),
        ((FALL, np.full(200, np.nan)), "lr must be a finite number >= 0, got lr[0]=nan"),
    ],
)
def test_bad_input_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        diagnose(*arguments)


def test_printed_form() -> None:
    found = Diagnosis("healthy", ("It fell.", "It is calm."), "Keep the rate.")
    assert str(found) == "healthy\n- It fell.\n- It is calm.\nKeep the rate."


# Files and the command line


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", "-m", "lrlab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def table_file(path: Path, header: str = "step,lr,loss", loss: np.ndarray = FALL) -> Path:
    rows = [f"{t},0.1,{value!r}" for t, value in enumerate(loss.tolist())]
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


def test_csv(tmp_path: Path) -> None:
    loss, lr = read_log(table_file(tmp_path / "run.csv"))
    assert (loss == FALL).all()
    assert (lr == 0.1).all()
    loss, lr = read_log(table_file(tmp_path / "run.csv", header="step,rate,train/loss"), "train/loss", "rate")
    assert (loss == FALL).all()
    assert (lr == 0.1).all()
    assert read_log(table_file(tmp_path / "run.csv", header="step,rate,loss"))[1] is None
    (tmp_path / "bare.csv").write_text("1.5\n\n2.5\ninf\nnan\n")
    np.testing.assert_array_equal(read_log(tmp_path / "bare.csv")[0], [1.5, 2.5, np.inf, np.nan])
    (tmp_path / "sparse.csv").write_text("\ufeffloss, lr, test\n2,0.1,\n,,0.5\n1,0.1,\n", encoding="utf-8")
    loss, lr = read_log(tmp_path / "sparse.csv")
    np.testing.assert_array_equal(loss, [2, 1])
    np.testing.assert_array_equal(lr, [0.1, 0.1])


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "loss.npy", FALL.astype(np.float32))
    loss, lr = read_log(tmp_path / "loss.npy")
    np.testing.assert_allclose(loss, FALL, rtol=1e-6)
    assert lr is None


def test_tensorboard(tmp_path: Path) -> None:
    from lrlab.pytorch import log_to_tensorboard
    from lrlab.pytorch.history import History

    none = np.array([])
    history = History(np.full(200, 0.1), FALL, None, none.astype(int), none, none, 1.0, "cpu")
    log_to_tensorboard(history, tmp_path)
    (file,) = tmp_path.iterdir()
    for path in (tmp_path, file):
        loss, lr = read_log(path)
        np.testing.assert_allclose(loss, FALL, rtol=1e-6)
        np.testing.assert_allclose(lr, np.full(200, 0.1), rtol=1e-6)
    with pytest.raises(ValueError, match=r"column must be one of the tags \(.*loss.*\), got column='nothing'"):
        read_log(tmp_path, "nothing")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.csv", b"", "path must be a file with numbers, got path="),
        ("run.csv", b"step,value\n0,1\n", "column must be one of step, value, got column='loss'"),
        ("run.csv", b"loss\n1\nhello\n", "column must hold numbers, got 'hello' in row 3"),
        ("run.csv", b"loss\n\xff\xfe\x00\n", "path must be a text file of columns"),
        ("run.npy", b"no array", "path must be an array that NumPy saved"),
        ("run.txt", b"1\n2\n", "path must be a .csv or .npy file or an event file of TensorBoard"),
    ],
)
def test_unreadable_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_log(tmp_path / name)


def test_arrays_of_another_shape_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "grid.npy", np.ones((3, 3)))
    with pytest.raises(ValueError, match="path must hold a one-dimensional array of numbers"):
        read_log(tmp_path / "grid.npy")
    with pytest.raises(FileNotFoundError, match="path must be a file that exists"):
        read_log(tmp_path / "none.csv")


def test_command_line(tmp_path: Path) -> None:
    picture = tmp_path / "run.png"
    done = run("diagnose", table_file(tmp_path / "run.csv"), "--picture", picture)
    assert done.stderr == ""
    assert done.returncode == 0
    loss, lr = read_log(tmp_path / "run.csv")
    assert done.stdout == f"{diagnose(loss, lr)}\n"
    assert done.stdout.startswith("healthy\n- The loss fell to ")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_command_line_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    file = table_file(tmp_path / "run.csv")
    for arguments in (
        (tmp_path / "none.csv",),
        (file, "--column", "accuracy"),
        (file, "--picture", tmp_path / "x.abc"),
    ):
        done = run("diagnose", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("python -m lrlab diagnose: ")
        assert done.stderr.count("\n") == 1
    assert run().returncode == 2


if __name__ == "__main__":
    for title, half in (("development", False), ("held out", True)):
        for with_lr in (True, False):
            part = confusion([entry for entry in ENTRIES if bool(entry["held_out"]) == half], with_lr)
            print(f"{title}, {'with' if with_lr else 'without'} rates: {share_right(part):.1%} right\n{table(part)}\n")
