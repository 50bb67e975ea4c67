// The look of all figures. Colors are those of book/_assets/lrlab.css where a page has it; text takes the color around it.
const css = `
.lrlab-fig {
  --blue: var(--lrlab-blue, #0072b2); --orange: var(--lrlab-orange, #d55e00); --green: var(--lrlab-green, #007a5a);
  --purple: var(--lrlab-purple, #8e4a9b); --gold: var(--lrlab-gold, #9a6a00); --gray: var(--lrlab-gray, #6b6b6b);
  --ink: currentColor; --paper: var(--pst-color-background, var(--jp-layout-color0, #fff));
  --rule: color-mix(in srgb, currentColor 18%, transparent);
  --faint: color-mix(in srgb, currentColor 6%, transparent);
  box-sizing: border-box; color: var(--pst-color-text-base, var(--jp-content-font-color1, inherit)); display: block;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 1.2em 0; max-width: 860px; padding: 0;
  text-align: left; width: 100%;
}
html[data-theme="dark"] .lrlab-fig, body[data-jp-theme-light="false"] .lrlab-fig {
  --blue: var(--lrlab-blue, #56b4e9); --orange: var(--lrlab-orange, #ff9248); --green: var(--lrlab-green, #3fc99b);
  --purple: var(--lrlab-purple, #d79be2); --gold: var(--lrlab-gold, #e0b13c); --gray: var(--lrlab-gray, #a8a8a8);
}
.lrlab-fig *, .lrlab-fig *::before { box-sizing: border-box; }
.lrlab-fig .lrlab-head { align-items: baseline; display: flex; gap: 12px; justify-content: space-between; margin: 0 0 6px; }
.lrlab-fig .lrlab-title { font-size: 15px; font-weight: 600; line-height: 1.3; }
.lrlab-fig svg.lrlab-stage { display: block; height: auto; overflow: visible; width: 100%; }
.lrlab-fig svg text { fill: currentColor; font-size: 12px; stroke: none; }
.lrlab-fig svg .label { font-size: 12.5px; }
.lrlab-fig svg .strong { font-weight: 600; }
.lrlab-fig svg .halo { paint-order: stroke; stroke: var(--paper); stroke-linejoin: round; stroke-width: 4px; }
.lrlab-fig svg .axis, .lrlab-fig svg .tick { fill: none; stroke: currentColor; stroke-opacity: .45; }
.lrlab-fig svg .rule { fill: none; stroke: var(--rule); }
.lrlab-fig svg .curve { fill: none; stroke: currentColor; stroke-linejoin: round; stroke-width: 2; }
.lrlab-fig svg .curve.soft { stroke-opacity: .5; stroke-width: 1.5; }
.lrlab-fig svg .needle { fill: currentColor; paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.lrlab-fig svg .path { fill: none; stroke: var(--c, var(--blue)); stroke-linejoin: round; stroke-width: 1.8; }
.lrlab-fig svg .dots { fill: var(--c, var(--blue)); stroke: none; }
.lrlab-fig svg .area { fill: var(--c, var(--blue)); opacity: .1; stroke: none; }
.lrlab-fig svg .contour { fill: none; stroke: currentColor; stroke-opacity: .28; }
.lrlab-fig svg .marker { fill: none; stroke: currentColor; stroke-width: 1.5; }
.lrlab-fig .lrlab-handle { cursor: grab; outline: none; touch-action: none; }
.lrlab-fig .lrlab-handle:active { cursor: grabbing; }
.lrlab-fig .lrlab-handle .knob { fill: var(--c, var(--blue)); stroke: var(--paper); stroke-width: 2; }
.lrlab-fig .lrlab-handle .ring { fill: var(--c, var(--blue)); fill-opacity: 0; stroke: none; }
.lrlab-fig .lrlab-handle:hover .ring { fill-opacity: .16; }
.lrlab-fig .lrlab-handle:focus-visible .ring { fill-opacity: .16; stroke: var(--c, var(--blue)); stroke-width: 2.5; }
.lrlab-fig .lrlab-controls { display: grid; gap: 6px 28px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr));
  margin: 10px 0 4px; }
.lrlab-fig .lrlab-control { align-items: center; column-gap: 10px; display: grid; grid-template-columns: 1fr auto; }
.lrlab-fig .lrlab-control label { font-size: 13.5px; grid-column: 1; margin: 0; }
.lrlab-fig .lrlab-control input[type="range"] { grid-column: 1 / -1; grid-row: 2; }
.lrlab-fig .lrlab-control i { font-family: KaTeX_Math, "STIX Two Math", "Times New Roman", serif; font-size: 1.1em; }
.lrlab-fig input[type="number"], .lrlab-fig select, .lrlab-fig button {
  background: transparent; border: 1px solid transparent; border-bottom-color: var(--gray); border-radius: 3px; color: inherit;
  font: inherit; font-size: 13.5px; margin: 0; min-height: 26px; padding: 1px 4px;
}
.lrlab-fig input[type="number"] { appearance: textfield; font-variant-numeric: tabular-nums; text-align: right; width: 5.6em; }
.lrlab-fig input[type="number"]::-webkit-inner-spin-button { appearance: none; margin: 0; }
.lrlab-fig .lrlab-control.off { opacity: .4; }
.lrlab-fig .lrlab-point { align-content: center; grid-template-columns: 1fr auto auto; }
.lrlab-fig .lrlab-choice select { grid-column: 1 / -1; }
.lrlab-fig .lrlab-buttons { align-items: end; display: flex; flex-wrap: wrap; gap: 6px; }
.lrlab-fig .lrlab-buttons:has(:nth-child(2)) { grid-column: 1 / -1; margin: 2px 0 6px; }
.lrlab-fig .lrlab-buttons button { min-height: 32px; }
.lrlab-fig .lrlab-buttons button[aria-disabled="true"] { border-color: var(--rule); cursor: default; }
.lrlab-fig .lrlab-buttons button.right { border-color: var(--green); color: var(--green); font-weight: 600; }
.lrlab-fig .lrlab-buttons button.wrong { border-color: var(--orange); color: var(--orange); font-weight: 600; }
.lrlab-fig select { border-bottom-color: var(--c, var(--gray)); max-width: 100%; min-width: 0; }
.lrlab-fig select option { background: var(--paper); color: inherit; }
.lrlab-fig button { border-color: var(--gray); border-radius: 999px; cursor: pointer; padding: 1px 12px; }
.lrlab-fig button:hover { background: var(--faint); }
.lrlab-fig :is(input, select, button, summary):focus-visible { outline: 2.5px solid var(--blue); outline-offset: 2px; }
.lrlab-fig input[type="range"] { -webkit-appearance: none; appearance: none; background: transparent; border: 0; cursor: pointer;
  height: 26px; margin: 0; padding: 0; touch-action: pan-y; width: 100%; }
.lrlab-fig input[type="range"]::-webkit-slider-runnable-track { background: linear-gradient(to right, var(--c, var(--blue))
  var(--at, 50%), var(--rule) var(--at, 50%)); border-radius: 2px; height: 4px; }
.lrlab-fig input[type="range"]::-moz-range-track { background: linear-gradient(to right, var(--c, var(--blue)) var(--at, 50%),
  var(--rule) var(--at, 50%)); border-radius: 2px; height: 4px; }
.lrlab-fig input[type="range"]::-webkit-slider-thumb { -webkit-appearance: none; background: var(--c, var(--blue));
  border: 2px solid var(--paper); border-radius: 50%; height: 18px; margin-top: -7px; width: 18px; }
.lrlab-fig input[type="range"]::-moz-range-thumb { background: var(--c, var(--blue)); border: 2px solid var(--paper);
  border-radius: 50%; height: 14px; width: 14px; }
.lrlab-fig .lrlab-readout { font-variant-numeric: tabular-nums; margin: 8px 0 2px; min-height: 3em; }
.lrlab-fig .lrlab-readout b { font-weight: 600; }
.lrlab-fig .lrlab-key { background: var(--c); border-radius: 50%; display: inline-block; height: .7em; margin-right: .35em; width: .7em; }
.lrlab-fig figcaption { border-top: 1px solid var(--rule); caption-side: bottom; color: inherit; font-size: 13.5px;
  margin: 8px 0 0; padding: 8px 0 0; text-align: left; }
.lrlab-fig figcaption p { color: inherit; font-size: inherit; font-weight: 400; margin: 0 0 4px; }
.lrlab-fig figcaption p b { font-weight: 600; }
.lrlab-fig .lrlab-hidden { clip-path: inset(50%); height: 1px; margin: 0; overflow: hidden; position: absolute; white-space: nowrap;
  width: 1px; }
@media (forced-colors: active) { .lrlab-fig input[type="range"] { appearance: auto; } }
@media print {
  .lrlab-fig, html[data-theme="dark"] .lrlab-fig { --blue: #0072b2; --orange: #d55e00; --green: #007a5a; --purple: #8e4a9b;
    --gold: #9a6a00; --gray: #6b6b6b; --paper: #fff; background: #fff; break-inside: avoid; color: #000; print-color-adjust: exact; }
  .lrlab-fig button, .lrlab-fig input[type="range"] { display: none; }
}
`;

export function addStyle() {
  if (document.getElementById("lrlab-figure-style")) return;
  const style = Object.assign(document.createElement("style"), { id: "lrlab-figure-style", textContent: css });
  document.head.append(style);
}
