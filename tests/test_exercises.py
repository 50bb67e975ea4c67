"""The form of the problem sets and of the releases that nbgrader makes of them."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exercises.grader.course import ProblemSet, sets, with_constants
from exercises.grader.form import faults, leaks
from exercises.grader.release import ReleaseError, release, seed_of
from exercises.grader.sandbox import FRAMEWORKS

SETS = {name: ProblemSet(name) for name in sets()}


@pytest.mark.parametrize("problems", SETS.values(), ids=SETS)
def test_form(problems: ProblemSet) -> None:
    assert faults(problems) == []
    assert set(problems.rubric.packages) <= set(FRAMEWORKS)
    assert 4 <= len(problems.rubric.problems) <= 8
    root = Path(__file__).resolve().parent.parent
    assert (root / f"{problems.rubric.chapter}.ipynb").exists(), "the chapter that the set belongs to"


@pytest.mark.parametrize("problems", SETS.values(), ids=SETS)
def test_mistakes_teach(problems: ProblemSet) -> None:
    for problem in problems.rubric.problems:
        names = [mistake.name for mistake in problem.mistakes]
        assert len(set(names)) == len(names) >= (4 if problem.inputs else 2), problem.name
        assert len(problem.equivalents) >= 2, problem.name
        assert problem.hints, problem.name
        for mistake in problem.mistakes:
            assert len(mistake.explain.split()) >= 5, mistake.name
            assert mistake.explain.endswith("."), mistake.name


def test_what_a_notebook_prints_stays_out_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    problems = ProblemSet("finding_a_rate")
    assert "print(" in problems.cell("draw").source
    assert problems.namespace["names"]
    assert capsys.readouterr().out == ""


def doctored(change: Callable[[dict[str, Any]], None]) -> ProblemSet:
    """The first set, with its notebook changed before it is read."""
    problems = ProblemSet("step_size")
    cells = {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in problems.notebook["cells"] if cell["metadata"]}
    change(cells)
    return problems.reread()


def replaced(name: str, old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(cells: dict[str, Any]) -> None:
        source = "".join(cells[name]["source"])
        assert old in source
        cells[name]["source"] = source.replace(old, new)

    return change


def points(cells: dict[str, Any]) -> None:
    cells["edge-check"]["metadata"]["nbgrader"]["points"] = 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced("one-step-check", "### BEGIN HIDDEN TESTS", "### BEGIN HIDDEN-TESTS"), "HIDDEN-TESTS' is none of"),
        (replaced("one-step-check", "### BEGIN HIDDEN TESTS", "## BEGIN HIDDEN TESTS"), "is none of"),
        (replaced("one-step-check", "### END HIDDEN TESTS", "### END HIDDEN TEST"), "is none of"),
        (replaced("one-step-check", "### END HIDDEN TESTS", ""), "it has the marks"),
        (replaced("one-step", "### BEGIN SOLUTION", "###BEGIN SOLUTION"), "is none of"),
        (replaced("one-step", "### END SOLUTION", ""), "it has the marks"),
        (replaced("one-step", "# Equation (1)", "# Formula"), "no comment names the equation"),
        (replaced("setup", "import numpy", "import helper\nimport numpy"), "it imports helper"),
        (replaced("setup", "import numpy", "from lrlab import minimize\nimport numpy"), "it imports lrlab"),
        (points, "does not say its 5 points"),
    ],
)
def test_faults_are_found(change: Callable[[dict[str, Any]], None], message: str) -> None:
    assert message in "\n".join(faults(doctored(change)))


def test_a_helper_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "step_size").mkdir()
    (tmp_path / "step_size" / "solutions.py").touch()
    assert faults(SETS["step_size"], tmp_path / "step_size") == [
        "solutions.py lies in the source folder; nbgrader would release it as it is"
    ]


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with the releases of all sets, made by nbgrader."""
    folder = tmp_path_factory.mktemp("course")
    release(sets(), course=folder)
    return folder


def released(course: Path, name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    return made


@pytest.mark.thorough
@pytest.mark.parametrize("problems", SETS.values(), ids=SETS)
def test_releases_give_nothing_away(problems: ProblemSet, course: Path) -> None:
    folder = course / "release" / problems.name
    made = released(course, problems.name)
    assert leaks(problems, made, folder) == []
    text = "\n".join("".join(cell["source"]) for cell in made["cells"])
    assert "HIDDEN" not in text
    assert "SOLUTION" not in text
    assert text.count("NotImplementedError(") == len(problems.problems)


@pytest.mark.site
def test_the_site_offers_every_release(site: Path) -> None:
    page = site / "book" / "appendices" / "exercises.html"
    links = re.findall(r'href="([^"]+\.ipynb)"', page.read_text(encoding="utf-8"))
    files = {link.rsplit("/")[-1]: page.parent / link for link in links if "_downloads" in link}
    assert set(files) == {f"{name}.ipynb" for name in SETS}
    for name, problems in SETS.items():
        made = json.loads(files[f"{name}.ipynb"].read_text(encoding="utf-8"))
        assert leaks(problems, made, page.parent / "no folder") == []


@pytest.mark.thorough
def test_leaks_are_found(course: Path, tmp_path: Path) -> None:
    problems, made = SETS["step_size"], released(course, "step_size")
    for old, new in (("fill in this blank", "x"), ("assert", "### BEGIN HIDDEN TESTS\nassert")):
        leaky = copy.deepcopy(made)
        for cell in leaky["cells"]:
            cell["source"] = "".join(cell["source"]).replace(old, new)
        assert leaks(problems, leaky, course / "release" / "step_size")
    (tmp_path / "helper.py").touch()
    assert leaks(problems, made, tmp_path) == ["helper.py lies in the release"]


@pytest.mark.thorough
def test_no_release_of_a_set_with_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exercises.grader.release.faults", lambda problems: ["a fault"])
    with pytest.raises(ReleaseError, match="step_size: a fault"):
        release(["step_size"], course=tmp_path)
    assert not (tmp_path / "release" / "step_size").exists()


@pytest.mark.thorough
def test_a_seed_renews_the_numbers(tmp_path: Path) -> None:
    release(["step_size"], seed=7, course=tmp_path)
    assert seed_of("step_size", tmp_path) == 7
    texts = ["".join(cell["source"]) for cell in released(tmp_path, "step_size")["cells"]]
    assert ProblemSet("step_size", 7).cell("constants").source in texts
    assert ProblemSet("step_size").cell("constants").source not in texts


@pytest.mark.parametrize("problems", [p for p in SETS.values() if p.rubric.constants], ids=lambda p: p.name)
def test_seeds_change_the_numbers_and_keep_the_rest(problems: ProblemSet) -> None:
    seen = {problems.cell("constants").source}
    for seed in range(3):
        variant = ProblemSet(problems.name, seed)
        assert variant.cell("constants").source == ProblemSet(problems.name, seed).cell("constants").source
        seen.add(variant.cell("constants").source)
        assert [c.source for c in variant.cells if c.grade_id != "constants"] == [
            c.source for c in problems.cells if c.grade_id != "constants"
        ]
    assert len(seen) == 4


def test_with_constants() -> None:
    source = "# numbers\na = 1.0  # one\nb = [\n    1,\n    2,\n]\nc = 'é' # text\nd = 3"
    assert (
        with_constants(source, {"a": 2.5, "b": [3], "c": "x"})
        == "# numbers\na = 2.5  # one\nb = [3]\nc = 'x' # text\nd = 3"
    )
    long = with_constants(source, {"b": list(range(100))})
    names: dict[str, Any] = {}
    exec(long, names)
    assert names["b"] == list(range(100))
    assert max(map(len, long.splitlines())) <= 88
    words = ["two words", "it's", 'a "b', "\\ c"] * 9
    exec(with_constants(source, {"b": words}), names)
    assert names["b"] == words
    with pytest.raises(ValueError, match="does not assign"):
        with_constants(source, {"e": 1})
