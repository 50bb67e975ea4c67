"""Grade problem sets.

python -m exercises.grader NOTEBOOK          grade your notebook
python -m exercises.grader class SET         grade a class: submitted/STUDENT/SET/SET.ipynb
python -m exercises.grader release [SET …]   make the releases with nbgrader
"""

import argparse
import contextlib
import sys
from pathlib import Path

from exercises.grader.course import EXERCISES, ProblemSet, sets
from exercises.grader.grading import grade
from exercises.grader.report import mistakes, number, text


def set_of(path: Path) -> str:
    """Return the problem set that a notebook's name, or its folder's name, tells."""
    for name in (path.stem, path.resolve().parent.name):
        if name in sets():
            return name
    raise SystemExit(f"{path}: its name is not that of a problem set; say --set NAME: {', '.join(sets())}")


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of one command."""
    made = argparse.ArgumentParser(
        prog=f"python -m exercises.grader{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--seed", type=int, help="the seed of the release")
    return made


def grade_one(arguments: list[str]) -> int:
    """Grade a learner's own notebook."""
    from exercises.grader.progress import FOLDER, remember

    options = parser("", __doc__ or "")
    options.add_argument("notebook", type=Path)
    options.add_argument("--set", choices=sets(), help="the problem set; the file's name tells it otherwise")
    given = options.parse_args(arguments)
    problems = ProblemSet(given.set or set_of(given.notebook), given.seed)
    record = grade(given.notebook, problems)
    print(text(record, remember(record, problems)))
    print(f"\nAs a page: {FOLDER / f'{problems.name}.html'}")
    return 0 if record.score == record.out_of else 1


def grade_class(arguments: list[str]) -> int:
    """Grade all submissions of a set."""
    from exercises.grader.batch import grade_all
    from exercises.grader.gradebook import write_gradebook
    from exercises.grader.release import seed_of

    options = parser(" class", "Grade a class. Run it again after an interruption: it goes on where it stopped.")
    options.add_argument("set", choices=sets())
    options.add_argument("--submitted", type=Path, default=EXERCISES / "submitted")
    options.add_argument("--records", type=Path, help="default: exercises/records/SET")
    options.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")
    options.add_argument("--dask", metavar="ADDRESS", help="of a Dask scheduler that takes the work")
    options.add_argument("--gradebook", action="store_true", help="write the points into nbgrader's gradebook too")
    given = options.parse_args(arguments)
    if not given.submitted.is_dir():
        raise SystemExit(f"{given.submitted}: no such folder; --submitted names nbgrader's folder of submissions")
    seed = seed_of(given.set) if given.seed is None else given.seed
    records = given.records or EXERCISES / "records" / given.set
    with contextlib.ExitStack() as stack:
        if given.dask:
            from dask.distributed import Client

            stack.enter_context(Client(given.dask))  # type: ignore[no-untyped-call]
        how = {"backend": "dask"} if given.dask else {"n_jobs": given.jobs}
        found = grade_all(given.set, given.submitted, records, seed=seed, **how)
    if given.gradebook:
        write_gradebook(found, ProblemSet(given.set, seed), given.submitted)
    print(f"{len(found)} submissions; points, pages and records: {records}")
    for problem, mistake, count in mistakes(found)[:20]:
        print(f"{count:6}  {problem}: {mistake}")
    return 0


def make_release(arguments: list[str]) -> int:
    """Make releases."""
    from exercises.grader.release import release

    options = parser(" release", "Make the releases with nbgrader. A seed renews the numbers.")
    options.add_argument("sets", nargs="*", metavar="SET", help=f"default: all of {', '.join(sets())}")
    options.add_argument("--course", type=Path, default=EXERCISES, help="the folder that gets release/")
    given = options.parse_args(arguments)
    for path in release(given.sets or sets(), given.seed, given.course):
        print(f"{path}: {number(ProblemSet(path.stem).total)} points")
    return 0


COMMANDS = {"class": grade_class, "release": make_release}

if __name__ == "__main__":
    command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(command(sys.argv[2:]) if command else grade_one(sys.argv[1:]))
