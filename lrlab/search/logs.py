"""Loss curves from the files that training leaves: CSV, NumPy arrays, TensorBoard's events."""

from __future__ import annotations

import csv
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from lrlab._checks import Floats


def read_log(path: str | os.PathLike[str], column: str = "loss", lr_column: str = "lr") -> tuple[Floats, Floats | None]:
    r"""The losses of a run, and its rates where the file has them.

    Parameters
    ----------
    path : path
        A ``.csv`` file whose first line names the columns (or one column of numbers without a name), a ``.npy`` file
        of a one-dimensional array, or an event file of TensorBoard, or the folder that it is in.
    column : str
        The column, or TensorBoard's tag, of the loss. Rows that leave it empty are left out.
    lr_column : str
        Likewise for the rate.

    Returns
    -------
    tuple
        Losses, and rates of the same length, or None where the file has no rate for each loss.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is of no such kind, cannot be read as what its name says, or lacks the column.
    ModuleNotFoundError
        It is an event file and tensorboard is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "run.csv")
    ...     _ = path.write_text("step,lr,loss\n0,0.1,2.5\n1,0.1,2.0\n")
    ...     read_log(path)
    (array([2.5, 2. ]), array([0.1, 0.1]))
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"path must be a file that exists, got path={str(file)!r}")
    if file.is_dir() or "tfevents" in file.name:
        return _events(file, column, lr_column)
    if file.suffix == ".npy":
        return _array(file), None
    if file.suffix == ".csv":
        return _table(file, column, lr_column)
    raise ValueError(f"path must be a .csv or .npy file or an event file of TensorBoard, got path={str(file)!r}")


def _array(file: Path) -> Floats:
    try:
        found = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"path must be an array that NumPy saved, got path={str(file)!r}: {error}") from None
    if not isinstance(found, np.ndarray) or found.ndim != 1 or found.dtype.kind not in "iuf":
        raise ValueError(f"path must hold a one-dimensional array of numbers, got path={str(file)!r}")
    return found.astype(np.float64)


def _table(file: Path, column: str, lr_column: str) -> tuple[Floats, Floats | None]:
    try:
        rows = [row for row in csv.reader(file.read_text(encoding="utf-8-sig").splitlines()) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"path must be a text file of columns, got path={str(file)!r}: {error}") from None
    if not rows:
        raise ValueError(f"path must be a file with numbers, got path={str(file)!r}, which is empty")
    names = [name.strip() for name in rows[0]]
    if len(names) == 1 and _is_number(names[0]):
        names, rows = [column], [[column], *rows]
    if column not in names:
        raise ValueError(f"column must be one of {', '.join(names)}, got column={column!r}")
    where, where_lr = names.index(column), names.index(lr_column) if lr_column in names else None
    losses, rates = [], []
    for number, row in enumerate(rows[1:], start=2):
        cells = [row[i].strip() if i is not None and i < len(row) else "" for i in (where, where_lr)]
        for cell in filter(None, cells):
            if not _is_number(cell):
                raise ValueError(f"column must hold numbers, got {cell!r} in row {number} of {str(file)!r}")
        if cells[0]:
            losses.append(float(cells[0]))
            rates.append(float(cells[1] or "nan"))
    return np.array(losses), np.array(rates) if np.isfinite(rates).all() and losses else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _events(path: Path, column: str, lr_column: str) -> tuple[Floats, Floats | None]:
    try:
        module = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "read_log needs tensorboard for an event file: pip install tensorboard", name="tensorboard"
        ) from None
    log: Any = module.EventAccumulator(str(path), size_guidance={module.SCALARS: 0})  # 0: all of them
    log.Reload()
    tags = log.Tags()["scalars"]
    if column not in tags:
        there = ", ".join(tags) or "nothing: no events are there"
        raise ValueError(f"column must be one of the tags ({there}), got column={column!r}")
    rates = {event.step: event.value for event in log.Scalars(lr_column)} if lr_column in tags else {}
    losses = log.Scalars(column)
    found = np.array([rates.get(event.step, np.nan) for event in losses])
    return np.array([event.value for event in losses]), found if np.isfinite(found).all() else None
