"""Sphinx extension: code cells that do the same in several frameworks stand side by side in tabs.

A cell tagged ``tab-PyTorch`` goes into a tab of that name. Cells with such a tag that follow each other make one set of
tabs, until a name repeats. A tab shows the cell as it ran, with its output. All sets turn together.
"""

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_design.shared import create_component

TAG = "tab-"


def tab_name(node: nodes.Node) -> str:
    """Return the name of the tab that a code cell asks for; empty where it asks for none."""
    if not isinstance(node, nodes.container) or node.get("nb_element") != "cell_code":
        return ""
    tags = node["cell_metadata"].get("tags", [])
    return next((str(tag).removeprefix(TAG) for tag in tags if tag.startswith(TAG)), "")


def in_tabs(children: list[nodes.Node]) -> Iterator[nodes.Node]:
    """Yield the nodes in their order, with a set of tabs in the place of cells that belong together."""
    tabs, names = None, set[str]()
    for child in children:
        name = tab_name(child)
        if tabs is not None and (not name or name in names):
            yield tabs
            tabs = None
        if not name:
            yield child
            continue
        if tabs is None:
            tabs, names = create_component("tab-set", classes=["sd-tab-set"]), set()
        names.add(name)
        label = nodes.rubric("", name, classes=["sd-tab-label"], sync_id=name, sync_group="tab")
        content = create_component("tab-content", classes=["sd-tab-content"], children=[child])
        tabs += create_component("tab-item", classes=["sd-tab-item"], children=[label, content])
    if tabs is not None:
        yield tabs


class CodeTabs(SphinxPostTransform):
    """Gather the code cells of a page that are tagged for tabs."""

    default_priority = 100  # before sphinx-design turns tabs into what browsers show
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every place where a cell is tagged."""
        cells = [node for node in self.document.findall(nodes.container) if tab_name(node)]
        for parent in {id(cell.parent): cell.parent for cell in cells}.values():
            children = list(parent.children)
            parent.clear()
            parent.extend(list(in_tabs(children)))


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.add_post_transform(CodeTabs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
