"""tools/code_tabs.py: tagged code cells become tabs, in their order, and nothing else moves."""

from docutils import nodes

from tools.code_tabs import in_tabs


def cell(text: str, *tags: str) -> nodes.Node:
    """Return a code cell as MyST-NB makes it."""
    metadata = {"tags": list(tags)} if tags else {}
    return nodes.container("", nodes.Text(text), nb_element="cell_code", cell_metadata=metadata)


def shape(children: list[nodes.Node]) -> list[object]:
    """Return the texts; a set of tabs as a list of pairs: name, text."""
    found: list[object] = []
    for node in in_tabs(children):
        if isinstance(node, nodes.container) and node.get("design_component") == "tab-set":
            found.append([tuple(part.astext() for part in item.children) for item in node.children])
        else:
            found.append(node.astext())
    return found


def test_tagged_cells_in_a_row_make_one_set() -> None:
    page = [cell("a"), cell("b", "tab-PyTorch"), cell("c", "other", "tab-Keras"), cell("d")]
    assert shape(page) == ["a", [("PyTorch", "b"), ("Keras", "c")], "d"]


def test_text_between_two_cells_makes_two_sets() -> None:
    page = [cell("a", "tab-PyTorch"), nodes.paragraph("", "and"), cell("b", "tab-Keras")]
    assert shape(page) == [[("PyTorch", "a")], "and", [("Keras", "b")]]


def test_a_name_that_repeats_begins_a_new_set() -> None:
    page = [cell("a", "tab-PyTorch"), cell("b", "tab-Keras"), cell("c", "tab-PyTorch")]
    assert shape(page) == [[("PyTorch", "a"), ("Keras", "b")], [("PyTorch", "c")]]


def test_a_page_without_tags_stays_as_it_is() -> None:
    page = [cell("a"), nodes.paragraph("", "text"), cell("b", "remove-output")]
    assert list(in_tabs(page)) == page


def test_all_sets_turn_together() -> None:
    page = [cell("a", "tab-PyTorch"), cell("b"), cell("c", "tab-PyTorch")]
    labels = [label for node in in_tabs(page) for label in node.findall(nodes.rubric)]
    assert {(label["sync_group"], label["sync_id"]) for label in labels} == {("tab", "PyTorch")}
    assert len(labels) == 2
