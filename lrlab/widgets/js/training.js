// lrlab.minimize once more, for one run.

// { params, loss, rates } with steps + 1, steps + 1 and steps entries. `noise(t)` is added to the gradient of step t.
export function minimize(objective, start, method, schedule, steps, noise = null) {
  const judged = (params, state) => method.judged?.(params, state) ?? params;
  const points = [], loss = [], rates = [];
  let params = start, state = method.init(start);
  for (let t = 0; ; t += 1) {
    const point = judged(params, state);
    points.push(point);
    loss.push(objective.loss(point));
    if (t === steps) return { params: points, loss, rates };
    let grad = objective.grad(params);
    if (noise) {
      const drawn = noise(t);
      grad = grad.map((g, i) => g + drawn[i]);
    }
    rates.push(schedule(t));
    [params, state] = method.step(params, grad, state, rates[t]);
  }
}
