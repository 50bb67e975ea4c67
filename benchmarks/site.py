"""How soon a page of the book can be used, how much it moves and weighs; beside what Jupyter Book makes of it unasked.

Run from the top of the repository after ``make book``: ``.venv/bin/python benchmarks/site.py [part of a page's name]``.
Both sites come from a server on this machine, in a window of a phone's size, with the processor slowed 4 times. Every
page is opened in a new, empty browser, the two sites in turns.

Jupyter Book's own pages ask other hosts for scripts. MathJax is answered from the package that the book takes it from,
all else is refused. So those pages show no interactive figure, wait for none and carry none of their 3.8 MB of script.
"""

import contextlib
import gzip
import io
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jupyter_book.sphinx import build_sphinx
from playwright.sync_api import Browser, Page, Response, Route, sync_playwright

from tests.widget_page import FLAGS
from tools.book import cache_key, chapters, pages
from tools.browser import find_chromium
from tools.local_assets import mathjax
from tools.serve import server

ROOT = Path(__file__).resolve().parent.parent
SLOWED = 4
WINDOW = {"width": 412, "height": 915}  # CSS pixels
KEPT = ("title", "author", "only_build_toc_files", "exclude_patterns", "execute", "parse", "bibtex_bibfiles")
PACKED = {".woff", ".woff2", ".png", ".jpg", ".gz", ".zip"}  # gzip gains nothing there

WATCH = """
window.moved = 0;
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""

# Looks in every frame whether formulas, interactive figures and pictures are there; the time is since the visit began.
DRAWN = """figures => new Promise(done => {
    const there = () => document.readyState === "complete"
        && [...document.querySelectorAll(".math")].every(e => e.querySelector("mjx-container"))
        && (!figures || !document.querySelector("script[type='application/vnd.jupyter.widget-view+json']"))
        && [...document.querySelectorAll(".lrlab-fig")].every(e => e.querySelector("svg, canvas"))
        && [...document.images].every(e => e.complete || e.loading === "lazy");
    const look = () => there() ? requestAnimationFrame(() => done(performance.now())) : requestAnimationFrame(look);
    look();
})"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"


ROWS = (
    "first contentful paint",
    "formulas and figures drawn, too",
    "the same, slowest page",
    "layout shift",
    "layout shift, largest",
    "first visit, gzipped",
    "next page, gzipped",
    "next page, heaviest",
)


@dataclass(frozen=True)
class Visit:
    """One page, opened for the first time."""

    painted: float  # ms, first contentful paint
    drawn: float  # ms, formulas and figures too
    moved: float  # sum of all layout shifts
    weights: dict[str, int]  # address -> bytes, gzipped where that helps

    @property
    def weight(self) -> int:
        return sum(self.weights.values())

    def weight_after(self, before: "Visit") -> int:
        """Bytes for a reader who comes from another page and keeps what that one brought."""
        return sum(size for address, size in self.weights.items() if address not in before.weights)


def weight(address: str, body: bytes) -> int:
    return len(body) if Path(urlparse(address).path).suffix in PACKED else len(gzip.compress(body))


def stock(folder: Path) -> Path:
    """Build the same sources and results as Jupyter Book does unasked: its theme's options, scripts and styles."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    kept = {key: config[key] for key in KEPT} | {"sphinx": {"extra_extensions": config["sphinx"]["extra_extensions"]}}
    (folder / "_config.yml").write_text(yaml.safe_dump(kept), encoding="utf-8")
    settings = {
        "external_toc_path": str(ROOT / "_toc.yml"),
        "latex_individualpages": False,
        "nb_execution_cache_path": str(ROOT / "_build" / f"cache-{cache_key(ROOT)}"),
    }
    with contextlib.redirect_stderr(io.StringIO()):  # it warns of the book's own directives, which it does not know
        build_sphinx(
            ROOT,
            folder / "html",
            doctreedir=folder / "doctrees",
            noconfig=True,
            path_config=folder / "_config.yml",
            confoverrides=settings,
            really_quiet=True,
        )
    return folder / "html"


@contextlib.contextmanager
def served(site: Path) -> Iterator[str]:
    with server(site) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


def gate(route: Route) -> None:
    """Let no request out; MathJax is at hand."""
    address = urlparse(route.request.url)
    if address.hostname == "127.0.0.1":
        route.continue_()
    elif "/mathjax@3/es5/" in address.path:
        route.fulfill(path=mathjax() / address.path.partition("/es5/")[2])
    else:
        route.abort()


def visit(browser: Browser, address: str, figures: bool) -> Visit:
    with browser.new_context(viewport=WINDOW, device_scale_factor=2, is_mobile=True, has_touch=True) as context:
        context.set_default_timeout(120_000)
        page: Page = context.new_page()
        responses: list[Response] = []
        page.on("response", lambda response: responses.append(response))
        page.route("**/*", gate)
        page.add_init_script(WATCH)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
        page.goto(address, wait_until="commit")
        drawn = page.evaluate(DRAWN, figures)
        page.wait_for_timeout(500)  # what moves later is counted, too
        painted, moved = page.evaluate(PAINTED), page.evaluate("() => window.moved")
        found = {one.url: weight(one.url, one.body()) for one in responses if one.url.startswith("http") and one.ok}
        return Visit(painted, drawn, moved, found)


def medians(visits: dict[str, Visit], only: set[str]) -> list[str]:
    """Return a column of the table: what the pages of a kind take, in the order of ROWS."""
    names = list(visits)
    some = [visits[name] for name in names if name in only]
    after = [visits[name].weight_after(visits[last]) for last, name in pairwise(names) if name in only]
    return [
        f"{np.median([one.painted for one in some]) / 1000:.2f} s",
        f"{np.median([one.drawn for one in some]) / 1000:.2f} s",
        f"{max(one.drawn for one in some) / 1000:.2f} s",
        f"{np.median([one.moved for one in some]):.3f}",
        f"{max(one.moved for one in some):.3f}",
        f"{np.median([one.weight for one in some]) / 1000:.0f} kB",
        f"{np.median(after) / 1000:.0f} kB",
        f"{max(after) / 1000:.0f} kB",
    ]


def main() -> None:
    book = ROOT / "_build" / "html"
    if not (book / "index.html").exists():
        sys.exit("site: the site is not built: make book")
    names = [name for name in pages(ROOT) if not sys.argv[1:] or any(part in name for part in sys.argv[1:])]
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as open_:
        sites = {
            "the book": open_.enter_context(served(book)),
            "defaults": open_.enter_context(served(stock(Path(made)))),
        }
        playwright = open_.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        visits: dict[str, dict[str, Visit]] = {site: {} for site in sites}
        for name in names:
            for site, home in sites.items():
                visits[site][name] = visit(browser, f"{home}{name}.html", figures=site == "the book")
                print(name, site, visits[site][name], file=sys.stderr)
        chromium = browser.version
        browser.close()
    notebooks = {path.relative_to(ROOT).with_suffix("").as_posix() for path in chapters(ROOT)} & {*names}
    print(f"Chromium {chromium}, {len(names)} pages, {len(notebooks)} of them chapters; medians unless said.\n")
    columns = [medians(found, only) for only in (set(names), notebooks) for found in visits.values()]
    print("| | the book | Jupyter Book's defaults | the book, chapters | defaults, chapters |\n|---|--:|--:|--:|--:|")
    for row, *values in zip(ROWS, *columns, strict=True):
        print(f"| {row} | {' | '.join(values)} |")


if __name__ == "__main__":
    main()
