"""The grader is graded: reference, blank, every named mistake and every equivalent solution of every problem set."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exercises.grader.course import ProblemSet, sets
from exercises.grader.grading import Judge, Record, all_same, decoded, grade
from exercises.grader.sandbox import bubblewrap
from tests.classroom import notebook

pytestmark = pytest.mark.thorough
SETS = {name: ProblemSet(name) for name in sets()}


@pytest.fixture
def graded(tmp_path: Path, require: Callable[[bool, str], None]) -> Callable[..., Record]:
    require(bubblewrap() is not None, "no bubblewrap that works here")

    def one(problems: ProblemSet, changes: dict[str, Any] | None = None, release: bool = False) -> Record:
        path = tmp_path / f"{problems.name}.ipynb"
        path.write_text(json.dumps(notebook(problems, changes, release)), encoding="utf-8")
        record = grade(path, problems, key=b"tests")
        assert record.status != "grader error", record.reason
        return record

    return one


@pytest.mark.parametrize("problems", SETS.values(), ids=SETS)
def test_reference_gets_all_points(problems: ProblemSet, graded: Callable[..., Record]) -> None:
    record = graded(problems)
    assert [
        (result.problem, result.outcome, result.explain) for result in record.results if result.outcome != "right"
    ] == []
    assert record.score == record.out_of == problems.total > 0
    assert record.status == "graded", record.reason
    assert record.notices == []


@pytest.mark.parametrize("problems", SETS.values(), ids=SETS)
def test_untouched_release_gets_none(problems: ProblemSet, graded: Callable[..., Record]) -> None:
    record = graded(problems, release=True)
    assert record.score == 0
    assert {(result.outcome, "blank" in result.explain) for result in record.results} <= {
        ("missing", True),
        ("blank", True),
    }


def packs(problems: ProblemSet, kind: str) -> Iterator[dict[str, Any]]:
    """One mistake (or equivalent) of each problem at a time, so that one process tests several."""
    most = max(len(getattr(problem, kind)) for problem in problems.rubric.problems)
    for number in range(most):
        yield {p.name: getattr(p, kind)[number] for p in problems.rubric.problems if number < len(getattr(p, kind))}


def packed(kind: str) -> list[Any]:
    return [
        pytest.param(problems, pack, id=f"{name}-{number}")
        for name, problems in SETS.items()
        for number, pack in enumerate(packs(problems, kind), 1)
    ]


@pytest.mark.parametrize(("problems", "pack"), packed("mistakes"))
def test_mistakes_are_named(problems: ProblemSet, pack: dict[str, Any], graded: Callable[..., Record]) -> None:
    record = graded(problems, {name: mistake.change for name, mistake in pack.items()})
    for result in record.results:
        if result.problem in pack:
            assert (result.problem, result.mistake) == (result.problem, pack[result.problem].name)
            assert result.points < result.out_of
            assert result.explain
        else:
            assert (result.problem, result.outcome) == (result.problem, "right")


@pytest.mark.parametrize(("problems", "pack"), packed("equivalents"))
def test_equivalents_get_all_points(problems: ProblemSet, pack: dict[str, Any], graded: Callable[..., Record]) -> None:
    record = graded(problems, pack)
    wrong = [
        (result.problem, result.outcome, result.mistake, result.explain, result.case)
        for result in record.results
        if result.outcome != "right"
    ]
    assert wrong == []


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("name", sets())
def test_whatever_is_drawn_tells_right_from_wrong(name: str, seed: int | None) -> None:
    """The reference and its equivalents agree, each mistake is called by its own name: for other draws and releases."""
    problems = ProblemSet(name, seed)
    judge = Judge(problems)
    for problem in problems.rubric.problems:
        for draw in range(3 if problem.inputs and not problem.measure else 1):
            cases = judge.draw(problem, [draw, seed or 0])
            expected = decoded(problems.outcomes(problem, cases))
            if problem.measure is None:
                for change in problem.equivalents:
                    assert all_same(expected, decoded(problems.outcomes(problem, cases, change)), problem), change
            for mistake in problem.mistakes:
                answers = decoded(problems.outcomes(problem, cases, mistake.change))
                assert not all_same(expected, answers, problem), (problem.name, mistake.name)
                named = judge.name(problem, cases, answers)
                assert named is not None, (problem.name, mistake.name)
                assert (problem.name, named.name) == (problem.name, mistake.name)
