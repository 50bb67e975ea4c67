"""The course works with stock nbgrader: its commands, and formgrader in a browser."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from exercises.grader.batch import grade_all
from exercises.grader.course import EXERCISES, SOURCE, ProblemSet, sets
from exercises.grader.gradebook import write_gradebook
from exercises.grader.grading import Record
from exercises.grader.release import release
from tests.classroom import fill
from tests.lab import TOKEN, serving

pytestmark = pytest.mark.thorough
SET = ProblemSet("step_size")
# nbgrader compares a check cell with its source, hidden tests and all, and so finds every honest one changed.
HIDDEN = re.compile(r".*WARNING\] Attribute 'checksum' for cell \S+-check has changed!.*\n")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of the course."""
    shutil.copy(EXERCISES / "nbgrader_config.py", tmp_path)
    shutil.copytree(SOURCE, tmp_path / "source", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return tmp_path


def nbgrader(course: Path, *arguments: str) -> str:
    """Run a command of nbgrader; hold that it neither fails nor warns."""
    command = [str(Path(sys.executable).with_name("nbgrader")), *arguments]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not re.search(r"warning|error|critical", HIDDEN.sub("", said), re.IGNORECASE), said
    return said


def stock(course: Path, name: str) -> None:
    notebook = f"source/{name}/{name}.ipynb"
    assert "Success! Your notebook passes all the tests." in nbgrader(course, "validate", notebook)
    nbgrader(course, "generate_assignment", name)
    released = json.loads((course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    for student in ("bob", "ada"):
        (course / "submitted" / student / name).mkdir(parents=True)
        text = json.dumps(released)
        (course / "submitted" / student / name / f"{name}.ipynb").write_text(text, encoding="utf-8")
        for cell in released["cells"]:  # bob leaves all blanks, ada fills them in
            notes = cell["metadata"].get("nbgrader", {})
            if notes.get("solution"):
                cell["source"] = ProblemSet(name).cell(notes["grade_id"]).source
    nbgrader(course, "autograde", name)
    nbgrader(course, "generate_feedback", name)
    assert (course / "feedback" / "ada" / name / f"{name}.html").exists()
    nbgrader(course, "export", "--to", "grades.csv")
    with (course / "grades.csv").open(newline="") as stream:
        rows = {row["student_id"]: row for row in csv.DictReader(stream) if row["assignment"] == name}
    total = ProblemSet(name).total
    assert {student: float(row["score"]) for student, row in rows.items()} == {"ada": total, "bob": 0}
    assert {float(row["max_score"]) for row in rows.values()} == {total}


def test_stock_commands(course: Path) -> None:
    stock(course, SET.name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sets())
def test_stock_commands_for_every_set(name: str, course: Path) -> None:
    stock(course, name)


@pytest.mark.slow
def test_formgrader_shows_the_points(course: Path, chromium: str) -> None:
    """Points, notebooks with the grader's words, and a comment by hand that stays."""
    release([SET.name], course=course)
    fill(course / "submitted", SET, 7)

    def graded() -> list[Record]:
        records = grade_all(SET.name, course / "submitted", course / "records", progress=False)
        write_gradebook(records, SET, course / "submitted", course)
        return records

    records = graded()
    with sync_playwright() as playwright, serving(course) as address:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        failures: list[str] = []
        page.route(lambda url: not url.startswith(address), lambda route: route.abort())
        page.on("response", lambda response: failures.append(response.url) if response.status >= 400 else None)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(f"{address}/lab?token={TOKEN}")  # signs in
        page.goto(f"{address}/formgrader/manage_submissions/{SET.name}")
        for record in records:
            row = page.locator("tr", has=page.get_by_text(record.submission, exact=True))
            row.get_by_text(f"{record.score:g} / {record.out_of:g}", exact=True).wait_for()
        page.goto(f"{address}/formgrader/gradebook/{SET.name}/{SET.name}")
        page.locator("td.name a").first.click()
        page.get_by_text("Problem set: the step size").wait_for()
        assert page.locator("input.score").count() == len(SET.problems)
        page.wait_for_function("formgrader.comments?.loaded")  # until then it writes over what is typed
        with page.expect_response(
            lambda response: "/api/comment/" in response.url and response.request.method == "PUT"
        ):
            page.locator("textarea.comment").first.fill("read the hint again")
            page.locator("textarea.comment").first.blur()
        graded()
        page.reload()
        page.wait_for_function("document.querySelector('textarea.comment').value == 'read the hint again'")
        browser.close()
    assert [failure for failure in failures if "MathJax" not in failure] == []
