"""What people read: the learner's report in the terminal and as a page, the class's tables."""

import csv
import html
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from exercises.grader.grading import Record, Result

MARKS = {"right": "✓", "blank": "·", "missing": "·"}


def number(points: float) -> str:
    """Return points without an empty fraction."""
    return f"{points:g}"


def capital(text: str) -> str:
    """Return a text with a capital first letter; the rest stays."""
    return text[:1].upper() + text[1:]


def said(result: Result, hints: Mapping[str, str]) -> list[str]:
    """Return what one problem's result says, a paragraph each."""
    found = [f"{capital(result.mistake)}."] if result.mistake else []
    if result.explain:
        found.append(result.explain)
    if result.outcome not in ("right", "blank"):
        found += [f"{name}: {text}" for name, text in result.case.items()]
    if result.problem in hints:
        found.append(f"Hint: {hints[result.problem]}")
    return found


def text(record: Record, hints: Mapping[str, str] | None = None) -> str:
    """Return the report for the terminal."""
    found = [f"{record.problem_set}: {number(record.score)} of {number(record.out_of)} points"]
    if record.status != "graded":
        found.append(f"{record.status}: {record.reason}")
    for result in record.results:
        mark = MARKS.get(result.outcome, "✗")
        found.append(f"\n{mark} {result.title}: {number(result.points)} of {number(result.out_of)}")
        if result.explain != record.reason:
            paragraphs = said(result, hints or {})
            found += [textwrap.fill(line, 96, initial_indent="    ", subsequent_indent="    ") for line in paragraphs]
    found += [f"\nnote: {notice}" for notice in record.notices]
    return "\n".join(found)


STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
section { border-left: .3rem solid #b35900; padding-left: 1rem; margin: 1.5rem 0; }
section.right { border-color: #1a7f37; } section.blank, section.missing { border-color: #8a8a8a; }
h2 { font-size: 1.1rem; margin: 0; } dt { font-weight: 600; } dd { margin: 0 0 .3rem; }
code { overflow-wrap: anywhere; }
"""


def page(record: Record, hints: Mapping[str, str] | None = None) -> str:
    """Return the report as an HTML page that needs nothing else and runs nothing."""
    escape = html.escape
    score = f"{number(record.score)} of {number(record.out_of)} points"
    found = [f"<h1>{escape(record.problem_set)}: {score}</h1>"]
    if record.status != "graded":
        found.append(f"<p><strong>{escape(record.status)}</strong>: {escape(record.reason)}</p>")
    for result in record.results:
        mark = MARKS.get(result.outcome, "✗")
        found.append(f'<section class="{escape(result.outcome)}"><h2>{mark} {escape(result.title)}: ')
        found.append(f"{number(result.points)} of {number(result.out_of)}</h2>")
        if result.mistake:
            found.append(f"<p><strong>{escape(capital(result.mistake))}.</strong></p>")
        if result.explain:
            found.append(f"<p>{escape(result.explain)}</p>")
        if result.case and result.outcome not in ("right", "blank"):
            pairs = ((escape(name), escape(value)) for name, value in result.case.items())
            found += ["<dl>", *(f"<dt>{name}</dt><dd><code>{value}</code></dd>" for name, value in pairs), "</dl>"]
        if hints and result.problem in hints:
            found.append(f"<p>Hint: {escape(hints[result.problem])}</p>")
        found.append("</section>")
    if record.notices:
        found.append(f"<ul>{''.join(f'<li>{escape(notice)}</li>' for notice in record.notices)}</ul>")
    title = escape(f"{record.problem_set}: {score}")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = "".join(found)
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n'


def cell(value: object) -> str:
    """Return a value for a table: one line, and nothing that a spreadsheet would run as a formula."""
    text = " ".join(str(value).encode("utf-8", "replace").decode().split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def write_grades(records: Iterable[Record], file: Path) -> None:
    """Write the class's points as CSV: a line for each submission."""
    records = list(records)
    names = [result.problem for result in records[0].results] if records else []
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["student", "score", "max", "status", *names, "reason"])
        for record in records:
            points = [number(result.points) for result in record.results]
            score = [number(record.score), number(record.out_of)]
            table.writerow([cell(record.submission), *score, record.status, *points, cell(record.reason)])


def mistakes(records: Iterable[Record]) -> list[tuple[str, str, int]]:
    """Return which mistakes a class made: problem, mistake or outcome, how many; the most frequent first."""
    count: Counter[tuple[str, str]] = Counter()
    for record in records:
        for result in record.results:
            if result.points < result.out_of:
                count[result.problem, result.mistake or result.outcome] += 1
    return [(problem, name, many) for (problem, name), many in sorted(count.items(), key=lambda row: (-row[1], row[0]))]


def write_mistakes(records: Iterable[Record], file: Path) -> None:
    """Write the table of a class's mistakes as CSV."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["problem", "mistake", "students"])
        table.writerows(mistakes(records))
