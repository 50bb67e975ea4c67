r"""Read the TeX of a formula and compute what it says, so that a test can hold printed formulas against the code.

`assignments` splits a display into lines ``left = right``; `value` computes a right-hand side from its symbols' values.
 A symbol is named as it is printed, without spaces and needless braces: ``\eta_{\min}`` is ``\eta_\min``,
``m_{t+1}`` is ``m_{t+1}``, ``\hat m`` is ``\hat{m}``. A symbol whose value is callable is a function where a bracket
follows it: ``s(t - n)``.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

SPACES = re.compile(r"(?<!\\)\\[,;:! ]|\\(?:left|right|bigl?|bigr|Bigl?|Bigr|textstyle|displaystyle)(?![a-zA-Z])|~|\s+")
TOKEN = re.compile(r"\\(?:begin|end)\{\w+\}|\\(?:mathrm|operatorname|text)\{[^}]*\}|\\[a-zA-Z]+|\\\\|\d+(?:\.\d+)?|\S")
ACCENTS = {r"\hat", r"\bar", r"\tilde"}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    r"\cos": np.cos,
    r"\sin": np.sin,
    r"\exp": np.exp,
    r"\ln": np.log,
    r"\max": lambda *values: np.maximum(*values) if len(values) == 2 else np.maximum.reduce(values),
    r"\min": lambda *values: np.minimum(*values) if len(values) == 2 else np.minimum.reduce(values),
    r"\mathrm{sign}": np.sign,
    r"\operatorname{sign}": np.sign,
}
CONSTANTS = {r"\pi": np.pi, "e": np.e}
RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    ">": np.greater,
    r"\le": np.less_equal,
    r"\ge": np.greater_equal,
}
Values = Mapping[str, Any]


def tokens(tex: str) -> list[str]:
    tex = tex.replace(r"\tfrac", r"\frac").replace(r"\dfrac", r"\frac").replace(r"\Big/", "/").replace(r"\big/", "/")
    tex = re.sub(r"\\(?:bigl|Bigl|left|right|bigr|Bigr)\b", " ", tex)
    return TOKEN.findall(SPACES.sub(" ", tex))


def assignments(tex: str) -> list[tuple[str, str]]:
    """Return the lines ``left = right`` of a display; what is no assignment is left out."""
    tex = re.sub(r"\\(?:begin|end)\{(?:aligned|align\*?|gathered|split)\}", "", tex)
    outside = re.sub(r"\\begin\{cases\}.*?\\end\{cases\}", lambda found: "\0" * len(found[0]), tex, flags=re.DOTALL)
    cuts = [found.span() for found in re.finditer(r"\\\\|,?\s*\\q?quad", outside)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(tex)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        line, flat = tex[start:end], outside[start:end]
        equal = re.search(r"=|\\leftarrow", flat)
        if equal:
            left = line[: equal.start()].replace("&", "")
            right = line[equal.end() :] if "cases" in line else line[equal.end() :].replace("&", "")
            found.append((name(left), right.strip().rstrip(".,")))
    return found


def name(tex: str) -> str:
    """Return a symbol as the values are keyed."""
    reader = Reader(tex, {})
    symbol = reader.symbol()
    if reader.peek() == "(":  # η(t): the argument is no part of the name
        return symbol
    if reader.peek():
        raise SyntaxError(f"{tex!r} is no symbol")
    return symbol


def value(tex: str, values: Values) -> Any:
    """Compute a formula."""
    reader = Reader(tex, values)
    result = reader.sum()
    if reader.peek():
        raise SyntaxError(f"cannot read {tex!r} from {reader.peek()!r} on")
    return result


class Reader:
    """Recursive descent: a sum of products of powers of atoms. Juxtaposition multiplies, from the left like ``/``."""

    def __init__(self, tex: str | list[str], values: Values) -> None:
        self.tokens = tokens(tex) if isinstance(tex, str) else tex
        self.at, self.values = 0, values

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise SyntaxError(f"expected {wanted or 'more'!r}, got {token!r} in {' '.join(self.tokens)}")
        self.at += 1
        return token

    def group(self) -> list[str]:
        """Return the tokens of ``{…}``, or the one token that stands in for it."""
        if self.peek() != "{":
            return [self.take()]
        depth, start = 0, self.at
        while True:
            token = self.take()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return self.tokens[start + 1 : self.at - 1]

    def inner(self, group: list[str]) -> Any:
        reader = Reader(group, self.values)
        result = reader.sum()
        if reader.peek():
            raise SyntaxError(f"cannot read {' '.join(group)}")
        return result

    def symbol(self) -> str:
        token = self.take()
        if token in ACCENTS:
            token = f"{token}{{{''.join(self.group())}}}"
        if self.peek() == "_":
            self.take()
            group = self.group()
            token += "_" + ("".join(group) if len(group) == 1 else "{" + "".join(group) + "}")
        return token

    def sum(self) -> Any:
        result = -self.product() if self.peek() == "-" and self.take() else self.product()
        while self.peek() in {"+", "-"}:
            result = result + self.product() if self.take() == "+" else result - self.product()
        return result

    def product(self) -> Any:
        result = self.power()
        while (token := self.peek()) and token not in {"+", "-", ")", "]", "}", ",", "=", "&", r"\\", *RELATIONS}:
            if token in {r"\rfloor", r"\rVert", r"\rangle", r"\end{cases}"} or (token == "|" and self.bars):
                break
            if token == "/":
                self.take()
                result = result / self.power()
            elif token == r"\bmod":
                self.take()
                result = np.mod(result, self.product())
            else:
                if token in {r"\cdot", r"\odot", r"\times"}:
                    self.take()
                result = result * self.power()
        return result

    bars = 0  # open |…|

    def power(self) -> Any:
        base = self.atom()
        while self.peek() == "^":
            self.take()
            base = base ** self.inner(self.group())
        return base

    def arguments(self) -> list[Any]:
        self.take("(")
        found = [self.sum()]
        while self.peek() == ",":
            self.take()
            found.append(self.sum())
        self.take(")")
        return found

    def atom(self) -> Any:
        token = self.peek()
        if not token:
            raise SyntaxError(f"{' '.join(self.tokens)} ends too early")
        if token in {"(", "["}:
            self.take()
            result = self.sum()
            self.take(")" if token == "(" else "]")
            return result
        if token == "{":
            return self.inner(self.group())
        if token[0].isdigit():
            return float(self.take())
        if token == r"\frac":
            self.take()
            over, under = self.digits_or_group(), self.digits_or_group()
            return self.inner(over) / self.inner(under)
        if token == r"\sqrt":
            self.take()
            return np.sqrt(self.inner(self.group()))
        if token == r"\lfloor":
            return np.floor(self.between(r"\lfloor", r"\rfloor"))
        if token == "|":
            self.bars += 1
            return np.abs(self.between("|", "|"))
        if token == r"\lVert":
            return self.norm()
        if token == r"\langle":
            self.take()
            left = self.sum()
            self.take(",")
            right = self.sum()
            self.take(r"\rangle")
            return np.sum(left * right)
        if token == r"\sum":
            return self.series()
        if token == r"\begin{cases}":
            return self.cases()
        if token in FUNCTIONS:
            self.take()
            return FUNCTIONS[token](*self.arguments())
        symbol = self.symbol()
        if symbol in self.values:
            found = self.values[symbol]
            return found(*self.arguments()) if callable(found) and self.peek() == "(" else found
        if symbol in CONSTANTS:
            return CONSTANTS[symbol]
        raise KeyError(f"{symbol} has no value; there are {sorted(self.values)}")

    def digits_or_group(self) -> list[str]:
        r"""Return an argument of ``\frac``; ``\frac12`` has its digits apart."""
        token = self.peek()
        if token.isdigit() and len(token) == 2:
            self.tokens[self.at : self.at + 1] = list(token)
        return self.group()

    def between(self, left: str, right: str) -> Any:
        self.take(left)
        result = self.sum()
        if left == "|":
            self.bars -= 1
        self.take(right)
        return result

    def norm(self) -> Any:
        inside = self.between(r"\lVert", r"\rVert")
        order = 2
        if self.peek() == "_":
            self.take()
            order = {"1": 1, "F": 2, "2": 2}["".join(self.group())]
        return np.sum(np.abs(inside) ** order) ** (1 / order)

    def series(self) -> Any:
        r"""``\sum_{i=0}^{t} a_i``: the values of ``a_i`` are a list, from ``i = 0`` on, and all of it is summed."""
        self.take()
        for mark in "_", "^":
            self.take(mark)
            self.group()
        start, index = self.at, "_i"
        lists = {key: found for key, found in self.values.items() if key.endswith(index)}
        total: Any = 0.0
        for i in range(min(len(found) for found in lists.values())):
            reader = Reader(self.tokens[start:], {**self.values, **{key: found[i] for key, found in lists.items()}})
            total = total + reader.terms()
            self.at = start + reader.at
        return total

    def terms(self) -> Any:
        """Return the factors that belong to a sum sign: all up to a fraction bar."""
        result = self.power()
        while self.peek() and self.peek() not in {"+", "-", ")", "}", ",", "/", "&", r"\\"}:
            result = result * self.power()
        return result

    def cases(self) -> Any:
        """Compute every row and pick, element by element, the first whose condition holds."""
        self.take()
        chosen: list[Any] = []
        conditions: list[Any] = []
        while self.peek() != r"\end{cases}":
            chosen.append(self.sum())
            self.take("&")
            conditions.append(self.condition())
            if self.peek() == r"\\":
                self.take()
        self.take()
        shape = np.broadcast_shapes(*(np.shape(each) for each in (*chosen, *conditions)))
        full = [np.broadcast_to(each, shape) for each in chosen]
        return np.select([np.broadcast_to(each, shape) for each in conditions], full, np.nan)

    def condition(self) -> Any:
        if self.peek() in {r"\text{otherwise}", r"\text{else}"}:
            self.take()
            return True
        left, holds = self.sum(), True
        while self.peek() in RELATIONS:
            relation, right = RELATIONS[self.take()], self.sum()
            holds, left = np.logical_and(holds, relation(left, right)), right
        return holds
