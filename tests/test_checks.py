"""Every check: what it lets pass, what it stops, and what the error says."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from lrlab import _checks as check

NO_NUMBERS = [
    "0.1",
    b"1",
    None,
    True,
    1j,
    {},
    {1.0},
    [[1.0], [1.0, 2.0]],
    ["a"],
    [None],
    [True],
    Fraction(1, 2),
    object,
]
NOT_FINITE = [math.nan, math.inf, -math.inf]

# name of the check: what it asks for, numbers that pass, numbers that do not
RANGES = {
    "finite": ("a finite number", [0, -1.5, 1e300], []),
    "positive": ("a finite number > 0", [1, 1e-300, 5e300], [0, 0.0, -0.0, -1, -1e-300]),
    "non_negative": ("a finite number >= 0", [0, -0.0, 1e-300, 7], [-1, -1e-300]),
    "fraction": ("a number in [0, 1)", [0, 0.5, 1 - 1e-16], [1, 1.0, -1e-300, 2]),
    "at_least_one": ("a number >= 1", [1, 1.5, 10**9], [1 - 1e-15, 0, -2]),
    "above_one": ("a number > 1", [4, 1 + 1e-15], [1, 1.0, 0.5]),
    "share": ("a number in [0, 1]", [0, 0.5, 1], [1 + 1e-15, -1e-300]),
}


def message(call, *args, **values):
    with pytest.raises(ValueError, match="must ") as caught:
        call(*args, **values)
    return str(caught.value)


@pytest.mark.parametrize("name", RANGES)
def test_ranges(name):
    wanted, good, bad = RANGES[name]
    call = getattr(check, name)
    for value in good:
        call(x=value)
        call(x=np.float64(value))
        call(x=np.array(value), y=[value, value], z=np.full((2, 3), value))
    for value in [*bad, *NOT_FINITE]:
        assert message(call, x=value) == f"x must be {wanted}, got x={value}"
        assert message(call, fine=good[0], x=value) == f"x must be {wanted}, got x={value}"
        grid = np.full((2, 3), float(good[0]))
        grid[1, 2] = value
        assert message(call, x=grid) == f"x must be {wanted}, got x[1, 2]={float(value)}"
    for value in NO_NUMBERS:
        assert message(call, x=value) == f"x must be {wanted}, got x={value!r}"
    call(x=[], y=np.empty((0, 3)))
    call(x=np.float32(good[0]), y=np.array([good[0]], dtype=np.float32))


def test_ranges_of_every_kind_of_number():
    check.positive(x=np.uint8(3), y=np.int64(2), z=[1, 2.5], w=(3,), v=range(1, 3), u=np.longdouble(1), t=np.float16(1))
    check.positive(x=torch.tensor(0.5), y=torch.ones(3, dtype=torch.float64))
    assert message(check.positive, x=torch.tensor(-0.5)) == "x must be a finite number > 0, got x=-0.5"


def test_number():
    check.number(x=1, y=0.5, z=np.float64(1), w=np.int8(3), v=np.float32(2))
    for value in ("1", None, [1], (1,), np.array(1.0), np.array([1.0]), 1j):
        assert message(check.number, x=value) == f"x must be one number, got x={value!r}"


def test_numbers():
    for value in (1, 2.5, [1, 2], [[1.0], [2.0]], np.arange(3), math.nan, [math.inf]):
        np.testing.assert_array_equal(check.numbers("x", value), value)
    array = np.arange(3.0)
    assert check.numbers("x", array) is array
    for value in NO_NUMBERS:
        assert message(check.numbers, "x", value) == f"x must be a number or an array of numbers, got x={value!r}"


def test_count():
    check.count(x=1, y=10**30, z=np.int64(3), w=np.uint8(1))
    check.count(at_least=0, x=0)
    check.count(at_least=-3, x=-3)
    for value in (0, -1, 1.0, 2.5, "1", None, True, np.float64(3), [1], np.array([1]), math.nan, math.inf):
        assert message(check.count, x=value) == f"x must be a positive integer, got x={value!r}"
    assert message(check.count, at_least=2, x=1) == "x must be an integer >= 2, got x=1"
    assert message(check.count, at_least=0, x=True) == "x must be an integer >= 0, got x=True"


def test_ordered():
    check.ordered(a=1, b=1, c=2.5)
    check.ordered(a=1)
    assert message(check.ordered, lr_min=2, lr_max=1) == "lr_min <= lr_max must hold, got lr_min=2, lr_max=1"
    assert message(check.ordered, a=1, b=3, c=2).startswith("a <= b <= c must hold, got a=1, b=3, c=2")


def test_increasing():
    check.increasing(x=[1, 2, 30], y=(5,), z=np.array([1, 4]), w=range(1, 9, 2))
    for value in (
        None,
        3,
        "12",
        [],
        (),
        [1.0],
        [1, "2"],
        [True],
        [1, None],
        np.array([1.5]),
        np.array([[1, 2], [3, 4]]),
    ):
        assert message(check.increasing, x=value) == f"x must be a non-empty sequence of integers, got x={value!r}"
    for value in ([0], [-1, 2], [1, 1], [2, 1], [1, 3, 3], np.array([0, 1])):
        assert message(check.increasing, x=value) == f"x must be positive and strictly increasing, got x={value!r}"


def test_generator():
    source = np.random.default_rng(3)
    assert check.generator(source) is source
    assert check.generator(None) is None
    for seed in (0, 7, np.int64(7), 2**80):
        assert check.generator(seed).standard_normal() == np.random.default_rng(seed).standard_normal()
    for value in (-1, True, 1.0, "7", np.array([1, 2]), np.random.default_rng):
        wanted = "rng must be a numpy.random.Generator or a seed, an integer >= 0"
        assert message(check.generator, value) == f"{wanted}, got rng={value!r}"


def test_steps():
    for value in (0, 3, 2.5, [0, 1], np.arange(4).reshape(2, 2), [], np.empty((0, 2)), 10**15, np.uint8(255)):
        np.testing.assert_array_equal(check.steps(value), value)
    for value, bad in (
        (-1, "-1"),
        (math.nan, "nan"),
        ([0, -2.5], "-2.5"),
        ([[1, math.inf]], "inf"),
        ([-1, math.nan], "-1"),
    ):
        assert message(check.steps, value) == f"t must be finite and >= 0 (the first step is 0), got t={bad}"
    for value in NO_NUMBERS:
        assert message(check.steps, value) == f"t must be a step >= 0 or an array of steps, got t={value!r}"


def test_rate():
    for value in (0, 1, 0.5, np.float64(0.5), np.float32(0.5), np.array(0.5)):
        assert check.rate(value) == value
        assert type(check.rate(value)) is float
    array = np.array([0.1, 0.2], dtype=np.float32)
    assert check.rate(array) is array
    np.testing.assert_array_equal(check.rate([0.1, 0.2]), [0.1, 0.2])
    for tensor in (torch.tensor(0.1), torch.tensor([0.1, -0.1]), torch.nn.Parameter(torch.tensor(0.1))):
        assert check.rate(tensor) is tensor
    for value in (-0.1, math.nan, math.inf):
        assert message(check.rate, value) == f"lr must be a finite number >= 0, got lr={value}"
    assert message(check.rate, np.array([0.1, -1])) == "lr must be a finite number >= 0, got lr[1]=-1.0"
    for value in NO_NUMBERS:
        assert message(check.rate, value) == f"lr must be a finite number >= 0, got lr={value!r}"
