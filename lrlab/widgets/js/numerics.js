// lrlab's schedules, update rules and objectives once more, in the same order of operations: the tests hold both
// equal, bit by bit where the operations allow. Names and arguments are those of the Python classes.

const { abs, cos, exp, floor, log, log1p, max, min, PI, sqrt, tanh } = Math;
const mod = (a, b) => a - b * floor(a / b);
const clip = (x, low, high) => min(max(x, low), high);

// The number of sorted `values` that are <= x.
const countUpTo = (values, x) => values.filter((v) => v <= x).length;

// ---- schedules: settings -> (t -> rate) ----

const call = (schedule) => {
  if (typeof schedule === "number") return () => schedule;
  return typeof schedule === "function" ? schedule : makeSchedule(schedule);
};

export const schedules = {
  Constant: ({ lr }) => () => lr,
  StepDecay: ({ lr, gamma, every }) => (t) => lr * gamma ** floor(t / every),
  MultiStep: ({ lr, gamma, milestones }) => (t) => lr * gamma ** countUpTo(milestones, t),
  Exponential: ({ lr, rate }) => (t) => lr * exp(-rate * t),
  InverseTime: ({ lr, scale }) => (t) => lr / (1 + t / scale),
  InversePower: ({ lr, scale, power }) => (t) => lr / (1 + t / scale) ** power,
  InverseSqrt: ({ lr, warmup }) => (t) => lr * min((t + 1) / warmup, sqrt(warmup / (t + 1))),
  Linear: ({ lr, steps, lr_min = 0 }) => (t) => lr_min + (lr - lr_min) * (1 - min(t / steps, 1)),
  Polynomial: ({ lr, steps, power, lr_min = 0 }) => (t) => lr_min + (lr - lr_min) * (1 - min(t / steps, 1)) ** power,
  Cosine: ({ lr, steps, lr_min = 0 }) => (t) => lr_min + ((lr - lr_min) / 2) * (1 + cos(PI * min(t / steps, 1))),

  CosineRestarts: ({ lr, steps, multiplier = 1, lr_min = 0 }) => (t) => {
    const start = (i) => (multiplier === 1 ? i * steps : (steps * (multiplier ** i - 1)) / (multiplier - 1));
    const guess = multiplier === 1 ? t / steps : log1p((t / steps) * (multiplier - 1)) / log(multiplier);
    let i = floor(guess) + 1; // rounding may put the guess one cycle off
    while (start(i) > t) i -= 1;
    const share = (t - start(i)) / (steps * multiplier ** i);
    return lr_min + ((lr - lr_min) / 2) * (1 + cos(PI * share));
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
      : between(lr_max, last, end > peak ? (t - peak) / (end - peak) : 1);
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

// ---- update rules: settings -> { init(params), step(params, grad, state, lr) -> [params, state] } ----

const zeros = (params) => params.map(() => 0);

export const methods = {
  GradientDescent: () => ({
    init: () => null,
    step: (params, grad, state, lr) => [params.map((x, i) => x - lr * grad[i]), state],
  }),

  HeavyBall: ({ momentum, dampening = 0 }) => ({
    init: (params) => ({ t: 0, velocity: zeros(params) }),
    step(params, grad, { t, velocity }, lr) {
      const fresh = t > 0 ? 1 - dampening : 1;
      const v = velocity.map((x, i) => momentum * x + fresh * grad[i]);
      return [params.map((x, i) => x - lr * v[i]), { t: t + 1, velocity: v }];
    },
  }),

  Nesterov: ({ momentum }) => ({
    init: (params) => ({ t: 0, velocity: zeros(params) }),
    step(params, grad, { t, velocity }, lr) {
      const v = velocity.map((x, i) => momentum * x + grad[i]);
      return [params.map((x, i) => x - lr * (grad[i] + momentum * v[i])), { t: t + 1, velocity: v }];
    },
  }),

  AdaGrad: ({ eps = 1e-10, initial = 0 }) => ({
    init: (params) => params.map(() => 0 + initial),
    step(params, grad, state, lr) {
      const total = state.map((x, i) => x + grad[i] * grad[i]);
      return [params.map((x, i) => x - (lr * grad[i]) / (sqrt(total[i]) + eps)), total];
    },
  }),

  RMSProp: ({ decay = 0.99, centered = false, momentum = 0, eps = 1e-8 }) => ({
    init: (params) => ({ square: zeros(params), mean: zeros(params), velocity: zeros(params) }),
    step(params, grad, state, lr) {
      const square = state.square.map((x, i) => decay * x + (1 - decay) * (grad[i] * grad[i]));
      const mean = state.mean.map((x, i) => (centered ? decay * x + (1 - decay) * grad[i] : x));
      const spread = square.map((x, i) => (centered ? max(x - mean[i] * mean[i], 0) : x));
      const velocity = state.velocity.map((x, i) => momentum * x + grad[i] / (sqrt(spread[i]) + eps));
      return [params.map((x, i) => x - lr * velocity[i]), { square, mean, velocity }];
    },
  }),

  Adadelta: ({ decay = 0.9, eps = 1e-6 }) => ({
    init: (params) => ({ square: zeros(params), moved: zeros(params) }),
    step(params, grad, state, lr) {
      const square = state.square.map((x, i) => decay * x + (1 - decay) * (grad[i] * grad[i]));
      const delta = grad.map((g, i) => (sqrt(state.moved[i] + eps) / sqrt(square[i] + eps)) * g);
      const moved = state.moved.map((x, i) => decay * x + (1 - decay) * (delta[i] * delta[i]));
      return [params.map((x, i) => x - lr * delta[i]), { square, moved }];
    },
  }),

  Adam: ({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8, amsgrad = false }) => ({
    init: (params) => ({ t: 0, m: zeros(params), v: zeros(params), largest: zeros(params) }),
    step(params, grad, state, lr) {
      const t = state.t + 1;
      const m = state.m.map((x, i) => beta1 * x + (1 - beta1) * grad[i]);
      const v = state.v.map((x, i) => beta2 * x + (1 - beta2) * (grad[i] * grad[i]));
      const largest = amsgrad ? state.largest.map((x, i) => max(x, v[i])) : v;
      const correct1 = 1 - beta1 ** t, correct2 = 1 - beta2 ** t;
      const next = params.map((x, i) => x - (lr * (m[i] / correct1)) / (sqrt(largest[i] / correct2) + eps));
      return [next, { t, m, v, largest }];
    },
  }),

  AdamW: ({ weight_decay = 0.01, ...settings }) => {
    const adam = methods.Adam(settings);
    const step = (params, grad, state, lr) => adam.step(params.map((x) => (1 - lr * weight_decay) * x), grad, state, lr);
    return { init: adam.init, step };
  },
};

// { name: "HeavyBall", momentum: 0.9 } -> its rule
export const makeMethod = (spec) => methods[spec.name](spec);

// ---- objectives: settings -> { dim, loss(params), grad(params), hessian(params) } ----

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const sigmoid = (z) => (1 + tanh(z / 2)) / 2;

// What LinearRegression and LogisticRegression share: the mean (times weight) over rows of slope_i x_i.
const rowGradient = (X, slope, weight) => X[0].map((_, j) => X.reduce((sum, row, i) => sum + row[j] * slope[i], 0) * weight);

export const objectives = {
  Quadratic: ({ matrix, center = zeros(matrix) }) => {
    const offset = (params) => params.map((x, i) => x - center[i]);
    const times = (v) => matrix.map((row) => dot(row, v));
    return {
      dim: matrix.length,
      minimum: center,
      loss: (params) => dot(offset(params), times(offset(params))) / 2,
      grad: (params) => times(offset(params)),
      hessian: () => matrix,
    };
  },

  Rosenbrock: ({ a = 1, b = 100 } = {}) => ({
    dim: 2,
    minimum: [a, a * a],
    loss: ([x, y]) => (a - x) * (a - x) + b * ((y - x * x) * (y - x * x)),
    grad: ([x, y]) => [-2 * (a - x) - 4 * b * x * (y - x * x), 2 * b * (y - x * x)],
    hessian: ([x, y]) => [[2 - 4 * b * (y - 3 * (x * x)), -4 * b * x], [-4 * b * x, 2 * b]],
  }),

  Beale: () => {
    const residuals = (x, y) => [[1.5, 1], [2.25, 2], [2.625, 3]].map(([c, p]) => [c - x + x * y ** p, p]);
    return {
      dim: 2,
      minimum: [3, 0.5],
      loss: ([x, y]) => residuals(x, y).reduce((sum, [r]) => sum + r * r, 0),
      grad([x, y]) {
        const rs = residuals(x, y);
        return [
          rs.reduce((sum, [r, p]) => sum + 2 * r * (y ** p - 1), 0),
          rs.reduce((sum, [r, p]) => sum + 2 * r * p * x * y ** (p - 1), 0),
        ];
      },
      hessian([x, y]) {
        const second = [[0, 0], [0, 0]];
        for (const [r, p] of residuals(x, y)) {
          const slope = [y ** p - 1, p * x * y ** (p - 1)];
          const cross = p * y ** (p - 1), bend = p * (p - 1) * x * y ** max(p - 2, 0);
          const own = [[0, cross], [cross, bend]];
          for (const i of [0, 1]) for (const j of [0, 1]) second[i][j] += 2 * (slope[i] * slope[j]) + 2 * r * own[i][j];
        }
        return second;
      },
    };
  },

  LinearRegression: ({ X, y, reduction = "mean" }) => {
    const rows = X.length, weight = reduction === "mean" ? 1 : rows;
    const residuals = (params) => X.map((row, i) => dot(row, params) - y[i]);
    return {
      dim: X[0].length,
      loss: (params) => (residuals(params).reduce((sum, r) => sum + r * r, 0) / rows) * weight,
      grad: (params) => rowGradient(X, residuals(params).map((r) => 2 * r), weight / rows),
      hessian: () => X[0].map((_, j) => rowGradient(X, X.map((row) => 2 * row[j]), weight / rows)),
    };
  },

  LogisticRegression: ({ X, y, l2 = 0 }) => {
    const rows = X.length;
    const outputs = (params) => X.map((row) => dot(row, params));
    const softplus = (z) => max(z, 0) + log1p(exp(-abs(z)));
    return {
      dim: X[0].length,
      loss: (params) =>
        outputs(params).reduce((sum, z, i) => sum + (softplus(z) - y[i] * z), 0) / rows + (l2 / 2) * dot(params, params),
      grad(params) {
        const slope = outputs(params).map((z, i) => sigmoid(z) - y[i]);
        return rowGradient(X, slope, 1 / rows).map((g, j) => g + l2 * params[j]);
      },
      hessian(params) {
        const p = outputs(params).map(sigmoid);
        const one = (j) => rowGradient(X, X.map((row, i) => row[j] * (p[i] * (1 - p[i]))), 1 / rows);
        return X[0].map((_, j) => one(j).map((h, k) => h + (j === k ? l2 : 0)));
      },
    };
  },
};

// { name: "Quadratic", matrix: [[1, 0], [0, 10]] } -> its loss, gradient and curvature
export const makeObjective = (spec) => objectives[spec.name](spec);

// ---- runs ----

// As lrlab.minimize for one run: { params, loss, lr }, with steps + 1, steps + 1 and steps entries. `noise(t)` is added
// to the gradient of step t.
export function minimize(objective, start, method, schedule, steps, noise = null) {
  const params = [start], loss = [objective.loss(start)], lr = [];
  let state = method.init(start);
  for (let t = 0; t < steps; t += 1) {
    let next;
    let grad = objective.grad(params[t]);
    if (noise) {
      const drawn = noise(t);
      grad = grad.map((g, i) => g + drawn[i]);
    }
    lr.push(schedule(t));
    [next, state] = method.step(params[t], grad, state, lr[t]);
    params.push(next);
    loss.push(objective.loss(next));
  }
  return { params, loss, lr };
}

// The eigenvalues of a symmetric 2 x 2 matrix, the smaller first.
export function eigenvalues2([[a, b], [, d]]) {
  const middle = (a + d) / 2, radius = sqrt(((a - d) / 2) ** 2 + b * b);
  return [middle - radius, middle + radius];
}
