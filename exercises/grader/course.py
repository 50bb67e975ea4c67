"""A problem set as the grader knows it: source notebook, rubric, reference solution, mistakes as code."""

import ast
import contextlib
import functools
import hashlib
import importlib
import io
import json
import linecache
import re
import textwrap
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exercises.grader.plain import finish, results
from exercises.grader.rubric import Change, Problem, Rubric

EXERCISES = Path(__file__).resolve().parent.parent
SOURCE = EXERCISES / "source"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
CONSTANTS = "constants"  # the grade_id of the cell that a seeded release rewrites
STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")  # a literal of text: no line may break inside it
STUB = 'raise NotImplementedError("fill in this blank")'

Outcome = dict[str, Any]  # {"value": …} or {"error": [type, text]}, as the runner writes it


def sets() -> list[str]:
    """Return the names of all problem sets."""
    return sorted(path.stem for path in SOURCE.glob("*/*.ipynb") if path.stem == path.parent.name)


@dataclass(frozen=True)
class Cell:
    """A cell of a source notebook: its kind, text and nbgrader's notes on it."""

    kind: str
    source: str
    grade_id: str = ""
    solution: bool = False
    grade: bool = False
    points: float = 0.0

    @property
    def released(self) -> str:
        """The text that a student gets."""
        text = re.sub(
            rf"^[ \t]*{BEGIN_HIDDEN}.*?{END_HIDDEN}[^\n]*\n?", "", self.source, flags=re.DOTALL | re.MULTILINE
        )
        return re.sub(
            rf"^([ \t]*){BEGIN}.*?{END}[^\n]*", rf"\g<1>{STUB}", text, flags=re.DOTALL | re.MULTILINE
        ).rstrip()


def with_constants(source: str, values: Mapping[str, Any]) -> str:
    """Return a cell's source in which the assigned names have new values; comments stay."""
    lines = source.splitlines()
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    found = {node.targets[0].id: node for node in nodes if isinstance(node.targets[0], ast.Name)}
    if missing := values.keys() - found.keys():
        raise ValueError(f"the cell {CONSTANTS} does not assign {sorted(missing)}")
    for name in sorted(values, key=lambda name: -found[name].lineno):
        node = found[name].value
        assert node.end_lineno is not None
        first, last = lines[node.lineno - 1].encode(), lines[node.end_lineno - 1].encode()
        before, after = first[: node.col_offset].decode(), last[node.end_col_offset :].decode()
        text = repr(values[name])
        if len(before + text + after) > 88:
            text = "\n".join(
                ["(" if text[0] not in "[{(" else text[0], *_wrapped(text), ")" if text[0] not in "[{(" else text[-1]]
            )
        lines[node.lineno - 1 : node.end_lineno] = (before + text + after).splitlines()
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    inner = STRING.sub(lambda found: found[0].replace(" ", "\0"), text[1:-1] if text[0] in "[{(" else text)
    lines = textwrap.wrap(
        inner, 84, initial_indent="    ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return [line.replace("\0", " ") for line in lines]


class ProblemSet:
    """A problem set: source notebook and rubric, for one seed.

    Parameters
    ----------
    name : str
        The set's name, `step_size`.
    seed : int, optional
        The seed of the release; without it, the numbers of the source notebook.
    """

    def __init__(self, name: str, seed: int | None = None) -> None:
        if name not in sets():
            raise ValueError(f"no problem set {name!r}; there are {', '.join(sets())}")
        self.name, self.seed = name, seed
        self.rubric: Rubric = importlib.import_module(f"exercises.rubrics.{name}").RUBRIC
        self.notebook: dict[str, Any] = json.loads((SOURCE / name / f"{name}.ipynb").read_text(encoding="utf-8"))
        if seed is not None and self.rubric.constants is not None:
            values = self.rubric.constants(np.random.default_rng(seed))
            for cell in self.notebook["cells"]:
                if cell["metadata"].get("nbgrader", {}).get("grade_id") == CONSTANTS:
                    cell["source"] = with_constants("".join(cell["source"]), values).splitlines(keepends=True)
        self.problems = {problem.name: problem for problem in self.rubric.problems}
        self.reread()

    def reread(self) -> "ProblemSet":
        """Take the cells from the notebook as it is now."""
        self.cells = [_cell(cell) for cell in self.notebook["cells"]]
        self._by_id = {cell.grade_id: cell for cell in self.cells if cell.grade_id}
        return self

    def cell(self, grade_id: str) -> Cell:
        """Return the cell of this grade_id."""
        if grade_id not in self._by_id:
            raise ValueError(f"{self.name}: the source notebook has no cell {grade_id!r}")
        return self._by_id[grade_id]

    def points(self, problem: Problem) -> float:
        """Return the points of a problem, as its check cell has them."""
        return self.cell(f"{problem.name}-check").points

    @property
    def total(self) -> float:
        """All points of the set."""
        return sum(self.points(problem) for problem in self.rubric.problems)

    def title(self, problem: Problem) -> str:
        """Return the heading of a problem without its points."""
        return re.sub(r" *\([^)]*\)$", "", self.heading(problem))

    def heading(self, problem: Problem) -> str:
        """Return the heading that stands above a problem's solution cell."""
        title = problem.name
        for cell in self.cells:
            if cell.kind == "markdown" and (heading := re.match(r"#+ *(.+)", cell.source)):
                title = heading[1].strip()
            if cell.grade_id == problem.name:
                break
        return title

    @functools.cached_property
    def digest(self) -> str:
        """What a grade depends on: the source notebook, its seed, the rubric and the grader's own code."""
        found = hashlib.sha256(json.dumps([self.notebook, self.seed]).encode())
        found.update((EXERCISES / "rubrics" / f"{self.name}.py").read_bytes())
        for path in sorted(Path(__file__).parent.glob("*.py")):
            found.update(path.read_bytes())
        return found.hexdigest()

    @functools.cached_property
    def namespace(self) -> dict[str, Any]:
        """The names that the source notebook defines, with the reference solutions."""
        names: dict[str, Any] = {"__name__": "__main__"}
        for cell in self.cells:
            if cell.kind == "code" and not cell.grade:
                run(cell.source, names, f"{self.name}/{cell.grade_id}")
        return names

    def changed(self, problem: Problem, change: Change) -> str:
        """Return the solution cell of a problem with a mistake or another solution in it."""
        if isinstance(change, str):
            return textwrap.dedent(change).strip() + "\n"
        source = self.cell(problem.name).source
        for old, new in change.items():
            if old not in source:
                raise ValueError(f"{self.name}, {problem.name}: {old!r} does not stand in the reference solution")
            source = source.replace(old, new)
        return source

    def outcomes(self, problem: Problem, cases: list[list[Any]], change: Change | None = None) -> list[list[Outcome]]:
        """Return what the reference, or a changed solution, gives for these cases."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mistake may warn, as it does in the student's process
            return self._outcomes(problem, cases, change)

    def _outcomes(self, problem: Problem, cases: list[list[Any]], change: Change | None) -> list[list[Outcome]]:
        names = self.namespace
        if change is not None:
            names = dict(names)
            names.pop(problem.answer, None)
            try:
                run(self.changed(problem, change), names, f"{self.name}/{problem.name}/changed")
            except Exception as error:
                return [[{"error": [type(error).__name__, str(error)]}]]
        if problem.inputs is None:
            return [[finish({"value": names.get(problem.answer)})]]
        return results(names[problem.answer], cases, problem.repeat)


def run(source: str, names: dict[str, Any], label: str) -> None:
    """Run trusted code in a namespace, in a way that shows its lines in a traceback; what it prints is dropped."""
    key = hashlib.sha256(source.encode()).hexdigest()[:12]
    file = f"<{label} {key}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, file, "exec"), names)


def _cell(cell: dict[str, Any]) -> Cell:
    notes = cell["metadata"].get("nbgrader", {})
    return Cell(
        kind=cell["cell_type"],
        source="".join(cell["source"]),
        grade_id=notes.get("grade_id", ""),
        solution=notes.get("solution", False),
        grade=notes.get("grade", False),
        points=notes.get("points", 0),
    )
