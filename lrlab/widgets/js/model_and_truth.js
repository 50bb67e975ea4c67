// The loss along the gradient, and what Taylor's formula and the bound with Λ say about it.
import { figure, format, handle, plot } from "./draw.js";
import { landscape, objectiveOf, presetControl, startControl } from "./landscapes.js";

const GRID = 200;

// All numbers of the figure. `bends` is the curvature along the gradient, `holds` the rate up to which the bound does.
export function compute(get) {
  const objective = objectiveOf(get("objective")), start = get("start"), lr = get("lr"), smoothness = get("smoothness");
  const loss = objective.loss(start), grad = objective.grad(start), H = objective.hessian(start);
  const square = grad[0] * grad[0] + grad[1] * grad[1];
  const bends = (grad[0] * (H[0][0] * grad[0] + H[0][1] * grad[1]) + grad[1] * (H[1][0] * grad[0] + H[1][1] * grad[1])) / square;
  const truth = (s) => objective.loss([start[0] - s * grad[0], start[1] - s * grad[1]]);
  const first = (s) => loss - s * square;
  const second = (s) => loss - s * square + (s * s * square * bends) / 2;
  const bound = (s) => loss - s * square + (s * s * square * smoothness) / 2;
  const reach = 3 / Math.max(Math.abs(bends), smoothness / 4); // what the picture shows
  let holds = Infinity;
  for (let k = 1; k <= GRID && holds === Infinity; k += 1) {
    const s = (reach * k) / GRID;
    if (truth(s) > bound(s) + 1e-12 * Math.abs(loss)) holds = s;
  }
  const decrease = { truth: loss - truth(lr), first: loss - first(lr), second: loss - second(lr), bound: loss - bound(lr) };
  return { objective, start, lr, smoothness, loss, grad, square, bends, truth, first, second, bound, reach, holds, decrease };
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  let now = compute(get);
  const MODELS = ["orange", "purple", "green"];

  function draw(stage, width, bind) {
    const wide = width > 600, left = wide ? Math.round(width * 0.4) : width, tall = wide ? 350 : 260;
    const map = landscape(stage, [0, 0, left, tall], bind, "point of departure");
    const ray = map.add("path", { style: "--c: currentColor; stroke-dasharray: 2 3" });
    const hop = map.add("path"), landed = map.add("dots");
    const box = wide ? [left + 14, 0, width - left - 14, tall] : [0, tall + 6, width, 300];
    const slice = plot(stage, { box, x: [0, 1], y: [0, 1], xLabel: "rate η", yLabel: "L(θ − η g)" });
    const curves = MODELS.map((color) => slice.add("path", { style: `--c: var(--${color})`, "stroke-dasharray": color === "green" ? "5 3" : "" }));
    const truth = slice.add("curve"), level = slice.add("rule"), drops = slice.add("rule", { style: "stroke: currentColor; stroke-opacity: .5" });
    const breaks = slice.add("marker", { style: "stroke: var(--orange); stroke-width: 2.5" });
    const marks = MODELS.map((color) => slice.add("dots", { style: `--c: var(--${color})` }));
    const step = handle(slice, {
      label: "rate η", min: 0, max: "", color: "blue",
      place: (px) => bind.set({ lr: Math.max(1e-6, Number(slice.x.invert(Math.min(px, slice.x1)).toPrecision(3))) }),
      nudge: (dx, dy) => bind.set({ lr: Math.max(1e-6, Number((bind.get("lr") + ((dx + dy) * now.reach) / 200).toPrecision(3))) }),
    });
    const short = slice.x1 - slice.x0 < 430 ? [["ink", "loss"], ["orange", "1st"], ["purple", "2nd"], ["green", "bound", "5 3"]]
      : [["ink", "loss"], ["orange", "first order"], ["purple", "second order"], ["green", "bound with Λ", "5 3"]];
    slice.key(short);

    return () => {
      now = compute(get);
      map.update(format);
      const { reach, loss, square, start, grad, lr } = now;
      const deep = Math.min(...Array.from({ length: 40 }, (_, k) => now.truth((reach * k) / 40)), now.second(1 / Math.max(now.bends, 1e-9)));
      const fall = Math.max(loss - deep, 1e-12);
      slice.range([0, reach], [loss - 1.6 * fall, loss + 0.7 * fall]);
      const grid = Array.from({ length: GRID + 1 }, (_, k) => (reach * k) / GRID);
      slice.line(truth, grid.map((s) => [s, now.truth(s)]));
      for (const [i, f] of [now.first, now.second, now.bound].entries()) {
        slice.line(curves[i], [grid, [lr]].flat().sort((a, b) => a - b).map((s) => [s, f(s)]));
        slice.dots(marks[i], [[lr, f(lr)]], 4);
      }
      slice.line(level, [[0, loss], [reach, loss]]);
      slice.line(drops, [[lr, loss + fall], [lr, loss - 2 * fall]]);
      const x = slice.x(now.holds), y = slice.y(now.bound(now.holds));
      breaks.setAttribute("d", Number.isFinite(now.holds) ? `M${x - 5},${y - 5}l10,10m0,-10l-10,10` : "");
      const inside = Math.max(slice.y1, Math.min(slice.y0, slice.y(now.truth(lr))));
      step.show(Math.min(slice.x(lr), slice.x1), inside, lr, `${format(lr)}, loss ${format(now.truth(lr))}`);
      const length = Math.sqrt(square), far = 1e3 / Math.max(length, 1e-12);
      map.line(ray, [start, [start[0] - far * grad[0], start[1] - far * grad[1]]]);
      const end = [start[0] - lr * grad[0], start[1] - lr * grad[1]];
      map.line(hop, [start, end]);
      map.dots(landed, [end], 5);
    };
  }

  const set = (values) => {
    for (const [trait, value] of Object.entries(values)) if (trait !== "steps") model.set(trait, value);
    model.save_changes();
  };
  return figure({
    model, el, signal, draw,
    title: "The model and the truth",
    height: (width) => (width > 600 ? 350 : 566),
    controls: [
      presetControl(model, set),
      startControl(model),
      { trait: "lr", label: "rate <i>η</i>", min: 1e-3, max: 3, log: true, typed: [1e-8, 1e3] },
      { trait: "smoothness", label: "<i>Λ</i> of the bound", min: 0.1, max: 500, log: true, typed: [1e-6, 1e6], color: "green" },
    ],
    tries: [
      "<b>Try</b> dragging the point on the curve of the loss: for a small rate all three models agree with it. Then lower <i>Λ</i> below the curvature along the way.",
      "<b>Notice</b> that the bound promises the most at <i>η</i> = 1/<i>Λ</i> and nothing from 2/<i>Λ</i> on, that the loss may still fall there, and that a bound with too small a <i>Λ</i> is broken at the cross.",
    ],
    readout() {
      const { decrease, smoothness, lr, bends, holds } = now;
      const end = Number.isFinite(holds) ? `The bound breaks at <i>η</i> = <b>${format(holds)}</b>` : "The bound holds as far as is shown";
      return `One step lowers the loss by <b>${format(decrease.truth)}</b>. Predicted: first order ${format(decrease.first)},
        second order ${format(decrease.second)}; ${lr * smoothness < 2 ? `the bound promises ${format(decrease.bound)}` : "the bound promises nothing"}.
        The curvature along the gradient is ${format(bends)}. ${end}.`;
    },
    says: () => `Rate ${format(now.lr)}: the loss falls by ${format(now.decrease.truth)}; first order says ${format(now.decrease.first)}, second order ${format(now.decrease.second)}, the bound ${format(now.decrease.bound)}.`,
  });
}
