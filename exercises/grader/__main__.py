"""Grade a notebook: python -m exercises.grader NOTEBOOK."""

import argparse
import sys
from pathlib import Path

from exercises.grader.course import ProblemSet, sets
from exercises.grader.grading import grade
from exercises.grader.report import text


def set_of(path: Path) -> str:
    """Return the problem set that a notebook's name, or its folder's name, tells."""
    for name in (path.stem, path.resolve().parent.name):
        if name in sets():
            return name
    raise SystemExit(
        f"{path}: neither the file nor its folder is called like a problem set; say --set NAME: {', '.join(sets())}"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m exercises.grader", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--set", choices=sets(), help="the problem set; the file's name tells it otherwise")
    parser.add_argument("--seed", type=int, help="the seed of the release that the notebook comes from")
    arguments = parser.parse_args()
    record = grade(arguments.notebook, ProblemSet(arguments.set or set_of(arguments.notebook), arguments.seed))
    print(text(record))
    sys.exit(0 if record.score == record.out_of else 1)


if __name__ == "__main__":
    main()
