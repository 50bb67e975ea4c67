"""Clean notebooks for a commit: no outputs, no counts, little metadata, ids that stay.

    python tools/notebooks.py [--check] [NOTEBOOK …]

Without names: every notebook of book/ and of exercises/source/. With --check nothing is written; the exit status
says whether something would be. Cell ids stay as they are where they are meaningful (`loss-curve`); a random one, as
JupyterLab
makes them, or a repeated one gives way to one made from the cell's first words.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("book", "exercises/source")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"mystnb"}  # what the book and the grader read; editors add more
CELL_METADATA = {"mystnb", "nbgrader", "tags"}
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}")


def slug(source: str, taken: set[str]) -> str:
    """Return an id made from the first words of a cell that no other cell has."""
    words = re.findall(r"[a-z0-9]+", source.lower())[:5]
    stem = "-".join(words)[:48].strip("-") or "cell"
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}-{count}"
    return name


def clean(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook as it is committed."""
    cells: list[dict[str, Any]] = []
    given = [str(cell.get("id", "")) for cell in notebook["cells"]]
    taken = {name for name in given if name and not RANDOM_ID.fullmatch(name)}
    seen: set[str] = set()
    for cell, name in zip(notebook["cells"], given, strict=True):
        source = "".join(cell["source"])
        if not name or RANDOM_ID.fullmatch(name) or name in seen:
            name = slug(source, taken | seen)
        seen.add(name)
        kept: dict[str, Any] = {"cell_type": cell["cell_type"], "id": name}
        kept["metadata"] = {key: value for key, value in sorted(cell["metadata"].items()) if key in CELL_METADATA}
        if cell["cell_type"] == "code":
            kept |= {"execution_count": None, "outputs": []}
        if "attachments" in cell:
            kept["attachments"] = cell["attachments"]
        kept["source"] = source.rstrip().splitlines(keepends=True)
        cells.append(dict(sorted(kept.items())))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    metadata |= {key: value for key, value in sorted(notebook["metadata"].items()) if key in METADATA}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def text(notebook: dict[str, Any]) -> str:
    """Return the notebook as the file holds it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something is to clean")
    parser.add_argument("notebooks", nargs="*", type=Path)
    arguments = parser.parse_args()
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.ipynb"))]
    dirty = 0
    for path in arguments.notebooks or [path for path in found if ".ipynb_checkpoints" not in path.parts]:
        before = path.read_text(encoding="utf-8")
        after = text(clean(json.loads(before)))
        if before != after:
            dirty += 1
            print(f"{path}: {'not clean; make fix cleans it' if arguments.check else 'cleaned'}")
            if not arguments.check:
                path.write_text(after, encoding="utf-8")
    sys.exit(arguments.check and dirty > 0)


if __name__ == "__main__":
    main()
