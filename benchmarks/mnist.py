"""How long MNIST takes: the sources' recipe, PyTorch's own example, the chapter's recipe; and thirty rates at once.

    .venv/bin/python benchmarks/mnist.py [accuracy] [time] [--seeds N] [--jobs N]

``accuracy`` trains what may be trained at any load of the machine: two processes of one thread each, about 40 minutes
when it is quiet. ``time`` wants a quiet machine, and about ten minutes of it. Each result is kept in _build/study as
soon as it is there: an interrupted benchmark goes on where it was. In the end all of it goes to lrlab/runs/mnist.json,
which the chapter shows.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # of a process that is started; what is timed sets its own number

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, nll_loss
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lrlab.optimizers import Adam, HeavyBall, Nesterov
from lrlab.pytorch import Optimizer, Recipe, convnet, evaluate, fit, fit_rates, mlp
from lrlab.pytorch.recipes import MNIST
from lrlab.schedules import Constant
from tools import mnist_study as study

FILE = study.RUNS / "bench.jsonl"
GOALS = (0.98, 0.99)
THREADS = (1, 2)
TURNS = 5
TUNING_SEEDS = (0, 1)
# Epochs that are tried: for the chapter's recipe, by goal; for what lacks a part of it, below.
SHORT, LONG = (0.25, 0.3, 0.35, 0.4, 0.5, 0.6), (1.0, 1.25, 1.5, 1.75, 2.0)
EXAMPLE = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)  # epochs at which the example's run is looked at
WIDER = (1.0, 1.5, 2.0, 3.0, 4.5)  # epochs for what lacks a part of the recipe
RATES = np.geomspace(1e-4, 0.05, 30).tolist()  # all below the edge of stability
SWEEP_STEPS = 200

Pair = tuple[torch.Tensor, torch.Tensor]


@cache
def data() -> dict[str, Pair]:
    return study.load()


# (a) the sources' recipe


def sources(reduction: str, seed: int, epochs: int = 5) -> tuple[float, float]:
    """784-64-10, pixels from 0 to 1, momentum 0.9, rate 0.001, batch 64, as the images lie: accuracy and seconds."""
    train, test = ((x * study.STD + study.MEAN, y) for x, y in (data()["all"], data()["test"]))
    model = mlp([784, 64, 10], seed=seed)
    how: dict[str, Any] = {"epochs": epochs, "batch_size": 64, "shuffle": False, "reduction": reduction}
    seconds = fit(model, train, HeavyBall(0.9), 0.001, **how, progress=False, device="cpu").seconds
    return evaluate(model, test, device="cpu")[1], seconds


# (b) the recipe of PyTorch's own MNIST example: two convolutions, dropout, Adadelta, fed by a DataLoader


def example_network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.LogSoftmax(1),
    )


def example(train: Pair, seed: int, stops: tuple[float, ...]) -> Iterator[tuple[nn.Module, float]]:
    """Train to each of the stops, in epochs; yield the network and the seconds since the stop before."""
    model = example_network(seed)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    loader = DataLoader(TensorDataset(*train), batch_size=64, shuffle=True)
    done, begun = 0.0, iter(loader)
    for stop in stops:
        model.train()
        start = time.perf_counter()
        while done < stop:
            steps = round((min(stop, np.floor(done) + 1) - done) * len(loader))
            feed(model, optimizer, nll_loss, islice(begun, steps))
            done = min(stop, np.floor(done) + 1)
            if done == np.floor(done):
                scheduler.step()
                begun = iter(loader)
        yield model, time.perf_counter() - start


def feed(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Any, batches: Any, half: bool = False) -> None:
    """The loop of every tutorial."""
    for x, y in batches:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            value = loss(model(x), y)
        value.backward()
        optimizer.step()


# (c) the chapter's recipe, and what it is without one of its parts


@dataclass(frozen=True)
class Variant:
    """A network and a recipe, whose rates are multiplied by one of the factors, the best."""

    recipe: Recipe = MNIST
    network: Callable[[int], nn.Module] = lambda seed: convnet([16, 32, 64], [64], seed=seed)
    factors: tuple[float, ...] = (1.0,)

    def at(self, factor: float, epochs: float) -> Recipe:
        rates = replace(self.recipe, lr=factor * self.recipe.lr, epochs=epochs)
        return rates if rates.matrix_lr is None else replace(rates, matrix_lr=factor * rates.matrix_lr)

    def run(self, train: Pair, seed: int, epochs: float, factor: float = 1.0) -> tuple[nn.Module, float]:
        """Return the network and the seconds."""
        model = self.network(seed)
        return model, self.at(factor, epochs).fit(model, train, seed=seed, device="cpu").seconds


ONE = replace(MNIST, matrices=None, matrix_lr=None)
VARIANTS = {
    "the recipe": Variant(factors=(1.0, 2.0)),  # a shorter run bears a larger rate
    "schedule: a constant rate": Variant(
        replace(MNIST, schedule=lambda lr, steps: Constant(lr)), factors=(0.1, 0.2, 0.5)
    ),
    "method: Nesterov's momentum for all": Variant(ONE, factors=(0.1, 0.2, 0.5, 1.0)),
    "method: Adam for all": Variant(replace(ONE, method=Adam()), factors=(0.01, 0.02, 0.05, 0.1)),
    "architecture: that of the example": Variant(network=example_network),
    "targets: not smoothed": Variant(replace(MNIST, smoothing=0.0), factors=(0.5, 1.0)),
    "batch: 64": Variant(replace(MNIST, batch_size=64), factors=(0.2, 0.5, 1.0)),
    "precision: float32": Variant(replace(MNIST, bfloat16=False)),
}


def loader_fed(train: Pair, seed: int, epochs: float) -> float:
    """The chapter's recipe, fed as the example is; return the seconds."""
    model, n = Variant().network(seed), len(train[0])
    vectors, matrices = ([p for p in model.parameters() if (p.ndim > 1) == big] for big in (False, True))
    steps = MNIST.steps(n)
    own = {"params": matrices, "method": MNIST.matrices, "lr": MNIST.schedule(MNIST.matrix_lr or 0.0, steps)}
    optimizer = Optimizer([{"params": vectors}, own], MNIST.method, MNIST.schedule(MNIST.lr, steps))
    loader = DataLoader(TensorDataset(*train), batch_size=MNIST.batch_size, shuffle=True)
    start = time.perf_counter()
    loss = partial(cross_entropy, label_smoothing=MNIST.smoothing)
    feed(model, optimizer, loss, islice(loader, round(epochs * len(loader))), half=True)
    return time.perf_counter() - start


# What is kept


def key(row: dict[str, Any]) -> str:
    return json.dumps([row["name"], row["on"], row["seed"], row.get("epochs"), row.get("factor")])


def kept() -> dict[str, dict[str, Any]]:
    lines = FILE.read_text("utf-8").splitlines() if FILE.exists() else []
    return {key(row): row for row in map(json.loads, lines)}


def keep(row: dict[str, Any]) -> None:
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def all_of(tasks: list[dict[str, Any]], jobs: int) -> list[dict[str, Any]]:
    """The rows of the tasks: those that are kept, and the others when they are trained."""
    known = kept()
    missing = [joblib.delayed(train)(task) for task in tasks if key(task) not in known]
    for row in joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(missing):
        keep(row)
        print(f"  {row['name']}, {row['on']}, seed {row['seed']}: {row['accuracy']}", flush=True)
    known = kept()
    return [known[key(task)] for task in tasks]


def train(task: dict[str, Any]) -> dict[str, Any]:
    """One run and the accuracy that it ends with; of the example, the accuracy at each stop."""
    torch.set_num_threads(1)
    name, seed = task["name"], task["seed"]
    pair, judged = ("train", "validation") if task["on"] == "validation" else ("all", "test")
    if name.startswith("(a)"):
        return task | {"accuracy": sources(name.split()[-1], seed)[0]}
    if name == "(b)":
        stops = tuple(task["epochs"])
        nets = example(data()[pair], seed, stops)
        return task | {"accuracy": [evaluate(net, data()[judged], device="cpu")[1] for net, _ in nets]}
    model, _ = VARIANTS[name].run(data()[pair], seed, task["epochs"], task["factor"])
    return task | {"accuracy": evaluate(model, data()[judged], device="cpu")[1]}


# Budgets, fixed on the validation split


def budget(name: str, goal: float, epochs: tuple[float, ...], jobs: int) -> dict[str, Any] | None:
    """The shortest of the budgets whose mean validation accuracy is the goal's or better, at its best factor."""
    for many in epochs:
        tasks = [
            {"name": name, "on": "validation", "seed": seed, "epochs": many, "factor": factor}
            for factor, seed in product(VARIANTS[name].factors, TUNING_SEEDS)
        ]
        found = np.array([row["accuracy"] for row in all_of(tasks, jobs)]).reshape(-1, len(TUNING_SEEDS)).mean(1)
        if found.max() >= goal:
            best = VARIANTS[name].factors[int(found.argmax())]
            return {"epochs": many, "factor": best, "validation": round(float(found.max()), 4)}
    return None


def example_budgets(jobs: int) -> dict[float, dict[str, Any]]:
    tasks: list[dict[str, Any]] = [
        {"name": "(b)", "on": "validation", "seed": seed, "epochs": list(EXAMPLE)} for seed in TUNING_SEEDS
    ]
    mean = np.mean([row["accuracy"] for row in all_of(tasks, jobs)], axis=0)
    first = {goal: int(np.argmax(mean >= goal)) for goal in GOALS if mean.max() >= goal}
    return {goal: {"epochs": EXAMPLE[i], "validation": round(float(mean[i]), 4)} for goal, i in first.items()}


def accuracy(seeds: int, jobs: int) -> dict[str, Any]:
    """All that does not depend on time."""
    fresh = [100 + seed for seed in range(seeds)]
    ours = {goal: budget("the recipe", goal, many, jobs) for goal, many in zip(GOALS, (SHORT, LONG), strict=True)}
    found: dict[str, Any] = {"seeds": fresh}
    for goal, chosen in ours.items():
        if chosen is None:
            raise SystemExit(f"mnist: no budget reaches {goal} on the validation split")
        run = {"name": "the recipe", "on": "test", "epochs": chosen["epochs"], "factor": chosen["factor"]}
        tasks = [run | {"seed": seed} for seed in fresh]
        found[f"(c) {goal}"] = chosen | {"test": [row["accuracy"] for row in all_of(tasks, jobs)]}
    for reduction in ("mean", "sum"):
        tasks = [{"name": f"(a) {reduction}", "on": "test", "seed": seed} for seed in fresh]
        found[f"(a) {reduction}"] = {"epochs": 5.0, "test": [row["accuracy"] for row in all_of(tasks, jobs)]}
    found["without"] = {name: budget(name, GOALS[1], WIDER, jobs) for name in list(VARIANTS)[1:]}
    theirs = example_budgets(jobs)
    stops = [epochs for epochs in EXAMPLE if epochs <= max(one["epochs"] for one in theirs.values())]
    tasks = [{"name": "(b)", "on": "test", "seed": seed, "epochs": stops} for seed in fresh]
    rows = all_of(tasks, jobs)
    for goal, chosen in theirs.items():
        found[f"(b) {goal}"] = chosen | {"test": [row["accuracy"][stops.index(chosen["epochs"])] for row in rows]}
    return found


# Times


def timings(found: dict[str, Any]) -> dict[str, Callable[[], float]]:
    """What is timed in turns: a call that returns the seconds of training alone."""
    everything, seed = data()["all"], 1000
    calls: dict[str, Callable[[], float]] = {
        f"(c) {goal}": partial(lambda many: Variant().run(everything, seed, many)[1], found[f"(c) {goal}"]["epochs"])
        for goal in GOALS
    }
    tenth = {
        name: partial(lambda variant: 10 * variant.run(everything, seed, 0.1)[1], variant)
        for name, variant in VARIANTS.items()
    }
    calls |= {f"epoch, {name}": call for name, call in tenth.items()}
    calls["epoch, data path: a DataLoader"] = lambda: 10 * loader_fed(everything, seed, 0.1)
    calls["epoch, (a)"] = lambda: sources("sum", seed, epochs=1)[1]
    calls["epoch, (b)"] = lambda: 10 * next(example(everything, seed, (0.1,)))[1]
    calls["30 rates, one by one"] = one_by_one
    calls["30 rates, at once"] = lambda: fit_rates(*sweep(), RATES, steps=SWEEP_STEPS, device="cpu").seconds
    return calls


def sweep() -> tuple[nn.Module, Pair, Nesterov]:
    """784-64-10, batches of 64."""
    return mlp([784, 64, 10]), data()["train"], Nesterov(0.9)


def one_by_one() -> float:
    model, pair, method = sweep()
    how: dict[str, Any] = {"steps": SWEEP_STEPS, "progress": False, "device": "cpu"}
    return sum(fit(copy.deepcopy(model), pair, method, rate, **how).seconds for rate in RATES)


def timed(found: dict[str, Any]) -> dict[str, Any]:
    """Medians of the turns at each number of threads; and one whole run of the example at its better number."""
    calls = timings(found)
    known = kept()
    for turn, (name, call), threads in product(range(TURNS), calls.items(), THREADS):
        row = {"name": name, "on": f"{threads} threads", "seed": turn}
        if key(row) not in known:
            torch.set_num_threads(threads)
            keep(row | {"seconds": call(), "load": os.getloadavg()[0]})
    rows = list(kept().values())
    times = {
        name: {
            threads: float(
                np.median([r["seconds"] for r in rows if (r["name"], r["on"]) == (name, f"{threads} threads")])
            )
            for threads in THREADS
        }
        for name in calls
    }
    longest = max((found[f"(b) {goal}"]["epochs"] for goal in GOALS if f"(b) {goal}" in found), default=0.0)
    whole: dict[str, Any] = {}
    if longest:
        best = min(THREADS, key=times["epoch, (b)"].__getitem__)
        row = {"name": "(b), whole run", "on": f"{best} threads", "seed": 0}
        stops = [found[f"(b) {goal}"]["epochs"] for goal in GOALS if f"(b) {goal}" in found]
        if key(row) not in kept():
            torch.set_num_threads(best)
            spans = [seconds for _, seconds in example(data()["all"], 1000, tuple(stops))]
            keep(row | {"seconds": np.cumsum(spans).tolist(), "load": os.getloadavg()[0]})
        whole = {"threads": best, "epochs": stops, "seconds": kept()[key(row)]["seconds"]}
    loads = [row["load"] for row in kept().values() if "load" in row]
    return {"times": times, "whole": whole, "load": [round(min(loads), 1), round(max(loads), 1)]}


# What it comes to


def report(found: dict[str, Any]) -> dict[str, Any]:
    """The tables as lines of text, and the ratios that are claimed."""
    times, whole = found["times"], found["whole"]
    best = {name: min(spans.values()) for name, spans in times.items()}
    theirs = dict(zip(whole["epochs"], whole["seconds"], strict=True))
    lines = [f"{'recipe':26}{'epochs':>7}{'test accuracy, %':>19}{'time':>9}"]

    def row(name: str, one: dict[str, Any], seconds: float) -> str:
        seen = 100 * np.array(one["test"])
        spread = f"± {seen.std(ddof=1):.2f}" if len(seen) > 1 else ""
        return f"{name:26}{one['epochs']:7g}{seen.mean():12.2f} {spread:6}{seconds:7.1f} s"

    lines += [
        row(f"from the web, {kind} loss", found[f"(a) {kind}"], 5 * best["epoch, (a)"]) for kind in ("mean", "sum")
    ]
    ratios: dict[str, float] = {}
    for goal in GOALS:
        if f"(b) {goal}" in found:
            seconds = theirs[found[f"(b) {goal}"]["epochs"]]
            lines.append(row(f"{goal:.0%}: PyTorch's example", found[f"(b) {goal}"], seconds))
            ratios[str(goal)] = seconds / best[f"(c) {goal}"]
        lines.append(row(f"{goal:.0%}: this chapter", found[f"(c) {goal}"], best[f"(c) {goal}"]))
        lines += [f"{'':26}{'':7}{'':19}{ratios[str(goal)]:7.0f} times as fast"] if str(goal) in ratios else []

    many, base = found[f"(c) {GOALS[1]}"]["epochs"], "epoch, the recipe"
    lines += ["", f"{'without one part':38}{'epochs':>8}{'s an epoch':>12}{'time':>9}{'times':>7}"]

    def part(name: str, epochs: float | None, seconds: float) -> str:
        if epochs is None:
            return f"{name:38}{'> ' + format(WIDER[-1], 'g'):>8}{seconds:12.2f}{'–':>9}{'–':>7}"
        total = epochs * seconds
        return f"{name:38}{epochs:8g}{seconds:12.2f}{total:7.1f} s{total / (many * best[base]):7.1f}"

    lines.append(part("nothing: the recipe", many, best[base]))
    threads = max(times[base], key=times[base].__getitem__)
    lines.append(part(f"threads: {threads}", many, times[base][threads]))
    lines.append(part("data path: a DataLoader", many, best["epoch, data path: a DataLoader"]))
    for name, one in found["without"].items():
        lines.append(part(name, one and one["epochs"], best[f"epoch, {name}"]))

    ratios["sweep"] = best["30 rates, one by one"] / best["30 rates, at once"]
    lines += [
        "",
        f"30 rates one by one {best['30 rates, one by one']:.1f} s, at once {best['30 rates, at once']:.1f} s",
    ]
    lines.append(f"load of the machine while it was timed: {found['load'][0]:g} to {found['load'][1]:g}")
    return {"table": lines, "ratios": {name: round(value, 2) for name, value in ratios.items()}}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parts", nargs="*", default=["accuracy", "time"])
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--jobs", type=int, default=2)
    chosen = options.parse_args()
    study.RUNS.mkdir(parents=True, exist_ok=True)
    found = accuracy(chosen.seeds, chosen.jobs)
    if "time" in chosen.parts:
        found |= timed(found)
        found |= report(found)
        print("\n".join(found["table"]))
        study.record("bench", "python benchmarks/mnist.py", found)


if __name__ == "__main__":
    from benchmarks import mnist  # by its name, under which other processes find what they are to run

    mnist.main()
