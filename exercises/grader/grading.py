"""Grade one notebook: read its bytes, run it in the sandbox, ask it with fresh inputs, compare, make one record."""

import dataclasses
import functools
import hashlib
import itertools
import json
import math
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from exercises.grader.course import CONSTANTS, Cell, Outcome, ProblemSet
from exercises.grader.plain import NotPlainError, decode, encode
from exercises.grader.rubric import Mistake, Problem
from exercises.grader.sandbox import WARNING, EndedError, Sandbox, bubblewrap, usage

LARGEST = 20_000_000  # bytes of a notebook
CELLS = 1_000
ROUNDS = 6  # of inputs, until every mistake shows
RESTARTS = 6  # fresh processes after a cell or an answer that ended one
STATUSES = (
    "graded",
    "time-out",
    "memory",
    "processes",
    "output",
    "crashed",
    "tampered",
    "not a notebook",
    "grader error",
)


@dataclass
class Result:
    """What one problem earned, and what the learner reads about it."""

    problem: str
    title: str
    points: float
    out_of: float
    outcome: str  # right, mistake, wrong, blank, missing, error, time-out, memory, …
    mistake: str = ""
    explain: str = ""
    case: dict[str, str] = field(default_factory=dict)  # input, expected, actual


@dataclass
class Record:
    """The one record of a submission."""

    submission: str
    problem_set: str
    sha256: str
    status: str
    reason: str
    score: float
    out_of: float
    results: list[Result]
    notices: list[str] = field(default_factory=list)
    seed: int | None = None
    grader: str = ""  # digest of what graded it
    sandboxed: bool = True
    seconds: float = 0.0

    def data(self) -> dict[str, Any]:
        """Return the record as JSON data."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Record":
        """Return the record that JSON data stand for."""
        return cls(**{**data, "results": [Result(**result) for result in data["results"]]})


class NotANotebookError(Exception):
    """The submitted file cannot be read as a Python notebook; the message says why."""


def read(path: Path, below: Path | None = None) -> bytes:
    """Return a submitted file's bytes; refuse links, folders, devices and giants.

    With `below`, a folder above the file, no folder on the way from there may be a link either.
    """
    parts = path.relative_to(below).parts if below else (path.name,)
    try:
        descriptor = os.open(below or path.parent, os.O_RDONLY | os.O_DIRECTORY)
        for number, part in enumerate(parts, 1):
            kind = os.O_NONBLOCK if number == len(parts) else os.O_DIRECTORY
            above = descriptor
            try:
                descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=above)
            finally:
                os.close(above)
    except OSError as error:
        raise NotANotebookError(f"The file cannot be opened: {error.strerror}. A link is not followed.") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotANotebookError("This is not a file.")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > LARGEST:
            raise NotANotebookError(f"The file has {status.st_size / 1e6:.0f} MB; {LARGEST / 1e6:.0f} MB are allowed.")
        return file.read(LARGEST + 1)


def code_cells(content: bytes) -> list[tuple[str, str]]:
    """Return grade_id and source of a notebook's code cells."""
    if not content.strip():
        raise NotANotebookError("The file is empty.")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotANotebookError("The file is not text in UTF-8.") from None
    except (ValueError, RecursionError):
        raise NotANotebookError(
            "The file is not JSON, or is cut off. Save the notebook in Jupyter and submit it again."
        ) from None
    if type(notebook) is not dict or type(notebook.get("cells")) is not list:
        raise NotANotebookError("The file is not a notebook of format 4: it has no list of cells.")
    if notebook.get("nbformat") != 4:
        raise NotANotebookError(
            f"The notebook has format {str(notebook.get('nbformat'))[:20]}; Jupyter's present format is 4."
        )
    metadata = notebook.get("metadata")
    for place, key in (("language_info", "name"), ("kernelspec", "language")):
        about = metadata.get(place) if type(metadata) is dict else None
        language = about.get(key) if type(about) is dict else None
        if type(language) is str and language.lower() not in ("python", "ipython", "python3"):
            raise NotANotebookError(f"The notebook's language is {language[:20]!r}; Python is expected.")
    if len(notebook["cells"]) > CELLS:
        raise NotANotebookError(f"The notebook has {len(notebook['cells'])} cells; at most {CELLS} are read.")
    found = []
    for cell in notebook["cells"]:
        if type(cell) is not dict:
            raise NotANotebookError("The file is not a notebook: a cell is not what a cell is.")
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if type(source) is list and all(type(line) is str for line in source):
            source = "".join(source)
        if type(source) is not str:
            raise NotANotebookError("The file is not a notebook: a cell has no text.")
        about = cell.get("metadata")
        notes = about.get("nbgrader") if type(about) is dict else None
        grade_id = notes.get("grade_id") if type(notes) is dict else ""
        found.append((grade_id if type(grade_id) is str else "", source))
    return found


class Session:
    """A student's notebook that has run, and the questions to it; a process that ends is replaced."""

    def __init__(self, problems: ProblemSet, cells: list[str]) -> None:
        self.limits = problems.rubric.limits
        self.packages = problems.rubric.packages
        self.cells = cells
        self.skip: dict[int, str] = {}  # cells that ended the process: status
        self.errors: dict[int, list[str]] = {}
        self.status, self.reason = "graded", ""
        self.restarts = 0
        self.end = time.monotonic() + self.limits.total
        self.sandbox: Sandbox | None = None

    def close(self) -> None:
        """End the process."""
        if self.sandbox is not None:
            self.sandbox.close()
            self.sandbox = None

    def _wall(self, seconds: float) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise EndedError("time-out", f"The notebook as a whole took more than {self.limits.total:.0f} seconds.")
        return min(4 * seconds + 5, left)

    def _note(self, ended: EndedError, where: str) -> None:
        self.close()
        self.restarts += 1
        if self.status == "graded":
            self.status, self.reason = ended.status, f"{where}: {ended}"

    def start(self) -> Sandbox:
        """Return a running process in which the notebook's cells have run."""
        while self.sandbox is None:
            if self.restarts > RESTARTS:
                raise EndedError(self.status, "Too many cells or answers ended the notebook's process.")
            self._wall(0)
            self.sandbox = Sandbox(self.limits, self.packages)
            for index, source in enumerate(self.cells):
                if index in self.skip:
                    continue
                request = {"do": "run", "source": source, "seconds": self.limits.seconds}
                try:
                    error = self.sandbox.ask(request, self._wall(self.limits.seconds)).get("error")
                except EndedError as ended:
                    self.skip[index] = ended.status
                    self._note(ended, f"Cell {index + 1}")
                    break
                if type(error) is list and all(type(part) is str for part in error):
                    self.errors[index] = [part[:500] for part in error]
                    if error[0] == "MemoryError" and usage(self.sandbox.process.pid)[0] > self.limits.memory / 4:
                        self.skip[index] = "memory"  # it holds the memory that the answers need
                        self._note(EndedError("memory", "It fills the memory."), f"Cell {index + 1}")
                        break
                    status = {"TookTooLong": "time-out", "MemoryError": "memory"}.get(error[0])
                    if status and self.status == "graded":
                        self.status = status
                        self.reason = f"Cell {index + 1} did not end well ({LIMITED[status]}); the other cells ran."
        return self.sandbox

    def ask(self, problem: Problem, cases: list[list[Any]], repeat: int) -> dict[str, Any]:
        """Return the runner's reply to a problem's questions."""
        seconds = self.limits.seconds
        if problem.inputs is None:
            request: dict[str, Any] = {"do": "read", "name": problem.answer, "seconds": seconds}
        else:
            request = {"do": "call", "name": problem.answer, "cases": cases, "repeat": repeat}
            request["seconds"] = seconds
        sandbox = self.start()
        try:
            return sandbox.ask(request, self._wall(seconds))
        except EndedError as ended:
            self._note(ended, problem.answer)
            raise


LIMITED = {"time-out": "too much time", "memory": "too much memory"}


def valid(reply: dict[str, Any], cases: int, repeat: int) -> list[list[Outcome]] | None:
    """Return the results of a reply, decoded, or None if they are not what the runner writes."""
    found = reply.get("results")
    if type(found) is not list or len(found) != cases:
        return None
    decoded = []
    for case in found:
        if type(case) is not list or len(case) != repeat:
            return None
        outcomes: list[Outcome] = []
        for one in case:
            if type(one) is not dict or len(one) != 1:
                return None
            if "value" in one:
                try:
                    outcomes.append({"value": decode(one["value"])})
                except NotPlainError:
                    return None
            elif (
                type(one.get("error")) is list
                and all(type(part) is str for part in one["error"])
                and len(one["error"]) == 2
            ):
                outcomes.append({"error": [part[:500] for part in one["error"]]})
            else:
                return None
        decoded.append(outcomes)
    return decoded


def numbers(value: Any) -> Any:
    """Return numbers, or nested lists of numbers, as a float array; None for anything else."""
    if isinstance(value, bool | int | float | list | np.ndarray):
        try:
            array = np.asarray(value)
        except ValueError:
            return None
        return array.astype(np.float64) if array.dtype.kind in "fiub" else None
    return None


def agree(expected: Any, actual: Any, rtol: float, atol: float) -> bool:
    """Whether a value is what is expected: same shape, numbers within the tolerance, texts equal."""
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and expected.keys() == actual.keys()
            and all(agree(value, actual[key], rtol, atol) for key, value in expected.items())
        )
    if isinstance(expected, str) or expected is None:
        return type(actual) is type(expected) and actual == expected
    wanted = numbers(expected)
    if wanted is None:
        return (
            isinstance(expected, list)
            and isinstance(actual, list)
            and len(expected) == len(actual)
            and all(agree(one, other, rtol, atol) for one, other in zip(expected, actual, strict=True))
        )
    found = numbers(actual)
    if found is None or found.shape != wanted.shape:
        return False
    with np.errstate(all="ignore"):
        return bool(np.allclose(found, wanted, rtol=rtol, atol=atol, equal_nan=True))


def same(expected: Outcome, actual: Outcome, problem: Problem) -> bool:
    """Whether two outcomes agree: values within the tolerance, errors of one type."""
    if "error" in expected or "error" in actual:
        return "error" in expected and "error" in actual and expected["error"][0] == actual["error"][0]
    return agree(expected["value"], actual["value"], problem.rtol, problem.atol)


def all_same(expected: list[list[Outcome]], actual: list[list[Outcome]], problem: Problem) -> bool:
    """Whether all outcomes agree."""
    return len(expected) == len(actual) and all(
        same(one, other, problem)
        for wanted, found in zip(expected, actual, strict=True)
        for one, other in zip(wanted, found, strict=True)
    )


def decoded(outcomes: list[list[Outcome]]) -> list[list[Outcome]]:
    """Return trusted outcomes with their values decoded, as a student's are."""
    return [[one if "error" in one else {"value": decode(one["value"])} for one in case] for case in outcomes]


def shown(value: Any) -> str:
    """Return a value as the learner reads it: short, without quotes that nobody typed."""
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=6, threshold=12, separator=", ").replace("[ ", "[").replace(" ]", "]")
    elif isinstance(value, float):
        text = f"{value:.8g}"
    elif isinstance(value, list):
        text = f"[{', '.join(map(shown, value))}]"
    else:
        text = repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:297] + "…"


def told(outcome: Outcome) -> str:
    """Return an outcome as the learner reads it."""
    if "value" in outcome:
        return shown(outcome["value"])
    kind, text = map(str, outcome["error"])
    if kind == "NotPlainError":
        return text
    return f"{kind}: {text}" if text else kind


def printable(text: str) -> str:
    """Return text without control characters, which a submission could use to write over the report."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


class Judge:
    """Decides what each problem of a set earns, from data alone."""

    def __init__(self, problems: ProblemSet) -> None:
        self.problems = problems

    def draw(self, problem: Problem, seed: Any) -> list[list[Any]]:
        """Return a problem's inputs, encoded: as many as tell every mistake from the reference and from each other."""
        if problem.inputs is None:
            return []
        rng = np.random.default_rng(seed)
        changes = [None, *(mistake.change for mistake in problem.mistakes)] if problem.measure is None else []
        alike = list(itertools.combinations(range(len(changes)), 2))
        cases: list[list[Any]] = []
        for _ in range(ROUNDS):
            new = [[encode(argument) for argument in problem.inputs(rng)] for _ in range(problem.cases)]
            cases += new
            answers = [decoded(self.problems.outcomes(problem, new, change)) for change in changes]
            alike = [(one, two) for one, two in alike if all_same(answers[one], answers[two], problem)]
            if not alike:
                break
        return cases

    def judge(self, problem: Problem, session: Session, seed: Any) -> Result:
        """Ask the student's process about one problem and compare."""
        result = functools.partial(
            Result, problem.name, self.problems.title(problem), out_of=self.problems.points(problem), points=0.0
        )
        session_seed = [*seed, int.from_bytes(hashlib.sha256(problem.name.encode()).digest()[:8], "big")]
        try:
            session.start()  # the cells run first; the inputs are drawn afterwards
            cases = self.draw(problem, session_seed)
            reply = session.ask(problem, cases, problem.repeat)
        except EndedError as ended:
            return result(outcome=ended.status, explain=str(ended))
        if reply.get("missing") is True:
            return result(outcome="missing", explain=self._missing(problem, session))
        error = reply.get("error")
        if type(error) is list and error and error[0] == "TookTooLong":
            return result(
                outcome="time-out", explain=f"{problem.answer} took more than {session.limits.seconds:.0f} s."
            )
        repeat = problem.repeat if problem.inputs else 1
        actual = valid(reply, len(cases) if problem.inputs else 1, repeat)
        if actual is None:
            return result(outcome="tampered", explain="The answer is not plain data of a sensible size.")
        if problem.measure is not None:
            return self._measured(problem, cases, actual, session_seed, result)
        expected = decoded(self.problems.outcomes(problem, cases))
        if all_same(expected, actual, problem):
            return result(points=self.problems.points(problem), outcome="right")
        return self._wrong(problem, cases, expected, actual, session, result)

    def _missing(self, problem: Problem, session: Session) -> str:
        if self.problems.cell(problem.name).released in (source.rstrip() for source in session.cells):
            return f"{problem.answer} is still a blank."
        for index, (kind, text, *_) in sorted(session.errors.items()):
            if problem.answer in session.cells[index]:
                if kind == "NotImplementedError":
                    return f"{problem.answer} is still a blank."
                return printable(f"{problem.answer} is not there: its cell ended with {kind}: {text}")
        return f"The notebook defines no {problem.answer}."

    def _wrong(
        self,
        problem: Problem,
        cases: list[list[Any]],
        expected: list[list[Outcome]],
        actual: list[list[Outcome]],
        session: Session,
        result: Callable[..., Result],
    ) -> Result:
        flat = [(c, r) for c, case in enumerate(expected) for r in range(len(case))]
        bad = next((c, r) for c, r in flat if not same(expected[c][r], actual[c][r], problem))
        wanted, found = expected[bad[0]][bad[1]], actual[bad[0]][bad[1]]
        if found.get("error", [""])[0] == "NotImplementedError":
            return result(outcome="blank", explain=f"{problem.answer} is still a blank.")
        case: dict[str, str] = {}
        if problem.inputs is not None:
            arguments = ", ".join(shown(decode(argument)) for argument in cases[bad[0]])
            case = {
                "input": f"{problem.answer}({arguments})",
                "expected": told(wanted),
                "actual": printable(told(found)),
            }
        else:
            case = {"actual": printable(told(found))}
        named = self.name(problem, cases, actual)
        if named is not None:
            return result(outcome="mistake", mistake=named.name, explain=named.explain, case=case)
        if "error" in found:
            return result(outcome="error", explain=self._error(problem, found["error"]), case=case)
        if self._right_once(problem, cases, expected, session):
            return result(
                outcome="mistake",
                mistake="changes its arguments",
                explain=(
                    "The first call is right and the second, with the very same arguments, is not: the function "
                    "changes an array that it was given, or remembers something between calls. `x = x - s` makes "
                    "a new array, `x -= s` changes the caller's."
                ),
                case=case,
            )
        explain = (
            f"Here {problem.answer} should raise {wanted['error'][0]}."
            if "error" in wanted
            else self._difference(wanted["value"], found["value"])
        )
        return result(outcome="wrong", explain=explain, case=case)

    def _right_once(
        self, problem: Problem, cases: list[list[Any]], expected: list[list[Outcome]], session: Session
    ) -> bool:
        """Whether the first call on each case is right; then it was a second call that went wrong."""
        if problem.inputs is None or problem.repeat == 1:
            return False
        try:
            actual = valid(session.ask(problem, cases, 1), len(cases), 1)
        except EndedError:
            return False
        return actual is not None and all_same([case[:1] for case in expected], actual, problem)

    def name(self, problem: Problem, cases: list[list[Any]], actual: list[list[Outcome]]) -> Mistake | None:
        """Return the named mistake that gives the same answers, if there is one."""
        for mistake in problem.mistakes:
            if mistake.when is not None:
                values = [case[0].get("value") for case in actual]
                try:
                    if mistake.when(values[0] if problem.inputs is None else values):
                        return mistake
                except Exception:  # the value is whatever the student made; such a mistake does not fit
                    continue
            elif all_same(decoded(self.problems.outcomes(problem, cases, mistake.change)), actual, problem):
                return mistake
        return None

    def _error(self, problem: Problem, error: list[str]) -> str:
        if error[0] == "NotPlainError":
            return printable(f"{problem.answer} returns {error[1]}; a number, an array or plain text is expected.")
        if error[0] == "MemoryError":
            return f"{problem.answer} asked for more memory than there is."
        return printable(f"{problem.answer} raised {error[0]}: {error[1]}")

    def _difference(self, expected: Any, actual: Any) -> str:
        wanted, found = numbers(expected), numbers(actual)
        if actual is None:
            return "The answer is None: a `return` may be missing."
        if wanted is None:
            return "The answer is another one."
        if found is None:
            return "A number or an array is expected."
        if found.shape != wanted.shape:
            return f"The answer has the shape {found.shape}; {wanted.shape} is expected."
        if not np.all(np.isfinite(found)) and np.all(np.isfinite(wanted)):
            return "The answer holds inf or nan, where numbers are expected."
        return "The numbers differ."

    def _measured(
        self,
        problem: Problem,
        cases: list[list[Any]],
        actual: list[list[Outcome]],
        seed: list[int],
        result: Callable[..., Result],
    ) -> Result:
        first = [case[0] for case in actual]
        bad = next((one for one in first if "error" in one), None)
        if bad is not None:
            if bad["error"][0] == "NotImplementedError":
                return result(outcome="blank", explain=f"{problem.answer} is still a blank.")
            return result(outcome="error", explain=self._error(problem, bad["error"]))
        answer = [one["value"] for one in first] if problem.inputs is not None else first[0]["value"]
        assert problem.measure is not None
        try:
            achieved = float(self.problems.namespace[problem.measure](answer, seed[0]))
        except Exception as error:
            return result(
                outcome="error", explain=printable(f"This answer cannot be used: {type(error).__name__}: {error}"[:300])
            )
        points = max((worth for limit, worth in problem.thresholds.items() if achieved <= limit), default=0.0)
        steps = ", ".join(f"{limit:g}: {worth:g}" for limit, worth in sorted(problem.thresholds.items(), reverse=True))
        case = {"actual": printable(shown(answer)), "achieved": f"{achieved:.4g}", "points for at most": steps}
        if points >= self.problems.points(problem):
            return result(points=points, outcome="right", case=case)
        named = self.name(problem, cases, actual)
        explain = named.explain if named else f"It achieves {achieved:.4g}; smaller is better."
        return result(
            points=points,
            outcome="mistake" if named else "wrong",
            mistake=named.name if named else "",
            explain=explain,
            case=case,
        )


def notices(problems: ProblemSet, cells: list[tuple[str, str]]) -> list[str]:
    """Say what of the given cells was changed; it costs no points."""
    given: dict[str, Cell] = {cell.grade_id: cell for cell in problems.cells if cell.grade_id and not cell.solution}
    seen: dict[str, str] = {}
    found = []
    for grade_id, source in cells:
        if grade_id in seen:
            found.append(f"The cell {grade_id} stands in the notebook more than once; the last one counts.")
        seen[grade_id] = source
    texts = {source.rstrip() for _, source in cells}
    for name, cell in given.items():
        if cell.kind == "code" and cell.released not in texts:
            where = "was changed" if name in seen else "is missing"
            found.append(f"The given cell {name} {where}. Points do not depend on it.")
    return [printable(line[:200]) for line in found[:20]]


def grade(
    submitted: Path | bytes | NotANotebookError,
    problems: ProblemSet,
    key: bytes | None = None,
    submission: str | None = None,
) -> Record:
    """Return the record of one submitted notebook; never raise for what the notebook is or does.

    Parameters
    ----------
    submitted : Path, bytes or NotANotebookError
        The submitted file, which is read once and never written; what it holds; or why it could not be read.
    problems : ProblemSet
    key : bytes, optional
        A secret from which the inputs are drawn, together with the notebook's bytes; so that grading again gives the
        same record. Without it the inputs are new each time.
    submission : str, optional
        The name in the record; the file's name without it.
    """
    start = time.monotonic()
    record = Record(
        submission=submission or (submitted.name if isinstance(submitted, Path) else ""),
        problem_set=problems.name,
        sha256="",
        status="graded",
        reason="",
        score=0.0,
        out_of=problems.total,
        results=[],
        seed=problems.seed,
        grader=problems.digest,
        sandboxed=bubblewrap() is not None,
    )
    try:
        if isinstance(submitted, NotANotebookError):
            raise submitted
        _grade(submitted if isinstance(submitted, bytes) else read(submitted), problems, key, record)
    except NotANotebookError as error:
        record.status, record.reason = "not a notebook", str(error)
    except Exception as error:
        record.status = "grader error"
        record.reason = f"The grader itself failed ({type(error).__name__}: {error}). This is not the student's fault."
    if not record.results:
        record.results = [
            Result(
                problem.name,
                problems.title(problem),
                0.0,
                problems.points(problem),
                record.status,
                explain=record.reason,
            )
            for problem in problems.rubric.problems
        ]
    if not record.sandboxed:
        record.notices.append(WARNING)
    record.reason = printable(record.reason)
    record.score = math.fsum(result.points for result in record.results)
    record.seconds = round(time.monotonic() - start, 3)
    return record


def _grade(content: bytes, problems: ProblemSet, key: bytes | None, record: Record) -> None:
    record.sha256 = hashlib.sha256(content).hexdigest()
    cells = code_cells(content)
    record.notices = notices(problems, cells)
    checks = {cell.released for cell in problems.cells if cell.grade}
    session = Session(problems, [source for _, source in cells if source.rstrip() not in checks])
    judge = Judge(problems)
    try:
        try:
            session.start()
        except EndedError as ended:
            record.status, record.reason = ended.status, str(ended)
        secret = os.urandom(32) if key is None else hashlib.sha256(key + content).digest()
        seed = [int.from_bytes(secret[i : i + 8], "big") for i in (0, 8)]
        record.results = [judge.judge(problem, session, seed) for problem in problems.rubric.problems]
        record.status, record.reason = session.status, session.reason
    finally:
        session.close()
    if record.status == "graded":
        worst = next((r for r in record.results if r.outcome in STATUSES[1:7]), None)
        if worst is not None:
            record.status, record.reason = worst.outcome, worst.explain


__all__ = ["CONSTANTS", "Record", "Result", "grade"]
