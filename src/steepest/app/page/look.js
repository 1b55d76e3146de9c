// What the equaliser looks like: colours, presets, style sheet, icons, and the HTML of its panel.

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
const TABS = ["Bands", "Repair", "Regions", "Few pixels", "Fuse", "Learn"];
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
.tabs { display: flex; gap: 1px; background: var(--bg); border-radius: 10px; padding: 3px; }
.tabs button { flex: auto; border: 0; background: none; color: var(--soft); min-height: 32px; padding: 4px 0; font-size: 13px; white-space: nowrap; }
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
    <div class="pane" id="pane-5" role="tabpanel" aria-labelledby="tab-5" hidden>
      <p>Learns from a sharp image without noise, of the same kind and magnification, what small patches look like, and denoises this one. A model of <em>steepest patches fit</em> does the same at once.</p>
      <button class="primary" data-r="good">Choose a good image or a model…</button>
      <input type="file" hidden data-r="goodChooser" accept=".stpm,.png,.jpg,.jpeg,.tif,.tiff,.bmp,.npy" aria-label="Good image or model">
      <div class="result" data-r="learned" hidden><strong data-r="learnedText" aria-live="polite"></strong>
        <button data-r="learnedDownload">Download this image</button>
        <details><summary>Code and command</summary><pre data-r="learnedCode" tabindex="0"></pre></details></div>
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
