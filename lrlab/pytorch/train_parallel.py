"""A program that trains one network in all processes that ``torchrun`` starts.

``torchrun --nproc-per-node 2 -m lrlab.pytorch.train_parallel`` trains in two processes; on a machine with GPUs, each
takes its own. ``python -m lrlab.pytorch.train_parallel`` trains in one. Both print the same losses.
"""

from __future__ import annotations

import argparse
import os

import torch
from torch import distributed

from lrlab.optimizers import Nesterov
from lrlab.pytorch.networks import mlp
from lrlab.pytorch.parallel import parallel_fit
from lrlab.schedules import Linear


def main() -> None:
    """Train on a seeded task, and let the first process print the loss of every tenth step."""
    parser = argparse.ArgumentParser(prog="python -m lrlab.pytorch.train_parallel")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=64, help="examples of all processes together")
    parser.add_argument("--lr", type=float, default=0.1)
    options = parser.parse_args()

    place = torch.device("cpu")
    if torch.cuda.is_available():
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(place)
    else:
        torch.set_num_threads(1)
    if "WORLD_SIZE" in os.environ:  # torchrun says who is there
        distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")

    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(4096, 20, generator=draw)
    targets = (inputs @ torch.randn(20, 4, generator=draw)).argmax(1)
    model = mlp([20, 64, 4]).to(place)
    schedule = Linear(options.lr, options.steps)
    size = {"steps": options.steps, "batch_size": options.batch_size}
    losses = parallel_fit(model, (inputs, targets), Nesterov(0.9), schedule, **size)

    world = distributed.get_world_size() if distributed.is_initialized() else 1
    if world == 1 or distributed.get_rank() == 0:
        print(f"processes: {world}, on {place.type}")
        for t in [*range(0, options.steps, 10), options.steps - 1]:
            print(f"step {t:>4}  loss {losses[t]:.6f}")
    if distributed.is_initialized():
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
