"""Sphinx extension: the directive ``concept-map`` draws how ideas hang together; each node is a link into the book.

Every line of the directive is a row of nodes, from left to right, or an arrow between two of them, downward or to the
right:

    one step </book/descent/step_size> | many directions </book/descent/gradient_descent#the-gradient>
    one step -> many directions (in many parameters)

A page shows an inline SVG in the colors of its theme; on a phone, and where there is no HTML, it is an outline
of the same links.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger

LOGGER = getLogger(__name__)

COLORS = ("blue", "orange", "green", "purple", "gold", "gray")  # one for each page, in order of appearance
WIDTH, BOX, LINE, ROW, BETWEEN, HEAD = 660, 186, 17, 46, 60, 10  # pixels; a letter is about 7 wide
NODE = re.compile(r"(.+?)\s*<(/[^#>]+)(?:#([^>]+))?>")
ARROW = re.compile(r"(.+?)\s*->\s*(.+?)\s*\((.+)\)")


class Node(NamedTuple):
    """An idea, and the page and section that explain it."""

    label: str
    page: str
    section: str = ""


class Arrow(NamedTuple):
    """What one idea has to do with another."""

    start: str
    end: str
    words: str


class Map(NamedTuple):
    """Rows of nodes, and the arrows between them."""

    rows: list[list[Node]]
    arrows: list[Arrow]

    @property
    def nodes(self) -> list[Node]:
        """All nodes, row by row."""
        return [node for row in self.rows for node in row]


def parse(lines: Iterable[str]) -> Map:
    """Read a map.

    Raises
    ------
    ValueError
        If a line is neither a row nor an arrow, a label stands twice, or an arrow names no node or points back.
    """
    found = Map([], [])
    for line in filter(None, map(str.strip, lines)):
        if arrow := ARROW.fullmatch(line):
            found.arrows.append(Arrow(*arrow.groups()))
        elif all(parts := [NODE.fullmatch(part.strip()) for part in line.split("|")]):
            found.rows.append([Node(part[1], part[2].strip("/"), part[3] or "") for part in parts if part])
        else:
            raise ValueError(f"a line must be 'label </page#section> | …' or 'label -> label (words)', got {line!r}")
    order = {node.label: (y, x) for y, row in enumerate(found.rows) for x, node in enumerate(row)}
    if len(order) < len(found.nodes):
        raise ValueError(f"each label must stand once, got {[node.label for node in found.nodes]}")
    for arrow_ in found.arrows:
        for end in arrow_[:2]:
            if end not in order:
                raise ValueError(f"an arrow must join two labels of the map, got {end!r}")
        if order[arrow_.start] >= order[arrow_.end]:
            raise ValueError(f"an arrow must point down or to the right, got {arrow_.start!r} -> {arrow_.end!r}")
    return found


class Branch(NamedTuple):
    """A node, its color, the words that lead to it, and what it leads to."""

    node: Node
    color: str
    words: str
    branches: list[Branch]


def outline(drawn: Map) -> list[Branch]:
    """The map as nested lists: each node below the first that leads to it; reached again, it has no branches."""
    by_label = {node.label: node for node in drawn.nodes}
    colors = color_of(drawn)
    placed: set[str] = set()

    def branch(label: str, words: str) -> Branch:
        again = label in placed
        placed.add(label)
        found = [branch(arrow.end, arrow.words) for arrow in drawn.arrows if arrow.start == label and not again]
        return Branch(by_label[label], colors[by_label[label].page], words, found)

    reached = {arrow.end for arrow in drawn.arrows}
    return [branch(label, "") for label in by_label if label not in reached]


def color_of(drawn: Map) -> dict[str, str]:
    """A color for each page, in order of appearance."""
    pages = dict.fromkeys(node.page for node in drawn.nodes)
    return dict(zip(pages, cycle(COLORS)))


# ---- where things are ----


@dataclass(frozen=True)
class Box:
    """Where a node is drawn."""

    node: Node
    lines: list[str]
    x: float  # of its middle
    y: float  # of its upper edge
    width: float
    height: float


@dataclass(frozen=True)
class Curve:
    """Where an arrow is drawn: the four points of a cubic curve; its words are broken after so many letters."""

    arrow: Arrow
    points: tuple[tuple[float, float], ...]
    letters: int

    def point(self, s: float) -> tuple[float, float]:
        """Along the curve, from 0 to 1."""
        weights = ((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s), s**3)
        x, y = (sum(w * p[i] for w, p in zip(weights, self.points, strict=True)) for i in (0, 1))
        return x, y

    @property
    def lines(self) -> list[str]:
        """The words, broken into lines."""
        return textwrap.wrap(self.arrow.words, self.letters)


def boxes(drawn: Map) -> dict[str, Box]:
    """Rows from top to bottom, the nodes of each spread over the width."""
    found = {}
    for row, line in enumerate(drawn.rows):
        for i, node in enumerate(line):
            width = min(BOX, WIDTH / len(line) - 14)
            lines = textwrap.wrap(node.label, int((width - 14) / 7))
            height = LINE * len(lines) + 16
            middle = (i + 0.5) * WIDTH / len(line)
            found[node.label] = Box(node, lines, middle, row * (ROW + BETWEEN) + (ROW - height) / 2 + 4, width, height)
    return found


def curves(drawn: Map) -> list[Curve]:
    """From box to box; those that share an edge of one stand side by side, in the order of where they go."""
    at = boxes(drawn)
    rows = {node.label: y for y, row in enumerate(drawn.rows) for node in row}
    downward = [arrow for arrow in drawn.arrows if rows[arrow.start] < rows[arrow.end]]
    found = []
    for arrow in drawn.arrows:
        start, end = at[arrow.start], at[arrow.end]
        if arrow in downward:
            x0 = _port(start, end, [at[one.end] for one in downward if one.start == arrow.start])
            x1 = _port(end, start, [at[one.start] for one in downward if one.end == arrow.end])
            y0, y1 = start.y + start.height, end.y - HEAD
            curve = Curve(arrow, ((x0, y0), (x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1)), 22)
        else:
            y = start.y + start.height / 2
            x0, x1 = start.x + start.width / 2, end.x - end.width / 2 - HEAD
            curve = Curve(arrow, ((x0, y), (x0, y), (x1, y), (x1, y)), 9)
        found.append(curve)
    return found


def _port(box: Box, other: Box, others: list[Box]) -> float:
    """Where on an edge of a box an arrow from or to another one ends, among those that end there too."""
    order = sorted(one.x for one in others)
    return box.x + (order.index(other.x) - (len(order) - 1) / 2) * min(46, (box.width - 30) / len(order))


# ---- the picture ----


def svg(drawn: Map, title: str, address: dict[Node, str], name: str) -> str:
    """Draw a map; ``address`` says where a node leads to, as far as its page is there."""
    colors = color_of(drawn)
    height = len(drawn.rows) * (ROW + BETWEEN) - BETWEEN + 8
    arrows = [
        f'<path class="arrow" marker-end="url(#{name})" '
        f'd="M{a:.0f},{b:.0f}C{c:.0f},{d:.0f} {e:.0f},{f:.0f} {g:.0f},{h:.0f}"/>'
        for (a, b), (c, d), (e, f), (g, h) in (curve.points for curve in curves(drawn))
    ]
    words = [_text(curve.lines, *curve.point(0.5), 14, "words") for curve in curves(drawn)]
    links = []
    for node, box in ((box.node, box) for box in boxes(drawn).values()):
        says = "; ".join([node.label, *(f"{one.words}: {one.end}" for one in drawn.arrows if one.start == node.label)])
        kind = f"{'idea' if node.section else 'chapter'} in-{colors[node.page]}"
        links.append(
            f'<a class="{kind}" href="{html.escape(address.get(node, ""))}" aria-label="{html.escape(says)}">'
            f'<rect x="{box.x - box.width / 2:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" '
            f'rx="9"/>{_text(box.lines, box.x, box.y + box.height / 2, LINE)}</a>'
        )
    return (
        f'<svg class="lrlab-map" role="group" aria-label="{html.escape(title)}" viewBox="0 0 {WIDTH} {height}">'
        f'<defs><marker id="{name}" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0,0L8,4L0,8z"/></marker></defs>{"".join(arrows + words + links)}</svg>'
    )


def _text(lines: list[str], x: float, y: float, apart: int, kind: str = "label") -> str:
    """Lines around a point."""
    first = y + 4.5 - apart * (len(lines) - 1) / 2
    return "".join(
        f'<text class="{kind}" x="{x:.0f}" y="{first + apart * i:.1f}">{html.escape(line)}</text>'
        for i, line in enumerate(lines)
    )


# ---- in Sphinx ----


class concept_map(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801
    """A map; its child is the outline of its links."""


class ConceptMap(SphinxDirective):
    """The directive; its argument is the title that a screen reader hears."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the outline of links, which Sphinx resolves; the picture is drawn when the page is written."""
        try:
            drawn = parse(self.content)
        except ValueError as error:
            raise self.error(f"concept-map: {error}") from None
        made = concept_map("", drawn=drawn, title=self.arguments[0], name=f"map-{self.env.new_serialno('map')}")
        made += nodes.bullet_list("", *map(self._item, outline(drawn)))
        self.set_source_info(made)
        return [made]

    def _item(self, branch: Branch) -> nodes.list_item:
        node, color, words, branches = branch
        options = {"refdomain": "std", "reftype": "doc", "refexplicit": True, "refwarn": True}
        label = nodes.inline("", node.label)
        link = addnodes.pending_xref("", label, reftarget=f"/{node.page}", refdoc=self.env.docname, **options)
        kind = "idea" if node.section else "chapter"
        place = nodes.inline("", "", link, leads_to=node, classes=[kind, f"in-{color}"])
        says = [nodes.emphasis("", words), nodes.Text(" ")] if words else []
        rest = [nodes.bullet_list("", *map(self._item, branches))] if branches else []
        return nodes.list_item("", nodes.paragraph("", "", *says, place), *rest)


def links(made: nodes.Element) -> Iterator[tuple[Node, nodes.reference]]:
    """Yield the nodes of a map, each as often as the outline names it, with the link that Sphinx has made of it."""
    for place in made.findall(lambda part: isinstance(part, nodes.inline) and "leads_to" in part):
        for link in place.findall(nodes.reference):
            yield place["leads_to"], link


class Sections(SphinxPostTransform):
    """Lead the links of a map to their sections."""

    default_priority = 20  # after Sphinx has found the pages

    def run(self, **kwargs: Any) -> None:
        """Look at every map of the page; a section that is not there is a warning."""
        for made in self.document.findall(concept_map):
            for node, link in links(made):
                if node.section:
                    link["refuri"] += f"#{node.section}"
                    if node.section not in self.env.get_doctree(node.page).ids:
                        LOGGER.warning("concept-map: %s has no section %r", node.page, node.section, location=made)


def visit(self: Any, made: nodes.Element) -> None:
    """Write the picture, then open the outline."""
    addresses = {node: link["refuri"] for node, link in links(made)}
    self.body.append(svg(made["drawn"], made["title"], addresses, made["name"]) + '<div class="lrlab-outline">')


def depart(self: Any, made: nodes.Element) -> None:
    """Close the outline."""
    self.body.append("</div>")


def leave_out(self: Any, made: nodes.Element) -> None:
    """Write the outline alone, where there is no HTML."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    alone = (leave_out, leave_out)
    app.add_node(concept_map, html=(visit, depart), latex=alone, text=alone)
    app.add_directive("concept-map", ConceptMap)
    app.add_post_transform(Sections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
