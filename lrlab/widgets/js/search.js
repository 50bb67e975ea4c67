// The range test of lrlab.search, over losses that were recorded: the same rule, in the same order of operations.

export function geomspace(low, high, count) {
  const from = Math.log10(low), step = (Math.log10(high) - from) / (count - 1);
  return Array.from({ length: count }, (_, t) => (t === 0 ? low : t === count - 1 ? high : 10 ** (from + t * step)));
}

// As Python rounds: halves to the even neighbor.
function round(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 ? up - 1 : up;
}

// `losses[t]` belongs to the rate t of `steps` in [lr_min, lr_max]; `diverged` and `lowest` are indices, null and NaN stand
// for "nowhere". A loss that is missing counts as infinite.
export function rangeTest(losses, { lr_min, lr_max, steps, smoothing, explode }) {
  const rates = geomspace(lr_min, lr_max, steps), settled = round(smoothing / (1 - smoothing)), smoothed = [];
  let average = 0, best = Infinity, diverged = null;
  for (let t = 0; t < steps && diverged === null; t += 1) {
    const loss = losses[t] ?? Infinity;
    average = smoothing * average + (1 - smoothing) * loss;
    smoothed.push(average / (1 - smoothing ** (t + 1)));
    if (t >= settled && smoothed[t] < best) best = smoothed[t];
    if (!Number.isFinite(loss) || smoothed[t] > best + (explode - 1) * Math.abs(best)) diverged = t;
  }
  let lowest = settled;
  for (let t = settled; t < (diverged ?? smoothed.length); t += 1) if (smoothed[t] < smoothed[lowest]) lowest = t;
  const fell = settled < lowest && lowest < smoothed.length;
  return { rates: rates.slice(0, smoothed.length), smoothed, best, diverged, lowest, suggestion: fell ? rates[lowest] / 10 : NaN };
}
