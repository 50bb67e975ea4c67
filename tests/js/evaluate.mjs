// Evaluates what test_widgets.py asks for, with the figures' own modules: in Node (cases on stdin) and in a page.
import { levels, unpack } from "../../lrlab/widgets/js/name_that_curve.js";
import { normals } from "../../lrlab/widgets/js/noise.js";
import { makeObjective, objectives } from "../../lrlab/widgets/js/objectives.js";
import { makeMethod, methods } from "../../lrlab/widgets/js/optimizers.js";
import { makeSchedule, schedules } from "../../lrlab/widgets/js/schedules.js";
import { rangeTest } from "../../lrlab/widgets/js/search.js";
import { optimum, radius } from "../../lrlab/widgets/js/stability_map.js";
import { minimize } from "../../lrlab/widgets/js/training.js";

const kinds = {
  names: () => ({ schedules: Object.keys(schedules), optimizers: Object.keys(methods), objectives: Object.keys(objectives) }),
  schedule: ({ spec, steps }) => steps.map(makeSchedule(spec)),
  objective({ spec, points }) {
    const objective = makeObjective(spec);
    return points.map((p) => [objective.loss(p), objective.grad(p), objective.hessian(p)].flat(2));
  },
  method({ spec, start, grads, rates }) {
    const method = makeMethod(spec), path = [];
    let params = start, state = method.init(start);
    for (const [t, grad] of grads.entries()) {
      [params, state] = method.step(params, grad, state, rates[t]);
      path.push(params, method.judged?.(params, state) ?? params);
    }
    return path.flat();
  },
  run({ objective, start, method, schedule, steps }) {
    const run = minimize(makeObjective(objective), start, makeMethod(method), makeSchedule(schedule), steps);
    return [run.params, run.loss, run.rates].flat(2);
  },
  normals: ({ seed, count }) => [...normals(seed, count)],
  spectral_radius: ({ method, lr, momentum, curvature }) => [radius(method, lr, momentum, curvature), ...optimum(method, curvature)],
  unpack: ({ packed }) => [...unpack(packed), ...levels(unpack(packed))],
  // null is NaN on the way in; NaN and nowhere are −1 on the way out.
  range_test({ losses, ...settings }) {
    const { rates, smoothed, suggestion, diverged } = rangeTest(losses.map((loss) => loss ?? NaN), settings);
    return [...rates, ...smoothed, suggestion, diverged ?? -1].map((v) => (Number.isNaN(v) ? -1 : v));
  },
};

export const evaluate = (cases) => cases.map(({ kind, ...given }) => kinds[kind](given));

if (typeof process !== "undefined") {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  process.stdout.write(JSON.stringify(evaluate(JSON.parse(text))));
}
