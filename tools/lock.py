"""Write requirements.txt: every package that pyproject.toml leads to, pinned, for Linux and macOS, Python 3.11 to 3.13.

Pins that stand in requirements.txt are kept; ``--upgrade all`` or ``--upgrade NAME …`` lets them move.
Run it with the lowest Python (3.11): what installs there has releases for the later ones too.
Some packages are needed on one platform or Python only; they get an environment marker.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements.txt"
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = {  # what markers can ask for
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
}
# PyTorch's Linux build brings its CUDA libraries and pins them itself; the CPU and macOS builds have none.
BROUGHT_BY_TORCH = re.compile(r"nvidia-|cuda-|triton$")
HEAD = """\
# Every package of the book, the notebooks, the exercises and the tests, pinned.
# Written by `make lock` from pyproject.toml. It keeps the pins that stand here;
# `make lock UPGRADE=all` (or UPGRADE="jax optax") takes the newest releases.
"""


def resolve(requirements: list[str], constraints: dict[str, str], *options: str) -> list[dict[str, Any]]:
    """Let pip choose the versions, without installing; the metadata of what it chose."""
    with tempfile.TemporaryDirectory() as scratch:
        bounds, report = Path(scratch, "constraints.txt"), Path(scratch, "report.json")
        bounds.write_text("".join(f"{name}=={version}\n" for name, version in constraints.items()))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        # Judged by the first release of the lowest Python: Debian's 3.11 is 3.11.2, and some packages ask for 3.11.5.
        command += ["--python-version", f"{PYTHONS[0]}.0", "--only-binary=:all:", "--target", scratch]
        command += [*options, "--report", str(report), "--constraint", str(bounds), *requirements]
        subprocess.run(command, check=True, cwd=ROOT)
        return [package["metadata"] for package in json.loads(report.read_text())["install"]]


def environments() -> list[dict[str, str]]:
    here = {key: str(value) for key, value in default_environment().items()}
    return [
        here | platform | {"python_version": python, "python_full_version": f"{python}.0"}
        for platform in PLATFORMS.values()
        for python in PYTHONS
    ]


def where_needed(packages: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Follow the requirements from lrlab through each environment: package -> the environments that need it."""
    needed: dict[str, list[dict[str, str]]] = {}
    for environment in environments():
        seen: set[tuple[str, str]] = set()
        queue = [("lrlab", ""), ("lrlab", "all")]
        while queue:
            name, extra = queue.pop()
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in packages.get(name, {}).get("requires_dist", []):
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate({**environment, "extra": extra}):
                    other = canonicalize_name(requirement.name)
                    queue += [(other, wanted) for wanted in ("", *requirement.extras)]
        for name in {name for name, _ in seen}:
            needed.setdefault(name, []).append(environment)
    return needed


def marker(needed: list[dict[str, str]]) -> str:
    """Return the shortest marker for a set of environments."""
    if len(needed) == len(PYTHONS) * len(PLATFORMS):
        return ""
    platforms = sorted({environment["sys_platform"] for environment in needed})
    pythons = sorted({environment["python_version"] for environment in needed}, key=PYTHONS.index)
    if len(needed) != len(platforms) * len(pythons):
        raise SystemExit("lock: a package is needed on a mix of platforms and Pythons that no short marker describes")
    parts = [] if len(platforms) == len(PLATFORMS) else [f'sys_platform == "{platforms[0]}"']
    if len(pythons) < len(PYTHONS):
        parts.append(" or ".join(f'python_version == "{python}"' for python in pythons))
        parts[-1] = f"({parts[-1]})" if len(parts) > 1 and len(pythons) > 1 else parts[-1]
    return "; " + " and ".join(parts)


def current_pins() -> dict[str, str]:
    lines = PINS.read_text().splitlines() if PINS.exists() else []
    matches = [re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line) for line in lines]
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", nargs="*", default=[], metavar="NAME", help="'all', or the packages that may move")
    upgrade = {canonicalize_name(name) for name in parser.parse_args().upgrade}
    if f"{sys.version_info.major}.{sys.version_info.minor}" != PYTHONS[0]:
        raise SystemExit(f"lock: run it with Python {PYTHONS[0]}, the lowest supported: make lock PYTHON=python3.11")
    pins = {} if "all" in upgrade else {name: pin for name, pin in current_pins().items() if name not in upgrade}

    packages: dict[str, dict[str, Any]] = {
        canonicalize_name(metadata["name"]): metadata for metadata in resolve([".[all]"], pins)
    }
    while missing := [name for name in where_needed(packages) if name not in packages]:
        for metadata in resolve(missing, pins, "--no-deps"):
            packages[canonicalize_name(metadata["name"])] = metadata

    needed = where_needed(packages)
    lines = [
        f"{packages[name]['name']}=={packages[name]['version'].split('+')[0]}{marker(needed[name])}\n"
        for name in sorted(needed)
        if name != "lrlab" and not BROUGHT_BY_TORCH.match(name)
    ]
    PINS.write_text(HEAD + "".join(lines) + "-e .\n")
    print(f"lock: {len(lines)} packages pinned in {PINS.name}")


if __name__ == "__main__":
    main()
