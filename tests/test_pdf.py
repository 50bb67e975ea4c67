"""The book on paper: tools/pdf.py."""

import re
from pathlib import Path

import pytest

from tools.book import ROOT, pages
from tools.pdf import joined, moved


def test_addresses_and_ids_hold_in_the_joined_page() -> None:
    places = {"book/one": "p0", "book/part/two": "p1"}
    page = (
        '<h1 id="top">Two</h1><a href="#top">up</a> <a href="../one.html#x">one</a> <a href="../one.html">all</a>'
        '<img src="../../_images/a.png"><g clip-path="url(#c)"/><use xlink:href="#m"/><a href="https://x.org/y">out</a>'
        '<a class="download" href="../../_downloads/n.ipynb">n</a>'
    )
    assert moved(page, "book/part/two", places) == (
        '<h1 id="p1-top">Two</h1><a href="#p1-top">up</a> <a href="#p0-x">one</a> <a href="#p0">all</a>'
        '<img src="../html/_images/a.png"><g clip-path="url(#p1-c)"/><use xlink:href="#p1-m"/><a href="https://x.org/y">out</a>'
        '<a class="download" >n</a>'
    )


@pytest.mark.site
def test_the_joined_page_is_the_whole_book(site: Path) -> None:
    text = joined(site)
    ids = re.findall(r'(?<![\w-])id="([^"]+)"', text)
    assert {f"p{number}" for number in range(len(pages(ROOT)))} <= set(ids)
    assert not set(re.findall(r'href="#([^"]+)"', text)) - set(ids), "every link inside the book leads somewhere"
    assert "widget-view" not in text
    missing = [name for name in re.findall(r'src="\.\./html/([^"]+)"', text) if not (site / name).exists()]
    assert not missing
