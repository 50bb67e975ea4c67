// Stochastic gradients around a minimum: the cloud, its size in theory and as measured.
import { contourPath, figure, format, linePath, plot } from "./draw.js";
import { noisyDescent, normals } from "./noise.js";

const CURVATURE = [1, 4], START = [2.4, 1.8], RUNS = 160, STEPS = 150, TAIL = 30, SEED = 2, SPAN = 1.5;
let draws = null;

// Measured sizes are root mean squares of the distance to the minimum, over all runs and the last steps.
export function compute(get) {
  draws ??= normals(SEED, STEPS * CURVATURE.length * RUNS);
  const lr = get("lr"), noise = get("noise") / Math.sqrt(get("batch"));
  const run = noisyDescent({ curvature: CURVATURE, start: START, rates: Array(STEPS).fill(lr), noise, runs: RUNS, draws, tail: TAIL });
  const square = (i) => run.points.reduce((sum, p) => sum + p.subarray(i * RUNS, (i + 1) * RUNS).reduce((a, x) => a + x * x, 0), 0);
  const measured = CURVATURE.map((_, i) => Math.sqrt(square(i) / (run.points.length * RUNS)));
  const predicted = CURVATURE.map((c) => (lr * c < 2 ? Math.sqrt((lr * noise * noise) / (c * (2 - lr * c))) : Infinity));
  const floor = CURVATURE.reduce((sum, c, i) => sum + (c * predicted[i] * predicted[i]) / 2, 0);
  const last = run.loss.slice(-TAIL).reduce((a, b) => a + b, 0) / TAIL;
  return { lr, noise, ...run, measured, predicted, floor, last };
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  let now = compute(get);

  function draw(stage, width) {
    const wide = width > 600, tall = wide ? 340 : 300, half = wide ? Math.round(width * 0.5) : width;
    const range = [-SPAN, SPAN];
    const map = plot(stage, { box: [0, 0, half, tall], x: range, y: range, xLabel: "θ₁", yLabel: "θ₂" });
    const rings = map.add("contour"), cloud = map.add("dots", { opacity: 0.45 });
    rings.setAttribute("d", contourPath(map, ([x, y]) => (CURVATURE[0] * x * x + CURVATURE[1] * y * y) / 2, 10));
    const theory = map.add("curve", { "stroke-dasharray": "5 4" }), measured = map.add("path", { style: "--c: var(--orange)" });
    const one = map.add("path", { style: "--c: var(--green); stroke-width: 1", "stroke-opacity": 0.8 });
    const box = wide ? [half + 10, 0, width - half - 10, tall] : [0, tall + 6, width, 220];
    const panel = plot(stage, { box, x: [0, STEPS], y: [1e-3, 30], yLog: true, xLabel: "step t", yLabel: "mean loss" });
    const floor = panel.add("path", { style: "--c: currentColor", "stroke-dasharray": "5 4" }), loss = panel.add("path", { style: "--c: var(--orange)" });
    map.key([["ink", "predicted", "5 4"], ["orange", "measured"]]);
    panel.key([["ink", "predicted floor", "5 4"], ["orange", "measured"]]);
    const ellipse = (sizes) => linePath(Array.from({ length: 73 }, (_, k) => [
      map.x(2 * sizes[0] * Math.cos((k * Math.PI) / 36)), map.y(2 * sizes[1] * Math.sin((k * Math.PI) / 36))]));

    return () => {
      now = compute(get);
      map.dots(cloud, Array.from({ length: RUNS }, (_, s) => [now.params[s], now.params[RUNS + s]]), 2.4);
      map.line(one, now.points.map((p) => [p[0], p[RUNS]]));
      theory.setAttribute("d", now.predicted.every(Number.isFinite) ? ellipse(now.predicted) : "");
      measured.setAttribute("d", now.measured.every(Number.isFinite) ? ellipse(now.measured) : "");
      panel.line(loss, now.loss.map((v, t) => [t, v > 0 ? v : NaN]));
      panel.line(floor, now.floor > 0 ? [[0, now.floor], [STEPS, now.floor]] : []);
    };
  }

  const pair = (values) => values.map((v) => format(v)).join(" and ");
  return figure({
    model, el, signal, draw,
    title: "Noise and the floor",
    height: (width) => (width > 600 ? 340 : 526),
    controls: [
      { trait: "lr", label: "rate <i>η</i>", min: 0.01, max: 0.6, log: true, typed: [1e-6, 10] },
      { trait: "batch", label: "batch size <i>B</i>", min: 1, max: 256, log: true, typed: [1, 1e6], whole: true },
      { trait: "noise", label: "noise of one example <i>σ</i>", min: 0, max: 4, step: 0.1, typed: [0, 100] },
    ],
    tries: [
      "<b>Try</b> halving the rate, then going back and doubling the batch: the cloud shrinks in the same way. Then take both up together.",
      "<b>Notice</b> that the loss falls quickly to a floor and stays there: each dot is one run, and the runs never come to rest. A smaller rate buys a lower floor with more steps.",
    ],
    readout: () => `Gradient noise <i>σ</i>/√<i>B</i> = ${format(now.noise)}. Size of the cloud in the two directions: predicted ${pair(now.predicted)},
      measured <b>${pair(now.measured)}</b>. The floor of the loss: predicted ${format(now.floor)}, measured <b>${format(now.last)}</b>.`,
    says: () => `Rate ${format(now.lr)}, batch ${get("batch")}: predicted floor ${format(now.floor)}, measured ${format(now.last)}.`,
  });
}
