"""The equaliser on large images and after a reload, the kept pixels, and the ruler on discs."""

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from cases.page import COFFEE
from steepest.app import work
from steepest.io import Image as Picture
from steepest.io import decode_image, encode_image, from_float


def test_a_large_image_is_shown_smaller_and_exported_at_full_size(start, monkeypatch, tmp_path):
    monkeypatch.setattr(work, "MOST_WORKED", COFFEE.array.size // 3)
    app = start()
    assert app.page.get_by_text("shown at 1/2 of its size").is_visible()
    assert "200" in app.page.locator("[data-r=file]").inner_text()
    assert app.pixels().shape == (80, 100, 3)
    app.tab("Repair")
    assert app.page.get_by_text("This tool takes images of up to").is_visible()
    app.tab("Bands")
    app.button("Cartoon").click()
    app.page.keyboard.press("e")
    app.page.get_by_text("at full size").wait_for()
    command = shlex.split(app.page.locator("[data-r=command]").inner_text())
    name, file = app.download("Download image")
    made = decode_image(file).array.astype(int)
    assert made.shape == COFFEE.array.shape
    assert np.abs(made - COFFEE.array).max() > 20
    shown = made.reshape(80, 2, 100, 2, 3).mean(axis=(1, 3))
    assert np.abs(shown - app.pixels()).mean() < 3  # from fewer pixels
    (tmp_path / COFFEE.name).write_bytes(encode_image(COFFEE, COFFEE.name))
    subprocess.run(
        [sys.executable, "-m", "steepest.cli", *command[1:], "-q"], cwd=tmp_path, check=True
    )
    assert (tmp_path / name).read_bytes() == file


def test_kept_pixels_are_those_of_the_image_and_all_others_black(start):
    app = start()
    app.tab("Few pixels")
    app.until(lambda: "best pixels" in app.page.locator("[data-r=thinNote]").inner_text())
    app.page.get_by_label("Show the kept pixels only").check()
    over = app.over()
    kept = (over != 12).any(axis=2)
    words = app.page.locator("[data-r=thinText]").inner_text()
    assert kept.sum() == pytest.approx(int(words.split()[0].replace(",", "")), rel=0.01)
    assert np.abs(over[kept].astype(int) - COFFEE.array[kept]).max() <= 1
    app.page.get_by_label("Show the kept pixels only").uncheck()
    assert (app.over() != 12).any(axis=2).mean() > 0.99


def test_enter_splits_a_band_and_its_gain_is_that_of_both(start):
    app = start()
    app.button("Denoise").click()
    before = app.call("settings")
    app.page.get_by_role("slider", name=re.compile("^Edge between")).nth(1).press("Enter")
    after = app.call("settings")
    (fresh,) = set(after["edges"]) - set(before["edges"])
    assert before["edges"][1] < fresh < before["edges"][2]
    assert after["gains"] == before["gains"][:2] + 2 * before["gains"][2:3] + before["gains"][3:]
    assert app.page.get_by_role("group", name="Gains").get_by_role("slider").count() == 8


def test_sliders_and_repairs_survive_a_reload(start):
    app = start()
    app.button("Cartoon").click()
    app.page.get_by_label("base", exact=True).press("ArrowDown")
    app.tab("Repair")
    x, y = app.image_box()[:2]
    app.drag((x + 100, y + 100), (x + 200, y + 150))
    app.page.get_by_text("1 stroke").wait_for()
    app.until(lambda: app.session.settings["residual_gain"] != 1)
    app.until(lambda: app.session.handle("state", {"restore": True})[0]["strokes"])
    told = app.call("settings")
    app.page.reload()
    app.until(lambda: app.session.handle("state", {"restore": True})[0]["settled"])
    app.session.wait()  # for the flow of the repaired image, which the page may not know yet
    app.until(lambda: np.abs(app.pixels().astype(int) - app.export()).max() <= 1)
    assert app.call("settings") == told
    app.page.reload()  # now the flow is that of the repaired image
    before = "document.querySelector('#equaliser').shadowRoot.querySelector('[data-r=before]')"
    app.ready()
    app.until(lambda: np.abs(app.pixels(before).astype(int) - COFFEE.array).max() <= 1)


def test_the_ruler_on_several_discs(start):
    y, x = np.mgrid[:180, :320]
    discs = {
        (40, 50): (10, 0.1),
        (100, 90): (25, 0.2),
        (210, 60): (16, -0.15),
        (270, 130): (6, 0.3),
    }
    image = np.full(x.shape, 0.4)
    for (across, down), (radius, contrast) in discs.items():
        covered = np.clip(radius + 0.5 - np.hypot(x + 0.5 - across, y + 0.5 - down), 0, 1)
        image += contrast * covered
    app = start(Picture(from_float(image, "uint8"), "YX", format="png"))
    app.button("Larger structures").click()
    app.ready()
    left, top, width, _ = app.image_box()
    words = app.page.locator(".ruler")
    for (across, down), (radius, contrast) in discs.items():
        app.page.mouse.move(5, 300)
        words.wait_for(state="hidden")
        app.page.mouse.move(left + across * width / 320, top + down * width / 320)
        words.wait_for()
        found, strength = map(float, re.findall(r"-?[\d.]+", words.inner_text()))
        assert found == pytest.approx(2 * radius, rel=0.15)
        assert strength == pytest.approx(abs(contrast), rel=0.15)


def test_larger_structures_keep_the_picture_and_the_sliders(start):
    app = start()
    app.button("Enhance").click()
    before, shown = app.call("settings"), app.pixels().astype(int)
    app.button("Larger structures").click()
    app.until(lambda: len(app.call("settings")["edges"]) > len(before["edges"]))
    app.ready()
    after = app.call("settings")
    count = len(before["gains"])
    assert after["edges"][: count - 1] == before["edges"]
    assert after["gains"][:count] == before["gains"]
    assert set(after["gains"][count:]) == {before["base"]}
    assert app.page.get_by_label("largest", exact=True).count() == 1
    assert np.abs(app.pixels().astype(int) - shown).mean() < 1
    assert np.abs(app.pixels().astype(int) - app.export()).max() <= 1
    edges = app.page.get_by_role("slider", name=re.compile("^Edge between"))
    places = [each.bounding_box()["x"] for each in edges.all()]
    assert min(np.diff(places)) > 8  # not crowded


def test_numbers_are_typed_into_gains(start):
    app = start()
    number = app.page.get_by_label("Gain of grain, as a number")
    for text, gain in (("2.5", 2.5), ("0,25", 0.25), ("99", 10), ("x", 10)):
        number.fill(text)
        number.press("Enter")
        assert app.call("settings")["gains"][0] == gain
        app.until(lambda wanted=gain: number.input_value() == f"{wanted:.2f}")
    number.press("1")  # no shortcut while typing
    assert app.page.locator("[data-r=zoomText]").inner_text() != "100 %"


def test_two_tabs_have_images_of_their_own(start):
    app = start()
    other = app.page.context.new_page()
    other.goto(f"http://{app.address}/#token=secret")
    file = {"name": "o.png", "mimeType": "image/png", "buffer": encode_image(COFFEE, "o.png")}
    other.get_by_role("img", name="Result").wait_for()
    other.locator("[data-r=chooser]").set_input_files(file)
    other.get_by_text("o.png").wait_for()
    app.button("Cartoon").click()
    app.until(lambda: app.session.settings["gains"][0] == 0)
    app.page.reload()
    app.ready()
    assert "coffee.png" in app.page.locator("[data-r=file]").inner_text()
    assert app.call("settings")["gains"][0] == 0


def test_another_image_closes_the_export_dialog(start):
    app = start()
    app.page.keyboard.press("e")
    app.page.get_by_text("spectral.decompose").wait_for()
    app.give("chooser", "n.png", encode_image(COFFEE, "n.png"))
    app.page.get_by_role("heading", name="Export").wait_for(state="hidden")
    app.until(lambda: "n.png" in app.page.locator("[data-r=file]").inner_text())
    app.ready()
    app.page.keyboard.press("e")
    app.page.get_by_text("n_equalised.png:").wait_for()
    app.page.get_by_label("Format").last.select_option("JPEG")
    name, file = app.download("Download image")
    assert name == "n_equalised.jpg"
    assert decode_image(file).array.shape == COFFEE.array.shape


def test_an_image_can_be_exported_as_soon_as_its_bands_are_refined(start):
    app = start()
    handle, busy = app.session.handle, ["busy"]

    def refining(name, *arguments, **options):
        answer = handle(name, *arguments, **options)
        if name == "state":
            answer[0].update(status=busy[0])
        return answer

    app.session.handle = refining
    app.page.reload()
    app.page.locator("[data-r=view]").wait_for()
    app.page.keyboard.press("e")
    app.page.get_by_text("as soon as the bands are refined").wait_for()
    download = app.page.locator("[data-r=download]")
    assert download.is_disabled()
    busy[0] = "done"
    app.until(download.is_enabled)
    assert app.page.locator("[data-r=exportNote]").inner_text().startswith("coffee_equalised.png:")
    assert app.page.locator("[data-r=export]").is_enabled()


def test_the_start_page_has_samples_and_messages_end(start):
    app = start(None, wait=False)
    app.page.get_by_text("An equaliser for images").wait_for()
    app.give("chooser", "broken.png", b"\x89PNG\r\n\x1a\nbroken")
    alert = app.page.get_by_role("alert")
    alert.wait_for()
    app.button("cameraman").click()
    app.ready()
    assert alert.is_hidden()
    assert app.pixels().shape == (512, 512, 3)
    app.give("chooser", "broken.png", b"\x89PNG\r\n\x1a\nbroken")
    alert.wait_for()
    assert app.page.get_by_role("img", name="Result").is_visible()  # still the one before
    alert.wait_for(state="hidden", timeout=16000)


def test_a_file_is_shown_while_python_reads_it(start):
    app = start()
    app.page.route("**/api/open", lambda route: held.append(route))
    held = []
    app.give("chooser", "n.png", encode_image(COFFEE, "n.png"))
    app.until(lambda: app.page.locator("[data-r=thumb]").is_visible())
    assert app.page.get_by_role("img", name="Result").is_hidden()
    assert app.button("Export…").is_disabled()
    held.pop().continue_()
    app.until(lambda: "n.png" in app.page.locator("[data-r=file]").inner_text())
    app.page.get_by_role("img", name="Result").wait_for()
    assert app.page.locator("[data-r=thumb]").is_hidden()
