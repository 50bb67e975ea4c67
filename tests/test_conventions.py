"""The appendix on conventions is what the tests' tables make, and has an entry for every rule and every schedule."""

import re

import pytest

from lrlab import optimizers, schedules
from tests.matrix import ROWS
from tests.schedule_matrix import MATRIX
from tools import conventions

TEXT = conventions.PAGE.read_text(encoding="utf-8")
RULES = set(optimizers.__all__) - {"Method", "orthogonalize"}
SCHEDULES = set(schedules.__all__) - {"AnySchedule", "Schedule", "as_schedule"}
# Heading, then entries of two lines each: what is compared, and how it compares.
SECTIONS = {
    name: re.findall(r"^(.+)\n: (.+)$", body, re.MULTILINE)
    for name, body in re.findall(r"^### (\w+)\n(.*?)(?=^#|^\(|\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


def test_the_committed_page_is_what_the_tool_makes():
    assert conventions.page() == TEXT, "python -m tools.conventions writes it"


def test_every_rule_and_schedule_has_its_section():
    headings = re.findall(r"^### (\w+)$", TEXT, re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) == RULES | SCHEDULES
    assert set(re.findall(r"\[\w+\]\(conventions-(\w+)\)", TEXT)) == RULES | SCHEDULES
    assert re.findall(r"^#{1,2} .+", TEXT, re.MULTILINE) == [
        "# Conventions, method by method",
        "## Update rules",
        "## Schedules",
    ]


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_has_an_entry_for_each_row(name):
    rows = [row for row in ROWS if row.method == name]
    assert rows
    assert len(SECTIONS[name]) == len(rows)
    for row, (where, words) in zip(rows, SECTIONS[name], strict=True):
        assert row.library == "paper" or where == f"{conventions.NAMES[row.library]}: `{row.name}`"
        assert words.startswith("*Equal.*" if row.when == "always" else "*Equal on a condition*: ")


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_has_an_entry_for_each_library(name):
    entries = dict(SECTIONS[name])
    for library in ("torch", "keras", "optax"):
        twin = MATRIX.get((getattr(schedules, name), library))
        if twin:
            assert entries[f"{conventions.NAMES[library]}: `{twin.name}`"]
        else:
            absent = next(where for where, words in entries.items() if words == "No counterpart.")
            assert conventions.NAMES[library] in absent.split(", ")


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("", ""),
        ("no dampening", "No dampening."),
        ("Joined by hand.", "Joined by hand."),
        ("ε outside the root", "ε outside the root."),
        ("`t0` counts from one", "`t0` counts from one."),
        ("With staircase=True.", "With `staircase=True`."),
        ("with x=1.5, max_lr", "With `x=1.5`, `max_lr`."),
    ],
)
def test_notes_become_sentences(note, expected):
    assert conventions.sentence(note) == expected


def test_check_tells_and_does_not_write(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(conventions, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr("sys.argv", ["conventions", "--check"])
    with pytest.raises(SystemExit, match="1"):
        conventions.main()
    assert capsys.readouterr().out == "page.md: out of date\n"
    assert not conventions.PAGE.exists()

    monkeypatch.setattr("sys.argv", ["conventions"])
    conventions.main()
    assert conventions.PAGE.read_text(encoding="utf-8") == TEXT
    monkeypatch.setattr("sys.argv", ["conventions", "--check"])
    conventions.main()
    assert capsys.readouterr().out == "page.md: written\n"
