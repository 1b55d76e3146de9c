"""The equaliser in headless Chromium without a GPU: ``python -m benchmarks.app``.

For an image of 1.08 megapixels in colour and six bands: seconds until the preview and until all
bands are final; milliseconds of CPU per frame while a slider moves (all work of the page's main
thread, and the drawing alone); bytes of the page. Needs Chromium and Playwright.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from steepest.app.files import PAGE, page_text
from steepest.app.session import Session
from steepest.io import Image, sample

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cases.page import CHROMIUM, FLAGS, App, served

RESULT = Path(__file__).parent / "results" / "app.md"
FRAMES = {"arrays": 120, "webgl2": 8}
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
    """Print the measurements; with ``--save``, write them to results/app.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/app.md")
    save = parser.parse_args().save
    from playwright.sync_api import sync_playwright

    pixels = np.tile(sample("coffee"), (3, 2, 1))[:900]
    image = Image(pixels, "YXC", format="png", name="coffee.png")
    Session(Image(pixels[:64, :64].copy(), "YXC")).wait()  # compiles
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        rows = [_measure(browser, image, name) for name in FRAMES]
        version = browser.version
        browser.close()
    report = (
        "# The equaliser in a browser\n\n"
        f"{pixels.shape[1]} x {pixels.shape[0]} pixels in colour, six bands. Chromium {version}, "
        "headless and without a GPU: WebGL runs in software (SwiftShader), and the page chooses "
        f"arrays by itself. {_machine()}, {datetime.date.today()}.\n\n"
        "| renderer | preview, s | all bands, s | frame, ms CPU | of this drawing, ms "
        "| first frame, ms |\n|---|---|---|---|---|---|\n"
        f"{''.join(rows)}\n"
        f"The page has {_page_bytes():,} bytes. A frame is all work of the page's main thread "
        f"while a slider moves, the mean of {FRAMES['arrays']} ({FRAMES['webgl2']} for WebGL, "
        "whose own process is not included); drawing is the median, and the first frame is the "
        "drawing after a slider is grabbed with the mouse. The times to the preview "
        "and to all bands begin when Python gets the image, and include loading "
        "the page.\n"
    )
    print(report)
    if save:
        RESULT.write_text(report, encoding="utf-8")


def _page_bytes() -> int:
    return sum(len(page_text(*names).encode()) for names, _ in PAGE.values())


def _machine() -> str:
    found = subprocess.run(["lscpu"], capture_output=True, text=True).stdout.splitlines()
    names = [line.partition(":")[2].strip() for line in found if line.startswith("Model name")]
    return f"{names[0] if names else platform.processor()}, Python {platform.python_version()}"


def _measure(browser: Any, image: Image, renderer: str) -> str:
    session = Session()
    with served(session) as address:
        start = time.perf_counter()
        session.open(image)
        size = {"width": 1400, "height": 900}
        app = App(browser, session, address, f"?renderer={renderer}", viewport=size)
        preview, final = _wait(app.page, start)
        first = _first(app.page)
        frame, drawing = _frames(app.page, FRAMES[renderer])
        app.page.context.close()
    times = f"{preview:.2f} | {final:.1f} | {frame:.1f} | {drawing:.1f} | {first:.1f}"
    return f"| {renderer} | {times} |\n"


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


def _first(page: Any) -> float:
    """Return the milliseconds of drawing when a slider is grabbed."""
    box = page.get_by_label("texture", exact=True).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_timeout(500)
    stats = "document.querySelector('#equaliser').equaliser.stats().frames"
    before = len(page.evaluate(stats))
    page.mouse.down()
    page.mouse.move(x, y - 20)
    page.wait_for_timeout(500)
    first = float(page.evaluate(stats)[before])
    page.mouse.up()
    return first


def _frames(page: Any, count: int) -> tuple[float, float]:
    """Return milliseconds per frame: all work of the main thread, and drawing (the median)."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")

    def busy() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    page.evaluate(_MOVE, 4)
    before = busy()
    page.evaluate(_MOVE, count)
    spent = busy() - before
    drawn = page.evaluate("document.querySelector('#equaliser').equaliser.stats().frames")
    return 1000 * spent / count, float(np.median(drawn[-count:]))


if __name__ == "__main__":
    main()
