// What the figures over a two-parameter objective share: the map with its contours, the ready-made objectives, names.
import { clamp, contourPath, handle, plot } from "./draw.js";
import { makeObjective } from "./objectives.js";

export const METHODS = [
  ["GradientDescent", "gradient descent"], ["HeavyBall", "heavy ball"], ["Nesterov", "Nesterov"], ["AdaGrad", "AdaGrad"],
  ["RMSProp", "RMSProp"], ["Adadelta", "Adadelta"], ["Adam", "Adam"], ["AdamW", "AdamW"], ["NAdam", "NAdam"], ["RAdam", "RAdam"],
  ["Adamax", "Adamax"], ["Lion", "Lion"], ["ScheduleFreeSGD", "schedule-free SGD"], ["ScheduleFreeAdamW", "schedule-free AdamW"],
  ["DAdaptSGD", "D-Adapt SGD"], ["Prodigy", "Prodigy"],
];
export const methodName = (spec) => METHODS.find(([name]) => name === spec.name)?.[1] ?? spec.name;

// The last made thing again, as long as the spec is the same object.
export function remember(make) {
  let spec, made;
  return (now) => {
    if (now !== spec) [spec, made] = [now, make(now)];
    return made;
  };
}
export const objectiveOf = remember(makeObjective);

// A control that puts another objective under the figure, with the ranges, start and rate that suit it.
export function presetControl(model, bind) {
  const presets = model.get("_presets");
  const same = (spec) => JSON.stringify(spec);
  return {
    trait: "objective", label: "objective", options: Object.keys(presets).map((name) => [name, name]),
    read: () => Object.keys(presets).find((name) => same(presets[name].objective) === same(model.get("objective"))) ?? "as given",
    write: (name) => bind(presets[name] ?? {}),
  };
}

// The fields for the start, which can be dragged too.
export const startControl = (model) => ({ trait: "start", label: "start", range: () => [model.get("x"), model.get("y")] });

// The map: contours, a cross at the lowest point where a formula gives it, and the start, which can be dragged.
export function landscape(stage, box, bind, label) {
  const ranges = () => [bind.get("x"), bind.get("y")];
  const panel = plot(stage, { box, x: ranges()[0], y: ranges()[1], xLabel: "θ₁", yLabel: "θ₂" });
  const lines = panel.add("contour"), cross = panel.add("marker");
  const put = (values) => bind.set({ start: values.map((v, i) => {
    const [low, high] = ranges()[i], grain = 10 ** (Math.floor(Math.log10(high - low)) - 2);
    return clamp(Number((Math.round(v / grain) * grain).toPrecision(12)), low, high);
  }) });
  const start = handle(panel, {
    label, min: ranges()[0][0], max: ranges()[0][1],
    place: (px, py) => put([panel.x.invert(px), panel.y.invert(py)]),
    nudge: (...keys) => put(bind.get("start").map((v, i) => v + keys[i] * (ranges()[i][1] - ranges()[i][0]) * 0.01)),
  });
  let drawn;
  panel.update = (format) => {
    const spec = bind.get("objective"), objective = objectiveOf(spec), [x, y] = ranges();
    if (drawn !== spec) {
      drawn = spec;
      panel.range(x, y);
      lines.setAttribute("d", contourPath(panel, objective.loss, 14));
      const at = objective.minimum?.map((v, i) => [panel.x, panel.y][i](v));
      cross.setAttribute("d", at ? `M${at[0] - 6},${at[1]}h12m-6,-6v12` : "");
    }
    const [a, b] = bind.get("start");
    start.show(panel.x(a), panel.y(b), a, `θ₁ ${format(a)}, θ₂ ${format(b)}, loss ${format(objective.loss([a, b]))}`);
  };
  return panel;
}
