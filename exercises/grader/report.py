"""What a learner reads: in the terminal and as a page."""

import textwrap

from exercises.grader.grading import Record, Result

MARKS = {"right": "✓", "blank": "·", "missing": "·"}


def number(points: float) -> str:
    """Return points without an empty fraction."""
    return f"{points:g}"


def lines(result: Result) -> list[str]:
    """Return what one problem's result says, a line each."""
    found = []
    if result.mistake:
        found.append(f"{result.mistake}.")
    if result.explain:
        found.append(result.explain)
    found += [f"{name}: {text}" for name, text in result.case.items() if result.outcome not in ("right", "blank")]
    return found


def text(record: Record, hints: dict[str, str] | None = None) -> str:
    """Return the report for the terminal."""
    found = [f"{record.problem_set}: {number(record.score)} of {number(record.out_of)} points"]
    if record.status != "graded":
        found.append(f"{record.status}: {record.reason}")
    for result in record.results:
        mark = MARKS.get(result.outcome, "✗")
        found.append(f"\n{mark} {result.title}: {number(result.points)} of {number(result.out_of)}")
        said = lines(result) if record.status != "not a notebook" else []
        if hints and result.problem in hints:
            said.append(f"Hint: {hints[result.problem]}")
        found += [textwrap.fill(line, 96, initial_indent="    ", subsequent_indent="    ") for line in said]
    found += [f"\nnote: {notice}" for notice in record.notices]
    return "\n".join(found)
