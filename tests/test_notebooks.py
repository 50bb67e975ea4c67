"""Every notebook is in the contents and runs. `make test` runs the cells themselves: pytest --nbval book."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from jupyter_cache import get_cache

from tools.book import cache_key, chapters, pages

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path for path in (ROOT / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
TEXTS = sorted((ROOT / "book").rglob("*.md"))
NOT_RUN = {"nbval-skip", "skip-execution"}


def test_contents_are_complete() -> None:
    """Sphinx is told to read the contents only, so it would not miss a page that stands in no list."""
    on_disk = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (*NOTEBOOKS, *TEXTS)}
    assert set(pages(ROOT)) == on_disk
    assert sorted(chapters(ROOT)) == NOTEBOOKS


def test_no_chapter_is_left_out() -> None:
    execute = yaml.safe_load((ROOT / "_config.yml").read_text())["execute"]
    assert execute["execute_notebooks"] == "cache"
    assert "exclude_patterns" not in execute
    assert "allow_errors" not in execute
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            assert not NOT_RUN & set(cell["metadata"].get("tags", [])), f"{path.name}: cell {cell['id']} is never run"


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    return (x for x in ast.walk(tree) if isinstance(x, ast.Call) and isinstance(x.func, ast.Name) and x.func.id == name)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_is_shown_with_its_description(path: Path) -> None:
    """Each figure that is made is shown by `lrlab.display.figure`, with a sentence that stands in the cell."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    trees = [ast.parse("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    made = [call for tree in trees for call in calls(tree, "subplots")]
    shown = [call for tree in trees for call in calls(tree, "figure")]
    assert len(made) == len(shown)
    for call in shown:
        alt = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
        text = [x.value for x in ast.walk(alt[0]) if isinstance(x, ast.Constant) and isinstance(x.value, str)]
        assert len(" ".join(text).split()) > 5, f"line {call.lineno}: {text}"


@pytest.mark.site
def test_site_shows_the_present_run(site: Path) -> None:
    """Each chapter's results come from a run of this very chapter with this very lrlab and these very pins."""
    cache = get_cache(ROOT / "_build" / f"cache-{cache_key(ROOT)}")
    for path in NOTEBOOKS:
        name = path.relative_to(ROOT).with_suffix("")
        cache.match_cache_notebook(nbformat.read(path, as_version=4))  # raises KeyError where there is none
        assert (site / name).with_suffix(".html").exists()
