"""Every word of the prose stands in words.txt: a new one is a typing error, or is added there.

`python tests/test_words.py` adds what is missing; look at what it added before you commit it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "words.txt"
NOT_PROSE = re.compile(
    r"^```.*?^```|\$\$.*?\$\$|\{[a-z:]+\}`[^`]*`|`[^`\n]*`|\$[^$\n]+\$"  # code, formulas, roles
    r"|\]\([^)]*\)|</?[a-z][^>\n]*>|https?://\S+|^ {4,}\S[^\n]*$|^\([a-z_-]+\)=$",  # links, tags, blocks, labels
    re.DOTALL | re.MULTILINE,
)
WORD = re.compile(r"[A-Za-z]{2,}")


def texts() -> Iterator[str]:
    """What people read: the pages, the cells of Markdown, the files for contributors."""
    for path in (*ROOT.glob("*.md"), *(ROOT / "book").rglob("*.md"), *ROOT.glob("[eb]*/README.md")):
        yield path.read_text(encoding="utf-8")
    for path in (*(ROOT / "book").rglob("*.ipynb"), *(ROOT / "exercises" / "source").rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def words() -> set[str]:
    return {word.lower() for text in texts() for word in WORD.findall(NOT_PROSE.sub(" ", text))}


def known() -> set[str]:
    return set(LIST.read_text(encoding="utf-8").split())


def test_every_word_is_known() -> None:
    assert len(words()) > 2000
    assert sorted(words() - known()) == []


def test_no_word_is_listed_for_nothing() -> None:
    assert sorted(known() - words()) == []


if __name__ == "__main__":
    LIST.write_text("\n".join(sorted(words())) + "\n", encoding="utf-8")
