"""Write the appendix on conventions from the tables that the tests run.

    python -m tools.conventions [--check]

The tests ask every row of `tests.matrix` and `tests.schedule_matrix` for equal numbers; the page prints the same rows.
With --check nothing is written; the exit status says whether something would be.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

from lrlab import optimizers
from tests.matrix import ROWS, Row
from tests.schedule_matrix import LIBRARIES, MATRIX, SCHEDULES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "book" / "appendices" / "conventions.md"
NAMES = {"torch": "PyTorch", "keras": "Keras", "optax": "Optax", "paper": "Paper"}
COLUMNS = [library for library in NAMES if library in LIBRARIES]  # of the schedules
METHODS = list(dict.fromkeys(row.method for row in ROWS))
CODE = re.compile(r"(`[^`]*`)|([A-Za-z]\w*(?:_\w+|=\w+(?:\.\w+)*))")  # what is code already, and what should be

PAGE_TEXT = """\
<!-- Made by tools/conventions.py from tests/matrix.py and tests/schedule_matrix.py: change those, then run it. -->

# Conventions, method by method

One name stands for different arithmetic in different libraries. This page says, for each update rule and each schedule of `lrlab`, what it is called elsewhere, whether the numbers are equal, and what to change where they are not. {{doc}}`notation` says which conventions this book follows.

The page is made from the data that the tests run. Each entry below is one row of `tests/matrix.py` or `tests/schedule_matrix.py`; the tests build both sides from it and compare the numbers, and they fail when this page is not what those rows make. So what stands here holds for the versions it was tested with: {versions}.

(conventions-rules)=
## Update rules

Both sides take 200 steps from the same point with the same noisy gradients, in float64, with hyperparameters and rates drawn at random. *Equal* means that the paths agree to $10^{{-12}}$ all the way. *Equal on a condition* means that they do so where the condition holds; what follows it is the convention that makes the difference. *Paper* is the authors' formula, written out in the tests without a line of `lrlab`.

In the overview, *yes* means equal, *if* equal on a condition, and a dash that nothing is compared: nearly always because the library has no such method.

{rules}

(conventions-schedules)=
## Schedules

The tests build the other library's schedule from ours, with settings drawn at random, and compare the rates of the steps, in float64, to $10^{{-12}}$ of the largest one. *Same meaning* means that the arguments carry over as they are. Otherwise the entry says what to change.

In the overview, *yes* stands for the same meaning, *note* for a difference that the entry explains, and a dash for no counterpart. A schedule without a counterpart can still be used there: `LambdaLR` of PyTorch takes any function of the step (`lrlab.pytorch.as_scheduler` makes one), Optax takes the function itself, and in Keras it is a subclass of `LearningRateSchedule`.

{schedules}
"""  # noqa: E501 (the page has one line per paragraph)


def marked(note: str) -> str:
    """Return a note with its names of arguments set as code."""
    return CODE.sub(lambda found: found[1] or f"`{found[2]}`", note)


def sentence(note: str) -> str:
    """Return a note as a sentence; Greek letters and code keep their case."""
    if not note:
        return ""
    text = marked(note).rstrip(".") + "."
    return text[0].upper() + text[1:] if text[0].isascii() else text


def section(name: str, entries: Iterable[tuple[str, str]]) -> str:
    """Return a heading, a target to link to, and one entry for each implementation."""
    listed = "\n\n".join(f"{term}\n: {text}" for term, text in entries)
    return f"(conventions-{name})=\n### {name}\n\n{listed}"


def overview(head: list[str], rows: dict[str, list[str]]) -> str:
    """Return a table of single words, each name linked to its section."""
    lines = [head, ["---"] * len(head)]
    lines += [[f"[{name}](conventions-{name})", *cells] for name, cells in rows.items()]
    return "\n".join(["{.fits}", *(f"| {' | '.join(line)} |" for line in lines)])


def rule(row: Row) -> tuple[str, str]:
    """Return the entry of an update rule in one implementation."""
    if row.library == "paper":
        cited = re.search(r":cite:\w+:`(\w+)`", getattr(optimizers, row.method).__doc__ or "")
        term = f"Paper: {{cite:t}}`{cited[1]}`" if cited else "Definition"
    else:
        term = f"{NAMES[row.library]}: `{row.name}`"
    equal = "*Equal.*" if row.when == "always" else f"*Equal on a condition*: {marked(row.when)}."
    return term, f"{equal} {sentence(row.note)}".strip()


def rules() -> str:
    """Return the overview of the update rules and a section for each."""
    table, sections = {}, []
    for method in METHODS:
        found = [row for row in ROWS if row.method == method]
        table[method] = [
            "–" if not whens else "yes" if "always" in whens else "if"
            for whens in ([row.when for row in found if row.library == library] for library in NAMES)
        ]
        sections.append(section(method, map(rule, found)))
    return "\n\n".join([overview(["rule", *NAMES.values()], table), *sections])


def schedules() -> str:
    """Return the overview of the schedules and a section for each."""
    table, sections = {}, []
    for kind in SCHEDULES:
        twins = {library: MATRIX.get((kind, library)) for library in COLUMNS}
        table[kind.__name__] = ["–" if twin is None else "note" if twin.note else "yes" for twin in twins.values()]
        entries = [
            (f"{NAMES[library]}: `{twin.name}`", sentence(twin.note) or "*Same meaning.*")
            for library, twin in twins.items()
            if twin
        ]
        without = [NAMES[library] for library, twin in twins.items() if twin is None]
        if without:
            entries.append((", ".join(without), "No counterpart."))
        sections.append(section(kind.__name__, entries))
    return "\n\n".join([overview(["schedule", *(NAMES[library] for library in COLUMNS)], table), *sections])


def versions() -> str:
    """Return the pinned versions of the other implementations."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = {pin.name: str(pin.specifier)[2:] for pin in map(Requirement, filter(re.compile(r"\w").match, lines))}
    return ", ".join(f"{NAMES[library]} {pins[library]}" for library in ("torch", "keras", "optax"))


def page() -> str:
    """Return the page as it is committed."""
    return PAGE_TEXT.format(versions=versions(), rules=rules(), schedules=schedules())


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is out of date")
    arguments = parser.parse_args()
    made = page()
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
        return
    print(f"{PAGE.name}: {'out of date' if arguments.check else 'written'}")
    if arguments.check:
        sys.exit(1)
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
