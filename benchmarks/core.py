"""How long the core takes beside optax and torch.optim: grids of runs, long schedules, single steps; how each grows.

Run from the top of the repository: ``.venv/bin/python benchmarks/core.py [w1] [w2] [w3]``. It prints Markdown
tables; README.md in this folder says how to read them. One thread. Before anything is timed, the results are compared.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "NPROC": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}

import math
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.timing import Call, Claim, first_calls, in_turn, quickest, ratio, span, table
from lrlab import minimize
from lrlab.objectives import Quadratic
from lrlab.optimizers import Adam, HeavyBall
from lrlab.schedules import Cosine, Warmup

RUNS, STEPS, CURVATURES = 10**4, 200, (1.0, 10.0)
LONG, CLIMB, PEAK = 10**6, 1000, 0.1
TORCH_RUNS, TORCH_GROUP_STEPS, TORCH_SCHEDULE_STEPS = 5, 2, 10**4  # the part that is timed; the rest is extrapolated


# W1: a grid of heavy-ball runs, with everything recorded


def grid(runs: int) -> tuple[Any, Any]:
    """Return rates as a column and momenta as a row; together they make ``runs`` runs."""
    rows = 10 ** (round(math.log10(runs)) // 2)
    return np.linspace(0.001, 0.19, rows)[:, None], np.linspace(0.0, 0.98, runs // rows)


def w1_lrlab(runs: int = RUNS, steps: int = STEPS) -> Call:
    rates, momenta = grid(runs)
    return lambda: minimize(Quadratic(CURVATURES), [1.0, 1.0], HeavyBall(momenta), rates, steps)


def w1_optax(vmap: bool, runs: int = RUNS, steps: int = STEPS) -> Call:
    """Either ``vmap`` over runs, or one scan over parameters of shape (2, runs)."""
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    rates, momenta = (jnp.asarray(x).ravel() for x in np.broadcast_arrays(*grid(runs)))
    curvatures = jnp.array(CURVATURES) if vmap else jnp.array(CURVATURES)[:, None]
    start = jnp.ones(2) if vmap else jnp.ones((2, len(rates)))

    def descend(rate: Any, momentum: Any, start: Any) -> Any:
        rule = optax.chain(optax.trace(momentum), optax.scale(-rate))

        def step(carry: Any, _: None) -> Any:
            params, state = carry
            grad = curvatures * params
            seen = params, 0.5 * jnp.sum(params * grad, axis=0), jnp.sqrt(jnp.sum(grad * grad, axis=0))
            update, state = rule.update(grad, state)
            return (optax.apply_updates(params, update), state), seen

        return jax.lax.scan(step, (start, rule.init(start)), None, steps + 1)[1]

    run = jax.jit(jax.vmap(descend, in_axes=(0, 0, None)) if vmap else descend)
    return lambda: jax.block_until_ready(run(rates, momenta, start))


def w1_fill(runs: int = RUNS, steps: int = STEPS) -> Call:
    """Nothing but new arrays of these shapes, written once."""
    shapes = [(steps + 1, 2, runs), (steps + 1, runs), (steps + 1, runs)]
    return lambda: [np.full(shape, 1.0) for shape in shapes]


def w1_torch_runs(runs: int = TORCH_RUNS) -> Call:
    """Some runs, one after the other, from the diagonal of the grid."""
    import torch

    every = 100 // runs
    pairs = [x.diagonal()[every // 2 :: every].tolist() for x in np.broadcast_arrays(*grid(RUNS))]
    curvatures = torch.tensor(CURVATURES, dtype=torch.float64)

    def run() -> list[Any]:
        seen: list[Any] = []
        for rate, momentum in zip(*pairs, strict=True):
            params = torch.ones(2, dtype=torch.float64)
            rule = torch.optim.SGD([params], lr=rate, momentum=momentum)
            for _ in range(STEPS):
                params.grad = curvatures * params
                seen.append((params.clone(), 0.5 * (params @ params.grad), params.grad.norm()))
                rule.step()
        return seen

    return run


def w1_torch_groups(steps: int = TORCH_GROUP_STEPS) -> Call:
    """Some steps of one optimizer with a group for each pair; all gradients are computed at once, in place."""
    import torch

    rates, momenta = (x.ravel().tolist() for x in np.broadcast_arrays(*grid(RUNS)))
    params = torch.ones(RUNS, 2, dtype=torch.float64)
    grads, curvatures = torch.zeros_like(params), torch.tensor(CURVATURES, dtype=torch.float64)
    rows = list(params.unbind())
    for row, grad in zip(rows, grads.unbind(), strict=True):
        row.grad = grad
    rule = torch.optim.SGD(rows[:1], lr=PEAK, momentum=0.9)
    settings = zip(rows, rates, momenta, strict=True)  # set at once: torch checks each new group against all before it
    rule.param_groups[:] = [
        {**rule.param_groups[0], "params": [row], "lr": lr, "momentum": momentum} for row, lr, momentum in settings
    ]

    def run() -> list[Any]:
        seen: list[Any] = []
        for _ in range(steps):
            torch.mul(curvatures, params, out=grads)
            seen.append((params.clone(), 0.5 * (params * grads).sum(dim=1), grads.norm(dim=1)))
            rule.step()
        return seen

    return run


def w1_agree() -> None:
    """Raise unless all of them recorded the same, to rounding."""
    ours = w1_lrlab()()
    all_of_it = ours.params.reshape(STEPS + 1, 2, RUNS), ours.loss.reshape(-1, RUNS), ours.grad_norm.reshape(-1, RUNS)
    some = np.arange(10, 100, 20) * 101  # the diagonal's
    by_runs, by_steps = w1_optax(True)(), w1_optax(False)()
    groups, singles = w1_torch_groups()(), w1_torch_runs()()
    for k, mine in enumerate(all_of_it):
        np.testing.assert_allclose(by_steps[k], mine, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(np.moveaxis(by_runs[k], 0, -1), mine, rtol=1e-9, atol=1e-12)
        early = np.array([step[k].numpy().T for step in groups])
        np.testing.assert_allclose(early, mine[: len(groups)], rtol=1e-12)
        single = np.array([step[k].numpy() for step in singles]).reshape(TORCH_RUNS, STEPS, *mine.shape[1:-1])
        np.testing.assert_allclose(np.moveaxis(single, 0, -1), mine[:-1, ..., some], rtol=1e-9, atol=1e-12)


def w1() -> list[Claim]:
    print("\n### A grid of runs\n")
    print(
        f"{RUNS:,} heavy-ball runs (100 rates × 100 momenta), {STEPS} steps on a quadratic in two dimensions, float64;"
    )
    print("parameters, loss and gradient norm of every step are kept.")
    w1_agree()
    forms = {"optax, vmap": partial(w1_optax, True), "optax, one scan": partial(w1_optax, False)}
    makes = {"lrlab": w1_lrlab, **forms, "filling such arrays": w1_fill}
    first = first_calls(makes)
    table("first call of a process, imports not counted", first, "lrlab")
    warm = in_turn(makes, seconds=10)
    table("warm", warm, "lrlab")
    part = in_turn({"runs": w1_torch_runs, "groups": w1_torch_groups}, seconds=3)
    torch = {"lrlab": warm["lrlab"]}
    torch[f"run by run, extrapolated from {TORCH_RUNS} runs"] = [t * RUNS / TORCH_RUNS for t in part["runs"]]
    title = f"one group for each pair, extrapolated from {TORCH_GROUP_STEPS} steps"
    torch[title] = [t * STEPS / TORCH_GROUP_STEPS for t in part["groups"]]
    table("torch.optim.SGD", torch, "lrlab")

    print("\n| runs | steps | lrlab | optax, the better form | filling | lrlab, per run and step |")
    print("|--:|--:|--:|--:|--:|--:|")
    for runs in (10**2, 10**3, 10**4, 10**5, 10**6):
        steps = STEPS if runs < 10**6 else STEPS // 10  # what is kept then fits a laptop's memory
        sized = {name: partial(make, runs=runs, steps=steps) for name, make in makes.items()}
        times = {name: min(spans) for name, spans in in_turn(sized, seconds=2, least=3).items()}
        optax = min(times[name] for name in forms)
        each = times["lrlab"] / runs / steps * 1e9
        spans = [span(one) for one in (times["lrlab"], optax, times["filling such arrays"])]
        print(f"| {runs:,} | {steps} | {' | '.join(spans)} | {each:.3g} ns |")
    return [
        Claim("grid, first call: optax ÷ lrlab", quickest(first, list(forms)), at_least=1.5),
        Claim("grid, warm: optax ÷ lrlab", quickest(warm, list(forms)), at_least=1.2),
        Claim("grid, warm: torch ÷ lrlab", quickest(torch, list(torch)[1:]), at_least=1000),
        Claim("grid, first call: lrlab ÷ filling the arrays", ratio(first, "lrlab", "filling such arrays"), at_most=3),
        Claim("grid, warm: lrlab ÷ filling the arrays", ratio(warm, "lrlab", "filling such arrays"), at_most=3),
    ]


# W2: a long schedule


def w2_lrlab() -> Call:
    schedule, steps = Warmup(Cosine(PEAK, LONG - CLIMB), CLIMB), np.arange(LONG)
    return lambda: schedule(steps)


def w2_optax() -> Call:
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    climb = optax.linear_schedule(PEAK / CLIMB, PEAK, CLIMB - 1)  # so that the first step has the rate of lrlab's
    schedule = jax.jit(optax.join_schedules([climb, optax.cosine_decay_schedule(PEAK, LONG - CLIMB)], [CLIMB]))
    steps = jnp.arange(LONG)
    return lambda: jax.block_until_ready(schedule(steps))


def w2_cosines() -> Call:
    angles = np.linspace(0.0, np.pi, LONG)
    return lambda: np.cos(angles)


def w2_torch(pieces: bool, with_optimizer: bool = False) -> Call:
    """Torch's own pieces one after the other, or one function that it asks at each step."""
    import torch
    from torch.optim import lr_scheduler

    rule = torch.optim.SGD([torch.zeros(1)], lr=PEAK)

    def factor(t: int) -> float:
        return (t + 1) / CLIMB if t < CLIMB else (1 + math.cos(math.pi * (t - CLIMB) / (LONG - CLIMB))) / 2

    if pieces:
        climb = lr_scheduler.LinearLR(rule, 1 / CLIMB, 1.0, CLIMB - 1)
        decay = lr_scheduler.CosineAnnealingLR(rule, LONG - CLIMB)
        scheduler: Any = lr_scheduler.SequentialLR(rule, [climb, decay], [CLIMB])
    else:
        scheduler = lr_scheduler.LambdaLR(rule, factor)
    rule.step()  # torch wants one before the scheduler's first

    def run() -> list[float]:
        rates = []
        for _ in range(TORCH_SCHEDULE_STEPS):
            rates.append(rule.param_groups[0]["lr"])
            if with_optimizer:
                rule.step()
            scheduler.step()
        return rates

    return run


def w2() -> list[Claim]:
    print("\n### A long schedule\n")
    print(f"Warm-up over {CLIMB:,} steps, then a cosine: the rates of {LONG:,} steps, float64.")
    rates = w2_lrlab()()
    np.testing.assert_allclose(w2_optax()(), rates, rtol=1e-9, atol=1e-15)
    for pieces in (True, False):
        np.testing.assert_allclose(w2_torch(pieces)(), rates[:TORCH_SCHEDULE_STEPS], rtol=1e-9)
    makes = {"lrlab": w2_lrlab, "optax under jit": w2_optax, "as many plain cosines": w2_cosines}
    table("first call of a process, imports not counted", first_calls(makes), "lrlab")
    stepped = {
        "SequentialLR of LinearLR and CosineAnnealingLR": partial(w2_torch, True),
        "LambdaLR": partial(w2_torch, False),
        "SequentialLR, each step after one of the optimizer's, with nothing to do": partial(w2_torch, True, True),
    }
    warm = in_turn(makes, seconds=5)
    table("warm", warm, "lrlab")
    part = in_turn(stepped, seconds=3)
    torch = {name: [t * LONG / TORCH_SCHEDULE_STEPS for t in times] for name, times in part.items()}
    torch = {"lrlab": warm["lrlab"], **torch}
    table(f"torch, extrapolated from {TORCH_SCHEDULE_STEPS:,} steps", torch, "lrlab")
    return [
        Claim("schedule, warm: lrlab ÷ optax", ratio(warm, "lrlab", "optax under jit"), at_most=1.5),
        Claim("schedule, warm: torch ÷ lrlab", quickest(torch, list(stepped)), at_least=500),
    ]


# W3: one step of Adam


def w3_arrays(n: int, dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)


def w3_lrlab(n: int, dtype: str, tensors: bool) -> Call:
    params, grad = w3_arrays(n, dtype)
    if tensors:
        import torch

        params, grad = torch.tensor(params), torch.tensor(grad)
    rule = Adam()
    state = rule.init(params)

    def step() -> Any:
        nonlocal params, state
        params, state = rule.step(params, grad, state, PEAK)
        return params

    return step


def w3_torch(n: int, dtype: str, form: str) -> Call:
    import torch

    from lrlab.pytorch import Optimizer

    params, grad = (torch.tensor(x) for x in w3_arrays(n, dtype))
    params.grad = grad
    rule: Any = Optimizer([params], Adam(), PEAK)
    if form != "lrlab":
        rule = torch.optim.Adam([params], PEAK, foreach=form == "foreach", fused=form == "fused")

    def step() -> Any:
        rule.step()
        return params

    return step


def w3_optax(n: int, dtype: str) -> Call:
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    params, grad = (jnp.array(x) for x in w3_arrays(n, dtype))
    rule = optax.adam(PEAK)
    state = rule.init(params)

    def update(params: Any, state: Any, grad: Any) -> Any:
        change, state = rule.update(grad, state)
        return optax.apply_updates(params, change), state

    compiled = jax.jit(update, donate_argnums=(0, 1))  # the old arrays are given away, so it may work in place

    def step() -> Any:
        nonlocal params, state
        params, state = jax.block_until_ready(compiled(params, state, grad))
        return params

    return step


def w3_move(n: int, dtype: str) -> Call:
    """Read parameters, gradient and two moments, and write all but the gradient, in place."""
    params, grad = w3_arrays(n, dtype)
    m, v = np.ones_like(params), np.ones_like(params)

    def move() -> None:
        np.add(params, grad, out=params)
        np.negative(m, out=m)
        np.negative(v, out=v)

    return move


def w3() -> list[Claim]:
    print("\n### One step of Adam\n")
    print("The last row reads parameters, gradient and two moments, and writes all but the gradient, in place:")
    print("no step can move fewer bytes.")
    ours = {
        "lrlab, NumPy": partial(w3_lrlab, tensors=False),
        "lrlab, tensor": partial(w3_lrlab, tensors=True),
        "lrlab.pytorch.Optimizer": partial(w3_torch, form="lrlab"),
    }
    torch = {f"torch, {form}": partial(w3_torch, form=form) for form in ("for-loop", "foreach", "fused")}
    steps = {**ours, **torch, "optax under jit": w3_optax}
    makes = {**steps, "moving the bytes": w3_move}
    claims = []
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        calls = {name: make(1000, dtype) for name, make in steps.items()}
        for _ in range(3):
            params = {name: np.asarray(call()) for name, call in calls.items()}
            for found in params.values():
                np.testing.assert_allclose(found, params["torch, for-loop"], rtol=0, atol=tolerance)
        every: dict[int, dict[str, list[float]]] = {}
        for n in (10, 10**3, 10**5, 10**6, 10**7):
            sized = {name: partial(make, n, dtype) for name, make in makes.items()}
            every[n] = in_turn(sized, seconds=2, inner=max(1, min(100, 10**6 // n)))
        for n in (10, 10**5, 10**7):
            table(f"{dtype}, {n:,} parameters", every[n], "torch, for-loop")
        print(f"\n| {dtype}, shortest, by parameters | " + " | ".join(f"{n:,}" for n in every) + " |")
        print("|---|" + "--:|" * len(every))
        for name in makes:
            print(f"| {name} | " + " | ".join(span(min(times[name])) for times in every.values()) + " |")
        for n in (10**5, 10**7):
            for name in ours:
                over = ratio(every[n], name, "torch, for-loop")
                claims.append(Claim(f"Adam, {dtype}, {n:,}: {name} ÷ torch, for-loop", over, at_most=1.2))
    return claims


def main() -> None:
    parts = {"w1": w1, "w2": w2, "w3": w3}
    claims = [claim for name in sys.argv[1:] or parts for claim in parts[name]()]
    print("\n### Against what was wanted\n")
    print("| ratio | shortest | median | wanted | |\n|---|--:|--:|---|---|")
    for claim in claims:
        print(claim)


if __name__ == "__main__":
    main()
