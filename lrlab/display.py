"""Show figures and source code in a notebook so that they read well in every theme, on paper and to a screen reader."""

from __future__ import annotations

import hashlib
import html
import inspect
import io
import re
import textwrap
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

#: Colors that a color-blind reader can tell apart, at least 3:1 against white. In a page each one is a CSS variable
#: (``--lrlab-blue``, …) that the dark theme brightens.
COLORS = {
    "blue": "#0072b2",
    "orange": "#d55e00",
    "green": "#007a5a",
    "purple": "#8e4a9b",
    "gold": "#9a6a00",
    "gray": "#6b6b6b",
}

#: Text, axes and ticks: in a page this becomes the color of the text around the figure.
INK = "#010203"


class Shown:
    """A figure that is displayed as inline SVG in a page or notebook, and as PNG where there is no HTML."""

    def __init__(self, svg: str, png: bytes, alt: str) -> None:
        self.svg, self.png, self.alt = svg, png, alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {"text/html": self.svg, "image/png": self.png, "text/plain": f"[figure: {self.alt}]"}
        return data, {"image/png": {"alt": self.alt}}


def figure(fig: Figure, alt: str) -> Shown:
    """Show a Matplotlib figure, described in words, and close it.

    Lines in `INK` and `COLORS` follow the theme of the page.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        What to show.
    alt : str
        What the figure shows, for a reader who cannot see it: the finding, not the decoration.

    Raises
    ------
    ValueError
        If ``alt`` says nothing.

    Examples
    --------
    >>> from lrlab.plots import subplots
    >>> fig, ax = subplots()
    >>> line = ax.plot([0, 1, 2], [4, 1, 0])
    >>> figure(fig, alt="The loss falls from 4 to 0 in two steps.").alt
    'The loss falls from 4 to 0 in two steps.'
    """
    if len(alt.split()) < 4:
        raise ValueError(f"alt must say in a sentence what the figure shows, got alt={alt!r}")
    svg, png = io.StringIO(), io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lrlab"}):
        fig.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    fig.savefig(png, format="png", dpi=120, facecolor="white", metadata={"Software": None})
    plt.close(fig)
    return Shown(_themed(svg.getvalue(), alt), png.getvalue(), alt)


def _themed(svg: str, alt: str) -> str:
    """Inline SVG: colors become variables, ids become unique in the page, the size fits the column."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b[dxy]="[^"]*"', _rounded, svg)
    svg = svg.replace(INK, "currentColor")
    for name, color in COLORS.items():
        svg = svg.replace(color, f"var(--lrlab-{name}, {color})")
    key = hashlib.sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', svg)
    svg = re.sub(r'url\(#|href="#', lambda found: f"{found[0]}{key}-", svg)
    svg = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1system-ui, sans-serif", svg)
    opening = (
        f'<svg class="lrlab-figure" role="img" aria-label="{html.escape(alt)}" style="max-width: 100%; height: auto"'
    )
    return svg.replace("<svg", opening, 1)


def _rounded(coordinates: re.Match[str]) -> str:
    """To a hundredth of a point: nobody sees the rest, and a page without it weighs a third less."""
    short = re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), coordinates[0])
    return short.replace("\n", "")


class Source:
    """Source code that is displayed as a highlighted block."""

    def __init__(self, code: str) -> None:
        self.code = code

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.code}\n```"

    def __repr__(self) -> str:
        return self.code


def source(*objects: Any) -> Source:
    """Show the code of functions or methods as it stands in the package, without docstrings.

    Parameters
    ----------
    *objects : function or method
        What to show, in this order.

    Examples
    --------
    >>> from lrlab.schedules import Linear
    >>> source(Linear._formula)
    def _formula(self, t: Floats) -> Floats:
        return self.lr_min + (self.lr - self.lr_min) * (1 - np.minimum(t / self.steps, 1))
    """
    return Source("\n\n".join(_without_docstring(obj) for obj in objects))


def _without_docstring(obj: Any) -> str:
    code = textwrap.dedent(inspect.getsource(obj))
    return re.sub(r'^ *r?""".*?"""\n', "", code, count=1, flags=re.DOTALL | re.MULTILINE).rstrip()
