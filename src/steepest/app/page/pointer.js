// The pointer on the image: it pans, pinches, paints and measures.

function createPointer(app, repair) {
  const { $, on, view } = app, pointers = new Map();
  on($.stage, "pointerdown", (event) => {
    if (event.target.closest("button, .divider, .toast, .status, .zoom, .empty") || !app.state?.image) return;
    pointers.set(event.pointerId, view.local(event));
    $.stage.setPointerCapture(event.pointerId);
    if (pointers.size > 1) repair.drop(); // to pinch
    else if (repair.canPaint() && event.button === 0) return repair.begin(view.pixelAt(view.local(event)));
    $.stage.classList.add("panning");
  });
  on($.stage, "contextmenu", (event) => { if (repair.canPaint()) event.preventDefault(); });
  on($.stage, "pointermove", (event) => {
    const now = view.local(event), last = pointers.get(event.pointerId);
    if (repair.canPaint()) repair.showBrush(now);
    else if (!last) return measureAt(now, event.target);
    if (!last) return;
    if (repair.painting()) {
      for (const each of event.getCoalescedEvents?.() ?? [event]) repair.extend(view.pixelAt(view.local(each)));
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
    if (repair.painting() && end === "pointerup") repair.end(); else repair.drop();
  });
  on($.stage, "pointerleave", () => { next = null; $.ruler.hidden = $.ring.hidden = true; });

  // the ruler

  let asking = false, next = null;
  function measureAt([x, y], target) {
    const { state } = app, pixel = view.pixelAt([x, y]).map(Math.floor);
    const inside = state?.image && !$.view.hidden && pixel[0] >= 0 && pixel[1] >= 0 && pixel[0] < state.image.width && pixel[1] < state.image.height;
    const wanted = inside && $.measure.getAttribute("aria-pressed") === "true" && ($.view.contains(target) || target === $.stage);
    if (!wanted) { next = null; $.ruler.hidden = $.ring.hidden = true; return; }
    next = { x, y, pixel };
    if (!asking) app.quietly(askRuler());
  }
  async function askRuler() {
    asking = true;
    try {
      while (next) {
        const { x, y, pixel } = next;
        next = null;
        const [{ found }] = await app.request("ruler", { x: pixel[0], y: pixel[1] });
        $.ruler.hidden = $.ring.hidden = !found;
        if (!found) continue;
        const { factor, limits } = app.state.image, wide = 2 * found.radius, size = (wide * view.scale) / factor;
        $.ruler.textContent = `about ${wide < 10 ? wide.toPrecision(2) : Math.round(wide)} px wide, contrast ${(found.contrast / (limits[1] - limits[0])).toFixed(2)}`;
        $.ring.style.width = $.ring.style.height = `${size}px`;
        for (const [name, dx, dy] of [["ring", 0, 0], ["ruler", 16, 18]]) { $[name].style.left = `${x + dx}px`; $[name].style.top = `${y + dy}px`; }
      }
    } finally {
      asking = false;
    }
  }
}
