"""Figures follow the theme and say what they show; source code is shown as it stands."""

import inspect
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lrlab import minimize, plots
from lrlab.display import COLORS, INK, figure, source
from lrlab.objectives import LinearRegression, Quadratic
from lrlab.optimizers import Adam, GradientDescent
from lrlab.schedules import Cosine, Linear

ROOT = Path(__file__).resolve().parent.parent
ALT = "A line that falls from 1 to 0."


def show(color: str = COLORS["blue"]) -> str:
    fig, ax = plots.subplots()
    ax.plot([1, 0], color=color, label="loss")
    ax.legend()
    return figure(fig, ALT).svg


def relative_luminance(color: str) -> float:
    """WCAG 2.2, definition of relative luminance."""
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted((relative_luminance(one), relative_luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_figure_is_wellformed_svg_whose_text_and_lines_follow_the_theme() -> None:
    svg = show()
    assert ET.fromstring(svg).attrib["aria-label"] == ALT
    assert INK not in svg
    assert "currentColor" in svg
    assert f"var(--lrlab-blue, {COLORS['blue']})" in svg
    assert re.search(r"<text[^>]*>step|loss", svg), "text stays text, so that it can be found and read aloud"
    assert "#ffffff" not in svg, "no white box behind the figure"


def numbers(svg: str) -> list[np.ndarray]:
    """Return the coordinates of a picture, attribute by attribute."""
    return [np.array(re.findall(r"-?[\d.]+", found), float) for found in re.findall(r'\b[dxy]="([^"]*)"', svg)]


def test_coordinates_are_matplotlibs_own_to_a_hundredth_of_a_point() -> None:
    fig, ax = plots.subplots()
    ax.plot([0, 1, 2, 5], [3, 1 / 3, -1 / 7, 1e-9], label="1.23456")
    ax.set(yticks=[0.0001, 2.34567], yticklabels=["0.0001", "2.34567"])
    own = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none"}):
        fig.savefig(own, format="svg")
    shown = figure(fig, ALT).svg
    assert not re.search(r'\b[dxy]="[^"]*\.\d{3}', shown)
    assert ">0.0001<" in shown, "numbers that a reader sees are not rounded"
    ours, theirs = numbers(shown), numbers(own.getvalue())
    assert max(len(found) for found in ours) >= 8
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.0051)


def test_two_figures_of_one_page_share_no_id_and_refer_to_their_own() -> None:
    one, other = show(), show(COLORS["green"])
    first, second = (set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, other))
    assert first
    assert not first & second
    for svg, ids in ((one, first), (other, second)):
        assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)) <= {(i, "") for i in ids} | {
            ("", i) for i in ids
        }


def test_the_same_figure_is_the_same_text() -> None:
    assert show() == show()


def test_a_figure_has_a_picture_for_where_there_is_no_html_and_is_closed() -> None:
    fig, _ = plots.subplots()
    data, metadata = figure(fig, ALT)._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == ALT
    assert ALT in data["text/plain"]
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["", "a plot", "Figure 1"])
def test_a_figure_must_be_described(alt: str) -> None:
    fig, _ = plots.subplots()
    with pytest.raises(ValueError, match="alt must say"):
        figure(fig, alt)
    plt.close(fig)


def test_alt_text_may_hold_any_character() -> None:
    fig, _ = plots.subplots()
    alt = 'The rate η < 2/λ & the "edge" of it.'
    assert ET.fromstring(figure(fig, alt).svg).attrib["aria-label"] == alt


@pytest.mark.parametrize("color", COLORS.values(), ids=COLORS)
def test_colors_stand_out_from_white_by_3_to_1(color: str) -> None:
    assert contrast(color, "#ffffff") >= 3


def test_colors_of_the_dark_theme_stand_out_from_its_background_by_3_to_1() -> None:
    css = (ROOT / "book/_assets/lrlab.css").read_text()
    light, dark = (dict(re.findall(r"--lrlab-(\w+): (#\w{6});", block)) for block in css.split("}")[:2])
    assert light == COLORS
    assert set(dark) == set(COLORS)
    assert min(contrast(color, "#14181e") for color in dark.values()) >= 3


def test_source_is_the_code_without_its_docstring() -> None:
    assert str(source(Linear._formula)) in inspect.getsource(Linear).replace("\n    ", "\n")
    assert '"""' not in repr(source(minimize))
    both = source(Linear._formula, Cosine._formula)._repr_markdown_()
    assert both.startswith("```python\ndef ")
    assert both.count("def _formula") == 2
    assert "m_hat" in repr(source(Adam._step))


def test_drawings_show_the_data_they_are_given() -> None:
    bowl = Quadratic([1.0, 10.0], center=[0.5, 0.5])
    run = minimize(bowl, [1.0, 1.0], GradientDescent(), lr=0.25, steps=60)  # diverges along the steep axis
    fig, (left, middle, right) = plots.subplots(1, 3)
    plots.contours(left, bowl, x=(-1, 1), y=(-1, 1))
    plots.path(left, run)
    np.testing.assert_array_equal(left.lines[0].get_xydata(), [[0.5, 0.5]])
    np.testing.assert_array_equal(left.lines[1].get_xydata(), run.params)
    plots.losses(middle, [4.0, 2.0, np.inf, np.nan, 1.0], floor=1.0)
    np.testing.assert_array_equal(middle.lines[0].get_ydata(), [3.0, 1.0, np.nan, np.nan, np.nan])
    plots.schedules(
        right, {"cosine": Cosine(0.1, 10), "mine": lambda t: 0.1 if t < 5 else 0.01, "fixed": 0.2}, steps=20
    )
    drawn = [line.get_ydata() for line in right.lines]
    np.testing.assert_array_equal(drawn[0], Cosine(0.1, 10)(np.arange(20)))
    np.testing.assert_array_equal(drawn[1], [0.1] * 5 + [0.01] * 15)
    np.testing.assert_array_equal(drawn[2], [0.2] * 20)
    plt.close(fig)


def test_a_valley_has_a_dot_for_each_seed_and_a_line_through_the_means() -> None:
    fig, ax = plots.subplots()
    plots.valley(ax, [0.01, 0.1, 1.0], [[2.0, 4.0], [0.5, 0.7], [3.0, np.inf]], color="#123456")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [3.0, 0.6, np.nan])
    np.testing.assert_array_equal([dots.get_ydata() for dots in ax.lines[1:]], [[2.0, 0.5, 3.0], [4.0, 0.7, np.nan]])
    assert {line.get_color() for line in ax.lines} == {"#123456"}
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    plt.close(fig)


def test_drawings_refuse_what_they_cannot_show() -> None:
    fig, ax = plots.subplots()
    with pytest.raises(ValueError, match="two parameters, got dim=1"):
        plots.contours(ax, LinearRegression([[1.0]], [1.0]), x=(0, 1), y=(0, 1))
    grid = minimize(Quadratic([1.0, 2.0]), np.ones((2, 3)), GradientDescent(), lr=0.1, steps=2)
    with pytest.raises(ValueError, match=r"one run of two parameters, got shape \(3, 2, 3\)"):
        plots.path(ax, grid)
    plt.close(fig)
