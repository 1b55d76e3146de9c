// Repair: the page knows the strokes of the brush, Python fills what they cover.

function createRepair(app) {
  const { $, on, view, quietly } = app;
  let stroke = null, brushAt = null; // image pixels
  let mended = [], settled = []; // what Python has filled, and what bands know
  let mending = null;
  const canPaint = () => app.tab === "Repair" && Boolean(app.state?.image) && app.state.image.factor === 1 && app.drawn;
  const radius = () => Number((10 ** Number($.brush.value) / 2).toPrecision(3));
  const sameStrokes = (one, other) => same(one, other) && one?.method === other?.method;
  /** The strokes, with the method that fills them. */
  const wanted = () => Object.assign([...app.settings.strokes], { method: app.settings.method });

  function begin(point) {
    const { width, height } = app.state.image;
    stroke = [radius(), ...point.map(round2)];
    Object.assign($.ink, { width, height, hidden: false });
    extend(point);
  }
  function extend(point) {
    const context = $.ink.getContext("2d"), [x, y] = stroke.slice(-2);
    if (point.some((each, k) => Math.abs(each - [x, y][k]) > 0.01)) stroke.push(...point.map(round2));
    Object.assign(context, { lineWidth: 2 * stroke[0], lineCap: "round", strokeStyle: "#ff4d6a" });
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(...point);
    context.stroke();
  }
  function drop() { stroke = null; $.ink.hidden = mending === null; }
  function end() {
    const [r, ...points] = stroke, { width, height } = app.state.image, { settings } = app;
    stroke = null;
    const meets = points.some((_, k) => k % 2 === 0 && points[k] > -r && points[k] < width + r && points[k + 1] > -r && points[k + 1] < height + r);
    if (meets) app.change({ ...settings, strokes: [...settings.strokes, [r, ...points]] });
    else $.ink.hidden = true;
  }

  /** Bring the filled pixels up to date; `all`: draw everything that bands do not know. */
  const mend = (all = false) => (mending ??= send(all).finally(() => { mending = null; $.ink.hidden = stroke === null; }));
  async function send(all) {
    for (; all || !sameStrokes(wanted(), mended); all = false) {
      const next = wanted(), keep = next.findIndex((each, k) => each !== mended[k]);
      const fresh = keep < 0 ? [] : next.slice(keep);
      try {
        const given = { keep: next.length - fresh.length, strokes: fresh, method: next.method, all };
        const [{ box, method }, [data]] = await app.ask("repair", { ...given, ...app.recipe() });
        mended = next;
        $.mendNote.hidden = !next.length || method === next.method;
        if (box && canPaint()) putValues($.over, fromHalf(new Uint16Array(data)), box);
      } catch (error) {
        app.set({ strokes: [...mended] });
        throw error;
      }
    }
  }
  /** Compute the bands of the repaired image. */
  async function settle() {
    await mend();
    if (sameStrokes(mended, settled ?? undefined) || (settled && !mended.length && !settled.length)) return;
    settled = mended;
    await app.ask("settle");
    await app.repaired();
  }
  /** Strokes may have been added or taken back. */
  function changed() { if (!sameStrokes(wanted(), mended)) quietly(app.tab === "Repair" ? mend() : settle()); }
  /** Another image, perhaps with strokes from before the page was loaded again. */
  function forget(bandsKnow) {
    mended = wanted();
    settled = bandsKnow ? mended : null;
    stroke = null;
    if (!settled) setTimeout(() => quietly(settle()));
  }
  /** Show the edited image, with what has been filled and bands do not know yet. */
  function draw() {
    if (!canPaint()) return false;
    const { width, height } = app.state.image;
    Object.assign($.over, { width, height });
    if (!mending && !(settled && sameStrokes(mended, settled))) quietly(mend(true));
    return true;
  }

  function showBrush([x, y]) {
    brushAt = view.pixelAt([x, y]);
    $.ring.hidden = false;
    $.ring.style.width = $.ring.style.height = `${2 * radius() * view.scale}px`;
    $.ring.style.left = `${x}px`;
    $.ring.style.top = `${y}px`;
  }
  const showWidth = () => { $.brushText.textContent = `${shown(2 * radius())} px`; };
  function describe() {
    const { length } = app.settings.strokes;
    $.mendNone.disabled = !length;
    $.mendText.textContent = length ? `${length} ${length === 1 ? "stroke" : "strokes"}` : "";
    $.method.value = app.settings.method;
  }
  /** The keys of the brush; whether it was one of them. */
  function key(event, name) {
    const steps = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] }[name];
    if (!canPaint()) return false;
    if (app.root.activeElement === $.stage && (steps || name === " ")) { moveBrush(event, steps); return true; }
    if (name !== "[" && name !== "]") return false;
    $.brush.value = String(Number($.brush.value) + (name === "]" ? 0.1 : -0.1));
    showWidth();
    if (brushAt) moveBrush(event, [0, 0]);
    return true;
  }
  function moveBrush(event, steps) {
    event.preventDefault();
    const { width, height } = app.state.image, from = brushAt ?? [width / 2, height / 2];
    const to = steps ? from.map((each, k) => clamp(each + steps[k] * Math.max(radius(), 1 / view.scale), 0, [width, height][k])) : from;
    if (!steps || (event.shiftKey && steps.some(Boolean))) { begin(from); extend(to); end(); }
    showBrush(view.pointAt(to));
  }
  on($.brush, "input", showWidth);
  on($.method, "change", () => app.change({ ...app.settings, method: $.method.value }));
  on($.mendNone, "click", () => app.change({ ...app.settings, strokes: [] }));
  showWidth();
  return { canPaint, painting: () => stroke !== null, begin, extend, drop, end, settle, changed, forget, draw, showBrush, describe, key };
}
