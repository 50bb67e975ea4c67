"""Every version is decided in one place: pyproject.toml says what is needed, `make lock` which releases."""

import re
import subprocess
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools.lock import BROUGHT_BY_TORCH, PYTHONS, current_pins, where_needed

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SUPPORTED = [
    f"3.{minor}" for minor in range(8, 30) if f"3.{minor}" in SpecifierSet(PROJECT["project"]["requires-python"])
]
LOWEST, HIGHEST = SUPPORTED[0], SUPPORTED[-1]
IN_WORDS = f"{', '.join(SUPPORTED[:-1])} or {HIGHEST}"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_pythons_are_those_of_pyproject() -> None:
    assert tuple(SUPPORTED) == PYTHONS
    assert PROJECT["tool"]["mypy"]["python_version"] == LOWEST
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{LOWEST.replace('.', '')}"
    low, high = (version.replace(".", ", ") for version in (LOWEST, HIGHEST))
    assert f"({low}) <= sys.version_info[:2] <= ({high})" in read("tools/python.sh")
    assert f"in python3 {' '.join(f'python{version}' for version in reversed(SUPPORTED))};" in read("tools/python.sh")
    assert f"{LOWEST} to {HIGHEST}" in read("Makefile")
    assert f"You need Python {IN_WORDS}," in read("README.md")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "tools/setup.sh", "tools/doctor.sh"])
def test_a_list_of_pythons_is_complete(name: str) -> None:
    for found in re.findall(r"3\.\d+(?:, 3\.\d+)* or 3\.\d+", read(name)):
        assert found == IN_WORDS
    for version in re.findall(r"python(3\.\d+)", read(name)):
        assert version in SUPPORTED


def test_workflows_test_every_python_and_pin_an_action_once() -> None:
    jobs = yaml.safe_load(read(".github/workflows/book.yml"))["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == SUPPORTED
    actions: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, version in re.findall(r"uses: ([\w./-]+)@(.+)", path.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40} # v[\d.]+", version), f"{path.name}: {name} is pinned by no commit"
            actions.setdefault(name, set()).add(version)
        for version in re.findall(r'python(?:-version)?(?:: | == )["\'](3\.\d+)', path.read_text()):
            assert version in (LOWEST, HIGHEST), f"{path.name}: Python {version}"
    assert actions
    assert all(len(versions) == 1 for versions in actions.values()), actions


def test_pins_are_what_pyproject_leads_to() -> None:
    """No more and no less, as the metadata of the installed packages say."""
    installed = {
        canonicalize_name(found.metadata["name"]): {"requires_dist": found.requires or []} for found in distributions()
    }
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [f"{line}; extra == '{extra}'" for extra, wanted in extras.items() for line in wanted]
    installed["lrlab"] = {"requires_dist": [*PROJECT["project"]["dependencies"], *lines]}
    needed = {name for name in where_needed(installed) if name != "lrlab" and not BROUGHT_BY_TORCH.match(name)}
    assert set(current_pins()) == needed


def test_no_release_of_a_package_is_named_elsewhere() -> None:
    pinned = set(current_pins())
    for name in tracked():
        if name == "requirements.txt" or name.startswith("tests/") or Path(name).suffix in {".png", ".npz", ".svg"}:
            continue
        text = read(name)
        for package, version in re.findall(r"\b([A-Za-z][\w.-]*)==(\d[\w.]*)", text):
            assert canonicalize_name(package) not in pinned, f"{name} names {package}=={version}"
        assert not re.search(r"(?:unpkg\.com|jsdelivr\.net|cdnjs\.\w+)\S*@?\d+\.\d+", text), (
            f"{name} takes it from elsewhere"
        )


def test_the_version_of_the_project_is_one() -> None:
    version = PROJECT["project"]["version"]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(version)
