"""Make the source notebook of a problem set from a script in the percent format, for authors.

    python -m exercises.author SCRIPT.py exercises/source/SET/SET.ipynb

The heading of each code cell says what the cell is; nbgrader's notes are made from it:

    # %% given: NAME               code that the student gets and need not change
    # %% solution: NAME            the reference solution, between ### BEGIN SOLUTION and ### END SOLUTION
    # %% check: NAME (2 points)    the visible checks; then hidden ones, between ### BEGIN HIDDEN TESTS
    #                              and ### END HIDDEN TESTS
    # %% [markdown]                text
    # %%                           code with no meaning to nbgrader
"""

import re
import sys
from pathlib import Path
from typing import Any

import jupytext

from tools.notebooks import clean, text

HEADING = re.compile(r"(given|solution|check): ([a-z0-9_-]+)(?: \((\d+(?:\.\d+)?) points?\))?")


def notes(heading: str) -> dict[str, Any]:
    """Return nbgrader's notes for a cell's heading."""
    found = HEADING.fullmatch(heading.strip())
    if found is None:
        raise ValueError(f"not a heading of a cell: {heading!r}")
    kind, name, points = found.groups()
    if (kind == "check") != (points is not None):
        raise ValueError(f"{heading!r}: a check, and nothing else, says its points")
    made: dict[str, Any] = {
        "grade": kind == "check",
        "grade_id": f"{name}-check" if kind == "check" else name,
        "locked": kind != "solution",
        "schema_version": 3,
        "solution": kind == "solution",
        "task": False,
    }
    return made | ({"points": float(points) if "." in points else int(points)} if points else {})


def notebook(script: str) -> dict[str, Any]:
    """Return the notebook that a script stands for."""
    made: dict[str, Any] = jupytext.reads(script, fmt="py:percent")
    for cell in made["cells"]:
        heading = cell["metadata"].pop("title", "")
        if heading:
            cell["metadata"]["nbgrader"] = notes(heading)
            cell["id"] = cell["metadata"]["nbgrader"]["grade_id"]
    return clean(made)


if __name__ == "__main__":
    Path(sys.argv[2]).parent.mkdir(parents=True, exist_ok=True)
    Path(sys.argv[2]).write_text(text(notebook(Path(sys.argv[1]).read_text(encoding="utf-8"))), encoding="utf-8")
