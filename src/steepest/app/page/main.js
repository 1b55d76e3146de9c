// The page of `steepest app`: requests go to the server that delivered the page.
import { createEqualiser } from "./equaliser.js";

const KEY = "steepest-token";
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname + location.search); // the secret leaves the address bar
}

// A tab has an image of its own, also when it is loaded again; a copy of a tab begins anew.
const TAB = "steepest-tab";
const again = performance.getEntriesByType("navigation")[0]?.type === "reload" && sessionStorage.getItem(TAB);
const tab = again || Array.from(crypto.getRandomValues(new Uint32Array(4)), (each) => each.toString(36)).join("");
sessionStorage.setItem(TAB, tab);
const headers = () => ({ "X-Steepest-Token": sessionStorage.getItem(KEY) ?? "", "X-Steepest-Tab": tab });
addEventListener("pagehide", () => { fetch("/api/leave", { method: "POST", headers: headers(), body: new Uint8Array([2, 0, 0, 0, 123, 125]), keepalive: true }); });

/** Send one message as in wire.py: a length, JSON, and raw buffers. */
async function request(op, args = {}, buffers = []) {
  const head = new TextEncoder().encode(
    JSON.stringify({ ...args, sizes: buffers.map((each) => each.byteLength) }),
  );
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, head.length, true);
  let response;
  try {
    response = await fetch(`/api/${op}`, {
      method: "POST",
      headers: headers(),
      body: new Blob([length.buffer, head, ...buffers]),
    });
  } catch {
    throw new Error("The program has ended. Start “steepest app” again.");
  }
  const message = await response.arrayBuffer();
  const size = new DataView(message).getUint32(0, true);
  const fields = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, size)));
  if (!response.ok) throw new Error(fields.error ?? `The server answered ${response.status}.`);
  let at = 4 + size;
  const parts = fields.sizes.map((n) => message.slice(at, (at += n)));
  return [fields, parts];
}

const page = new CSSStyleSheet();
page.replaceSync("html, body, #equaliser { height: 100%; margin: 0; }");
document.adoptedStyleSheets = [page];
const element = document.createElement("div");
element.id = "equaliser";
document.body.append(element);
element.equaliser = createEqualiser(element, {
  request,
  keys: document,
  renderer: new URLSearchParams(location.search).get("renderer") ?? "auto",
});
