"""Where an installed Chromium or Chrome is found."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS: tuple[str, ...] = ("/Applications/Chromium.app/Contents/MacOS/Chromium",)
MACOS += ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome; CHROMIUM names another one."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *MACOS]
    return next((candidate for candidate in candidates if candidate and Path(candidate).exists()), None)
