"""Sphinx extension: a table of how long each notebook took when it was last run here, beside what it may take."""

import json
from pathlib import Path

from sphinx.application import Sphinx
from sphinx_external_toc.parsing import parse_toc_yaml

PAGE = "book/appendices/contributing"
PLACE = "<!-- table of run times -->"
RECORD = Path("_build", "seconds.json")  # written by tools/book.py
USUAL, LONG = 30, 120  # seconds
LONGER = {"book/practice/mnist", "book/practice/fine_tuning", "book/practice/scaling"}  # train networks in earnest


def table(contents: Path, seconds: dict[str, float]) -> str:
    """Return the table as Markdown, in the order of the book, marked as measured."""
    lines = ["| page | seconds | at most |", "|---|--:|--:|"]
    for page in parse_toc_yaml(contents):
        taken = seconds.get(f"{page}.ipynb")
        if taken is not None:
            lines.append(f"| {{doc}}`/{page}` | {taken:.0f} | {LONG if page in LONGER else USUAL} |")
    return "\n".join(["::::{container} tag_measured", ":::{container} cell_output", *lines, ":::", "::::"])


def fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Put the table into its page."""
    record = Path(app.srcdir, RECORD)
    if name == PAGE and record.exists():
        app.env.note_dependency(str(record))
        source[0] = source[0].replace(PLACE, table(Path(app.srcdir, "_toc.yml"), json.loads(record.read_text())))


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
