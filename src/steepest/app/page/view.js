// Where the image is in the window: zoom, pan, the split view, and the original while it is pressed.

class View {
  scale = 1; offset = [0, 0]; fitted = true; splitAt = 0.5; pressed = false; stage = null;
  /** @param {() => any} imageOf the image of the last state, if there is one */
  constructor($, on, imageOf) {
    Object.assign(this, { $, imageOf });
    on($.stage, "wheel", (event) => { event.preventDefault(); this.zoomBy(Math.exp(-0.0015 * event.deltaY), ...this.local(event)); }, { passive: false });
    on($.divider, "pointerdown", (event) => { event.preventDefault(); $.divider.focus(); $.divider.setPointerCapture(event.pointerId); });
    on($.divider, "pointermove", (event) => {
      if ($.divider.hasPointerCapture(event.pointerId)) this.split(this.local(event)[0] / $.stage.clientWidth);
    });
    on($.divider, "keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
      if (step) { this.split(this.splitAt + step); event.preventDefault(); event.stopPropagation(); }
    });
    for (const [type, value] of [["pointerdown", true], ["pointerup", false], ["pointerleave", false]]) on($.press, type, () => this.press(value));
  }
  place() {
    const { $, scale } = this, image = this.imageOf();
    if (!image) return;
    const { width, height } = image, stage = this.stage = $.stage.getBoundingClientRect();
    $.view.style.width = `${width}px`;
    $.view.style.height = `${height}px`;
    const [left, top] = this.offset.map((each) => Math.round(each * devicePixelRatio) / devicePixelRatio); // sharp at 100 %
    $.view.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    $.view.classList.toggle("sharp", scale >= 2);
    $.zoomText.textContent = `${Math.round((100 * scale * devicePixelRatio) / image.factor)} %`;
    const split = $.split.getAttribute("aria-pressed") === "true", { pressed, splitAt } = this;
    const x = clamp((splitAt * stage.width - this.offset[0]) / (width * scale), 0, 1);
    $.divider.hidden = !split || $.view.hidden;
    $.divider.style.left = `${100 * splitAt}%`;
    $.divider.setAttribute("aria-valuenow", String(Math.round(100 * splitAt)));
    $.before.style.visibility = split || pressed ? "visible" : "hidden";
    $.before.style.clipPath = pressed ? "none" : `inset(0 ${100 * (1 - x)}% 0 0)`;
    $.tagLeft.hidden = !(split || pressed) || $.view.hidden;
    $.tagRight.hidden = !split || pressed || $.view.hidden;
  }
  /** The visible part of the image, in whole pixels, and how many of them a screen pixel shows. */
  visible() {
    const { width, height } = this.imageOf(), { scale, offset, stage } = this, step = clamp(1 / (scale * devicePixelRatio), 1, 16);
    const from = offset.map((each) => clamp(Math.floor(-each / scale), 0, Infinity));
    const x = Math.min(from[0], width - 1), y = Math.min(from[1], height - 1);
    const right = clamp(Math.ceil((stage.width - offset[0]) / scale), x + 1, width);
    const bottom = clamp(Math.ceil((stage.height - offset[1]) / scale), y + 1, height);
    return { x, y, width: right - x, height: bottom - y, step };
  }
  fit() {
    const box = this.$.stage.getBoundingClientRect(), { width, height } = this.imageOf();
    const scale = Math.min((box.width - 48) / width, (box.height - 48) / height, 8);
    this.move(scale, [(box.width - width * scale) / 2, (box.height - height * scale) / 2], true);
  }
  move(scale, offset, fitted = false) { Object.assign(this, { scale, offset, fitted }); this.place(); }
  pan(dx, dy) { this.move(this.scale, [this.offset[0] + dx, this.offset[1] + dy]); }
  zoomBy(factor, x, y) {
    if (!this.imageOf()) return;
    const box = this.$.stage.getBoundingClientRect(), next = clamp(this.scale * factor, 0.02, 64);
    x ??= box.width / 2; y ??= box.height / 2;
    this.move(next, [x, y].map((at, k) => at - ((at - this.offset[k]) * next) / this.scale));
  }
  split(share) { this.splitAt = clamp(share, 0, 1); this.place(); }
  press(value) { if (this.imageOf()) { this.pressed = value; this.place(); } }
  /** Between points of the stage and of the image. */
  pixelAt(point) { return point.map((each, k) => (each - this.offset[k]) / this.scale); }
  pointAt(pixel) { return pixel.map((each, k) => each * this.scale + this.offset[k]); }
  local(event) { const box = this.$.stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; }
}
