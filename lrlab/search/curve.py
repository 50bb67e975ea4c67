"""The numbers by which a loss curve is judged, none of which depends on the unit of the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrlab._checks import Floats

PIECES = 10  # a curve is summed up by the medians of so many equal pieces
RECENT = 8  # steps that a jump is measured against
FLOOR = 1e-6  # of the first loss: what lies below counts as this, a run that is done

Numbers = dict[str, float]


def logarithm(loss: Floats) -> Floats:
    r"""The logarithm of the loss, so that equal ratios count alike.

    A loss that goes below zero has no ratios. It is lifted until its lowest level is half of what it has gained.
    """
    loss = loss / np.abs(loss).max()
    if loss.min() < 0:
        low = min(medians(loss, PIECES).min(), np.percentile(loss, 10))
        gain = max(np.median(loss[:3]) - low, np.subtract(*np.percentile(loss, [75, 25])), np.finfo(float).tiny)
        loss = np.maximum(loss - low + 0.5 * gain, 0.05 * gain)
    return np.log(np.maximum(loss, FLOOR * loss[0] or np.finfo(float).tiny))


def measure(loss: Floats, lr: Floats | None) -> Numbers:
    """All numbers of a finite curve of at least two values per piece."""
    log, n = logarithm(loss), len(loss)
    noise = _noise(log)
    # A single batch says little, but the second may have exploded already.
    start = min(float(np.median(log[:3])), float(log[0]) + 2 * min(noise, 0.5)) if noise > 0.05 else float(log[0])
    log = log - start  # 0 is the start from here on
    begin = 0 if lr is None else min(int(np.argmax(lr >= 0.5 * peak(lr))), n // 3)  # a warm-up is no plateau
    after = log[begin:]
    third, steps = len(after) // 3, np.exp(np.clip(log, -14, 14))
    levels = medians(after, PIECES)
    relative = np.exp(levels)
    end, top = float(relative[-2:].mean()), max(1.0, float(relative[0]))
    gain, fall = top - float(relative.min()), top - end
    first, second, last = steps[begin : begin + third], steps[begin + third : begin + 2 * third], steps[-third:]
    calm = np.median(np.lib.stride_tricks.sliding_window_view(log, 3), axis=1)  # without the peaks of single steps
    early = begin + max(n // 8, 8)
    return {
        "steps": float(n),
        "noise": noise,
        "change": float(levels[-2:].mean()),
        "gain": gain,
        "early": _ratio(top - float(relative[2]), gain),
        "late": _ratio(float(relative[4:6].mean()) - end, fall) if fall > 0 else 0.0,
        "mean": float(last.mean()),
        "fall": _ratio(float(first.mean() - last.mean()), float(first.mean())),
        "fall_late": _ratio(float(second.mean() - last.mean()), float(first.mean())),
        "fall_late_over_error": _ratio(float(second.mean() - last.mean()), _error(second, last)),
        "steepest_over_noise": _steepest(after, noise),
        "slope": _line(after)[0] * len(after),
        "slope_first_over_error": _slope(after[:third]),
        "highest": float(log.max()),
        "highest_calm": float(calm.max()),
        "rise_early": float(log[:early].max()),
        "rise_late": float(calm[n // 3 :].max()),
        "above_lowest": float(levels[-1] - levels.min()),
        "swing": _ratio(_range(steps[-(n // 3) :]), gain),
        "range": _range(steps[-(n // 3) :]),
        "memory": _memory(log[n // 10 :]),
        "noise_growth": _noise_growth(after, relative),
        **_jumps(log),
        **(_decay(lr) if lr is not None else {}),
    }


def medians(values: Floats, pieces: int) -> Floats:
    """Of so many equal pieces."""
    return np.array([np.median(piece) for piece in np.array_split(values, pieces)])


def peak(lr: Floats) -> float:
    """The highest rate that was held for two steps."""
    return float(np.minimum(lr[1:], lr[:-1]).max())


def _jumps(log: Floats) -> Numbers:
    """The largest rise above the median of the steps before it, how it stands out, and how many there are like it."""
    rise = np.array([log[t] - np.median(log[max(0, t - RECENT) : t]) for t in range(1, len(log))])
    rise[:3] = 0.0
    highest, at = float(rise.max()), int(rise.argmax())
    usual = 1.4826 * float(np.median(np.abs(rise - np.median(rise))))
    at = max(0, at - RECENT) + int(np.argmax(rise[max(0, at - RECENT) : at + 1] > 0.2 * highest))  # where it began
    others = np.delete(rise, np.arange(max(0, at - RECENT), min(len(rise), at + RECENT + len(log) // 10)))
    return {
        "jump": highest,
        "jump_at": float(at + 1),
        "jump_over_noise": _ratio(highest, usual + 1e-3),
        "jump_over_next": _ratio(highest, float(others.max(initial=0.0)) + 1e-3),
        "jump_from": float(np.median(log[max(0, at + 1 - RECENT) : at + 1])),
        "jumps": _peaks(rise > max(math.log(2), 6 * usual)),
        "jumps_alike": _peaks(rise > 0.5 * highest),
    }


def _peaks(high: Any) -> float:
    return float(np.count_nonzero(high[1:] & ~high[:-1]))


def _decay(lr: Floats) -> Numbers:
    """Where the rate fell below a fifth of its peak for good, what was left of it, and a rate far above it."""
    n, top = len(lr), peak(lr)
    at = int(np.flatnonzero(lr >= 0.2 * top)[-1]) + 1 if top > 0 else n
    found = {"decay_at": at / n, "rate_left": _ratio(float(np.median(lr[at:])), top) if at < n else 1.0}
    outlier = lr > 3 * top
    return found | ({"rate_outlier_at": float(np.argmax(outlier))} if outlier.any() else {})


def _line(values: Floats) -> tuple[float, Floats]:
    """The slope of a straight line through the values, and what it leaves."""
    t = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(t @ values) / float(t @ t)
    return slope, values - values.mean() - slope * t


def _slope(values: Floats) -> float:
    """The slope of a straight line through the values, in its standard errors."""
    slope, rest = _line(values)
    n = len(values)
    return slope / (math.sqrt(float(rest @ rest) / (n - 2) / ((n**3 - n) / 12)) + 1e-9)


def _range(values: Floats) -> float:
    """From the tenth to the ninetieth percentile, about a straight line."""
    return float(np.subtract(*np.percentile(_line(values)[1], [90, 10])))


def _memory(values: Floats) -> float:
    """The correlation of neighbors, about a straight line: 0 for noise, 1 for a calm curve, negative for a zigzag."""
    rest = _line(values)[1]
    return float(rest[1:] @ rest[:-1]) / (float(rest @ rest) + 1e-9)


def _noise(log: Floats) -> float:
    """The standard deviation of one value, by the median of the steps' deviations."""
    steps = np.diff(log)
    return 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)


def _noise_growth(log: Floats, levels: Floats) -> float:
    """The logarithm of the noise at the end, in the unit of the loss, over that at the start."""
    fifth = max(len(log) // 5, 3)
    before, after = _noise(log[:fifth]) * levels[0], _noise(log[-fifth:]) * levels[-2:].mean()
    return float(np.log((after + 0.003) / (before + 0.003)))


def _steepest(log: Floats, noise: float) -> float:
    """The largest fall within a fifth of the run, in errors of a median."""
    pieces = min(2 * PIECES, len(log))
    levels = np.exp(medians(log, pieces))
    falls = levels[:-4] - levels[4:]
    error = 1.25 * noise * math.sqrt(pieces / len(log)) * levels[falls.argmax()]
    return float(falls.max() / (error + 1e-3))


def _error(a: Floats, b: Floats) -> float:
    """The standard error of the difference of two means."""
    return math.sqrt(a.var() / len(a) + b.var() / len(b)) + 1e-9


def _ratio(part: Any, whole: Any) -> float:
    """Infinite where there is nothing to compare with."""
    return float(part) / float(whole) if whole > 0 else math.inf
