"""Data-parallel training in two real processes: equal to one process and to torch's own, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch import distributed
from torch.nn.functional import cross_entropy

from lrlab.optimizers import AdamW, GradientDescent, Nesterov
from lrlab.pytorch import fit, launch, mlp, parallel_fit
from lrlab.schedules import Linear

ROOT = Path(__file__).resolve().parent.parent
STEPS = 50


def task() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1000, 12, generator=draw)
    return x, (x @ torch.randn(12, 4, generator=draw)).argmax(1)


def path(method, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Train and return the losses and the parameters after each step, shapes (steps,) and (steps, d)."""
    model, seen = mlp([12, 32, 4]), []

    def look(step, loss):
        seen.append(torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy().copy())

    settings = {"steps": STEPS, "batch_size": 64, "seed": seed, "callback": look}
    return parallel_fit(model, task(), method, Linear(0.1, STEPS), **settings), np.array(seen)


@pytest.mark.parametrize("method", [GradientDescent(), Nesterov(0.9), AdamW()])
def test_alone_it_is_fit(method):
    losses, params = path(method, seed=3)
    model = mlp([12, 32, 4])
    settings = {"steps": STEPS, "batch_size": 64, "drop_last": True, "seed": 3, "progress": False, "device": "cpu"}
    history = fit(model, task(), method, Linear(0.1, STEPS), **settings)
    np.testing.assert_array_equal(losses, history.loss)
    np.testing.assert_array_equal(params[-1], torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy())


@pytest.mark.thorough
def test_two_processes_take_the_steps_of_one_and_of_torch():
    def both(seed):
        """In each process: our run, then the same by torch's DistributedDataParallel."""
        ours = path(Nesterov(0.9), seed)
        x, y = task()
        model = torch.nn.parallel.DistributedDataParallel(mlp([12, 32, 4]))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
        rank, order, theirs = distributed.get_rank(), torch.Generator().manual_seed(seed), []
        for t in range(STEPS):
            if t % 15 == 0:  # 15 whole batches of 64 among 1000
                shuffled = torch.randperm(1000, generator=order)
            share = shuffled[64 * (t % 15) : 64 * (t % 15 + 1)][rank::2]
            optimizer.param_groups[0]["lr"] = 0.1 * (1 - t / STEPS)
            optimizer.zero_grad()
            cross_entropy(model(x[share]), y[share]).backward()
            optimizer.step()
            theirs.append(torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy().copy())
        return *ours, np.array(theirs)

    (losses, params, theirs), (other_losses, other_params, _) = launch(both, 2, 5)
    alone_losses, alone_params = path(Nesterov(0.9), seed=5)
    np.testing.assert_allclose(losses, alone_losses, rtol=0, atol=1e-6)
    np.testing.assert_allclose(params, alone_params, rtol=0, atol=1e-6)
    np.testing.assert_allclose(params, theirs, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(params, other_params)
    np.testing.assert_array_equal(losses, other_losses)
    assert abs(params[-1] - params[0]).max() > 0.1  # it went somewhere


@pytest.mark.thorough
def test_processes_that_start_from_different_networks_start_from_the_first_one():
    def start():
        model = mlp([12, 4], seed=distributed.get_rank())
        parallel_fit(model, task(), GradientDescent(), 0.0, steps=1, batch_size=64)
        return model[0].weight.detach().numpy()

    first, second = launch(start, 2)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, mlp([12, 4], seed=0)[0].weight.detach().numpy())


def gone(pids: list[int], seconds: float = 20.0) -> bool:
    """Whether all of these processes end, within some time; one that is only waited for has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.thorough
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_is_named_and_takes_the_others_with_it(victim, tmp_path):
    def doomed():
        (tmp_path / str(distributed.get_rank())).write_text(str(os.getpid()))

        def strike(step, loss):
            if step == 5 and distributed.get_rank() == victim:
                os.kill(os.getpid(), signal.SIGKILL)

        parallel_fit(mlp([12, 4]), task(), GradientDescent(), 0.1, steps=1000, batch_size=64, callback=strike)

    with pytest.raises(RuntimeError, match=f"^worker {victim} of 2 was killed by SIGKILL$"):
        launch(doomed, 2)
    pids = [int((tmp_path / str(rank)).read_text()) for rank in (0, 1)]
    assert not any(map(psutil.pid_exists, pids))


@pytest.mark.thorough
def test_a_worker_that_raises_is_named_with_its_reason():
    def wrong():
        if distributed.get_rank() == 1:
            raise ArithmeticError("one too many")
        distributed.barrier()

    with pytest.raises(RuntimeError, match=r"^worker 1 of 2 failed: ArithmeticError: one too many\n(.|\n)*in wrong"):
        launch(wrong, 2)


@pytest.mark.thorough
def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(RuntimeError, match=r"ValueError: batch_size must be a multiple of the 2 processes, got .*=63"):
        launch(lambda: parallel_fit(mlp([12, 4]), task(), GradientDescent(), 0.1, steps=1, batch_size=63), 2)


@pytest.mark.thorough
def test_workers_end_with_the_process_that_started_them(tmp_path):
    code = f"""
import os, time
from pathlib import Path
from torch import distributed
from lrlab.pytorch import launch

def wait():
    Path({str(tmp_path)!r}, f"{{distributed.get_rank()}}.pid").write_text(str(os.getpid()))
    time.sleep(300)

if __name__ == "__main__":
    launch(wait, 2)
"""
    program = tmp_path / "program.py"
    program.write_text(code)
    started = subprocess.Popen([sys.executable, str(program)], env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        end = time.monotonic() + 120
        while len(list(tmp_path.glob("*.pid"))) < 2 or not all(file.read_text() for file in tmp_path.glob("*.pid")):
            assert started.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        started.kill()
        started.wait()
    assert gone([int(file.read_text()) for file in tmp_path.glob("*.pid")])


@pytest.mark.thorough
def test_the_program_prints_the_same_losses_alone_and_under_torchrun():
    program = ["-m", "lrlab.pytorch.train_parallel", "--steps", "21"]
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", *program]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    alone, together = (
        subprocess.run(
            [sys.executable, *arguments], env=env, capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout
        for arguments in (program, torchrun)
    )
    (first, *ours), (second, *theirs) = alone.splitlines(), together.splitlines()
    assert (first, second) == ("processes: 1, on cpu", "processes: 2, on cpu")
    assert [line.split()[1] for line in ours] == ["0", "10", "20", "20"]
    for a, b in zip(ours, theirs, strict=True):
        assert float(a.split()[-1]) == pytest.approx(float(b.split()[-1]), abs=2e-6)  # printed to 1e-6


def test_what_cannot_be_is_refused():
    data = task()
    for change, problem in (
        ({"steps": 0}, "steps must be a positive integer"),
        ({"batch_size": 2000}, "batch_size must be at most 1000"),
    ):
        with pytest.raises(ValueError, match=problem):
            parallel_fit(mlp([12, 4]), data, GradientDescent(), 0.1, **{"steps": 1, "batch_size": 64, **change})
    with pytest.raises(ValueError, match="processes must be a positive integer"):
        launch(max, 0)
    with pytest.raises(ValueError, match="timeout must be a finite number > 0"):
        launch(max, 1, timeout=0.0)


def test_without_cloudpickle_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(ModuleNotFoundError, match="pip install cloudpickle"):
        launch(max, 1)
