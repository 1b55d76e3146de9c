"""The page of the equaliser in a real browser, with both renderers."""

import base64
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from cases.page import COFFEE
from steepest.io import Image as Picture
from steepest.io import decode_image, encode_image, from_float

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


def test_download_snippet_and_command_are_the_same_file(start, tmp_path):
    rng = np.random.default_rng(0)
    pixels = from_float(COFFEE.array / 255.0, "uint16") ^ rng.integers(0, 256, COFFEE.array.shape)
    alpha = rng.integers(0, 65536, (*pixels.shape[:2], 1)).astype(np.uint16)
    deep = Picture(pixels.astype(np.uint16), "YXC", alpha=alpha, name="a photo.png")
    file = encode_image(deep, deep.name)
    app = start(None, wait=False)
    app.give("chooser", deep.name, file)
    app.ready()
    words = app.page.locator("[data-r=file]")
    assert all(each in words.inner_text() for each in ("200", "160", "16-bit RGB with alpha"))

    app.button("Export…").click()
    name, unit = app.download("Download image")
    same = decode_image(unit)
    np.testing.assert_array_equal(same.array, deep.array)
    np.testing.assert_array_equal(same.alpha, alpha)

    app.page.keyboard.press("Escape")
    app.button("Cartoon").click()
    app.page.get_by_label("base", exact=True).press("ArrowDown")
    app.page.keyboard.press("e")
    app.page.get_by_text("spectral.decompose").wait_for()
    name, file_of_page = app.download("Download image")
    assert name == "a photo_equalised.png"
    assert np.abs(decode_image(file_of_page).array.astype(int) - deep.array).max() > 2000
    python, command = (
        app.page.locator(f"[data-r={key}]").inner_text() for key in ("python", "command")
    )
    words = shlex.split(command)
    assert words[0] == "steepest"
    for run in (["-c", python], ["-m", "steepest.cli", *words[1:], "-q"]):
        folder = tmp_path / run[0]
        folder.mkdir()
        (folder / deep.name).write_bytes(file)
        subprocess.run([sys.executable, *run], cwd=folder, check=True)
        assert (folder / name).read_bytes() == file_of_page


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
    app.page.get_by_role("alert").get_by_text("damaged or not readable").wait_for()
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


def test_every_control_has_a_name_and_can_be_reached(start):
    app = start()
    unnamed = app.page.evaluate(
        """() => [...document.querySelector('#equaliser').shadowRoot
        .querySelectorAll('button, input, [role=slider], [role=progressbar]')]
        .filter(e => !e.hidden && !(e.getAttribute('aria-label') || e.textContent.trim()
          || e.labels?.length))
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


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_held_slider_shows_what_is_exported_when_it_is_let_go(start, renderer):
    app = start(query=f"?renderer={renderer}")
    slider = app.page.get_by_label("texture", exact=True)
    box = slider.bounding_box()
    x, middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    app.page.mouse.move(x, middle)
    app.page.mouse.down()
    app.page.mouse.move(x, box["y"] + 12, steps=6)
    gain = app.call("settings")["gains"][2]
    assert gain > 2
    shown = app.page.locator(".stage").screenshot()
    app.page.mouse.up()
    app.page.mouse.move(5, 300)
    assert np.abs(app.pixels().astype(int) - app.export()).max() <= 1
    assert np.abs(app.pixels().astype(int) - COFFEE.array).max() > 20
    held, still = (
        decode_image(each).array.astype(int)
        for each in (shown, app.page.locator(".stage").screenshot())
    )
    assert np.abs(held - still)[:-80].mean() < 1  # without the buttons below, that fade
    app.page.keyboard.press("Control+z")  # one step back for the whole drag
    np.testing.assert_array_equal(app.pixels(), COFFEE.array)
    slider.dblclick()
    assert app.call("settings")["gains"][2] == 1


def test_every_preset_shows_what_is_exported(start):
    app = start()
    presets = app.page.get_by_role("group", name="Presets").get_by_role("button")
    names = presets.all_inner_texts()
    assert {"Original", "Denoise", "Remove texture", "Enhance", "Cartoon", "Flatten light"} <= set(
        names
    )
    seen = set()
    for name in names:
        app.button(name).click()
        shown = app.pixels()
        assert np.abs(shown.astype(int) - app.export()).max() <= 1
        assert app.button(name).get_attribute("aria-pressed") == "true"
        seen.add(shown.tobytes())
    assert len(seen) == len(names)


def test_zoom_and_pan_by_wheel_mouse_buttons_and_keys(start):
    app = start()
    zoom = app.page.locator("[data-r=zoomText]")
    fitted = app.image_box()
    point = np.add(fitted[:2], (60, 40))
    app.page.mouse.move(*point)
    app.page.mouse.wheel(0, -400)
    now = app.image_box()
    factor = now[2] / fitted[2]
    assert factor > 1.5
    np.testing.assert_allclose(
        point - now[:2], (point - fitted[:2]) * factor, atol=1
    )  # stays there
    app.drag(point, np.add(point, (70, 30)))
    np.testing.assert_allclose(app.image_box()[:2] - now[:2], [70, 30], atol=1)
    app.button("Zoom out").click()
    assert app.image_box()[2] < now[2]
    app.page.keyboard.press("1")
    assert zoom.inner_text() == "100 %"
    assert app.image_box()[2] == pytest.approx(200)
    app.page.keyboard.press("+")
    assert app.image_box()[2] > 200
    app.page.locator(".stage").focus()
    before = app.image_box()
    app.page.keyboard.press("ArrowRight")
    assert app.image_box()[0] != before[0]
    app.page.keyboard.press("0")
    np.testing.assert_allclose(app.image_box(), fitted, atol=1)


def test_the_divider_is_dragged_between_original_and_result(start):
    app = start()
    app.button("Cartoon").click()
    app.page.mouse.move(5, 300)
    left, top, width, height = app.image_box()
    middle, y = left + width / 2, int(top + height / 2)  # where the image is fitted

    def row():
        shot = decode_image(app.page.screenshot()).array.astype(int)
        return shot[y - 100 : y - 50, int(left) + 2 : int(left + width) - 2]

    result = row()
    app.page.keyboard.down("b")
    app.until(lambda: np.abs(row() - result).mean() > 1)
    original = row()
    app.page.keyboard.up("b")
    app.until(lambda: np.array_equal(row(), result))
    app.button("Split view").click()
    app.drag((middle, y), (left + 0.75 * width, y))
    app.page.mouse.move(5, 300)
    at = int(0.75 * width)

    def differ(one, two):  # at the edges of enlarged pixels, the two layers round differently
        return (np.abs(one - two).max(-1) > 2).mean()

    def split():
        both = row()
        before = differ(both[:, : at - 20], original[:, : at - 20])
        after = differ(both[:, at + 20 :], result[:, at + 20 :])
        return before < 0.05 and after < 0.05

    app.until(split)


def test_at_100_percent_pixels_are_those_of_the_image(start):
    app = start()
    app.page.keyboard.press("1")
    app.page.mouse.move(5, 300)
    x, y, *_ = np.rint(app.image_box()).astype(int)
    shot = decode_image(app.page.screenshot()).array
    np.testing.assert_array_equal(shot[y : y + 160, x : x + 200], COFFEE.array)


def test_the_keyboard_opens_help_theme_and_files(start):
    app, chosen = start(), []
    app.page.on("filechooser", lambda chooser: chosen.append(chooser))
    app.page.keyboard.press("?")
    app.page.get_by_role("heading", name="Keyboard").wait_for()
    app.page.keyboard.press("Escape")
    dark = app.page.locator(".app.light").count()
    app.page.keyboard.press("t")
    assert app.page.locator(".app.light").count() != dark
    app.page.keyboard.press("o")
    app.until(lambda: app.call("stats") and chosen)


def test_a_file_that_is_dropped_is_opened(start):
    app = start(None, wait=False)
    file = base64.b64encode(encode_image(COFFEE, "d.png")).decode()
    app.page.get_by_text("An equaliser for images").wait_for()
    app.page.locator(".stage").evaluate(
        """(stage, text) => {
        const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "d.png"));
        for (const type of ["dragenter", "dragover", "drop"]) {
          const how = { dataTransfer, bubbles: true, composed: true, cancelable: true };
          stage.dispatchEvent(new DragEvent(type, how));
        }
    }""",
        file,
    )
    app.ready()
    np.testing.assert_array_equal(app.pixels(), COFFEE.array)
