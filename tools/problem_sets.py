"""Sphinx extension: the page of the problem sets, made from their sources, with the releases as downloads.

nbgrader makes the releases into _build/course, again when a source changed.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.application import Sphinx

if TYPE_CHECKING:
    from exercises.grader.course import ProblemSet
    from exercises.grader.rubric import Problem

PAGE = "book/appendices/exercises"
PLACE = "<!-- problem sets -->"
COURSE_PAGE = "book/appendices/instructors"
COURSE_PLACE = "<!-- table of problem sets -->"
MINUTES = {"easy": 10, "medium": 20, "hard": 35}  # for a student who has read the chapter
COURSE = Path("_build", "course")


def release(app: Sphinx) -> None:
    """Let nbgrader make the releases, unless they are there."""
    root = Path(app.srcdir)
    sources = sorted((root / "exercises").rglob("source/*/*.ipynb"))
    files = [*sources, *sorted((root / "exercises" / "grader").glob("*.py"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    mark = root / COURSE / "digest"
    if mark.exists() and mark.read_text() == digest:
        return
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [sys.executable, "-m", "exercises.grader", "release", "--course", str(root / COURSE)]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"no releases of the problem sets: {done.stdout}{done.stderr}")
    mark.write_text(digest)


def without_marks(source: str) -> str:
    """Return a solution cell as a reader wants it."""
    return "\n".join(line for line in source.splitlines() if not line.strip().startswith("###"))


def plain(text: str) -> str:
    """Return text in which only code in backticks means something to Markdown."""
    return re.sub(r"(`[^`]*`)|([*_$<\[\]\\])", lambda found: found[1] or f"\\{found[2]}", text)


def level(problems: "ProblemSet", problem: "Problem") -> str:
    """Return "easy", "medium" or "hard", as the heading of a problem says."""
    found = re.search(r"\([^)]*\b(easy|medium|hard)\)$", problems.heading(problem))
    if found is None:
        raise ValueError(f"{problems.name}, {problem.name}: the heading says no level")
    return found[1]


def minutes(problems: "ProblemSet") -> int:
    """Return how long a problem set takes."""
    return sum(MINUTES[level(problems, problem)] for problem in problems.rubric.problems)


def overview(found: "list[ProblemSet]") -> str:
    """Return a table of all problem sets for those who plan a course."""
    lines = ["{.fits}", "| problem set | problems | points | minutes |", "|---|---|---|---|"]
    for problems in found:
        cells = len(problems.problems), f"{problems.total:g}", minutes(problems)
        lines.append(f"| [{title(problems)}]({problems.name}-problems) | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def title(problems: "ProblemSet") -> str:
    """Return the name of a set as its notebook has it."""
    text = problems.cells[0].source.splitlines()[0].removeprefix("# Problem set:").strip()
    return f"{text[0].upper()}{text[1:]}"


def section(problems: "ProblemSet") -> str:
    """Return the part of the page that belongs to one problem set, as Markdown."""
    name = problems.name
    lines = [f"({name}-problems)=", f"## {title(problems)}", ""]
    lines += [f"For the chapter {{doc}}`/{problems.rubric.chapter}`: {len(problems.problems)} problems, ", ""]
    lines[-2] += (
        f"{problems.total:g} points. {{download}}`{name}.ipynb </{COURSE.as_posix()}/release/{name}/{name}.ipynb>`"
    )
    lines += ["| problem | level | points |", "|---|---|---|"]
    lines += [
        f"| {plain(problems.title(problem))} | {level(problems, problem)} | {problems.points(problem):g} |"
        for problem in problems.rubric.problems
    ]
    lines += ["", "<details><summary>Solutions, and what often goes wrong</summary>", ""]
    for problem in problems.rubric.problems:
        lines += [f"**{plain(problems.title(problem))}**", "", "```python"]
        lines += [without_marks(problems.cell(problem.name).source), "```", ""]
        lines += [f"- *{plain(mistake.name)}*: {plain(mistake.explain)}" for mistake in problem.mistakes] + [""]
    return "\n".join([*lines, "</details>", ""])


def fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Put the problem sets into their pages, in the order of the chapters."""
    if name not in (PAGE, COURSE_PAGE):
        return
    sys.path.insert(0, str(app.srcdir))
    try:
        from exercises.grader.course import ProblemSet, sets
    finally:
        sys.path.remove(str(app.srcdir))
    contents = Path(app.srcdir, "_toc.yml").read_text(encoding="utf-8")
    found = sorted(map(ProblemSet, sets()), key=lambda problems: contents.find(problems.rubric.chapter + "\n"))
    source[0] = source[0].replace(PLACE, "\n".join(section(problems) for problems in found))
    source[0] = source[0].replace(COURSE_PLACE, overview(found))
    for problems in found:
        for path in (
            f"exercises/source/{problems.name}/{problems.name}.ipynb",
            f"exercises/rubrics/{problems.name}.py",
        ):
            app.env.note_dependency(str(Path(app.srcdir, path)))


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("builder-inited", release)
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
