"""Into nbgrader's gradebook: the grader's points as automatic scores, and notebooks that formgrader shows."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exercises.grader.batch import submissions
from exercises.grader.course import EXERCISES, ProblemSet
from exercises.grader.grading import NotANotebookError, Record, code_cells, read
from exercises.grader.report import number, said


def write_gradebook(records: Iterable[Record], problems: ProblemSet, submitted: Path, course: Path = EXERCISES) -> None:
    """Write records into `gradebook.db` and `autograded/`, beside what was graded by hand there.

    Parameters
    ----------
    records : iterable of Record
    problems : ProblemSet
        A set whose release nbgrader has made, so that the gradebook knows its cells.
    submitted : Path
        Where the notebooks lie.
    course : Path
        nbgrader's course folder.
    """
    from nbgrader.api import Gradebook

    name = problems.name
    released = json.loads((course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    paths = dict(submissions(name, submitted))
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for record in records:
            student = record.submission
            book.update_or_create_student(student)
            with book.db.no_autoflush:  # nbgrader's own code would make SQLAlchemy warn
                book.update_or_create_submission(name, student)
            for result in record.results:
                cell = book.find_grade(f"{result.problem}-check", name, name, student)
                cell.auto_score, cell.needs_manual_grade = result.points, False
            book.db.commit()
            folder = course / "autograded" / student / name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                cells = code_cells(read(paths[student], below=submitted))
            except NotANotebookError:
                cells = []
            made = _notebook(released, dict(cells), record)
            (folder / f"{name}.ipynb").write_text(json.dumps(made, indent=1), encoding="utf-8")


def _notebook(released: dict[str, Any], answers: dict[str, str], record: Record) -> dict[str, Any]:
    """Return the release with the student's answers in its blanks and the grader's words below its checks.

    Nothing else of the submission gets in: its outputs and texts could hold scripts, which would run in the
    instructor's browser.
    """
    results = {f"{result.problem}-check": result for result in record.results}
    cells = []
    for cell in released["cells"]:
        made = dict(cell)
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if cell["metadata"].get("nbgrader", {}).get("solution") and name in answers and cell["cell_type"] == "code":
            made["source"] = answers[name]
        if name in results:
            result = results[name]
            words = [f"{result.outcome}: {number(result.points)} of {number(result.out_of)}", *said(result, {})]
            made["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "\n".join(words) + "\n"}]
        cells.append(made)
    return {**released, "cells": cells}
