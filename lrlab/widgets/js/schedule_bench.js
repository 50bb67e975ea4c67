// A bench for schedules: their shape, their knots, and what they do to the loss of a noisy bowl.
import { clamp, figure, format, handle, plot } from "./draw.js";
import { noisyDescent, normals } from "./noise.js";
import { makeSchedule } from "./schedules.js";

const CURVATURE = [1, 10], START = [2, 1], RUNS = 64, SEED = 1;

// The whole schedule as a spec, from peak, end, warm-up, the knee in the middle and the number of steps.
const climb = (body) => ({ lr, lr_min, warmup, knee, steps }) => {
  const schedule = body({ lr, lr_min, knee, steps: Math.max(steps - warmup, 1) });
  return warmup ? { name: "Warmup", schedule, steps: warmup } : schedule;
};
const SHAPES = {
  constant: { make: climb(({ lr }) => ({ name: "Constant", lr })) },
  "step decay": { knee: true, make: climb(({ lr, knee }) => ({ name: "StepDecay", lr, gamma: 0.3, every: knee })) },
  linear: { end: true, make: climb(({ lr, lr_min, steps }) => ({ name: "Linear", lr, steps, lr_min })) },
  polynomial: { end: true, make: climb(({ lr, lr_min, steps }) => ({ name: "Polynomial", lr, steps, power: 2, lr_min })) },
  cosine: { end: true, make: climb(({ lr, lr_min, steps }) => ({ name: "Cosine", lr, steps, lr_min })) },
  exponential: { knee: true, make: climb(({ lr, knee }) => ({ name: "Exponential", lr, rate: 1 / knee })) },
  "inverse time": { knee: true, make: climb(({ lr, knee }) => ({ name: "InverseTime", lr, scale: knee })) },
  "inverse square root": { knee: true, make: climb(({ lr, knee }) => ({ name: "InversePower", lr, scale: knee, power: 0.5 })) },
  "stable, then decay": { knee: true, end: true, make: climb(({ lr, lr_min, knee, steps }) => ({
    name: "WarmupStableDecay", lr, warmup: 0, stable: Math.min(knee, steps - 1), decay: Math.max(steps - knee, 1), lr_min })) },
  "cosine with restarts": { knee: true, end: true, make: climb(({ lr, lr_min, knee }) => ({
    name: "CosineRestarts", lr, steps: knee, multiplier: 2, lr_min })) },
  triangles: { knee: true, end: true, make: climb(({ lr, lr_min, knee }) => ({
    name: "Triangular", lr_min, lr_max: lr, half_cycle: knee })) },
  "one cycle": { make: ({ lr, warmup, steps }) => ({ name: "OneCycle", lr_max: lr, steps, pct_start: warmup / steps }) },
};

let draws = new Float64Array();
export function compute(get) {
  const settings = Object.fromEntries(["lr", "warmup", "knee", "steps", "noise"].map((trait) => [trait, get(trait)]));
  settings.lr_min = Math.min(get("lr_min"), settings.lr);
  settings.warmup = Math.min(settings.warmup, settings.steps);
  const { steps, noise, lr } = settings, spec = SHAPES[get("shape")].make(settings), schedule = makeSchedule(spec);
  const needed = steps * CURVATURE.length * RUNS;
  if (draws.length < needed) draws = normals(SEED, needed);
  const rates = Array.from({ length: steps }, (_, t) => schedule(t));
  const run = (given) => noisyDescent({ curvature: CURVATURE, start: START, rates: given, noise, runs: RUNS, draws }).loss;
  const tail = Math.max(Math.round(steps / 10), 1);
  const mean = (loss) => loss.slice(-tail).reduce((a, b) => a + b, 0) / tail;
  const loss = run(rates), plain = run(rates.map(() => lr));
  const sum = rates.reduce((a, b) => a + b, 0), squares = rates.reduce((a, b) => a + b * b, 0);
  return { ...settings, spec, schedule, rates, loss, plain, final: mean(loss), plainFinal: mean(plain), sum, squares };
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  const uses = () => SHAPES[get("shape")];
  let now = compute(get);

  function draw(stage, width, bind) {
    const wide = width > 600, tall = wide ? 300 : 240, half = wide ? Math.round(width * 0.54) : width;
    const rate = plot(stage, { box: [0, 0, half, tall], x: [0, 1], y: [0, 1], xLabel: "step t", yLabel: "rate η(t)" });
    const edge = rate.add("path", { style: "--c: currentColor", "stroke-dasharray": "4 3", "stroke-opacity": 0.6 });
    const area = rate.add("area"), line = rate.add("path", { style: "stroke-width: 2.4" });
    const box = wide ? [half + 10, 0, width - half - 10, tall] : [0, tall + 6, width, 220];
    const panel = plot(stage, { box, x: [0, 1], y: [0.01, 10], yLog: true, xLabel: "step t", yLabel: "mean loss" });
    const plain = panel.add("path", { style: "--c: var(--gray)" }), loss = panel.add("path");
    panel.key([["blue", "this schedule"], ["gray", "constant"]]);
    rate.key([["ink", "edge 2/λ", "4 3"]]);
    const top = () => Math.max(0.22, get("lr") * 1.05);
    const near3 = (v) => Number(v.toPrecision(3));
    const put = {
      peak: (t, lr) => bind.set({ warmup: clamp(Math.round(t), 0, get("steps") - 1), lr: clamp(near3(lr), 1e-4, 0.22) }),
      knee: (t) => bind.set({ knee: clamp(Math.round(t) - now.warmup, 1, get("steps")) }),
      end: (lr) => bind.set({ lr_min: clamp(near3(lr), 0, get("lr")) }),
    };
    const knots = {
      peak: handle(rate, { label: "peak: warm-up steps and rate", min: 0, max: "", color: "blue",
        place: (px, py) => put.peak(rate.x.invert(px), rate.y.invert(py)), nudge: (dx, dy) => put.peak(get("warmup") + dx, get("lr") + 0.001 * dy) }),
      knee: handle(rate, { label: "knee: its step", min: 0, max: "", color: "green",
        place: (px) => put.knee(rate.x.invert(px)), nudge: (dx, dy) => put.knee(now.warmup + get("knee") + dx + dy) }),
      end: handle(rate, { label: "rate at the end", min: 0, max: "", color: "purple",
        place: (px, py) => put.end(rate.y.invert(py)), nudge: (dx, dy) => put.end(get("lr_min") + 0.001 * (dx + dy)) }),
    };

    return () => {
      now = compute(get);
      const { steps, rates, schedule, warmup, knee } = now;
      rate.range([0, steps], [0, top()]);
      panel.range([0, steps], [0.001, 10]);
      rate.line(edge, [[0, 2 / CURVATURE[1]], [steps, 2 / CURVATURE[1]]]);
      const points = Array.from({ length: steps * 2 + 1 }, (_, k) => [k / 2, schedule(k / 2)]);
      rate.line(line, points);
      rate.line(area, [[0, 0], ...points, [steps, 0]]);
      for (const [node, values] of [[plain, now.plain], [loss, now.loss]]) panel.line(node, values.map((v, t) => [t, v]));
      const at = Math.min(warmup + knee, steps);
      knots.peak.show(rate.x(warmup), rate.y(now.lr), warmup, `${warmup} steps, rate ${format(now.lr)}`);
      knots.knee.show(rate.x(at), rate.y(schedule(at)), at, `step ${at}`);
      knots.end.show(rate.x(steps), rate.y(schedule(steps)), now.lr_min, format(now.lr_min));
      knots.knee.node.style.display = uses().knee ? "" : "none";
      knots.end.node.style.display = uses().end ? "" : "none";
    };
  }

  return figure({
    model, el, signal, draw,
    title: "The schedule bench",
    height: (width) => (width > 600 ? 300 : 466),
    controls: [
      { trait: "shape", label: "shape", options: Object.keys(SHAPES).map((name) => [name, name]) },
      { trait: "lr", label: "peak rate <i>η</i>", min: 0.001, max: 0.22, step: 0.001, typed: [1e-6, 10] },
      { trait: "warmup", label: "warm-up steps", min: 0, max: 100, step: 1, typed: [0, 5000] },
      { trait: "knee", label: "knee, steps after it", color: "green", min: 1, max: 300, step: 1, typed: [1, 5000], works: () => Boolean(uses().knee) },
      { trait: "lr_min", label: "rate at the end", color: "purple", min: 0, max: 0.1, step: 0.001, typed: [0, 10], works: () => Boolean(uses().end) },
      { trait: "noise", label: "gradient noise <i>σ</i>", min: 0, max: 3, step: 0.05, typed: [0, 100] },
      { trait: "steps", label: "steps", min: 20, max: 400, step: 1, typed: [2, 2000] },
    ],
    tries: [
      "<b>Try</b> the shapes one after another, then drag the colored knots; set the noise to zero and look again.",
      "<b>Notice</b> that with noise the loss stops at a floor that follows the rate down, and that without noise the schedule is only in the way.",
    ],
    readout: () => `Over the last tenth of the run the mean loss is <b>${format(now.final)}</b>, at the constant rate ${format(now.plainFinal)}.
      The rates add up to ∑<i>η</i> = ${format(now.sum)}, their squares to ∑<i>η</i>² = ${format(now.squares)}. (Curvatures ${CURVATURE.join(" and ")}, mean of ${RUNS} runs.)`,
    says: () => `${get("shape")}, peak ${format(now.lr)}: final loss ${format(now.final)}, with the constant rate ${format(now.plainFinal)}; sum of rates ${format(now.sum)}.`,
  });
}
