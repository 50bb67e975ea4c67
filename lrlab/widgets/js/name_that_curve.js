// A drill: name what a recorded loss curve shows, and be told why.
import { figure, format, plot } from "./draw.js";

const HEALTHY = "healthy";
const NAMES = [
  [HEALTHY, "nothing to mend"], ["too slow", "a larger rate would do"], ["oscillating", "swings and does not settle"], ["diverging", "the loss explodes"],
  ["spike", "one jump, then back"], ["plateau", "stuck from the start"], ["decayed too early", "the rate went before the loss was down"],
];

const sorted = (values) => [...values].sort((a, b) => a - b);
export function median(values) {
  const all = sorted(values), middle = all.length >> 1;
  return all.length % 2 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
}

// The medians of ten pieces, the first ones longer where the length is no multiple of ten.
export function levels(loss) {
  const short = Math.floor(loss.length / 10), longer = loss.length % 10;
  const start = (k) => k * short + Math.min(k, longer);
  return Array.from({ length: 10 }, (_, k) => median(loss.slice(start(k), start(k + 1))));
}

// A byte for each loss, between two logarithms, as lrlab.widgets.recorded packs them; 255 is no finite one.
export const unpack = ([low, high, text]) =>
  Array.from(atob(text), (c) => (c.charCodeAt(0) === 255 ? Infinity : Math.exp(low + ((high - low) * c.charCodeAt(0)) / 254)));

export function compute(get) {
  const curves = get("_curves"), number = get("curve"), answers = get("answers"), row = curves[number - 1];
  const loss = unpack(row.loss), usual = curves.find(({ task, label }) => task === row.task && label === HEALTHY);
  const right = answers.filter((name, i) => name === curves[i].label).length, given = answers.filter(Boolean).length;
  return { ...row, loss, usual: unpack(usual.loss), levels: levels(loss), number, count: curves.length, answer: answers[number - 1], right, given };
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  let now = compute(get);

  function draw(stage, width) {
    const wide = width > 600, tall = wide ? 290 : 250, low = wide ? 130 : 120;
    const losses = ["linear", "log"].map((scale) => plot(stage, { box: [0, 0, width, tall], x: [0, 1], y: [0.1, 1], yLog: scale === "log", yLabel: "loss" }));
    const rate = plot(stage, { box: [0, tall - 14, width, low], x: [0, 1], y: [0, 1], yTicks: 2, xLabel: "step t", yLabel: "rate η(t)" });
    const lines = losses.map((panel) => [panel.add("path", { style: "--c: var(--green); stroke-width: 1.4" }), panel.add("path")]);
    const rates = rate.add("path", { style: "--c: var(--gray)" });

    return () => {
      now = compute(get);
      const { loss, usual, lr, answer, label } = now, log = get("scale") === "log", panel = losses[log ? 1 : 0], [other, own] = lines[log ? 1 : 0];
      losses.forEach((one, k) => one.show(k === (log ? 1 : 0)));
      const beside = answer && label !== HEALTHY ? usual : [];
      const seen = [...loss, ...beside].filter(Number.isFinite), top = Math.min(Math.max(...seen), loss[0] * (log ? 1e6 : 4));
      panel.range([0, loss.length], log ? [Math.min(...seen) * 0.8, top * 1.25] : [Math.min(0, ...seen), top * 1.04]);
      panel.line(own, loss.map((v, t) => [t, v]));
      panel.line(other, beside.map((v, t) => [t, v]));
      panel.key([["blue", "this run"], ...(beside.length ? [["green", "a healthy one"]] : [])]);
      rate.range([0, lr.length], [0, 1.1 * Math.max(...lr)]);
      rate.line(rates, lr.map((v, t) => [t, v]));
    };
  }

  const answered = (name) => {
    const answers = [...get("answers")];
    answers[get("curve") - 1] = name;
    model.set("answers", answers);
    model.save_changes();
  };
  const look = (name) => {
    const i = get("curve") - 1, answer = get("answers")[i], { label } = get("_curves")[i];
    const state = !answer ? "" : name === label ? "right" : name === answer ? "wrong" : "";
    return { off: Boolean(answer), pressed: name === answer, state };
  };
  const next = () => {
    model.set("curve", (get("curve") % get("_curves").length) + 1);
    model.save_changes();
  };
  const score = () => (now.given ? `${now.right} of ${now.given} right` : "none named yet");
  const verdict = () => (now.answer === now.label ? `Right: ${now.label}.` : `No, not ${now.answer}: ${now.label}.`);
  return figure({
    model, el, signal, draw,
    title: "Name that curve",
    height: (width) => (width > 600 ? 406 : 356),
    controls: [
      { label: "What does the curve show?", buttons: NAMES, press: answered, look },
      { trait: "curve", label: "curve", min: 1, max: get("_curves").length, step: 1 },
      { trait: "scale", label: "axis of the loss", options: [["linear", "linear"], ["log", "logarithmic"]] },
      { label: "Go on", buttons: [["next curve", "the curve after this one"]], press: next, look: () => ({}) },
    ],
    tries: [
      "<b>Try</b> to name each curve before you ask: a press answers, and says what was done to the run. Look at a curve on both axes, and at the rate below it.",
      "<b>Notice</b> that too slow, plateau and decayed too early all end high: what tells them apart is whether the loss still moves, and what the rate did.",
    ],
    readout() {
      const { number, count, task, loss, label, answer, cause, evidence, advice } = now;
      const head = `<b>Curve ${number} of ${count}</b> (${task}): the loss starts at ${format(loss[0])}, and is ${format(now.levels.at(-1))} in the last tenth of the run. Score: <b>${score()}</b>.`;
      return answer ? `${head}<br><b>${verdict()}</b> ${cause} ${evidence} ${label === HEALTHY ? "" : advice}` : head;
    },
    says() {
      const { number, count, loss, lr, answer, cause, evidence } = now;
      const highest = Math.max(...loss), at = loss.indexOf(highest);
      const seen = `the loss starts at ${format(loss[0])}; the medians of its tenths are ${now.levels.map((v) => format(v)).join(", ")}; it is highest, ${format(highest)}, at step ${at}. The rate goes from ${format(lr[0])} to ${format(lr.at(-1))}, at most ${format(Math.max(...lr))}.`;
      return `Curve ${number} of ${count}: ${answer ? `${verdict()} ${cause} ${evidence}` : seen} Score: ${score()}.`;
    },
  });
}
