"""Write the chapters as Colab needs them into _build/colab: first a cell that installs the package, then the chapter.

The committed notebooks carry no such cell. The workflow that publishes the site puts this folder on the branch `colab`,
which the links "Open in Colab" name.
"""

import sys

import nbformat

from tools.book import ROOT, chapters
from tools.reader import repository

INSTALL = """# Only Colab needs this cell: it installs the book's package, without touching Colab's own PyTorch.
%pip install -q myst-nb "lrlab[plots,widgets,data,search] @ git+https://github.com/{repository}"
from google.colab import output

output.enable_custom_widget_manager()"""


def with_install(notebook: nbformat.NotebookNode, repository: str) -> nbformat.NotebookNode:
    """Return a copy of a chapter that begins with the cell."""
    cell = nbformat.v4.new_code_cell(INSTALL.format(repository=repository), id="install-on-colab")
    copy: nbformat.NotebookNode = nbformat.from_dict({**notebook, "cells": [cell, *notebook.cells]})
    return copy


def main() -> None:
    """Run from the command line."""
    if not repository():
        sys.exit("colab: set LRLAB_REPOSITORY=owner/name, so that Colab knows where the package is")
    for path in chapters(ROOT):
        target = ROOT / "_build" / "colab" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(with_install(nbformat.read(path, as_version=4), repository()), target)


if __name__ == "__main__":
    main()
