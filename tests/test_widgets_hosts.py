"""The figures where there is a kernel (JupyterLab), and in a page of the book with scripts and without."""

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, sync_playwright

from lrlab import widgets
from tests.lab import notebook
from tests.shown import Shown
from tests.widget_page import FLAGS, ROOT


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.mark.slow
def test_in_jupyterlab_both_sides_see_the_change(browser: Browser, tmp_path: Path) -> None:
    cells = [
        "from lrlab.optimizers import HeavyBall\nfrom lrlab.widgets import *\nfigure = OneStep()\nfigure",
        "figure.lr = 1.5",
        "print(figure.start, figure.curvature, figure.regime)",
        "landscape = Landscape()\nlandscape",
        "landscape.second = HeavyBall(0.5)",
        "print(landscape.first, landscape.objective, landscape.start)",
    ]
    with notebook(tmp_path, browser, cells) as lab:
        page = lab.page
        lab.run(0)
        text = page.locator(".lrlab-readout").first
        text.wait_for()
        page.locator(".lrlab-handle").first.focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")  # the notebook must not take it
        slider = page.locator(".lrlab-fig input[type=range]").nth(1)
        slider.focus()
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        lab.run(1)
        page.wait_for_function("e => e.innerText.includes('1.5 · 1.2')", arg=text.element_handle())
        lab.run(2)
        page.wait_for_timeout(500)
        start, curvature, regime = lab.output(2).split()
        assert (float(start), float(curvature), regime) == (1.75, 1.2, "oscillating")

        lab.run(3)
        readout = page.locator(".lrlab-readout").nth(1)
        readout.wait_for()
        figure = page.locator(".lrlab-fig").nth(1)
        figure.get_by_label("method", exact=True).select_option("Nesterov")
        figure.get_by_label("objective").select_option("Beale")
        lab.run(4)
        page.wait_for_function("e => e.innerText.includes('heavy ball')", arg=readout.element_handle())
        lab.run(5)
        page.wait_for_timeout(500)
        assert lab.output(5).split("\n")[0].startswith("Nesterov(momentum=0.9) Beale() [0.4, 1.2]")


SLIDERS = """e => [...e.querySelectorAll("input[type=range]:enabled")].map(slider =>
    [slider.id.split("-")[1], slider.parentElement.querySelector("input[type=number]").valueAsNumber])"""


@pytest.mark.slow
def test_every_figure_in_jupyterlab(browser: Browser, tmp_path: Path) -> None:
    """What the keyboard moves is in the kernel, and what the kernel sets is in the page."""
    cells = ["import json\nfrom lrlab.widgets import *"]
    set_to = {kind: ("curve", 12) if kind == "NameThatCurve" else ("lr", 0.123) for kind in widgets.__all__}
    for kind, (name, value) in set_to.items():
        tell = "print(json.dumps({name: value for name, value in figure.get_state().items() if name[0] != '_'}))"
        cells += [f"figure = {kind}()\nfigure", tell, f"figure.{name} = {value}"]
    with notebook(tmp_path, browser, cells) as lab:
        lab.run(0)
        for k, (name, value) in enumerate(set_to.values()):
            lab.run(3 * k + 1)
            figure = lab.page.locator(".lrlab-fig").nth(k)
            figure.wait_for()
            first = dict(figure.evaluate(SLIDERS))
            for slider in figure.locator("input[type=range]:enabled").all():
                slider.focus()
                lab.page.keyboard.press("ArrowRight")
            lab.page.wait_for_timeout(100)
            moved = dict(figure.evaluate(SLIDERS))
            assert all(moved[name] != first[name] for name in first)
            lab.run(3 * k + 2)
            lab.page.wait_for_timeout(500)
            known = json.loads(lab.output(3 * k + 2))
            assert moved == pytest.approx({name: known[name] for name in moved}, rel=1e-5)  # a field has six digits
            lab.run(3 * k + 3)
            field = figure.locator(f"[id^=lrlab-{name}-] + input").element_handle()
            lab.page.wait_for_function("([e, value]) => e.valueAsNumber === value", arg=[field, value])


@pytest.fixture(scope="module")
def small_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a book with one page, built, which shows a figure and a widget of another kind."""
    root = tmp_path_factory.mktemp("book")
    book = root / "book"
    book.mkdir()
    for name in ("_config.yml", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    for name in ("tools", "lrlab"):
        (root / name).symlink_to(ROOT / name)
    for name in ("_assets", "_templates"):
        shutil.copytree(ROOT / "book" / name, book / name)
    shutil.copy(ROOT / "book" / "references.bib", book)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n  - file: book/page\n")
    (book / "index.md").write_text("# Index\n\nText.\n")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [
        nbformat.v4.new_markdown_cell("# Page"),
        nbformat.v4.new_code_cell("from lrlab.widgets import OneStep\n\nOneStep()"),
        nbformat.v4.new_code_cell("import ipywidgets\n\nipywidgets.IntSlider(7)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells), book / "page.ipynb")
    command = [sys.executable, str(ROOT / "tools" / "book.py"), "--root", str(root), "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.mark.slow
def test_a_built_page_works_with_scripts_and_shows_a_picture_without(browser: Browser, small_book: Path) -> None:
    address = (small_book / "_build" / "html" / "book" / "page.html").as_uri()
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        Shown(page, widgets.OneStep).agrees()
        assert page.locator("noscript img").count() == 0
        page.locator(".widget-slider").wait_for()
        assert page.locator(".widget-readout").inner_text() == "7"
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        picture = page.locator("main img")
        assert picture.get_attribute("alt") == widgets.OneStep().alt
        assert picture.is_visible()
        assert page.locator(".lrlab-no-widget").inner_text() == "A widget stands here. It needs scripts, which are off."


@pytest.mark.slow
def test_on_paper_stands_the_picture(small_book: Path, tmp_path: Path) -> None:
    """LaTeX, the way to a PDF, gets the picture that comes with the figure."""
    script = f"""if True:
        from pathlib import Path
        from jupyter_book.sphinx import build_sphinx
        root, out = Path({str(small_book)!r}), Path({str(tmp_path)!r})
        cache = str(next((root / "_build").glob("cache-*")))
        settings = dict(external_toc_path=str(root / "_toc.yml"), nb_execution_cache_path=cache)
        settings |= dict(latex_individualpages=False)
        build_sphinx(root, out, doctreedir=out / "trees", noconfig=True, path_config=root / "_config.yml",
                     builder="latex", confoverrides=settings, quiet=True)
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    (text,) = (path.read_text() for path in tmp_path.glob("*.tex"))
    (picture,) = re.findall(r"includegraphics\{\{(\w+)\}\.png\}", text)
    data, _ = widgets.OneStep()._repr_mimebundle_()
    assert (tmp_path / f"{picture}.png").read_bytes() == base64.b64decode(data["image/png"]), done.stderr
    assert "IntSlider(value=7)" in text
