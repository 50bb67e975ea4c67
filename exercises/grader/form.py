"""What is wrong with the form of a problem set, or with a release: found before a student finds it."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exercises.grader.course import (
    BEGIN,
    BEGIN_HIDDEN,
    CONSTANTS,
    END,
    END_HIDDEN,
    SOURCE,
    Cell,
    ProblemSet,
)
from exercises.grader.sandbox import FRAMEWORKS

MARKS = (BEGIN, END, BEGIN_HIDDEN, END_HIDDEN)
LIKE_A_MARK = re.compile(r"#{3,}|#.*\b(BEGIN|END|SOLUTIONS?|HIDDEN)\b")
ALWAYS = {"numpy", "scipy", "matplotlib", *sys.stdlib_module_names}


def faults(problems: ProblemSet, folder: Path | None = None) -> list[str]:
    """Return what breaks the form that exercises/README.md describes, a line each."""
    folder = folder or SOURCE / problems.name
    found = [f"{path.name} lies in the source folder; nbgrader would release it as it is" for path in _others(folder)]
    for cell in problems.cells:
        found += [f"{cell.grade_id or 'a cell without a name'}: {fault}" for fault in _cell_faults(cell, problems)]
    ids = [cell.grade_id for cell in problems.cells if cell.grade_id]
    found += [f"the name {name} stands twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    names = [problem.name for problem in problems.rubric.problems]
    if names != [cell.grade_id for cell in problems.cells if cell.solution]:
        found.append("the rubric's problems are not the notebook's solution cells, in their order")
        return found
    checks = [cell.grade_id for cell in problems.cells if cell.grade]
    if checks != [f"{name}-check" for name in names]:
        return [*found, "not every problem has one check, NAME-check"]
    for problem in problems.rubric.problems:
        points = problems.points(problem)
        if points <= 0:
            found.append(f"{problem.name}: no points")
        stated = re.search(r"\((\d+(?:\.\d+)?) points?\b", problems.heading(problem))
        if stated is None or float(stated[1]) != points:
            found.append(f"{problem.name}: the heading above it does not say its {points:g} points")
        if problem.measure and max(problem.thresholds.values(), default=0) != points:
            found.append(f"{problem.name}: the best threshold does not give all {points:g} points")
    if problems.rubric.constants is not None and CONSTANTS not in ids:
        found.append(f"the rubric has constants, the notebook no cell {CONSTANTS!r}")
    return found


def _others(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*")):
        if path.name not in (f"{folder.name}.ipynb", ".ipynb_checkpoints"):
            yield path


def _cell_faults(cell: Cell, problems: ProblemSet) -> Iterator[str]:
    if cell.kind != "code":
        return
    marks = [line.strip() for line in cell.source.splitlines() if LIKE_A_MARK.match(line.strip())]
    yield from (f"{line!r} is none of {', '.join(MARKS)}" for line in marks if line not in MARKS)
    wanted = [BEGIN, END] if cell.solution else [BEGIN_HIDDEN, END_HIDDEN] if cell.grade else []
    if marks != wanted and all(line in MARKS for line in marks):
        yield f"it has the marks {marks}, not {wanted}"
    if cell.solution and not re.search(r"^\s*# .*Equations? \(", cell.source, re.MULTILINE):
        yield "no comment names the equation: # Equation (1): …"
    if cell.grade and "assert" not in cell.released:
        yield "it checks nothing that a student sees"
    for node in ast.walk(ast.parse(cell.source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.split(".")[0] not in {*ALWAYS, *problems.rubric.packages}:
                yield f"it imports {name}, which students may not have; packages are {FRAMEWORKS}"


def leaks(problems: ProblemSet, released: dict[str, Any], folder: Path) -> list[str]:
    """Return what a release holds that students should not get, or lacks."""
    found = [f"{path.name} lies in the release" for path in _others(folder)]
    cells = {}
    for cell in released["cells"]:
        source = "".join(cell["source"])
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        cells[name] = source
        found += [f"{name}: {mark} is in the release" for mark in MARKS if mark in source]
    for cell in problems.cells:
        if cell.grade_id and cell.kind == "code" and cells.get(cell.grade_id, "").rstrip() != cell.released:
            found.append(f"{cell.grade_id}: the release is not the source without its solution and hidden tests")
    return found
