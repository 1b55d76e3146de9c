// Regions, few pixels and fused images: computations besides the flow, and pictures of their results.

const percent = (share) => `${(100 * share).toFixed(share > 0.9995 && share < 1 ? 3 : 1)} %`;
const classColour = (k, count) => COLOURS[Math.round((k * (COLOURS.length - 1)) / (count - 1))];
const codeOf = ({ python, command }) => python + (command ? `\n# or, on the command line:\n# ${command}\n` : "");

/** Draw values from 0 to 1, with one or three channels, at a part of a canvas. */
function putValues(canvas, values, [x, y, width, height]) {
  const picture = new ImageData(width, height), { data } = picture, colours = values.length / (width * height) === 3;
  for (let j = 0, i = 0; j < data.length; j += 4, i += colours ? 3 : 1) {
    for (let c = 0; c < 3; c++) data[j + c] = 255 * values[colours ? i + c : i];
    data[j + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, x, y);
}

/**
 * @param {{ask: Function, quietly: Function, image: () => any, number: () => number, tab: () => string,
 *   draw: () => void, gone: AbortSignal}} host `draw` draws what is over the image again
 */
function createTools($, on, { ask, quietly, image, number, tab, draw, gone }) {
  let jobs = 0, regions = null, thinned = null, ranks = null, fused = null, second = null, learned = null;
  let fuseTimer = 0, thinTimer = 0, drawing = 0;
  const drawSoon = () => { drawing ||= requestAnimationFrame(() => { drawing = 0; draw(); }); };
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

  /** Start a computation besides the flow; null if another one takes its place. */
  async function run(op, args, files, title = "") {
    const mine = ++jobs;
    $.job.hidden = false;
    $.jobText.textContent = title;
    try {
      await ask(op, args, files);
      for (;;) {
        await pause(120);
        if (mine !== jobs || gone.aborted) return null;
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
  function stop() {
    if (["Fuse", "Bands", "Learn"].includes(tab())) { jobs++; $.job.hidden = true; } // what comes then is of no use
    quietly(ask("stop"));
  }
  /** Another image: no result holds any more. */
  function forget() {
    jobs++;
    regions = thinned = ranks = fused = second = learned = null;
    $.job.hidden = $.learned.hidden = $.fusion.hidden = $.regions.hidden = $.thin.hidden = $.over.hidden = true;
  }

  // fused images

  const splitTime = () => {
    const { limits } = image() ?? { limits: [0, 1] };
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
    draw();
    showFusedCode();
  }
  const showFusedCode = () => {
    if (fused && $.fusedDetails.open) quietly(ask("fused", textures()).then(([answer]) => { $.fusedCode.textContent = answer.python; }));
  };
  function fusedValues() {
    const [structure, texture, extra] = fused, { own, other } = textures();
    return structure.map((value, i) => value + own * texture[i] + other * extra[i]);
  }
  on($.fusedDetails, "toggle", showFusedCode);
  on($.secondChooser, "change", () => {
    const file = $.secondChooser.files[0];
    if (file) quietly(file.arrayBuffer().then((data) => { second = { name: file.name, data }; return fuse(); }));
    $.secondChooser.value = "";
  });
  on($.time, "input", () => { clearTimeout(fuseTimer); fuseTimer = setTimeout(() => quietly(fuse()), 300); });
  for (const name of ["own", "other"]) {
    on($[name], "input", drawSoon);
    on($[name], "change", showFusedCode);
  }

  // regions

  const smoothness = () => Number((10 ** Number($.smooth.value)).toPrecision(2));
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
    $.regionsCode.textContent = codeOf(answer);
    $.regions.hidden = false;
    draw();
  }
  /** Colours of the classes, with contours, and hatched where labels are not proven. */
  function drawRegions({ width, height }) {
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
    $.over.getContext("2d").putImageData(picture, 0, 0);
  }

  // few pixels

  const density = () => Number((10 ** Number($.density.value)).toPrecision(2));
  async function thin() {
    clearTimeout(thinTimer);
    const found = await run("thin", { density: density() });
    if (!found) return;
    const [answer, [values, known]] = found;
    thinned = { values: fromHalf(new Uint16Array(values)), known: new Uint8Array(known), waiting: false };
    $.thinText.textContent = `${answer.kept.toLocaleString("en")} pixels` + (answer.psnr === null ? "" : `, PSNR ${answer.psnr.toFixed(1)} dB`);
    $.thinNote.textContent = answer.ranked ? "The best pixels, chosen by echoes." : "Choosing better pixels in the background…";
    $.thinCode.textContent = codeOf(answer);
    $.thin.hidden = false;
    draw();
    if (!ranks) quietly(rank());
  }
  /** Fetch the ranks of all pixels, which give the pixels to keep for any share. */
  async function rank() {
    const mine = (ranks = []), of = number();
    for (;;) {
      const [answer, buffers] = await ask("rank");
      if (ranks !== mine || of !== number() || gone.aborted) return;
      if (answer.status === "done") { ranks = new Int32Array(buffers[0]); break; }
      await pause(500);
    }
    if (tab() === "Few pixels") await thin();
  }
  function thinnedValues({ channels }) {
    const { values, known, waiting } = thinned;
    if (!waiting && !$.onlyKept.checked) return values;
    return values.map((value, i) => (known[Math.floor(i / channels)] ? value : 12 / 255));
  }
  on($.density, "input", () => {
    if (!image()) return;
    clearTimeout(thinTimer);
    thinTimer = setTimeout(() => quietly(thin()), 250);
    if (!thinned || !ranks?.length) return;
    const count = Math.max(1, Math.round(density() * ranks.length));
    Object.assign(thinned, { known: ranks.map((each) => each < count), waiting: true });
    $.thinText.textContent = `${count.toLocaleString("en")} pixels`;
    drawSoon();
  });
  on($.onlyKept, "change", draw);

  // denoised by a model

  async function learn(file) {
    const found = await run("learn", { name: file.name }, [await file.arrayBuffer()], "Learning");
    if (!found) return;
    const [answer, [values, data]] = found;
    learned = { values: fromHalf(new Uint16Array(values)), made: [answer, [data]] };
    $.learnedText.textContent = answer.noise ? `Removed noise of standard deviation ${answer.noise.toPrecision(2)}` : "No noise was found";
    $.learnedCode.textContent = codeOf(answer);
    $.learned.hidden = false;
    draw();
  }
  on($.goodChooser, "change", () => {
    const file = $.goodChooser.files[0];
    if (file) quietly(learn(file));
    $.goodChooser.value = "";
  });

  /** Draw the result of the tab that is open over the image; false if it has none. */
  function drawResult() {
    if (!{ Regions: regions, "Few pixels": thinned, Fuse: fused, Learn: learned }[tab()]) return false;
    const { width, height } = image();
    Object.assign($.over, { width, height });
    if (tab() === "Regions") drawRegions(image());
    else putValues($.over, tab() === "Fuse" ? fusedValues() : tab() === "Learn" ? learned.values : thinnedValues(image()), [0, 0, width, height]);
    return true;
  }
  /** Show the positions of the sliders in numbers. */
  function showNumbers() {
    $.classesText.textContent = $.classes.value;
    $.smoothText.textContent = String(smoothness());
    $.densityText.textContent = percent(density());
    $.timeText.textContent = String(splitTime());
    for (const [name, gain] of Object.entries(textures())) $[`${name}Text`].textContent = gain.toFixed(2);
  }
  for (const name of ["classes", "smooth", "density", "time", "own", "other"]) on($[name], "input", showNumbers);
  showNumbers();

  return {
    run, stop, forget, segment, textures, drawResult, learned: () => learned.made,
    openFew: () => { if (tab() === "Few pixels" && image()?.factor === 1 && !thinned) quietly(thin()); },
  };
}
