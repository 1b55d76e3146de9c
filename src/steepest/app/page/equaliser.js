// The equaliser: one ES module without dependencies. It does not know where Python runs:
// `request(op, args, buffers)` answers `[fields, buffers]`, as `Session.handle` in session.py.
//
// The browser holds low-pass images L_k: all that vanishes from edge k on. The result is
// g_0 L_0 + sum_k (g_k - g_{k-1}) L_k, so moving an edge replaces one image only.
//
// files.py puts the other parts (look.js, renderers.js, ..) before this file.

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
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  root.innerHTML = PAGE;
  /** @type {Record<string, any>} */
  const $ = Object.fromEntries([...root.querySelectorAll("[data-r]")].map((each) => [each.dataset.r, each]));
  const app = root.querySelector(".app");
  const gone = new AbortController();
  const on = (target, type, act, options = {}) => target.addEventListener(type, act, { signal: gone.signal, ...options });

  let state = null; // the last answer to "state"
  const NOTHING = { edges: [], gains: [1], base: 1, strokes: [] };
  let settings = NOTHING; // strokes of the brush: [radius, x, y, x, y, ..] in image pixels
  let past = [], future = [], touched = false;
  let renderer = null, quality = new Map(), held = null, frames = [], tab = "Bands";
  const view = new View($, on, () => state?.image);

  // talking to Python

  async function ask(op, args, buffers) {
    try {
      return await request(op, args, buffers);
    } catch (error) {
      complain(error.message);
      throw error;
    }
  }
  const quietly = (promise) => promise.catch(() => {}); // `ask` has shown the error
  function complain(text) { $.toastText.textContent = text; $.toast.hidden = false; }

  let timer = 0, since = performance.now();
  async function poll() {
    clearTimeout(timer);
    const [now] = await ask("state", { restore: !state });
    const another = now.number !== state?.number;
    const finished = state?.status === "busy" && now.status === "done";
    const first = another || (!state?.edges?.length && now.edges.length);
    state = now;
    if (another) begin();
    if (now.image && (first || (finished && !touched))) adopt(touched ? settings.edges : now.edges);
    describe();
    if (now.image) await refresh();
    if (gone.signal.aborted) return;
    if (now.status === "busy") timer = setTimeout(() => quietly(poll()), 150);
  }

  /** Show another image. */
  function begin() {
    since = performance.now();
    clearTimeout(keeping);
    past = []; future = []; touched = false; quality = new Map(); held = null; frames = [];
    settings = { ...NOTHING, strokes: state.strokes ?? [] };
    if (state.kept) { // the page was loaded again
      const { edges, gains, residual_gain: base } = state.kept;
      settings = { ...settings, edges, gains, base };
      touched = true;
    }
    mended = settings.strokes;
    settled = state.settled === false ? null : mended;
    stroke = null;
    renderer = null; view.fitted = true;
    for (const name of ["view", "zoom"]) $[name].hidden = true;
    tools.forget();
    if (!state.image) return;
    makeRenderer(wanted);
    if (!settled) setTimeout(() => quietly(settle()));
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
    buildFaders();
    spectrum.draw();
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

  /** Copy what everything is computed from to a canvas; the same renderer draws it. */
  function copySource(canvas) {
    const { width, height } = state.image;
    renderer.draw({ keys: ["0"], gains: [1], shift: 0 });
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").drawImage($.canvas, 0, 0);
  }
  /** The first source is the original, except below strokes from before the page was loaded. */
  function showSource(number) {
    if (original !== number) {
      copySource($.before);
      if (settings.strokes.length) quietly(ask("covered").then(([{ box }, [data]]) => {
        if (box && number === state.number) putValues($.before, fromHalf(new Uint16Array(data)), box);
      }));
    }
    original = number;
    if (tab === "Repair") drawOver();
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
      showGains();
      const mix = renderer && state?.image && mixOf(settings);
      if (!mix || !mix.keys.every((key) => quality.has(key))) return;
      const start = performance.now();
      renderer.draw(mix, held, held === null ? null : view.visible());
      if (past.length || future.length) keep();
      frames.push(performance.now() - start);
      if (frames.length > 240) frames.shift();
    });
  }

  // what is shown around the image

  /** Size, depth and colours in words. */
  function whatOf({ size, dtype, channels, alpha }) {
    const kind = { uint8: "8-bit", uint16: "16-bit" }[dtype] ?? "float";
    return `${size.join(" × ")}, ${kind} ${channels === 1 ? "grey" : "RGB"}${alpha ? " with alpha" : ""}`;
  }
  function describe() {
    const image = state?.image;
    app.classList.toggle("vacant", !image);
    $.empty.hidden = Boolean(image);
    for (const name of ["classes", "smooth", "density", "onlyKept", "segment", "second", "brush"]) $[name].disabled = !image || image.factor > 1;
    $.tooLarge.hidden = !(image?.factor > 1) || tab === "Bands";
    $.mendNone.disabled = !settings.strokes.length;
    $.mendText.textContent = settings.strokes.length ? `${settings.strokes.length} ${settings.strokes.length === 1 ? "stroke" : "strokes"}` : "";
    for (const each of $.faders.querySelectorAll("input")) each.disabled = !image;
    for (const name of ["press", "split", "measure", "export", "reset", "more"]) $[name].disabled = !image;
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
    const percent = Math.round(100 * (state?.fraction ?? 0));
    $.bar.setAttribute("aria-valuenow", String(percent));
    $.bar.firstElementChild.style.transform = `scaleX(${state?.fraction ?? 0})`;
    const preparing = performance.now() - since > 3000 ? "Preparing… The first run compiles for 10 seconds." : "Preparing a preview…";
    $.statusText.textContent = opening ? `Opening ${opening}…`
      : busy ? (state.stage === "preview" ? preparing : `Refining the bands, ${percent} %`)
      : !stopped ? state?.error ?? ""
      : state.edges.length ? "Stopped. The bands are a preview." : "Stopped before there were any bands.";
    $.cancel.textContent = busy ? "Cancel" : stopped ? "Continue" : "Try again";
    $.more.disabled = !image || busy || state.all;
    $.undo.disabled = !past.length;
    $.redo.disabled = !future.length;
    spectrum.draw();
  }

  function names() {
    const count = settings.gains.length;
    return [...(NAMES[count] ?? settings.gains.map((_, k) => `band ${k + 1}`)), "base"];
  }
  function colour(k) {
    const count = settings.gains.length;
    if (k >= count) return BASE_COLOUR;
    return COLOURS[count === 1 ? 2 : Math.round((k * (COLOURS.length - 1)) / (count - 1))];
  }
  function times(k) {
    const { edges } = settings;
    if (k > edges.length) return `everything that outlasts t = ${shown(state?.t_max || 0.5)}, with the mean brightness`;
    const from = k ? shown(edges[k - 1]) : "0", to = k < edges.length ? shown(edges[k]) : shown(state?.t_max || 0.5);
    return `vanishes from t = ${from} to ${to} (contrast × size)`;
  }

  const soon = (act) => (window.requestIdleCallback ?? setTimeout)(act);
  function buildFaders() {
    const active = root.activeElement?.dataset?.k;
    $.faders.textContent = "";
    names().forEach((name, k) => {
      const fader = document.createElement("div");
      fader.className = "fader";
      fader.innerHTML = `<output></output><div class="slot"><i></i><input type="range" min="0" max="200" step="1"></div><label></label>`;
      const [output, slot, label] = fader.children, input = slot.lastElementChild;
      fader.style.setProperty("--band", colour(k));
      fader.title = times(k);
      label.textContent = name;
      label.htmlFor = input.id = `gain-${k}`;
      output.htmlFor = input.id;
      input.dataset.k = String(k);
      input.disabled = !state?.image;
      on(input, "input", () => { held = k; setGain(k, gainOf(Number(input.value)), true); });
      on(slot, "pointerenter", () => soon(() => { // so that the first frame of a drag is fast, too
        const mix = held === null && state?.image && mixOf(settings);
        if (mix && slot.matches(":hover") && mix.keys.every((key) => quality.has(key))) renderer.prepare?.(mix, k, view.visible());
      }));
      on(input, "change", () => { held = null; before = null; paint(); describe(); });
      on(input, "dblclick", () => { remember(); setGain(k, 1); });
      $.faders.append(fader);
    });
    showGains();
    if (active) $.faders.querySelector(`[data-k="${active}"]`)?.focus();
  }

  let before = null; // settings when a drag began
  function setGain(k, gain, dragging = false) {
    if (dragging && !before) { remember(); before = true; }
    if (k < settings.gains.length) settings = { ...settings, gains: settings.gains.map((g, j) => (j === k ? gain : g)) };
    else settings = { ...settings, base: gain };
    paint();
  }

  /** Show the gains: only attributes change, so that a held slider needs no layout. */
  function showGains() {
    const gains = [...settings.gains, settings.base];
    [...$.faders.children].forEach((fader, k) => {
      if (fader.gain === gains[k]) return;
      fader.gain = gains[k];
      const [output, slot] = fader.children, [fill, input] = slot.children;
      const position = positionOf(gains[k]);
      output.textContent = gains[k].toFixed(2);
      if (Number(input.value) !== Math.round(position)) input.value = String(position);
      input.setAttribute("aria-valuetext", `${names()[k]}: ${gains[k].toFixed(2)} times`);
      fader.classList.toggle("changed", gains[k] !== 1);
      fill.style.transform = `translateY(${Math.min(50, 100 - position / 2)}%) scaleY(${Math.abs(position - 100) / 200})`;
      spectrum.showGain(k, gains[k]);
    });
    const chosen = state?.image && Object.keys(PRESETS).find((name) => String(presetGains(name)) === String(settings.gains) && settings.base === 1);
    for (const each of $.presets.children) {
      const now = String(each.textContent === chosen);
      if (each.getAttribute("aria-pressed") !== now) each.setAttribute("aria-pressed", now);
    }
  }
  function presetGains(name) {
    const points = PRESETS[name], count = settings.gains.length;
    return settings.gains.map((_, k) => {
      const x = count === 1 ? 0.4 : k / (count - 1);
      if (!points.length) return 1;
      const right = points.findIndex(([at]) => at >= x);
      const [x1, g1] = points[right], [x0, g0] = points[Math.max(right - 1, 0)];
      return Math.round(100 * (x1 > x0 ? g0 + ((g1 - g0) * (x - x0)) / (x1 - x0) : g1)) / 100;
    });
  }
  for (const name of Object.keys(PRESETS)) {
    const button = document.createElement("button");
    button.textContent = name;
    on(button, "click", () => change({ ...settings, gains: presetGains(name), base: 1 }));
    $.presets.append(button);
  }

  // undo and redo

  function remember() { past.push(settings); if (past.length > 200) past.shift(); future = []; }
  function change(next) {
    remember();
    apply(next);
  }
  function apply(next) {
    const bands = String(next.edges) === String(settings.edges);
    settings = next;
    held = null;
    if (!same(next.strokes, mended)) quietly(tab === "Repair" ? mend() : settle());
    if (bands) { showGains(); paint(); } else { touched = true; buildFaders(); quietly(refresh()); paint(); }
    describe();
  }
  function undo() { if (past.length) { future.push(settings); apply(past.pop()); } }
  function redo() { if (future.length) { past.push(settings); apply(future.pop()); } }

  const spectrum = new Spectrum($.spectrum, on, {
    names, colour, remember, spectrum: () => state?.spectrum, settings: () => settings,
    change: (next) => change({ ...settings, ...next }), done: describe, leave: () => $.stage.focus(),
    moved(edges) {
      touched = true;
      settings = { ...settings, edges };
      held = null;
      spectrum.draw();
      [...$.faders.children].forEach((fader, k) => { fader.title = times(k); });
      quietly(refresh());
      paint();
    },
  });

  // the pointer: pan, pinch, paint and measure

  const pointers = new Map();
  on($.stage, "pointerdown", (event) => {
    if (event.target.closest("button, .divider, .toast, .status, .zoom, .empty") || !state?.image) return;
    pointers.set(event.pointerId, view.local(event));
    $.stage.setPointerCapture(event.pointerId);
    if (pointers.size > 1) dropStroke(); // to pinch
    else if (canPaint() && event.button === 0) return beginStroke(view.pixelAt(view.local(event)));
    $.stage.classList.add("panning");
  });
  on($.stage, "contextmenu", (event) => { if (canPaint()) event.preventDefault(); });
  on($.stage, "pointermove", (event) => {
    const now = view.local(event), last = pointers.get(event.pointerId);
    if (canPaint()) showBrush(now);
    else if (!last) return measureAt(now, event.target);
    if (!last) return;
    if (stroke) {
      for (const each of event.getCoalescedEvents?.() ?? [event]) extendStroke(view.pixelAt(view.local(each)));
    } else if (pointers.size === 2) { // pinch
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      view.zoomBy(Math.hypot(now[0] - other[0], now[1] - other[1]) / Math.max(Math.hypot(last[0] - other[0], last[1] - other[1]), 1), ...other);
    } else {
      view.pan(now[0] - last[0], now[1] - last[1]);
    }
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) on($.stage, end, (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) $.stage.classList.remove("panning");
    if (stroke && end === "pointerup") endStroke(); else dropStroke();
  });
  const toggle = (button) => { const now = button.getAttribute("aria-pressed") !== "true"; button.setAttribute("aria-pressed", String(now)); return now; };

  // the ruler

  let asking = false, next = null;
  function measureAt([x, y], target) {
    const pixel = view.pixelAt([x, y]).map(Math.floor);
    const inside = state?.image && !$.view.hidden && pixel[0] >= 0 && pixel[1] >= 0 && pixel[0] < state.image.width && pixel[1] < state.image.height;
    const wanted = inside && $.measure.getAttribute("aria-pressed") === "true" && ($.view.contains(target) || target === $.stage);
    if (!wanted) { next = null; $.ruler.hidden = $.ring.hidden = true; return; }
    next = { x, y, pixel };
    if (!asking) quietly(askRuler());
  }
  async function askRuler() {
    asking = true;
    try {
      while (next) {
        const { x, y, pixel } = next;
        next = null;
        const [{ found }] = await request("ruler", { x: pixel[0], y: pixel[1] });
        $.ruler.hidden = $.ring.hidden = !found;
        if (!found) continue;
        const wide = 2 * found.radius, size = (wide * view.scale) / state.image.factor;
        const { limits } = state.image;
        $.ruler.textContent = `about ${wide < 10 ? wide.toPrecision(2) : Math.round(wide)} px wide, contrast ${(found.contrast / (limits[1] - limits[0])).toFixed(2)}`;
        $.ring.style.width = $.ring.style.height = `${size}px`;
        for (const [name, dx, dy] of [["ring", 0, 0], ["ruler", 16, 18]]) { $[name].style.left = `${x + dx}px`; $[name].style.top = `${y + dy}px`; }
      }
    } finally {
      asking = false;
    }
  }
  // repair: the page knows the strokes, Python fills what they cover

  let stroke = null, brushAt = null; // image pixels
  let mended = [], settled = []; // strokes that Python has filled, and that bands know
  let mending = null;
  const canPaint = () => tab === "Repair" && Boolean(state?.image) && state.image.factor === 1 && original !== null;
  const radius = () => Number((10 ** Number($.brush.value) / 2).toPrecision(3));
  function showBrush([x, y]) {
    brushAt = view.pixelAt([x, y]);
    $.ring.hidden = false;
    $.ring.style.width = $.ring.style.height = `${2 * radius() * view.scale}px`;
    $.ring.style.left = `${x}px`;
    $.ring.style.top = `${y}px`;
  }
  function beginStroke(point) {
    stroke = [radius(), ...point.map(round2)];
    Object.assign($.ink, { width: state.image.width, height: state.image.height, hidden: false });
    extendStroke(point);
  }
  function extendStroke(point) {
    const context = $.ink.getContext("2d"), [x, y] = stroke.slice(-2);
    if (point.some((each, k) => Math.abs(each - [x, y][k]) > 0.01)) stroke.push(...point.map(round2));
    Object.assign(context, { lineWidth: 2 * stroke[0], lineCap: "round", strokeStyle: "#ff4d6a" });
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(...point);
    context.stroke();
  }
  function dropStroke() { stroke = null; $.ink.hidden = mending === null; }
  function endStroke() {
    const [r, ...points] = stroke, { width, height } = state.image;
    stroke = null;
    const meets = points.some((_, k) => k % 2 === 0 && points[k] > -r && points[k] < width + r && points[k + 1] > -r && points[k + 1] < height + r);
    if (meets) change({ ...settings, strokes: [...settings.strokes, [r, ...points]] });
    else $.ink.hidden = true;
  }
  /** Bring the filled pixels up to date with the strokes. */
  const mend = (all = false) => (mending ??= sendStrokes(all).finally(() => { mending = null; $.ink.hidden = stroke === null; }));
  /** Send the strokes that Python does not know; `all`: redraw everything that bands do not know. */
  async function sendStrokes(all) {
    for (; all || !same(settings.strokes, mended); all = false) {
      const wanted = settings.strokes, keep = wanted.findIndex((each, k) => each !== mended[k]);
      const fresh = keep < 0 ? [] : wanted.slice(keep);
      try {
        const [{ box }, [data]] = await ask("repair", { keep: wanted.length - fresh.length, strokes: fresh, all });
        mended = wanted;
        if (box && tab === "Repair") putValues($.over, fromHalf(new Uint16Array(data)), box);
      } catch (error) {
        settings = { ...settings, strokes: mended };
        throw error;
      }
    }
  }
  /** Compute the bands of the repaired image. */
  async function settle() {
    await mend();
    if (same(mended, settled)) return;
    settled = mended;
    touched = true; // edges and gains stay
    await ask("settle");
    repairs++;
    quality = new Map();
    tools.forget();
    await poll();
  }
  const showBrushWidth = () => { $.brushText.textContent = `${shown(2 * radius())} px`; };
  on($.brush, "input", showBrushWidth);
  showBrushWidth();

  // tabs: results are drawn over the image while their tab is open

  const tools = createTools($, on, {
    ask, quietly, image: () => state?.image, number: () => state.number, tab: () => tab, draw: drawOver, gone: gone.signal,
  });
  function drawOver() {
    $.over.hidden = !tools.drawResult() && !canPaint();
    if (canPaint() && !mending) { copySource($.over); paint(); if (!same(mended, settled)) quietly(mend(true)); }
  }
  function openTab(k) {
    const before = tab;
    tab = TABS[k];
    [...$.tabs.children].forEach((each, j) => {
      each.setAttribute("aria-selected", String(j === k));
      each.tabIndex = j === k ? 0 : -1;
      root.getElementById(`pane-${j}`).hidden = j !== k;
    });
    $.ring.hidden = $.ruler.hidden = true;
    $.stage.classList.toggle("painting", canPaint());
    if (before === "Repair" && tab !== "Repair") quietly(settle().then(tools.openFew)); else tools.openFew();
    describe();
    drawOver();
  }
  [...$.tabs.children].forEach((each, k) => on(each, "click", () => openTab(k)));
  on($.tabs, "keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: TABS.length - 1 }[event.key];
    if (!step) return;
    const k = (TABS.indexOf(tab) + step) % TABS.length;
    openTab(k);
    $.tabs.children[k].focus();
    event.stopPropagation();
  });
  on($.stage, "pointerleave", () => { next = null; $.ruler.hidden = $.ring.hidden = true; });

  // open and export

  let opening = ""; // the name of a file that Python is reading
  async function open(file) {
    if (!file) return;
    $.toast.hidden = true;
    opening = file.name || "image";
    describe();
    try {
      await ask("open", { name: opening }, [await file.arrayBuffer()]);
    } finally {
      opening = "";
      describe();
      await poll();
    }
  }
  on($.chooser, "change", () => { quietly(open($.chooser.files[0])); $.chooser.value = ""; });
  for (const type of ["dragover", "dragleave", "drop"]) on(app, type, (event) => {
    event.preventDefault();
    $.stage.classList.toggle("drop", type === "dragover");
    if (type === "drop") quietly(open(event.dataTransfer.files[0]));
  });
  const recipe = () => ({ edges: settings.edges, gains: settings.gains, residual_gain: settings.base });
  async function showExport() {
    await settle();
    const [code] = await ask("code", recipe());
    const { image, status } = state;
    $.python.textContent = code.python;
    $.command.textContent = code.command ?? "";
    $.command.hidden = $.commandTitle.hidden = !code.command;
    const done = status === "done";
    $.mask.hidden = !code.mask;
    $.mask.textContent = `Download ${code.mask}`;
    $.exportNote.textContent = done ? `${image.result}: ${whatOf(image)}. Code and command make exactly this image.${
      image.factor > 1 ? " The page shows a smaller copy; the export is computed now, at full size, and takes some time." : ""}${code.mask ? ` They read the repaired pixels from ${code.mask}.` : ""}`
      : "The image can be exported as soon as the bands are refined. Code and command work at once.";
    $.download.disabled = !done;
    $.exportBox.showModal();
  }
  async function download() {
    $.exportBox.close();
    const large = state.image.factor > 1;
    if (large) openTab(0);
    const made = await (large ? tools.run("export", recipe(), [], "Export at full size") : ask("export", recipe()));
    if (made) save(made);
  }
  function save([answer, [data]]) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data]));
    link.download = answer.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  for (const [button, text] of [["copyPython", "python"], ["copyCommand", "command"]]) on($[button], "click", async () => {
    await navigator.clipboard.writeText($[text].textContent);
    $[button].textContent = "Copied";
    setTimeout(() => { $[button].textContent = "Copy"; }, 1500);
  });

  // buttons and keys

  function setTheme(light) {
    app.classList.toggle("light", light);
    try { localStorage.setItem("steepest-theme", light ? "light" : "dark"); } catch { /* no storage */ }
  }
  const actions = {
    undo, redo, reset: () => change({ ...settings, gains: settings.gains.map(() => 1), base: 1 }),
    split: () => { toggle($.split); view.place(); },
    measure: () => { toggle($.measure); $.ruler.hidden = $.ring.hidden = true; },
    theme: () => setTheme(!app.classList.contains("light")),
    help: () => $.helpBox.showModal(), helpClose: () => $.helpBox.close(),
    open: () => $.chooser.click(), choose: () => $.chooser.click(),
    export: () => quietly(showExport()), exportClose: () => $.exportBox.close(), download: () => quietly(download()),
    segment: () => quietly(tools.segment()), second: () => $.secondChooser.click(), fusedDownload: () => quietly(ask("fused", tools.textures()).then(save)),
    good: () => $.goodChooser.click(), learnedDownload: () => save(tools.learned()),
    jobStop: tools.stop,
    mendNone: () => change({ ...settings, strokes: [] }), mask: () => quietly(ask("mask").then(save)),
    toastClose: () => { $.toast.hidden = true; },
    zoomIn: () => view.zoomBy(1.25), zoomOut: () => view.zoomBy(0.8), fit: () => state?.image && view.fit(),
    more: () => { for (const [key, value] of quality) if (value === "final" && key !== "0") quality.set(key, "preview"); quietly(ask("compute", { all: true }).then(poll)); },
    cancel: () => quietly(ask(state.status === "busy" ? "cancel" : "compute").then(poll)),
  };
  for (const [name, act] of Object.entries(actions)) on($[name], "click", act);
  const KEYS = { s: "split", r: "measure", t: "theme", o: "open", e: "export", "?": "help", "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", 0: "fit" };
  on(keys ?? app, "keydown", (event) => {
    if (root.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" || key === "y") { event.preventDefault(); key === "y" || event.shiftKey ? redo() : undo(); }
      return;
    }
    if (event.altKey) return;
    const steps = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] }[key];
    if (canPaint() && root.activeElement === $.stage && (steps || key === " ")) return moveBrush(event, steps);
    if (canPaint() && (key === "[" || key === "]")) { $.brush.value = String(Number($.brush.value) + (key === "]" ? 0.1 : -0.1)); showBrushWidth(); if (brushAt) moveBrush(event, [0, 0]); return; }
    const move = { arrowleft: [60, 0], arrowright: [-60, 0], arrowup: [0, 60], arrowdown: [0, -60] }[key];
    if (move && root.activeElement === $.stage) { view.pan(...move); event.preventDefault(); return; }
    if (key === "b") return view.press(true);
    if (key === "1") return view.zoomBy(1 / devicePixelRatio / view.scale);
    if (KEYS[key] && !$[KEYS[key]].disabled) { event.preventDefault(); actions[KEYS[key]](); }
  });
  function moveBrush(event, steps) {
    event.preventDefault();
    const { width, height } = state.image, from = brushAt ?? [width / 2, height / 2];
    const to = steps ? from.map((each, k) => clamp(each + steps[k] * Math.max(radius(), 1 / view.scale), 0, [width, height][k])) : from;
    if (!steps || (event.shiftKey && steps.some(Boolean))) { beginStroke(from); extendStroke(to); endStroke(); }
    showBrush(view.pointAt(to));
  }
  on(keys ?? app, "keyup", (event) => { if (event.key.toLowerCase() === "b") view.press(false); });
  const sizes = new ResizeObserver(() => { if (state?.image && !$.view.hidden) view.fitted ? view.fit() : view.place(); });
  sizes.observe($.stage);
  const widths = new ResizeObserver(() => spectrum.draw());
  widths.observe($.panel);

  let stored = null;
  try { stored = localStorage.getItem("steepest-theme"); } catch { /* no storage */ }
  app.classList.toggle("light", stored ? stored === "light" : matchMedia("(prefers-color-scheme: light)").matches);
  describe();
  $.empty.hidden = true;
  buildFaders();
  quietly(poll().catch((error) => { describe(); throw error; }));

  return {
    destroy() { gone.abort(); clearTimeout(timer); clearTimeout(keeping); sizes.disconnect(); widths.disconnect(); root.textContent = ""; },
    stats: () => ({ renderer: renderer?.name, frames: [...frames], status: state?.status, quality: Object.fromEntries(quality) }),
    settings: () => structuredClone(settings),
  };
}
