"""Sphinx extension: what helps a reader on every page.

A line under the title of each chapter says how long it takes. If the build knows the repository (`LRLAB_REPOSITORY` or
GitHub's own `GITHUB_REPOSITORY`, as `owner/name`), links that open the notebook in Colab and Binder stand beside it.
Chinese words are marked as Chinese. Code that may have to be scrolled
sideways can be reached with the keyboard, and a page that is shared shows a picture and a sentence.

A formula holds about the room that it will take, so that the text does not jump when it is drawn. What a cell with the
tag `measured` prints are times: they differ from build to build, so the search leaves them out.
"""

import hashlib
import html
import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

WORDS_PER_MINUTE = 200
SECONDS_PER_LINE = 3  # of code
DESCRIPTION = 155  # letters; longer ones are cut off by those who show them
EMPTY_HEADER = re.compile(r'<th class="head[^"]*">(<p></p>)?</th>')  # the corner of a table heads nothing
INLINE = re.compile(r'(<span class="math notranslate nohighlight")>\\\((.*?)\\\)</span>', re.DOTALL)
DISPLAY = re.compile(r'(<div class="math notranslate nohighlight"[^>]*)>(.*?)</div>', re.DOTALL)
WORDS = re.compile(r"\\(?:text|mathrm|operatorname)\{([^{}]*)\}")
SHAPES = re.compile(r"\\(?:left|right|d?frac|sqrt|mathbf|mathbb|mathcal|hat|bar|tilde|big|Big|begin|end)(?![A-Za-z])")
TEXT = re.compile(r">[^<]+<")  # between two tags
CHINESE = re.compile(r"[\u3400-\u9fff]+")
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def tag_chinese(body: str) -> str:
    """Say of Chinese words in the text that they are Chinese, for fonts and for voices that read aloud."""
    return TEXT.sub(lambda text: CHINESE.sub(r'<span lang="zh">\g<0></span>', text[0]), body)


def width(tex: str) -> float:
    """Estimate how wide a formula of one line will be, in em."""
    letters = SHAPES.sub("", WORDS.sub(r"\1", html.unescape(tex)))
    letters = re.sub(r"[{}^_&\s()]", "", re.sub(r"\\(?:[A-Za-z]+|.)", "x", letters))
    return 0.52 * len(letters) + 0.6 * sum(letter in "=+-<>" for letter in letters)


def height(tex: str) -> float:
    """Estimate how high a displayed formula will be, in em, with the room around it."""
    rows = re.split(r"\\\\(?:\[[^]]*\])?", tex)
    return 2 + sum(2.6 if re.search(r"frac|sum|prod|binom", row) else 1.4 for row in rows)


def hold_room(body: str) -> str:
    """Say of each formula how much room it will take; lrlab.css keeps it until the formula is drawn."""
    body = INLINE.sub(lambda one: f'{one[1]} style="--w: {width(one[2]):.1f}em">\\({one[2]}\\)</span>', body)
    return DISPLAY.sub(lambda one: f'{one[1]} style="--h: {height(one[2]):.1f}em">{one[2]}</div>', body)


class unsearched(nodes.comment):  # type: ignore[misc]  # noqa: N801, a name as docutils has them
    """What stands in the page and is not found: the search passes over comments, and takes this for one."""


def leave_times_out(app: Sphinx, doctree: nodes.document) -> None:
    """Keep out of the search what was measured: the outputs of cells with that tag, the table of run times."""
    for cell in doctree.findall(nodes.container):
        if "tag_measured" in cell["classes"]:
            for output in cell.findall(nodes.container):
                if "cell_output" in output["classes"]:
                    output.children = [unsearched("", "", *output.children)]


def minutes(doctree: nodes.document) -> int:
    """Estimate how long a page takes to read: its words, and its lines of code."""
    words, lines = 0, 0
    for text in doctree.findall(nodes.Text):
        if isinstance(text.parent, nodes.literal_block):
            lines += text.astext().count("\n") + 1
        elif not isinstance(text.parent, (nodes.math, nodes.math_block, nodes.raw)):
            words += len(text.astext().split())
    return max(1, round(words / WORDS_PER_MINUTE + lines * SECONDS_PER_LINE / 60))


def repository() -> str:
    """Return owner/name if the build knows it, else nothing."""
    name = os.environ.get("LRLAB_REPOSITORY") or os.environ.get("GITHUB_REPOSITORY") or ""
    if name and not REPOSITORY.fullmatch(name):
        raise ValueError(f"LRLAB_REPOSITORY must be owner/name, got {name!r}")
    return name


def launch(name: str, page: str) -> str:
    """Links that open a page's notebook elsewhere; tools/colab.py makes the branch that Colab reads."""
    places = {
        "Colab": f"https://colab.research.google.com/github/{name}/blob/colab/{page}.ipynb",
        "Binder": f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/{page}.ipynb",
    }
    leaves = '<span class="lrlab-leaves"> ↗<span class="lrlab-heard"> (leaves this site)</span></span>'
    return "".join(f' · <a href="{html.escape(to)}">Open in {where}{leaves}</a>' for where, to in places.items())


def description(doctree: nodes.document) -> str:
    """Return the page's first paragraph, cut at a word."""
    first = next((paragraph.astext() for paragraph in doctree.findall(nodes.paragraph)), "")
    words = " ".join(first.split())
    return words if len(words) <= DESCRIPTION else words[:DESCRIPTION].rsplit(" ", 1)[0] + " …"


def help_reader(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Add to a page what its reader needs."""
    tree = context["generate_toctree_html"]
    named = '<summary aria-label="Show the pages below">'
    context["generate_toctree_html"] = lambda *args, **kwargs: str(tree(*args, **kwargs)).replace("<summary>", named)
    if doctree is None or "body" not in context:
        return
    body = tag_chinese(context["body"]).replace("<pre>", '<pre tabindex="0">')
    body = hold_room(EMPTY_HEADER.sub("<td></td>", body))
    # Docutils gives the bibliography roles that are deprecated, or do not fit what is in them.
    body = body.replace(' role="doc-biblioentry"', "").replace(
        '<div role="list" class="citation-list">', '<div class="citation-list">'
    )
    source = app.env.doc2path(page, base=False)
    if source.endswith(".ipynb") and page != app.config.root_doc:
        line = f"About {minutes(doctree)} min to read" + (launch(name, page) if (name := repository()) else "")
        body = body.replace("</h1>", f'</h1>\n<p class="lrlab-reading">{line}</p>', 1)
    context["body"] = body
    title, words = re.sub("<[^>]+>", "", context.get("title", "")), html.escape(description(doctree))
    picture = context["pathto"]("_static/social.png", resource=True)
    if owner_name := repository():
        owner, _, name = owner_name.partition("/")
        picture = f"https://{owner.lower()}.github.io/{name}/_static/social.png"
    context["metatags"] = context.get("metatags", "") + "".join(
        f"\n{tag}"
        for tag in (
            f'<meta name="description" content="{words}">',
            f'<meta property="og:title" content="{html.escape(title, quote=True)}">',
            f'<meta property="og:description" content="{words}">',
            '<meta property="og:type" content="article">',
            f'<meta property="og:image" content="{picture}">',
            '<meta name="twitter:card" content="summary_large_image">',
        )
    )


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx; pages are made anew when one of these tools has changed."""
    digest = hashlib.sha256()
    for tool in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(tool.read_bytes())
    app.add_config_value("lrlab_tools", digest.hexdigest(), "env")
    app.add_config_value("lrlab_repository", repository(), "env")
    shown = (lambda writer, node: None, lambda writer, node: None)
    app.add_node(unsearched, html=shown)
    app.connect("doctree-read", leave_times_out)
    app.connect("html-page-context", help_reader, priority=900)  # after the theme has set up its functions
    return {"parallel_read_safe": True, "parallel_write_safe": True}
