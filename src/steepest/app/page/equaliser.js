// The equaliser: one ES module without dependencies. It does not know where Python runs:
// `request(op, args, buffers)` answers `[fields, buffers]`, as `Session.handle` in session.py.
//
// The browser holds low-pass images L_k: all that vanishes from edge k on. The result is
// g_0 L_0 + sum_k (g_k - g_{k-1}) L_k, so moving an edge replaces one image only.
//
// files.py puts the other parts (look.js, renderers.js, ..) before this file.

const NOTHING = { edges: [], gains: [1], base: 1, large: 0, strokes: [], method: "edge_enhancing" };

/**
 * Build the equaliser in an element.
 * @param {HTMLElement} element
 * @param {{request: (op: string, args?: object, buffers?: ArrayBuffer[]) => Promise<[any, ArrayBuffer[]]>,
 *   renderer?: "auto" | "webgl2" | "arrays", keys?: EventTarget}} options `keys`: where shortcuts are
 *   heard; by default only inside the element, as a notebook has shortcuts of its own
 * @returns {{destroy: () => void, stats: () => object, settings: () => object}}
 */
export function createEqualiser(element, { request, renderer: wanted = "auto", keys = null }) {
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const { $, panes } = buildPanel(root), box = root.querySelector(".app");
  const gone = new AbortController();
  const on = (target, type, act, options = {}) => target.addEventListener(type, act, { signal: gone.signal, ...options });
  const toast = createToast($, on);

  let state = null; // the last answer to "state"
  let settings = NOTHING; // strokes of the brush: [radius, x, y, x, y, ..] in image pixels
  let past = [], future = [], touched = false, growing = null; // the reach of the flow that grows
  let renderer = null, quality = new Map(), frames = [], tab = "Bands";
  const view = new View($, on, () => state?.image);

  // what the other parts know of this one

  const app = {
    $, on, root, request, view, gone: gone.signal, element: box, ask, quietly, poll, describe, drawOver, paint, openTab,
    get state() { return state; },
    get settings() { return settings; },
    get tab() { return tab; },
    get drawn() { return original !== null; },
    get spectrum() { return spectrum; },
    hush: toast.hide, recipe, remember, change,
    set(some) { settings = { ...settings, ...some }; paint(); },
    prepare(k) {
      const mix = state?.image && mixOf(settings);
      if (mix && mix.keys.every((key) => quality.has(key))) renderer.prepare?.(mix, k, view.visible());
    },
    async repaired() { touched = true; repairs++; quality = new Map(); tools.forget(); await poll(); },
    settle: () => repair.settle(),
    runAlone: (...given) => tools.run(...given),
    save: (made) => files.save(made),
  };

  // talking to Python

  async function ask(op, args, buffers) {
    try {
      return await request(op, args, buffers);
    } catch (error) {
      toast.say(error.message);
      throw error;
    }
  }
  function quietly(promise) { return promise.catch(() => {}); } // `ask` has shown the error

  let timer = 0, since = performance.now();
  async function poll() {
    clearTimeout(timer);
    const [now] = await ask("state", { restore: !state });
    const another = now.number !== state?.number;
    const finished = state?.status === "busy" && now.status === "done";
    const first = another || (!state?.edges?.length && now.edges.length);
    state = now;
    if (another) begin();
    if (finished && growing) grow();
    else if (now.image && (first || (finished && !touched))) adopt(touched ? settings.edges : now.edges);
    describe();
    files.noteExport();
    if (now.image) await refresh(); else files.start();
    if (gone.signal.aborted) return;
    if (now.status === "busy") timer = setTimeout(() => quietly(poll()), 150);
  }

  /** Show another image. */
  function begin() {
    since = performance.now();
    clearTimeout(keeping);
    past = []; future = []; touched = false; growing = null; quality = new Map(); frames = []; faders.held = null;
    settings = { ...NOTHING, strokes: state.strokes ?? [], method: state.method ?? NOTHING.method };
    if (state.kept) { // the page was loaded again
      const { edges, gains, residual_gain: base } = state.kept;
      settings = { ...settings, edges, gains, base };
      touched = true;
    }
    renderer = null; original = null; view.fitted = true;
    for (const name of ["view", "zoom"]) $[name].hidden = true;
    files.closeExport();
    tools.forget();
    repair.forget(state.settled !== false);
    if (state.image) makeRenderer(wanted);
  }

  function makeRenderer(kind) {
    const { width, height, channels } = state.image;
    const fresh = document.createElement("canvas");
    for (const { name, value } of $.canvas.attributes) fresh.setAttribute(name, value);
    $.canvas.replaceWith(fresh);
    $.canvas = fresh;
    const gl = hardwareContext(document.createElement("canvas"), kind) && fresh.getContext("webgl2", { alpha: false, antialias: false, preserveDrawingBuffer: true });
    renderer = gl ? new GpuRenderer(fresh, width, height, channels, gl) : new ArrayRenderer(fresh, width, height, channels, $.live);
    fresh.dataset.renderer = renderer.name;
    on(fresh, "webglcontextlost", () => {
      if ($.canvas !== fresh) return;
      makeRenderer("arrays");
      quality = new Map();
      quietly(refresh());
    });
  }

  /** Take edges chosen from the spectrum; gains stay as far as there are bands. */
  function adopt(edges) {
    const gains = [...edges, 0].map((_, k) => settings.gains[k] ?? 1);
    settings = { ...settings, edges: [...edges], gains };
    faders.build();
    spectrum.draw();
  }
  /** The flow has reached larger structures: the base is split into new bands with its gain. */
  function grow() {
    const { edges, gains, base } = settings, from = growing, room = Math.min(MOST_BANDS - gains.length, 3);
    growing = null;
    const after = state.edges.filter((t) => t > 1.3 * from), fresh = [from, ...after].slice(0, Math.max(room, 0));
    for (const key of quality.keys()) if (key !== "0") quality.set(key, "preview"); // the same, but from the new flow
    change({ ...settings, edges: [...edges, ...fresh], gains: [...gains, ...fresh.map(() => base)], large: fresh.length });
  }
  function more() {
    growing = state.t_max;
    quality.set("rest", "preview");
    quietly(ask("compute", { all: true }).then(poll));
  }

  const keysOf = (edges) => ["0", ...edges.map(String), "rest"];
  let fetching = false, repairs = 0, original = null; // the number of the image that `before` shows
  /** Fetch the low-pass images that are missing, or known better by now. */
  async function refresh() {
    if (fetching) return;
    fetching = true;
    try {
      for (let again = true; again; ) {
        const { number } = state, before = repairs;
        const wants = keysOf(settings.edges).filter((key) => {
          const has = quality.get(key);
          if (!has) return true;
          if (has === "final") return false;
          return state.status === "done" || (key !== "rest" && state.reached >= Number(key)) || (has === "missing" && state.preview);
        });
        if (!wants.length) break;
        const times = wants.map((key) => (key === "rest" ? null : Number(key)));
        const [answer, buffers] = await ask("layers", { times });
        if (answer.number !== number || number !== state.number) break;
        if (before !== repairs) continue; // these are of the image before
        wants.forEach((key, k) => {
          renderer.set(key, new Uint16Array(buffers[k].buffer ?? buffers[k], buffers[k].byteOffset ?? 0, buffers[k].byteLength / 2), answer.factors[k]);
          quality.set(key, answer.quality[k]);
        });
        const needed = new Set(keysOf(settings.edges));
        for (const key of [...quality.keys()]) if (!needed.has(key)) { quality.delete(key); renderer.delete(key); }
        again = [...needed].some((key) => !quality.has(key));
        if (wants.includes("0")) showSource(number);
        paint();
      }
    } finally {
      fetching = false;
    }
  }

  function mixOf({ edges, gains, base }) {
    const { dtype, limits: [low, high] } = state.image;
    // layers are (L - low) / (high - low), with weights that add up to the gain of the base
    const grey = base === 0 && dtype.startsWith("uint") ? 0.5 : 0; // as in recipe.py
    return { keys: keysOf(edges), gains: [...gains, base], shift: (grey + (base - 1) * low) / (high - low) };
  }

  /** The first source is the original, except below strokes from before the page was loaded. */
  function showSource(number) {
    if (original !== number) {
      const { width, height } = state.image;
      renderer.draw({ keys: ["0"], gains: [1], shift: 0 });
      Object.assign($.before, { width, height });
      $.before.getContext("2d").drawImage($.canvas, 0, 0);
      if (settings.strokes.length) quietly(ask("covered").then(([{ box: part }, [data]]) => {
        if (part && number === state.number) putValues($.before, fromHalf(new Uint16Array(data)), part);
      }));
    }
    original = number;
    files.arrived();
    if (tab === "Repair") { drawOver(); $.stage.classList.toggle("painting", repair.canPaint()); }
    $.view.hidden = $.zoom.hidden = false;
    if (view.fitted) view.fit();
  }

  let keeping = 0;
  /** Tell Python the sliders, so that a notebook can ask for the result. */
  function keep() {
    clearTimeout(keeping);
    const number = state.number;
    keeping = setTimeout(() => { if (number === state.number) quietly(ask("keep", recipe())); }, 250);
  }
  let waiting = 0;
  function paint() {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      faders.show();
      const mix = renderer && state?.image && mixOf(settings), { held } = faders;
      if (!mix || !mix.keys.every((key) => quality.has(key))) return;
      const start = performance.now();
      renderer.draw(mix, held, held === null ? null : view.visible());
      if (past.length || future.length) keep();
      frames.push(performance.now() - start);
      if (frames.length > 240) frames.shift();
    });
  }
  function recipe() { return { edges: settings.edges, gains: settings.gains, residual_gain: settings.base }; }

  // what is shown around the image

  function describe() {
    const image = state?.image, opening = files.opening();
    box.classList.toggle("vacant", !image);
    $.empty.hidden = Boolean(image) || !$.thumb.hidden;
    for (const name of ["classes", "smooth", "density", "onlyKept", "segment", "second", "brush", "method", "objects", "denoise", "good"]) $[name].disabled = !image || image.factor > 1;
    $.tooLarge.hidden = !(image?.factor > 1) || tab === "Bands";
    repair.describe();
    faders.enable(image);
    for (const name of ["press", "split", "measure", "export", "reset", "more"]) $[name].disabled = !image || Boolean(opening);
    $.presets.querySelectorAll("button").forEach((each) => { each.disabled = !state?.edges?.length; });
    $.file.textContent = "";
    if (image) {
      const name = document.createElement("b");
      name.textContent = image.name.split(/[/\\]/).at(-1);
      name.title = image.name;
      const what = document.createElement("span");
      what.textContent = whatOf(image);
      $.file.append(name, what);
      $.reduced.textContent = `shown at 1/${image.factor} of its size`;
      $.reduced.hidden = image.factor === 1;
    }
    const busy = state?.status === "busy", stopped = state?.status === "cancelled";
    $.status.hidden = !opening && (!image || state.status === "done");
    $.bar.hidden = !busy && !opening;
    $.bar.classList.toggle("wait", Boolean(opening) || (busy && state.stage === "preview"));
    $.cancel.hidden = Boolean(opening);
    const percentage = Math.round(100 * (state?.fraction ?? 0));
    $.bar.setAttribute("aria-valuenow", String(percentage));
    $.bar.firstElementChild.style.transform = `scaleX(${state?.fraction ?? 0})`;
    const preparing = performance.now() - since > 3000 ? "Preparing… The first run compiles for 10 seconds." : "Preparing a preview…";
    $.statusText.textContent = opening ? `Opening ${opening}…`
      : busy ? (state.stage === "preview" ? preparing : growing ? `Looking for larger structures, ${percentage} %` : `Refining the bands, ${percentage} %`)
      : !stopped ? state?.error ?? ""
      : state.edges.length ? "Stopped. The bands are a preview." : "Stopped before there were any bands.";
    $.cancel.textContent = busy ? "Cancel" : stopped ? "Continue" : "Try again";
    $.more.disabled ||= busy || state.all;
    $.undo.disabled = !past.length;
    $.redo.disabled = !future.length;
    spectrum.draw();
  }

  // undo and redo

  function remember() { past.push(settings); if (past.length > 200) past.shift(); future = []; }
  function change(next) {
    remember();
    apply(next);
  }
  function apply(next) {
    const bands = same(next.edges, settings.edges);
    settings = next;
    faders.held = null;
    repair.changed();
    if (bands) { faders.show(); paint(); } else { touched = true; faders.build(); quietly(refresh()); paint(); }
    describe();
    if (tab === "Repair") drawOver();
  }
  function undo() { if (past.length) { future.push(settings); apply(past.pop()); } }
  function redo() { if (future.length) { past.push(settings); apply(future.pop()); } }

  const faders = new Faders(app);
  const spectrum = new Spectrum($.spectrum, on, {
    names: () => faders.names(), colour: (k) => faders.colour(k), remember, spectrum: () => state?.spectrum, settings: () => settings,
    change: (next) => change({ ...settings, ...next }), done: describe, leave: () => $.stage.focus(),
    moved(edges) {
      touched = true;
      settings = { ...settings, edges };
      faders.held = null;
      spectrum.draw();
      faders.retime();
      quietly(refresh());
      paint();
    },
  });
  const repair = createRepair(app), files = createFiles(app), tools = createTools(app);
  createPointer(app, repair);

  // tabs: results are drawn over the image while their tab is open

  function drawOver() { $.over.hidden = !tools.draw() && !repair.draw(); }
  const tabs = panes.map((pane) => pane.dataset.pane);
  function openTab(name) {
    const before = tab;
    tab = name;
    panes.forEach((pane, k) => {
      pane.hidden = tabs[k] !== name;
      $.tabs.children[k].setAttribute("aria-selected", String(!pane.hidden));
      $.tabs.children[k].tabIndex = pane.hidden ? -1 : 0;
    });
    $.ring.hidden = $.ruler.hidden = true;
    $.stage.classList.toggle("painting", repair.canPaint());
    if (before === "Repair" && tab !== "Repair") quietly(repair.settle().then(tools.opened)); else tools.opened();
    describe();
    drawOver();
  }
  [...$.tabs.children].forEach((each, k) => on(each, "click", () => openTab(tabs[k])));
  on($.tabs, "keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[event.key];
    if (!step) return;
    const k = (tabs.indexOf(tab) + step) % tabs.length;
    openTab(tabs[k]);
    $.tabs.children[k].focus();
    event.stopPropagation();
  });

  // buttons and keys

  function setTheme(light) {
    box.classList.toggle("light", light);
    try { localStorage.setItem("steepest-theme", light ? "light" : "dark"); } catch { /* no storage */ }
  }
  const actions = {
    undo, redo, more, reset: () => change({ ...settings, gains: settings.gains.map(() => 1), base: 1 }),
    split: () => { toggle($.split); view.place(); },
    measure: () => { toggle($.measure); $.ruler.hidden = $.ring.hidden = true; },
    theme: () => setTheme(!box.classList.contains("light")),
    help: () => $.helpBox.showModal(), helpClose: () => $.helpBox.close(),
    open: files.choose, choose: files.choose, mask: files.mask,
    export: () => quietly(files.showExport()), exportClose: files.closeExport, download: () => quietly(files.download()),
    zoomIn: () => view.zoomBy(1.25), zoomOut: () => view.zoomBy(0.8), fit: () => state?.image && view.fit(),
    cancel: () => quietly(ask(state.status === "busy" ? "cancel" : "compute").then(poll)),
  };
  for (const [name, act] of Object.entries(actions)) on($[name], "click", act);
  const KEYS = { s: "split", r: "measure", t: "theme", o: "open", e: "export", "?": "help", "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", 0: "fit" };
  const typing = (event) => event.composedPath()[0].matches?.("input:not([type=range], [type=checkbox]), select");
  on(keys ?? box, "keydown", (event) => {
    if (root.querySelector("dialog[open]") || typing(event)) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" || key === "y") { event.preventDefault(); key === "y" || event.shiftKey ? redo() : undo(); }
      return;
    }
    if (event.altKey || repair.key(event, key)) return;
    const move = { arrowleft: [60, 0], arrowright: [-60, 0], arrowup: [0, 60], arrowdown: [0, -60] }[key];
    if (move && root.activeElement === $.stage) { view.pan(...move); event.preventDefault(); return; }
    if (key === "b") return view.press(true);
    if (key === "1") return view.zoomBy(1 / devicePixelRatio / view.scale);
    if (KEYS[key] && !$[KEYS[key]].disabled) { event.preventDefault(); actions[KEYS[key]](); }
  });
  on(keys ?? box, "keyup", (event) => { if (event.key.toLowerCase() === "b") view.press(false); });
  const sizes = new ResizeObserver(() => { if (state?.image && !$.view.hidden) view.fitted ? view.fit() : view.place(); });
  sizes.observe($.stage);
  const widths = new ResizeObserver(() => spectrum.draw());
  widths.observe($.panel);

  let stored = null;
  try { stored = localStorage.getItem("steepest-theme"); } catch { /* no storage */ }
  box.classList.toggle("light", stored ? stored === "light" : matchMedia("(prefers-color-scheme: light)").matches);
  faders.build();
  describe();
  $.empty.hidden = true;
  quietly(poll().catch((error) => { describe(); throw error; }));

  return {
    destroy() { gone.abort(); clearTimeout(timer); clearTimeout(keeping); sizes.disconnect(); widths.disconnect(); root.textContent = ""; },
    stats: () => ({ renderer: renderer?.name, frames: [...frames], status: state?.status, quality: Object.fromEntries(quality) }),
    settings: () => structuredClone(settings),
  };
}
