// Descent on the contours of an objective: one method or two, from one start.
import { figure, format, plot } from "./draw.js";
import { landscape, methodName, METHODS, objectiveOf, presetControl, startControl } from "./landscapes.js";
import { eigenvalues2 } from "./objectives.js";
import { makeMethod } from "./optimizers.js";
import { makeSchedule } from "./schedules.js";
import { minimize } from "./training.js";

// A rate with a shape over `steps` steps, as a spec.
const SHAPES = {
  constant: (lr) => ({ name: "Constant", lr }),
  linear: (lr, steps) => ({ name: "Linear", lr, steps }),
  cosine: (lr, steps) => ({ name: "Cosine", lr, steps }),
  "inverse time": (lr, steps) => ({ name: "InverseTime", lr, scale: steps / 10 }),
  "step decay": (lr, steps) => ({ name: "StepDecay", lr, gamma: 0.3, every: Math.ceil(steps / 4) }),
  "warm-up, cosine": (lr, steps) => {
    const warmup = Math.ceil(steps / 10);
    return { name: "Warmup", schedule: SHAPES.cosine(lr, Math.max(steps - warmup, 1)), steps: warmup };
  },
};

// The largest curvature that a method with rate lr tolerates on a bowl, where theory gives one.
const EDGES = {
  GradientDescent: (lr) => 2 / lr,
  HeavyBall: (lr, { momentum }) => (2 * (1 + momentum)) / lr,
  Nesterov: (lr, { momentum }) => (2 * (1 + momentum)) / ((1 + 2 * momentum) * lr),
};

export function compute(get) {
  const objective = objectiveOf(get("objective")), steps = get("steps");
  const methods = [[get("first"), get("lr")], [get("second"), get("lr_second")]].filter(([spec]) => spec);
  return methods.map(([spec, lr]) => {
    const run = minimize(objective, get("start"), makeMethod(spec), makeSchedule(SHAPES[get("shape")](lr, steps)), steps);
    const curvature = run.params.map((point) => eigenvalues2(objective.hessian(point)));
    const edge = EDGES[spec.name] && run.rates.map((rate) => EDGES[spec.name](rate, spec));
    return { spec, ...run, curvature, edge };
  });
}

const finite = (values) => values.filter((v) => Number.isFinite(v) && v > 0);

// Whole decades that hold the values, twelve at the most.
function decades(values) {
  const found = finite(values), high = Math.ceil(Math.log10(Math.max(...found, 1e-12)) + 0.05);
  return [10 ** Math.max(Math.floor(Math.log10(Math.min(...found, 10 ** (high - 1)))), high - 12), 10 ** high];
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  let runs = compute(get);

  function draw(stage, width, bind) {
    const wide = width > 600, left = wide ? Math.round(width * 0.56) : width, tall = wide ? 400 : 320;
    const map = landscape(stage, [0, 0, left, tall], bind, "start of the descent");
    const at = (top, height) => (wide ? [left + 10, top, width - left - 10, height] : [0, tall + 4 + top * 0.9, width, height * 0.9]);
    const panels = [
      plot(stage, { box: at(0, 200), x: [0, 1], y: [1, 10], yLog: true, xLabel: "", yLabel: "loss" }),
      plot(stage, { box: at(190, 210), x: [0, 1], y: [1, 10], yLog: true, xLabel: "step t", yLabel: "curvature at θ" }),
    ];
    const lines = ["blue", "orange"].map((color) => {
      const style = { style: `--c: var(--${color})` };
      const thin = { style: `--c: var(--${color}); stroke-width: 1` };
      return {
        path: map.add("path", thin), dots: map.add("dots", style), loss: panels[0].add("path", style),
        sharp: panels[1].add("path", style), flat: panels[1].add("path", thin),
        edge: panels[1].add("path", { style: `--c: var(--${color})`, "stroke-dasharray": "4 3" }),
      };
    });

    return () => {
      runs = compute(get);
      map.update(format);
      const steps = get("steps"), curvatures = runs.flatMap((run) => run.curvature.slice(0, 40)).flat();
      panels[0].range([0, steps], decades(runs.flatMap((run) => run.loss.map((v) => Math.min(v, 1e3 * runs[0].loss[0])))));
      panels[1].range([0, steps], decades([...curvatures, ...runs.flatMap((run) => run.edge?.slice(0, 1) ?? [])]));
      for (const [i, nodes] of lines.entries()) {
        const run = runs[i] ?? { params: [], loss: [], curvature: [] };
        const timed = (values) => values.map((v, t) => [t, v > 0 ? v : NaN]);
        map.line(nodes.path, run.params);
        map.dots(nodes.dots, run.params.slice(1), 2.2);
        panels[0].line(nodes.loss, timed(run.loss));
        panels[1].line(nodes.sharp, timed(run.curvature.map(([, large]) => large)));
        panels[1].line(nodes.flat, i ? [] : timed(run.curvature.map(([small]) => small)));
        panels[1].line(nodes.edge, timed(run.edge ?? []));
      }
      panels[0].key(runs.map((run, i) => [["blue", "orange"][i], methodName(run.spec)]));
      panels[1].key(runs[0].edge ? [["blue", "edge of stability", "4 3"]] : []);
    };
  }

  // Another method, with the momentum that is set.
  const momentumOf = (spec) => spec?.momentum ?? spec?.beta1 ?? spec?.beta;
  const named = (name, momentum) => {
    if (name === "none") return null;
    if (["HeavyBall", "Nesterov", "DAdaptSGD"].includes(name)) return { name, momentum };
    return name === "ScheduleFreeSGD" ? { name, beta: momentum } : { name };
  };
  const withMomentum = (spec, value) => {
    const key = ["momentum", "beta1", "beta"].find((one) => spec?.[one] !== undefined);
    return key ? { ...spec, [key]: value } : spec;
  };
  const momentum = () => momentumOf(get("first")) ?? momentumOf(get("second")) ?? 0.9;
  const set = (values) => {
    for (const [trait, value] of Object.entries(values)) model.set(trait, value);
    model.save_changes();
  };
  const rate = { min: 1e-4, max: 3, log: true, typed: [1e-8, 1e3] };
  const told = (run) => `${methodName(run.spec)} is at loss <b>${format(run.loss.at(-1))}</b>, (${run.params.at(-1).map((v) => format(v)).join(", ")})`;

  return figure({
    model, el, signal, draw,
    title: "Descent on a landscape",
    height: (width) => (width > 600 ? 400 : 690),
    controls: [
      presetControl(model, set),
      { trait: "shape", label: "schedule", options: Object.keys(SHAPES).map((name) => [name, name]) },
      { trait: "steps", label: "steps", min: 5, max: 300, step: 1, typed: [1, 2000] },
      { trait: "first", label: "method", color: "blue", options: METHODS, read: () => get("first").name, write: (name) => set({ first: named(name, momentum()) }) },
      { trait: "lr", label: "its rate <i>η</i>", color: "blue", ...rate },
      { trait: "momentum", label: "momentum <i>β</i> of both", min: 0, max: 0.99, step: 0.01, typed: [0, 0.9999], read: momentum,
        works: () => [get("first"), get("second")].some((spec) => momentumOf(spec) !== undefined),
        write: (value) => set({ first: withMomentum(get("first"), value), second: withMomentum(get("second"), value) }) },
      { trait: "second", label: "beside it", color: "orange", options: [["none", "no other"], ...METHODS],
        read: () => get("second")?.name ?? "none", write: (name) => set({ second: named(name, momentum()) }) },
      { trait: "lr_second", label: "its rate <i>η</i>", color: "orange", works: () => Boolean(get("second")), ...rate },
      startControl(model),
    ],
    tries: [
      "<b>Try</b> raising the rate until the path leaves the picture, then lowering it a little; put another method beside the first.",
      "<b>Notice</b> in the lower panel that gradient descent is at peace only while the curvature, a line for each direction, stays below the dashed edge 2/<i>η</i>.",
    ],
    readout: () => `After ${get("steps")} steps ${runs.map(told).join("; ")}.`,
    says: () => `After ${get("steps")} steps ${runs.map((run) => `${methodName(run.spec)} has loss ${format(run.loss.at(-1))}`).join(", ")}.`,
  });
}
