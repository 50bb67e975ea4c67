// The range test on recorded runs, above what training at each rate really came to.
import { figure, format, handle, plot, set, svg, text } from "./draw.js";
import { rangeTest } from "./search.js";

const RANGE = [1e-5, 100];

export function compute(get) {
  const all = get("_recorded"), row = all.rows.find(({ name }) => name === get("run"));
  const losses = row.tests[get("trial") - 1], [smoothing, explode, lr] = ["smoothing", "explode", "lr"].map(get);
  const found = rangeTest(losses, { lr_min: all.lr_min, lr_max: all.lr_max, steps: all.steps, smoothing, explode });
  const ends = row.trained.map((one) => one.map((loss) => loss ?? Infinity));
  const means = ends.map((one) => one.reduce((sum, loss) => sum + loss, 0) / one.length);
  // The recorded rate nearest to one, in the logarithm.
  const nearest = (rate) => {
    const away = row.rates.map((r) => Math.abs(Math.log(r / rate)));
    return away.indexOf(Math.min(...away));
  };
  const best = means.indexOf(Math.min(...means)), mine = nearest(lr), suggested = nearest(found.suggestion);
  return { ...found, losses, ends, means, grid: row.rates, lr, mine, suggested, chosen: best, training: all.training };
}

export default function show({ model, el, signal }) {
  const get = (trait) => model.get(trait);
  let now = compute(get);

  function draw(stage, width, bind) {
    const wide = width > 600, tall = wide ? 270 : 250;
    const test = plot(stage, { box: [0, 0, width, tall], x: RANGE, y: [0.03, 30], xLog: true, yLog: true, yLabel: "loss in the test" });
    const after = plot(stage, { box: [0, tall - 12, width, wide ? 210 : 200], x: RANGE, y: [0.06, 10], xLog: true, yLog: true,
      xLabel: "rate η", yLabel: `loss after ${now.training} steps at one rate` });
    const raw = test.add("dots", { style: "--c: var(--gray)", opacity: 0.55 }), level = test.add("path", { style: "--c: var(--orange); stroke-width: 1.2", "stroke-dasharray": "5 4" });
    const smooth = test.add("path", { style: "stroke-width: 2.4" }), end = test.add("marker", { style: "stroke: var(--orange); stroke-width: 2.5" });
    const lows = [test, after].map((panel) => panel.add("path", { style: "--c: currentColor; stroke-width: 1.2", "stroke-dasharray": "2 3" }));
    const marks = [test, after].map((panel) => panel.add("path", { style: "--c: var(--green)" }));
    const words = [["suggestion", 10], ["lowest", 27]].map(([name, up]) => text(0, test.y0 - up, name, { class: "halo" }));
    set(words[0], { class: "halo strong", style: "fill: var(--green)" });
    test.inside.append(...words);
    test.key([["gray", "one batch"], ["blue", "smoothed"], ["orange", "explosion", "5 4"]]);
    const spread = after.add("path", { style: "--c: var(--purple); stroke-width: 1.2" }), mean = after.add("path", { style: "--c: var(--purple)" });
    const seen = after.add("dots", { style: "--c: var(--purple)" }), ring = after.add("marker");
    const put = (lr) => bind.set({ lr: Math.min(Math.max(Number(lr.toPrecision(3)), RANGE[0]), RANGE[1]) });
    const mine = handle(after, {
      label: "a rate to try", min: RANGE[0], max: RANGE[1], color: "blue",
      place: (px) => put(after.x.invert(px)), nudge: (dx, dy) => put(bind.get("lr") * 10 ** ((dx + dy) / 30)),
    });

    return () => {
      now = compute(get);
      const { rates, smoothed, losses, best, suggestion, diverged, grid, means, ends } = now;
      test.dots(raw, losses.slice(0, rates.length).map((loss, t) => [rates[t], loss]), 1.7);
      test.line(smooth, smoothed.map((loss, t) => [rates[t], loss]));
      test.line(level, Number.isFinite(best) ? [[RANGE[0], best * get("explode")], [RANGE[1], best * get("explode")]] : []);
      const cross = diverged === null ? null : [test.x(rates[diverged]), Math.max(test.y(Math.min(smoothed[diverged], 30)), test.y1 + 6)];
      end.setAttribute("d", cross ? `M${cross[0] - 5},${cross[1] - 5}l10,10m0,-10l-10,10` : "");
      for (const [k, panel] of [test, after].entries()) {
        const column = (rate) => (Number.isFinite(rate) ? [[rate, panel.y.domain[0]], [rate, panel.y.domain[1]]] : []);
        panel.line(marks[k], column(suggestion));
        panel.line(lows[k], column(10 * suggestion));
      }
      words[0].textContent = `suggestion ${format(suggestion)}`;
      words.forEach((word, k) => {
        const x = test.x(suggestion * 10 ** k), side = x < (test.x0 + test.x1) / 2 ? 1 : -1;
        word.style.display = Number.isFinite(x) ? "" : "none";
        set(word, { x: Number.isFinite(x) ? x + 5 * side : 0, "text-anchor": side > 0 ? "start" : "end" });
      });
      after.line(mean, grid.map((rate, i) => [rate, means[i]]));
      after.dots(seen, grid.map((rate, i) => [rate, means[i]]), 2.6);
      after.line(spread, grid.flatMap((rate, i) => [[rate, Math.min(...ends[i])], [rate, Math.max(...ends[i])], [rate, NaN]]));
      const here = means[now.mine];
      after.dots(ring, [[grid[now.mine], here]], 6);
      const y = Math.max(after.y(here), after.y1 + 4);
      mine.show(after.x(now.lr), y, now.lr, `${format(now.lr)}; trained at ${format(grid[now.mine])} the loss is ${format(here)}`);
    };
  }

  const at = (i) => `${format(now.grid[i])} ended at <b>${format(now.means[i])}</b>`;
  return figure({
    model, el, signal, draw,
    title: "The range test, recorded on MNIST",
    height: (width) => (width > 600 ? 468 : 438),
    controls: [
      { trait: "run", label: "recorded run", options: get("_recorded").rows.map(({ name }) => [name, name]) },
      { trait: "trial", label: "seed", min: 1, max: get("_recorded").rows[0].tests.length, step: 1 },
      { trait: "smoothing", label: "smoothing <i>β</i>", min: 0, max: 0.99, step: 0.01, typed: [0, 0.999] },
      { trait: "explode", label: "explosion, × lowest", min: 1.1, max: 20, log: true, typed: [1.001, 1e6], color: "orange" },
      { trait: "lr", label: "rate <i>η</i> to try", min: RANGE[0], max: RANGE[1], log: true, typed: [1e-8, 1e3] },
    ],
    tries: [
      "<b>Try</b> the run with batches of 8: take the smoothing down to 0, then up; then change the seed. Say where you would train before you drag the rate in the lower panel.",
      "<b>Notice</b> that without smoothing the lowest point may be one lucky batch, that a stronger average follows later and moves the suggestion to larger rates, and that the suggestion lands in the valley below, mostly left of its best point.",
    ],
    readout() {
      const { suggestion, diverged, rates, training } = now;
      const found = Number.isFinite(suggestion) ? `The smoothed loss is lowest at the rate ${format(10 * suggestion)}; the suggestion is a tenth of it, <b>${format(suggestion)}</b>.
        ` : "The smoothed loss never fell: no suggestion. ";
      const end = diverged === null ? "" : `The test exploded at ${format(rates[diverged])}. `;
      const near = Number.isFinite(suggestion) ? `the one nearest to the suggestion, ${at(now.suggested)}; ` : "";
      return `${found}${end}Of the rates that were trained for ${training} steps, ${near}the one nearest to yours, ${at(now.mine)}; the best, ${at(now.chosen)}.`;
    },
    says: () => `${get("run")}: suggestion ${format(now.suggestion)}. Trained at ${format(now.grid[now.mine])} the loss is ${format(now.means[now.mine])}; the best rate, ${format(now.grid[now.chosen])}, comes to ${format(now.means[now.chosen])}.`,
  });
}
