"""The interactive figures in a browser, with no kernel and no network: they draw, answer, and show lrlab's numbers."""

import gzip
import itertools
import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from lrlab import optimizers, widgets
from lrlab.objectives import Beale, Quadratic
from lrlab.widgets.base import Figure
from lrlab.widgets.landscape import PRESETS
from lrlab.widgets.name_that_curve import NAMES
from lrlab.widgets.rate_finder import ROWS
from lrlab.widgets.recorded import recorded
from lrlab.widgets.specs import from_spec
from tests.shown import Shown
from tests.widget_page import FLAGS, ROOT, write_page
from tools.serve import server

pytestmark = pytest.mark.thorough

FIGURES = [getattr(widgets, name) for name in widgets.__all__]
WITH_HANDLE = [figure for figure in FIGURES if figure not in (widgets.NoiseFloor, widgets.NameThatCurve)]


def center(locator: Locator) -> tuple[float, float]:
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


# ---- the browser ----


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a page of its own for each figure, and one with all of them."""
    folder = tmp_path_factory.mktemp("pages")
    for kind in FIGURES:
        (folder / kind.__name__).mkdir()
        write_page(folder / kind.__name__, [kind()])
    (folder / "all").mkdir()
    write_page(folder / "all", [kind() for kind in FIGURES])
    return folder


@pytest.fixture(scope="module")
def homes(folder: Path) -> Iterator[dict[str, str]]:
    with server(folder) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{httpd.server_port}", "file": folder.as_uri()}
        httpd.shutdown()


@pytest.fixture
def visit(browser: Browser, homes: dict[str, str]) -> Iterator[Callable[..., Page]]:
    """Return what opens a page; at the end nothing may have gone wrong on it or been asked of another host."""
    problems: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(name: str, scheme: str = "http", theme: str = "light", width: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 1000}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        home = homes[scheme]

        def gate(route: Any) -> None:
            if route.request.url.startswith((home, "data:", "blob:")):
                route.continue_()
            else:
                problems.append(f"asked another host: {route.request.url}")
                route.abort()

        page.route("**/*", gate)
        page.goto(f"{home}/{name}/page.html")
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems, problems


def ids(kind: type) -> str:
    return kind.__name__


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_it_draws_and_says_what_lrlab_says(kind: type[Figure], scheme: str, visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__, scheme), kind)
    assert shown.root.locator("svg path[d]:not([d=''])").count() > 8
    shown.agrees()


@pytest.mark.parametrize("kind", WITH_HANDLE, ids=ids)
def test_the_mouse_drags(kind: type[Figure], visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__), kind)
    for handle in shown.handles():
        before = shown.settings()
        x, y = center(handle)
        shown.page.mouse.move(x, y)
        shown.page.mouse.down()
        shown.page.mouse.move(x + 25, y - 20, steps=5)
        shown.page.mouse.up()
        assert shown.settings() != before
        shown.agrees()


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_the_mouse_moves_sliders(kind: type[Figure], visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__), kind)
    for slider in shown.sliders():
        before = shown.settings()
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box is not None
        low, high, now = (float(slider.evaluate(f"e => e.{name}")) for name in ("min", "max", "value"))
        where = 0.75 if now < (low + high) / 2 else 0.25
        shown.page.mouse.click(box["x"] + where * box["width"], box["y"] + box["height"] / 2)
        assert shown.settings() != before
        shown.agrees()


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_the_keyboard_does_everything(kind: type[Figure], visit: Callable[..., Page]) -> None:
    """Walk through all controls with Tab; each shows the focus and answers the arrows; the reset button undoes all."""
    shown = Shown(visit(kind.__name__), kind)
    page, first = shown.page, shown.settings()
    stops = shown.root.locator("button, input:enabled, select, .lrlab-handle:visible").count()
    for _ in range(stops):
        page.keyboard.press("Tab")
        tag, inside, ring = page.evaluate(
            """() => {
                const e = document.activeElement, ring = e.querySelector?.(".ring");
                const look = getComputedStyle(ring ?? e), drawn = (ring ? look.stroke : look.outlineStyle) !== "none";
                const tag = e.ariaDisabled === "false" ? "choice" : e.type ?? "handle";
                return [tag, Boolean(e.closest(".lrlab-fig")), drawn];
            }"""
        )
        assert inside, "Tab leaves the figure too early"
        assert ring, f"the focus on {tag} cannot be seen"
        before = shown.settings()
        if tag == "choice":
            page.keyboard.press("Space")
        elif tag == "range":
            page.keyboard.press("ArrowRight")
        elif tag == "handle":
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowUp")
        elif tag == "select-one":
            page.keyboard.press("ArrowDown")
            if shown.settings() == before:  # it was the last of the list
                page.keyboard.press("ArrowUp")
        assert tag in ("button", "number") or shown.settings() != before, f"{tag} does not answer the keys"
        shown.agrees()
    shown.root.get_by_role("button", name="Reset").focus()
    page.keyboard.press("Enter")
    assert shown.settings() == first
    shown.agrees()


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_exact_values_can_be_typed(kind: type[Figure], visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__), kind)
    name, value = ("curve", 12) if kind is widgets.NameThatCurve else ("rate", 0.123)
    field = shown.root.get_by_label(re.compile(f"{name}.*exact value")).first
    field.fill(str(value))
    field.press("Enter")
    assert value in shown.settings().values()
    shown.agrees()
    field.fill("-7")
    field.press("Enter")
    assert field.input_value() != "-7", "what cannot be is not taken"
    shown.agrees()


@pytest.mark.parametrize("kind", [widgets.Adaptation, widgets.Landscape, widgets.ModelAndTruth], ids=ids)
def test_a_point_that_is_dragged_can_be_typed(kind: type[Figure], visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__), kind)
    for name, value in {"θ₁": "1.2345", "θ₂": "-0.5"}.items():
        field = shown.root.get_by_label(f"start {name}, exact value")
        field.fill(value)
        field.press("Enter")
        shown.agrees()
    assert shown.settings()["start"] == [1.2345, -0.5]
    field.fill("1000")
    field.press("Enter")
    assert shown.settings()["start"] == [1.2345, shown.settings()["y"][1]], "it stays on the map"


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_it_says_what_to_try_and_what_to_notice(kind: type[Figure], visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__), kind)
    caption = shown.root.locator("figcaption").inner_text()
    assert re.match(r"Try .{30,}\s+Notice .{30,}", caption, re.DOTALL)
    assert shown.root.get_attribute("aria-describedby") == shown.root.locator("figcaption").get_attribute("id")


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_fingers_move_it(kind: type[Figure], visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__, width=360, has_touch=True, is_mobile=True), kind)
    touch = shown.page.context.new_cdp_session(shown.page)
    for place in [*shown.handles(), *shown.sliders()[:1]]:
        before = shown.settings()
        x, y = center(place)
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for k in range(1, 6):
            touch.send(
                "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + 5 * k, "y": y - 3 * k}]}
            )
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert shown.settings() != before
        shown.agrees()


@pytest.mark.parametrize("name", PRESETS)
def test_every_landscape_agrees(name: str, visit: Callable[..., Page]) -> None:
    for kind in (widgets.Landscape, widgets.ModelAndTruth):
        shown = Shown(visit(kind.__name__), kind)
        shown.root.get_by_label("objective").select_option(name)
        shown.agrees()


def test_every_method_and_schedule_agrees(visit: Callable[..., Page]) -> None:
    shown = Shown(visit("Landscape"), widgets.Landscape)
    for number, choice in {"method": 16, "schedule": 6, "beside it": 17}.items():
        assert shown.root.get_by_label(number, exact=True).locator("option").count() == choice
    shapes = shown.root.get_by_label("schedule").locator("option").all_inner_texts()
    methods = shown.root.get_by_label("method", exact=True).locator("option").all()
    for k, option in enumerate(methods):
        value = option.get_attribute("value")
        shown.root.get_by_label("method", exact=True).select_option(value)
        shown.root.get_by_label("schedule").select_option(shapes[k % len(shapes)])
        assert type(from_spec(shown.settings()["first"])).__name__ == value
        shown.agrees()


def test_every_shape_of_the_bench_agrees(visit: Callable[..., Page]) -> None:
    shown = Shown(visit("ScheduleBench"), widgets.ScheduleBench)
    for shape in shown.root.get_by_label("shape").locator("option").all_inner_texts():
        shown.root.get_by_label("shape").select_option(shape)
        shown.agrees()


def test_every_recorded_run_agrees(visit: Callable[..., Page]) -> None:
    shown = Shown(visit("RateFinder"), widgets.RateFinder)
    for run in shown.root.get_by_label("recorded run").locator("option").all_inner_texts():
        shown.root.get_by_label("recorded run").select_option(run)
        for smoothing in ("0", "0.6", "0.97", "0.999"):
            shown.root.get_by_label("smoothing β, exact value").fill(smoothing)
            shown.root.get_by_label("smoothing β, exact value").press("Enter")
            shown.agrees()


def test_the_drill_from_end_to_end(visit: Callable[..., Page]) -> None:
    """Every curve is named, every fourth one wrongly; each is explained; the score is kept until the reset."""
    shown, given = Shown(visit("NameThatCurve"), widgets.NameThatCurve), widgets.NameThatCurve()
    for number, _ in enumerate(given.answers, start=1):
        given.curve = number
        wrong = "plateau" if given.name != "plateau" else "spike"
        shown.root.get_by_role("button", name=wrong if number % 4 == 0 else given.name).click()
        shown.agrees()
        marks = shown.root.locator(".lrlab-buttons .right, .lrlab-buttons .wrong").all_inner_texts()
        assert sorted(marks) == sorted([f"✓ {given.name}", *([f"✗ {wrong}"] if number % 4 == 0 else [])])
        before = shown.settings()
        shown.root.get_by_role("button", name="oscillating").press("Enter")
        assert shown.settings() == before, "a curve is named once"
        shown.root.get_by_role("button", name="next curve").click()
    assert "Score: 23 of 30 right" in shown.root.locator(".lrlab-readout").inner_text()
    assert shown.settings()["curve"] == 1
    shown.root.get_by_role("button", name="Reset").click()
    shown.agrees()


def test_the_map_shows_the_run_under_the_mouse(visit: Callable[..., Page]) -> None:
    shown = Shown(visit("StabilityMap"), widgets.StabilityMap)
    before, text = shown.settings(), shown.root.locator(".lrlab-readout").inner_text()
    x, y = center(shown.root.locator("image"))
    shown.page.mouse.move(x, y)
    shown.page.mouse.move(x + 3, y)
    shown.page.wait_for_function("t => document.querySelector('.lrlab-readout').innerText !== t", arg=text)
    assert shown.settings() == before, "looking changes nothing"
    shown.page.mouse.click(x + 3, y)
    assert shown.settings() != before
    shown.agrees()


@pytest.fixture(scope="module")
def axe(require: Callable[[bool, str], None]) -> str:
    """Return the script of axe-core."""
    found = find_spec("axe_playwright_python")
    require(found is not None, "axe-playwright-python is not installed")
    return Path(str(found and found.origin)).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing(theme: str, width: int, visit: Callable[..., Page], axe: str) -> None:
    page = visit("all", theme=theme, width=width)
    page.locator(".lrlab-fig").nth(len(FIGURES) - 1).wait_for()
    page.add_script_tag(content=axe)
    result = page.evaluate("() => axe.run()")
    problems = [(v["id"], v["help"], [n["html"][:160] for n in v["nodes"][:3]]) for v in result["violations"]]
    assert not problems, problems
    assert len(result["passes"]) > 15


def test_every_control_has_a_name_and_a_value(visit: Callable[..., Page]) -> None:
    page = visit("all")
    page.locator(".lrlab-fig").nth(len(FIGURES) - 1).wait_for()
    for handle in page.locator(".lrlab-handle:visible").all():
        assert handle.get_attribute("aria-label")
        assert handle.get_attribute("aria-valuetext")
        assert math.isfinite(float(handle.get_attribute("aria-valuenow") or "nan"))


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_a_screen_reader_hears_the_change(kind: type[Figure], visit: Callable[..., Page]) -> None:
    shown = Shown(visit(kind.__name__), kind)
    live = shown.root.get_by_role("status")
    shown.page.wait_for_function("e => e.textContent.length > 20", arg=live.element_handle())
    before = live.inner_text()
    shown.sliders()[0].focus()
    for _ in range(8):
        shown.page.keyboard.press("ArrowRight")
    shown.page.wait_for_function("([e, t]) => e.innerText !== t", arg=[live.element_handle(), before])


@pytest.mark.parametrize("width", [360, 720, 1440])
def test_nothing_is_cut_off_and_nothing_moves_by_itself(width: int, visit: Callable[..., Page]) -> None:
    page = visit("all", width=width, reduced_motion="reduce")
    page.locator(".lrlab-fig").nth(len(FIGURES) - 1).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    outside = """() => [...document.querySelectorAll(".lrlab-fig svg text")].filter(e => {
        const t = e.getBoundingClientRect(), f = e.closest("svg").getBoundingClientRect();
        return t.width && (t.left < f.left - 1 || t.right > f.right + 1 || t.bottom > f.bottom + 2);
    }).map(e => e.textContent)"""
    assert page.evaluate(outside) == []
    overlapping = """() => [...document.querySelectorAll(".lrlab-fig svg")].flatMap(svg => {
        const texts = [...svg.querySelectorAll("text")].filter(e => e.textContent && e.getBoundingClientRect().width);
        const boxes = texts.map(e => e.getBoundingClientRect());
        return texts.flatMap((e, i) => texts.slice(i + 1).filter((_, k) => {
            const a = boxes[i], b = boxes[i + 1 + k];
            return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
                && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5;
        }).map(other => `${e.textContent} | ${other.textContent}`));
    })"""
    assert page.evaluate(overlapping) == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_on_paper_there_are_no_buttons(visit: Callable[..., Page]) -> None:
    page = visit("all", theme="dark")
    page.locator(".lrlab-fig").nth(len(FIGURES) - 1).wait_for()
    page.emulate_media(media="print")
    assert not page.locator(".lrlab-fig button").first.is_visible()
    assert page.locator(".lrlab-fig svg").first.is_visible()
    ink = page.locator(".lrlab-fig").first.evaluate("e => getComputedStyle(e).color")
    assert ink == "rgb(0, 0, 0)"


def test_a_page_with_all_figures_is_light(folder: Path, visit: Callable[..., Page]) -> None:
    text = (folder / "all" / "page.html").read_text(encoding="utf-8")
    loader = (folder / "all" / "widgets.js").read_bytes()
    assert len(gzip.compress(text.encode())) + len(gzip.compress(loader)) <= 60_000
    page = visit("all")
    for k, kind in enumerate(FIGURES):
        Shown(page, kind, k).agrees()


def test_the_widgets_of_ipywidgets_work_too(folder: Path, visit: Callable[..., Page]) -> None:
    """Their scripts are loaded only where one is; a widget that nobody knows is replaced by words."""
    slider, number = ipywidgets.IntSlider(7, description="steps"), ipywidgets.IntText(7)
    stranger = anywidget.AnyWidget()
    stranger._model_module = "somebody-else"
    link = ipywidgets.jslink((slider, "value"), (number, "value"))
    others = [ipywidgets.VBox([slider, number]), stranger]
    for name, shown in {"alone": [], "with-others": others}.items():
        (folder / name).mkdir()
        write_page(folder / name, [widgets.OneStep(), *shown], stock="stock.js")
        page = visit(name, "file")
        Shown(page, widgets.OneStep).agrees()
        assert page.locator("script[src$='stock.js']").count() == len(shown[:1])
    handle = page.get_by_role("slider").last
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator(".widget-readout").inner_text() == "10"
    assert page.locator("input[type=number]").last.input_value() == "10", f"{link} does not work"
    assert page.locator(".lrlab-no-widget").all_inner_texts() == [
        "A widget stands here in the notebook. It needs a kernel, which this page has not."
    ]


# ---- in Python ----


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_a_chapter_shows_it(kind: type[Figure]) -> None:
    used = rf"^{kind.__name__}\(.*\)$"
    chapters = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "book").rglob("*.ipynb")]
    code = ["".join(cell["source"]) for book in chapters for cell in book["cells"] if cell["cell_type"] == "code"]
    assert any(re.search(used, cell, re.MULTILINE) for cell in code)


@pytest.mark.parametrize("kind", FIGURES, ids=ids)
def test_the_output_has_a_picture_and_words(kind: type[Figure]) -> None:
    data, metadata = kind()._repr_mimebundle_()
    assert data["image/png"].startswith("iVBORw0KGgo")
    assert metadata["image/png"]["alt"] == kind().alt
    assert len(kind().alt.split()) > 10
    assert data["text/plain"] == f"[interactive figure: {kind().alt}]"
    assert "application/vnd.jupyter.widget-view+json" in data
    assert repr(kind()).startswith(f"{kind.__name__}(")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: widgets.OneStep(lr=0), "lr must be a finite number > 0, got lr=0"),
        (lambda: widgets.OneStep(start=math.nan), "start must be a finite number, got start=nan"),
        (lambda: widgets.OneStep(steps=0), "steps must be a positive integer, got steps=0"),
        (lambda: widgets.Landscape("Rosenbrok"), "objective must be an Objective or one of"),
        (lambda: widgets.Landscape(Quadratic([1.0])), "objective must have two parameters"),
        (lambda: widgets.Landscape(x=(1, -1)), "x must be (low, high) with low < high"),
        (lambda: widgets.Landscape(start=(1, 2, 3)), "start must be two numbers"),
        (lambda: widgets.Landscape(shape="square"), "shape must be one of constant, linear"),
        (lambda: widgets.StabilityMap("Adam"), "method must be 'HeavyBall' or 'Nesterov', got method='Adam'"),
        (lambda: widgets.StabilityMap(momentum=1), "momentum must be a number in [0, 1), got momentum=1"),
        (lambda: widgets.StabilityMap(condition=0.5), "condition must be a number >= 1, got condition=0.5"),
        (lambda: widgets.ScheduleBench("zigzag"), "shape must be one of constant, step decay"),
        (lambda: widgets.ScheduleBench(warmup=-1), "warmup must be an integer >= 0, got warmup=-1"),
        (lambda: widgets.Adaptation("Lion"), "method must be 'Adam', 'RMSProp' or 'AdaGrad', got method='Lion'"),
        (lambda: widgets.Adaptation(objective=Quadratic([1.0])), "objective must have two parameters, got dim=1"),
        (lambda: widgets.RateFinder("SGD"), "run must be one of gradient descent, batch 64; momentum 0.9, batch 64"),
        (lambda: widgets.RateFinder(trial=4), "trial must be at most 3, got trial=4"),
        (lambda: widgets.RateFinder(explode=1), "explode must be a number > 1, got explode=1"),
        (lambda: widgets.NameThatCurve(31), "curve must be at most 30, got curve=31"),
        (lambda: widgets.NameThatCurve(scale="cubic"), "scale must be 'linear' or 'log', got scale='cubic'"),
        (lambda: from_spec({"name": "Nobody"}), "name must be that of a schedule, a method or an objective"),
    ],
)
def test_bad_settings_are_told(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_settings_are_checked_later_too() -> None:
    figure = widgets.OneStep()
    with pytest.raises(ValueError, match="lr must be a finite number > 0"):
        figure.lr = -1
    assert figure.lr == 0.3


def test_objects_stay_objects_in_python() -> None:
    figure = widgets.Landscape(Beale(), first=optimizers.EMA(optimizers.Adam(), 0.9), second=optimizers.Lion())
    sent = json.loads(json.dumps(figure.get_state(["objective", "first", "second"])))
    assert sent["first"]["method"]["name"] == "Adam"
    figure.set_state({"first": {"name": "Nesterov", "momentum": 0.5}, "second": None})
    assert figure.first == optimizers.Nesterov(0.5)
    assert figure.second is None


def test_the_best_pair_of_the_map_is_the_best() -> None:
    """Against a search over all pairs."""
    for method in ("HeavyBall", "Nesterov"):
        figure = widgets.StabilityMap(method, condition=30.0)
        figure.lr, figure.momentum = figure.optimum(method, 30.0)
        rates, momenta = np.geomspace(1e-3, 4 / 30, 300), np.linspace(0, 0.99, 300)[:, None]
        every = widgets.stability_map.spectral_radius(method, rates, momenta, np.array([1, 30.0])[:, None, None])
        assert figure.radius <= every.max(axis=0).min() + 1e-6


def test_the_suggestions_are_good_rates() -> None:
    """What the figure's caption says of the recorded runs."""
    left = 0
    for run, trial in itertools.product(ROWS, (1, 2, 3)):
        figure = widgets.RateFinder(run, trial)
        suggestion = figure.result.suggestion
        assert figure.best / 5 < suggestion < 5 * figure.best
        assert figure.trained[figure.nearest(suggestion)] < 0.2 * figure.trained[1e-5]
        left += suggestion < figure.best
        stronger = widgets.RateFinder(run, trial, smoothing=0.98).result.suggestion
        assert stronger >= suggestion > 0
    assert left >= 12


def test_the_drill_has_every_name_and_the_diagnosis_agrees() -> None:
    figure, names = widgets.NameThatCurve(), []
    for figure.curve in range(1, 31):
        names.append(figure.name)
        assert figure.diagnosis.name == figure.name
        assert len(figure.loss) == len(figure.lr)
    assert Counter(names) == dict.fromkeys(NAMES, 4) | {"healthy": 6}


@pytest.mark.parametrize("name", ["curves", "range_tests"])
def test_recorded_runs_say_where_they_come_from(name: str) -> None:
    made = recorded(name)["made"]
    assert made["command"] == f"python -m tools.recorded_runs {name}"
    assert set(made) == {"command", "date", "machine", "versions"}
    assert len(gzip.compress(json.dumps(recorded(name)).encode())) < 15_000
