"""The page of the equaliser in a real browser, with both renderers."""

import base64
import re
import shutil
import socket
import threading
import time

import numpy as np
import pytest

from steepest.app.session import Session
from steepest.io import Image as Picture
from steepest.io import decode_image, encode_image, from_float, sample

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
uvicorn = pytest.importorskip("uvicorn")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
TOKEN = "secret"
COFFEE = Picture(sample("coffee")[100:260, 150:350], "YXC", format="png", name="coffee.png")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


class App:
    """A page, the session behind it, and everything the page has asked for."""

    def __init__(self, browser, session, address, query):
        self.session, self.address = session, address
        context = browser.new_context(viewport={"width": 1280, "height": 800})
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

    def pixels(self):
        """What the canvas shows, (H, W, 3)."""
        frame = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(frame)
        url = self.page.evaluate(
            "document.querySelector('#equaliser').shadowRoot.querySelector('canvas').toDataURL()"
        )
        image = decode_image(base64.b64decode(url.partition(",")[2])).array
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

    def export(self):
        settings = self.call("settings")
        recipe = {key: settings[key] for key in ("edges", "gains")}
        _, (file,) = self.session.handle("export", {**recipe, "residual_gain": settings["base"]})
        return decode_image(file).array


@pytest.fixture
def start(browser):
    """Start a server and open its page."""
    from steepest.app.server import make_server

    ends = []

    def begin(image=COFFEE, query="", wait=True):
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        session = Session(image)
        config = uvicorn.Config(
            make_server(session, TOKEN, [address]), log_level="error", lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        app = App(browser, session, address, query)
        ends.append((app, server, thread, listener))
        return app.ready() if wait else app

    yield begin
    for app, server, thread, listener in ends:
        app.page.context.close()
        server.should_exit = True
        thread.join()
        app.session.close()
        listener.close()
        assert app.errors == []


RENDERERS = ["arrays", "webgl2"]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_unit_gains_show_the_image_and_presets_what_python_exports(start, renderer):
    app = start(query=f"?renderer={renderer}")
    assert app.call("stats")["renderer"] == renderer
    np.testing.assert_array_equal(app.pixels(), COFFEE.array)
    app.page.get_by_role("button", name="Enhance").click()
    shown, made = app.pixels().astype(int), app.export().astype(int)
    assert np.abs(made - COFFEE.array).max() > 20
    assert np.abs(shown - made).max() <= 1


def test_dark_and_signed_images_without_base_look_as_exported(start):
    rng = np.random.default_rng(1)
    dark = Picture(rng.integers(800, 4000, (40, 50)).astype(np.uint16), "YX", format="png")
    signed = Picture(rng.normal(5, 2, (40, 50)).astype(np.float32), "YX", format="tiff")
    for image in (dark, signed):
        app = start(image)
        low, high = app.session.handle("state")[0]["image"]["limits"]
        scale = 65535 if image is dark else 1
        for key in ("Home", "End"):
            app.page.get_by_label("base", exact=True).press(key)
            wanted = np.clip((app.export() / scale - low) / (high - low), 0, 1) * 255
            np.testing.assert_allclose(app.pixels()[..., 0], wanted, atol=1.5)


def test_grey_images_look_the_same_in_both_renderers(start):
    grey = Picture(from_float(COFFEE.array[..., 1] / 255.0, "uint16"), "YX", format="png")
    shown = []
    for renderer in RENDERERS:
        app = start(grey, f"?renderer={renderer}")
        app.page.get_by_role("button", name="Cartoon").click()
        shown.append(app.pixels().astype(int))
    assert np.abs(shown[0] - shown[1]).max() <= 1
    assert np.ptp(shown[0]) > 50


def test_no_request_leaves_the_host_and_the_secret_leaves_the_address(start):
    app = start()
    own = f"http://{app.address}/"
    assert all(url.startswith((own, "data:", "blob:")) for url in app.requests)
    assert "token" not in app.page.url


def test_slider_undo_redo_and_reset_by_keyboard(start):
    app = start()
    slider = app.page.get_by_label("grain", exact=True)
    slider.focus()
    slider.press("Home")
    assert app.call("settings")["gains"][0] == 0
    np.testing.assert_allclose(app.pixels(), app.export(), atol=1)
    app.page.keyboard.press("Control+z")
    assert app.call("settings")["gains"][0] == 1
    np.testing.assert_array_equal(app.pixels(), COFFEE.array)
    app.page.keyboard.press("Control+Shift+z")
    assert app.call("settings")["gains"][0] == 0
    app.page.get_by_role("button", name="Reset").click()
    assert set(app.call("settings")["gains"]) == {1}


def test_edges_move_by_mouse_and_keyboard_and_bands_split_and_join(start):
    app = start()
    app.page.get_by_role("button", name="Enhance").click()
    edge = app.page.get_by_role("slider", name=re.compile("^Edge between")).nth(1)
    before = app.call("settings")["edges"]
    box = edge.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 8
    app.page.mouse.move(x, y)
    app.page.mouse.down()
    app.page.mouse.move(x - 12, y, steps=4)
    app.page.mouse.up()
    dragged = app.call("settings")["edges"]
    assert dragged[1] < before[1]
    assert dragged[:1] + dragged[2:] == before[:1] + before[2:]
    edge.press("ArrowRight")
    assert app.call("settings")["edges"][1] > dragged[1]
    app.ready()
    assert np.abs(app.pixels().astype(int) - app.export()).max() <= 1
    edge.press("Delete")
    assert len(app.call("settings")["gains"]) == len(before)
    app.page.keyboard.press("Control+z")
    assert len(app.call("settings")["edges"]) == len(before)


def test_original_while_pressed_and_split_view(start):
    app = start()
    before = app.page.locator(".before")
    assert before.evaluate("e => getComputedStyle(e).visibility") == "hidden"
    app.page.keyboard.down("b")
    assert before.evaluate("e => getComputedStyle(e).visibility") == "visible"
    app.page.keyboard.up("b")
    assert before.evaluate("e => getComputedStyle(e).visibility") == "hidden"
    app.page.keyboard.press("s")
    divider = app.page.get_by_role("slider", name="Split position")
    divider.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "52"
    assert before.evaluate("e => getComputedStyle(e).visibility") == "visible"


def test_download_is_the_export(start):
    app = start()
    app.page.get_by_role("button", name="Cartoon").click()
    app.page.keyboard.press("e")
    app.page.get_by_text("spectral.decompose").wait_for()
    with app.page.expect_download() as waiting:
        app.page.get_by_role("button", name="Download image").click()
    assert waiting.value.suggested_filename == "coffee_equalised.png"
    with open(waiting.value.path(), "rb") as file:
        np.testing.assert_array_equal(decode_image(file.read()).array, app.export())


def test_cancel_and_continue(start):
    large = COFFEE.with_parts([np.tile(COFFEE.array, (4, 4, 1))])
    app = start(large, wait=False)
    app.page.get_by_role("button", name="Cancel").click()
    app.page.get_by_role("button", name="Continue").click()
    app.ready()
    assert app.page.get_by_role("progressbar").is_hidden()


def test_an_image_is_chosen_after_a_bad_file(start):
    app = start(None, wait=False)
    app.page.get_by_text("An equaliser for images").wait_for()
    chooser = app.page.locator("[data-r=chooser]")
    chooser.set_input_files({"name": "a.gif", "mimeType": "image/gif", "buffer": b"GIF89a"})
    app.page.get_by_role("alert").get_by_text("not a supported image file").wait_for()
    file = encode_image(COFFEE, "b.png")
    chooser.set_input_files({"name": "b.png", "mimeType": "image/png", "buffer": file})
    app.ready()
    assert app.page.get_by_role("alert").is_hidden()
    np.testing.assert_array_equal(app.pixels(), COFFEE.array)


def test_the_ruler_speaks_under_the_cursor(start):
    y, x = np.mgrid[:120, :120]
    disc = 0.3 + 0.1 * np.clip(9.5 - np.hypot(y - 60, x - 60), 0, 1)
    app = start(Picture(from_float(disc, "uint8"), "YX", format="png"))
    app.page.get_by_role("button", name="Larger structures").click()
    app.ready()
    box = app.page.locator(".view").bounding_box()
    app.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    words = app.page.locator(".ruler")
    words.wait_for()
    width, contrast = re.findall(r"[\d.]+", words.inner_text())
    assert float(width) == pytest.approx(18, rel=0.15)
    assert float(contrast) == pytest.approx(0.1, rel=0.15)


def test_regions_are_drawn_over_the_image_with_their_legend(start):
    y, x = np.mgrid[:90, :120]
    pixels = from_float(0.2 + 0.6 * (np.hypot(y - 45, x - 60) < 25), "uint8")
    app = start(Picture(pixels, "YX", format="png", name="disc.png"))
    app.page.get_by_role("tab", name="Regions").click()
    app.page.get_by_label("Classes").fill("2")
    app.page.get_by_role("button", name="Find regions").click()
    app.page.get_by_text("labels are proven").wait_for()
    colours = app.page.locator("[data-r=over]").evaluate(
        "e => [[60, 45], [5, 5]].map(([x, y]) =>"
        " [...e.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3))"
    )
    assert colours[0] != colours[1]
    legend = app.page.locator(".legend").inner_text()
    shares = [float(each) for each in re.findall(r"([\d.]+) %", legend)]
    assert shares[1] == pytest.approx(100 * (pixels > 128).mean(), abs=0.2)
    app.page.get_by_role("tab", name="Bands").click()
    assert app.page.locator("[data-r=over]").is_hidden()


def test_the_texture_of_a_second_image(start):
    app = start()
    other = COFFEE.with_parts([np.ascontiguousarray(COFFEE.array[:, ::-1])])
    app.page.get_by_role("tab", name="Fuse").click()
    file = {"name": "b.png", "mimeType": "image/png", "buffer": encode_image(other, "b.png")}
    app.page.get_by_label("Other image").set_input_files(file)
    app.page.get_by_text("Texture of b.png").wait_for()
    app.page.get_by_label("Texture of this image").fill("50")
    with app.page.expect_download() as waiting:
        app.page.get_by_role("button", name="Download this image").click()
    with open(waiting.value.path(), "rb") as download:
        made = decode_image(download.read()).array.astype(int)
    url = app.page.locator("[data-r=over]").evaluate("e => e.toDataURL()")
    shown = decode_image(base64.b64decode(url.partition(",")[2])).array
    assert np.abs(shown - made).max() <= 1
    assert np.abs(made - COFFEE.array).max() > 10


def test_few_pixels_follow_the_slider(start):
    app = start()
    app.page.get_by_role("tab", name="Few pixels").click()
    words = app.page.locator("[data-r=thinText]")
    app.until(lambda: "PSNR" in words.inner_text())
    first = words.inner_text()
    assert first.startswith("1,600 pixels")
    app.page.get_by_label("Pixels kept").press("End")
    app.until(lambda: words.inner_text() != first)
    quality = [float(re.search(r"PSNR ([\d.]+)", text)[1]) for text in (first, words.inner_text())]
    assert quality[1] > quality[0] + 5


def test_every_control_has_a_name_and_can_be_reached(start):
    app = start()
    unnamed = app.page.evaluate(
        """() => [...document.querySelector('#equaliser').shadowRoot
        .querySelectorAll('button, input, [role=slider], [role=progressbar]')]
        .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
        .map(e => e.outerHTML)"""
    )
    assert unnamed == []
    seen = set()
    for _ in range(60):
        app.page.keyboard.press("Tab")
        seen.add(app.page.evaluate(
            "(() => { const e = document.querySelector('#equaliser').shadowRoot.activeElement;"
            " return e && (e.dataset.r || e.id || e.dataset.edge || e.textContent); })()"
        ))  # fmt: skip
    assert {"open", "export", "stage", "gain-0", "gain-1", "reset", "Denoise", "0"} <= seen


def test_the_widget_runs_the_same_page(browser):
    """The module that notebooks load, with a stand-in for the notebook's connection."""
    pytest.importorskip("anywidget")
    from steepest.app import equaliser

    widget = equaliser(COFFEE.array, channel_axis=-1)
    answers = []
    widget.send = lambda content, buffers=None: answers.append((content, buffers or []))

    def ask(source, message):
        widget._receive(widget, message, [])
        content, buffers = answers.pop()
        return {"content": content, "data": [base64.b64encode(b).decode() for b in buffers]}

    page = browser.new_page(viewport={"width": 1000, "height": 700})
    page.expose_binding("kernel", ask)
    page.evaluate(
        """async (source) => {
        const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        const { default: widget } = await import(url);
        const act = new Set(), el = document.body.appendChild(document.createElement("div"));
        const model = { on: (_, f) => act.add(f), off: (_, f) => act.delete(f),
          send: async (message) => {
            const { content, data } = await window.kernel(message);
            const buffers = data.map((text) => new DataView(
              Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));
            for (const f of act) f(content, buffers);
          } };
        el.id = "widget";
        window.close_widget = widget.render({ model, el });
    }""",
        widget._esm,
    )
    widget._session.wait()
    page.get_by_role("button", name="Cartoon").click()
    end = time.monotonic() + 30
    while widget.settings["gains"][0] == 1 and time.monotonic() < end:
        page.wait_for_timeout(100)
    shown = page.locator("canvas").first.evaluate("e => e.toDataURL()")
    pixels = decode_image(base64.b64decode(shown.partition(",")[2])).array.astype(int)
    assert np.abs(pixels - widget.result()).max() <= 1
    assert np.abs(pixels - COFFEE.array).max() > 20
    page.evaluate("window.close_widget()")
    page.close()
    widget.close()
