"""Every notebook is in the contents and runs. `make test` runs the cells themselves: pytest --nbval book."""

import json
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


@pytest.mark.site
def test_site_shows_the_present_run(site: Path) -> None:
    """Each chapter's results come from a run of this very chapter with this very lrlab and these very pins."""
    cache = get_cache(ROOT / "_build" / f"cache-{cache_key(ROOT)}")
    for path in NOTEBOOKS:
        name = path.relative_to(ROOT).with_suffix("")
        cache.match_cache_notebook(nbformat.read(path, as_version=4))  # raises KeyError where there is none
        assert (site / name).with_suffix(".html").exists()
