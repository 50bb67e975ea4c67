"""A learner's own file: how often each problem was tried, the best points, and which hint comes next."""

import json
from pathlib import Path

from exercises.grader.batch import write
from exercises.grader.course import EXERCISES, ProblemSet
from exercises.grader.grading import Record
from exercises.grader.report import page

FOLDER = EXERCISES / "progress"


def remember(record: Record, problems: ProblemSet, folder: Path = FOLDER) -> dict[str, str]:
    """Count a try of each problem that was answered; write the page; return the hints to show.

    A wrong answer brings the first hint, the next wrong answer the second, and so on to the last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "progress.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    tried = known.setdefault(record.problem_set, {})
    hints = {}
    for result in record.results:
        if result.outcome in ("blank", "missing") or record.status == "not a notebook":
            continue
        entry = tried.setdefault(result.problem, {"tries": 0, "best": 0.0})
        entry["tries"] += 1
        entry["best"] = max(entry["best"], result.points)
        given = problems.problems[result.problem].hints
        if result.points < result.out_of and given:
            hints[result.problem] = given[min(entry["tries"], len(given)) - 1]
    write(file, json.dumps(known, indent=1))
    write(folder / f"{record.problem_set}.html", page(record, hints))
    return hints
