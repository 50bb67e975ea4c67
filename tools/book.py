"""Build the book: run the chapters in parallel, then render the site into _build/html.

What a chapter printed is kept in a cache, one entry per notebook. The cache's folder is named after all that a result
depends on besides the notebook itself (`cache_key`), so a changed lrlab or pin runs everything again, and a changed
chapter runs alone.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_book.sphinx import build_sphinx
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from sphinx_external_toc.parsing import parse_toc_yaml
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
CELL_TIMEOUT = 300  # seconds
ARCHIVE = "the-learning-rate.zip"  # the site for offline reading
CACHES_KEPT = 3  # older ones are removed
ANSI = re.compile(r"\x1b\[[0-9;]*m")
WARNING = re.compile(r"^.*\b\w*Warning: .*$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What became of one notebook: its outputs and seconds, or the reason why it failed."""

    path: Path
    notebook: nbformat.NotebookNode
    seconds: float
    failure: str = ""


def pages(root: Path) -> list[str]:
    """Return the names of all pages in the order of _toc.yml, without their endings."""
    return [re.sub(r"\.(ipynb|md)$", "", name) for name in parse_toc_yaml(root / "_toc.yml")]


def chapters(root: Path) -> list[Path]:
    """Return the notebooks among the pages."""
    return [path for name in pages(root) if (path := root / f"{name}.ipynb").exists()]


def cache_key(root: Path) -> str:
    """Hash what a chapter's result depends on: lrlab, the pinned packages, Python, the data set."""
    digest = hashlib.sha256(sys.version.encode())
    sources = (path for path in (root / "lrlab").rglob("*") if path.suffix in {".py", ".js", ".css"})
    for path in (*sorted(sources), root / "requirements.txt"):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    data = os.environ.get("LRLAB_DATA", "")
    held = sorted(Path(data).iterdir()) if data and Path(data).is_dir() else []
    digest.update(str([(file.name, file.stat().st_size) for file in held]).encode())
    return digest.hexdigest()[:16]


def run(path: Path) -> Run:
    """Run one notebook in a kernel of its own, in its folder; a warning that is not shown on purpose fails it."""
    notebook = nbformat.read(path, as_version=4)
    at = 0

    def note(cell: nbformat.NotebookNode, cell_index: int) -> None:
        nonlocal at
        at = cell_index

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,  # in how many pieces a text arrives is chance
        record_timing=False,  # would become part of the notebook, and the cache would not know it again
        extra_arguments=["--HistoryManager.enabled=False", "--log-level=ERROR"],
        on_cell_start=note,
    )
    start, failure = time.perf_counter(), ""
    try:
        client.execute()
    except Exception as error:  # whatever ends a notebook is told with its cell; the other notebooks go on
        failure = f"cell {at} ({notebook.cells[at].get('id')}): {ANSI.sub('', str(error))}"
    notebook = with_steady_ids(notebook)
    return Run(path, notebook, time.perf_counter() - start, failure or complaint(notebook))


def with_steady_ids(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Number the widgets of a notebook in the order of their making; their own ids are drawn anew in each run."""
    saved = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    written = json.dumps(notebook)
    for number, drawn in enumerate(saved.get("state", {}), start=1):
        written = written.replace(drawn, f"{number:032x}")
    steady: nbformat.NotebookNode = nbformat.from_dict(json.loads(written))
    return steady


def complaint(notebook: nbformat.NotebookNode) -> str:
    """Find what a kernel lets pass: a warning that no metadata ask for, an announced exception that did not come."""
    for index, cell in enumerate(notebook.cells):
        outputs = cell.get("outputs", [])
        warnings = [WARNING.search(output.text) for output in outputs if output.get("name") == "stderr"]
        shown = cell.metadata.get("mystnb", {}).get("output_stderr") == "show"
        for warning in warnings:
            if warning and not shown:
                return f"cell {index} ({cell.get('id')}) warns: {warning.group().strip()}"
        raised = any(output.output_type == "error" for output in outputs)
        if "raises-exception" in cell.metadata.get("tags", []) and not raised:
            return f"cell {index} ({cell.get('id')}) is tagged raises-exception and raises none"
    return ""


def fill_cache(root: Path, folder: Path, jobs: int) -> list[Run]:
    """Run the chapters that the cache lacks, store what succeeded, and return all that ran."""
    cache = get_cache(folder)

    def missing(path: Path) -> bool:
        try:
            cache.match_cache_notebook(nbformat.read(path, as_version=4))
        except KeyError:
            return True
        return False

    # The long chapters stand at the end of the book: they start first.
    todo = [path for path in reversed(chapters(root)) if missing(path)]
    print(f"book: {len(todo)} of {len(chapters(root))} chapters to run, {jobs} at a time", flush=True)
    if not todo:
        return []
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of several kernels would spin against each other
    runs = []
    with (
        ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool,
        tqdm(total=len(todo), unit="chapter", disable=not sys.stderr.isatty()) as bar,
    ):
        futures: list[Future[Run]] = [pool.submit(run, path) for path in todo]
        for future in as_completed(futures):
            done = future.result()
            runs.append(done)
            name = done.path.relative_to(root)
            bar.update()
            bar.write(f"  {done.seconds:6.1f} s  {name}{'  FAILED' if done.failure else ''}")
            if not done.failure:
                bundle = CacheBundleIn(done.notebook, str(done.path), data={"execution_seconds": done.seconds})
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return runs


def record_seconds(root: Path, runs: Iterable[Run]) -> None:
    """Keep how long each chapter took, for whoever looks for the slow ones."""
    record = root / "_build" / "seconds.json"
    known = json.loads(record.read_text()) if record.exists() else {}
    known |= {str(done.path.relative_to(root)): round(done.seconds, 1) for done in runs}
    record.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def remove_stale(root: Path, keep: Path) -> None:
    """Remove old caches, and the pages of chapters that left the contents."""
    caches = sorted(keep.parent.glob("cache-*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in caches[CACHES_KEPT:]:
        if folder != keep:
            shutil.rmtree(folder)
    html, names = root / "_build" / "html", set(pages(root))
    for page in (html / "book").rglob("*.html"):
        if page.relative_to(html).with_suffix("").as_posix() not in names:
            page.unlink()


def render(root: Path, cache: Path) -> bool:
    """Render the pages out of the cache; every warning is an error. Say whether all went well."""
    output, doctrees = root / "_build" / "html", root / "_build" / ".doctrees"
    overrides = {
        "external_toc_path": str(root / "_toc.yml"),
        "latex_individualpages": False,
        "nb_execution_cache_path": str(cache),
        "nitpicky": True,
    }
    failed = build_sphinx(
        root,
        output,
        doctreedir=doctrees,
        noconfig=True,
        path_config=root / "_config.yml",
        confoverrides=overrides,
        warningiserror=True,
        keep_going=True,
        quiet=not sys.stdout.isatty(),
    )
    if failed:
        shutil.rmtree(doctrees, ignore_errors=True)  # else the next build would skip these pages and their warnings
    return not failed


def zip_site(html: Path) -> None:
    """Put the whole site into one file beside its first page, the same bytes for the same pages."""
    target = html / ARCHIVE
    part = target.with_suffix(".part")
    files = sorted(path for path in html.rglob("*") if path.is_file() and path.suffix not in {".part", ".zip"})
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"the-learning-rate/{path.relative_to(html).as_posix()}")  # dated 1980, always
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    part.replace(target)


def build(root: Path, jobs: int) -> bool:
    """Build the book of a folder; say whether all went well."""
    start = time.perf_counter()
    cache = root / "_build" / f"cache-{cache_key(root)}"
    cache.mkdir(parents=True, exist_ok=True)
    os.utime(cache)
    remove_stale(root, keep=cache)
    runs = fill_cache(root, cache, jobs)
    record_seconds(root, runs)
    for failed in (done for done in runs if done.failure):
        print(f"\nbook: {failed.path.relative_to(root)} failed, {failed.failure}", file=sys.stderr)
    if any(done.failure for done in runs):
        return False
    ran = time.perf_counter()
    print("book: rendering the pages", flush=True)
    if not render(root, cache):
        print("book: the pages have errors; they stand above", file=sys.stderr)
        return False
    zip_site(root / "_build" / "html")
    end = time.perf_counter()
    print(f"book: chapters {ran - start:.0f} s, pages {end - ran:.0f} s, in all {end - start:.0f} s")
    print(f"book: open {os.path.relpath(root / '_build' / 'html' / 'index.html')}")
    return True


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder with _toc.yml and _config.yml")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="chapters that run at a time")
    arguments = parser.parse_args()
    sys.exit(not build(arguments.root.resolve(), arguments.jobs))


if __name__ == "__main__":
    main()
