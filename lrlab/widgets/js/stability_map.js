// Rate against momentum on a bowl: how fast each pair converges, from the spectral radius, and one run to compare it with.
import { clamp, figure, format, handle, linePath, plot, svg, text } from "./draw.js";
import { makeObjective } from "./objectives.js";
import { makeMethod } from "./optimizers.js";
import { minimize } from "./training.js";

const CELLS = 100, TOP = 0.995;
// Dark is slow, light is fast: five stops of a scale that stays ordered in gray.
const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

// The largest |root| of z² − trace z + product: what one step multiplies a direction of that curvature by, in the long run.
export function radius(method, lr, momentum, curvature) {
  const shrink = 1 - lr * curvature;
  const trace = method === "HeavyBall" ? shrink + momentum : (1 + momentum) * shrink;
  const product = method === "HeavyBall" ? momentum : momentum * shrink;
  const inside = trace * trace - 4 * product;
  return inside < 0 ? Math.sqrt(product) : (Math.abs(trace) + Math.sqrt(inside)) / 2;
}
const worst = (method, lr, momentum, condition) => Math.max(radius(method, lr, momentum, 1), radius(method, lr, momentum, condition));

// The pair of rate and momentum with the smallest radius; curvatures are 1 and `condition`.
export function optimum(method, condition) {
  const root = Math.sqrt(condition);
  if (method === "HeavyBall") return [(2 / (root + 1)) ** 2, ((root - 1) / (root + 1)) ** 2];
  const lr = 4 / (3 * condition + 1);
  return [lr, (1 - Math.sqrt(lr)) / (1 + Math.sqrt(lr))];
}
export const edge = (method, momentum, condition) =>
  (method === "HeavyBall" ? 2 * (1 + momentum) : (2 * (1 + momentum)) / (1 + 2 * momentum)) / condition;

export function compute(get) {
  const [method, lr, momentum, condition, steps] = ["method", "lr", "momentum", "condition", "steps"].map(get);
  const bowl = makeObjective({ name: "Quadratic", matrix: [[1, 0], [0, condition]] });
  const run = minimize(bowl, [1, 1], makeMethod({ name: method, momentum }), () => lr, steps);
  return { method, lr, momentum, condition, steps, radius: worst(method, lr, momentum, condition), best: optimum(method, condition), ...run };
}

// From 0 at a radius of 0.999 to 1 at the best one. Pairs that differ little in the radius may differ much in the steps that
// they take: the scale goes by log(1 − radius).
const share = (rho, best) => clamp((Math.log10(Math.max(1 - rho, 1e-3)) + 3) / (Math.log10(Math.max(1 - best, 1e-2)) + 3), 0, 1);
function color(x) {
  const at = clamp(x, 0, 1) * (STOPS.length - 1), i = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[i].map((c, k) => Math.round(c + (STOPS[i + 1][k] - c) * (at - i)));
}

function picture(method, condition, right) {
  const canvas = Object.assign(document.createElement("canvas"), { width: CELLS, height: CELLS });
  const best = worst(method, ...optimum(method, condition), condition);
  const context = canvas.getContext("2d"), image = context.createImageData(CELLS, CELLS);
  for (let j = 0; j < CELLS; j += 1) {
    const momentum = TOP * (1 - (j + 0.5) / CELLS);
    for (let i = 0; i < CELLS; i += 1) {
      const rho = worst(method, (right * (i + 0.5)) / CELLS, momentum, condition);
      const found = rho < 1 ? [...color(share(rho, best)), 255] : [128, 128, 128, 40];
      image.data.set(found, 4 * (j * CELLS + i));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  let hover = null; // the pair under the pointer, while it only looks
  const seen = (trait) => (hover && trait in hover ? hover[trait] : get(trait));
  let now = compute(seen);

  function draw(stage, width, bind, later) {
    const wide = width > 600, left = wide ? Math.round(width * 0.54) : width, tall = wide ? 380 : 320;
    const map = plot(stage, { box: [0, 0, left, tall], x: [0, 1], y: [0, TOP], xLabel: "rate η", yLabel: "momentum β" });
    const image = svg("image", { x: map.x0, y: map.y1, width: map.x1 - map.x0, height: map.y0 - map.y1, preserveAspectRatio: "none" });
    map.inside.append(image);
    const limit = map.add("curve"), cross = map.add("marker", { style: "stroke: #000; stroke-width: 2.5" });
    const eye = map.add("marker", { style: "stroke: #fff; stroke-width: 2; filter: drop-shadow(0 0 1px #000)" });
    const box = wide ? [left + 10, 0, width - left - 10, 205] : [0, tall + 6, width, 190];
    const curve = plot(stage, { box, x: [0, 1], y: [1e-6, 1], yLog: true, xLabel: "step t", yLabel: "distance to the minimum" });
    const real = curve.add("path"), theory = curve.add("path", { style: "--c: currentColor", "stroke-dasharray": "4 3" });
    const lower = wide ? [left + 10, 205, width - left - 10, 175] : [0, tall + 200, width, 180];
    const plane = plot(stage, { box: lower, x: [-1.3, 1.3], y: [-1.3, 1.3], xTicks: 3, yTicks: 3, xLabel: "θ₁", yLabel: "path, θ₂" });
    const rings = plane.add("contour"), path = plane.add("path", { style: "stroke-width: 1.2" }), dots = plane.add("dots");
    // In the gray, beyond the edge: what the colors mean.
    const at = map.x0 + (map.x1 - map.x0) * 0.64, wideBar = (map.x1 - map.x0) * 0.32, low = map.y0 - 22;
    const cells = Array.from({ length: 24 }, (_, k) => svg("rect", {
      x: at + (wideBar * k) / 24, y: low - 10, width: wideBar / 24 + 0.5, height: 10, fill: `rgb(${color(k / 23)})` }));
    const slow = text(at, low + 14, "0.999"), fast = text(at + wideBar, low + 14, "", { "text-anchor": "end" });
    map.inside.append(...cells, slow, fast, text(at, low - 17, "factor per step"), text(at + wideBar, low - 60, "diverges", { "text-anchor": "end" }));
    curve.key([["blue", "this run"], ["ink", "theory", "4 3"]]);
    const put = (lr, momentum) => bind.set({
      lr: clamp(Number(lr.toPrecision(3)), 1e-6, map.x.domain[1]), momentum: clamp(Number(momentum.toFixed(3)), 0, TOP) });
    const knob = handle(map, {
      label: "rate and momentum", min: 0, max: "", color: "blue",
      place: (px, py) => { hover = null; put(map.x.invert(px), map.y.invert(py)); },
      nudge: (dx, dy) => put(bind.get("lr") + (dx * map.x.domain[1]) / 200, bind.get("momentum") + dy * 0.005),
    });
    // A mouse over the map shows the run there; a click stays there.
    const under = (event) => {
      const view = stage.getBoundingClientRect(), scale = width / view.width;
      return [map.x.invert((event.clientX - view.left) * scale), map.y.invert((event.clientY - view.top) * scale)];
    };
    image.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") return;
      const [lr, momentum] = under(event);
      hover = { lr: Math.max(lr, 1e-6), momentum: clamp(momentum, 0, TOP) };
      later();
    });
    image.addEventListener("pointerleave", () => { hover = null; later(); });
    image.addEventListener("click", (event) => { hover = null; put(...under(event)); });

    let drawn = "";
    return () => {
      now = compute(seen);
      const { method, condition, steps, best } = now, right = 4 / condition;
      if (drawn !== `${method} ${condition}`) {
        drawn = `${method} ${condition}`;
        map.range([0, right], [0, TOP]);
        fast.textContent = format(worst(method, ...best, condition));
        image.setAttribute("href", picture(method, condition, right));
        map.line(limit, Array.from({ length: 61 }, (_, i) => [edge(method, (TOP * i) / 60, condition), (TOP * i) / 60]));
        const rows = [0.02, 0.1, 0.25, 0.45, 0.7, 1].map((r) => Array.from({ length: 73 }, (_, k) => [
          r * 1.25 * Math.cos((k * Math.PI) / 36), (r * 1.25 * Math.sin((k * Math.PI) / 36)) / Math.sqrt(condition)]));
        rings.setAttribute("d", rows.map((row) => linePath(row.map(([u, v]) => [plane.x(u), plane.y(v)]))).join(""));
      }
      const [bx, by] = [map.x(best[0]), map.y(best[1])];
      cross.setAttribute("d", `M${bx - 7},${by}h14m-7,-7v14`);
      eye.setAttribute("d", hover ? `M${map.x(now.lr) - 7},${map.y(now.momentum)}a7,7 0 1,0 14,0a7,7 0 1,0 -14,0` : "");
      knob.show(map.x(clamp(get("lr"), 0, right)), map.y(get("momentum")), get("lr"),
        `rate ${format(get("lr"))}, momentum ${format(get("momentum"))}, radius ${format(now.radius)}`);
      curve.range([0, steps], [1e-8, 100]);
      const sizes = now.params.map((p) => Math.hypot(...p));
      curve.line(real, sizes.map((v, t) => [t, v > 0 && Number.isFinite(v) ? v : NaN]));
      curve.line(theory, [[0, sizes[0]], [steps, sizes[0] * now.radius ** steps]]);
      plane.line(path, now.params);
      plane.dots(dots, now.params, 2);
    };
  }

  const stepsPerDigit = (rho) => -1 / Math.log10(rho);
  return figure({
    model, el, signal, draw,
    title: "The stability map",
    height: (width) => (width > 600 ? 380 : 700),
    controls: [
      { trait: "method", label: "method", options: [["HeavyBall", "heavy ball"], ["Nesterov", "Nesterov"]] },
      { trait: "lr", label: "rate <i>η</i>", min: 1e-3, max: 4, log: true, typed: [1e-6, 100] },
      { trait: "momentum", label: "momentum <i>β</i>", min: 0, max: TOP, step: 0.005 },
      { trait: "condition", label: "condition number <i>κ</i>", min: 1, max: 1000, log: true, typed: [1, 1e5] },
      { trait: "steps", label: "steps", min: 10, max: 300, step: 1, typed: [1, 2000] },
    ],
    tries: [
      "<b>Try</b> moving over the map: bright pairs converge fast, those in the gray beyond the line diverge. Drag the point to the cross, the optimum.",
      "<b>Notice</b> that the edge leans to the right: momentum allows larger rates. Above the ridge a higher <i>β</i> only makes the run slower, and the rate hardly matters there.",
    ],
    readout() {
      const { method, lr, momentum, best, condition } = now, rho = now.radius;
      const fast = worst(method, ...best, condition);
      const says = rho < 1 ? `one digit more every ${format(stepsPerDigit(rho))} steps` : rho === 1 ? "no progress" : "it diverges";
      return `<i>η</i> = ${format(lr)}, <i>β</i> = ${format(momentum)}: every step multiplies the distance by <b>${format(rho, 4)}</b> in the long run, ${says}.
        The best pair, <i>η</i> = ${format(best[0])} and <i>β</i> = ${format(best[1])}, reaches ${format(fast, 4)}; stable up to <i>η</i> = ${format(edge(method, momentum, condition))}.`;
    },
    says: () => `Rate ${format(now.lr)}, momentum ${format(now.momentum)}: radius ${format(now.radius, 4)}, ${now.radius < 1 ? "converges" : "does not converge"}. Best ${format(now.best[0])} and ${format(now.best[1])}.`,
  });
}
