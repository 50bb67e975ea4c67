"""What several test files share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tools.browser import find_chromium

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw into memory; a window would wait for somebody to close it."""
    monkeypatch.setenv("MPLBACKEND", "Agg")


def unavailable(what: str) -> NoReturn:
    """Skip a test that this machine cannot run; under LRLAB_STRICT, as on CI, fail it."""
    if os.environ.get("LRLAB_STRICT"):
        pytest.fail(f"{what} (LRLAB_STRICT is set: nothing may be left out)")
    pytest.skip(what)


@pytest.fixture(scope="session")
def require() -> Callable[[bool, str], None]:
    """Give a check that skips a test, or fails it under LRLAB_STRICT, where something is missing."""

    def check(there: bool, otherwise: str) -> None:
        if not there:
            unavailable(otherwise)

    return check


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium."""
    return find_chromium() or unavailable("no Chromium or Chrome found; install one, or set CHROMIUM=/path/to/it")


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site."""
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").exists():
        unavailable("the site is not built: make book")
    return folder
