"""tools/book.py and tools/notebooks.py, on a tiny book in a folder of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools.book import cache_key, chapters, complaint
from tools.notebooks import clean, text

ROOT = Path(__file__).resolve().parent.parent


def notebook(*sources: str, title: str = "Title", **metadata: Any) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": [f"# {title}"]}]
    cells += [{"cell_type": "code", "metadata": metadata, "source": [source], "outputs": []} for source in sources]
    return clean({"cells": cells, "metadata": {}})


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Return a book of two chapters, an lrlab and pins."""
    files = {
        "_config.yml": "title: Tiny\nonly_build_toc_files: true\nexecute: {execute_notebooks: cache}\n",
        "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n- file: book/one\n- file: book/two\n",
        "requirements.txt": "numpy==2.4.6\n",
        "lrlab/rates.py": "RATE = 0.1\n",
        "book/index.md": "# Tiny\n",
        "book/one.ipynb": text(notebook("print(6 * 7)", title="One")),
        "book/two.ipynb": text(notebook("print('two')", title="Two")),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def build(book: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "book.py"), "--root", str(book), "--jobs", "1"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_key_follows_what_results_depend_on(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LRLAB_DATA", raising=False)
    keys = [cache_key(book)]
    (book / "book" / "one.ipynb").write_text(text(notebook("print(6 * 8)")))
    (book / "book" / "index.md").write_text("# Another title\n")
    assert [cache_key(book)] == keys, "a chapter is no part of the key: it has its own entry in the cache"

    (book / "lrlab" / "rates.py").write_text("RATE = 0.2\n")
    keys.append(cache_key(book))
    (book / "lrlab" / "widgets").mkdir()
    (book / "lrlab" / "widgets" / "slider.js").write_text("export default {}\n")
    keys.append(cache_key(book))
    (book / "requirements.txt").write_text("numpy==2.4.7\n")
    keys.append(cache_key(book))
    data = book / "data"
    data.mkdir()
    (data / "images.gz").write_bytes(b"1234")
    monkeypatch.setenv("LRLAB_DATA", str(data))
    keys.append(cache_key(book))
    (data / "images.gz").write_bytes(b"12345")
    keys.append(cache_key(book))
    assert len(set(keys)) == len(keys)


@pytest.mark.thorough
def test_only_what_changed_runs_again(book: Path) -> None:
    first = build(book)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "2 of 2 chapters to run" in first.stdout
    assert "42" in (book / "_build" / "html" / "book" / "one.html").read_text()
    assert set(json.loads((book / "_build" / "seconds.json").read_text())) == {"book/one.ipynb", "book/two.ipynb"}

    (book / "book" / "one.ipynb").write_text(text(notebook("print(6 * 8)", title="One")))
    second = build(book)
    assert "1 of 2 chapters to run" in second.stdout
    assert "48" in (book / "_build" / "html" / "book" / "one.html").read_text()

    (book / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n- file: book/one\n")
    (book / "lrlab" / "rates.py").write_text("RATE = 0.2\n")
    third = build(book)
    assert "1 of 1 chapters to run" in third.stdout
    assert not (book / "_build" / "html" / "book" / "two.html").exists()


@pytest.mark.thorough
def test_failing_chapter_fails_the_build(book: Path) -> None:
    (book / "book" / "two.ipynb").write_text(text(notebook("rate = 0.1", "rate / 0", title="Two")))
    result = build(book)
    assert result.returncode == 1
    assert "book/two.ipynb failed, cell 2 (rate-0)" in result.stderr
    assert "ZeroDivisionError: float division by zero" in result.stderr
    assert "one.ipynb" not in result.stderr
    assert not (book / "_build" / "html" / "index.html").exists()


@pytest.mark.thorough
def test_warning_of_a_page_fails_every_build(book: Path) -> None:
    """A second build reads changed pages only; it must not take the others for good ones."""
    (book / "book" / "index.md").write_text("# Tiny\n\n[nowhere](no-such-page.md)\n")
    for _ in range(2):
        result = build(book)
        assert result.returncode == 1
        assert "no-such-page" in result.stderr


def executed(*outputs: dict[str, Any], **metadata: Any) -> Any:
    cell = nbformat.v4.new_code_cell("1", metadata=metadata, outputs=[nbformat.from_dict(output) for output in outputs])
    return nbformat.v4.new_notebook(cells=[cell])


def test_complaints() -> None:
    warning = {"output_type": "stream", "name": "stderr", "text": "/x/y.py:3: RuntimeWarning: overflow in square\n  a"}
    progress = {"output_type": "stream", "name": "stderr", "text": "100%|####| 5/5 [00:01<00:00]"}
    error = {"output_type": "error", "ename": "ValueError", "evalue": "steps", "traceback": []}
    assert "RuntimeWarning: overflow" in complaint(executed(warning))
    assert complaint(executed(warning, mystnb={"output_stderr": "show"})) == ""
    assert complaint(executed(progress)) == ""
    assert "raises none" in complaint(executed(tags=["raises-exception"]))
    assert complaint(executed(error, tags=["raises-exception"])) == ""


def test_chapters_are_the_notebooks_in_order(book: Path) -> None:
    assert [path.name for path in chapters(book)] == ["one.ipynb", "two.ipynb"]


def test_clean_notebook() -> None:
    ids = ["loss-curve", "loss-curve", "0a1b2c3d", "9f8b0b3e-5f0e-4c7e-8d3e-0123456789ab", ""]
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": name,
            "source": "plot(loss)\n\n",
            "execution_count": 3,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}],
            "metadata": {"tags": ["hide-input"], "collapsed": True, "execution": {"a": 1}},
        }
        for name in ids
    ]
    dirty = {"cells": cells, "metadata": {"widgets": {}, "kernelspec": {"name": "venv"}}, "nbformat_minor": 4}
    done = clean(dirty)
    assert [cell["id"] for cell in done["cells"]] == ["loss-curve", *(f"plot-loss{n}" for n in ("", "-2", "-3", "-4"))]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in done["cells"])
    assert all(cell["metadata"] == {"tags": ["hide-input"]} for cell in done["cells"])
    assert done["metadata"]["kernelspec"]["name"] == "python3"
    assert clean(json.loads(text(done))) == done


def test_check_of_notebooks(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    good = text(notebook("1"))
    path.write_text(
        good.replace('"outputs": []', '"outputs": [{"output_type": "stream", "name": "stdout", "text": []}]')
    )
    command = [sys.executable, str(ROOT / "tools" / "notebooks.py")]
    assert subprocess.run([*command, "--check", str(path)], capture_output=True, check=False).returncode == 1
    assert path.read_text() != good
    assert subprocess.run([*command, str(path)], capture_output=True, check=False).returncode == 0
    assert path.read_text() == good
