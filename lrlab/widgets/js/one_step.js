// One step of gradient descent on a parabola, and the steps after it.
import { clamp, figure, format, handle, linear, plot, svg, text } from "./draw.js";
import { makeObjective } from "./objectives.js";
import { makeMethod } from "./optimizers.js";
import { makeSchedule } from "./schedules.js";
import { minimize } from "./training.js";

const REGIMES = {
  creeping: { color: "gold", words: "creeps: each step is less than a tenth of the way" },
  monotone: { color: "green", words: "comes closer from one side" },
  "one step": { color: "green", words: "arrives in one step" },
  oscillating: { color: "purple", words: "jumps across the minimum and still comes closer" },
  bouncing: { color: "orange", words: "bounces between two points and gets no closer" },
  diverging: { color: "orange", words: "jumps across the minimum, farther each time" },
};

export function regime(product) {
  if (product < 0.1) return "creeping";
  if (product < 1) return "monotone";
  if (product === 1) return "one step";
  if (product < 2) return "oscillating";
  return product === 2 ? "bouncing" : "diverging";
}

export function compute(get) {
  const lr = get("lr"), curvature = get("curvature"), start = get("start"), product = lr * curvature;
  const objective = makeObjective({ name: "Quadratic", matrix: [[curvature]] });
  const run = minimize(objective, [start], makeMethod({ name: "GradientDescent" }), makeSchedule(lr), get("steps"));
  return { lr, curvature, start, product, multiplier: 1 - product, regime: regime(product), objective, ...run };
}

export default function show({ model, el, signal }) {
  const now = () => compute((trait) => model.get(trait));
  const RANGE = 3;

  function draw(stage, width, bind) {
    const wide = width > 560, half = wide ? Math.round(width * 0.55) : width;
    const top = wide ? 300 : 250;
    const loss = plot(stage, { box: [0, 0, half, top], x: [-RANGE, RANGE], y: [0, 1], xLabel: "θ", yLabel: "loss L(θ)" });
    const curve = loss.add("curve soft"), shadow = loss.add("rule"), path = loss.add("path"), dots = loss.add("dots");
    const next = loss.add("marker", { "stroke-dasharray": "3 3" });
    const over = wide ? [half + 14, 0, width - half - 14, top] : [0, top + 6, width, 180];
    const time = plot(stage, { box: over, x: [0, 1], y: [-RANGE, RANGE], xLabel: "step t", yLabel: "θ after t steps" });
    const zero = time.add("rule"), track = time.add("path"), stops = time.add("dots");

    // The number line of ηλ: which regime begins where.
    const stripTop = over[1] + over[3] + (wide ? 10 : 8), strip = svg("g", { "aria-hidden": "true" });
    const at = linear([0, 2.5], [46, width - 15]);
    const bars = [["creeping", 0, 0.1], ["monotone", 0.1, 1], ["oscillating", 1, 2], ["diverging", 2, 2.5]].map(([name, from, to]) => {
      const bar = svg("rect", { x: at(from), y: stripTop + 20, width: at(to) - at(from) - 2, height: 8, rx: 2, fill: `var(--${REGIMES[name].color})` });
      const anchor = name === "creeping" ? { "text-anchor": "start" } : { "text-anchor": "middle" };
      const word = text(name === "creeping" ? at(0) : (at(from) + at(to)) / 2, stripTop + 13, name, anchor);
      strip.append(bar, ...(name === "creeping" && !wide ? [] : [word]));
      return { from, to, bar, word };
    });
    for (const v of wide ? [0, 0.1, 1, 2] : [0, 1, 2]) strip.append(text(at(v), stripTop + 44, format(v), { "text-anchor": "middle" }));
    strip.append(text(0, stripTop + 29, "ηλ", { class: "label" }));
    const needle = svg("path", { class: "needle" });
    strip.append(needle);
    stage.append(strip);

    const put = (theta) => bind.set({ start: clamp(Number(theta.toFixed(2)), -RANGE, RANGE) });
    const ball = handle(loss, {
      label: "start θ₀", min: -RANGE, max: RANGE, color: "blue",
      place: (px) => put(loss.x.invert(px)),
      nudge: (dx, dy) => put(bind.get("start") + (dx + dy) * 0.05),
    });

    let height = 0, length = 0;
    return () => {
      const run = now(), steps = run.rates.length;
      const value = (theta) => run.objective.loss([theta]);
      if (height !== run.curvature || length !== steps) {
        [height, length] = [run.curvature, steps];
        loss.range([-RANGE, RANGE], [0, value(RANGE) * 1.02]);
        loss.line(curve, Array.from({ length: 121 }, (_, i) => [RANGE * (i / 60 - 1), value(RANGE * (i / 60 - 1))]));
        time.range([0, steps], [-RANGE, RANGE]);
        time.line(zero, [[0, 0], [steps, 0]]);
      }
      const color = `--c: var(--${REGIMES[run.regime].color})`;
      for (const node of [path, dots, track, stops]) node.setAttribute("style", color);
      const points = run.params.map(([theta], t) => [theta, run.loss[t]]);
      loss.line(path, points);
      loss.dots(dots, points.slice(1), 3.5);
      loss.dots(next, points.slice(1, 2), 8);
      loss.line(shadow, [[run.start, 0], [run.start, run.loss[0]]]);
      time.line(track, run.params.map(([theta], t) => [t, theta]));
      time.dots(stops, run.params.map(([theta], t) => [t, theta]), 3);
      ball.show(loss.x(run.start), loss.y(run.loss[0]), run.start, `${format(run.start)}, loss ${format(run.loss[0])}`);
      const x = Math.min(at(run.product), width - 6);
      needle.setAttribute("d", `M${x},${stripTop + 26}l-6,9h12z`);
      for (const { from, to, bar, word } of bars) {
        const here = run.product >= from && (run.product < to || to === 2.5);
        bar.setAttribute("opacity", here ? 1 : 0.35);
        word.setAttribute("class", here ? "strong" : "");
      }
    };
  }

  const after = (run) => {
    const last = run.params.length - 1;
    return `after ${last} steps θ is ${format(run.params[last][0])}`;
  };
  return figure({
    model, el, signal, draw,
    title: "One step, and the steps after it",
    height: (width) => (width > 560 ? 362 : 492),
    controls: [
      { trait: "lr", label: "rate <i>η</i>", min: 0.01, max: 3, log: true, typed: [1e-6, 100] },
      { trait: "curvature", label: "curvature <i>λ</i>", min: 0.1, max: 4, step: 0.05, typed: [0.01, 100] },
      { trait: "start", label: "start <i>θ</i>₀", min: -RANGE, max: RANGE, step: 0.05 },
    ],
    tries: [
      "<b>Try</b> dragging the ball, then the rate from left to right; make the bowl twice as steep and find the rate that does the same again.",
      "<b>Notice</b> that the start changes the height of the steps and never the regime: that is decided by 1 − <i>ηλ</i> alone, the number by which every step multiplies the distance to the minimum.",
    ],
    readout() {
      const run = now();
      return `Every step multiplies <i>θ</i> by 1 − <i>ηλ</i> = 1 − ${format(run.lr)} · ${format(run.curvature)} = <b>${format(run.multiplier)}</b>:
        the ball <b>${REGIMES[run.regime].words}</b>. The first step goes from ${format(run.start)} to ${format(run.params[1][0])};
        ${after(run)} and the loss is ${format(run.loss.at(-1))}.`;
    },
    says() {
      const run = now();
      return `Rate ${format(run.lr)}, curvature ${format(run.curvature)}: ${run.regime}. Each step multiplies the distance by ${format(run.multiplier)}; ${after(run)}.`;
    },
  });
}
