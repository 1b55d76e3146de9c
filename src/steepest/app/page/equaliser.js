// The equaliser: one ES module without dependencies. It does not know where Python runs:
// `request(op, args, buffers)` answers `[fields, buffers]`, as `Session.handle` in session.py.
//
// The browser holds low-pass images L_k: all that vanishes from edge k on. The result is
// g_0 L_0 + sum_k (g_k - g_{k-1}) L_k, so moving an edge replaces one image only.

const COLOURS = ["#ff7d5c", "#f5a742", "#d3c545", "#63c682", "#3fb6c9", "#5c93f2"];
const BASE_COLOUR = "#9a86ee";
const NAMES = [
  [], ["structures"], ["texture", "shapes"], ["grain", "texture", "shapes"],
  ["grain", "texture", "parts", "shapes"], ["grain", "fine texture", "texture", "parts", "shapes"],
  ["grain", "fine texture", "texture", "details", "parts", "shapes"],
];
/** Gains from fine (0) to coarse (1); the gain of the base is 1. */
const PRESETS = {
  Original: [],
  Denoise: [[0, 0], [0.2, 0.55], [0.4, 0.95], [1, 1]],
  "Remove texture": [[0, 0.9], [0.2, 0.1], [0.45, 0.25], [0.7, 0.9], [1, 1]],
  Enhance: [[0, 1], [0.2, 1.7], [0.5, 1.9], [0.8, 1.3], [1, 1]],
  Cartoon: [[0, 0], [0.45, 0], [0.65, 0.7], [1, 1.25]],
  "Flatten light": [[0, 1], [0.4, 1.15], [0.7, 0.7], [1, 0.15]],
};
const TABS = ["Bands", "Repair", "Regions", "Few pixels", "Fuse"];
const MOST_BANDS = 12;

const STYLE = `
:host { display: block; height: 100%; container-type: inline-size; }
.app { --bg: #0e1014; --stage: #08090c; --panel: #15181e; --raised: #1f242c; --line: #2a303a;
  --text: #e9ecf1; --soft: #98a1af; --accent: #7fb2ff; --on-accent: #07121f; --danger: #ff8b7d;
  --shadow: 0 8px 30px #0009; --check: #14171c;
  color-scheme: dark; }
.app.light { --bg: #f3f4f6; --stage: #e3e6ea; --panel: #fbfbfc; --raised: #fff; --line: #d5d9e0;
  --text: #191c22; --soft: #5a6372; --accent: #1f5fc4; --on-accent: #fff; --danger: #b3261e;
  --shadow: 0 8px 30px #1b28403d; --check: #d7dbe1; color-scheme: light; }
* { box-sizing: border-box; }
.app { display: grid; grid-template: auto minmax(0, 1fr) / minmax(0, 1fr) calc(372px * var(--zoom, 1));
  grid-template-areas: "bar bar" "stage panel"; height: 100%; min-height: 480px;
  background: var(--bg); color: var(--text);
  font: 14px/1.45 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
button, input { font: inherit; color: inherit; }
button { border: 1px solid var(--line); background: var(--raised); border-radius: 8px; cursor: pointer;
  padding: 6px 12px; min-height: 34px; white-space: nowrap; }
button:hover:not(:disabled) { border-color: var(--soft); }
button:disabled { opacity: .4; cursor: default; }
button.icon { padding: 0; width: 34px; display: inline-grid; place-items: center; }
button.primary { background: var(--accent); color: var(--on-accent); border-color: transparent; font-weight: 600; }
button[aria-pressed=true] { background: color-mix(in srgb, var(--accent) 22%, var(--raised)); border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg.i { width: 18px; height: 18px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.bar { grid-area: bar; display: flex; align-items: center; gap: 8px; padding: 9px 14px;
  border-bottom: 1px solid var(--line); background: var(--panel); }
.brand { display: flex; align-items: center; gap: 9px; font-weight: 650; letter-spacing: -.01em; }
.brand svg { width: 22px; height: 22px; }
.file { color: var(--soft); min-width: 0; display: flex; gap: 8px; white-space: nowrap; margin-left: 10px; flex: 1; }
.file > * { min-width: 0; overflow: hidden; text-overflow: ellipsis; } .file span { flex: 0 1 auto; }
.file b { color: var(--text); font-weight: 550; flex: 0 5 auto; }
.group { display: flex; gap: 4px; }
.stage { grid-area: stage; position: relative; overflow: hidden; background: var(--stage); touch-action: none; cursor: grab; outline-offset: -3px; }
.stage.panning { cursor: grabbing; }
.stage.painting { cursor: crosshair; }
.view { position: absolute; left: 0; top: 0; transform-origin: 0 0; box-shadow: var(--shadow);
  background: repeating-conic-gradient(var(--check) 0 25%, transparent 0 50%) 0 0 / 16px 16px; }
.view canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.view.sharp canvas { image-rendering: pixelated; }
.view .live { inset: auto; }
.ink { opacity: .55; }
.before { visibility: hidden; }
.divider { position: absolute; top: 0; bottom: 0; width: 28px; margin-left: -14px; cursor: ew-resize; touch-action: none; }
.divider::before { content: ""; position: absolute; left: 13px; top: 0; bottom: 0; width: 2px; background: #fff; box-shadow: 0 0 6px #000a; }
.divider::after { content: "⇔"; position: absolute; left: 0; top: 50%; width: 28px; height: 28px; margin-top: -14px;
  border-radius: 50%; background: #fff; color: #222; display: grid; place-items: center; box-shadow: 0 1px 6px #0008; font-size: 15px; }
.tag { position: absolute; top: 12px; padding: .25em .85em; border-radius: 2em; background: #000a; color: #fff; font-size: calc(12px * var(--zoom, 1)); pointer-events: none; }
.tag.left { left: 12px; } .tag.right { right: 12px; }
.ring { position: absolute; border: 1.5px solid #fff; border-radius: 50%; box-shadow: 0 0 0 1px #0009, inset 0 0 0 1px #0006; pointer-events: none; transform: translate(-50%, -50%); }
.ruler { position: absolute; padding: 4px 10px; border-radius: 7px; background: #10131aeb; color: #fff; font-size: calc(12.5px * var(--zoom, 1)); pointer-events: none; white-space: nowrap; font-variant-numeric: tabular-nums; }
.zoom { position: absolute; left: 14px; bottom: 14px; display: flex; gap: 4px; align-items: center; }
.zoom output { min-width: 56px; text-align: center; }
.zoom button, .zoom output, .status { box-shadow: 0 1px 8px #0004; }
.zoom output { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 6px 8px; min-height: 34px; font-size: 12.5px; font-variant-numeric: tabular-nums; }
.status { position: absolute; right: 14px; bottom: 14px; background: var(--raised); border: 1px solid var(--line); border-radius: 10px; padding: 9px 10px 9px 14px; display: flex; align-items: center; gap: 12px; min-width: 250px; max-width: min(460px, calc(100% - 28px)); }
.status div { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.track { height: 4px; border-radius: 4px; background: var(--line); overflow: hidden; margin-top: 6px; }
.track i { display: block; height: 100%; width: 100%; transform-origin: left; background: var(--accent); transition: transform .2s; }
.empty { position: absolute; inset: 24px; border: 2px dashed var(--line); border-radius: 18px; display: grid; place-content: center; justify-items: center; gap: 14px; text-align: center; padding: 24px; cursor: default; }
.empty h1 { font-size: 25px; letter-spacing: -.02em; line-height: 1.2; margin: 0; font-weight: 650; }
.empty p { margin: 0; color: var(--soft); max-width: 44ch; }
.empty .art { width: 190px; height: 84px; }
.stage.drop .empty, .stage.drop::after { border-color: var(--accent); }
.stage.drop::after { content: "Drop to open"; position: absolute; inset: 16px; border: 2px dashed var(--accent); border-radius: 18px; display: grid; place-items: center; background: color-mix(in srgb, var(--stage) 75%, transparent); font-size: 20px; font-weight: 600; }
.toast { position: absolute; top: 16px; left: 50%; transform: translateX(-50%); background: var(--raised); border: 1px solid var(--danger); border-left-width: 5px; border-radius: 10px; padding: 10px 10px 10px 14px; display: flex; gap: 12px; align-items: center; width: max-content; max-width: min(560px, 90%); box-shadow: var(--shadow); cursor: default; overflow-wrap: anywhere; }
.panel { grid-area: panel; border-left: 1px solid var(--line); background: var(--panel); padding: 16px; overflow: auto; display: flex; flex-direction: column; gap: 16px; }
.panel h2 { font-size: 12px; font-weight: 600; margin: 0 0 8px; color: var(--soft); display: flex; justify-content: space-between; align-items: baseline; }
.panel h2 small { font-weight: 400; font-size: 12px; }
.presets { display: flex; flex-wrap: wrap; gap: 6px; }
.presets button { border-radius: 20px; padding: 4px 13px; min-height: 32px; }
.spectrum { width: 100%; height: 126px; display: block; overflow: visible; touch-action: none; }
.spectrum .axis { fill: var(--soft); font-size: 11px; }
.spectrum .curve { fill: none; stroke: var(--text); stroke-opacity: .55; stroke-width: 1.2; }
.spectrum .floor { stroke: var(--line); }
.edge { cursor: ew-resize; outline: none; }
.edge line { stroke: var(--text); stroke-width: 1.5; }
.edge rect { fill: transparent; }
.edge circle { fill: var(--raised); stroke: var(--text); stroke-width: 1.5; }
.edge:hover circle, .edge:focus-visible circle { fill: var(--accent); stroke: var(--accent); }
.edge:focus-visible line { stroke: var(--accent); stroke-width: 2.5; }
.faders { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 2px; flex: 1; min-height: 230px; max-height: 560px; }
.fader { display: grid; grid-template-rows: auto minmax(0, 1fr) 34px; justify-items: center; gap: 6px; min-width: 0; }
.fader output { font-size: 12px; contain: strict; width: 100%; height: 1.4em; text-align: center; font-variant-numeric: tabular-nums; color: var(--soft); }
.fader.changed output { color: var(--text); font-weight: 600; }
.fader label { font-size: 11.5px; line-height: 1.25; text-align: center; color: var(--soft); max-width: 100%; overflow-wrap: break-word; hyphens: auto; }
.fader.changed label { color: var(--text); }
.slot { position: relative; height: 100%; width: 30px; }
.slot::before { content: ""; position: absolute; left: 4px; right: 4px; top: 50%; border-top: 1px solid var(--line); }
.slot i { position: absolute; left: 13px; width: 4px; top: 0; height: 100%; transform-origin: 0 0; background: var(--band); pointer-events: none; }
.slot input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; writing-mode: vertical-lr; direction: rtl;
  appearance: none; background: transparent; cursor: ns-resize; touch-action: none; border-radius: 8px; }
.slot::after { content: ""; position: absolute; left: 13px; width: 4px; top: 0; bottom: 0; border-radius: 2px; background: var(--line); z-index: 0; }
.slot i, .slot input { z-index: 1; }
.slot input::-webkit-slider-runnable-track { background: transparent; }
.slot input::-moz-range-track { background: transparent; }
.slot input::-webkit-slider-thumb { appearance: none; width: 24px; height: 14px; border-radius: 5px; background: var(--band); border: 2px solid var(--panel); box-shadow: 0 0 0 1px color-mix(in srgb, var(--band) 65%, var(--text)), 0 1px 4px #0006; }
.slot input::-moz-range-thumb { width: 22px; height: 12px; border-radius: 5px; background: var(--band); border: 2px solid var(--panel); }
.tabs { display: flex; gap: 2px; background: var(--bg); border-radius: 10px; padding: 3px; }
.tabs button { flex: 1; border: 0; background: none; color: var(--soft); min-height: 32px; padding: 4px 6px; }
.tabs button[aria-selected=true] { background: var(--raised); color: var(--text); box-shadow: 0 1px 3px #0004; }
.pane { display: flex; flex-direction: column; gap: 16px; flex: 0 0 auto; }
#pane-0 { flex-grow: 1; }
.pane p { margin: 0; color: var(--soft); }
.field { display: grid; grid-template-columns: 1fr auto; gap: 4px 10px; }
.field span { font-variant-numeric: tabular-nums; } .field input { grid-column: 1 / -1; width: 100%; accent-color: var(--accent); }
.check { display: flex; gap: 9px; align-items: center; } .check input { width: 17px; height: 17px; accent-color: var(--accent); }
.legend { display: grid; grid-template-columns: 16px 1fr auto; gap: 7px 10px; align-items: center; margin: 0; padding: 0; list-style: none; }
.legend li { display: contents; } .legend i { width: 16px; height: 16px; border-radius: 4px; background: var(--band); }
.legend i.doubt { background: repeating-linear-gradient(135deg, #fff 0 2px, #333 2px 5px); }
.result { display: flex; flex-direction: column; gap: 12px; } .result strong { font-size: 15px; }
pre { margin: 0; background: var(--bg); border: 1px solid var(--line); border-radius: 9px; padding: 10px; overflow: auto; max-height: 230px; font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.result pre { margin-top: 8px; }
summary { cursor: pointer; }
.job { display: flex; gap: 12px; align-items: center; } .job .track { flex: 1; margin: 0; }
.track.wait i { width: 30%; transform: none !important; animation: slide 1.1s ease-in-out infinite alternate; }
@keyframes slide { from { margin-left: 0; } to { margin-left: 70%; } }
.app.vacant { grid-template-columns: minmax(0, 1fr); grid-template-areas: "bar" "stage"; } .vacant .panel { display: none; }
.note:not([hidden]) ~ .pane { opacity: .35; }
.note { margin: 0; padding: 10px 12px; border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 9px; background: var(--raised); }
.hint { font-size: 13px; }
.row { display: flex; gap: 8px; align-items: center; } .row > * { flex: 1; }
dialog { border: 1px solid var(--line); border-radius: 14px; background: var(--panel); color: var(--text); padding: 20px; width: min(680px, 92vw); box-shadow: var(--shadow); }
dialog::backdrop { background: #0008; }
dialog h2 { margin: 0 0 4px; font-size: 19px; letter-spacing: -.01em; } dialog p { margin: 0 0 14px; color: var(--soft); }
dialog h3 { font-size: 13px; margin: 14px 0 6px; display: flex; justify-content: space-between; align-items: center; }
dialog h3 button { font-weight: 400; min-height: 30px; padding: 3px 12px; }
dialog .row { margin-top: 16px; justify-content: end; } dialog .row > * { flex: none; }
dialog dl { display: grid; grid-template-columns: max-content 1fr; gap: 7px 18px; margin: 12px 0 0; } dd { margin: 0; }
kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 5px; padding: 1px 7px; background: var(--raised); font: 12px ui-monospace, monospace; }
[hidden] { display: none !important; }
.bar, .panel, .zoom, .status, .toast, .empty, dialog { zoom: var(--zoom, 1); }
@container (max-width: 860px) {
  .app { grid-template: auto minmax(260px, 1fr) auto / minmax(0, 1fr); grid-template-areas: "bar" "stage" "panel"; }
  .panel { border-left: 0; border-top: 1px solid var(--line); max-height: 46vh; }
  .brand span, .wide { display: none; } .faders { min-height: 170px; }
}
@container (min-width: 2400px) { .app { --zoom: 1.5; } }
@container (min-width: 3200px) { .app { --zoom: 2; } }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
`;

const LOGO = `<svg viewBox="0 0 24 24" aria-hidden="true"><rect width="24" height="24" rx="6" fill="#1d2736"/>
<path d="M6 5v14M12 5v14M18 5v14" stroke="#4a5870" stroke-width="1.6" stroke-linecap="round"/>
<g stroke-width="3.4" stroke-linecap="round"><path d="M4.7 8.5h2.6" stroke="#ff7d5c"/><path d="M10.7 14.5h2.6" stroke="#63c682"/><path d="M16.7 10.5h2.6" stroke="#5c93f2"/></g></svg>`;
const ICONS = {
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3", redo: "m15 14 5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  split: "M12 3v18M4 6h5v12H4zM15 6h5v12h-5z", eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12Zm10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  ruler: "m3 16 13-13 5 5L8 21zM7 12l2 2M10 9l2 2M13 6l2 2", theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9Z",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm-2.5-11a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 17h.01", plus: "M12 5v14M5 12h14", minus: "M5 12h14",
};
const icon = (name) => `<svg class="i" viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

const PAGE = `
<div class="app" part="app">
  <header class="bar">
    <div class="brand">${LOGO}<span>steepest</span></div>
    <div class="file" data-r="file"></div>
    <div class="group"><button class="icon" data-r="undo" aria-label="Undo" title="Undo (Ctrl+Z)">${icon("undo")}</button>
    <button class="icon" data-r="redo" aria-label="Redo" title="Redo (Ctrl+Shift+Z)">${icon("redo")}</button></div>
    <div class="group"><button class="icon" data-r="press" aria-label="Show the original while pressed" title="Hold to see the original (B)">${icon("eye")}</button>
    <button class="icon" data-r="split" aria-pressed="false" aria-label="Split view" title="Split view (S)">${icon("split")}</button>
    <button class="icon" data-r="measure" aria-pressed="true" aria-label="Ruler under the cursor" title="Ruler under the cursor (R)">${icon("ruler")}</button></div>
    <div class="group"><button class="icon" data-r="theme" aria-label="Dark or light theme" title="Dark or light theme (T)">${icon("theme")}</button>
    <button class="icon" data-r="help" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)">${icon("help")}</button></div>
    <button data-r="open" title="Open an image (O)">Open…</button>
    <button class="primary" data-r="export" title="Export (E)">Export…</button>
    <input type="file" hidden data-r="chooser" accept=".png,.jpg,.jpeg,.tif,.tiff,.bmp,.npy" aria-label="Image file">
  </header>
  <main class="stage" data-r="stage" tabindex="0" aria-label="Image. Arrow keys move it, plus and minus zoom.">
    <div class="view" data-r="view" hidden>
      <canvas data-r="canvas" role="img" aria-label="Result"></canvas>
      <canvas class="live" data-r="live" aria-hidden="true" hidden></canvas>
      <canvas data-r="over" aria-hidden="true" hidden></canvas>
      <canvas class="ink" data-r="ink" aria-hidden="true" hidden></canvas>
      <canvas class="before" data-r="before" aria-hidden="true"></canvas>
    </div>
    <div class="tag left" data-r="tagLeft" hidden>original</div><div class="tag right" data-r="tagRight" hidden>result</div>
    <div class="divider" data-r="divider" hidden tabindex="0" role="slider" aria-label="Split position" aria-valuemin="0" aria-valuemax="100"></div>
    <div class="ring" data-r="ring" hidden></div><div class="ruler" data-r="ruler" hidden></div>
    <div class="zoom" data-r="zoom" hidden><button class="icon" data-r="zoomOut" aria-label="Zoom out" title="Zoom out (−)">${icon("minus")}</button>
      <output data-r="zoomText" aria-label="Zoom"></output>
      <button class="icon" data-r="zoomIn" aria-label="Zoom in" title="Zoom in (+)">${icon("plus")}</button>
      <button data-r="fit" title="Fit to the window (0)">Fit</button>
      <output data-r="reduced" title="Large images are shown, and their bands computed, from a smaller copy. The export has the full size." hidden></output></div>
    <div class="status" data-r="status" hidden><div><span data-r="statusText"></span>
      <div class="track" data-r="bar" role="progressbar" aria-label="Progress of the flow" aria-valuemin="0" aria-valuemax="100"><i></i></div></div>
      <button data-r="cancel">Cancel</button></div>
    <section class="empty" data-r="empty" hidden>
      <svg class="art" viewBox="0 0 190 84" aria-hidden="true"><g stroke-width="5" stroke-linecap="round">${COLOURS.map((colour, k) =>
        `<path d="M${20 + 30 * k} 6v72" stroke="${colour}" stroke-opacity=".22"/><path d="M${12 + 30 * k} ${[52, 30, 20, 38, 46, 28][k]}h16" stroke="${colour}" stroke-width="9"/>`).join("")}</g></svg>
      <h1>An equaliser for images</h1>
      <p>Each slider holds structures of one size and contrast: grain, texture, parts, shapes. Turn them up or down; edges stay sharp.</p>
      <button class="primary" data-r="choose">Choose an image…</button>
      <p>or drop a PNG, JPEG, TIFF, BMP or NPY file here. It stays on this machine.</p>
    </section>
    <div class="toast" data-r="toast" role="alert" hidden><span data-r="toastText"></span><button data-r="toastClose">Close</button></div>
  </main>
  <aside class="panel" data-r="panel" aria-label="Equaliser">
    <div class="tabs" data-r="tabs" role="tablist" aria-label="Tools">${TABS.map((name, k) =>
      `<button role="tab" id="tab-${k}" aria-controls="pane-${k}" aria-selected="${k === 0}" tabindex="${k ? -1 : 0}">${name}</button>`).join("")}</div>
    <p class="note" data-r="tooLarge" hidden>This tool takes images of up to 5.6 megapixels in colour, or 16.8 in grey. For larger ones, use the command line.</p>
    <div class="pane" id="pane-0" role="tabpanel" aria-labelledby="tab-0">
    <section><h2>Presets</h2><div class="presets" data-r="presets" role="group" aria-label="Presets"></div></section>
    <section><h2>Spectrum <small>contrast × size →</small></h2>
      <svg class="spectrum" data-r="spectrum" role="group" aria-label="Spectrum with the edges between bands"></svg></section>
    <section class="faders" data-r="faders" role="group" aria-label="Gains of the bands"></section>
    <div class="row"><button data-r="reset" title="All sliders to 1">Reset</button>
      <button data-r="more" title="Continue the flow until the image is flat: separates the largest shapes too">Larger structures</button></div>
    </div>
    <div class="pane" id="pane-1" role="tabpanel" aria-labelledby="tab-1" hidden>
      <p>Paint over scratches, dust or writing. The pixels below the brush are filled in from those around them.</p>
      <label class="field">Width of the brush <span data-r="brushText"></span><input data-r="brush" type="range" min="0.3" max="2.3" step="0.02" value="1.1"></label>
      <div class="row"><button data-r="mendNone">Remove all repairs</button><strong data-r="mendText" aria-live="polite"></strong></div>
      <p class="hint">The right mouse button or two fingers move the image, and the wheel zooms. With the keyboard, go to the image: arrow keys move the brush, <kbd>Space</kbd> paints, <kbd>Shift</kbd> with an arrow key draws, and <kbd>[</kbd> <kbd>]</kbd> change the width.</p>
    </div>
    <div class="pane" id="pane-2" role="tabpanel" aria-labelledby="tab-2" hidden>
      <p>Divides the image into classes by brightness, with smooth contours. A label is proven where no division as good as this one has another.</p>
      <label class="field">Classes <span data-r="classesText"></span><input data-r="classes" type="range" min="2" max="6" value="3"></label>
      <label class="field">Smoothness <span data-r="smoothText"></span><input data-r="smooth" type="range" min="-2" max="0.5" step="0.05" value="-1"></label>
      <button class="primary" data-r="segment">Find regions</button>
      <div class="result" data-r="regions" hidden><strong data-r="proven" aria-live="polite"></strong><ul class="legend" data-r="legend"></ul>
        <details><summary>Code and command</summary><pre data-r="regionsCode" tabindex="0"></pre></details></div>
    </div>
    <div class="pane" id="pane-3" role="tabpanel" aria-labelledby="tab-3" hidden>
      <p>Keeps a share of the pixels and fills in all others from these, by diffusion: the idea behind <em>steepest compress</em>.</p>
      <label class="field">Pixels kept <span data-r="densityText"></span><input data-r="density" type="range" min="-2.3" max="-0.3" step="0.05" value="-1.3"></label>
      <label class="check"><input type="checkbox" data-r="onlyKept">Show the kept pixels only</label>
      <div class="result" data-r="thin" hidden><div><strong data-r="thinText" aria-live="polite"></strong><p data-r="thinNote"></p></div>
        <details><summary>Code</summary><pre data-r="thinCode" tabindex="0"></pre></details></div>
    </div>
    <div class="pane" id="pane-4" role="tabpanel" aria-labelledby="tab-4" hidden>
      <p>Gives this image the texture of another one of the same size.</p>
      <button class="primary" data-r="second">Choose the other image…</button>
      <input type="file" hidden data-r="secondChooser" accept=".png,.jpg,.jpeg,.tif,.tiff,.bmp,.npy" aria-label="Other image">
      <div class="result" data-r="fusion" hidden><strong data-r="fusionText" aria-live="polite"></strong>
        <label class="field">Texture up to time <span data-r="timeText"></span><input data-r="time" type="range" min="-2.3" max="-0.3" step="0.05" value="-1.3"></label>
        <label class="field">Texture of this image <span data-r="ownText"></span><input data-r="own" type="range" min="0" max="200" value="0"></label>
        <label class="field">Texture of the other <span data-r="otherText"></span><input data-r="other" type="range" min="0" max="200" value="100"></label>
        <button data-r="fusedDownload">Download this image</button>
        <details data-r="fusedDetails"><summary>Code</summary><pre data-r="fusedCode" tabindex="0"></pre></details></div>
    </div>
    <div class="job" data-r="job" hidden><span data-r="jobText"></span><div class="track" data-r="jobBar" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"><i></i></div><button data-r="jobStop">Stop</button></div>
  </aside>
  <dialog data-r="exportBox" aria-labelledby="export-title"><h2 id="export-title">Export</h2><p data-r="exportNote"></p>
    <h3>Python <button data-r="copyPython">Copy</button></h3><pre data-r="python" tabindex="0"></pre>
    <h3 data-r="commandTitle">Command line <button data-r="copyCommand">Copy</button></h3><pre data-r="command" tabindex="0"></pre>
    <div class="row"><button data-r="mask" hidden>Download the mask</button><button data-r="exportClose">Close</button><button class="primary" data-r="download" autofocus>Download image</button></div></dialog>
  <dialog data-r="helpBox" aria-labelledby="help-title"><h2 id="help-title">Keyboard</h2><dl>
    <dt><kbd>Tab</kbd></dt><dd>from slider to slider, and to the edges of the spectrum</dd>
    <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>on a slider: its gain; <kbd>Home</kbd> <kbd>End</kbd>: remove, largest</dd>
    <dt><kbd>←</kbd> <kbd>→</kbd></dt><dd>on an edge: move it; <kbd>Delete</kbd>: join the two bands; <kbd>Enter</kbd> or a double click: split a band</dd>
    <dt><kbd>Ctrl</kbd> <kbd>Z</kbd></dt><dd>undo; with <kbd>Shift</kbd>: redo</dd>
    <dt><kbd>B</kbd> <kbd>S</kbd> <kbd>R</kbd></dt><dd>original while held; split view; ruler</dd>
    <dt><kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd> <kbd>1</kbd></dt><dd>zoom in, out; fit; one image pixel per screen pixel</dd>
    <dt><kbd>Space</kbd> <kbd>[</kbd> <kbd>]</kbd></dt><dd>on the image, in Repair: paint; a narrower, wider brush</dd>
    <dt><kbd>O</kbd> <kbd>E</kbd> <kbd>T</kbd></dt><dd>open; export; theme</dd></dl>
    <div class="row"><button data-r="helpClose">Close</button></div></dialog>
</div>`;

// numbers

let halves = null;
/** Convert float16 values, given as bits, to float32. @param {Uint16Array} bits */
function fromHalf(bits) {
  if (!halves) {
    halves = new Float32Array(65536);
    for (let i = 0; i < 65536; i++) {
      const exponent = (i >> 10) & 31, fraction = i & 1023;
      const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : (2 ** -14 * fraction) / 1024;
      halves[i] = i & 32768 ? -size : size;
    }
  }
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = halves[bits[i]];
  return out;
}

/** Linear between the centres of blocks of `factor` x `factor` pixels; the last may be incomplete. */
function enlarge(values, factor, { width, height, channels }) {
  if (factor === 1) return values;
  const across = Math.ceil(width / factor), down = Math.ceil(height / factor);
  /** Where pixels lie between blocks: the block before, the one after, and the weight of that. */
  const between = (length, count) => {
    const before = new Int32Array(length), after = new Int32Array(length), weight = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const at = clamp((i + 0.5) / factor - 0.5, 0, count - 1);
      before[i] = Math.floor(at);
      after[i] = Math.min(before[i] + 1, count - 1);
      weight[i] = at - before[i];
    }
    return [before, after, weight];
  };
  const [left, right, u] = between(width, across), [above, below, v] = between(height, down);
  const out = new Float32Array(width * height * channels), row = new Float32Array(across * channels);
  for (let y = 0, at = 0; y < height; y++) {
    const first = above[y] * row.length, second = below[y] * row.length;
    for (let i = 0; i < row.length; i++) row[i] = values[first + i] + v[y] * (values[second + i] - values[first + i]);
    for (let x = 0; x < width; x++) {
      const one = left[x] * channels, other = right[x] * channels;
      for (let c = 0; c < channels; c++) out[at++] = row[one + c] + u[x] * (row[other + c] - row[one + c]);
    }
  }
  return out;
}

/** The gain of a slider position: 0 to 1 in the lower half, 1 to 3 in the upper. */
const gainOf = (position) => Math.round(100 * (position <= 100 ? position / 100 : 1 + (position - 100) / 50)) / 100;
const positionOf = (gain) => (gain <= 1 ? 100 * gain : 100 + 50 * (gain - 1));
/** Whether two lists hold the same things. */
const same = (one, other) => one?.length === other?.length && one.every((each, k) => each === other[k]);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const round2 = (value) => Math.round(100 * value) / 100;
const round3 = (value) => Number(value.toPrecision(3));
const shown = (value) => (value >= 0.01 ? round3(value).toString() : value.toPrecision(2));

// renderers: both draw `shift + sum_k weights[k] layers[k]` (values 0 to 1)

/**
 * Typed arrays. While a slider is held, `live` shows out = A + g B for the visible part of the image,
 * at the resolution of the screen, with A and B computed once as integers; after that, `canvas` shows
 * all pixels.
 */
class ArrayRenderer {
  name = "arrays";
  constructor(canvas, width, height, channels, live) {
    Object.assign(canvas, { width, height });
    Object.assign(this, { width, height, channels, live, layers: new Map(), held: null, drawn: null });
    this.context = canvas.getContext("2d", { alpha: false });
    this.picture = new ImageData(width, height);
    this.total = new Float32Array(width * height * channels);
  }
  /** @param {number} factor image pixels per value along each axis, above 1 for previews */
  set(key, bits, factor) { this.layers.set(key, enlarge(fromHalf(bits), factor, this)); this.drawn = this.held = null; }
  delete(key) { this.layers.delete(key); this.drawn = this.held = null; }
  /**
   * @param {{keys: string[], gains: number[], shift: number}} mix
   * @param {number|null} slider the slider that is held
   * @param {{x: number, y: number, width: number, height: number, step: number}} view the visible
   *   part, and the image pixels per pixel of the screen along each axis, at least 1
   */
  draw(mix, slider = null, view = null) {
    if (slider === null) {
      this.sum(mix);
      const { data } = this.picture, { total, channels } = this;
      for (let i = 0, j = 0; j < data.length; i += channels, j += 4) {
        data[j] = total[i];
        data[j + 1] = total[i + (channels === 3 ? 1 : 0)];
        data[j + 2] = total[i + (channels === 3 ? 2 : 0)];
        data[j + 3] = 255;
      }
      this.context.putImageData(this.picture, 0, 0);
      this.live.hidden = true;
      return;
    }
    this.prepare(mix, slider, view);
    const { rest, band, picture, words, context } = this.held;
    this.live.hidden = false;
    (this.channels === 3 ? mixColours : mixGreys)(rest, band, Math.round(1024 * mix.gains[slider]), words);
    context.putImageData(picture, 0, 0);
  }
  /** Compute A and B, if they are not those of this slider and this view. */
  prepare(mix, slider, view) {
    const others = ({ keys, gains, shift }) => JSON.stringify([keys, gains.map((gain, k) => k === slider || gain), shift]);
    const signature = JSON.stringify([slider, others(mix), view]);
    if (this.held?.signature === signature) return;
    if (!this.drawn || others(this.drawn) !== others(mix)) this.sum(mix);
    const band = this.integers(view, 255, this.layers.get(mix.keys[slider]), this.layers.get(mix.keys[slider + 1]));
    const rest = this.integers(view, 1, this.total), gain = this.drawn.gains[slider];
    for (let i = 0; i < rest.length; i++) rest[i] = clamp(Math.round(rest[i] - gain * band[i]), -32767, 32767);
    const width = Math.ceil(view.width / view.step), height = Math.ceil(view.height / view.step);
    Object.assign(this.live, { width, height });
    const style = { left: view.x, top: view.y, width: width * view.step, height: height * view.step };
    for (const [name, value] of Object.entries(style)) this.live.style[name] = `${value}px`;
    const picture = new ImageData(width, height), words = new Uint32Array(picture.data.buffer);
    this.held = { signature, rest, band, picture, words, context: this.live.getContext("2d", { alpha: false }) };
  }
  /** Set `total` to 255 times the weighted sum. */
  sum(mix) {
    const { total } = this, { keys, gains, shift } = mix;
    this.drawn = mix;
    total.fill(255 * shift);
    gains.forEach((gain, k) => {
      const weight = 255 * (gain - (k ? gains[k - 1] : 0));
      const layer = this.layers.get(keys[k]);
      if (weight) for (let i = 0; i < total.length; i++) total[i] += weight * layer[i];
    });
  }
  /** 32 times factor (values - others), within a part; means over squares of `step` pixels. */
  integers({ x, y, width, height, step }, factor, values, others = null) {
    const { channels } = this, across = Math.ceil(width / step) * channels, down = Math.ceil(height / step);
    const [column, left, right] = squares(width, step), [line, above, below] = squares(height, step);
    const sums = new Float32Array(across * down), row = new Float32Array(across);
    for (let v = 0; v < height; v++) {
      row.fill(0);
      let i = ((y + v) * this.width + x) * channels;
      for (let u = 0; u < width; u++) for (let c = 0, j = column[u] * channels; c < channels; c++, i++, j++) {
        const value = others ? values[i] - others[i] : values[i];
        row[j] += left[u] * value;
        if (right[u]) row[j + channels] += right[u] * value;
      }
      for (let j = 0, at = line[v] * across; j < across; j++, at++) {
        sums[at] += above[v] * row[j];
        if (below[v]) sums[at + across] += below[v] * row[j];
      }
    }
    const out = new Int16Array(sums.length);
    for (let j = 0; j < out.length; j++) out[j] = clamp(Math.round(32 * factor * sums[j]), -32767, 32767);
    return out;
  }
}

/** For each pixel: the square it begins in, its share of this one, and of the next. */
function squares(length, step) {
  const square = new Int32Array(length), own = new Float32Array(length), next = new Float32Array(length);
  const size = (k) => Math.min(step, length - k * step);
  for (let i = 0; i < length; i++) {
    const k = Math.floor(i / step), inside = Math.min(1, (k + 1) * step - i);
    square[i] = k;
    own[i] = inside / size(k);
    if (inside < 1 && (k + 1) * step < length) next[i] = (1 - inside) / size(k + 1);
  }
  return [square, own, next];
}

/** Pixels (rest + gain * band) / 32, where `gain` is 1024 for 1; each is one word, opaque. */
function mixColours(rest, band, gain, words) {
  for (let i = 0, j = 0; j < words.length; i += 3, j++) {
    let r = ((rest[i] << 10) + Math.imul(gain, band[i]) + 16384) >> 15;
    let g = ((rest[i + 1] << 10) + Math.imul(gain, band[i + 1]) + 16384) >> 15;
    let b = ((rest[i + 2] << 10) + Math.imul(gain, band[i + 2]) + 16384) >> 15;
    if ((r | g | b) & -256) { // at least one is below 0 or above 255
      r = r < 0 ? 0 : r > 255 ? 255 : r;
      g = g < 0 ? 0 : g > 255 ? 255 : g;
      b = b < 0 ? 0 : b > 255 ? 255 : b;
    }
    words[j] = r | (g << 8) | (b << 16) | 0xff000000;
  }
}
function mixGreys(rest, band, gain, words) {
  for (let j = 0; j < words.length; j++) {
    const value = ((rest[j] << 10) + Math.imul(gain, band[j]) + 16384) >> 15;
    words[j] = (value < 0 ? 0 : value > 255 ? 255 : value) * 0x010101 | 0xff000000;
  }
}

/** WebGL 2: one half-float texture per layer. */
class GpuRenderer {
  name = "webgl2";
  static MOST = 14;
  constructor(canvas, width, height, channels, gl) {
    Object.assign(canvas, { width, height });
    Object.assign(this, { gl, width, height, channels, layers: new Map(), programs: new Map() });
    gl.viewport(0, 0, width, height);
    gl.bindVertexArray(gl.createVertexArray());
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }
  set(key, bits, factor) {
    const { gl } = this, grey = this.channels === 1;
    const across = Math.ceil(this.width / factor), down = Math.ceil(this.height / factor);
    const texture = this.layers.get(key)?.texture ?? gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, factor === 1 ? gl.NEAREST : gl.LINEAR);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
    gl.texImage2D(gl.TEXTURE_2D, 0, grey ? gl.R16F : gl.RGB16F, across, down, 0, grey ? gl.RED : gl.RGB, gl.HALF_FLOAT, bits);
    this.layers.set(key, { texture, size: [across * factor, down * factor] });
  }
  delete(key) { this.gl.deleteTexture(this.layers.get(key)?.texture); this.layers.delete(key); }
  draw({ keys, gains, shift }) {
    const { gl } = this, count = keys.length, program = this.program(count);
    gl.useProgram(program);
    keys.forEach((key, k) => {
      gl.activeTexture(gl.TEXTURE0 + k);
      const { texture, size } = this.layers.get(key);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniform1i(gl.getUniformLocation(program, `layer${k}`), k);
      gl.uniform2f(gl.getUniformLocation(program, `size${k}`), ...size);
    });
    const weights = gains.map((gain, k) => gain - (k ? gains[k - 1] : 0));
    gl.uniform1fv(gl.getUniformLocation(program, "weight"), weights);
    gl.uniform1f(gl.getUniformLocation(program, "shift"), shift);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
  program(count) {
    const known = this.programs.get(count);
    if (known) return known;
    const { gl } = this, each = [...Array(count).keys()];
    const program = gl.createProgram();
    const part = this.channels === 1 ? ".rrr" : ".rgb";
    const sources = [
      [gl.VERTEX_SHADER, "#version 300 es\nvoid main() { vec2 p = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0; gl_Position = vec4(p, 0, 1); }"],
      [gl.FRAGMENT_SHADER, `#version 300 es
precision highp float; precision highp sampler2D;
${each.map((k) => `uniform sampler2D layer${k}; uniform vec2 size${k};`).join("\n")}
uniform float weight[${count}]; uniform float shift; out vec4 colour;
void main() { vec2 p = vec2(gl_FragCoord.x, ${this.height}.0 - gl_FragCoord.y); vec3 c = vec3(shift);
${each.map((k) => `c += weight[${k}] * texture(layer${k}, p / size${k})${part};`).join("\n")}
colour = vec4(clamp(c, 0.0, 1.0), 1); }`],
    ];
    for (const [kind, source] of sources) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    this.programs.set(count, program);
    return program;
  }
}

/** A WebGL 2 context if hardware draws it; software WebGL is slower than typed arrays. */
function hardwareContext(canvas, wanted) {
  if (wanted === "arrays") return null;
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, preserveDrawingBuffer: true });
  if (!gl || wanted === "webgl2") return gl;
  const known = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(known ? known.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name) ? null : gl;
}

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
  let renderer = null, quality = new Map(), held = null, frames = [];
  let scale = 1, offset = [0, 0], fitted = true, splitAt = 0.5, pressed = false, stage = null;

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
    renderer = null; fitted = true;
    for (const name of ["view", "zoom"]) $[name].hidden = true;
    forgetTools();
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
    drawSpectrum();
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
  /** The first source is the original; others have been repaired. */
  function showSource(number) {
    if (original !== number) copySource($.before);
    original = number;
    if (tab === "Repair") drawOver();
    $.view.hidden = $.zoom.hidden = false;
    if (fitted) fit();
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
      renderer.draw(mix, held, held === null ? null : visible());
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
    drawSpectrum();
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
        if (mix && slot.matches(":hover") && mix.keys.every((key) => quality.has(key))) renderer.prepare?.(mix, k, visible());
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
    const areas = $.spectrum.querySelectorAll(".area");
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
      areas[k]?.setAttribute("fill-opacity", String(opacityOf(gains[k])));
    });
    const chosen = state?.image && Object.keys(PRESETS).find((name) => String(presetGains(name)) === String(settings.gains) && settings.base === 1);
    for (const each of $.presets.children) {
      const now = String(each.textContent === chosen);
      if (each.getAttribute("aria-pressed") !== now) each.setAttribute("aria-pressed", now);
    }
  }
  const opacityOf = (gain) => clamp(0.12 + 0.55 * gain, 0.12, 1);

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

  // spectrum

  const BOX = { width: 340, height: 126, floor: 106, left: 8, get right() { return this.width - 8; } };
  const range = () => {
    const all = state?.spectrum?.times;
    return all?.length > 1 ? [Math.min(all[0], ...settings.edges) / 1.3, Math.max(all.at(-1), ...settings.edges) * 1.06] : [0.001, 0.5];
  };
  // the cube root of the time: between a logarithm, which squeezes the coarse bands, and the time
  const share = (t) => { const [low, high] = range().map(Math.cbrt); return (Math.cbrt(t) - low) / (high - low); };
  const xOf = (t) => BOX.left + (BOX.right - BOX.left) * share(t);
  const timeAt = (x) => { const [low, high] = range().map(Math.cbrt); return Math.max(low + ((high - low) * (x - BOX.left)) / (BOX.right - BOX.left), low) ** 3; };

  function drawSpectrum() {
    const focus = root.activeElement?.dataset?.edge;
    BOX.width = $.spectrum.clientWidth || 340;
    $.spectrum.setAttribute("viewBox", `0 0 ${BOX.width} ${BOX.height}`);
    const { times: at = [], values = [] } = state?.spectrum ?? {};
    const [low, high] = range();
    const most = Math.sqrt(Math.max(...values, 1e-9));
    const y = (value) => BOX.floor - 88 * (Math.sqrt(value) / most);
    const points = at.map((t, k) => `${xOf(t).toFixed(1)},${y(values[k]).toFixed(1)}`);
    const line = points.length ? `M${points.join("L")}` : "";
    const area = points.length ? `M${xOf(at[0])},${BOX.floor}L${points.join("L")}L${xOf(at.at(-1))},${BOX.floor}Z` : "";
    const cuts = [BOX.left, ...settings.edges.map(xOf), BOX.right];
    const bands = settings.gains.map((gain, k) =>
      `<clipPath id="band-${k}"><rect x="${cuts[k]}" y="0" width="${Math.max(cuts[k + 1] - cuts[k], 0)}" height="${BOX.floor}"/></clipPath>
       <path d="${area}" clip-path="url(#band-${k})" fill="${colour(k)}" class="area" fill-opacity="${opacityOf(gain)}"/>`);
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
      for (const t of [1, 2, 5].map((each) => each * 10 ** power)) {
        if (t >= low && t <= high && (!ticks.length || xOf(t) - xOf(ticks.at(-1)) > 42)) ticks.push(t);
      }
    }
    $.spectrum.innerHTML = `${bands.join("")}<path class="curve" d="${line}"/>
      <line class="floor" x1="${BOX.left}" x2="${BOX.right}" y1="${BOX.floor}" y2="${BOX.floor}" stroke="currentColor"/>
      ${ticks.map((t) => `<text class="axis" x="${xOf(t)}" y="122" text-anchor="middle">${Number(t.toPrecision(1))}</text>`).join("")}
      ${settings.edges.map((t, k) => `<g class="edge" data-edge="${k}" tabindex="0" role="slider" aria-label="Edge between ${names()[k]} and ${names()[k + 1]}"
        aria-valuemin="${low}" aria-valuemax="${high}" aria-valuenow="${t}" aria-valuetext="t = ${shown(t)}"><title>t = ${shown(t)}</title>
        <rect x="${xOf(t) - 10}" y="0" width="20" height="${BOX.floor + 8}"/><line x1="${xOf(t)}" x2="${xOf(t)}" y1="8" y2="${BOX.floor}"/><circle cx="${xOf(t)}" cy="8" r="5.5"/></g>`).join("")}`;
    if (focus !== undefined) $.spectrum.querySelector(`[data-edge="${focus}"]`)?.focus();
  }

  function moveEdge(k, time) {
    const { edges } = settings, [low, high] = range();
    const least = k ? edges[k - 1] * 1.05 : low * 1.05, most = k + 1 < edges.length ? edges[k + 1] / 1.05 : high / 1.05;
    const moved = round3(clamp(time, least, most));
    if (moved === edges[k] || moved <= (edges[k - 1] ?? 0) || moved >= (edges[k + 1] ?? Infinity)) return;
    touched = true;
    settings = { ...settings, edges: edges.map((t, j) => (j === k ? moved : t)) };
    held = null;
    drawSpectrum();
    [...$.faders.children].forEach((fader, j) => { fader.title = times(j); });
    quietly(refresh());
    paint();
  }
  const spectrumX = (event) => { const box = $.spectrum.getBoundingClientRect(); return ((event.clientX - box.left) / box.width) * BOX.width; };
  on($.spectrum, "pointerdown", (event) => {
    const handle = event.target.closest("[data-edge]");
    if (!handle) return;
    event.preventDefault();
    const k = Number(handle.dataset.edge);
    handle.focus();
    remember();
    const drag = new AbortController();
    $.spectrum.setPointerCapture(event.pointerId);
    const move = (each) => moveEdge(k, timeAt(spectrumX(each)));
    $.spectrum.addEventListener("pointermove", move, { signal: drag.signal });
    for (const end of ["pointerup", "pointercancel"]) $.spectrum.addEventListener(end, () => { drag.abort(); describe(); }, { signal: drag.signal });
  });
  on($.spectrum, "dblclick", (event) => {
    if (!event.target.closest("[data-edge]")) splitBand(timeAt(spectrumX(event)));
  });
  function splitBand(at) {
    const time = round3(at), { edges, gains } = settings;
    if (!state?.image || edges.includes(time) || gains.length >= MOST_BANDS) return;
    const k = edges.filter((t) => t < time).length;
    change({ ...settings, edges: [...edges.slice(0, k), time, ...edges.slice(k)], gains: [...gains.slice(0, k), gains[k], ...gains.slice(k)] });
  }
  on($.spectrum, "keydown", (event) => {
    const handle = event.target.closest("[data-edge]");
    if (!handle) return;
    const k = Number(handle.dataset.edge);
    const factor = { ArrowRight: 1.05, ArrowUp: 1.05, ArrowLeft: 1 / 1.05, ArrowDown: 1 / 1.05, PageUp: 1.5, PageDown: 1 / 1.5 }[event.key];
    if (factor) { event.preventDefault(); remember(); moveEdge(k, settings.edges[k] * factor); describe(); }
    if (event.key === "Enter") splitBand(Math.sqrt(settings.edges[k] * (settings.edges[k + 1] ?? range()[1] / 1.3)));
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      change({ ...settings, edges: settings.edges.filter((_, j) => j !== k), gains: settings.gains.filter((_, j) => j !== k + 1) });
      ($.spectrum.querySelector(`[data-edge="${Math.max(k - 1, 0)}"]`) ?? $.stage).focus();
    }
  });

  // zoom, pan, split

  function place() {
    if (!state?.image) return;
    const { width, height } = state.image;
    stage = $.stage.getBoundingClientRect();
    $.view.style.width = `${width}px`;
    $.view.style.height = `${height}px`;
    const [left, top] = offset.map((each) => Math.round(each * devicePixelRatio) / devicePixelRatio); // sharp at 100 %
    $.view.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    $.view.classList.toggle("sharp", scale >= 2);
    $.zoomText.textContent = `${Math.round((100 * scale * devicePixelRatio) / state.image.factor)} %`;
    const split = $.split.getAttribute("aria-pressed") === "true";
    const x = clamp((splitAt * stage.width - offset[0]) / (width * scale), 0, 1);
    $.divider.hidden = !split || $.view.hidden;
    $.divider.style.left = `${100 * splitAt}%`;
    $.divider.setAttribute("aria-valuenow", String(Math.round(100 * splitAt)));
    $.before.style.visibility = split || pressed ? "visible" : "hidden";
    $.before.style.clipPath = pressed ? "none" : `inset(0 ${100 * (1 - x)}% 0 0)`;
    $.tagLeft.hidden = !(split || pressed) || $.view.hidden;
    $.tagRight.hidden = !split || pressed || $.view.hidden;
  }
  /** The visible part of the image, in whole pixels, and how many of them a screen pixel shows. */
  function visible() {
    const { width, height } = state.image, step = clamp(1 / (scale * devicePixelRatio), 1, 16);
    const from = offset.map((each) => clamp(Math.floor(-each / scale), 0, Infinity));
    const x = Math.min(from[0], width - 1), y = Math.min(from[1], height - 1);
    const right = clamp(Math.ceil((stage.width - offset[0]) / scale), x + 1, width);
    const bottom = clamp(Math.ceil((stage.height - offset[1]) / scale), y + 1, height);
    return { x, y, width: right - x, height: bottom - y, step };
  }
  function fit() {
    const box = $.stage.getBoundingClientRect(), { width, height } = state.image;
    scale = Math.min((box.width - 48) / width, (box.height - 48) / height, 8);
    offset = [(box.width - width * scale) / 2, (box.height - height * scale) / 2];
    fitted = true;
    place();
  }
  function zoomBy(factor, x, y) {
    if (!state?.image) return;
    const box = $.stage.getBoundingClientRect();
    x ??= box.width / 2; y ??= box.height / 2;
    const next = clamp(scale * factor, 0.02, 64);
    offset = [x - ((x - offset[0]) * next) / scale, y - ((y - offset[1]) * next) / scale];
    scale = next;
    fitted = false;
    place();
  }
  const pixelAt = ([x, y]) => [(x - offset[0]) / scale, (y - offset[1]) / scale];
  const local = (event) => { const box = $.stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  on($.stage, "wheel", (event) => { event.preventDefault(); zoomBy(Math.exp(-0.0015 * event.deltaY), ...local(event)); }, { passive: false });
  const pointers = new Map();
  on($.stage, "pointerdown", (event) => {
    if (event.target.closest("button, .divider, .toast, .status, .zoom, .empty") || !state?.image) return;
    pointers.set(event.pointerId, local(event));
    $.stage.setPointerCapture(event.pointerId);
    if (pointers.size > 1) dropStroke(); // to pinch
    else if (canPaint() && event.button === 0) return beginStroke(pixelAt(local(event)));
    $.stage.classList.add("panning");
  });
  on($.stage, "contextmenu", (event) => { if (canPaint()) event.preventDefault(); });
  on($.stage, "pointermove", (event) => {
    const now = local(event), last = pointers.get(event.pointerId);
    if (canPaint()) showBrush(now);
    else if (!last) return measureAt(now, event.target);
    if (!last) return;
    if (stroke) {
      for (const each of event.getCoalescedEvents?.() ?? [event]) extendStroke(pixelAt(local(each)));
    } else if (pointers.size === 2) { // pinch
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      zoomBy(Math.hypot(now[0] - other[0], now[1] - other[1]) / Math.max(Math.hypot(last[0] - other[0], last[1] - other[1]), 1), ...other);
    } else {
      offset = [offset[0] + now[0] - last[0], offset[1] + now[1] - last[1]];
      fitted = false;
      place();
    }
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) on($.stage, end, (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) $.stage.classList.remove("panning");
    if (stroke && end === "pointerup") endStroke(); else dropStroke();
  });
  on($.divider, "pointerdown", (event) => { event.preventDefault(); $.divider.focus(); $.divider.setPointerCapture(event.pointerId); });
  on($.divider, "pointermove", (event) => {
    if (!$.divider.hasPointerCapture(event.pointerId)) return;
    splitAt = clamp(local(event)[0] / $.stage.clientWidth, 0, 1);
    place();
  });
  on($.divider, "keydown", (event) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
    if (step) { splitAt = clamp(splitAt + step, 0, 1); place(); event.preventDefault(); event.stopPropagation(); }
  });
  function setPressed(value) { if (state?.image) { pressed = value; place(); } }
  for (const [type, value] of [["pointerdown", true], ["pointerup", false], ["pointerleave", false]]) on($.press, type, () => setPressed(value));
  const toggle = (button) => { const now = button.getAttribute("aria-pressed") !== "true"; button.setAttribute("aria-pressed", String(now)); return now; };

  // the ruler

  let asking = false, next = null;
  function measureAt([x, y], target) {
    const pixel = pixelAt([x, y]).map(Math.floor);
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
        const wide = 2 * found.radius, size = (wide * scale) / state.image.factor;
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
    brushAt = pixelAt([x, y]);
    $.ring.hidden = false;
    $.ring.style.width = $.ring.style.height = `${2 * radius() * scale}px`;
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
    forgetTools();
    await poll();
  }
  /** Draw values from 0 to 1, with one or three channels, at a part of a canvas. */
  function putValues(canvas, values, [x, y, width, height]) {
    const picture = new ImageData(width, height), { data } = picture, colours = values.length / (width * height) === 3;
    for (let j = 0, i = 0; j < data.length; j += 4, i += colours ? 3 : 1) {
      for (let c = 0; c < 3; c++) data[j + c] = 255 * values[colours ? i + c : i];
      data[j + 3] = 255;
    }
    canvas.getContext("2d").putImageData(picture, x, y);
  }
  on($.brush, "input", () => tell());

  // regions and few pixels: results are drawn over the image while their tab is open

  let jobs = 0, tab = "Bands", regions = null, thinned = null, ranks = null, fused = null, second = null;
  /** Start a computation besides the flow; null if another one takes its place. */
  async function run(op, args, files, title = "") {
    const mine = ++jobs;
    $.job.hidden = false;
    $.jobText.textContent = title;
    try {
      await ask(op, args, files);
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 120));
        if (mine !== jobs || gone.signal.aborted) return null;
        const [answer, buffers] = await ask("job");
        if (mine !== jobs || answer.status === "none") return null;
        if (answer.status === "done") return [answer, buffers];
        $.jobBar.classList.toggle("wait", answer.fraction === null);
        $.jobBar.firstElementChild.style.transform = `scaleX(${answer.fraction ?? 0})`;
      }
    } finally {
      if (mine === jobs) $.job.hidden = true;
    }
  }
  function forgetTools() {
    jobs++;
    regions = thinned = ranks = fused = second = null;
    $.job.hidden = $.fusion.hidden = $.regions.hidden = $.thin.hidden = $.over.hidden = true;
  }
  const splitTime = () => {
    const { limits } = state?.image ?? { limits: [0, 1] };
    return Number(((limits[1] - limits[0]) * 10 ** Number($.time.value)).toPrecision(2));
  };
  const textures = () => ({ own: gainOf(Number($.own.value)), other: gainOf(Number($.other.value)) });
  async function fuse() {
    if (!second) return;
    const found = await run("fuse", { name: second.name, time: splitTime() }, [second.data.slice(0)]);
    if (!found) return;
    const [answer, parts] = found;
    fused = parts.map((each) => fromHalf(new Uint16Array(each)));
    $.fusionText.textContent = `Texture of ${answer.name}`;
    $.fusion.hidden = false;
    drawOver();
    showFusedCode();
  }
  const showFusedCode = () => {
    if (fused && $.fusedDetails.open) quietly(ask("fused", textures()).then(([answer]) => { $.fusedCode.textContent = answer.python; }));
  };
  on($.fusedDetails, "toggle", showFusedCode);
  on($.secondChooser, "change", () => {
    const file = $.secondChooser.files[0];
    if (file) quietly(file.arrayBuffer().then((data) => { second = { name: file.name, data }; return fuse(); }));
    $.secondChooser.value = "";
  });
  let fuseTimer = 0;
  on($.time, "input", () => { clearTimeout(fuseTimer); fuseTimer = setTimeout(() => quietly(fuse()), 300); });
  const smoothness = () => Number((10 ** Number($.smooth.value)).toPrecision(2));
  const density = () => Number((10 ** Number($.density.value)).toPrecision(2));
  const percent = (share) => `${(100 * share).toFixed(share > 0.9995 && share < 1 ? 3 : 1)} %`;
  function tell() {
    $.classesText.textContent = $.classes.value;
    $.smoothText.textContent = String(smoothness());
    $.densityText.textContent = percent(density());
    $.brushText.textContent = `${shown(2 * radius())} px`;
    $.timeText.textContent = String(splitTime());
    const { own, other } = textures();
    $.ownText.textContent = own.toFixed(2);
    $.otherText.textContent = other.toFixed(2);
  }
  async function segment() {
    const count = Number($.classes.value);
    const found = await run("segment", { classes: count, smoothness: smoothness() });
    if (!found) return;
    const [answer, [labels, certain]] = found;
    regions = { count, labels: new Uint8Array(labels), certain: new Uint8Array(certain) };
    $.proven.textContent = answer.certain === 1 ? "All labels are proven" : `${percent(answer.certain)} of the labels are proven`;
    $.legend.textContent = "";
    const rows = answer.shares.map((share, k) => [classColour(k, count), k === 0 ? "darkest" : k === count - 1 ? "brightest" : `class ${k + 1}`, percent(share)]);
    if (answer.certain < 1) rows.push([null, "not proven", percent(1 - answer.certain)]);
    for (const [colour, name, share] of rows) {
      const row = document.createElement("li");
      row.innerHTML = "<i></i><span></span><span></span>";
      if (colour) row.firstChild.style.setProperty("--band", colour); else row.firstChild.className = "doubt";
      row.children[1].textContent = name;
      row.children[2].textContent = share;
      $.legend.append(row);
    }
    $.regionsCode.textContent = answer.python + (answer.command ? `\n# or, on the command line:\n# ${answer.command}\n` : "");
    $.regions.hidden = false;
    drawOver();
  }
  const classColour = (k, count) => COLOURS[Math.round((k * (COLOURS.length - 1)) / (count - 1))];
  let thinTimer = 0;
  async function thin() {
    clearTimeout(thinTimer);
    const found = await run("thin", { density: density() });
    if (!found) return;
    const [answer, [values, known]] = found;
    thinned = { values: fromHalf(new Uint16Array(values)), known: new Uint8Array(known), waiting: false };
    $.thinText.textContent = `${answer.kept.toLocaleString("en")} pixels` + (answer.psnr === null ? "" : `, PSNR ${answer.psnr.toFixed(1)} dB`);
    $.thinNote.textContent = answer.ranked ? "The best pixels, chosen by echoes." : "Choosing better pixels in the background…";
    $.thinCode.textContent = answer.python;
    $.thin.hidden = false;
    drawOver();
    if (!ranks) quietly(rank());
  }
  /** Fetch the ranks of all pixels, which give the pixels to keep for any share. */
  async function rank() {
    if (ranks) return;
    const mine = (ranks = []), { number } = state;
    for (;;) {
      const [answer, buffers] = await ask("rank");
      if (ranks !== mine || number !== state.number || gone.signal.aborted) return;
      if (answer.status === "done") { ranks = new Int32Array(buffers[0]); break; }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    if (tab === "Few pixels") await thin();
  }
  on($.density, "input", () => {
    if (!state?.image) return;
    clearTimeout(thinTimer);
    thinTimer = setTimeout(() => quietly(thin()), 250);
    if (!thinned || !ranks?.length) return;
    const count = Math.max(1, Math.round(density() * ranks.length));
    Object.assign(thinned, { known: ranks.map((each) => each < count), waiting: true });
    $.thinText.textContent = `${count.toLocaleString("en")} pixels`;
    drawSoon();
  });
  function drawOver() {
    const shown = { Regions: regions, "Few pixels": thinned, Fuse: fused }[tab];
    $.over.hidden = !shown && !canPaint();
    if (canPaint() && !mending) { copySource($.over); paint(); if (!same(mended, settled)) quietly(mend(true)); }
    if (!shown) return;
    const { width, height, channels } = state.image, picture = new ImageData(width, height), { data } = picture;
    if (tab === "Regions") {
      const { labels, certain, count } = shown;
      const colours = [...Array(count).keys()].map((k) => [1, 3, 5].map((at) => parseInt(classColour(k, count).slice(at, at + 2), 16)));
      const wide = Math.max(Math.round(Math.min(width, height) / 160), 3); // of the hatching
      for (let y = 0, i = 0, j = 0; y < height; y++) for (let x = 0; x < width; x++, i++, j += 4) {
        const label = labels[i];
        const contour = (x + 1 < width && labels[i + 1] !== label) || (y + 1 < height && labels[i + width] !== label);
        const hatch = !certain[i] && (x + y) % (2 * wide) < wide;
        [data[j], data[j + 1], data[j + 2]] = contour || hatch ? [255, 255, 255] : colours[label];
        data[j + 3] = contour ? 255 : hatch ? 225 : certain[i] ? 105 : 170;
      }
    } else if (tab === "Fuse") {
      const [structure, texture, extra] = shown, { own, other } = textures();
      for (let i = 0, j = 0; j < data.length; j += 4, i += channels) {
        for (let c = 0; c < 3; c++) {
          const at = channels === 3 ? i + c : i;
          data[j + c] = 255 * (structure[at] + own * texture[at] + other * extra[at]);
        }
        data[j + 3] = 255;
      }
    } else {
      const { values, known } = shown, only = $.onlyKept.checked || shown.waiting;
      for (let i = 0, j = 0; i < known.length; i++, j += 4) {
        for (let c = 0; c < 3; c++) data[j + c] = only && !known[i] ? 12 : 255 * values[channels === 3 ? 3 * i + c : i];
        data[j + 3] = 255;
      }
    }
    Object.assign($.over, { width, height });
    $.over.getContext("2d").putImageData(picture, 0, 0);
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
    if (before === "Repair" && tab !== "Repair") quietly(settle().then(openFew)); else openFew();
    describe();
    drawOver();
  }
  const openFew = () => { if (tab === "Few pixels" && state?.image?.factor === 1 && !thinned) quietly(thin()); };
  [...$.tabs.children].forEach((each, k) => on(each, "click", () => openTab(k)));
  on($.tabs, "keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: TABS.length - 1 }[event.key];
    if (!step) return;
    const k = (TABS.indexOf(tab) + step) % TABS.length;
    openTab(k);
    $.tabs.children[k].focus();
    event.stopPropagation();
  });
  for (const name of ["classes", "smooth", "density", "time", "own", "other"]) on($[name], "input", tell);
  let drawing = 0;
  function drawSoon() { drawing ||= requestAnimationFrame(() => { drawing = 0; drawOver(); }); }
  for (const name of ["own", "other"]) {
    on($[name], "input", drawSoon);
    on($[name], "change", showFusedCode);
  }
  on($.onlyKept, "change", drawOver);
  tell();

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
    const made = await (large ? run("export", recipe(), [], "Export at full size") : ask("export", recipe()));
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
    split: () => { toggle($.split); place(); },
    measure: () => { toggle($.measure); $.ruler.hidden = $.ring.hidden = true; },
    theme: () => setTheme(!app.classList.contains("light")),
    help: () => $.helpBox.showModal(), helpClose: () => $.helpBox.close(),
    open: () => $.chooser.click(), choose: () => $.chooser.click(),
    export: () => quietly(showExport()), exportClose: () => $.exportBox.close(), download: () => quietly(download()),
    segment: () => quietly(segment()), second: () => $.secondChooser.click(), fusedDownload: () => quietly(ask("fused", textures()).then(save)),
    jobStop: () => { if (tab === "Fuse" || tab === "Bands") { jobs++; $.job.hidden = true; } quietly(ask("stop")); },
    mendNone: () => change({ ...settings, strokes: [] }), mask: () => quietly(ask("mask").then(save)),
    toastClose: () => { $.toast.hidden = true; },
    zoomIn: () => zoomBy(1.25), zoomOut: () => zoomBy(0.8), fit: () => state?.image && fit(),
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
    if (canPaint() && (key === "[" || key === "]")) { $.brush.value = String(Number($.brush.value) + (key === "]" ? 0.1 : -0.1)); tell(); if (brushAt) moveBrush(event, [0, 0]); return; }
    const move = { arrowleft: [60, 0], arrowright: [-60, 0], arrowup: [0, 60], arrowdown: [0, -60] }[key];
    if (move && root.activeElement === $.stage) { offset = [offset[0] + move[0], offset[1] + move[1]]; fitted = false; place(); event.preventDefault(); return; }
    if (key === "b") return setPressed(true);
    if (key === "1") return zoomBy(1 / devicePixelRatio / scale);
    if (KEYS[key] && !$[KEYS[key]].disabled) { event.preventDefault(); actions[KEYS[key]](); }
  });
  function moveBrush(event, steps) {
    event.preventDefault();
    const { width, height } = state.image, from = brushAt ?? [width / 2, height / 2];
    const to = steps ? from.map((each, k) => clamp(each + steps[k] * Math.max(radius(), 1 / scale), 0, [width, height][k])) : from;
    if (!steps || (event.shiftKey && steps.some(Boolean))) { beginStroke(from); extendStroke(to); endStroke(); }
    showBrush(to.map((each, k) => each * scale + offset[k]));
  }
  on(keys ?? app, "keyup", (event) => { if (event.key.toLowerCase() === "b") setPressed(false); });
  const sizes = new ResizeObserver(() => { if (state?.image && !$.view.hidden) fitted ? fit() : place(); });
  sizes.observe($.stage);
  const widths = new ResizeObserver(() => drawSpectrum());
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
