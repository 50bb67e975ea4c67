"""Sphinx extension: the built site asks no other host for anything.

Formulas are drawn by MathJax out of the package sphinx-mathjax-offline: of its 24 MB, the part that pages can ask for.
ipywidgets' own widgets, should a page show one, come out of the package widgetsnbextension, which ipywidgets requires.
The script that would fetch a live kernel from another host (sphinx-thebe, which Jupyter Book always loads) is left out.
"""

import importlib.util
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

MATHJAX_PARTS = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts", "a11y", "sre")


def drop_thebe(app: Sphinx, config: Config) -> None:
    """Keep sphinx-thebe from adding anything to the pages."""
    for listeners in app.events.listeners.values():
        listeners[:] = [listener for listener in listeners if listener.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [entry for entry in app.registry.css_files if "thebe" not in entry[0]]


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax beside the pages, unless it is there from the last build."""
    target = Path(app.outdir, "_static", "mathjax")
    if error is not None or app.builder.format != "html" or target.exists():
        return
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("sphinx-mathjax-offline is not installed: make setup")
    source = Path(package.origin).parent / "static" / "mathjax"
    unfinished = target.with_name("mathjax.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in MATHJAX_PARTS:
        (unfinished / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (source / part).is_dir() else shutil.copy
        copy(source / part, unfinished / part)
    unfinished.rename(target)


def copy_widgets(app: Sphinx, error: Exception | None) -> None:
    """Put the scripts of ipywidgets' own widgets beside the pages; book/_assets/stock.js says what for."""
    if error is not None or app.builder.format != "html":
        return
    shutil.copyfile(widget_scripts(), Path(app.outdir, "_static", "jupyter-widgets.js"))


def widget_scripts() -> Path:
    """Return where the package has them."""
    package = importlib.util.find_spec("widgetsnbextension")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("widgetsnbextension is not installed: make setup")
    return Path(package.origin).parent / "static" / "extension.js"


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("config-inited", drop_thebe)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", copy_widgets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
