// Brings the interactive figures of a page to life with no kernel: reads the widgets' state that the page carries, imports
// each script once, and gives every figure a model. Knows widgets of the anywidget kind; if the page shows some of ipywidgets'
// own, the file named in this script's data-stock attribute is loaded for those. Where neither can do it stands a note.
(() => {
  const stock = document.currentScript.dataset.stock && new URL(document.currentScript.dataset.stock, document.currentScript.src);
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const models = new Map();
  const scripts = new Map();

  class Model {
    constructor(state) {
      this.state = state;
      this.listeners = new Map();
      this.widget_manager = { get_model: async (id) => models.get(id) };
    }
    get(name) {
      return this.state[name];
    }
    set(name, value) {
      if (this.state[name] === value) return;
      this.state[name] = value;
      for (const callback of [...(this.listeners.get(`change:${name}`) ?? []), ...(this.listeners.get("change") ?? [])]) callback();
    }
    on(name, callback) {
      if (!this.listeners.has(name)) this.listeners.set(name, new Set());
      this.listeners.get(name).add(callback);
    }
    off(name, callback) {
      if (callback) this.listeners.get(name)?.delete(callback);
      else if (name) this.listeners.delete(name);
      else this.listeners.clear();
    }
    save_changes() {} // there is no kernel to tell
    send() {}
  }

  // Arrays and the like travel beside the state, as base64.
  function withBuffers({ state, buffers = [] }) {
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const parent = path.slice(0, -1).reduce((node, key) => node[key], state);
      parent[path.at(-1)] = new DataView(bytes.buffer);
    }
    return state;
  }

  function load(code) {
    if (!scripts.has(code)) {
      const module = import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
      scripts.set(code, module.then(({ default: found }) => (typeof found === "function" ? found() : found)));
    }
    return scripts.get(code);
  }

  async function start() {
    const found = JSON.parse(document.querySelector(STATE)?.textContent ?? '{"state": {}}').state;
    for (const [id, saved] of Object.entries(found)) models.set(id, new Model(withBuffers(saved)));
    let others = false;
    for (const place of document.querySelectorAll(VIEW)) {
      const id = JSON.parse(place.textContent).model_id, module = found[id]?.model_module ?? "";
      if (module !== "anywidget") {
        const words = "A widget stands here in the notebook. It needs a kernel, which this page has not.";
        place.after(Object.assign(document.createElement("p"), { className: "lrlab-no-widget", textContent: words }));
        others ||= module.startsWith("@jupyter-widgets/");
        continue;
      }
      const el = document.createElement("div"), model = models.get(id), { signal } = new AbortController();
      const widget = await load(model.get("_esm"));
      el.model = model; // a figure can be driven from the console
      place.before(el); // lrlab.css keeps room for a figure as long as the place is there
      if (!model.begun) model.begun = Promise.resolve(widget.initialize?.({ model, signal }));
      await model.begun;
      await widget.render?.({ model, el, signal });
      place.remove();
    }
    if (others && stock) document.head.append(Object.assign(document.createElement("script"), { src: stock }));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
