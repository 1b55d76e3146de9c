// Regions and objects: labels that are drawn over the image.

const percent = (share) => `${(100 * share).toFixed(share > 0.9995 && share < 1 ? 3 : 1)} %`;
const classColour = (k, count) => COLOURS[Math.round((k * (COLOURS.length - 1)) / (count - 1))];
const BRIGHT = [255, 92, 74], DARK = [79, 170, 255]; // outlines of objects
const MOST_LISTED = 500;

/** The tool that divides the image into classes. @param {any} tools see `createTools` */
function regionsTool($, on, { run, shown: show }) {
  let regions = null;
  const smoothness = () => Number((10 ** Number($.smooth.value)).toPrecision(2));
  async function start() {
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
    $.regionsCode.textContent = codeOf(answer);
    show();
  }
  /** Colours of the classes, with contours, and hatched where labels are not proven. */
  function draw(canvas, { width, height }) {
    const { labels, certain, count } = regions, picture = new ImageData(width, height), { data } = picture;
    const colours = [...Array(count).keys()].map((k) => [1, 3, 5].map((at) => parseInt(classColour(k, count).slice(at, at + 2), 16)));
    const wide = Math.max(Math.round(Math.min(width, height) / 160), 3); // of the hatching
    for (let y = 0, i = 0, j = 0; y < height; y++) for (let x = 0; x < width; x++, i++, j += 4) {
      const label = labels[i];
      const contour = (x + 1 < width && labels[i + 1] !== label) || (y + 1 < height && labels[i + width] !== label);
      const hatch = !certain[i] && (x + y) % (2 * wide) < wide;
      [data[j], data[j + 1], data[j + 2]] = contour || hatch ? [255, 255, 255] : colours[label];
      data[j + 3] = contour ? 255 : hatch ? 225 : certain[i] ? 105 : 170;
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }
  const showNumbers = () => { $.classesText.textContent = $.classes.value; $.smoothText.textContent = String(smoothness()); };
  for (const name of ["classes", "smooth"]) on($[name], "input", showNumbers);
  on($.segment, "click", start);
  showNumbers();
  return { box: $.regions, has: () => regions, forget: () => { regions = null; }, draw };
}

/** The tool that finds and lists objects. */
function objectsTool($, on, { run, shown: show, redraw, save, image, scale }) {
  let found = null, chosen = 0;
  async function start() {
    const made = await run("objects", { min_score: Number($.score.value), polarity: $.polarity.value });
    if (!made) return;
    const [answer, [labels]] = made, { rows, columns } = answer;
    found = { labels: new Int32Array(labels), rows, columns };
    chosen = 0;
    $.foundText.textContent = rows.length ? `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "object" : "objects"}` : "No objects";
    $.rows.textContent = "";
    for (const [number, , diameter, contrast, score] of rows.slice(0, MOST_LISTED)) {
      const row = $.rows.insertRow();
      row.tabIndex = 0;
      row.dataset.number = number;
      for (const text of [number, diameter.toFixed(1), contrast.toFixed(2), score.toFixed(0)]) row.insertCell().textContent = text;
    }
    $.foundDownload.hidden = !rows.length;
    $.foundCode.textContent = codeOf(answer);
    show();
  }
  /** Outlines and numbers as wide and large as the screen needs; bright objects are red, dark ones blue. */
  function draw(canvas, { width, height }) {
    const { labels, rows } = found, picture = new ImageData(width, height), { data } = picture;
    const colours = [null, ...rows.map((row) => (row[3] > 0 ? BRIGHT : DARK))];
    const wide = Math.max(1, Math.round(1.4 / scale()));
    for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) {
      const label = labels[i];
      if (!label) continue;
      const inside = x >= wide && y >= wide && x + wide < width && y + wide < height && labels[i - wide] === label
        && labels[i + wide] === label && labels[i - wide * width] === label && labels[i + wide * width] === label;
      if (inside && label !== chosen) continue;
      [data[4 * i], data[4 * i + 1], data[4 * i + 2]] = colours[label];
      data[4 * i + 3] = inside ? 90 : 255;
    }
    const context = canvas.getContext("2d"), size = 13 / scale();
    context.putImageData(picture, 0, 0);
    Object.assign(context, { font: `600 ${size}px sans-serif`, textAlign: "center", textBaseline: "middle", lineWidth: size / 5, strokeStyle: "#000b", fillStyle: "#fff" });
    for (const [number, , diameter, , , y, x] of rows) if (diameter > 1.3 * size || number === chosen) {
      context.strokeText(number, x + 0.5, y + 0.5);
      context.fillText(number, x + 0.5, y + 0.5);
    }
  }
  function choose(event) {
    const row = event.target.closest("tr");
    if (!found || !row) return;
    chosen = Number(row.dataset.number);
    for (const each of $.rows.rows) each.classList.toggle("chosen", each === row);
    redraw();
  }
  for (const type of ["click", "focusin"]) on($.rows, type, choose);
  on($.foundDownload, "click", () => {
    const lines = [found.columns, ...found.rows].map((row) => row.map((each) => (typeof each === "number" ? Number(each.toPrecision(6)) : each)).join(","));
    const stem = image().result.replace(/_equalised\.\w+$/, "");
    save([{ name: `${stem}_objects.csv` }, [`${lines.join("\n")}\n`]]);
  });
  on($.score, "input", () => { $.scoreText.textContent = $.score.value; });
  $.scoreText.textContent = $.score.value;
  on($.objects, "click", start);
  return { box: $.found, has: () => found, forget: () => { found = null; }, draw };
}
