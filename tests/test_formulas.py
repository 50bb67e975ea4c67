"""Every printed formula of a schedule or a rule is computed from its TeX and compared with the code beside it.

A formula stands in the docstring, and in a chapter under a TeX comment that names what it is: ``% lrlab: Adam``.
Formulas of rules for the rate are read in the chapter only.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrlab import dynamic, optimizers, schedules
from lrlab.objectives import Quadratic
from lrlab.optimizers import Method
from lrlab.schedules import Schedule
from tests import tex
from tests.formulas import FORMULAS, RATES, UNREAD, Formula

ROOT = Path(__file__).resolve().parent.parent
DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
MARK = re.compile(r"^\s*% lrlab: (\w+)\s*$", re.MULTILINE)
STEPS = 60


def in_docstring(name: str) -> str:
    text = inspect.getdoc(getattr(schedules, name, None) or getattr(optimizers, name)) or ""
    found = re.search(r"^\.\. math::(.*?)\n\n(?! )", text, re.DOTALL | re.MULTILINE)
    assert found, f"{name} prints no formula"
    return found[1]


def in_book() -> list[tuple[str, str, str]]:
    """Return page, name and TeX of each marked formula."""
    found = []
    for path in sorted((ROOT / "book").rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for display in DISPLAY.findall(text):
            page = path.relative_to(ROOT).with_suffix("").as_posix()
            found += [(page, name, MARK.sub("", display)) for name in MARK.findall(display)]
    return found


BOOK = in_book()


def shown_code() -> set[tuple[str, str]]:
    """Return page and name of each class or function whose code a chapter shows with ``source``."""
    found = set()
    for path in sorted((ROOT / "book").rglob("*.ipynb")):
        page = path.relative_to(ROOT).with_suffix("").as_posix()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                for call in re.findall(r"^source\((.*?)\)$", "".join(cell["source"]), re.DOTALL | re.MULTILINE):
                    found |= {(page, name) for name in re.findall(r"[A-Za-z]\w*(?=\.|,|$)", call)}
    return found


def rates(formula: Formula, lines: list[tuple[str, str]]) -> np.ndarray:
    """Compute the rates of a schedule's formula; every equality of a chain must give the same."""
    t = np.arange(formula.until + 1)
    values = {**formula.letters, "t": t}
    if formula.more:
        values |= formula.more(lines, values, t)
    results = [right for left, right in lines if left == r"\eta"]
    assert len(results) == 1
    ways = [np.broadcast_to(tex.value(right, values), t.shape) for right in results[0].split("=")]
    for way in ways[1:]:
        np.testing.assert_allclose(way, ways[0], rtol=1e-12)
    return ways[0]


def check_schedule(formula: Formula, name: str, lines: list[tuple[str, str]]) -> None:
    schedule = getattr(schedules, name)(**formula.settings)
    t = np.arange(formula.until + 1)
    np.testing.assert_allclose(rates(formula, lines), schedule(t), rtol=1e-12, atol=1e-15)


def lines_of(name: str, own: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the lines that the formula refers to around its own, unless it prints them itself."""
    above, below = FORMULAS[name].above, FORMULAS[name].below
    if below:
        return [*own, *tex.assignments(in_docstring(below))]
    if not above or any(left == r"\hat{m}" for left, _ in own):
        return own
    return [*tex.assignments(in_docstring(above))[:-1], *own]


def check_rule(formula: Formula, name: str, printed: str) -> None:
    """Take 60 noisy steps by the code and by the print, side by side."""
    method = getattr(optimizers, name)(**formula.arguments(printed))
    lines = lines_of(name, tex.assignments(printed))
    rng = np.random.default_rng(3)
    params = rng.normal(size=formula.shape)
    state = method.init(params)
    moving = r"\theta" if formula.judged else formula.output
    values: dict[str, Any] = {
        **formula.letters,
        **{f"{x}_t": params for x in (r"\theta", moving, r"\bar{\theta}", "z", "x")},
    }
    values[r"\theta_0"] = params
    for left, _ in lines:
        if left.endswith("_{t+1}"):
            values.setdefault(left.replace("_{t+1}", "_t"), np.zeros(formula.shape))
    for t in range(STEPS):
        lr, noise = rng.uniform(0.01, 0.1), rng.normal(size=formula.shape)

        def gradient(point: np.ndarray, noise: np.ndarray = noise) -> np.ndarray:
            return 0.5 * point + noise

        grad = gradient(params)
        params, state = method.step(params, grad, state, lr)
        values |= {"t": t, r"\eta_t": lr, r"\eta": lr, "g_t": grad, r"\nabla": 1.0, "L": gradient}
        if formula.output == r"\Theta":
            values["G_t"] = grad
        if t == 0:
            values["g_0"] = grad
        if formula.judged:
            values[r"\theta_{t+1}"] = params
        step = values | (formula.undampened if t == 0 else {})
        if formula.more:
            step |= formula.more(lines, step, t)
        for letter in [key for key in step if key.endswith("_t")]:
            step.setdefault(letter.replace("_t", "_i"), []).append(step[letter])
        for left, right in lines:
            if left in ("P_t", r"\mu_t"):
                continue
            with np.errstate(invalid="ignore"):  # in a case that does not hold
                step[left] = tex.value(right, step)
            if left.endswith("_t") and left != "g_t":
                step.setdefault(left.replace("_t", "_i"), []).append(step[left])
        ours = method.eval_params(params, state) if formula.judged else params
        theirs = step[formula.output + "_{t+1}"]
        np.testing.assert_allclose(theirs, ours, rtol=1e-11, atol=1e-13, err_msg=f"{name} at step {t}")
        values |= {key: step[key] for key in step if key.endswith("_i") or key == "g_0"}
        values |= {key.replace("_{t+1}", "_t"): step[key] for key in step if key.endswith("_{t+1}")}


def check_rate(formula: Formula, name: str, printed: str) -> None:
    """Walk down a bowl with the rate of the code, and compare it with the print at every step."""
    rule = getattr(dynamic, name)(**formula.settings)
    printed = printed.replace("L^*", r"L_\star")  # else it is a power
    bowl, params = Quadratic([1.0, 3.0, 7.0, 12.0, 20.0]), np.random.default_rng(3).normal(size=5)
    loss_at = bowl.loss if "loss_at" in rule.needs else None
    state, last = rule.init(), {}
    for _ in range(STEPS):
        loss, grad = bowl.loss_and_grad(params)
        lr, state = rule.update(state, loss, grad, params, loss_at)
        values = {**formula.letters, **last, "L": bowl.loss, r"\theta_t": params, "g_t": grad, r"\eta_t": lr}
        if r"\le" in printed:  # a condition: the rate is the first that meets it
            assert tex.Reader(printed, values).condition()
            before = {**values, r"\eta_t": lr / rule.shrink}
            assert lr == rule.lr or not tex.Reader(printed, before).condition()
        elif last or "t-1" not in printed:
            for left, right in tex.assignments(printed):
                values[left] = tex.value(right, values)
            np.testing.assert_allclose(values[r"\eta_t"], lr, rtol=1e-12)
        if getattr(state, "rejected", False):  # the step before is taken back
            params = last[r"\theta_{t-1}"]
            grad = bowl.grad(params)
        last = {r"\theta_{t-1}": params, "g_{t-1}": grad, r"\eta_{t-1}": lr}
        params = params - lr * grad


def check(name: str, printed: str) -> None:
    if name in RATES:
        check_rate(RATES[name], name, printed)
    elif hasattr(schedules, name):
        check_schedule(FORMULAS[name], name, tex.assignments(printed))
    else:
        check_rule(FORMULAS[name], name, printed)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_docstring_prints_what_the_code_computes(name: str) -> None:
    check(name, in_docstring(name))


@pytest.mark.parametrize(("page", "name", "printed"), BOOK, ids=[f"{name}-{page}" for page, name, _ in BOOK])
def test_a_chapter_prints_what_the_code_computes(page: str, name: str, printed: str) -> None:
    check(name, printed)


def test_every_schedule_and_rule_is_read_or_says_why_not() -> None:
    public = {*schedules.__all__, *optimizers.__all__}
    classes = {name for name in public if isinstance(getattr(schedules, name, None) or getattr(optimizers, name), type)}
    assert all(issubclass(getattr(schedules, n, None) or getattr(optimizers, n), Schedule | Method) for n in classes)
    assert public == FORMULAS.keys() | UNREAD.keys()
    assert not FORMULAS.keys() & UNREAD.keys()


def test_every_schedule_and_rule_is_printed_in_a_chapter() -> None:
    assert {name for _, name, _ in BOOK} == FORMULAS.keys() | RATES.keys()


def test_the_code_stands_beside_the_formula() -> None:
    """On the page of the formula; what is not read has its code in some chapter, unless it prints no formula at all."""
    shown = shown_code()
    assert {(page, name) for page, name, _ in BOOK} <= shown
    assert {name for name, why in UNREAD.items() if why != "prints none"} <= {name for _, name in shown}


@pytest.mark.parametrize(
    ("wrong", "right", "name"),
    [
        (r"\sqrt{v_{t+1}}", r"\sqrt{\hat v}", "Adam"),  # stands in a tutorial
        (r"\beta_1^{t+2})", r"\beta_1^{t+1})", "Adam"),
        (r"\theta_t + \eta_t", r"\theta_t - \eta_t", "HeavyBall"),
        (r"\eta_t \, v_t", r"\eta_t \, v_{t+1}", "HeavyBall"),
        (r"\sqrt{G_{t+1} + \epsilon}", r"\sqrt{G_{t+1}} + \epsilon", "AdaGrad"),
        (r"2 \pi t", r"\pi t", "Cosine"),
        (r"\gamma^{t / s}", r"\gamma^{\lfloor t / s \rfloor}", "StepDecay"),
        (r"(t + 1) / n & t \le n", r"(t + 1) / n & t < n", "Warmup"),
    ],
)
def test_a_wrong_print_is_noticed(wrong: str, right: str, name: str) -> None:
    printed = in_docstring(name)
    assert right in printed
    with pytest.raises(AssertionError):
        check(name, printed.replace(right, wrong))


@pytest.mark.parametrize(
    ("wrong", "right", "name"),
    [
        (r"L(\theta_t) > L(\theta_{t-1})", r"L(\theta_t) < L(\theta_{t-1})", "BoldDriver"),
        (r"\eta_t^2 \,", r"\eta_t \,", "Armijo"),
        (r"\lVert g_t \rVert", r"\lVert g_t \rVert^2", "PolyakStep"),
        (r"\langle y, y \rangle", r"\langle s, y \rangle", "BarzilaiBorwein"),
        (r"\eta_{t-1} - \kappa", r"\eta_{t-1} + \kappa", "Hypergradient"),
    ],
)
def test_a_wrong_print_of_a_rate_is_noticed(wrong: str, right: str, name: str) -> None:
    printed, *_ = [text for _, found, text in BOOK if found == name]
    assert right in printed
    with pytest.raises(AssertionError):
        check(name, printed.replace(right, wrong))


def test_every_rule_for_the_rate_is_printed() -> None:
    """All but ReduceOnPlateau, whose formula says in words when it holds."""
    assert {*dynamic.__all__} - {"DynamicRate", "ReduceOnPlateau"} == RATES.keys()
    assert RATES.keys() <= {name for _, name, _ in BOOK}


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("1 + 2 x^2 / 4", 5.5),
        (r"\frac12 x \, y", 7.5),
        (r"-x^{2} + \sqrt{y - 1}", -7.0),
        (r"\lfloor x / 2 \rfloor \cdot \left| x - y \right|", 2.0),
        (r"\max(x, y) - \min\left(x, y\right)", 2.0),
        (r"\lVert a \rVert_1 + \lVert a \rVert", 7.0 + 5.0),
        (r"\begin{cases} x & y < 4 \\ y & y \ge 4 \end{cases}", 5.0),
        (r"f(x + 1) \bmod 3", 2.0),
        (r"\langle a, a \rangle", 25.0),
        (r"e^{0} + \cos(\pi)", 0.0),
    ],
)
def test_reading_tex(printed: str, expected: float) -> None:
    values = {"x": 3.0, "y": 5.0, "a": np.array([3.0, -4.0]), "f": lambda x: 2 * x}
    assert tex.value(printed, values) == pytest.approx(expected)


@pytest.mark.parametrize("printed", ["x + ", "x ) y", r"\frac{x}", "x = y"])
def test_what_cannot_be_read_raises(printed: str) -> None:
    with pytest.raises(SyntaxError):
        tex.value(printed, {"x": 1.0, "y": 2.0})


def test_a_letter_without_a_value_raises() -> None:
    with pytest.raises(KeyError, match="q has no value"):
        tex.value("q + 1", {"x": 1.0})
