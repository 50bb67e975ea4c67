"""`make doctor` on machines that lack something: it says what, says what to do, and fails only for what is needed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough  # imports torch again and again

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "uname", "git", "awk", "df", "cksum", "cat", "head", "ls", "pwd", "dirname")


def doctor(tmp_path: Path, *without: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the doctor where only a few programs are on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in (*TOOLS, "python3"):
        if name not in without and (path := shutil.which(name)):
            (programs / name).symlink_to(path)
    keep = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "LRLAB_DATA", "CHROMIUM"}}
    return subprocess.run(
        [shutil.which("sh") or "sh", ROOT / "tools" / "doctor.sh"],
        env=keep | {"PATH": str(programs), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_with_what_is_needed(tmp_path: Path) -> None:
    found = doctor(tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "MISSING" not in found.stdout
    assert "doctor: all that is needed is here" in found.stdout
    assert "no bubblewrap" in found.stdout
    assert "MNIST is not here yet" in found.stdout
    assert found.stderr == ""


def test_no_git(tmp_path: Path) -> None:
    found = doctor(tmp_path, "git")
    assert found.returncode == 1
    assert "MISSING  git. Debian, Ubuntu: apt install git." in found.stdout


def test_no_fitting_python(tmp_path: Path) -> None:
    found = doctor(tmp_path, "python3")
    assert found.returncode == 1
    assert "MISSING  Python 3.11, 3.12 or 3.13; python3 is not there" in found.stdout


def test_a_python_that_was_named_and_does_not_fit(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\ncase $2 in *print*) echo 3.8 ;; *) exit 1 ;; esac\n")
    old.chmod(0o755)
    found = doctor(tmp_path, PYTHON=str(old))
    assert found.returncode == 1
    assert f"PYTHON={old} is 3.8" in found.stdout


def test_a_data_folder_without_data(tmp_path: Path) -> None:
    found = doctor(tmp_path, LRLAB_DATA=str(tmp_path))
    assert found.returncode == 1
    assert "holds no file of it" in found.stdout
