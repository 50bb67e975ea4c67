"""Print the built site as one book: _build/the-learning-rate.pdf, with outline, links and page numbers.

The pages are put one behind the other and printed by Chromium. Every interactive figure is its picture, every question
is open, every tab is shown. It needs the built site, and Chromium or Chrome.
"""

import html
import posixpath
import re
import sys
import tomllib
from pathlib import Path

from playwright.sync_api import sync_playwright
from sphinx_external_toc.parsing import parse_toc_yaml

from tools.book import ROOT, pages
from tools.browser import find_chromium

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
TARGET = ROOT / "_build" / "the-learning-rate.pdf"

WIDGET = re.compile(
    r'<script type="application/vnd.jupyter.widget-view\+json">.*?</script>\s*<noscript>(.*?)</noscript>', re.S
)
SHEET = re.compile(r'<link [^>]*rel="stylesheet"[^>]*>')
ADDRESS = re.compile(r'\b(href|src|srcset|data)="([^"]*)"')
OWN = re.compile(r'(\b(?:id|for|aria-labelledby|aria-describedby)="|url\(#)')

STYLE = """
.bd-article { max-width: 56rem; margin: 0 auto; }
.bd-article > :is(section, nav)::before { break-before: page; content: ""; display: block; height: 1px; }
.bd-article h1.cover { font-size: 3.2rem; margin: 16rem 0 1rem; }
.bd-article > nav { font-size: 0.9rem; line-height: 1.35; }
.bd-article > nav li { list-style: none; }
.bd-article > nav a { text-decoration: none; }
.bd-article > nav .part { font-weight: 600; margin-top: 0.5rem; }
.sd-tab-set { display: block; }
.sd-tab-set > input, .headerlink, .copybtn { display: none; }
.sd-tab-set > .sd-tab-content, .sd-tab-set > label { display: block; }
.toggle-button, .sd-tab-set > label { border: 0; }
"""
PAGE = """<!doctype html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><title>The learning rate</title>{styles}<style>{style}</style>
<script>MathJax = {{ options: {{ processHtmlClass: "tex2jax_process|mathjax_process|math|output_area" }} }}</script>
<script defer src="../html/_static/mathjax/tex-chtml.js"></script></head>
<body><main class="bd-main"><article class="bd-article">
<h1 class="cover">The learning rate</h1><p>{author}</p>
<nav aria-label="Contents"><p class="part">Contents</p><ul>{contents}</ul></nav>
{articles}
</article></main></body></html>
"""
FOOTER = '<div style="font-size: 8px; width: 100%; text-align: center"><span class="pageNumber"></span></div>'


def inside(page: str) -> str:
    """Return what stands in a page's article."""
    return page[page.index("<article") : page.index("</article>")].partition(">")[2]


def moved(article: str, name: str, places: dict[str, str]) -> str:
    """Let a page's addresses and ids hold when it stands among the others, in a folder beside the site's."""
    here = places[name]

    def address(found: re.Match[str]) -> str:
        kind, to = found[1], html.unescape(found[2])
        if re.match(r"[a-z]+:|//", to):
            return found[0]
        file, _, anchor = to.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), file)) if file else f"{name}.html"
        if kind == "href" and target.removesuffix(".html") in places:
            there = places[target.removesuffix(".html")]
            return f'href="#{there}-{anchor}"' if anchor else f'href="#{there}"'
        return f'{kind}="../html/{html.escape(target)}"' if kind != "href" else ""  # no download on paper

    return ADDRESS.sub(address, OWN.sub(rf"\1{here}-", article))


def joined(site: Path) -> str:
    """Return the whole site as one page."""
    names = pages(ROOT)
    author = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["authors"][0]["name"]
    places = {name: f"p{number}" for number, name in enumerate(names)}
    parts = {str(part.items[0]): part.caption for part in parse_toc_yaml(ROOT / "_toc.yml").root.subtrees}
    articles, contents = [], []
    for name in names:
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        article = WIDGET.sub(r"\1", inside(page)).replace("<details", "<details open")
        articles.append(f'<section id="{places[name]}">{moved(article, name, places)}</section>')
        if name in parts:
            contents.append(f'<li class="part">{parts[name]}</li>')
        title = re.sub(
            r' *<a class="headerlink.*?</a>|<[^>]+>', "", article[article.index("<h1") : article.index("</h1>")]
        )
        contents.append(f'<li><a href="#{places[name]}">{title}</a></li>')
    return PAGE.format(
        styles="".join(SHEET.findall(page)).replace(posixpath.relpath(".", posixpath.dirname(name)), "../html"),
        style=STYLE,
        author=author,
        contents="".join(contents),
        articles="".join(articles),
    )


def main() -> None:
    """Run from the command line."""
    site, browser_path = ROOT / "_build" / "html", find_chromium()
    if not (site / "index.html").exists():
        sys.exit("pdf: the site is not built: make book")
    if browser_path is None:
        sys.exit("pdf: no Chromium or Chrome found; install one, or set CHROMIUM=/path/to/it")
    folder = ROOT / "_build" / "pdf"
    folder.mkdir(exist_ok=True)
    (folder / "book.html").write_text(joined(site), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(0)
        page.goto((folder / "book.html").as_uri())
        page.evaluate("() => window.MathJax.startup.promise")
        page.evaluate("() => document.fonts.ready")
        page.pdf(
            path=TARGET,
            format="A4",
            scale=0.8,
            margin={"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            outline=True,
            tagged=True,
        )
        browser.close()
    print(f"pdf: {TARGET.relative_to(ROOT)}, {TARGET.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
