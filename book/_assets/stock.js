// Shows the widgets of ipywidgets itself (sliders, buttons, text, …) in a page with no kernel; widgets.js loads this where a
// page has one. The widgets come from jupyter-widgets.js, which tools/local_assets.py copies out of the package that ipywidgets
// installs. That file is made for the notebook of old: what it asks of that notebook is answered here with nothing.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const KNOWN = /^@jupyter-widgets\/(base|controls|output)$/;
  const file = new URL("jupyter-widgets.js", document.currentScript.src);

  // Whatever is read from it, called on it or made of it is itself; it is no promise.
  const nothing = new Proxy(function () {}, {
    get: (_, key) => (key === "then" ? undefined : key === Symbol.toPrimitive ? () => "" : nothing),
    apply: () => nothing,
    construct: () => nothing,
  });
  const only = (own) => new Proxy(own, { get: (_, key) => (key in own ? own[key] : nothing) });
  const listeners = {};
  const events = only({ on: (names, tell) => { for (const name of names.split(" ")) listeners[name] = tell; } });
  const notebook = only({ metadata: {}, get_cells: () => [], events, kernel: null });
  const kernel = { comm_manager: only({ kernel: { is_connected: () => true, comm_info: (_, tell) => tell({ content: { comms: {} } }) } }) };

  async function show(widgets) {
    await widgets.load_ipython_extension();
    const menu = document.createElement("div");
    menu.innerHTML = '<ul hidden><li><a id="help_menu"></a></li></ul>'; // the manager puts a menu of its own beside it
    document.body.append(menu);
    listeners["kernel_created.Kernel"](null, { kernel });
    menu.remove();
    const manager = kernel.widget_manager, { attach } = Object.getPrototypeOf(widgets.JupyterLuminoWidget);
    manager.callbacks = () => ({}); // there is no kernel to tell
    const all = JSON.parse(document.querySelector(STATE).textContent);
    all.state = Object.fromEntries(Object.entries(all.state).filter(([, one]) => KNOWN.test(one.model_module)));
    await manager.set_state(all);
    for (const place of document.querySelectorAll(VIEW)) {
      const id = JSON.parse(place.textContent).model_id;
      if (!all.state[id]) continue;
      const el = document.createElement("div"), view = await manager.create_view(await manager.get_model(id));
      place.nextElementSibling.remove(); // the note
      place.replaceWith(el);
      attach(view.luminoWidget, el);
    }
  }

  const modules = { "base/js/namespace": only({ version: "6.5.7", notebook }), "base/js/events": events };
  window.Jupyter = modules["base/js/namespace"];
  window.requirejs = Object.assign((names, tell) => tell?.(...names.map((name) => modules[name] ?? nothing)), { config() {} });
  window.define = (_, make) => {
    delete window.define;
    show(make(nothing));
  };
  document.head.append(Object.assign(document.createElement("script"), { src: file }));
})();
