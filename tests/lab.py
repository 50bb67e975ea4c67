"""A JupyterLab of its own, with one notebook open in a browser: for the test of the figures and their benchmark."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket

import nbformat
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "figures"


class Lab:
    """The open notebook."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def run(self, cell: int) -> None:
        """Run one cell and wait until it has its number."""
        found = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell)
        found.locator(".jp-Editor").first.click()
        self.page.keyboard.press("Shift+Enter")
        prompt = found.locator(".jp-InputPrompt").first
        self.page.wait_for_function("e => /[0-9]/.test(e.innerText)", arg=prompt.element_handle(), timeout=60_000)

    def output(self, cell: int) -> str:
        """Return what a cell printed."""
        return (
            self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-OutputArea-output").last.inner_text()
        )


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Start JupyterLab in a folder with settings of its own, give its address, and stop it at the end."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {
        name: str(folder / ".jupyter" / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    home |= {"JUPYTERLAB_SETTINGS_DIR": str(folder / ".set"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".spaces")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    options = [f"--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}"]
    options += [f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None", "--ServerApp.port_retries=0"]
    environment = os.environ | home | {"PATH": path, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / ".ipython")}
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (folder / "log").open("w") as log:
        lab = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{port}/api?token={TOKEN}", lab)
            yield f"http://127.0.0.1:{port}"
        finally:
            lab.terminate()
            lab.wait(30)


@contextmanager
def notebook(folder: Path, browser: Browser, cells: Sequence[str]) -> Iterator[Lab]:
    """Open a notebook with these cells in JupyterLab."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=[*map(nbformat.v4.new_code_cell, cells)])
    nbformat.write(book, folder / "figures.ipynb")
    with serving(folder) as address:
        page = browser.new_page(viewport={"width": 1300, "height": 1100})
        page.goto(f"{address}/lab/tree/figures.ipynb?token={TOKEN}&reset")
        page.locator(".jp-Notebook .jp-CodeCell .jp-Editor").first.wait_for(timeout=90_000)
        page.get_by_text("| Idle").wait_for(timeout=90_000)
        yield Lab(page)
        page.close()


def _wait(url: str, lab: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, ConnectionError):
            assert lab.poll() is None, "JupyterLab ended at once"
            time.sleep(0.3)
    raise TimeoutError("JupyterLab does not answer")
