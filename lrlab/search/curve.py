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

    A loss that goes below zero has no ratios. What it is above its lowest value takes its place, with half of its
    range added.
    """
    if loss.min() < 0:
        loss = loss - loss.min() + 0.5 * np.ptp(loss)
    return np.log(np.maximum(loss, FLOOR * loss[0] or np.finfo(float).tiny))


def measure(loss: Floats, lr: Floats | None) -> Numbers:
    """All numbers of a finite curve of at least two values per piece."""
    log, n = logarithm(loss), len(loss)
    noise = _noise(log)
    # A single batch says little, but the second may have exploded already.
    log_start = min(float(np.median(log[:3])), float(log[0]) + 2 * min(noise, 0.5)) if noise > 0.05 else float(log[0])
    start = float(loss[:3][np.argmin(np.abs(log[:3] - log_start))])
    begin = 0 if lr is None else min(int(np.argmax(lr >= 0.5 * peak(lr))), n // 3)  # a warm-up is no plateau
    levels = np.array([np.median(piece) for piece in np.array_split(loss[begin:], PIECES)])
    log_levels = np.array([np.median(piece) for piece in np.array_split(log[begin:], PIECES)])
    end, middle, low = levels[-2:].mean(), levels[4:6].mean(), levels.min()
    first = max(start, levels[0]) - end
    found = {
        "steps": float(n),
        "start": start,
        "end": float(end),
        "noise": noise,
        "error": 1.25 * noise * math.sqrt(PIECES / n),  # of the median of a piece
        "change": float(log_levels[-2:].mean()) - log_start,
        "change_of_mean": _log_ratio(float(np.mean(loss[-(n // 3) :])), start),
        "change_of_levels": float(log_levels[-2:].mean() - log_levels[0]),
        "highest": float(log.max()) - log_start,
        "above_lowest": float(log_levels[-1] - log_levels.min()),
        "rising": float(np.all(np.diff(log_levels[-3:]) > 0)),
        "spread": float(np.ptp(log_levels)),
        "trend": _rank_correlation(log_levels),
        "slope": _slope(log[n // 3 :]),
        "late": _ratio(middle - end, first),
        "early": _ratio(max(start, levels[0]) - levels[3], first),
        "swing": _ratio(_range(loss[-(n // 3) :]), start - min(low, end)),
    }
    return found | _jumps(log, log_start) | (_decay(loss, lr) if lr is not None else {})


def peak(lr: Floats) -> float:
    """The highest rate that was held for two steps."""
    return float(np.minimum(lr[1:], lr[:-1]).max())


def _jumps(log: Floats, start: float) -> Numbers:
    """The largest rise above the median of the steps before it, how it stands out, and how many there are like it."""
    rise = np.array([log[t] - np.median(log[max(0, t - RECENT) : t]) for t in range(1, len(log))])
    rise[:3] = 0.0
    at = int(rise.argmax())
    usual = 1.4826 * float(np.median(np.abs(rise - np.median(rise))))
    at = max(0, at - RECENT) + int(np.argmax(rise[max(0, at - RECENT) : at + 1] > 0.2 * rise[at]))  # where it began
    others = np.delete(rise, np.arange(max(0, at - RECENT), min(len(rise), at + RECENT + len(log) // 10)))
    big = (rise > max(math.log(2), 6 * usual)) & (log[1:] - start > math.log(1e-3))
    base = float(np.median(log[max(0, at + 1 - RECENT) : at + 1]))
    return {
        "jump": float(rise.max()),
        "jump_at": float(at + 1),
        "jump_over_noise": _ratio(float(rise.max()), usual),
        "jump_over_next": _ratio(float(rise.max()), float(others.max(initial=0.0))),
        "jump_from": base - start,
        "jumps": float(np.count_nonzero(big[1:] & ~big[:-1])),
    }


def _decay(loss: Floats, lr: Floats) -> Numbers:
    """Where the rate fell below a fifth of its peak for good, and how the loss went before and after."""
    n, top = len(lr), peak(lr)
    high = np.flatnonzero(lr >= 0.2 * top)
    at = int(high[-1]) + 1 if top > 0 else n
    found = {"decay_at": at / n, "rate_left": _ratio(float(np.median(lr[at:])), top) if at < n else 1.0}
    outlier = lr > 3 * top
    if outlier.any():
        found["rate_outlier_at"] = float(np.argmax(outlier))
    if 6 <= at < n:
        third = max(at // 3, 2)
        before, after = np.median(loss[at - 2 * third : at - third]), np.median(loss[at - third // 2 : at + third])
        found["fall_before_decay"] = _ratio(float(before - after), float(loss[:3].max() - after))
    return found


def _range(values: Floats) -> float:
    """From the tenth to the ninetieth percentile, about a straight line."""
    t = np.arange(len(values))
    with np.errstate(over="ignore"):
        rest = values - np.polyval(np.polyfit(t, values, 1), t)
    low, high = np.percentile(rest, [10, 90])
    return float(high - low)


def _noise(log: Floats) -> float:
    """The standard deviation of one value, by the median of the steps' deviations."""
    steps = np.diff(log)
    return 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)


def _slope(values: Floats) -> float:
    """The slope of a straight line through the values, in its standard errors."""
    t = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(t @ values) / float(t @ t)
    rest = values - values.mean() - slope * t
    error = math.sqrt(float(rest @ rest) / (len(values) - 2) / float(t @ t))
    return slope / error if error > 0 else math.copysign(math.inf, slope) if slope else 0.0


def _rank_correlation(values: Floats) -> float:
    """Spearman's correlation with time: -1 falls all the time."""
    ranks = np.argsort(np.argsort(values)).astype(float)
    return 0.0 if np.ptp(values) == 0 else float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def _log_ratio(part: float, whole: float) -> float:
    return math.log(max(part / whole, FLOOR)) if whole > 0 else 0.0


def _ratio(part: Any, whole: Any) -> float:
    """Infinite where there is nothing to compare with."""
    return float(part) / float(whole) if whole > 0 else math.inf
