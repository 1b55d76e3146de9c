// The tools besides bands and repair: computations in Python, and pictures of their results.

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
 * A tool has the `box` of its results in the panel, says whether it `has` some, forgets them, and
 * draws them over the image.
 * @param {any} app see `createEqualiser`
 */
function createTools(app) {
  const { $, on, quietly, ask, gone } = app, image = () => app.state?.image;
  let jobs = 0, drawing = 0, made = ""; // the tab whose image Python holds
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

  /** Start a computation besides the flow; null if another one takes its place. */
  async function run(op, args, files, title = "") {
    const mine = ++jobs, { tab } = app;
    $.job.hidden = false;
    $.jobText.textContent = title || tab;
    try {
      await ask(op, args, files);
      for (;;) {
        await pause(120);
        if (mine !== jobs || gone.aborted) return null;
        const [answer, buffers] = await ask("job");
        if (mine !== jobs || answer.status === "none") return null;
        if (answer.status === "done") { made = tab; return [answer, buffers]; }
        $.jobBar.classList.toggle("wait", answer.fraction === null);
        $.jobBar.firstElementChild.style.transform = `scaleX(${answer.fraction ?? 0})`;
      }
    } finally {
      if (mine === jobs) $.job.hidden = true;
    }
  }
  function stop() {
    if (!["Regions", "Few pixels"].includes(app.tab)) { jobs++; $.job.hidden = true; } // what comes then is of no use
    quietly(ask("stop"));
  }
  /** Download the image that a tool has made; compute it again if another one came after it. */
  async function download(tab, again, args = {}) {
    if (made !== tab) await again();
    const { value: format } = tools[tab].box.querySelector("[data-formats]");
    app.save(await ask("made", { ...args, format }));
  }
  const host = {
    run: (...given) => quietly(run(...given)), image, scale: () => app.view.scale, save: app.save, download,
    redraw: () => { drawing ||= requestAnimationFrame(() => { drawing = 0; app.drawOver(); }); },
    shown: () => { const tool = tools[app.tab]; if (tool) tool.box.hidden = false; app.drawOver(); },
  };
  const tools = {
    Denoise: denoiseTool($, on, app, host), Objects: objectsTool($, on, host), Regions: regionsTool($, on, host),
    Fuse: fuseTool($, on, app, host), "Few pixels": fewTool($, on, app, host, pause),
  };
  on($.jobStop, "click", stop);
  return {
    run,
    /** Another image: no result holds any more. */
    forget() {
      jobs++;
      made = "";
      for (const tool of Object.values(tools)) { tool.forget(); tool.box.hidden = true; }
      $.job.hidden = $.over.hidden = true;
    },
    /** Draw the result of the tab that is open over the image; false if it has none. */
    draw() {
      const tool = tools[app.tab];
      if (!tool?.has() || !image()) return false;
      const { width, height } = image();
      Object.assign($.over, { width, height });
      tool.draw($.over, image());
      return true;
    },
    opened() { tools[app.tab]?.opened?.(); },
  };
}

/** Denoising by an energy, or by patches of a good image. */
function denoiseTool($, on, { quietly }, { run, shown: show, image, download }) {
  let values = null, last = null;
  const model = () => $.energy.value === "model";
  const amount = () => Number((2 ** Number($.amount.value)).toPrecision(2));
  async function start(op, args, files) {
    last = () => start(op, args, files);
    const found = await run(op, args, files?.map((each) => each.slice(0)), op === "learn" ? "Learning" : "");
    if (!found) return;
    const [answer, [data]] = found, { dtype, limits: [low, high] } = image();
    values = fromHalf(new Uint16Array(data));
    const grey = dtype === "uint8" ? `, ${(255 * answer.noise).toFixed(1)} of 255 grey values` : "";
    $.denoisedText.textContent = answer.noise ? `Noise: ${percent(answer.noise / (high - low))} of the range${grey}` : "No noise was found";
    $.denoisedCode.textContent = codeOf(answer);
    show();
  }
  function showNumbers() {
    $.amountText.textContent = amount() === 1 ? "automatic" : `${amount()} × automatic`;
    $.energyHint.textContent = ENERGIES[$.energy.value][1];
    $.good.hidden = !model();
    $.denoise.hidden = $.amount.parentElement.hidden = model();
  }
  on($.energy, "change", showNumbers);
  on($.amount, "input", showNumbers);
  on($.denoise, "click", () => start("denoise", { energy: $.energy.value, amount: amount() }));
  on($.good, "click", () => $.goodChooser.click());
  on($.goodChooser, "change", () => {
    const file = $.goodChooser.files[0];
    if (file) quietly(file.arrayBuffer().then((data) => start("learn", { name: file.name }, [data])));
    $.goodChooser.value = "";
  });
  on($.denoisedDownload, "click", () => quietly(download("Denoise", () => last())));
  showNumbers();
  return {
    box: $.denoised, has: () => values, forget: () => { values = null; },
    draw: (canvas, { width, height }) => putValues(canvas, values, [0, 0, width, height]),
  };
}

/** The texture of another image on this one. */
function fuseTool($, on, { quietly, ask }, { run, shown: show, redraw, image, download }) {
  let fused = null, second = null, timer = 0;
  const splitTime = () => {
    const { limits } = image() ?? { limits: [0, 1] };
    return Number(((limits[1] - limits[0]) * 10 ** Number($.time.value)).toPrecision(2));
  };
  const gains = () => ({ own: gainOf(Number($.own.value)), other: gainOf(Number($.other.value)) });
  async function start() {
    if (!second) return;
    const found = await run("fuse", { name: second.name, time: splitTime() }, [second.data.slice(0)]);
    if (!found) return;
    const [answer, parts] = found, { size } = image();
    fused = parts.map((each) => fromHalf(new Uint16Array(each)));
    $.fusionText.textContent = `Texture of ${answer.name}`;
    $.resized.hidden = !answer.resized;
    if (answer.resized) $.resized.textContent = `${answer.name} has ${answer.resized.join(" × ")} pixels. It was cropped and resized to ${size.join(" × ")}, which changes the size of its texture.`;
    show();
    showCode();
  }
  function showCode() {
    if (fused && $.fusedDetails.open) quietly(ask("made", { ...gains(), code: true }).then(([answer]) => { $.fusedCode.textContent = answer.python; }));
  }
  function showNumbers() {
    $.timeText.textContent = String(splitTime());
    for (const [name, gain] of Object.entries(gains())) $[`${name}Text`].textContent = gain.toFixed(2);
  }
  on($.second, "click", () => $.secondChooser.click());
  on($.secondChooser, "change", () => {
    const file = $.secondChooser.files[0];
    if (file) quietly(file.arrayBuffer().then((data) => { second = { name: file.name, data }; return start(); }));
    $.secondChooser.value = "";
  });
  on($.time, "input", () => { showNumbers(); clearTimeout(timer); timer = setTimeout(start, 300); });
  for (const name of ["own", "other"]) {
    on($[name], "input", () => { showNumbers(); redraw(); });
    on($[name], "change", showCode);
  }
  on($.fusedDetails, "toggle", showCode);
  on($.fusedDownload, "click", () => quietly(download("Fuse", start, gains())));
  showNumbers();
  return {
    box: $.fusion, has: () => fused, forget: () => { fused = second = null; },
    draw(canvas, { width, height }) {
      const [structure, texture, extra] = fused, { own, other } = gains();
      putValues(canvas, structure.map((value, i) => value + own * texture[i] + other * extra[i]), [0, 0, width, height]);
    },
  };
}

/** An image from a few of its pixels. */
function fewTool($, on, app, { run, shown: show, redraw, image }, pause) {
  const { quietly, ask, gone } = app;
  let thinned = null, ranks = null, timer = 0;
  const density = () => Number((10 ** Number($.density.value)).toPrecision(2));
  async function start() {
    clearTimeout(timer);
    const found = await run("thin", { density: density() });
    if (!found) return;
    const [answer, [values, known]] = found;
    thinned = { values: fromHalf(new Uint16Array(values)), known: new Uint8Array(known), waiting: false };
    $.thinText.textContent = `${answer.kept.toLocaleString("en")} pixels` + (answer.psnr === null ? "" : `, PSNR ${answer.psnr.toFixed(1)} dB`);
    $.thinNote.textContent = answer.ranked ? "The best pixels, chosen by echoes." : "Choosing better pixels in the background…";
    $.thinCode.textContent = codeOf(answer);
    show();
    if (!ranks) quietly(rank());
  }
  /** Fetch the ranks of all pixels, which give the pixels to keep for any share. */
  async function rank() {
    const mine = (ranks = []), { number } = app.state;
    for (;;) {
      const [answer, buffers] = await ask("rank");
      if (ranks !== mine || number !== app.state.number || gone.aborted) return;
      if (answer.status === "done") { ranks = new Int32Array(buffers[0]); break; }
      await pause(500);
    }
    if (app.tab === "Few pixels") await start();
  }
  function shownValues({ channels }) {
    const { values, known, waiting } = thinned;
    if (!waiting && !$.onlyKept.checked) return values;
    return values.map((value, i) => (known[Math.floor(i / channels)] ? value : 12 / 255));
  }
  const showNumbers = () => { $.densityText.textContent = percent(density()); };
  on($.density, "input", () => {
    showNumbers();
    if (!image()) return;
    clearTimeout(timer);
    timer = setTimeout(start, 250);
    if (!thinned || !ranks?.length) return;
    const count = Math.max(1, Math.round(density() * ranks.length));
    Object.assign(thinned, { known: ranks.map((each) => each < count), waiting: true });
    $.thinText.textContent = `${count.toLocaleString("en")} pixels`;
    redraw();
  });
  on($.onlyKept, "change", redraw);
  showNumbers();
  return {
    box: $.thin, has: () => thinned, forget: () => { thinned = ranks = null; },
    draw: (canvas, now) => putValues(canvas, shownValues(now), [0, 0, now.width, now.height]),
    opened: () => { if (image()?.factor === 1 && !thinned) start(); },
  };
}
