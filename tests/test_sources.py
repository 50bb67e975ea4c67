"""The appendix that leads from the tutorials to this book: complete, and nothing in it points nowhere."""

import importlib
import json
import re
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pytest

from tools.book import pages

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "book" / "appendices" / "sources.md").read_text(encoding="utf-8")
LINE = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    number: int
    what: str
    where: str
    names: str


def lines(text: str) -> list[Line]:
    return [Line(int(number), *rest) for number, *rest in LINE.findall(text)]


methods, errors = map(lines, TEXT.split("## What is wrong in them"))
each = pytest.mark.parametrize(
    "line",
    [*methods, *errors],
    ids=[*(f"method-{line.number}" for line in methods), *(f"error-{e.number}" for e in errors)],
)


def headings(page: str) -> set[str]:
    path = ROOT / page
    if path.with_suffix(".md").exists():
        text = path.with_suffix(".md").read_text(encoding="utf-8")
    else:
        cells = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def resolve(name: str) -> object:
    """Import what can be imported of lrlab.a.b.c, and look up the rest."""
    module, *rest = name.split(".")
    if not rest:
        return getattr(importlib.import_module("lrlab"), module)
    return reduce(getattr, rest, importlib.import_module(f"lrlab.{module}"))


def test_every_number_stands_once() -> None:
    assert [line.number for line in methods] == list(range(1, 34))
    assert [line.number for line in errors] == list(range(1, 17))
    assert len(re.findall(r"^\| *\d", TEXT, re.MULTILINE)) == 33 + 16


@each
def test_a_line_leads_to_pages_and_sections_that_exist(line: Line) -> None:
    linked = re.findall(r"\{doc\}`/([^`]+)`((?:, \*[^*]+\*)*)", line.where)
    assert linked or "not yet" in line.where
    assert line.where.count("{doc}") == len(linked)
    assert line.where.count("*") == sum(sections.count("*") for _, sections in linked)
    for page, sections in linked:
        assert page in pages(ROOT)
        missing = set(re.findall(r"\*([^*]+)\*", sections)) - headings(page)
        assert not missing, f"{page} has no section {missing}"


@each
def test_a_line_names_what_lrlab_has(line: Line) -> None:
    if line.names in ("none", "not yet"):
        return
    names = re.findall(r"`([^`]+)`", line.names)
    assert ", ".join(f"`{name}`" for name in names) == line.names
    for name in names:
        assert callable(resolve(name))


def test_every_method_has_a_name() -> None:
    assert all("`" in line.names for line in methods[:24])


def test_a_name_that_is_gone_is_noticed() -> None:
    with pytest.raises(AttributeError):
        resolve("schedules.Redwood")
    with pytest.raises(ModuleNotFoundError):
        resolve("scheduler.Constant")
