"""The maps of concepts: what they say is read right, nothing covers anything, and every link leads somewhere."""

import json
import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from docutils import nodes
from sphinx_external_toc.parsing import parse_toc_yaml

from tools.book import pages
from tools.concept_map import HEAD, LINE, WIDTH, Map, boxes, curves, outline, parse, svg

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "book" / "appendices" / "maps.md").read_text(encoding="utf-8")
MAPS = {
    title: parse(body.splitlines())
    for title, body in re.findall(
        r"^## (.+?)\n.*?^```\{concept-map\}[^\n]*\n(.+?)^```$", TEXT, re.MULTILINE | re.DOTALL
    )
}
each = pytest.mark.parametrize("title", MAPS)
SMALL = """
    one step </book/descent/step_size> | many </book/descent/gradient_descent#the-gradient>
    the end </book/descent/taylor>
    one step -> many (in many parameters)
    one step -> the end (with a model)
    many -> the end (is part of)
"""


def headings(page: str) -> set[str]:
    """Return the ids that docutils makes of a page's headings."""
    path = ROOT / page
    if path.with_suffix(".md").exists():
        text = path.with_suffix(".md").read_text(encoding="utf-8")
    else:
        cells = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return {nodes.make_id(re.sub(r"[`*$\\]", "", heading)) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@each
def test_every_link_leads_to_a_section_that_is_there(title: str) -> None:
    for node in MAPS[title].nodes:
        assert node.page in pages(ROOT)
        assert not node.section or node.section in headings(node.page), f"{node.page} has no #{node.section}"


def test_every_part_has_a_map_and_every_chapter_stands_in_it() -> None:
    toc = parse_toc_yaml(ROOT / "_toc.yml")
    parts = {part.caption: part.items for part in toc[toc.root.docname].subtrees if part.caption != "Appendices"}
    assert list(MAPS) == list(parts)
    for title, chapters in parts.items():
        assert {node.page for node in MAPS[title].nodes if not node.section} >= set(map(str, chapters))


def of_text(lines: list[str], x: float, y: float, letter: float, apart: float) -> tuple[float, float, float, float]:
    """Return the box around some lines: left, right, top, bottom."""
    width, height = letter * max(map(len, lines)), apart * len(lines)
    return x - width / 2, x + width / 2, y - height / 2, y + height / 2


def overlap(a: tuple[float, ...], b: tuple[float, ...], by: float = 0) -> bool:
    return min(a[1], b[1]) - max(a[0], b[0]) > by and min(a[3], b[3]) - max(a[2], b[2]) > by


@each
def test_nothing_covers_anything(title: str) -> None:
    drawn = MAPS[title]
    at = {
        label: (box.x - box.width / 2, box.x + box.width / 2, box.y, box.y + box.height)
        for label, box in boxes(drawn).items()
    }
    words = {curve.arrow: of_text(curve.lines, *curve.point(0.5), 6.2, 14) for curve in curves(drawn)}
    for one, other in combinations(at, 2):
        assert not overlap(at[one], at[other]), f"{one} covers {other}"
    for label, box in at.items():
        node = boxes(drawn)[label]
        assert of_text(node.lines, node.x, 0, 7, LINE)[1] <= box[1] - 3, f"{label} is too long"
        assert box[0] >= 0
        assert box[1] <= WIDTH
        for arrow, place in words.items():
            assert not overlap(box, place), f"'{arrow.words}' covers {label}"
        for curve in curves(drawn):
            inside = [
                (box[0] < x < box[1] and box[2] < y < box[3]) for x, y in map(curve.point, (k / 60 for k in range(61)))
            ]
            assert not any(inside), f"the arrow from {curve.arrow.start} to {curve.arrow.end} runs through {label}"
    for one_, other_ in combinations(words, 2):
        assert not overlap(words[one_], words[other_]), f"'{one_.words}' covers '{other_.words}'"


@each
def test_arrows_end_at_their_boxes(title: str) -> None:
    at = boxes(MAPS[title])
    for curve in curves(MAPS[title]):
        (x0, y0), *_, (x1, y1) = curve.points
        start, end = at[curve.arrow.start], at[curve.arrow.end]
        assert abs(x0 - start.x) <= start.width / 2
        assert abs(x1 - end.x) <= end.width / 2 + HEAD
        assert start.y <= y0 <= start.y + start.height
        assert end.y - HEAD <= y1 <= end.y + end.height


@each
def test_the_outline_tells_all(title: str) -> None:
    drawn: Map = MAPS[title]
    found = []

    def walk(branches: list, above: str) -> None:
        for node, _, words, rest in branches:
            found.append((above, node.label, words))
            walk(rest, node.label)

    walk(outline(drawn), "")
    assert sorted(row for row in found if row[0]) == sorted(drawn.arrows)
    assert {label for _, label, _ in found} == {node.label for node in drawn.nodes}
    assert len({label for above, label, _ in found if not above}) == 1, "a map has one beginning"


def test_the_picture_says_what_the_lines_say() -> None:
    drawn = parse(SMALL.splitlines())
    assert [[node.label for node in row] for row in drawn.rows] == [["one step", "many"], ["the end"]]
    assert drawn.rows[0][1] == ("many", "book/descent/gradient_descent", "the-gradient")
    root = ET.fromstring(svg(drawn, "A <map>", {node: f"../{node.page}.html" for node in drawn.nodes}, "m"))
    assert root.get("aria-label") == "A <map>"
    links = root.findall("a")
    assert [link.get("href") for link in links] == [f"../{node.page}.html" for node in drawn.nodes]
    assert links[0].get("aria-label") == "one step; in many parameters: many; with a model: the end"
    assert [" ".join(text.text or "" for text in link.findall("text")) for link in links] == [
        "one step",
        "many",
        "the end",
    ]
    assert len(root.findall("path")) == 3
    one, other = (box for label, box in boxes(drawn).items() if label != "the end")
    assert one.y + one.height / 2 == other.y + other.height / 2
    assert all(b.y > a.y for a, b in pairwise([one, boxes(drawn)["the end"]]))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("one", "a line must be"),
        ("one <book/a>", "a line must be"),
        ("one </a> | two", "a line must be"),
        ("one </a>\none -> two", "a line must be"),
        ("one </a> | one </b>", "each label must stand once"),
        ("one </a>\none -> two (to)", "must join two labels of the map, got 'two'"),
        ("one </a>\ntwo </b>\ntwo -> one (to)", "must point down or to the right, got 'two' -> 'one'"),
        ("one </a>\none -> one (to)", "must point down or to the right"),
    ],
)
def test_mistakes_are_told(lines: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(lines.splitlines())
