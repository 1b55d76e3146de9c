// What comes in and goes out: the start page, opening, the export dialog, and messages.

/** Messages end by themselves, the later the longer they are, unless the pointer is on them. */
function createToast($, on) {
  let timer = 0, time = 0;
  const hide = () => { clearTimeout(timer); $.toast.hidden = true; };
  const wait = () => { clearTimeout(timer); timer = setTimeout(hide, time); };
  function say(text) {
    const plain = text.trim().replace(/\s+/g, " ");
    $.toastText.textContent = /^[a-z]+ /.test(plain) ? plain[0].toUpperCase() + plain.slice(1) : plain; // but no file names
    $.toast.hidden = false;
    time = clamp(60 * plain.length, 5000, 15000);
    wait();
  }
  on($.toast, "pointerenter", () => clearTimeout(timer));
  on($.toast, "pointerleave", wait);
  on($.toastClose, "click", hide);
  return { say, hide };
}

/** Size, depth and colours in words. */
function whatOf({ size, dtype, channels, alpha }) {
  const kind = { uint8: "8-bit", uint16: "16-bit" }[dtype] ?? "float";
  return `${size.join(" × ")}, ${kind} ${channels === 1 ? "grey" : "RGB"}${alpha ? " with alpha" : ""}`;
}
const SAMPLE_NAMES = { coffee: "coffee", camera: "cameraman", "noisy-camera": "in dim light" };

function createFiles(app) {
  const { $, on, quietly, ask } = app;
  let opening = ""; // the name of a file that Python is reading
  let expected = false; // whether a thumbnail is to be shown
  let offered = null; // the number of the image that the export dialog is about

  function save([answer, [data]]) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data]));
    link.download = answer.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // open

  async function bring(name, picture, request) {
    const before = app.state?.number;
    app.hush();
    closeExport();
    opening = name;
    showThumb(picture);
    app.describe();
    try {
      await request();
    } finally {
      opening = "";
      app.describe();
      await app.poll();
      if (app.state.number === before) { // it could not be read
        showThumb(null);
        $.view.hidden = !app.drawn;
        app.describe();
      }
    }
  }
  const open = (file) => file && quietly(bring(file.name || "image", file, async () => ask("open", { name: file.name || "image" }, [await file.arrayBuffer()])));
  /** Show the file, as far as browsers know its format, until Python has read it. */
  function showThumb(file) {
    expected = Boolean(file);
    if ($.thumb.src) URL.revokeObjectURL($.thumb.src);
    $.thumb.hidden = true;
    $.thumb.removeAttribute("src");
    if (file) $.thumb.src = URL.createObjectURL(file);
  }
  on($.thumb, "load", () => { if (expected) { $.thumb.hidden = false; $.empty.hidden = $.view.hidden = true; } });
  on($.chooser, "change", () => { open($.chooser.files[0]); $.chooser.value = ""; });
  for (const type of ["dragover", "dragleave", "drop"]) on(app.element, type, (event) => {
    event.preventDefault();
    $.stage.classList.toggle("drop", type === "dragover");
    if (type === "drop") open(event.dataTransfer.files[0]);
  });
  let samples = null;
  async function showSamples() {
    samples ??= ask("samples");
    const [{ names }, pictures] = await samples;
    if ($.samples.children.length) return;
    names.forEach((name, k) => {
      const button = document.createElement("button"), picture = new Image(), file = new Blob([pictures[k]], { type: "image/png" });
      picture.src = URL.createObjectURL(file);
      picture.alt = "";
      button.append(picture, SAMPLE_NAMES[name] ?? name);
      on(button, "click", () => quietly(bring(name, file, () => ask("sample", { name }))));
      $.samples.append(button);
    });
  }

  // export

  function closeExport() { offered = null; $.exportBox.close(); }
  async function showExport() {
    if (opening || $.export.disabled) return;
    const { number } = app.state, { textContent } = $.export;
    let code;
    $.export.disabled = true;
    $.export.textContent = "Preparing…";
    try {
      await app.settle();
      [code] = await ask("code", app.recipe());
    } finally {
      $.export.disabled = false;
      $.export.textContent = textContent;
    }
    if (number !== app.state.number || opening) return; // another image is there by now
    offered = number;
    $.python.textContent = code.python;
    $.command.textContent = code.command ?? "";
    $.command.hidden = $.commandTitle.hidden = !code.command;
    $.mask.hidden = !code.mask;
    $.mask.textContent = `Download ${code.mask}`;
    $.exportBox.dataset.mask = code.mask ?? "";
    noteExport();
    showFormat();
    $.exportBox.showModal();
  }
  /** What can be downloaded by now: bands may become refined while the dialog is open. */
  function noteExport() {
    if (offered === null) return;
    const { image, status } = app.state, done = status === "done", { mask } = $.exportBox.dataset;
    $.exportNote.textContent = done ? `${image.result}: ${whatOf(image)}. Code and command make exactly this image.${
      image.factor > 1 ? " The page shows a smaller copy; the export is computed now, at full size, and takes some time." : ""}${mask ? ` They read the repaired pixels from ${mask}.` : ""}`
      : "The image can be exported as soon as the bands are refined. Code and command work at once.";
    $.download.disabled = !done;
  }
  function showFormat() {
    const { image } = app.state, { value } = $.format;
    const eight = [".jpg", ".webp"].includes(value) && image.dtype !== "uint8", sixteen = value === ".png" && image.dtype.startsWith("float");
    $.formatNote.textContent = [
      eight && "8 bits, as the page shows it.", sixteen && "16 bits, as the page shows it.",
      value === ".jpg" && image.alpha && "Without transparency.", value === ".jpg" && "For sharing: JPEG loses a little.",
      value === ".webp" && "For sharing: WebP loses a little.",
    ].filter(Boolean).join(" ");
  }
  async function download() {
    const { number, image } = app.state, args = { ...app.recipe(), format: $.format.value };
    const right = number === offered, large = image.factor > 1;
    closeExport();
    if (!right) return;
    if (large) app.openTab("Bands");
    const made = await (large ? app.runAlone("export", args, [], "Export at full size") : ask("export", args));
    if (made) save(made);
  }
  on($.format, "change", showFormat);
  on($.exportBox, "close", () => { offered = null; });
  for (const [button, text] of [["copyPython", "python"], ["copyCommand", "command"]]) on($[button], "click", async () => {
    await navigator.clipboard.writeText($[text].textContent);
    $[button].textContent = "Copied";
    setTimeout(() => { $[button].textContent = "Copy"; }, 1500);
  });

  return {
    open, save, showExport, noteExport, closeExport, download, opening: () => opening,
    choose: () => $.chooser.click(), mask: () => quietly(ask("mask").then(save)),
    /** Nothing is open: show where to begin. */
    start: () => quietly(showSamples()),
    /** The image itself is on the screen. */
    arrived: () => showThumb(null),
  };
}
