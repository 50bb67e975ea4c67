"""A class is graded: in parallel, through kills, on a cluster, into nbgrader's gradebook."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exercises.grader.batch import grade_all, record_file, submissions
from exercises.grader.course import ProblemSet
from exercises.grader.gradebook import write_gradebook
from exercises.grader.grading import Record, Result, grade, read
from exercises.grader.progress import remember
from exercises.grader.release import api, release
from exercises.grader.report import cell, mistakes, page, text
from exercises.grader.sandbox import Sandbox, bubblewrap
from tests.classroom import fill, notebook

pytestmark = pytest.mark.thorough
ROOT = Path(__file__).resolve().parent.parent
SET = ProblemSet("step_size")
MOST_MEMORY = 150_000_000  # bytes of one grading process, however many submissions there are; it needs 50 MB


@pytest.fixture(autouse=True)
def sandbox(require: Callable[[bool, str], None]) -> None:
    require(bubblewrap() is not None, "no bubblewrap that works here")


def state(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def untimed(record: Record) -> dict[str, Any]:
    data = record.data()
    del data["seconds"]
    return data


def written(records: Path) -> list[Path]:
    return sorted(records.glob("[!.]*.json"))


def graders_memory(pid: int) -> list[int]:
    """Bytes that a process and its descendants hold, each; those that begin a sandbox, and all in it, left out."""
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() == "bwrap":
            return []
        held = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        tasks = os.listdir(f"/proc/{pid}/task")
        children = "".join(Path(f"/proc/{pid}/task/{task}/children").read_text() for task in tasks)
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [held, *(size for child in map(int, children.split()) for size in graders_memory(child))]


def graded_with_a_kill(submitted: Path, records: Path, enough: int) -> None:
    """Start grading from the command line and kill it when so many records are there."""
    command = [sys.executable, "-m", "exercises.grader", "class", SET.name, "--jobs", "2", "--seed", "7"]
    command += ["--submitted", str(submitted), "--records", str(records)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while len(written(records)) < enough:
            assert process.poll() is None, "it ended before it was killed"
            assert max(graders_memory(process.pid), default=0) < MOST_MEMORY
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def hold(size: int, tmp_path: Path, alone: int) -> None:
    """Grade a class with a kill half-way; compare every score, and some records with grading them alone."""
    submitted, records = tmp_path / "submitted", tmp_path / "records"
    problems = ProblemSet(SET.name, 7)
    expected = fill(submitted, problems, size)
    before = state(submitted)
    graded_with_a_kill(submitted, records, size // 2)
    half = {path: path.stat().st_mtime_ns for path in written(records)}
    assert size // 2 <= len(half) < size
    start = time.monotonic()
    found = grade_all(SET.name, submitted, records, seed=7, n_jobs=2, progress=False)
    assert {record.submission: record.score for record in found} == expected
    assert len(found) == len(written(records)) == size
    assert [record.status for record in found].count("grader error") == 0
    assert {path: path.stat().st_mtime_ns for path in half} == half, "a record was made twice"
    assert state(submitted) == before
    assert not list(records.glob("*.part")) + list(records.glob(".*.part"))
    key = bytes.fromhex((records / ".key").read_text())
    paths = dict(submissions(SET.name, submitted))
    for record in found[:: max(size // alone, 1)]:
        data = json.loads(record_file(records, record.submission).read_text())
        assert Record.of(data) == record
        assert untimed(grade(paths[record.submission], problems, key, record.submission)) == untimed(record)
    with (records / "grades.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["student"]: float(row["score"]) for row in rows} == expected
    again = time.monotonic()
    assert grade_all(SET.name, submitted, records, seed=7, progress=False) == found
    assert time.monotonic() - again < max(0.2 * (again - start), 5), "what is done is not done again"


def test_a_class_with_a_kill_and_a_resume(tmp_path: Path) -> None:
    hold(60, tmp_path, alone=20)


@pytest.mark.slow
def test_a_thousand_submissions(tmp_path: Path) -> None:
    hold(1000, tmp_path, alone=100)


def processor_time(pid: int) -> float:
    """Seconds of a process and its descendants; those in the sandbox are killed and so never counted as children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return seconds + sum(processor_time(int(child)) for child in children)


def test_an_honest_submission_is_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processor time of the grader and of the sandbox, together."""
    path = tmp_path / "step_size.ipynb"
    path.write_text(json.dumps(notebook(SET)))
    inside: list[float] = []
    close = Sandbox.close

    def measured(sandbox: Sandbox) -> None:
        inside.append(processor_time(sandbox.process.pid))
        close(sandbox)

    monkeypatch.setattr(Sandbox, "close", measured)
    times = []
    for _ in range(5):
        start = time.process_time()
        assert grade(path, SET).score == SET.total
        times.append(time.process_time() - start + inside.pop())
    assert inside == []
    assert 0.05 < sorted(times)[2] <= 2, times


def test_links_between_students_are_not_followed(tmp_path: Path) -> None:
    submitted = tmp_path / "submitted"
    expected = fill(submitted, SET, 1)
    honest = next(iter(expected))
    file = f"{SET.name}.ipynb"
    (submitted / "whole").symlink_to(submitted / honest)
    (submitted / "folder").mkdir()
    (submitted / "folder" / SET.name).symlink_to(submitted / honest / SET.name)
    (submitted / "file" / SET.name).mkdir(parents=True)
    (submitted / "file" / SET.name / file).symlink_to(submitted / honest / SET.name / file)
    (submitted / "up" / SET.name).mkdir(parents=True)
    (submitted / "up" / SET.name / file).symlink_to(f"../../{honest}/{SET.name}/{file}")
    (submitted / "nothing").mkdir()
    found = grade_all(SET.name, submitted, tmp_path / "records", progress=False)
    assert {record.submission: record.status for record in found} == {
        honest: "graded",
        **dict.fromkeys(("whole", "folder", "file", "up", "nothing"), "not a notebook"),
    }
    assert sum(record.score for record in found) == SET.total


def test_a_renamed_notebook_and_strange_folders(tmp_path: Path) -> None:
    submitted = tmp_path / "submitted"
    names = ["with space", "名前", "new\nline", "=1+1", "-rf", "a" * 200, os.fsdecode(b"\xe9t\xe9")]
    for name in names:
        folder = submitted / name / SET.name
        folder.mkdir(parents=True)
        (folder / "my solution (2).ipynb").write_text(json.dumps(notebook(SET)))
    found = grade_all(SET.name, submitted, tmp_path / "records", progress=False)
    assert {record.submission for record in found} == set(names)
    assert {record.score for record in found} == {SET.total}
    assert len(written(tmp_path / "records")) == len(names)
    with (tmp_path / "records" / "grades.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(names)
    assert not [row for row in rows if row["student"][0] in "=+-@"]


def test_what_changed_is_graded_again(tmp_path: Path) -> None:
    submitted, records = tmp_path / "submitted", tmp_path / "records"
    folder = submitted / "a" / SET.name
    folder.mkdir(parents=True)
    (folder / "step_size.ipynb").write_text(json.dumps(notebook(SET, release=True)))
    assert [record.score for record in grade_all(SET.name, submitted, records, progress=False)] == [0]
    (folder / "step_size.ipynb").write_text(json.dumps(notebook(SET)))
    assert [record.score for record in grade_all(SET.name, submitted, records, progress=False)] == [SET.total]
    record_file(records, "a").write_text("{")
    assert [record.score for record in grade_all(SET.name, submitted, records, progress=False)] == [SET.total]


def test_a_seeded_class(tmp_path: Path) -> None:
    """Published numbers earn nothing where the class has others."""
    variant = ProblemSet(SET.name, 7)
    for name, problems in (("own", variant), ("copied", SET)):
        folder = tmp_path / "submitted" / name / SET.name
        folder.mkdir(parents=True)
        (folder / "step_size.ipynb").write_text(json.dumps(notebook(problems)))
    records = grade_all(SET.name, tmp_path / "submitted", tmp_path / "records", seed=7, progress=False)
    found = {record.submission: {r.problem for r in record.results if r.outcome == "right"} for record in records}
    assert found["own"] == set(SET.problems)
    assert {"edge", "fates", "read-rates"}.isdisjoint(found["copied"])


# ------------------------------------------------------------------------------------------------- what people read


def test_a_mistake_is_told(tmp_path: Path) -> None:
    path = tmp_path / "step_size.ipynb"
    problem = SET.problems["one-step"]
    path.write_text(json.dumps(notebook(SET, {"one-step": problem.mistakes[0].change})))
    record = grade(path, SET)
    told = text(record)
    for part in ("Sign flipped.", "subtract it", "expected: ", "actual: ", "one_step("):
        assert part in told
    assert "return theta - eta * grad" not in told
    hints = [remember(record, SET, tmp_path / "progress").get("one-step") for _ in range(4)]
    assert hints == [problem.hints[0], problem.hints[1], problem.hints[1], problem.hints[1]]
    known = json.loads((tmp_path / "progress" / "progress.json").read_text())[SET.name]
    assert known["one-step"] == {"tries": 4, "best": 0}
    assert known["edge"] == {"tries": 4, "best": SET.points(SET.problems["edge"])}
    assert problem.hints[1] in (tmp_path / "progress" / "step_size.html").read_text()


def test_the_answer_to_a_number_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "step_size.ipynb"
    path.write_text(json.dumps(notebook(SET, {"edge": "edge = 17.25"})))
    told = text(grade(path, SET))
    assert "17.25" in told
    assert f"{SET.namespace['edge']:.4f}"[:6] not in told


def made_record(words: str) -> Record:
    result = Result("p", words, 0, 1, "wrong", words, words, {"actual": words})
    return Record(words, words, "", "crashed", words, 0, 1, [result], [words])


def test_the_page_escapes_what_students_wrote() -> None:
    shown = page(made_record("<script>alert(1)</script>"), {"p": "<b>"})
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown


def test_tables() -> None:
    assert [cell(value) for value in ("=1", "@a", "-b", "a=1", "a\nb", 3.5)] == [
        "'=1",
        "'@a",
        "'-b",
        "a=1",
        "a b",
        "3.5",
    ]
    assert mistakes([made_record("sign"), made_record("sign"), made_record("shape")]) == [
        ("p", "sign", 2),
        ("p", "shape", 1),
    ]


def test_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "step_size.ipynb"
    path.write_text(json.dumps(notebook(SET)))
    command = [sys.executable, "-m", "exercises.grader"]
    done = subprocess.run([*command, str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "16 of 16 points" in done.stdout
    other = path.rename(tmp_path / "mine.ipynb")
    done = subprocess.run([*command, str(other)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "--set NAME" in done.stderr
    done = subprocess.run(
        [*command, str(other), "--set", SET.name], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0


def test_without_a_sandbox_it_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where bubblewrap is missing, a separate process with limits grades one's own work."""
    bubblewrap.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        path = tmp_path / "step_size.ipynb"
        path.write_text(json.dumps(notebook(SET)))
        record = grade(path, SET)
        assert record.score == SET.total
        assert not record.sandboxed
        assert "only your own work" in text(record)
        made = notebook(SET)
        made["cells"].insert(
            3, {"cell_type": "code", "metadata": {}, "source": "data = bytearray(10**11)", "outputs": []}
        )
        path.write_text(json.dumps(made))
        assert (grade(path, SET).status, grade(path, SET).score) == ("memory", SET.total)
    finally:
        bubblewrap.cache_clear()


# ---------------------------------------------------------------------------------------------- nbgrader's gradebook


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with a release and six submissions that are graded into its gradebook."""
    if bubblewrap() is None:
        pytest.skip("no bubblewrap that works here")
    folder = tmp_path_factory.mktemp("course")
    release([SET.name], course=folder)
    fill(folder / "submitted", SET, 7)
    records = grade_all(SET.name, folder / "submitted", folder / "records", progress=False)
    write_gradebook(records, SET, folder / "submitted", folder)
    write_gradebook(records, SET, folder / "submitted", folder)  # twice does no harm
    return folder


def test_the_gradebook_has_the_points(course: Path) -> None:
    from nbgrader.api import Gradebook

    records = {record.submission: record for record in grade_all(SET.name, course / "submitted", course / "records")}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        found = {row["student"]: (row["score"], row["max_score"]) for row in book.submission_dicts(SET.name)}
        assert found == {name: (record.score, SET.total) for name, record in records.items()}
        grades = book.find_submission_notebook(SET.name, SET.name, "student 0001").grades
        assert {grade.name: grade.auto_score for grade in grades} == {
            f"{result.problem}-check": result.points for result in records["student 0001"].results
        }


def test_points_by_hand_stay(course: Path) -> None:
    from nbgrader.api import Gradebook

    student, database = "student 0002", f"sqlite:///{course / 'gradebook.db'}"
    with Gradebook(database) as book:
        by_hand = book.find_grade("edge-check", SET.name, SET.name, student)
        by_hand.manual_score, by_hand.extra_credit = 1.5, 0.5
        book.db.commit()
    records = grade_all(SET.name, course / "submitted", course / "records", progress=False)
    write_gradebook(records, SET, course / "submitted", course)
    with Gradebook(database) as book:
        again = book.find_grade("edge-check", SET.name, SET.name, student)
        assert (again.manual_score, again.extra_credit, again.score) == (1.5, 0.5, 2.0)
        again.manual_score = again.extra_credit = None
        book.db.commit()


def test_nothing_of_a_students_outputs_gets_into_the_gradebook(course: Path) -> None:
    made = json.loads((course / "autograded" / "student 0001" / SET.name / f"{SET.name}.ipynb").read_text())
    outputs = [output for part in made["cells"] for output in part.get("outputs", [])]
    assert {output["output_type"] for output in outputs} == {"stream"}
    assert len(outputs) == len(SET.problems)


def test_api_makes_feedback(course: Path) -> None:
    result = api(course, course / "source").generate_feedback(SET.name, "student 0001")
    assert result["success"], result["log"]
    shown = (course / "feedback" / "student 0001" / SET.name / f"{SET.name}.html").read_text()
    assert "right: " in shown


# --------------------------------------------------------------------------------------------- a cluster, on loopback


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """A scheduler and two workers, each a process of its own that nobody starts again."""
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
    commands = [["distributed.cli.dask_scheduler", "--port", "0", *common], worker, worker]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, **quiet) for command in commands]
    try:
        from dask.distributed import Client

        while not place.exists():
            assert started[0].poll() is None
            time.sleep(0.05)
        with Client(scheduler_file=str(place)) as client:
            client.wait_for_workers(2, timeout=60)
            yield started[1:]
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def test_on_a_cluster_that_loses_a_worker(cluster: list["subprocess.Popen[bytes]"], tmp_path: Path) -> None:
    submitted, records = tmp_path / "submitted", tmp_path / "records"
    expected = fill(submitted, SET, 20)

    import threading

    def kill_one() -> None:
        while len(written(records)) < 5:
            time.sleep(0.05)
        cluster[0].kill()

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    found = grade_all(SET.name, submitted, records, backend="dask", progress=False)
    killer.join(5)
    assert cluster[0].poll() == -signal.SIGKILL
    assert {record.submission: record.score for record in found} == expected
    assert len(written(records)) == 20


def test_read_refuses_links_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    assert read(tmp_path / "a" / "b" / "file", below=tmp_path) == b"x"
