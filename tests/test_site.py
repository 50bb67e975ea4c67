"""The built site in a real browser, with no network: over http and from its folder, light and dark, small and wide.

`make test` runs two of the eight combinations, which differ in everything; the other six are slow ones.
"""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, Route, sync_playwright

from tools.book import pages
from tools.serve import server

ROOT = Path(__file__).resolve().parent.parent
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WIDTHS = {"desktop": 1440, "phone": 360}
USUAL = {("http", "light", "desktop"), ("file", "dark", "phone")}
VIEWS = [
    pytest.param(view, id="-".join(view), marks=[] if view in USUAL else pytest.mark.slow)
    for view in product(("http", "file"), ("light", "dark"), WIDTHS)
]
NAMES = [*pages(ROOT), "genindex", "search"]

# Formulas and letters are drawn, and what that set off has had its turn.
SETTLED = """async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
    await new Promise(done => setTimeout(() => requestAnimationFrame(done), 200));
}"""

# Text that a reader sees as text: not code, not what MathJax has drawn.
VISIBLE_TEXT = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (!parent.closest("script, style, noscript, template, pre, code, mjx-container")) {
            texts.push(walker.currentNode.data);
        }
    }
    return texts.join("\\n");
}"""
RAW_TEX = re.compile(r"\\[(\[]|\\(?:frac|begin|left|nabla|theta|eta|sum|mathbf|text)\b|\$[^$\n]+\$")

# Pictures with nothing, or with a file's name, in place of words; beside the logo stand the words themselves.
UNDESCRIBED = r"""() => [...document.querySelectorAll("img, svg[role=img], canvas")]
    .filter(e => !e.closest("[aria-hidden=true], a.navbar-brand"))
    .filter(e => {
        const words = e.alt ?? e.getAttribute("aria-label") ?? e.querySelector("title")?.textContent ?? "";
        return words.trim() === "" || /\.(png|svg|jpe?g|gif)$/.test(words);
    })
    .map(e => e.outerHTML.slice(0, 160))"""

# What is wider than the screen, where the page itself would scroll sideways.
TOO_WIDE = """() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const wide = [...document.querySelectorAll("article *")]
        .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1);
    return [`page is ${root.scrollWidth} wide`, ...wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120))];
}"""

# WCAG 2.2 up to AA; what MathJax draws is described by its own MathML, and is costly to walk.
AXE = """async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const result = await axe.run({exclude: ["mjx-container"]}, {runOnly: tags, preload: false});
    return result.violations.map(v => `${v.id}: ${v.help} (${v.nodes.length})\\n` + v.nodes.slice(0, 3)
        .map(n => `    ${n.target} ${n.html.slice(0, 160)} ${[...n.any, ...n.all][0]?.message}`).join("\\n"));
}"""

# What readers look for, and a page that must be among the first that are found.
SEARCHES = {
    "step size": "descent/step_size",
    "diverges": "descent/",
    "Lipschitz": "descent/",
    "Taylor": "descent/taylor",
    "batch": "descent/stochastic",
    "cosine": "schedules/",
    "warm-up": "schedules/warmup",
    "restarts": "schedules/",
    "plateau": "schedules/listening",
    "momentum": "methods/momentum",
    "Nesterov": "methods/momentum",
    "RMSprop": "methods/adaptive",
    "AdaGrad": "methods/adaptive",
    "AdamW": "methods/adam",
    "weight decay": "methods/adam",
    "range test": "practice/finding_a_rate",
    "MNIST": "practice/mnist",
    "PyTorch": "appendices/",
    "学习率": "appendices/",
    "余弦退火": "appendices/",
    "阶梯衰减": "appendices/",
}


class Addresses(HTMLParser):
    """The ids of a page, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.ids.add(value or "")
            elif name in {"href", "src"} and value:
                self.links.add(value)


@dataclass
class Visit:
    """What a page does wrong while it loads."""

    home: str
    problems: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note errors and failures, and let no request leave the site."""
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("requestfailed", self.failed)
        page.on("response", self.response)
        page.route("**/*", self.gate)

    def console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"console {message.type}: {message.text}")

    def failed(self, request: Request) -> None:
        self.problems.append(f"request failed: {request.url} ({request.failure})")

    def response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def gate(self, route: Route) -> None:
        if route.request.url.startswith((self.home, "data:", "blob:")):
            route.continue_()
        else:
            self.problems.append(f"request to another host: {route.request.url}")
            route.abort()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def homes(site: Path) -> Iterator[dict[str, str]]:
    """Return where the site is found: on a local server, and in its folder."""
    with server(site) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{httpd.server_port}/", "file": f"{site.as_uri()}/"}
        httpd.shutdown()


@pytest.fixture(scope="module")
def axe(require: Callable[[bool, str], None]) -> str:
    """Return the script of axe-core."""
    found = find_spec("axe_playwright_python")
    require(found is not None, "axe-playwright-python is not installed")
    return Path(str(found and found.origin)).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.site
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("view", VIEWS)
def test_page(browser: Browser, homes: dict[str, str], axe: str, view: tuple[str, str, str], name: str) -> None:
    transport, theme, screen = view
    visit = Visit(homes[transport])
    size = {"width": WIDTHS[screen], "height": 900}
    with browser.new_context(viewport=size, color_scheme=theme) as context:
        context.set_default_timeout(120_000)  # ms; a busy machine is no fault of the page
        page = context.new_page()
        visit.watch(page)
        page.goto(f"{homes[transport]}{name}.html", wait_until="load")
        page.evaluate(SETTLED)
        found = visit.problems
        found += [f"raw TeX: {text!r}" for text in RAW_TEX.findall(page.evaluate(VISIBLE_TEXT))]
        formulas, drawn = page.locator(".math").count(), page.locator(".math:has(mjx-container)").count()
        found += [f"{formulas - drawn} of {formulas} formulas are not drawn"] if formulas != drawn else []
        found += [f"bad formula: {text}" for text in page.locator("mjx-merror").all_inner_texts()]
        found += [f"no alt text: {picture}" for picture in page.evaluate(UNDESCRIBED)]
        found += page.evaluate(TOO_WIDE)
        shown = page.locator("html").get_attribute("data-theme")
        found += [f"theme is {shown}, not {theme}"] if shown != theme else []
        bare = page.locator("div.highlight:has(pre):not(:has(button.copybtn))")
        found += [f"no button copies this: {code[:80]!r}" for code in bare.all_inner_texts()]
        page.evaluate(axe)
        found += [f"axe: {violation}" for violation in page.evaluate(AXE)]
        assert not found, "\n".join(found)


@pytest.mark.site
@pytest.mark.parametrize("transport", ["http", "file"])
def test_address_of_the_site_leads_to_the_first_page(browser: Browser, homes: dict[str, str], transport: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{homes[transport]}index.html")
        page.wait_for_url(f"{homes[transport]}{pages(ROOT)[0]}.html")


@pytest.mark.site
def test_every_link_and_anchor_leads_somewhere(site: Path) -> None:
    pages_there = {
        path: Addresses(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }
    dead = []
    for path, page in pages_there.items():
        for link in page.links:
            if re.match(r"[a-z]+:|//", link):
                continue
            address, _, anchor = unquote(link).partition("#")
            target = (path.parent / address.partition("?")[0]).resolve() if address else path
            if not target.exists():
                dead.append(f"{path.relative_to(site)}: {link}")
            elif anchor and target in pages_there and anchor not in pages_there[target].ids:
                dead.append(f"{path.relative_to(site)}: {link} (no such anchor)")
    assert len(pages_there) > 40
    assert not dead, "\n".join(sorted(dead))


@pytest.mark.site
def test_search_finds_what_readers_look_for(browser: Browser, homes: dict[str, str]) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        for term, expected in SEARCHES.items():
            page.goto(f"{homes['file']}search.html?q={quote(term)}")
            page.wait_for_function("() => document.querySelector('#search-results li a')", timeout=20_000)
            page.wait_for_function("() => /finished/i.test(document.querySelector('.search-summary').textContent)")
            links = page.locator("#search-results li a").evaluate_all("found => found.map(a => a.href)")
            assert any(f"/book/{expected}" in link for link in links[:10]), (term, links[:10])
