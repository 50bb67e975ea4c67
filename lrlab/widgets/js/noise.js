// Gradient noise that is the same in lrlab and here: a normal number for each seed and count, and runs that use them.
const { cos, imul, log, PI, sqrt } = Math;

function mix(x) {
  let h = x >>> 0;
  h = imul(h ^ (h >>> 16), 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
const uniform = (x) => (mix(x) + 0.5) / 2 ** 32;

// The first `length` normal numbers of a seed.
export function normals(seed, length) {
  const from = imul(seed, 0x9e3779b9);
  return Float64Array.from({ length }, (_, k) => sqrt(-2 * log(uniform(from + 2 * k))) * cos(2 * PI * uniform(from + 2 * k + 1)));
}

// Gradient descent down a bowl with these curvatures, `runs` times with different noise, as lrlab.minimize does it with the
// draws laid out (step, coordinate, run). Returns the mean loss after each step and all points of the last `tail` steps.
export function noisyDescent({ curvature, start, rates, noise, runs, draws, tail = 0 }) {
  const d = curvature.length, params = Float64Array.from({ length: d * runs }, (_, k) => start[Math.floor(k / runs)]);
  const loss = [], points = [];
  for (let t = 0; ; t += 1) {
    let total = 0;
    for (let s = 0; s < runs; s += 1) {
      let one = 0;
      for (let i = 0; i < d; i += 1) one += params[i * runs + s] * (curvature[i] * params[i * runs + s]);
      total += one / 2;
    }
    loss.push(total / runs);
    if (t > rates.length - tail) points.push(params.slice());
    if (t === rates.length) return { loss, points, params };
    for (let k = 0; k < d * runs; k += 1) {
      params[k] -= rates[t] * (curvature[Math.floor(k / runs)] * params[k] + noise * draws[t * d * runs + k]);
    }
  }
}
