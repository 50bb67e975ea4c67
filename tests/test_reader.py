"""What tools/reader.py and tools/colab.py add to pages and notebooks; two builds of one state are the same."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from docutils import nodes

from tools import run_times
from tools.book import run, zip_site
from tools.colab import with_install
from tools.reader import hold_room, launch, minutes, repository, tag_chinese, width

ROOT = Path(__file__).resolve().parent.parent


def test_chinese_is_tagged_in_text_and_not_in_attributes() -> None:
    assert tag_chinese('<p title="学习率">rate 学习率, 动量</p>') == (
        '<p title="学习率">rate <span lang="zh">学习率</span>, <span lang="zh">动量</span></p>'
    )


def test_reading_time_counts_words_and_lines_of_code() -> None:
    words, code = nodes.paragraph("", " ".join(["word"] * 400)), nodes.literal_block("", "\n".join(["x = 1"] * 20))
    page = nodes.document(None, None)  # type: ignore[arg-type]
    page += [words, code]
    assert minutes(page) == 3  # 400 / 200 words, 20 * 3 s


def test_a_formula_says_how_much_room_it_will_take() -> None:
    inline = '<span class="math notranslate nohighlight">\\(\\eta_t\\)</span>'
    display = '<div class="math notranslate nohighlight" id="e">\n\\[a = \\frac{1}{2}\\]</div>'
    assert hold_room(inline) == inline.replace('">', '" style="--w: 1.0em">')
    assert hold_room(display) == display.replace('id="e">', 'id="e" style="--h: 4.6em">')
    assert width(r"\text{rate} = \mathbf{x}") < width(r"\text{the rate} = \mathbf{x}")


def test_links_to_other_hosts_need_a_known_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LRLAB_REPOSITORY", raising=False)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert repository() == ""
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/book")
    assert repository() == "someone/book"
    links = launch(repository(), "book/one")
    assert "github/someone/book/blob/colab/book/one.ipynb" in links
    assert links.count("leaves this site") == links.count("<a ") == 2
    monkeypatch.setenv("LRLAB_REPOSITORY", "no repository")
    with pytest.raises(ValueError, match="owner/name"):
        repository()


def test_only_the_copy_for_colab_installs_anything() -> None:
    chapter = nbformat.read(ROOT / "book/descent/step_size.ipynb", as_version=4)
    copy = with_install(chapter, "someone/book")
    nbformat.validate(copy)
    assert "git+https://github.com/someone/book" in copy.cells[0].source
    assert copy.cells[1:] == chapter.cells
    for path in (ROOT / "book").rglob("*.ipynb"):
        assert "pip install" not in path.read_text(encoding="utf-8"), path


def test_one_state_makes_one_zip(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>first page")
    zip_site(tmp_path)
    archive = tmp_path / "the-learning-rate.zip"
    first = archive.read_bytes()
    os.utime(tmp_path / "index.html", (0, 0))
    zip_site(tmp_path)
    assert archive.read_bytes() == first
    assert zipfile.ZipFile(archive).namelist() == ["the-learning-rate/index.html"]


@pytest.mark.thorough
def test_a_page_with_widgets_runs_to_the_same_bytes_twice() -> None:
    one, two = (nbformat.writes(run(ROOT / "book/index.ipynb").notebook) for _ in range(2))
    assert "widget-view" in one
    assert one == two


CELL = re.compile(r'(?=<div class="cell )')
TIME = re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|min)\b")


def without_times(page: str) -> str:
    """Blank the times that cells tagged `measured` print, and nothing else."""
    cells = CELL.split(page)
    return "".join(
        TIME.sub("… s", cell) if re.match(r'<div class="cell [^"]*tag_measured', cell) else cell for cell in cells
    )


def test_only_times_of_measured_cells_are_not_compared() -> None:
    cell = '<div class="cell {}docutils container"><pre>loss 0.{} in {} s</pre></div>'
    one, two = (cell.format("tag_measured ", 1, time) for time in ("6.1", "12.0"))
    assert without_times(one) == without_times(two)
    assert without_times(one) != without_times(cell.format("tag_measured ", 2, "6.1"))
    assert without_times(cell.format("", 1, "6.1")) != without_times(cell.format("", 1, "12.0"))


def same(one: Path, two: Path) -> bool:
    if one.suffix == ".html":
        return without_times(one.read_text(encoding="utf-8")) == without_times(two.read_text(encoding="utf-8"))
    return one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_two_builds_of_one_state_are_the_same(tmp_path: Path) -> None:
    """Each from a clean copy, with a cache of its own: the chapters run twice, too."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    sites = []
    for name in ("one", "two"):
        copy = tmp_path / name
        for file in filter(None, files.split("\0")):
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            (copy / file).write_bytes((ROOT / file).read_bytes())
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        subprocess.run([sys.executable, "tools/book.py"], cwd=copy, env=environment, check=True)
        sites.append(copy / "_build" / "html")
    one, two = (
        {path.relative_to(site): path for path in site.rglob("*") if path.is_file() and path.suffix != ".zip"}
        for site in sites
    )
    assert one.keys() == two.keys()
    different = [str(name) for name in one if not same(one[name], two[name])]
    assert not different


def test_table_of_run_times_follows_the_contents(tmp_path: Path) -> None:
    contents = tmp_path / "_toc.yml"
    contents.write_text(
        "format: jb-book\nroot: book/index\nchapters:\n- file: book/practice/mnist\n- file: book/notes\n"
    )
    made = run_times.table(
        contents, {"book/practice/mnist.ipynb": 71.6, "book/index.ipynb": 4.2, "book/gone.ipynb": 1.0}
    )
    rows = [line for line in made.splitlines() if line.startswith("| {doc}")]
    assert rows == ["| {doc}`/book/index` | 4 s | 30 s |", "| {doc}`/book/practice/mnist` | 72 s | 120 s |"]
    assert "nothing" in run_times.table(contents, {})
