// What every figure is made of: a frame with controls and words, plots with axes, lines and points to drag.
import { addStyle } from "./style.js";

const SVG = "http://www.w3.org/2000/svg";
let made = 0;
const unique = (name) => `lrlab-${name}-${(made += 1)}`;

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const html = (tag, attributes = {}, ...children) => build(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

// ---- numbers ----

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

// Three significant digits, as people write them: 0.3, −1.25, 6.02·10²³.
export function format(x, digits = 3) {
  if (Number.isNaN(x)) return "undefined";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const [mantissa, power] = x.toExponential(digits - 1).split("e").map(Number);
  if (x === 0) return "0";
  if (power >= -4 && power < 5) return String(Number(x.toPrecision(digits))).replace("-", "−");
  const raised = [...String(power)].map((c) => SUPERSCRIPT[c]).join("");
  return `${mantissa === 1 ? "" : `${String(mantissa).replace("-", "−")}·`}10${raised}`;
}

// ---- scales: data -> pixels, with the inverse and round values for ticks ----

export function linear([a, b], [p, q]) {
  const scale = (x) => p + ((x - a) / (b - a)) * (q - p);
  scale.invert = (pixel) => a + ((pixel - p) / (q - p)) * (b - a);
  scale.domain = [a, b];
  scale.ticks = (wanted) => {
    const rough = (b - a) / wanted, unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough * 0.999);
    const first = Math.ceil(a / step - 1e-9), last = Math.floor(b / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  };
  return scale;
}

export function log([a, b], range) {
  const inner = linear([Math.log10(a), Math.log10(b)], range);
  const scale = (x) => inner(Math.log10(x));
  scale.invert = (pixel) => 10 ** inner.invert(pixel);
  scale.domain = [a, b];
  scale.ticks = (wanted) => {
    const [low, high] = inner.domain, every = Math.max(1, Math.ceil((high - low) / wanted));
    const first = Math.ceil(low / every - 1e-9), last = Math.floor(high / every + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => 10 ** ((first + i) * every));
  };
  return scale;
}

// ---- plots ----

// A panel of an svg at `box` = [left, top, width, height], the space for ticks and labels included.
export function plot(stage, { box, x, y, xLog = false, yLog = false, xLabel = "", yLabel = "", xTicks = 5, yTicks = 4 }) {
  const [left, top, width, height] = box, pad = { left: yTicks ? 46 : 8, right: 15, top: yLabel ? 24 : 8, bottom: 40 };
  const x0 = left + pad.left, x1 = left + width - pad.right, y0 = top + height - pad.bottom, y1 = top + pad.top;
  const id = unique("clip");
  const axes = svg("g", { "aria-hidden": "true" });
  const inside = svg("g", { "clip-path": `url(#${id})`, "aria-hidden": "true" });
  const above = svg("g");
  const clip = svg("clipPath", { id }, svg("rect", { x: x0, y: y1, width: x1 - x0, height: y0 - y1 }));
  stage.append(clip, axes, inside, above);
  const panel = { inside, above, axes, x0, x1, y0, y1 };

  // New ranges, and the axes that go with them.
  let shown = "";
  panel.range = (xs, ys) => {
    if (shown === `${xs} ${ys}`) return;
    shown = `${xs} ${ys}`;
    panel.x = (xLog ? log : linear)(xs, [x0, x1]);
    panel.y = (yLog ? log : linear)(ys, [y0, y1]);
    const nodes = [svg("path", { class: "axis", d: `M${x0},${y1}V${y0}H${x1}` })];
    for (const v of xTicks ? panel.x.ticks(xTicks) : []) {
      nodes.push(svg("path", { class: "tick", d: `M${panel.x(v)},${y0}v4` }));
      nodes.push(text(panel.x(v), y0 + 17, format(v), { "text-anchor": "middle" }));
    }
    for (const v of yTicks ? panel.y.ticks(yTicks) : []) {
      nodes.push(svg("path", { class: "tick", d: `M${x0},${panel.y(v)}h-4` }));
      nodes.push(text(x0 - 7, panel.y(v) + 4, format(v), { "text-anchor": "end" }));
    }
    if (xLabel) nodes.push(text(x1, y0 + 34, xLabel, { class: "label", "text-anchor": "end" }));
    if (yLabel) nodes.push(text(left, top + 13, yLabel, { class: "label name" }));
    axes.replaceChildren(...nodes);
  };
  panel.range(x, y);

  panel.show = (on) => {
    for (const layer of [axes, inside, above, key]) layer.style.display = on ? "" : "none";
  };

  // A node for a line, for dots, …: what it shows is set by `points(node, …)` or `dots(node, …)`.
  panel.add = (className, attributes = {}, layer = inside) => {
    const node = svg("path", { class: className, ...attributes });
    layer.append(node);
    return node;
  };

  // Says which color is what, at the upper right: [[color, words], …].
  const key = svg("g", { "aria-hidden": "true" });
  stage.append(key);
  let said = "";
  panel.key = (entries) => {
    if (said === String(entries)) return; // measuring words costs more than all the rest of a frame
    said = String(entries);
    const made = entries.map(([color, words, dash = ""]) => ({ word: text(0, 0, words, { class: "halo" }), color, dash }));
    key.replaceChildren(...made.map(({ word }) => word));
    const lengths = made.map(({ word }) => word.getComputedTextLength()), label = axes.querySelector(".name")?.getComputedTextLength() ?? 0;
    const wide = lengths.reduce((sum, length) => sum + length + 34, 0);
    const y = wide + label < x1 - left ? top + 13 : y1 + 16; // where it fits: beside the label, or inside the panel
    let right = x1;
    for (const [i, { word, color, dash }] of [...made.entries()].reverse()) {
      set(word, { x: right - lengths[i], y });
      right -= lengths[i] + 20;
      key.append(svg("path", { d: `M${right},${y - 4}h15`, stroke: `var(--${color})`, "stroke-width": 2.5, "stroke-dasharray": dash }));
      right -= 14;
    }
  };

  panel.line = (node, points) => node.setAttribute("d", linePath(points.map(([u, v]) => [panel.x(u), panel.y(v)])));
  panel.dots = (node, points, radius = 3) =>
    node.setAttribute("d", points.map(([u, v]) => circlePath(panel.x(u), panel.y(v), radius)).join(""));
  return panel;
}

export const text = (x, y, content, attributes = {}) => svg("text", { x, y, ...attributes }, content);

// Far outside a picture, numbers are cut: browsers draw no coordinates of 1e30.
const near = (v) => Math.max(-1e5, Math.min(1e5, v)).toFixed(2);

// A line through pixels, interrupted where one is not finite.
export function linePath(pixels) {
  let d = "", pen = "M";
  for (const [px, py] of pixels) {
    const drawn = !Number.isNaN(px) && !Number.isNaN(py);
    if (drawn) d += `${pen}${near(px)},${near(py)}`;
    pen = drawn ? "L" : "M";
  }
  return d;
}

const circlePath = (px, py, r) =>
  Number.isFinite(px) && Number.isFinite(py) ? `M${near(px - r)},${near(py)}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0` : "";

// Lines of equal value of f over the panel (marching squares), as one path; denser toward the lowest value.
export function contourPath(panel, f, count, columns = 90, rows = 70) {
  const { x, y, x0, x1, y0, y1 } = panel;
  const px = (i) => x0 + ((x1 - x0) * i) / columns, py = (j) => y0 + ((y1 - y0) * j) / rows;
  const values = [];
  for (let j = 0; j <= rows; j += 1) {
    for (let i = 0; i <= columns; i += 1) values.push(f([x.invert(px(i)), y.invert(py(j))]));
  }
  const at = (i, j) => values[j * (columns + 1) + i];
  const low = Math.min(...values), high = Math.max(...values);
  const levels = Array.from({ length: count }, (_, k) => low + (high - low) * ((k + 1) / (count + 1)) ** 3);
  let d = "";
  for (const level of levels) {
    for (let j = 0; j < rows; j += 1) {
      for (let i = 0; i < columns; i += 1) {
        const corners = [at(i, j) - level, at(i + 1, j) - level, at(i + 1, j + 1) - level, at(i, j + 1) - level];
        const cuts = [];
        for (let k = 0; k < 4; k += 1) {
          const a = corners[k], b = corners[(k + 1) % 4];
          if (a < 0 === b < 0) continue;
          const s = a / (a - b);
          cuts.push([px(i + [s, 1, 1 - s, 0][k]), py(j + [0, s, 1, 1 - s][k])]);
        }
        for (let k = 0; k + 1 < cuts.length; k += 2) {
          d += `M${cuts[k].map((v) => v.toFixed(1))}L${cuts[k + 1].map((v) => v.toFixed(1))}`;
        }
      }
    }
  }
  return d;
}

// ---- a point to drag ----

// `place(px, py)` and `nudge(dx, dy)` are told what the hand did, in pixels and in key presses; `handle.show(px, py, value,
// words)` moves it. A screen reader hears `label` and `words`.
export function handle(panel, { label, min, max, place, nudge, color = "" }) {
  const node = svg("g", { class: "lrlab-handle", tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": min, "aria-valuemax": max },
    svg("circle", { class: "ring", r: 17 }), svg("circle", { class: "knob", r: 8 }));
  if (color) node.style.setProperty("--c", `var(--${color})`);
  panel.above.append(node);
  const stage = panel.above.ownerSVGElement;
  let at = [0, 0], grip = null;
  const pixels = (event) => {
    const box = stage.getBoundingClientRect(), view = stage.viewBox.baseVal;
    return [((event.clientX - box.left) / box.width) * view.width, ((event.clientY - box.top) / box.height) * view.height];
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    node.setPointerCapture(event.pointerId);
    const [px, py] = pixels(event);
    grip = [px - at[0], py - at[1]];
    node.focus({ preventScroll: true });
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const [px, py] = pixels(event);
    place(px - grip[0], py - grip[1]);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) node.addEventListener(end, () => { grip = null; });
  node.addEventListener("keydown", (event) => {
    event.stopPropagation(); // JupyterLab would take the arrows for itself
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [0, 10], PageDown: [0, -10] };
    if (!moves[event.key]) return;
    const [dx, dy] = moves[event.key], times = event.shiftKey ? 10 : 1;
    nudge(dx * times, dy * times);
    event.preventDefault();
  });
  return {
    node,
    show(px, py, value, words) {
      at = [px, py];
      set(node, { transform: `translate(${near(px)},${near(py)})`, "aria-valuenow": value, "aria-valuetext": words });
    },
  };
}

// ---- controls ----

export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const round = (x) => Number(x.toPrecision(3));

// What a control reads and writes: the trait of that name, unless it says otherwise. Where `works()` is
// false it is switched off.
const access = (bind, { trait, read = () => bind.get(trait), write = (value) => bind.set({ [trait]: value }) }) => ({ read, write });

// A slider and a field for the exact value: { trait, label, min, max, step }, or with `log: true` for rates.
// `typed` = [low, high] widens what may be typed; `whole` numbers are counts.
function slider(bind, control) {
  const { trait, label, min, max, step, log: isLog = false, typed = [min, max], whole = step === 1, color = "", works = () => true } = control;
  const { read, write } = access(bind, control), id = unique(trait), STEPS = 240;
  const scale = (isLog ? log : linear)([min, max], [0, STEPS]);
  const range = html("input", { type: "range", id, min: isLog ? 0 : min, max: isLog ? STEPS : max, step: isLog ? 1 : step });
  const field = html("input", { type: "number", min: typed[0], max: typed[1], step: isLog ? "any" : step });
  const settle = (value) => (whole ? Math.round(value) : value);
  const name = html("label", { for: id });
  name.innerHTML = label;
  field.setAttribute("aria-label", `${name.textContent}, exact value`);
  const position = () => clamp(scale(read()), 0, STEPS), written = () => Number(read().toPrecision(6));
  range.addEventListener("input", () => {
    const at = Number(range.value), value = settle(isLog ? round(scale.invert(at)) : at);
    const stuck = isLog && whole && value === read(); // a count moves by one at least
    write(stuck ? clamp(value + Math.sign(at - Math.round(position())), min, max) : value);
  });
  field.addEventListener("change", () => {
    const value = field.valueAsNumber;
    if (!Number.isNaN(value)) write(clamp(settle(value), ...typed));
    field.value = written();
  });
  const node = html("div", { class: "lrlab-control" }, name, range, field);
  if (color) node.style.setProperty("--c", `var(--${color})`);
  const update = () => {
    for (const input of [range, field]) input.disabled = !works();
    node.classList.toggle("off", !works());
    const value = read();
    range.value = isLog ? Math.round(position()) : value;
    range.setAttribute("aria-valuetext", format(value));
    range.style.setProperty("--at", `${(100 * position()) / STEPS}%`);
    if (field.valueAsNumber !== written()) field.value = written();
  };
  return { node, update };
}

// A list to choose from: { trait, label, options: [[value, words], …] }. A value that is none of them is shown as it is.
function choice(bind, control) {
  const { trait, label, options, color = "" } = control;
  const { read, write } = access(bind, control), id = unique(trait);
  const list = html("select", { id }, ...options.map(([value, words]) => html("option", { value }, words)));
  const node = html("div", { class: "lrlab-control lrlab-choice" }, html("label", { for: id }, label), list);
  if (color) node.style.setProperty("--c", `var(--${color})`);
  list.addEventListener("change", () => write(list.value));
  const update = () => {
    const value = read();
    if (![...list.options].some((option) => option.value === value)) list.append(html("option", { value }, value));
    list.value = value;
  };
  return { node, update };
}

// Fields for the coordinates of a point that is dragged: { trait, label, range: () => [[low, high], …] }.
function point(bind, control) {
  const { trait, label, range } = control, id = unique(trait), { read, write } = access(bind, control);
  const fields = ["θ₁", "θ₂"].map((name, i) => {
    const field = html("input", { type: "number", step: "any", "aria-label": `${label} ${name}, exact value` });
    field.addEventListener("change", () => {
      if (!Number.isNaN(field.valueAsNumber)) write(read().map((v, k) => (k === i ? clamp(field.valueAsNumber, ...range()[i]) : v)));
      update();
    });
    return field;
  });
  const node = html("div", { class: "lrlab-control lrlab-point", role: "group", "aria-labelledby": id }, html("span", { id }, `${label} θ₁, θ₂`), ...fields);
  const update = () => fields.forEach((field, i) => {
    const value = Number(read()[i].toPrecision(6));
    if (field.valueAsNumber !== value) field.value = value;
  });
  return { node, update };
}

// Buttons in a row: { label, buttons: [[name, what it means], …] }. `press(name)` is told; `look(name)` gives { pressed, off, state },
// where the state is "right", "wrong" or nothing. One that is off stays in reach of the keyboard, so that the focus stays too.
function buttons({ label, buttons: names, press, look }) {
  const made = names.map(([name, meaning]) => {
    const button = html("button", { type: "button", title: meaning }, name);
    button.addEventListener("click", () => { if (!look(name).off) press(name); });
    return [name, button];
  });
  const node = html("div", { class: "lrlab-buttons", role: "group", "aria-label": label }, ...made.map(([, button]) => button));
  const update = () => {
    for (const [name, button] of made) {
      const { pressed, off = false, state = "" } = look(name);
      set(button, { "aria-disabled": off, class: state });
      if (pressed !== undefined) button.setAttribute("aria-pressed", pressed); // a choice; without it, something to do
      button.textContent = `${{ right: "✓ ", wrong: "✗ " }[state] ?? ""}${name}`;
    }
  };
  return { node, update };
}

// ---- the frame ----

// Shows a figure in `el` and keeps it in step with the model. The figure gives
//   title, tries (what to try and what to notice, html), controls (see slider, choice, point, buttons), height(width),
//   draw(stage, width, bind) -> update(), which draws into an svg of that width and returns what to do after a change,
//   readout() -> html, and says() -> the summary for a screen reader.
export function figure({ model, el, signal, title, tries, controls, height, draw, readout, says }) {
  addStyle();
  const initial = model.get("_initial");
  const bind = {
    get: (trait) => model.get(trait),
    set(values) {
      for (const [trait, value] of Object.entries(values)) model.set(trait, value);
      model.save_changes();
    },
  };
  const titleId = unique("title"), captionId = unique("caption");
  const reset = html("button", { type: "button", "aria-label": `Reset: ${title}` }, "reset");
  reset.addEventListener("click", () => bind.set(initial));
  const stage = svg("svg", { class: "lrlab-stage", role: "group", "aria-labelledby": titleId });
  const words = html("p", { class: "lrlab-readout" });
  const live = html("p", { class: "lrlab-hidden", role: "status" });
  const caption = html("figcaption", { id: captionId });
  caption.innerHTML = tries.map((line) => `<p>${line}</p>`).join("");
  const made = controls.map((control) => control.buttons ? buttons(control) : (control.options ? choice : control.range ? point : slider)(bind, control));
  const root = html("figure", { class: "lrlab-fig", "aria-labelledby": titleId, "aria-describedby": captionId },
    html("div", { class: "lrlab-head" }, html("span", { class: "lrlab-title", id: titleId }, title), reset),
    stage, html("div", { class: "lrlab-controls" }, ...made.map(({ node }) => node)), words, caption, live);
  // Keys belong to the figure: a notebook would move to the next cell, or take the arrows from a slider.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(root);

  let update = () => {}, width = 0, asked = 0, speaking = 0;
  const show = () => {
    asked = 0;
    for (const control of made) control.update();
    update();
    words.innerHTML = readout();
    clearTimeout(speaking);
    speaking = setTimeout(() => { live.textContent = says(); }, 600); // once the hand rests
  };
  const later = () => { asked ||= requestAnimationFrame(show); };
  const layout = () => {
    const now = Math.round(root.clientWidth);
    if (!now || now === width) return;
    width = now;
    const focused = stage.contains(document.activeElement);
    stage.replaceChildren();
    set(stage, { viewBox: `0 0 ${width} ${height(width)}` });
    update = draw(stage, width, bind, later);
    show();
    if (focused) stage.querySelector(".lrlab-handle")?.focus();
  };
  const resized = new ResizeObserver(layout);
  resized.observe(root);
  layout();
  for (const trait of Object.keys(initial)) model.on(`change:${trait}`, later);
  const stop = () => {
    resized.disconnect();
    cancelAnimationFrame(asked);
    clearTimeout(speaking);
    for (const trait of Object.keys(initial)) model.off(`change:${trait}`, later);
  };
  signal?.addEventListener("abort", stop);
  return stop;
}
