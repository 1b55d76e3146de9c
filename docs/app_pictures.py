"""Screenshots and a short animation of the equaliser: ``python docs/app_pictures.py``.

Needs Chromium and Playwright.
"""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from playwright.sync_api import sync_playwright

from steepest.app.session import Session
from steepest.io import read_image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cases.page import CHROMIUM, FLAGS, App, served

IMAGES = Path(__file__).parent / "images"


def shot(app: App) -> Any:
    """Return what the page shows."""
    app.page.wait_for_timeout(250)
    return Pillow.open(io.BytesIO(app.page.screenshot())).convert("RGB")


def save(picture: Any, name: str) -> None:
    """Write a JPEG of moderate size."""
    picture.save(IMAGES / name, quality=84, optimize=True)


def at(app: App, x: float, y: float) -> tuple[float, float]:
    """Return where a place of the image, from 0 to 1, is on the screen."""
    left, top, width, height = app.image_box()
    return left + x * width, top + y * height


def bands(browser: Any) -> None:
    """The first screenshot, with both halves of the split view."""
    session = Session(read_image("sample:coffee"))
    with served(session) as address:
        app = App(browser, session, address, color_scheme="dark").ready()
        app.button("Enhance").click()
        app.page.keyboard.press("s")
        save(shot(app), "app.jpg")
        app.page.context.close()


def start(browser: Any) -> None:
    """The page without an image."""
    with served(Session()) as address:
        app = App(browser, None, address, viewport={"width": 1100, "height": 700})
        app.button("coffee").wait_for()
        save(shot(app), "app_start.jpg")
        app.page.context.close()


@contextmanager
def page(browser: Any, name: str, scheme: str, height: int = 700, width: int = 1100) -> Any:
    """The page with a bundled picture."""
    session, size = Session(read_image(f"sample:{name}")), {"width": width, "height": height}
    with served(session) as address:
        app = App(browser, session, address, viewport=size, color_scheme=scheme).ready()
        yield app
        app.page.context.close()


def objects(browser: Any) -> None:
    """Objects, outlined and listed."""
    with page(browser, "coffee", "dark") as app:
        app.tab("Objects")
        app.page.get_by_label("How clear they must be").fill("14")
        app.button("Find objects").click()
        app.page.locator("[data-r=rows] tr").first.click()
        save(shot(app), "app_objects.jpg")


def tools(browser: Any) -> None:
    """Regions in the light theme, and a stroke of the brush."""
    with page(browser, "camera", "light") as app:
        app.tab("Regions")
        app.button("Find regions").click()
        app.page.locator("[data-r=proven]").wait_for()
        save(shot(app), "app_regions.jpg")
        app.tab("Repair")
        app.page.mouse.move(*at(app, 0.72, 0.55))
        app.page.mouse.down()
        app.page.mouse.move(*at(app, 0.93, 0.62), steps=12)
        save(shot(app), "app_repair.jpg")
        app.page.mouse.up()


def animation(browser: Any) -> None:
    """Sliders in motion: texture goes, comes back, and becomes twice as strong."""
    frames = []
    with page(browser, "coffee", "dark", 690, 1000) as app:
        sliders = [app.page.get_by_label(name, exact=True) for name in ("fine texture", "texture")]
        for slider, heights in ((sliders[0], (0.7, 0.97)), (sliders[1], (0.7, 0.97)),
                                (sliders[1], (0.6, 0.25)), (sliders[0], (0.5, 0.2))):  # fmt: skip
            box = slider.bounding_box()
            x, now = box["x"] + box["width"] / 2, slider.evaluate("e => 1 - e.value / 200")
            app.page.mouse.move(x, box["y"] + box["height"] * (0.06 + 0.88 * now))
            app.page.mouse.down()
            for height in heights:
                app.page.mouse.move(x, box["y"] + box["height"] * height)
                frames.append(shot(app))
            app.page.mouse.up()
        for name in ("Cartoon", "Original"):
            app.button(name).click()
            frames.append(shot(app))
    frames = [frame.resize((760, 524), Pillow.Resampling.LANCZOS) for frame in frames]
    durations = [600] * (len(frames) - 2) + [1200] * 2
    frames[0].save(IMAGES / "app.webp", save_all=True, append_images=frames[1:],
                   duration=durations, loop=0, quality=55, method=6)  # fmt: skip


def main() -> None:
    """Write docs/images/app*."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for draw in (start, bands, objects, tools, animation):
            draw(browser)
        browser.close()


if __name__ == "__main__":
    main()
