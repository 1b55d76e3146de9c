"""Screenshots of the equaliser for the documentation: ``python docs/app_pictures.py``.

Needs Chromium and Playwright.
"""

from __future__ import annotations

import io
import shutil
import socket
import threading
import time
from pathlib import Path

import uvicorn
from PIL import Image as Pillow
from playwright.sync_api import sync_playwright

from steepest.app.server import make_server
from steepest.app.session import Session
from steepest.io import read_image

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Write docs/images/app.jpg."""
    session = Session(read_image("sample:coffee"))
    session.wait()
    listener = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(make_server(session, "secret", [host]), log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with sync_playwright() as playwright:
        options = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
        page.goto(f"http://{host}/#token=secret")
        page.get_by_role("button", name="Enhance").click()
        page.keyboard.press("s")
        time.sleep(1)
        picture = Pillow.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.save(IMAGES / "app.jpg", quality=86, optimize=True)
        browser.close()
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()
