"""A made-up class: right, wrong, unfinished and hostile submissions of one problem set, and what each must earn."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from exercises.grader.course import ProblemSet

KINDS = ("right", "wrong", "wrong", "hostile", "right", "blank", "broken", "right", "wrong", "hostile")
HOSTILE_CELLS = {
    "exits": "import os\nos._exit(0)",
    "kills": "import os\nos.kill(os.getpid(), 9)",
    "memory": "data = bytearray(10**11)",
    "recursion": "def f():\n    return f()\nf()",
    "noise": "import sys, warnings\nwarnings.warn('noise')\nprint('x' * 10**6, file=sys.stderr)",
    "orphan": "import os\nif os.fork() == 0:\n    os.setsid()\n    import time\n    time.sleep(5)\n    os._exit(0)",
    "patched": "np.allclose = np.isclose = lambda *a, **k: True",
    "searches": "import glob\nassert not glob.glob('/*/submitted')",
    "error": "1 / 0",
}
NO_NOTEBOOKS = {"empty": b"", "truncated": b'{"cells": [', "text": b"my solution", "list": b"[]"}


def notebook(problems: ProblemSet, changes: dict[str, Any] | None = None, release: bool = False) -> dict[str, Any]:
    """A student's notebook: the reference solutions, with some problems changed; or the untouched release."""
    cells: list[dict[str, Any]] = []
    for cell in problems.cells:
        source = cell.released if release or cell.grade else cell.source
        if changes and cell.grade_id in changes:
            source = problems.changed(problems.problems[cell.grade_id], changes[cell.grade_id])
        notes = {"nbgrader": {"grade_id": cell.grade_id}} if cell.grade_id else {}
        made: dict[str, Any] = {"cell_type": cell.kind, "metadata": notes, "source": source}
        cells.append(made | ({"outputs": [], "execution_count": None} if cell.kind == "code" else {}))
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def fill(submitted: Path, problems: ProblemSet, size: int) -> dict[str, float]:
    """Write submissions as nbgrader collects them; return the points that each student must get."""
    rng = np.random.default_rng(size)
    expected = {}
    for number in range(size):
        student = f"student {number:04d}" if number % 10 else f"étudiant-{number:04d}"
        folder = submitted / student / problems.name
        folder.mkdir(parents=True)
        path = folder / f"{problems.name}.ipynb"
        kind = KINDS[number % 10]
        if kind == "broken":
            path.write_bytes(list(NO_NOTEBOOKS.values())[number // 10 % len(NO_NOTEBOOKS)])
            expected[student] = 0.0
            continue
        changes: dict[str, Any] = {}
        points = 0.0 if kind == "blank" else problems.total
        if kind == "wrong":
            for problem in problems.rubric.problems:
                if problem.inputs is not None and rng.random() < 0.4:
                    changes[problem.name] = rng.choice([mistake.change for mistake in problem.mistakes])
                    points -= problems.points(problem)
        made = notebook(problems, changes, release=kind == "blank")
        if kind == "hostile":
            source = list(HOSTILE_CELLS.values())[(number // 10 + number) % len(HOSTILE_CELLS)]
            made["cells"].insert(3, {"cell_type": "code", "metadata": {}, "source": source, "outputs": []})
        path.write_text(json.dumps(made), encoding="utf-8")
        expected[student] = points
    return expected
