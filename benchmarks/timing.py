"""How the benchmarks measure and write times: every call in a process of its own, all of them in turns."""

import math
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Call = Callable[[], Any]
Make = Callable[[], Call]  # imports what is needed and prepares the inputs; not timed
Times = dict[str, list[float]]


def timed(call: Call) -> float:
    """Return seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Worker:
    """A process that holds one call and times it when asked to.

    What one library leaves behind in the allocator decides whether the next one's large arrays cost page faults, so
    libraries that are compared never share a process.
    """

    def __init__(self, make: Make) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, make), daemon=True)
        self.process.start()
        other.close()

    def first(self) -> float:
        """Return the seconds of the first call; asked for once, before anything else."""
        return float(self.pipe.recv())

    def again(self, inner: int) -> list[float]:
        self.pipe.send(inner)
        return list(self.pipe.recv())

    def stop(self) -> None:
        self.pipe.send(0)
        self.process.join()


def serve(pipe: Any, make: Make) -> None:
    call = make()
    pipe.send(timed(call))
    while inner := pipe.recv():
        call()  # fills the cache again after the others' turns
        pipe.send([timed(call) for _ in range(inner)])


def first_calls(makes: dict[str, Make], repeats: int = 5) -> Times:
    """Time the first call of new processes, compilation included and imports not."""
    times: Times = {name: [] for name in makes}
    for _ in range(repeats):
        for name, make in makes.items():
            worker = Worker(make)
            times[name].append(worker.first())
            worker.stop()
    return times


def in_turn(makes: dict[str, Make], seconds: float, least: int = 5, inner: int = 1) -> Times:
    """Time later calls, in turns, for some seconds in all: a busy moment of the machine then meets all of them."""
    workers = {name: Worker(make) for name, make in makes.items()}
    for worker in workers.values():
        worker.first()
    turns: list[dict[str, list[float]]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(turns) < least:
        turns.append({name: worker.again(inner) for name, worker in workers.items()})
    for worker in workers.values():
        worker.stop()
    return {name: [one for turn in turns for one in turn[name]] for name in makes}


def span(seconds: float) -> str:
    """Write a time with three digits and a unit."""
    size, unit = next(
        pair for pair in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")) if seconds >= pair[0] or pair[0] == 1e-6
    )
    return f"{float(f'{seconds / size:.3g}'):,g} {unit}"


def ratio(times: Times, over: str, under: str) -> tuple[float, float]:
    """Return how many times as long ``over`` takes as ``under``: of the shortest times, and of the medians."""
    return min(times[over]) / min(times[under]), float(np.median(times[over]) / np.median(times[under]))


def quickest(times: Times, names: list[str], under: str = "lrlab") -> tuple[float, float]:
    """Return the `ratio` of the quickest of several."""
    return min(ratio(times, name, under) for name in names)


def table(title: str, times: Times, base: str) -> None:
    print(f"\n| {title} | shortest | median | ÷ {base}, shortest | median |\n|---|--:|--:|--:|--:|")
    for name, spans in times.items():
        shortest, median = ratio(times, name, base)
        print(f"| {name} | {span(min(spans))} | {span(float(np.median(spans)))} | {shortest:,.3g} | {median:,.3g} |")


@dataclass(frozen=True)
class Claim:
    """A ratio, of the shortest times and of the medians, and the bound that the first should keep."""

    name: str
    measured: tuple[float, float]
    at_least: float = 0.0
    at_most: float = math.inf

    def __str__(self) -> str:
        shortest, median = self.measured
        wanted = f"at least {self.at_least:,g}" if self.at_least else f"at most {self.at_most:g}"
        kept = "kept" if self.at_least <= shortest <= self.at_most else "not kept"
        return f"| {self.name} | {shortest:,.3g} | {median:,.3g} | {wanted} | {kept} |"
