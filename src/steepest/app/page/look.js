// Names, colours, presets and icons. The panel itself is panel.html, and its style style.css.

const COLOURS = ["#ff7d5c", "#f5a742", "#d3c545", "#63c682", "#3fb6c9", "#5c93f2"];
const LARGE_COLOURS = ["#7c86f5", "#8f7df2", "#a873e8"], BASE_COLOUR = "#9a86ee";
const NAMES = [
  [], ["structures"], ["texture", "shapes"], ["grain", "texture", "shapes"],
  ["grain", "texture", "parts", "shapes"], ["grain", "fine texture", "texture", "parts", "shapes"],
  ["grain", "fine texture", "texture", "details", "parts", "shapes"],
];
const LARGE_NAMES = [[], ["large"], ["large", "largest"], ["large", "larger", "largest"]];
/** Gains from fine (0) to coarse (1); the gain of the base is 1. */
const PRESETS = {
  Original: [],
  Denoise: [[0, 0], [0.2, 0.55], [0.4, 0.95], [1, 1]],
  "Remove texture": [[0, 0.9], [0.2, 0.1], [0.45, 0.25], [0.7, 0.9], [1, 1]],
  Enhance: [[0, 1], [0.2, 1.7], [0.5, 1.9], [0.8, 1.3], [1, 1]],
  Cartoon: [[0, 0], [0.45, 0], [0.65, 0.7], [1, 1.25]],
  "Flatten light": [[0, 1], [0.4, 1.15], [0.7, 0.7], [1, 0.15]],
};
const MOST_BANDS = 12, LARGEST_GAIN = 10;
const ENERGIES = {
  tv: ["total variation", "Flat areas and sharp edges: drawings, cells, documents."],
  tgv: ["total generalised variation", "Keeps slopes as well as edges: photographs. Takes longer."],
  tv2: ["second-order total variation", "Smooth slopes, and softer edges."],
  combined: ["first and second order", "Between the first and the third."],
  crofton: ["total variation, eight directions", "As the first, and the same in all directions. Takes longer."],
  model: ["patches of a good image", "Learns what small patches look like from a sharp image without noise, of the same kind and magnification, or takes a model of “steepest patches fit”."],
};
const FORMATS = { "as opened": "lossless", ".png": "PNG", ".tif": "TIFF", ".jpg": "JPEG", ".webp": "WebP" };

const ICONS = {
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3", redo: "m15 14 5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  split: "M12 3v18M4 6h5v12H4zM15 6h5v12h-5z", eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12Zm10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  ruler: "m3 16 13-13 5 5L8 21zM7 12l2 2M10 9l2 2M13 6l2 2", theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9Z",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm-2.5-11a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 17h.01", plus: "M12 5v14M5 12h14", minus: "M5 12h14", close: "m6 6 12 12M18 6 6 18",
};

/** Build the panel in a shadow root, and return its parts by their names, and its tabs. */
function buildPanel(root) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  root.innerHTML = PANEL;
  for (const each of root.querySelectorAll("[data-icon]")) each.innerHTML = `<svg class="i" viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[each.dataset.icon]}"/></svg>`;
  root.querySelector("[data-logo]").innerHTML = LOGO;
  for (const each of root.querySelectorAll("[data-formats]")) for (const [value, name] of Object.entries(FORMATS)) each.append(new Option(name, value));
  /** @type {Record<string, any>} */
  const $ = Object.fromEntries([...root.querySelectorAll("[data-r]")].map((each) => [each.dataset.r, each]));
  for (const [value, [name]] of Object.entries(ENERGIES)) $.energy.append(new Option(name, value));
  $.art.innerHTML = `<svg viewBox="0 0 190 84"><g stroke-width="5" stroke-linecap="round">${COLOURS.map((colour, k) =>
    `<path d="M${20 + 30 * k} 6v72" stroke="${colour}" stroke-opacity=".22"/><path d="M${12 + 30 * k} ${[52, 30, 20, 38, 46, 28][k]}h16" stroke="${colour}" stroke-width="9"/>`).join("")}</g></svg>`;
  const panes = [...root.querySelectorAll("[data-pane]")];
  panes.forEach((pane, k) => {
    const tab = document.createElement("button");
    Object.assign(tab, { id: `tab-${k}`, textContent: pane.dataset.pane, tabIndex: k ? -1 : 0, role: "tab" });
    Object.assign(pane, { id: `pane-${k}`, hidden: k > 0, role: "tabpanel" });
    tab.setAttribute("aria-controls", pane.id);
    tab.setAttribute("aria-selected", String(k === 0));
    pane.setAttribute("aria-labelledby", tab.id);
    $.tabs.append(tab);
  });
  return { $, panes };
}

/** Whether a button is pressed after it has changed. */
const toggle = (button) => { const now = button.getAttribute("aria-pressed") !== "true"; button.setAttribute("aria-pressed", String(now)); return now; };
