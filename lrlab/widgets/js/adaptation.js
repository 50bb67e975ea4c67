// What AdaGrad, RMSProp and Adam make of one rate: an effective rate for each coordinate, at each step.
import { figure, format, plot } from "./draw.js";
import { landscape, objectiveOf, startControl } from "./landscapes.js";
import { makeMethod } from "./optimizers.js";
import { minimize } from "./training.js";

// The effective rate times the curvature that Adam bears with β₁ = 0.9: 2 (1 + β₁) / (1 − β₁). Without momentum it is 2.
const ADAM_EDGE = 38;

const spec = (get) => {
  const name = get("method"), eps = get("eps"), decay = get("decay");
  if (name === "AdaGrad") return { name, eps };
  return name === "RMSProp" ? { name, decay, eps } : { name, beta2: decay, eps };
};

// The effective rate is what multiplies the gradient (for Adam, its corrected mean). `plain` leaves out the correction.
export function compute(get) {
  const objective = objectiveOf(get("objective")), [lr, decay, eps, name, steps] = ["lr", "decay", "eps", "method", "steps"].map(get);
  const run = minimize(objective, get("start"), makeMethod(spec(get)), () => lr, steps);
  const rates = [], plain = [];
  let square = [0, 0];
  for (let t = 0; t < steps; t += 1) {
    const grad = objective.grad(run.params[t]);
    square = square.map((x, i) => (name === "AdaGrad" ? x + grad[i] * grad[i] : decay * x + (1 - decay) * (grad[i] * grad[i])));
    const corrected = name === "Adam" ? 1 - decay ** (t + 1) : 1;
    rates.push(square.map((x) => lr / (Math.sqrt(x / corrected) + eps)));
    plain.push(square.map((x) => lr / (Math.sqrt(x) + eps)));
  }
  return { lr, name, steps, ...run, rates, plain };
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  let now = compute(get);

  function draw(stage, width, bind) {
    const wide = width > 600, tall = wide ? 340 : 280, half = wide ? Math.round(width * 0.44) : width;
    const map = landscape(stage, [0, 0, half, tall], bind, "start of the descent");
    const path = map.add("path", { style: "stroke-width: 1.2" }), dots = map.add("dots");
    const box = wide ? [half + 10, 0, width - half - 10, tall] : [0, tall + 6, width, 260];
    const panel = plot(stage, { box, x: [0, 1], y: [1, 10], yLog: true, xLabel: "step t", yLabel: "effective rate" });
    const colors = ["orange", "purple"];
    const plain = colors.map((c) => panel.add("path", { style: `--c: var(--${c})`, "stroke-dasharray": "2 3" }));
    const lines = colors.map((c) => panel.add("path", { style: `--c: var(--${c})` })), edges = colors.map((c) => panel.add("path", { style: `--c: var(--${c}); stroke-width: 1`, "stroke-dasharray": "6 3" }));

    return () => {
      now = compute(get);
      map.update(format);
      map.line(path, now.params);
      map.dots(dots, now.params.slice(1), 2);
      const curvature = objectiveOf(get("objective")).hessian(get("start")), limit = [0, 1].map((i) => (now.name === "Adam" ? ADAM_EDGE : 2) / curvature[i][i]);
      const shown = [...now.rates, ...(now.name === "Adam" ? now.plain : []), limit].flat().filter((v) => v > 0 && Number.isFinite(v));
      panel.range([0, now.steps], [10 ** Math.floor(Math.log10(Math.min(...shown)) - 0.05), 10 ** Math.ceil(Math.log10(Math.max(...shown)) + 0.05)]);
      for (const i of [0, 1]) {
        panel.line(lines[i], now.rates.map((r, t) => [t + 1, r[i]]));
        panel.line(plain[i], now.name === "Adam" ? now.plain.map((r, t) => [t + 1, r[i]]) : []);
        panel.line(edges[i], limit[i] > 0 ? [[0, limit[i]], [now.steps, limit[i]]] : []);
      }
      const extra = now.name === "Adam" ? [["ink", "no correction", "2 3"]] : [];
      panel.key([["orange", "θ₁"], ["purple", "θ₂"], ...extra, ["ink", "edge", "6 3"]]);
    };
  }

  const pair = (values) => values.map((v) => format(v)).join(" and ");
  return figure({
    model, el, signal, draw,
    title: "What adaptation does",
    height: (width) => (width > 600 ? 340 : 546),
    controls: [
      { trait: "method", label: "method", options: [["AdaGrad", "AdaGrad"], ["RMSProp", "RMSProp"], ["Adam", "Adam"]] },
      { trait: "lr", label: "rate <i>η</i>", min: 1e-3, max: 2, log: true, typed: [1e-8, 100] },
      { trait: "decay", label: "memory of squares <i>β</i>₂", min: 0.5, max: 0.999, step: 0.001, typed: [0, 0.99999], works: () => get("method") !== "AdaGrad" },
      { trait: "eps", label: "<i>ε</i>", min: 1e-10, max: 10, log: true, typed: [1e-16, 1e3] },
      startControl(model),
      { trait: "steps", label: "steps", min: 5, max: 300, step: 1, typed: [1, 2000] },
    ],
    tries: [
      "<b>Try</b> Adam with <i>β</i>₂ near one and compare the solid line with the dotted one, which lacks the bias correction. Then raise <i>ε</i> until the two coordinates have the same rate.",
      "<b>Notice</b> that the steep coordinate gets a small rate and the flat one a large rate, so that both move alike, and that with RMSProp and Adam rates grow as gradients vanish, up to the dashed edge of stability or until <i>ε</i> holds them.",
    ],
    readout: () => `The effective rates of <i>θ</i>₁ and <i>θ</i>₂ are ${pair(now.rates[0])} at the first step and <b>${pair(now.rates.at(-1))}</b> at the last.
      ${now.name === "Adam" ? `Without the correction the first would be ${pair(now.plain[0])}. ` : ""}After ${now.steps} steps the loss is ${format(now.loss.at(-1))}.`,
    says: () => `${now.name}, rate ${format(now.lr)}: effective rates ${pair(now.rates[0])} at first, ${pair(now.rates.at(-1))} at last; loss ${format(now.loss.at(-1))}.`,
  });
}
