"""The page of the equaliser in Chromium, as `start` of conftest.py opens it."""

import base64
import os
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from steepest.app.session import Session
from steepest.app.tabs import Tabs
from steepest.io import Image, decode_image, sample

TOKEN = "secret"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu-compositing",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
COFFEE = Image(sample("coffee")[100:260, 150:350], "YXC", format="png", name="coffee.png")
_CANVAS = "document.querySelector('#equaliser').shadowRoot.querySelector('canvas')"
_TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def served(session):
    """Serve the session; the value is "127.0.0.1:port"."""
    import uvicorn

    from steepest.app.server import make_server

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        given = [session]
        tabs = Tabs(lambda: given.pop() if given else Session(session._work.source.image))
        app = make_server(tabs, TOKEN, [address])
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield address
        server.should_exit = True
        thread.join()
        tabs.close()


class App:
    """A page, the session behind it, and everything the page has asked for."""

    def __init__(self, browser, session, address, query="", **context):
        self.session, self.address = session, address
        usual = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**usual, **context})
        self.page, self.requests, self.errors = context.new_page(), [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"http://{address}/{query}#token={TOKEN}")

    def call(self, name):
        return self.page.evaluate(f"document.querySelector('#equaliser').equaliser.{name}()")

    def until(self, holds, seconds=60):  # the page's CSP refuses wait_for_function
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, (self.call("stats"), self.errors)
            time.sleep(0.03)

    def ready(self):
        def refined():
            stats = self.call("stats")
            known = list(stats["quality"].values())
            return stats["status"] == "done" and len(known) > 2 and set(known) == {"final"}

        self.until(refined)
        return self

    def pixels(self, canvas=_CANVAS):
        """What the canvas shows, (H, W, 3)."""
        self.page.evaluate(_TWO_FRAMES)
        url = self.page.evaluate(f"{canvas}.toDataURL()")
        image = decode_image(base64.b64decode(url.partition(",")[2])).array
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

    def over(self):
        """What is drawn over the image, (H, W, 3)."""
        return self.pixels(_CANVAS.replace("'canvas'", "'[data-r=over]'"))

    def export(self):
        settings = self.call("settings")
        recipe = {key: settings[key] for key in ("edges", "gains")}
        _, (file,) = self.session.handle("export", {**recipe, "residual_gain": settings["base"]})
        return decode_image(file).array

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def tab(self, name):
        self.page.get_by_role("tab", name=name).click()

    def give(self, chooser, name, file):
        self.page.locator(f"[data-r={chooser}]").set_input_files(
            {"name": name, "mimeType": "application/octet-stream", "buffer": file}
        )

    def download(self, name):
        """The name and the contents of the file that a button downloads."""
        with self.page.expect_download() as waiting:
            self.button(name).click()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    def image_box(self):
        """Left, top, width and height of the image on the screen."""
        box = self.page.locator(".view").bounding_box()
        return np.array([box["x"], box["y"], box["width"], box["height"]])

    def drag(self, *points, steps=5, button="left"):
        self.page.mouse.move(*points[0])
        self.page.mouse.down(button=button)
        for point in points[1:]:
            self.page.mouse.move(*point, steps=steps)
        self.page.mouse.up(button=button)


def picture_of(page, name, folder):
    """Take a screenshot into the folder of STEEPEST_SCREENSHOTS, or else into ``folder``."""
    target = Path(os.environ.get("STEEPEST_SCREENSHOTS") or folder)
    target.mkdir(parents=True, exist_ok=True)
    return decode_image(page.screenshot(path=target / f"{name}.png")).array


__all__ = ["CHROMIUM", "COFFEE", "FLAGS", "App", "Session", "picture_of", "served"]
