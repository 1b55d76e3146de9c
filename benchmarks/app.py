"""The equaliser in headless Chromium without a GPU: ``python -m benchmarks.app``.

For an image of 1.08 megapixels in colour and six bands: seconds until the preview and until all
bands are final; milliseconds of CPU per frame while a slider moves (all work of the page's main
thread, and the drawing alone); bytes of the page. Needs Chromium and Playwright.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import threading
import time
from importlib import resources
from typing import Any

import numpy as np

from steepest.app.server import make_server
from steepest.app.session import Session
from steepest.io import Image, sample

FRAMES = 120
_MOVE = """async (count) => {
  const root = document.querySelector("#equaliser").shadowRoot;
  const slider = root.querySelector('input[data-k="2"]');
  for (let i = 0; i < count; i++) {
    slider.value = String((i * 3) % 200);
    slider.dispatchEvent(new Event("input"));
    await new Promise(requestAnimationFrame);
  }
}"""


def main() -> None:
    """Print the measurements."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    import uvicorn
    from playwright.sync_api import sync_playwright

    pixels = np.tile(sample("coffee"), (3, 2, 1))[:900]
    image = Image(pixels, "YXC", format="png", name="coffee.png")
    Session(Image(pixels[:64, :64].copy(), "YXC")).wait()  # compiles
    folder = resources.files("steepest.app") / "page"
    names = ("index.html", "main.js", "equaliser.js")
    print(f"page: {sum(len((folder / name).read_bytes()) for name in names):,} bytes")
    with sync_playwright() as playwright:
        for renderer in ("arrays", "webgl2"):
            listener = socket.create_server(("127.0.0.1", 0))
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            session = Session()
            config = uvicorn.Config(
                make_server(session, "secret", [host]), log_level="error", lifespan="off"
            )
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
            )
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            start = time.perf_counter()
            session.open(image)
            page.goto(f"http://{host}/?renderer={renderer}#token=secret")
            preview, final = _wait(page, start)
            print(f"{renderer}: preview {preview:.2f} s, final {final:.2f} s", end=", ")
            print("frame {:.1f} ms main thread, {:.1f} ms drawing".format(*_frames(page)))
            browser.close()
            server.should_exit = True
            thread.join()
            session.close()


def _wait(page: Any, start: float) -> tuple[float, float]:
    """Return the seconds until all bands are shown, and until all are final."""
    preview = None
    while True:
        stats = page.evaluate("document.querySelector('#equaliser')?.equaliser?.stats() ?? null")
        known = list(stats["quality"].values()) if stats else []
        now = time.perf_counter() - start
        if len(known) > 2 and "missing" not in known:
            preview = preview or now
            if set(known) == {"final"} and stats["status"] == "done":
                return preview, now
        time.sleep(0.02)


def _frames(page: Any) -> tuple[float, float]:
    """Return milliseconds per frame: all work of the main thread, and drawing (the median)."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")

    def busy() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    page.evaluate(_MOVE, 10)
    before = busy()
    page.evaluate(_MOVE, FRAMES)
    spent = busy() - before
    drawn = page.evaluate("document.querySelector('#equaliser').equaliser.stats().frames")
    return 1000 * spent / FRAMES, float(np.median(drawn[-FRAMES:]))


if __name__ == "__main__":
    main()
