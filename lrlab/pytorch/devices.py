"""One line that chooses where to run, and one that says what was chosen."""

from __future__ import annotations

import platform

import torch


def device(name: str | torch.device | None = None) -> torch.device:
    """The device to run on: the one that is named, else the first there is of CUDA's, Apple's (``mps``) and the CPU.

    Parameters
    ----------
    name : str or torch.device, optional
        Such as ``"cpu"``, where the choice is to be yours.

    Raises
    ------
    ValueError
        If this machine, or this build of torch, lacks the device.

    Examples
    --------
    >>> device("cpu")
    device(type='cpu')
    """
    if name is None:
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        chosen = torch.device(name)
        torch.empty(0, device=chosen)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device must be one that this machine has, got device={str(name)!r} ({reason})") from None
    return chosen


def describe_device(where: torch.device) -> str:
    """The device in words, for a page that shows what ran on it.

    Examples
    --------
    >>> describe_device(torch.device("cpu"))  # doctest: +ELLIPSIS
    'CPU (...), ... torch ...'
    """
    if where.type == "cuda":
        card = torch.cuda.get_device_properties(where)
        name = f"{card.name}, {card.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
    elif where.type == "cpu":
        threads = torch.get_num_threads()
        name = f"CPU ({platform.machine()}), {threads} thread{'s' if threads > 1 else ''}"
    else:
        name = f"{where.type} ({platform.machine()})"
    return f"{name}, torch {torch.__version__}"
