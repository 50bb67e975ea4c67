// lrlab/optimizers once more, in the same order of operations: the tests hold both equal, bit by bit where the
// operations allow. Names and settings are those of the Python classes.

const { abs, max, sign, sqrt } = Math;
const zeros = (params) => params.map(() => 0);
const sum = (values) => values.reduce((a, b) => a + b, 0);
const length = (values) => sqrt(sum(values.map((x) => x * x)));
const divisor = (size) => size + (size === 0);
const larger = (estimate, d) => (estimate > d ? estimate : d);
const ratio = (layer, step) => (layer > 0 && step > 0 ? layer / divisor(step) : 1);

// The first and second moments of Adam and its kin.
const moments = ({ t, m, v }, grad, beta1, beta2) => ({
  t: t + 1,
  m: m.map((x, i) => beta1 * x + (1 - beta1) * grad[i]),
  v: v.map((x, i) => beta2 * x + (1 - beta2) * (grad[i] * grad[i])),
});

// What the schedule-free methods do with their fast point z.
function average(z, state, lr, beta) {
  const total = state.total + lr * lr, c = (lr * lr) / divisor(total);
  const x = state.x.map((p, i) => (1 - c) * p + c * z[i]);
  return { y: z.map((p, i) => (1 - beta) * p + beta * x[i]), z, x, total };
}

// settings -> { init(params), step(params, grad, state, lr) -> [params, state] }, and `judged(params, state)` where the point to
// judge is not the one that moves
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
      const { t, m, v } = moments(state, grad, beta1, beta2);
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

  NAdam: ({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8, momentum_decay = 0.004 }) => {
    const mu = (t) => beta1 * (1 - 0.5 * 0.96 ** (momentum_decay * t));
    return {
      init: (params) => ({ t: 0, m: zeros(params), v: zeros(params), product: 1 }),
      step(params, grad, state, lr) {
        const { t, m, v } = moments(state, grad, beta1, beta2), product = state.product * mu(t);
        const next = mu(t + 1) / (1 - product * mu(t + 1)), now = (1 - mu(t)) / (1 - product), correct2 = 1 - beta2 ** t;
        const step = (i) => (lr * (next * m[i] + now * grad[i])) / (sqrt(v[i] / correct2) + eps);
        return [params.map((x, i) => x - step(i)), { t, m, v, product }];
      },
    };
  },

  RAdam: ({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }) => ({
    init: (params) => ({ t: 0, m: zeros(params), v: zeros(params) }),
    step(params, grad, state, lr) {
      const { t, m, v } = moments(state, grad, beta1, beta2), correct1 = 1 - beta1 ** t, correct2 = 1 - beta2 ** t;
      const last = 2 / (1 - beta2) - 1, rho = last - (2 * t * beta2 ** t) / correct2;
      const r = sqrt(((rho - 4) * (rho - 2) * last) / ((last - 4) * (last - 2) * rho));
      const direction = (i) => (rho > 5 ? (r * sqrt(correct2) * (m[i] / correct1)) / (sqrt(v[i]) + eps) : m[i] / correct1);
      return [params.map((x, i) => x - lr * direction(i)), { t, m, v }];
    },
  }),

  Adamax: ({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }) => ({
    init: (params) => ({ t: 0, m: zeros(params), v: zeros(params) }),
    step(params, grad, state, lr) {
      const t = state.t + 1, rate = lr / (1 - beta1 ** t);
      const m = state.m.map((x, i) => beta1 * x + (1 - beta1) * grad[i]);
      const v = state.v.map((x, i) => max(beta2 * x, abs(grad[i]) + eps));
      return [params.map((x, i) => x - (rate * m[i]) / v[i]), { t, m, v }];
    },
  }),

  Lion: ({ beta1 = 0.9, beta2 = 0.99, weight_decay = 0 }) => ({
    init: zeros,
    step(params, grad, state, lr) {
      const direction = state.map((x, i) => sign(beta1 * x + (1 - beta1) * grad[i]));
      const m = state.map((x, i) => beta2 * x + (1 - beta2) * grad[i]);
      return [params.map((x, i) => (1 - lr * weight_decay) * x - lr * direction[i]), m];
    },
  }),

  LARS: ({ momentum = 0.9, weight_decay = 0, trust = 0.001 }) => ({
    init: zeros,
    step(params, grad, state, lr) {
      const scale = ratio(trust * length(params), length(grad) + weight_decay * length(params));
      const velocity = state.map((x, i) => momentum * x + lr * scale * (grad[i] + weight_decay * params[i]));
      return [params.map((x, i) => x - velocity[i]), velocity];
    },
  }),

  LAMB: ({ beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 0 }) => ({
    init: (params) => ({ t: 0, m: zeros(params), v: zeros(params) }),
    step(params, grad, state, lr) {
      const { t, m, v } = moments(state, grad, beta1, beta2), correct1 = 1 - beta1 ** t, correct2 = 1 - beta2 ** t;
      const update = params.map((x, i) => m[i] / correct1 / (sqrt(v[i] / correct2) + eps) + weight_decay * x);
      const scale = ratio(length(params), length(update));
      return [params.map((x, i) => x - lr * scale * update[i]), { t, m, v }];
    },
  }),

  DAdaptSGD: ({ momentum = 0.9, d0 = 1e-6 }) => ({
    init: (params) => ({ z: params, s: zeros(params), total: 0, d: d0, first: 0 }),
    step(params, grad, state, lr) {
      const first = state.first > 0 ? state.first : length(grad);
      const rate = (state.d * lr) / divisor(first);
      const total = state.total + rate * sum(grad.map((g, i) => g * state.s[i]));
      const s = state.s.map((x, i) => x + rate * grad[i]);
      const z = state.z.map((x, i) => x - rate * grad[i]);
      const d = larger((2 * total) / divisor(length(s)), state.d);
      return [params.map((x, i) => momentum * x + (1 - momentum) * z[i]), { z, s, total, d, first }];
    },
  }),

  Prodigy: ({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, d0 = 1e-6 }) => ({
    init: (params) => ({ m: zeros(params), v: zeros(params), r: 0, s: zeros(params), d: d0, start: params }),
    step(params, grad, state, lr) {
      const { d, start } = state, beta3 = sqrt(beta2), d2 = d * d;
      const m = state.m.map((x, i) => beta1 * x + (1 - beta1) * d * grad[i]);
      const v = state.v.map((x, i) => beta2 * x + (1 - beta2) * d2 * (grad[i] * grad[i]));
      const r = beta3 * state.r + (1 - beta3) * lr * d2 * sum(grad.map((g, i) => g * (start[i] - params[i])));
      const s = state.s.map((x, i) => beta3 * x + (1 - beta3) * lr * d2 * grad[i]);
      const next = params.map((x, i) => (1 - lr * d * weight_decay) * x - (lr * d * m[i]) / (sqrt(v[i]) + d * eps));
      return [next, { m, v, r, s, d: larger(r / divisor(sum(s.map(abs))), d), start }];
    },
  }),

  ScheduleFreeSGD: ({ beta = 0.9 }) => ({
    init: (params) => ({ z: params, x: params, total: 0 }),
    judged: (params, state) => state.x,
    step(params, grad, state, lr) {
      const z = state.z.map((p, i) => p - lr * grad[i]);
      const { y, ...next } = average(z, state, lr, beta);
      return [y, next];
    },
  }),

  ScheduleFreeAdamW: ({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0 }) => ({
    init: (params) => ({ t: 0, z: params, x: params, total: 0, v: zeros(params) }),
    judged: (params, state) => state.x,
    step(params, grad, state, lr) {
      const t = state.t + 1, correct2 = 1 - beta2 ** t;
      const v = state.v.map((x, i) => beta2 * x + (1 - beta2) * (grad[i] * grad[i]));
      const z = state.z.map((p, i) => p - lr * (grad[i] / (sqrt(v[i] / correct2) + eps) + weight_decay * params[i]));
      const { y, ...next } = average(z, state, lr, beta1);
      return [y, { t, v, ...next }];
    },
  }),

  PolyakAverage: ({ method, start = 0 }) => {
    const inner = makeMethod(method);
    return {
      init: (params) => ({ t: 0, inner: inner.init(params), mean: params }),
      judged: (params, state) => state.mean,
      step(params, grad, state, lr) {
        const t = state.t + 1, n = max(t - start, 1), [next, after] = inner.step(params, grad, state.inner, lr);
        const point = inner.judged?.(next, after) ?? next;
        return [next, { t, inner: after, mean: state.mean.map((x, i) => ((n - 1) * x + point[i]) / n) }];
      },
    };
  },

  EMA: ({ method, decay }) => {
    const inner = makeMethod(method);
    return {
      init: (params) => ({ inner: inner.init(params), mean: params }),
      judged: (params, state) => state.mean,
      step(params, grad, state, lr) {
        const [next, after] = inner.step(params, grad, state.inner, lr);
        const point = inner.judged?.(next, after) ?? next;
        return [next, { inner: after, mean: state.mean.map((x, i) => decay * x + (1 - decay) * point[i]) }];
      },
    };
  },

  L2: ({ method, weight_decay }) => {
    const inner = makeMethod(method);
    return { ...inner, step: (params, grad, state, lr) =>
      inner.step(params, grad.map((g, i) => g + weight_decay * params[i]), state, lr) };
  },
};

// { name: "HeavyBall", momentum: 0.9 } -> its rule
export const makeMethod = ({ name, ...settings }) => methods[name](settings);
