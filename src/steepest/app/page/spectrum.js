// The spectrum, with the edges between bands, which can be moved, added and removed.

class Spectrum {
  static FLOOR = 106;
  static HEIGHT = 126;
  static LEFT = 8;
  width = 340;
  /**
   * @param {SVGElement} svg
   * @param {{spectrum: () => any, settings: () => any, names: () => string[], colour: (k: number) => string,
   *   remember: () => void, moved: (edges: number[]) => void, change: (next: any) => void, done: () => void}} host
   *   `moved` while an edge is dragged, between `remember` and `done`
   */
  constructor(svg, on, host) {
    Object.assign(this, { svg, host });
    const handle = (event) => event.target.closest("[data-edge]");
    const timeOf = (event) => { const box = svg.getBoundingClientRect(); return this.timeAt(((event.clientX - box.left) / box.width) * this.width); };
    on(svg, "pointerdown", (event) => {
      const grip = handle(event);
      if (!grip) return;
      event.preventDefault();
      const k = Number(grip.dataset.edge), drag = new AbortController();
      grip.focus();
      host.remember();
      svg.setPointerCapture(event.pointerId);
      svg.addEventListener("pointermove", (each) => this.move(k, timeOf(each)), { signal: drag.signal });
      for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { drag.abort(); host.done(); }, { signal: drag.signal });
    });
    on(svg, "dblclick", (event) => { if (!handle(event)) this.split(timeOf(event)); });
    on(svg, "keydown", (event) => {
      const grip = handle(event);
      if (!grip) return;
      const k = Number(grip.dataset.edge), { edges } = host.settings();
      const factor = { ArrowRight: 1.05, ArrowUp: 1.05, ArrowLeft: 1 / 1.05, ArrowDown: 1 / 1.05, PageUp: 1.5, PageDown: 1 / 1.5 }[event.key];
      if (factor) { event.preventDefault(); host.remember(); this.move(k, edges[k] * factor); host.done(); }
      if (event.key === "Enter") this.split(Math.sqrt(edges[k] * (edges[k + 1] ?? this.range()[1] / 1.3)));
      if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); this.join(k); }
    });
  }
  range() {
    const all = this.host.spectrum()?.times, { edges } = this.host.settings();
    return all?.length > 1 ? [Math.min(all[0], ...edges) / 1.3, Math.max(all.at(-1), ...edges) * 1.06] : [0.001, 0.5];
  }
  // the cube root of the time: between a logarithm, which squeezes the coarse bands, and the time;
  // nearly a logarithm where there is a band for the largest shapes, which would squeeze the others
  power() { const [low, high] = this.range(); return high > 3000 * low ? 1 / 12 : 1 / 3; }
  get across() { return this.width - 2 * Spectrum.LEFT; }
  xOf(t) {
    const power = this.power(), [low, high] = this.range().map((each) => each ** power);
    return Spectrum.LEFT + (this.across * (t ** power - low)) / (high - low);
  }
  timeAt(x) {
    const power = this.power(), [low, high] = this.range().map((each) => each ** power);
    return Math.max(low + ((high - low) * (x - Spectrum.LEFT)) / this.across, low) ** (1 / power);
  }

  draw() {
    const { svg, host } = this, { FLOOR, HEIGHT, LEFT } = Spectrum, names = host.names();
    const { edges, gains } = host.settings(), { times = [], values = [] } = host.spectrum() ?? {};
    const focus = svg.getRootNode().activeElement?.dataset?.edge;
    this.width = svg.clientWidth || 340;
    svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const [low, high] = this.range(), xOf = (t) => this.xOf(t);
    const most = Math.sqrt(Math.max(...values, 1e-9));
    const points = times.map((t, k) => `${xOf(t).toFixed(1)},${(FLOOR - 88 * (Math.sqrt(values[k]) / most)).toFixed(1)}`);
    const line = points.length ? `M${points.join("L")}` : "";
    const area = points.length ? `M${xOf(times[0])},${FLOOR}L${points.join("L")}L${xOf(times.at(-1))},${FLOOR}Z` : "";
    const cuts = [LEFT, ...edges.map(xOf), this.width - LEFT];
    const bands = gains.map((gain, k) =>
      `<clipPath id="band-${k}"><rect x="${cuts[k]}" y="0" width="${Math.max(cuts[k + 1] - cuts[k], 0)}" height="${FLOOR}"/></clipPath>
       <path d="${area}" clip-path="url(#band-${k})" fill="${host.colour(k)}" class="area" fill-opacity="${opacityOf(gain)}"/>`);
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
      for (const t of [1, 2, 5].map((each) => each * 10 ** power)) {
        if (t >= low && t <= high && (!ticks.length || xOf(t) - xOf(ticks.at(-1)) > 42)) ticks.push(t);
      }
    }
    svg.innerHTML = `${bands.join("")}<path class="curve" d="${line}"/>
      <line class="floor" x1="${LEFT}" x2="${this.width - LEFT}" y1="${FLOOR}" y2="${FLOOR}" stroke="currentColor"/>
      ${ticks.map((t) => `<text class="axis" x="${clamp(xOf(t), 14, this.width - 14)}" y="122" text-anchor="middle">${Number(t.toPrecision(1))}</text>`).join("")}
      ${edges.map((t, k) => `<g class="edge" data-edge="${k}" tabindex="0" role="slider" aria-label="Edge between ${names[k]} and ${names[k + 1]}"
        aria-valuemin="${low}" aria-valuemax="${high}" aria-valuenow="${t}" aria-valuetext="t = ${shown(t)}"><title>t = ${shown(t)}</title>
        <rect x="${xOf(t) - 10}" y="0" width="20" height="${FLOOR + 8}"/><line x1="${xOf(t)}" x2="${xOf(t)}" y1="8" y2="${FLOOR}"/><circle cx="${xOf(t)}" cy="8" r="5.5"/></g>`).join("")}`;
    if (focus !== undefined) this.focus(focus);
  }
  focus(k) {
    const grip = this.svg.querySelector(`[data-edge="${k}"]`);
    grip?.focus();
    return Boolean(grip);
  }
  /** Show the gains: only attributes change. */
  showGain(k, gain) { this.svg.querySelectorAll(".area")[k]?.setAttribute("fill-opacity", String(opacityOf(gain))); }

  move(k, time) {
    const { edges } = this.host.settings(), [low, high] = this.range();
    const least = k ? edges[k - 1] * 1.05 : low * 1.05, most = k + 1 < edges.length ? edges[k + 1] / 1.05 : high / 1.05;
    const moved = round3(clamp(time, least, most));
    if (moved === edges[k] || moved <= (edges[k - 1] ?? 0) || moved >= (edges[k + 1] ?? Infinity)) return;
    this.host.moved(edges.with(k, moved));
  }
  split(at) {
    const time = round3(at), { edges, gains } = this.host.settings();
    if (!this.host.spectrum() || edges.includes(time) || gains.length >= MOST_BANDS) return;
    const k = edges.filter((t) => t < time).length;
    this.host.change({ edges: edges.toSpliced(k, 0, time), gains: gains.toSpliced(k, 0, gains[k]) });
  }
  join(k) {
    const { edges, gains } = this.host.settings();
    this.host.change({ edges: edges.toSpliced(k, 1), gains: gains.toSpliced(k + 1, 1) });
    if (!this.focus(Math.max(k - 1, 0))) this.host.leave();
  }
}

const opacityOf = (gain) => clamp(0.12 + 0.55 * gain, 0.12, 1);
