"""The file of a sweep: a line of JSON for each result, on the disk as soon as it is there."""

from __future__ import annotations

import importlib
import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from lrlab.search.grid import Config


class Row(NamedTuple):
    """One training run: what was trained, what came out (NaN where it failed), why it failed, how long it took."""

    config: Config
    seed: int
    loss: float
    error: str | None
    seconds: float


class ResultFile:
    """An append-only file of rows, to be used in a ``with`` statement; without a path it keeps nothing.

    One process at a time may have it open. Each row is one write and on the disk when `add` returns. What a process
    that was killed in the middle of a write has left, a last line without its end, is cut off when the file is opened.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else Path(path)
        self._file: BinaryIO | None = None
        self._known: dict[str, Row] = {}

    def __enter__(self) -> ResultFile:
        if self.path is not None:
            self._file = self.path.open("a+b")
            try:
                _lock(self._file, self.path)
                self._read(self._file, self.path)
            except BaseException:
                self._file.close()
                raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def get(self, config: Config, seed: int) -> Row | None:
        """The row of a run, with the configuration as it is given here; None if it is not in the file."""
        row = None if self._file is None else self._known.get(key(config, seed))
        return None if row is None else row._replace(config=config)

    def add(self, row: Row) -> None:
        """Append a row and wait until it is on the disk."""
        if self._file is not None:
            entry = row._asdict() | {"config": _named(row.config), "loss": _number(row.loss)}
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self, file: BinaryIO, path: Path) -> None:
        file.seek(0)
        good = 0
        for number, line in enumerate(file, start=1):
            try:
                row = _row(json.loads(line))
            except (ValueError, KeyError, TypeError):
                if line.endswith(b"\n"):
                    raise ValueError(
                        f"file must hold a result of a sweep on each line, got line {number} of {path}: {line[:60]!r}"
                    ) from None
                break
            self._known.setdefault(key(row.config, row.seed), row)
            good += len(line)
        file.truncate(good)
        if good and not _ends_line(file, good):
            file.write(b"\n")


def key(config: Config, seed: int) -> str:
    """The name of a run: equal for equal configurations, whatever the order of their parameters."""
    return json.dumps([_named(config), seed], sort_keys=True)


def check_names(configs: list[Config]) -> None:
    """Raise for a value that would have another name in the next process."""
    for config in configs:
        if " at 0x" in key(config, 0):
            raise ValueError(
                f"file needs values with a name that lasts (numbers, text, dataclasses), got grid {config!r}"
            )


def _named(value: Any) -> Any:
    """A value as JSON; by its ``repr`` where JSON has no such thing."""
    if isinstance(value, dict):
        return {str(name): _named(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_named(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _number(loss: float) -> float | str:
    """JSON knows neither NaN nor infinity."""
    return loss if math.isfinite(loss) else str(loss)


def _row(entry: dict[str, Any]) -> Row:
    row = Row(**entry)
    if not isinstance(row.config, dict):
        raise TypeError("no configuration")
    return row._replace(seed=int(row.seed), loss=float(row.loss))


def _ends_line(file: BinaryIO, size: int) -> bool:
    file.seek(size - 1)
    return file.read(1) == b"\n"


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other processes out, where the system has such locks; it lets go by itself when this process ends."""
    if os.name != "posix":
        return
    fcntl = importlib.import_module("fcntl")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"file must not be in use by another sweep, got file={str(path)!r}") from None
