"""Grade a class: in parallel, one record per submission, and after an interruption only what is missing."""

import functools
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from exercises.grader.course import ProblemSet
from exercises.grader.grading import NotANotebookError, Record, grade, read
from exercises.grader.report import page, write_grades, write_mistakes


def submissions(name: str, submitted: Path) -> Iterator[tuple[str, Path]]:
    """Yield student and notebook from nbgrader's folders, `submitted/STUDENT/SET/SET.ipynb`.

    A notebook that was renamed is taken if it is the only one.
    """
    for folder in sorted(submitted.iterdir()):
        if folder.name.startswith("."):
            continue
        path = folder / name / f"{name}.ipynb"
        if (
            not folder.is_symlink()
            and not path.parent.is_symlink()
            and not os.path.lexists(path)
            and path.parent.is_dir()
        ):
            others = [other for other in path.parent.iterdir() if other.suffix == ".ipynb" and other.name[0] != "."]
            path = others[0] if len(others) == 1 else path
        yield folder.name, path


def record_file(records: Path, student: str) -> Path:
    """Return where the record of a submission lies, whatever the student's folder is called."""
    readable = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in student)[:60]
    return records / f"{readable}-{hashlib.sha256(os.fsencode(student)).hexdigest()[:16]}.json"


def write(file: Path, content: str) -> None:
    """Write a file at once: others see the old one or the new one, never a part."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(content, encoding="utf-8", errors="replace")
    os.replace(part, file)


@functools.lru_cache(maxsize=4)
def _problems(name: str, seed: int | None) -> ProblemSet:
    return ProblemSet(name, seed)


def _one(name: str, seed: int | None, student: str, content: bytes, key: bytes) -> tuple[str, dict[str, Any]]:
    return student, grade(content, _problems(name, seed), key, submission=student).data()


def grade_all(
    name: str,
    submitted: Path,
    records: Path,
    *,
    seed: int | None = None,
    n_jobs: int | None = None,
    backend: str | None = None,
    progress: bool = True,
) -> list[Record]:
    """Grade all submissions of a problem set; return one record for each.

    A record is written as soon as it is there. A submission that has one, for the same bytes, the same set and the same
    grader, is not graded again; so an interrupted run goes on where it stopped.

    Parameters
    ----------
    name : str
        The problem set.
    submitted : Path
        nbgrader's folder of that name. It is only read.
    records : Path
        Gets a JSON record and an HTML page for each submission, `grades.csv` and `mistakes.csv`.
    seed : int, optional
        The seed of the release.
    n_jobs : int, optional
        Processes; -1 for one per core. If not given, as `joblib.parallel_config` says, or else one.
    backend : str, optional
        Of joblib. "dask" takes the work to the cluster of the current `dask.distributed.Client`; its machines need this
        project, not the files.
    progress : bool
        Show a bar.
    """
    records.mkdir(parents=True, exist_ok=True)
    for part in records.glob(".*.part"):
        part.unlink(missing_ok=True)
    problems, key = _problems(name, seed), _key(records)
    done: dict[str, Record] = {}
    students: list[str] = []
    waiting: list[tuple[str, Path]] = []
    for student, path in submissions(name, submitted):
        students.append(student)
        known = _known(record_file(records, student), student, problems)
        try:
            content = read(path, below=submitted)
        except NotANotebookError as error:
            done[student] = grade(error, problems, key, submission=student)
            _write(records, done[student])
            continue
        if known is not None and known.sha256 == hashlib.sha256(content).hexdigest():
            done[student] = known
        else:
            waiting.append((student, path))

    def tasks() -> Iterator[Any]:
        for student, path in waiting:
            try:
                content = read(path, below=submitted)
            except NotANotebookError:  # it was there a moment ago
                content = b""
            yield joblib.delayed(_one)(name, seed, student, content, key)

    options: dict[str, Any] = {} if n_jobs is None else {"n_jobs": n_jobs}
    options |= {} if backend is None else {"backend": backend}
    with joblib.parallel_config(**options):
        results = joblib.Parallel(batch_size=1, return_as="generator_unordered")(tasks())
        for student, data in tqdm(results, desc=name, total=len(waiting), disable=not progress):
            done[student] = Record.of(data)
            _write(records, done[student])
    found = [done[student] for student in students]
    write_grades(found, records / "grades.csv")
    write_mistakes(found, records / "mistakes.csv")
    return found


def _key(records: Path) -> bytes:
    """Return the secret from which the inputs are drawn, so that grading again gives the same record."""
    file = records / ".key"
    if not file.exists():
        write(file, secrets.token_hex(32))
        file.chmod(0o600)
    return bytes.fromhex(file.read_text())


def _write(records: Path, record: Record) -> None:
    file = record_file(records, record.submission)
    write(file.with_suffix(".html"), page(record))
    write(file, json.dumps(record.data(), indent=1))


def _known(file: Path, student: str, problems: ProblemSet) -> Record | None:
    try:
        record = Record.of(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    fits = record.submission == student and record.grader == problems.digest and record.status != "grader error"
    return record if fits else None
