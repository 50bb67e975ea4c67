"""What a rubric is made of: short, declarative, and nothing that the source notebook already says.

The reference solution, the points and the title of a problem stand in the source notebook. A rubric adds the inputs,
the tolerance, the named mistakes, equivalent solutions and hints.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.random import Generator

from exercises.grader.plain import Expression
from exercises.grader.sandbox import Limits

__all__ = ["Expression", "Limits", "Mistake", "Problem", "Rubric"]

Change = str | Mapping[str, str]  # a whole cell, or what to replace in the reference solution's cell


@dataclass(frozen=True)
class Mistake:
    """A wrong solution that learners really write.

    Parameters
    ----------
    name : str
        What the learner reads first: "sign flipped".
    explain : str
        One to three sentences that teach: why it is wrong, how to see it.
    change : mapping of str to str, or str
        The mistake as code: replacements in the reference solution's cell (`{"theta - eta": "theta + eta"}`), or, as
        one string, a whole cell in its place.
    when : function, optional
        `when(value) -> bool` calls every value by this name for which it is true; for a function, the value is the list
        of what it returned. Without it, the values that the changed code gives are called so.
    """

    name: str
    explain: str
    change: Change
    when: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Problem:
    """One problem: what is asked for, with which inputs, how exactly.

    Parameters
    ----------
    name : str
        The grade_id of the solution cell; the check cell is called `name-check` and holds the points.
    answer : str
        The function or variable that the solution cell defines.
    inputs : function, optional
        `inputs(rng) -> tuple`: the arguments of one call, drawn from a NumPy generator; plain data, arrays, and
        functions as `Expression`. Without it the answer is a variable.
    mistakes : tuple of Mistake
    equivalents : tuple
        Other correct solutions, written like a mistake's `change`. They get all points.
    hints : tuple of str
        Given one by one after failed tries, the mildest first.
    cases : int
        How many inputs are drawn.
    rtol, atol : float
        Numbers agree when |actual - expected| <= atol + rtol |expected|. float32 solutions should pass.
    repeat : int
        Calls on the very same arguments, so that a function that changes them is noticed.
    measure : str, optional
        For an answer that is judged by what it achieves: the name of a function of the notebook's given code,
        `measure(answer, seed) -> float`, smaller is better. A function's answer is the list of its values on `cases`
        inputs.
    thresholds : mapping of float to float, optional
        With `measure`: a result of at most this much earns these points, `{0.5: 1, 0.1: 3}`.
    """

    name: str
    answer: str
    inputs: Callable[[Generator], tuple[Any, ...]] | None = None
    mistakes: tuple[Mistake, ...] = ()
    equivalents: tuple[Change, ...] = ()
    hints: tuple[str, ...] = ()
    cases: int = 8
    rtol: float = 1e-5
    atol: float = 1e-8
    repeat: int = 2
    measure: str | None = None
    thresholds: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rubric:
    """The rubric of a problem set.

    Parameters
    ----------
    chapter : str
        The chapter's page, `book/descent/step_size`.
    problems : tuple of Problem
        In the order of the notebook.
    constants : function, optional
        `constants(rng) -> dict`: new values for names that the source's cell `constants` assigns; plain literals. A
        seeded release differs by them.
    packages : tuple of str
        Frameworks that the notebook may import: "lrlab", "torch", "jax", "keras", "optax". NumPy, SciPy and
        matplotlib are always there.
    limits : Limits
        Time and memory.
    """

    chapter: str
    problems: tuple[Problem, ...]
    constants: Callable[[Generator], dict[str, Any]] | None = None
    packages: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
