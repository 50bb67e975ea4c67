// The start of every figure, in a page and in JupyterLab: import the figure's module, and the modules that it shares
// with the other figures, each once per page. A module names another one as "./name.js".
const urls = (globalThis.lrlabModules ??= new Map());

function url(code, files) {
  const linked = code.replace(/"\.\/(\w+\.js)"/g, (_, name) => `"${url(files[name], files)}"`);
  if (!urls.has(linked)) urls.set(linked, URL.createObjectURL(new Blob([linked], { type: "text/javascript" })));
  return urls.get(linked);
}

export default {
  async render({ model, el, signal }) {
    const shared = await model.widget_manager.get_model(model.get("_shared"));
    const { default: show } = await import(url(model.get("_code"), shared.get("files")));
    return show({ model, el, signal });
  },
};
