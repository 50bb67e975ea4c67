"""The reference of the package: every public name of every module is in it."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "book" / "appendices" / "api"
MODULES = sorted(
    path.stem
    for path in (ROOT / "lrlab").iterdir()
    if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
)


def public(module: ModuleType) -> list[str]:
    """Return what a module offers: what it lists, else what it defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    defined = (name for name, what in vars(module).items() if getattr(what, "__module__", "") == module.__name__)
    return [name for name in defined if not name.startswith("_")]


def test_every_module_has_a_page() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "index") == MODULES
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    for module in MODULES:
        assert f"<{module}>`" in index


@pytest.mark.site
@pytest.mark.parametrize("name", MODULES)
def test_a_page_describes_every_public_name(site: Path, name: str) -> None:
    module = importlib.import_module(f"lrlab.{name}")
    page = (site / "book" / "appendices" / "api" / f"{name}.html").read_text(encoding="utf-8")
    classes_and_functions = [each for each in public(module) if hasattr(getattr(module, each), "__doc__")]
    assert classes_and_functions
    missing = [each for each in classes_and_functions if f'id="lrlab.{name}.{each}"' not in page]
    assert set(missing) <= {"AnySchedule"}  # a name for a type, not described by itself
