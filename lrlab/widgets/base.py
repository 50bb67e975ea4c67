"""What the interactive figures share: how they are shown, checked, reset, and drawn where nothing can move."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure as Picture

from lrlab import _checks as check
from lrlab.display import figure

JS = files("lrlab.widgets") / "js"
SHARED = (
    "draw.js",
    "landscapes.js",
    "noise.js",
    "objectives.js",
    "optimizers.js",
    "schedules.js",
    "search.js",
    "style.js",
    "training.js",
)


def script(name: str) -> str:
    """A script as pages get it: without lines of comment and without indentation, an eighth of its size."""
    return re.sub(r"^\s*//.*\n|^ +", "", (JS / name).read_text("utf-8"), flags=re.MULTILINE)


class _Number(traitlets.Float[float, Any]):
    """A number that passes a check of lrlab; what does not is a ``ValueError`` that names the setting."""

    passes: Callable[..., None]

    def validate(self, obj: Any, value: Any) -> float:
        type(self).passes(**{str(self.name): value})
        return float(value)


class Finite(_Number):
    """Any finite number."""

    passes = staticmethod(check.finite)


class Positive(_Number):
    """A number above zero."""

    passes = staticmethod(check.positive)


class NonNegative(_Number):
    """A number of at least zero."""

    passes = staticmethod(check.non_negative)


class Fraction(_Number):
    """A number in [0, 1)."""

    passes = staticmethod(check.fraction)


class AtLeastOne(_Number):
    """A number of at least one."""

    passes = staticmethod(check.at_least_one)


class AboveOne(_Number):
    """A number above one."""

    passes = staticmethod(check.above_one)


class Count(traitlets.Int[int, Any]):
    """A positive integer."""

    least = 1

    def validate(self, obj: Any, value: Any) -> int:
        check.count(self.least, **{str(self.name): value})
        return int(value)


class Whole(Count):
    """An integer of at least zero."""

    least = 0


class _Pair(traitlets.List[float]):
    """Two finite numbers."""

    def __init__(self) -> None:
        super().__init__(traitlets.Float(), default_value=[0.0, 1.0])

    def validate(self, obj: Any, value: Any) -> list[float]:
        check.finite(**{str(self.name): value})
        pair = [float(one) for one in np.atleast_1d(value)]
        if len(pair) != 2:
            raise ValueError(f"{self.name} must be two numbers, got {self.name}={value!r}")
        return pair


class Point(_Pair):
    """A point of two parameters."""


class Range(_Pair):
    """(low, high), the low one first."""

    def validate(self, obj: Any, value: Any) -> list[float]:
        low, high = super().validate(obj, value)
        if low >= high:
            raise ValueError(f"{self.name} must be (low, high) with low < high, got {self.name}={value!r}")
        return [low, high]


class _Shared(anywidget.AnyWidget):
    """The scripts that all figures of a kernel need, sent once and not with every figure."""

    _esm = "export default {};"
    files = traitlets.Dict({name: script(name) for name in SHARED}).tag(sync=True)


@cache
def shared() -> _Shared:
    """The one that all figures of this kernel name."""
    return _Shared()


class Figure(anywidget.AnyWidget):
    """An interactive figure: works with no kernel in the book's pages, and with one in JupyterLab, both ways.

    A subclass names its script, has a synchronized trait for everything that a reader can set, and says with
    ``_picture`` and ``alt`` what a page without scripts shows.
    """

    _esm = script("start.js")
    _script: str
    _code = traitlets.Unicode().tag(sync=True)
    _shared = traitlets.Unicode().tag(sync=True)
    _initial = traitlets.Dict().tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        plain = {name: self.trait_metadata(name, "to_json", lambda value, _: value) for name in settings}
        super().__init__(
            _code=script(self._script),
            _shared=shared().model_id,
            _initial={name: plain[name](value, self) for name, value in settings.items()},
            **settings,
        )

    @property
    def alt(self) -> str:
        """In a sentence or two, what the figure shows at its present settings."""
        raise NotImplementedError

    def _picture(self) -> Picture:
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**options)
        data, metadata = bundle
        shown = figure(self._picture(), alt=self.alt)
        data |= {"image/png": base64.b64encode(shown.png).decode(), "text/plain": f"[interactive figure: {self.alt}]"}
        return data, metadata | {"image/png": {"alt": self.alt}}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._initial)
        return f"{type(self).__name__}({settings})"
