"""The shape of the project: layers, light imports, clean notebooks, known citations, pins in one place."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pybtex.database import parse_file

from tools.notebooks import clean, text

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lrlab"
# From the floor up. A module imports from lower layers and from its own folder.
LAYERS = [
    {"_checks"},
    {"objectives", "schedules", "optimizers", "data", "text"},
    {"curvature", "dynamic"},
    {"training"},
    {"search"},
    {"display"},
    {"pytorch", "plots"},
    {"widgets"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
NOTEBOOKS = sorted(path for path in (ROOT / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Yield what a module imports from lrlab, as dotted names below it: `schedules.base`; '' is lrlab itself."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join((*start, *filter(None, [node.module])))
            modules = [f"{module}.{alias.name}" for alias in node.names] if module == "lrlab" else [module]
        else:
            continue
        yield from (module.removeprefix("lrlab").lstrip(".") for module in modules if module.split(".")[0] == "lrlab")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_downward(path: Path) -> None:
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert own in LEVEL, f"lrlab.{own} has no layer yet: add it to LAYERS where it belongs"
    for target in imported(path):
        top = target.split(".")[0]
        assert top == own or LEVEL.get(top, len(LAYERS)) < LEVEL[own], f"imports lrlab.{target}, which is not below it"


def test_every_layer_is_seen() -> None:
    """The test above looks at what it should: it finds the package's modules and an import among them."""
    assert {"schedules", "optimizers", "objectives", "training"} <= {
        path.relative_to(PACKAGE).with_suffix("").parts[0] for path in MODULES
    }
    assert any(target.startswith("_checks") for target in imported(PACKAGE / "objectives.py"))


def fresh_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def test_import_needs_numpy_alone() -> None:
    loaded = fresh_python(
        "import sys; before = set(sys.modules); import lrlab\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    # NumPy's compiled modules register helpers of Cython under names of their own.
    assert {name for name in loaded.split() if not name.lower().startswith("_cyth")} <= {"lrlab", "numpy"}


def test_import_is_quick() -> None:
    code = "import time, numpy; start = time.process_time(); import lrlab; print(time.process_time() - start)"
    assert min(float(fresh_python(code)) for _ in range(3)) <= 0.3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_is_clean(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    assert before == text(clean(json.loads(before))), "make fix cleans it"
    ids = [cell["id"] for cell in json.loads(before)["cells"]]
    assert len(ids) == len(set(ids))


def test_citations_are_known() -> None:
    known = set(parse_file(ROOT / "book" / "references.bib").entries)  # raises where a key stands twice
    assert known
    for path in (*MODULES, *(ROOT / "book").rglob("*.md"), *NOTEBOOKS):
        for keys in re.findall(r"(?:\{cite(?::\w+)?\}|:cite(?::\w+)?:)`([^`]+)`", path.read_text(encoding="utf-8")):
            missing = {key.strip() for key in keys.split(",")} - known
            assert not missing, f"{name_of(path)} cites {missing}"


def test_pins_cover_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    direct = [Requirement(line) for lines in (project["dependencies"], *extras.values()) for line in lines]
    names = [canonicalize_name(requirement.name) for requirement in direct if requirement.name != "lrlab"]
    assert len(names) == len(set(names)), "a dependency stands in two places"
    assert not [requirement for requirement in direct if "==" in str(requirement.specifier)], "pins go to the lock"
    assert {extra for requirement in direct if requirement.name == "lrlab" for extra in requirement.extras} == {
        *extras
    } - {"all"}

    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines.pop() == "-e ."
    pins = [Requirement(line) for line in lines]
    pinned = [canonicalize_name(pin.name) for pin in pins]
    assert len(pinned) == len(set(pinned))
    assert set(names) <= set(pinned)
    for pin in pins:
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), f"{pin} is no exact public version"
