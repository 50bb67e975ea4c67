"""Sphinx extension: a table of how long each notebook took when it was last run here, beside what it may take."""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_external_toc.parsing import parse_toc_yaml

PAGE = "book/appendices/contributing"
PLACE = "<!-- table of run times -->"
RECORD = Path("_build", "seconds.json")  # written by tools/book.py
USUAL, LONG = 30, 120  # seconds
LONGER = {"book/practice/mnist", "book/practice/fine_tuning", "book/practice/scaling"}  # train networks in earnest


def table(contents: Path, seconds: dict[str, float]) -> str:
    """Return the table as Markdown, in the order of the book."""
    rows = [
        f"| {{doc}}`/{page}` | {seconds[name]:.0f} s | {LONG if page in LONGER else USUAL} s |"
        for page in parse_toc_yaml(contents)
        if (name := f"{page}.ipynb") in seconds
    ]
    if not rows:
        return "(nothing was run for this build)"
    lines = ["| page | time | at most |", "|---|--:|--:|", *rows]
    return "\n".join(["::::{container} run-times", ":::{container}", *lines, ":::", "::::"])


def fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Put the table into its page."""
    record = Path(app.srcdir, RECORD)
    if name == PAGE and record.exists():
        app.env.note_dependency(str(record))
        source[0] = source[0].replace(PLACE, table(Path(app.srcdir, "_toc.yml"), json.loads(record.read_text())))


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """Mark the table like the output of a cell with the tag `measured`; a directive would alter these names."""
    for outer in doctree.findall(nodes.container):
        if outer["classes"] == ["run-times"]:
            outer["classes"], outer[0]["classes"] = ["cell", "tag_measured"], ["cell_output"]


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("source-read", fill)
    app.connect("doctree-read", mark, priority=400)  # before what looks for such outputs
    return {"parallel_read_safe": True, "parallel_write_safe": True}
