"""What the README shows works as it stands."""

import re
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent


def test_the_python_of_the_readme_runs_and_says_what_it_does() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict = {"torch": torch, "model": torch.nn.Linear(3, 1)}
    for block in blocks:
        exec(block, names)
    assert round(names["schedule"](50), 6) == 0.051
    assert names["grid"].loss.shape == (201, 100, 100)
    assert names["run"].loss[-1] < names["run"].loss[0] / 100
    optimizer = names["optimizer"]
    names["model"](torch.ones(2, 3)).mean().backward()
    optimizer.step()
    assert np.isclose(names["scheduler"].get_last_lr()[0], names["schedule"](0))


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake (\w[\w-]*)", (ROOT / "README.md").read_text())) - {"and"}:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
