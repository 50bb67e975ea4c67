"""Sphinx extension: the built site asks no other host for anything.

Formulas are drawn by MathJax out of the package sphinx-mathjax-offline: of its 24 MB, the part that pages can ask for.
ipywidgets' own widgets, should a page show one, come out of the package widgetsnbextension, which ipywidgets requires.
The script that would fetch a live kernel from another host (sphinx-thebe, which Jupyter Book always loads) is left out.
Of the theme's two thousand icons, two thirds of what a first page weighs, those that the pages show are kept.
"""

import importlib.util
import re
import shutil
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx
from sphinx.config import Config

ICONS = Path("scripts", "fontawesome.js")
FONT = Path("vendor", "fontawesome", "webfonts", "fa-solid-900.ttf")
# An icon in that script: name:[width, height, [other names], "letter", "path" or ["path", "path"]],
ICON = re.compile(r'"?([\w-]+)"?:\[\d+,\d+,\[([^\]]*)\],"(\w+)",(?:"[^"]*"|\["[^"]*"(?:,"[^"]*")*\])\],?')
RULE = re.compile(r"([^{}]+){([^{}]*)}")  # of a style sheet
MATHJAX_PARTS = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts", "a11y", "sre")


def drop_thebe(app: Sphinx, config: Config) -> None:
    """Keep sphinx-thebe from adding anything to the pages."""
    for listeners in app.events.listeners.values():
        listeners[:] = [listener for listener in listeners if listener.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [entry for entry in app.registry.css_files if "thebe" not in entry[0]]


def package_folder(name: str) -> Path:
    """Return the folder of an installed package."""
    package = importlib.util.find_spec(name)
    if package is None or package.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed: make setup")
    return Path(package.origin).parent


def mathjax() -> Path:
    """Return where MathJax lies."""
    return package_folder("sphinx-mathjax-offline") / "static" / "mathjax"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax beside the pages, unless it is there from the last build."""
    target = Path(app.outdir, "_static", "mathjax")
    if error is not None or app.builder.format != "html" or target.exists():
        return
    source = mathjax()
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
    return package_folder("widgetsnbextension") / "static" / "extension.js"


def without_other_icons(script: str, shown: set[str]) -> str:
    """Drop from the script of icons those whose names, or other names, are not among the shown."""

    def kept(icon: re.Match[str]) -> str:
        return icon[0] if shown & {icon[1], *re.findall(r"[\w-]+", icon[2])} else ""

    return ICON.sub(kept, script)


def drop_icons(app: Sphinx, error: Exception | None) -> None:
    """Keep the icons that stand in a page, or that a script of the theme puts there; and those that its styles draw."""
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    scripts = [path for path in out.glob("_static/**/*.js") if "mathjax" not in path.parts and path.name != ICONS.name]
    texts = [*out.glob("*.html"), *out.glob("book/**/*.html"), *scripts]
    shown = {name for path in texts for name in re.findall(r"\bfa-([\w-]+)", path.read_text(encoding="utf-8"))}
    theme = package_folder("pydata_sphinx_theme") / "theme" / "pydata_sphinx_theme" / "static"
    script = without_other_icons((theme / ICONS).read_text(encoding="utf-8"), shown)
    (out / "_static" / ICONS).write_text(script, encoding="utf-8")
    styles = [path.read_text(encoding="utf-8") for path in sorted(out.glob("_static/**/*.css"))]
    rules = [rule[2] for text in styles for rule in RULE.finditer(text) if ".fa-" not in rule[1]]
    letters = {int(icon[3], 16) for icon in ICON.finditer(script)}  # each is drawn so until the script has run
    letters |= {int(code, 16) for rule in rules for code in re.findall(r"\\(f[0-9a-f]{3})\b", rule)}
    letters |= {ord(letter) for rule in rules for letter in re.findall(r"[\ue000-\uf8ff]", rule)}
    write_font(theme / FONT, out / "_static" / "icons.woff", letters)


def write_font(source: Path, target: Path, letters: set[int]) -> None:
    """Write a font with these letters only."""
    options = subset.Options(flavor="woff", recalc_timestamp=False)
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=letters)
    subsetter.subset(font)
    subset.save_font(font, str(target), options)


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("config-inited", drop_thebe)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", copy_widgets)
    app.connect("build-finished", drop_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
