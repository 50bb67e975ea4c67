"""Releases: nbgrader makes them from the source notebooks, whose numbers a seed renews."""

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exercises.grader.course import EXERCISES, ProblemSet
from exercises.grader.form import faults, leaks

SEEDS = "seeds.json"  # beside the releases: which seed each was made with


class ReleaseError(RuntimeError):
    """A set that is not in form, a release that would give something away, or nbgrader's refusal; the message says."""


def api(course: Path, source: Path) -> Any:
    """Return nbgrader's own interface to a course whose source notebooks lie elsewhere."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    config: Any = Config()
    config.merge(PyFileConfigLoader("nbgrader_config.py", path=str(EXERCISES)).load_config())
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.source_directory = str(source)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    return NbGraderAPI(config=config)


def release(names: Iterable[str], seed: int | None = None, course: Path = EXERCISES) -> list[Path]:
    """Make the releases of problem sets with nbgrader; return the notebooks.

    Parameters
    ----------
    names : iterable of str
        The problem sets.
    seed : int, optional
        Renews the numbers of the cell `constants`; without it they are those of the source.
    course : Path
        The folder that gets `release/` and `gradebook.db`.

    Raises
    ------
    ReleaseError
        If a set is not in form, nbgrader refuses it, or the release holds what students should not get.
    """
    made = []
    course.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for name in names:
            problems = ProblemSet(name, seed)
            if found := faults(problems):
                raise ReleaseError(f"{name}: {'; '.join(found)}")
            (source / name).mkdir()
            text = json.dumps(problems.notebook, indent=1, ensure_ascii=False)
            (source / name / f"{name}.ipynb").write_text(text, encoding="utf-8")
            shutil.rmtree(course / "release" / name, ignore_errors=True)
            result = api(course, source).generate_assignment(name, force=True, create=True)
            if not result["success"]:
                raise ReleaseError(f"{name}: {result.get('error', '')}{result.get('log', '')}")
            made.append(course / "release" / name / f"{name}.ipynb")
            released = json.loads(made[-1].read_text(encoding="utf-8"))
            if found := leaks(problems, released, made[-1].parent):
                shutil.rmtree(made[-1].parent)
                raise ReleaseError(f"{name}: {'; '.join(found)}")
    _remember({path.stem: seed for path in made}, course / "release" / SEEDS)
    return made


def _remember(new: dict[str, int | None], file: Path) -> None:
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(dict(sorted({**known, **new}.items())), indent=1) + "\n")


def seed_of(name: str, course: Path = EXERCISES) -> int | None:
    """Return the seed with which the present release of a set was made."""
    file = course / "release" / SEEDS
    seed: int | None = json.loads(file.read_text()).get(name) if file.exists() else None
    return seed
