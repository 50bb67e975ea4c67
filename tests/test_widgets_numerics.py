"""The figures' own numerics, under Node and in a browser, against lrlab: the same numbers over random settings."""

import json
import shutil
import subprocess
import threading
import warnings
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from lrlab import minimize, objectives, optimizers, schedules, search
from lrlab.widgets import StabilityMap
from lrlab.widgets.draws import Draws
from lrlab.widgets.recorded import pack, unpack
from lrlab.widgets.specs import from_spec, to_spec
from lrlab.widgets.stability_map import spectral_radius
from tools.serve import server

ROOT = Path(__file__).resolve().parent.parent
EVALUATE = ROOT / "tests" / "js" / "evaluate.mjs"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# What agrees to the bit is compared to the bit. Where that cannot be had, the reason stands here, and 1e-12 must do.
POWER = "has a power, an exponential or a cosine: NumPy and the browser compute these with different libraries"
SUM = "sums over coordinates or rows: NumPy may take another order, or round a product and a sum only once"
ROUNDED = {
    **dict.fromkeys(["StepDecay", "MultiStep", "Exponential", "InversePower", "Polynomial"], POWER),
    **dict.fromkeys(["Cosine", "CosineRestarts", "OneCycle"], POWER),
    **dict.fromkeys(["Adam", "AdamW", "NAdam", "RAdam", "Adamax", "LAMB"], POWER),
    **dict.fromkeys(["ScheduleFreeSGD", "ScheduleFreeAdamW"], POWER),
    **dict.fromkeys(["LARS", "DAdaptSGD", "Prodigy"], SUM),
    **dict.fromkeys(["Rosenbrock", "Beale"], POWER),
    **dict.fromkeys(["Quadratic", "LinearRegression", "LogisticRegression"], SUM),
    **dict.fromkeys(["range_test", "normals", "unpack"], POWER),
    "spectral_radius": "NumPy asks a matrix for its eigenvalues, the script solves its quadratic equation",
}
NO_TWIN = {
    "RandomLogUniform": "its draws come out of NumPy's own generator",
    "Muon": "it takes matrices, and the figures move vectors",
}


def public(module: Any, base: type) -> set[str]:
    """Return the names of the classes of a module that can be made."""
    found = {name: item for name, item in vars(module).items() if isinstance(item, type) and name[0] != "_"}
    return {name for name, cls in found.items() if issubclass(cls, base) and not cls.__abstractmethods__}


SCHEDULES = public(schedules, schedules.Schedule)
METHODS = public(optimizers, optimizers.Method)
OBJECTIVES = public(objectives, objectives.Objective)


def any_schedule(name: str, rng: np.random.Generator) -> schedules.Schedule:
    """Return one of that name, with random settings."""
    low, high = np.sort(rng.uniform(1e-4, 1.0, 2)).tolist()
    whole = partial(rng.integers, 1, 60)
    other = rng.choice(["Constant", "Linear", "InverseTime", "Triangular"])  # equal to the bit, so the combinators are
    choices: dict[str, Callable[[], Any]] = {
        "lr": lambda: high,
        "lr_min": lambda: low,
        "lr_max": lambda: high,
        "gamma": lambda: float(rng.uniform(0.1, 1)),
        "rate": lambda: float(rng.uniform(-0.01, 0.1)),
        "scale": lambda: float(rng.uniform(1, 50)),
        "power": lambda: float(rng.uniform(0.2, 3)),
        "factor": lambda: float(rng.uniform(0, 3)),
        "pct_start": lambda: float(rng.uniform(0, 1)),
        "div_factor": lambda: float(rng.uniform(2, 50)),
        "final_div_factor": lambda: float(rng.uniform(1, 1e4)),
        "anneal": lambda: str(rng.choice(["cos", "linear"])),
        "multiplier": lambda: float(rng.choice([1, 2, rng.uniform(1, 3)])),
        "milestones": lambda: np.cumsum(rng.integers(1, 30, 4)).tolist(),
        "boundaries": lambda: [int(whole())],
        "schedule": lambda: any_schedule(str(other), rng),
        "schedules": lambda: [any_schedule(str(other), rng), high],
    }
    cls = getattr(schedules, name)
    return cls(**{field.name: choices.get(field.name, lambda: int(whole()))() for field in fields(cls)})  # type: ignore[no-any-return]


def any_method(name: str, rng: np.random.Generator) -> optimizers.Method:
    """Return one of that name, with random settings."""
    choices: dict[str, Callable[[], Any]] = {
        "eps": lambda: float(10 ** rng.uniform(-10, -2)),
        "centered": lambda: bool(rng.integers(2)),
        "amsgrad": lambda: bool(rng.integers(2)),
        "d0": lambda: float(10 ** rng.uniform(-6, -2)),
        "start": lambda: int(rng.integers(0, 20)),
        "method": lambda: any_method(str(rng.choice(["HeavyBall", "Nesterov", "RMSProp", "EMA"])), rng),
    }
    cls = getattr(optimizers, name)
    settings = {f.name: choices.get(f.name, lambda: float(rng.uniform(0.05, 0.95)))() for f in fields(cls)}
    return cls(**settings)  # type: ignore[no-any-return]


def any_objective(name: str, rng: np.random.Generator) -> objectives.Objective:
    """Return one of that name, with random numbers in it."""
    half, rows = rng.normal(size=(3, 3)), int(rng.integers(3, 30))
    X = rng.normal(size=(rows, 3))
    made: dict[str, Callable[[], objectives.Objective]] = {
        "Quadratic": lambda: objectives.Quadratic(half @ half.T, rng.normal(size=3)),
        "Rosenbrock": lambda: objectives.Rosenbrock(rng.normal(), rng.uniform(1, 100)),
        "Beale": objectives.Beale,
        "LinearRegression": lambda: objectives.LinearRegression(
            X, rng.normal(size=rows), reduction=rng.choice(["mean", "sum"])
        ),
        "LogisticRegression": lambda: objectives.LogisticRegression(X, rng.integers(0, 2, rows), l2=rng.uniform(0, 1)),
    }
    return made[name]()


def schedule_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    schedule, steps = any_schedule(name, rng), np.arange(200)
    return {"kind": "schedule", "spec": to_spec(schedule), "steps": steps.tolist()}, schedule(steps)


def method_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """Walk one method over a fixed list of gradients, so that no error can grow through the objective."""
    method, steps = any_method(name, rng), 60
    start, grads, rates = rng.normal(size=4), rng.normal(size=(steps, 4)), rng.uniform(1e-3, 0.3, steps)
    params, state, path = start, method.init(start), []
    for grad, rate in zip(grads, rates, strict=True):
        params, state = method.step(params, grad, state, float(rate))
        path += [params, method.eval_params(params, state)]
    given = {"spec": to_spec(method), "start": start.tolist(), "grads": grads.tolist(), "rates": rates.tolist()}
    return {"kind": "method", **given}, np.array(path)


def objective_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    objective = any_objective(name, rng)
    points = rng.normal(size=(10, objective.dim))
    values = [[objective.loss(p), *objective.grad(p), *objective.hessian(p).ravel()] for p in points]
    return {"kind": "objective", "spec": to_spec(objective), "points": points.tolist()}, np.array(values)


def run_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """Run heavy ball down a bowl, loss and rate included: the whole of `minimize`."""
    bowl, method = objectives.Quadratic([1.0, rng.uniform(1, 20)]), optimizers.HeavyBall(rng.uniform(0, 0.9))
    schedule, start = schedules.Linear(rng.uniform(0.001, 0.1), 80), rng.normal(size=2)
    run = minimize(bowl, start, method, schedule, steps=100)
    specs = {"objective": to_spec(bowl), "method": to_spec(method), "schedule": to_spec(schedule)}
    found = np.concatenate([run.params.ravel(), run.loss, run.lr])
    return {"kind": "run", **specs, "start": start.tolist(), "steps": 100}, found


def range_test_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """A loss that falls and rises again, below zero too; some have a hole, some end early, some only rise."""
    steps = int(rng.integers(2, 150))
    settings = {"lr_min": float(10 ** rng.uniform(-7, -3)), "lr_max": float(10 ** rng.uniform(-1, 2)), "steps": steps}
    settings |= {"smoothing": float(rng.choice([0, 0.6, 0.9, rng.uniform(0, 0.98)])), "explode": rng.uniform(1.1, 6)}
    t = np.linspace(0, 1, steps)
    noise, top = rng.choice([0, 0.5]) * rng.normal(size=steps), rng.choice([0, 1e3, 1e6])
    losses = np.abs(2.3 - rng.normal(1, 1) * t + noise) + top * t**8 + 0.01
    losses -= rng.choice([0, 2]) * losses.max()  # of one sign, so that no sum cancels
    if rng.random() < 0.3:
        losses[rng.integers(steps)] = np.nan
    seen = iter(losses.tolist())
    with warnings.catch_warnings(action="ignore"):  # the loss may still fall at the end
        found = search.range_test(lambda lr: next(seen), **settings)
    where = -1 if found.diverged_at is None else found.diverged_at
    wanted = np.nan_to_num([[*found.lr, *found.smoothed, found.suggestion, where]], nan=-1)
    given = [None if np.isnan(loss) else loss for loss in losses.tolist()]
    return {"kind": "range_test", "losses": given, **settings}, wanted


def normals_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    seed = int(rng.integers(1, 1000))
    return {"kind": name, "seed": seed, "count": 100}, Draws(seed).standard_normal((100,))


def radius_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """Away from double roots, where the eigenvalues of a matrix are known to half of the digits only."""
    method, momentum, curvature = str(rng.choice(["HeavyBall", "Nesterov"])), rng.uniform(0, 0.99), rng.uniform(1, 100)
    lr = float(rng.choice([0.1, 0.5, 1.5, 2.5])) / curvature
    wanted = [spectral_radius(method, lr, momentum, curvature), *StabilityMap.optimum(method, curvature)]
    return {"kind": name, "method": method, "lr": lr, "momentum": momentum, "curvature": curvature}, np.array([wanted])


def unpack_case(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    packed = pack(10 ** rng.uniform(-5, 5, int(rng.integers(20, 130))))
    loss = unpack(packed)
    levels = [np.median(piece) for piece in np.array_split(loss, 10)]
    return {"kind": name, "packed": packed}, np.array([[*loss, *levels]])


def all_cases(seeds: int) -> list[tuple[str, dict[str, Any], Any]]:
    rng, cases = np.random.default_rng(0), []
    made = {schedule_case: SCHEDULES, method_case: METHODS, objective_case: OBJECTIVES, run_case: {"minimize"}}
    made |= {range_test_case: {"range_test"}, normals_case: {"normals"}, unpack_case: {"unpack"}}
    made |= {radius_case: {"spectral_radius"}}
    for make, names in made.items():
        cases += [(name, *make(name, rng)) for name in sorted(names - NO_TWIN.keys()) for _ in range(seeds)]
    return cases


def compare(cases: list[tuple[str, dict[str, Any], Any]], found: list[list[float]]) -> None:
    for (name, case, wanted), got in zip(cases, found, strict=True):
        theirs, says = np.reshape(np.array(got, dtype=float), wanted.shape), f"{name} {json.dumps(case)[:300]}"
        assert np.isfinite(wanted).all(), says
        if name in ROUNDED:
            error = np.abs(theirs - wanted) / np.abs(wanted).max(axis=0)  # relative to the largest of its column
            assert np.nanmax(error, initial=0) <= 1e-12, says
        else:
            np.testing.assert_array_equal(theirs, wanted, err_msg=says)


@pytest.fixture(scope="module")
def node(require: Callable[[bool, str], None]) -> Callable[[list[dict[str, Any]]], Any]:
    """Return what evaluates cases under Node."""
    program = shutil.which("node")
    require(program is not None, "node is not installed")

    def evaluate(cases: list[dict[str, Any]]) -> Any:
        command = [str(program), str(EVALUATE)]
        done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return evaluate


@pytest.mark.thorough
def test_numbers_under_node(node: Callable[[list[dict[str, Any]]], Any]) -> None:
    cases = all_cases(seeds=40)
    compare(cases, node([case for _, case, _ in cases]))


@pytest.mark.thorough
def test_numbers_in_the_browser(chromium: str) -> None:
    cases = all_cases(seeds=5)
    with server(ROOT) as httpd, sync_playwright() as playwright:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{httpd.server_port}/tests/js/")
        script = "async cases => (await import('./evaluate.mjs')).evaluate(cases)"
        found = page.evaluate(script, [case for _, case, _ in cases])
        browser.close()
        httpd.shutdown()
    compare(cases, found)


def test_every_rule_has_its_twin(node: Callable[[list[dict[str, Any]]], Any]) -> None:
    names = node([{"kind": "names"}])[0]
    assert set(names["schedules"]) == SCHEDULES - NO_TWIN.keys()
    assert set(names["optimizers"]) == METHODS - NO_TWIN.keys()
    assert set(names["objectives"]) == OBJECTIVES - NO_TWIN.keys()
    known = SCHEDULES | METHODS | OBJECTIVES | {"range_test", "normals", "unpack", "spectral_radius"}
    assert NO_TWIN.keys() | ROUNDED.keys() <= known, "a listed exception that is gone"


@pytest.mark.parametrize("name", sorted(SCHEDULES | METHODS | OBJECTIVES))
def test_specs_go_there_and_back(name: str) -> None:
    rng = np.random.default_rng(1)
    make = any_schedule if name in SCHEDULES else any_method if name in METHODS else any_objective
    spec = json.loads(json.dumps(to_spec(make(name, rng))))
    assert to_spec(from_spec(spec)) == spec
