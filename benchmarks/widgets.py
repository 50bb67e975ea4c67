"""How fast a figure answers the hand, how much script it costs, and how that compares with ipywidgets in JupyterLab.

Run from the top of the repository: ``.venv/bin/python benchmarks/widgets.py [moves]``. Times are in milliseconds, from
the slider's event to the end of the frame that shows the answer; 16.7 is one frame of a screen with 60 in a second.
"""

import gzip
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser, sync_playwright

from lrlab import widgets
from tests.lab import notebook
from tests.widget_page import FLAGS, write_page

# Moves a slider again and again, each time right after a frame: the longest wait there can be.
MOVE = """async ([figure, number, moves]) => {
    const box = document.querySelectorAll(".lrlab-fig")[figure];
    const slider = box.querySelectorAll("input[type=range]:enabled")[number];
    const frame = () => new Promise(done => requestAnimationFrame(done));
    const painted = () => new Promise(done => {
        const { port1, port2 } = new MessageChannel();
        port2.onmessage = done;
        port1.postMessage(0);
    });
    const waits = [], work = [], low = Number(slider.min), high = Number(slider.max);
    for (let k = 0; k < moves; k += 1) {
        let before = 0;
        requestAnimationFrame(() => { before = performance.now(); });
        const start = performance.now();
        slider.value = low + (high - low) * (0.1 + 0.8 * ((k * 0.37) % 1));
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        const handled = performance.now() - start;
        await frame();
        work.push(handled + performance.now() - before);
        await painted();
        waits.push(performance.now() - start);
    }
    return [waits, work];
}"""

NAMES = """figure => [...document.querySelectorAll(".lrlab-fig")[figure].querySelectorAll("input[type=range]:enabled")]
    .map(slider => slider.parentElement.querySelector("label").textContent)"""

# Waits for the next picture of a cell's output, after one press of a key; the clock starts with the key's event.
PICTURE = """() => new Promise(done => {
    let start = 0;
    addEventListener("keydown", event => { start ||= event.timeStamp; }, { capture: true, once: true });
    const old = document.querySelector(".widget-output img, .jp-OutputArea-output img")?.src;
    const look = () => {
        const now = document.querySelector(".widget-output img, .jp-OutputArea-output img");
        if (start && now && now.src !== old && now.complete) done(performance.now() - start);
        else requestAnimationFrame(look);
    };
    look();
})"""

INTERACT = """
import ipywidgets, matplotlib.pyplot as plt
from lrlab import minimize
from lrlab.objectives import Quadratic
from lrlab.optimizers import GradientDescent
%matplotlib inline
def show(lr):
    run = minimize(Quadratic([1.0]), [2.0], GradientDescent(), lr, 20)
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.5))
    left.plot(run.params[:, 0], run.loss, marker="o")
    right.plot(run.params[:, 0], marker="o")
    plt.show()
ipywidgets.interact(show, lr=(0.0, 2.0, 0.01));
"""


def row(name: str, times: Sequence[float]) -> None:
    middle, high = np.percentile(times, [50, 95])
    print(f"| {name} | {middle:.1f} | {high:.1f} |", flush=True)


def in_a_page(browser: Browser, folder: Path, moves: int) -> None:
    figures = [getattr(widgets, name)() for name in widgets.__all__]
    address = write_page(folder, figures).as_uri()
    page = browser.new_page(viewport={"width": 900, "height": 1000})
    page.goto(address)
    page.locator(".lrlab-fig").nth(len(figures) - 1).wait_for()
    found = {}
    for k, name in enumerate(widgets.__all__):
        sliders = page.evaluate(NAMES, k)
        each = max(moves // len(sliders), 20)
        found[name] = {label: page.evaluate(MOVE, [k, i, each]) for i, label in enumerate(sliders)}
    print(f"\n| one page with all {len(figures)} figures | median, ms | 95 %, ms |\n|---|---|---|")
    for name, moved in found.items():
        row(f"{name}: any of its sliders to frame", [wait for waits, _ in moved.values() for wait in waits])
    for name, moved in found.items():
        heaviest = max(moved, key=lambda label: float(np.median(moved[label][1])))
        row(f"{name}: script for its heaviest slider, {heaviest}", moved[heaviest][1])
    page.close()


def in_jupyterlab(browser: Browser, folder: Path, moves: int) -> None:
    cells = ["from lrlab.widgets import OneStep\nOneStep()", INTERACT]
    with notebook(folder, browser, cells) as lab:
        print("\n| JupyterLab | median, ms | 95 %, ms |\n|---|---|---|")
        lab.run(0)
        lab.page.locator(".lrlab-fig").wait_for()
        row("OneStep: slider to frame", lab.page.evaluate(MOVE, [0, 0, moves])[0])
        lab.run(1)
        lab.page.locator(".jp-OutputArea-output img").first.wait_for()
        lab.page.wait_for_timeout(1000)
        handle = lab.page.locator(".widget-slider .noUi-handle").first
        handle.focus()
        times = []
        for _ in range(max(moves // 10, 10)):
            with_picture = lab.page.evaluate_handle(f"() => {{ window.answer = ({PICTURE})(); }}")
            with_picture.dispose()
            lab.page.keyboard.press("ArrowRight")
            times.append(float(lab.page.evaluate("() => window.answer")))
        row("ipywidgets.interact with matplotlib: slider to picture", times)


def sizes(folder: Path) -> None:
    print("\n| script and state added to a page | kB, gzipped |\n|---|---|")
    for name in (*widgets.__all__, "all of them"):
        chosen = widgets.__all__ if name == "all of them" else [name]
        page = write_page(folder, [getattr(widgets, one)() for one in chosen])
        size = sum(len(gzip.compress(file.read_bytes())) for file in (page, folder / "widgets.js"))
        print(f"| {name} | {size / 1000:.1f} |")


def main() -> None:
    moves = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        print(f"{moves} moves, Chromium {browser.version}, {platform.processor() or platform.machine()}")
        in_a_page(browser, Path(made), moves)
        in_jupyterlab(browser, Path(made), moves)
        browser.close()
        sizes(Path(made))


if __name__ == "__main__":
    main()
