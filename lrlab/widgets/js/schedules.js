// lrlab/schedules once more, in the same order of operations: the tests hold both equal, bit by bit where the
// operations allow. Names and settings are those of the Python classes.

const { abs, cos, exp, floor, log, log1p, max, min, PI, sqrt } = Math;
const mod = (a, b) => a - b * floor(a / b);
const clip = (x, low, high) => min(max(x, low), high);

// The number of sorted `values` that are <= x.
const countUpTo = (values, x) => values.filter((v) => v <= x).length;

// A setting that is a schedule may also be a number or a function.
const call = (schedule) => {
  if (typeof schedule === "number") return () => schedule;
  return typeof schedule === "function" ? schedule : makeSchedule(schedule);
};

// settings -> (t -> rate)
export const schedules = {
  Constant: ({ lr }) => () => lr,
  StepDecay: ({ lr, gamma, every }) => (t) => lr * gamma ** floor(t / every),
  MultiStep: ({ lr, gamma, milestones }) => (t) => lr * gamma ** countUpTo(milestones, t),
  Exponential: ({ lr, rate }) => (t) => lr * exp(-rate * t),
  InverseTime: ({ lr, scale }) => (t) => lr / (1 + t / scale),
  InversePower: ({ lr, scale, power }) => (t) => lr * (1 + t / scale) ** -power,
  InverseSqrt: ({ lr, warmup }) => (t) => lr * min((t + 1) / warmup, sqrt(warmup / (t + 1))),
  Linear: ({ lr, steps, lr_min = 0 }) => (t) => lr_min + (lr - lr_min) * (1 - min(t / steps, 1)),
  Polynomial: ({ lr, steps, power, lr_min = 0 }) => (t) => lr_min + (lr - lr_min) * (1 - min(t / steps, 1)) ** power,
  Cosine: ({ lr, steps, lr_min = 0 }) => (t) => lr_min + ((lr - lr_min) / 2) * (1 + cos(PI * min(t / steps, 1))),

  CosineRestarts: ({ lr, steps, multiplier: m = 1, lr_min = 0 }) => {
    const start = (i) => {
      const found = steps * (m === 1 ? i : (m ** i - 1) / (m - 1)), whole = Math.round(found);
      return abs(found - whole) <= 1e-9 * found ? whole : found; // a whole number missed by rounding is put right
    };
    return (t) => {
      const falls = t / steps;
      let i = floor(m === 1 ? falls : log1p(falls * (m - 1)) / log(m));
      i += start(i + 1) <= t; // at a restart the logarithm may round to either side
      i -= start(i) > t;
      const share = (t - start(i)) / (steps * m ** i);
      return lr_min + ((lr - lr_min) / 2) * (1 + cos(PI * share));
    };
  },

  Triangular: ({ lr_min, lr_max, half_cycle }) => (t) => {
    const height = abs(mod(t, 2 * half_cycle) / half_cycle - 1);
    return lr_max - (lr_max - lr_min) * height;
  },

  OneCycle: ({ lr_max, steps, pct_start = 0.3, div_factor = 25, final_div_factor = 1e4, anneal = "cos" }) => {
    const first = lr_max / div_factor, last = lr_max / div_factor / final_div_factor;
    const peak = pct_start * steps - 1, end = steps - 1;
    const between = (start, stop, share) => {
      const x = clip(share, 0, 1);
      return stop + (start - stop) * (anneal === "cos" ? (1 + cos(PI * x)) / 2 : 1 - x);
    };
    return (t) => t < peak ? between(first, lr_max, t / peak)
      : between(lr_max, last, end > peak ? (t - peak) / (end - peak) : 0);
  },

  WarmupStableDecay: ({ lr, warmup, stable, decay, lr_min = 0 }) => {
    const fall = schedules.Linear({ lr, steps: decay, lr_min });
    const rest = stable ? schedules.Join({ schedules: [lr, fall], boundaries: [stable] }) : fall;
    return warmup ? schedules.Warmup({ schedule: rest, steps: warmup }) : rest;
  },

  Warmup: ({ schedule, steps }) => {
    const after = call(schedule), peak = after(0);
    return (t) => (t < steps ? (peak * (t + 1)) / steps : after(t - steps));
  },

  Join: ({ schedules: given, boundaries }) => {
    const pieces = given.map(call);
    return (t) => {
      const i = countUpTo(boundaries, t);
      return pieces[i](i ? t - boundaries[i - 1] : t);
    };
  },

  Clip: ({ schedule, lr_min, lr_max }) => {
    const inner = call(schedule);
    return (t) => clip(inner(t), lr_min, lr_max);
  },

  Scale: ({ schedule, factor }) => {
    const inner = call(schedule);
    return (t) => factor * inner(t);
  },
};

// { name: "Cosine", lr: 0.1, steps: 100 } -> (t -> rate)
export function makeSchedule(spec) {
  return typeof spec === "number" ? () => spec : schedules[spec.name](spec);
}
