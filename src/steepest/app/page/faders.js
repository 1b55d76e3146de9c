// The sliders of the bands, their numbers, and the presets.

class Faders {
  held = null; // the slider that is held
  dragged = false; // since a slider has been taken
  /** @param {any} app see `createEqualiser` */
  constructor(app) {
    this.app = app;
    const { $, on } = app;
    for (const name of Object.keys(PRESETS)) {
      const button = document.createElement("button");
      button.textContent = name;
      on(button, "click", () => app.change({ ...app.settings, gains: this.preset(name), base: 1 }));
      $.presets.append(button);
    }
  }
  /** Names of the bands, and of the base. Those that `Larger structures` has added come last. */
  names() {
    const { gains, large } = this.app.settings, fine = gains.length - large;
    const names = NAMES[fine] ?? gains.slice(0, fine).map((_, k) => `band ${k + 1}`);
    return [...names, ...(LARGE_NAMES[large] ?? []), "base"];
  }
  colour(k) {
    const { gains, large } = this.app.settings, fine = gains.length - large;
    if (k >= gains.length) return BASE_COLOUR;
    if (k >= fine) return LARGE_COLOURS[Math.min(k - fine, 2)];
    return COLOURS[fine === 1 ? 2 : Math.round((k * (COLOURS.length - 1)) / (fine - 1))];
  }
  times(k) {
    const { edges } = this.app.settings, last = shown(this.app.state?.t_max || 0.5);
    if (k > edges.length) return `everything that outlasts t = ${last}, with the mean brightness`;
    const from = k ? shown(edges[k - 1]) : "0", to = k < edges.length ? shown(edges[k]) : last;
    return `vanishes from t = ${from} to ${to} (contrast × size)`;
  }

  build() {
    const { $, on, root } = this.app, active = root.activeElement?.dataset?.k;
    $.faders.textContent = "";
    this.names().forEach((name, k) => {
      const fader = document.createElement("div");
      fader.className = "fader";
      fader.innerHTML = `<input class="gain" inputmode="decimal" autocomplete="off"><div class="slot"><i></i><input type="range" min="0" max="200" step="1"></div><label></label>`;
      const [number, slot, label] = fader.children, input = slot.lastElementChild;
      fader.style.setProperty("--band", this.colour(k));
      fader.title = this.times(k);
      label.textContent = name;
      label.htmlFor = input.id = `gain-${k}`;
      number.setAttribute("aria-label", `Gain of ${name}, as a number`);
      input.dataset.k = String(k);
      input.disabled = number.disabled = !this.app.state?.image;
      on(input, "input", () => { this.held = k; this.set(k, gainOf(Number(input.value)), true); });
      on(slot, "pointerenter", () => (window.requestIdleCallback ?? setTimeout)(() => { // so that the first frame of a drag is fast, too
        if (this.held === null && slot.matches(":hover")) this.app.prepare(k);
      }));
      on(input, "change", () => { this.held = null; this.dragged = false; this.app.paint(); this.app.describe(); });
      on(input, "dblclick", () => { this.app.remember(); this.set(k, 1); });
      on(number, "focus", () => number.select());
      on(number, "change", () => {
        const gain = Number(number.value.replace(",", "."));
        fader.gain = null; // show the number again, whatever was typed
        if (number.value.trim() && Number.isFinite(gain)) { this.app.remember(); this.set(k, round2(clamp(gain, -LARGEST_GAIN, LARGEST_GAIN))); this.app.describe(); } else this.show();
      });
      $.faders.append(fader);
    });
    $.faders.classList.toggle("many", $.faders.children.length > 8);
    this.show();
    if (active) $.faders.querySelector(`[data-k="${active}"]`)?.focus();
  }
  enable(all) { for (const each of this.app.$.faders.querySelectorAll("input")) each.disabled = !all; }
  /** The edges have moved. */
  retime() { [...this.app.$.faders.children].forEach((fader, k) => { fader.title = this.times(k); }); }

  set(k, gain, dragging = false) {
    const { app } = this, { gains } = app.settings;
    if (dragging && !this.dragged) { app.remember(); this.dragged = true; }
    app.set(k < gains.length ? { gains: gains.with(k, gain) } : { base: gain });
  }

  /** Show the gains: only attributes change, so that a held slider needs no layout. */
  show() {
    const { $, settings, state, spectrum } = this.app, gains = [...settings.gains, settings.base], names = this.names();
    [...$.faders.children].forEach((fader, k) => {
      if (fader.gain === gains[k]) return;
      fader.gain = gains[k];
      const [number, slot] = fader.children, [fill, input] = slot.children, text = gains[k].toFixed(2);
      const position = clamp(positionOf(gains[k]), 0, 200);
      number.value = text;
      if (Number(input.value) !== Math.round(position)) input.value = String(position);
      input.setAttribute("aria-valuetext", `${names[k]}: ${text} times`);
      fader.classList.toggle("changed", gains[k] !== 1);
      fill.style.transform = `translateY(${Math.min(50, 100 - position / 2)}%) scaleY(${Math.abs(position - 100) / 200})`;
      spectrum.showGain(k, gains[k]);
    });
    const chosen = state?.image && Object.keys(PRESETS).find((name) => same(this.preset(name), settings.gains) && settings.base === 1);
    for (const each of $.presets.children) {
      const now = String(each.textContent === chosen);
      if (each.getAttribute("aria-pressed") !== now) each.setAttribute("aria-pressed", now);
    }
  }
  preset(name) {
    const points = PRESETS[name], { gains, large } = this.app.settings, count = gains.length - large;
    return gains.map((_, k) => {
      const x = count === 1 ? 0.4 : Math.min(k / (count - 1), 1);
      if (!points.length) return 1;
      const right = points.findIndex(([at]) => at >= x);
      const [x1, g1] = points[right], [x0, g0] = points[Math.max(right - 1, 0)];
      return round2(x1 > x0 ? g0 + ((g1 - g0) * (x - x0)) / (x1 - x0) : g1);
    });
  }
}
