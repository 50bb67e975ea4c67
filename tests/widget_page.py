"""A page like the book's with figures in it, and a browser to open it in: for the tests and the benchmark."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ipywidgets import Widget
from ipywidgets.embed import dependency_state, embed_data

from lrlab.widgets.base import shared
from tools.local_assets import widget_scripts

ROOT = Path(__file__).resolve().parent.parent
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
PAGE = """<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Figures</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="lrlab.css">
<style>
html {{ --pst-color-background: #fff; --pst-color-text-base: #222832; }}
html[data-theme="dark"] {{ --pst-color-background: #14181e; --pst-color-text-base: #ced6dd; }}
body {{ background: var(--pst-color-background); color: var(--pst-color-text-base); font-family: sans-serif; }}
body {{ margin: 16px auto; max-width: 800px; padding: 0 10px; }}
</style>
</head>
<body><main><h1>Figures</h1>{views}</main>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<script src="widgets.js" data-stock="{stock}"></script>
</body></html>
"""
VIEW = "<div><script type='application/vnd.jupyter.widget-view+json'>{}</script></div>"


def write_page(folder: Path, figures: Sequence[Widget], stock: str = "") -> Path:
    """Write the page that MyST-NB would make of these figures, with the book's loader, and return its path."""
    data = embed_data(figures, drop_defaults=False, state=dependency_state([*figures, shared()], drop_defaults=False))
    state = json.dumps(data["manager_state"]).replace("</", r"<\/")
    views = "".join(VIEW.format(json.dumps(view)) for view in data["view_specs"])
    page = folder / "page.html"
    page.write_text(PAGE.format(views=views, state=state, stock=stock), encoding="utf-8")
    for name in ("widgets.js", "stock.js", "lrlab.css"):
        shutil.copy(ROOT / "book" / "_assets" / name, folder)
    if stock:
        shutil.copy(widget_scripts(), folder / "jupyter-widgets.js")
    return page
