"""Values as plain data, the only thing that crosses between the grader and the student's process.

Both sides run this file. `encode` makes JSON of numbers, text, lists, dictionaries and arrays, and of nothing else;
`decode` takes nothing on trust: types, depth, number and size are checked again.
"""

import math
from typing import Any

import numpy as np

DEPTH = 8  # lists in lists
ITEMS = 1_000_000  # numbers in one value
TEXT = 10_000  # characters in one string
INTEGER = 2**63


class NotPlainError(ValueError):
    """A value that is no plain data; the message says what it is."""


class Expression:
    """A function as an argument: its source is sent and evaluated on both sides, where only NumPy is known as `np`.

    Parameters
    ----------
    source : str
        A Python expression, `"lambda theta: 3.0 * theta"`.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    def __repr__(self) -> str:
        return self.source


def encode(value: Any) -> Any:
    """Return JSON data for a value; raise NotPlainError for anything that is not plain."""
    return _encode(value, 0)


def _encode(value: Any, depth: int) -> Any:
    kind = type(value)
    if depth > DEPTH:
        raise NotPlainError("lists nested too deeply")
    if value is None or kind in (bool, float):
        return value
    if kind is int:
        if not -INTEGER <= value < INTEGER:
            raise NotPlainError("an integer with too many digits")
        return value
    if kind is str:
        if len(value) > TEXT:
            raise NotPlainError("a very long text")
        return value
    if kind in (list, tuple) or (isinstance(value, tuple) and hasattr(kind, "_fields")):  # a named tuple is a tuple
        items = list(value) if kind is list else list(tuple.__iter__(value))
        if len(items) > ITEMS:
            raise NotPlainError("a very long list")
        return [_encode(item, depth + 1) for item in items]
    if kind is dict:
        if len(value) > ITEMS or not all(type(key) in (str, int, float, bool) for key in value):
            raise NotPlainError("a dictionary with unusual keys")
        return {"dict": [[_encode(key, depth), _encode(item, depth + 1)] for key, item in value.items()]}
    if kind is Expression:
        return {"expression": value.source}
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind == "U" and array.size <= ITEMS:
            return _encode(array.tolist(), depth)
        if array.dtype.kind not in "fiub":
            raise NotPlainError(f"an array of type {array.dtype}")
        if array.size > ITEMS:
            raise NotPlainError("a very large array")
        if array.ndim == 0:
            return _encode(array.item(), depth)
        if array.dtype.kind == "f":
            array = array.astype(np.float64)
        return {"array": list(array.shape), "kind": array.dtype.kind, "data": array.ravel().tolist()}
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a tensor of PyTorch
        return _encode(np.array(value.detach().cpu()), depth)
    raise NotPlainError(f"a {kind.__name__}"[:80])


def decode(data: Any) -> Any:
    """Return the value that JSON data stand for; raise NotPlainError where they are not what `encode` writes.

    An expression is not evaluated here; `revive` does that, with what the grader itself sends.
    """
    return _decode(data, 0, [ITEMS])


def _decode(data: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth > DEPTH + 1 or left[0] < 0:
        raise NotPlainError("too much data")
    if data is None or type(data) in (bool, float):
        return data
    if type(data) is int and -INTEGER <= data < 2 * INTEGER:
        return data
    if type(data) is str and len(data) <= TEXT:
        return data
    if type(data) is list:
        return [_decode(item, depth + 1, left) for item in data]
    if type(data) is dict and data.keys() == {"expression"} and type(data["expression"]) is str:
        return Expression(data["expression"])
    if type(data) is dict and data.keys() == {"dict"} and type(data["dict"]) is list:
        found = {}
        for pair in data["dict"]:
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) not in (str, int, float, bool):
                raise NotPlainError("malformed data")
            found[pair[0]] = _decode(pair[1], depth + 1, left)
        return found
    if type(data) is dict and data.keys() == {"array", "kind", "data"}:
        return _array(data, left)
    raise NotPlainError("malformed data")


def _array(data: dict[str, Any], left: list[int]) -> Any:
    shape, flat, kind = data["array"], data["data"], data["kind"]
    types: dict[str, tuple[type, ...]] = {"f": (float,), "i": (int,), "u": (int,), "b": (bool,)}
    if type(shape) is not list or type(flat) is not list or kind not in ("f", "i", "u", "b"):
        raise NotPlainError("malformed data")
    if not 1 <= len(shape) <= 16 or not all(type(n) is int and 0 <= n <= ITEMS for n in shape):
        raise NotPlainError("malformed data")
    left[0] -= len(flat)
    if left[0] < 0 or math.prod(shape) != len(flat) or not all(type(item) in types[kind] for item in flat):
        raise NotPlainError("malformed data")
    dtype = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.bool_}[kind]
    try:
        return np.array(flat, dtype=dtype).reshape(shape)
    except (OverflowError, ValueError):
        raise NotPlainError("malformed data") from None


def revive(value: Any) -> Any:
    """Return a value whose expressions have become functions."""
    if isinstance(value, Expression):
        return eval(value.source, {"np": np})
    if type(value) is list:
        return [revive(item) for item in value]
    return value


def outcome(function: Any, arguments: list[Any]) -> dict[str, Any]:
    """Call a function; return its value as it is, to be encoded later, or the error, as data."""
    try:
        return {"value": function(*arguments)}
    except Exception as error:
        return {"error": [type(error).__name__[:80], str(error)[:500]]}


def finish(found: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome with its value encoded."""
    if "error" in found:
        return found
    try:
        return {"value": encode(found["value"])}
    except NotPlainError as error:
        return {"error": ["NotPlainError", str(error)]}
    except Exception as error:
        return {"error": ["NotPlainError", f"something that cannot be read ({type(error).__name__[:80]})"]}


def results(function: Any, cases: list[list[Any]], repeat: int) -> list[list[dict[str, Any]]]:
    """Call a function on each case; with the very same arguments again, so that changes made to them show.

    The values are encoded after the last call of a case: a returned array that a later call changes shows too.
    """
    found = []
    for case in cases:
        arguments = [revive(decode(argument)) for argument in case]
        found.append([finish(one) for one in [outcome(function, arguments) for _ in range(repeat)]])
    return found
