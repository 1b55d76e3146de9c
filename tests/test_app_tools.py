"""The equaliser besides bands: repair, regions, few pixels, fusion; and the widget."""

import base64
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest

from cases.page import COFFEE
from steepest import patches
from steepest.io import Image as Picture
from steepest.io import decode_image, encode_image, from_float
from steepest.patches.files import encode


def test_the_brush_repairs_exactly_what_it_covers(start, tmp_path):
    scratched = np.array(COFFEE.array)
    scratched[78:82, 20:180] = 255
    photo = COFFEE.with_parts([scratched])
    app = start(photo)
    (tmp_path / photo.name).write_bytes(encode_image(photo, photo.name))
    app.tab("Repair")
    left, top, width, _ = app.image_box()
    scale = width / 200
    app.drag((left + 15 * scale, top + 80 * scale), (left + 190 * scale, top + 80 * scale), steps=2)
    app.page.get_by_text("1 stroke").wait_for()
    app.tab("Bands")
    app.ready()
    app.until(lambda: not np.array_equal(app.pixels(), photo.array))
    app.ready()
    changed = (app.pixels() != photo.array).any(axis=2)
    assert changed[78:82, 25:180].mean() > 0.99  # without gaps between the mouse's positions
    assert not changed[:60].any()
    assert not changed[100:].any()
    error = np.abs(app.pixels().astype(int) - COFFEE.array)[78:82, 20:180].mean()
    assert error < 0.2 * np.abs(scratched.astype(int) - COFFEE.array)[78:82, 20:180].mean()

    app.button("Enhance").click()
    app.page.keyboard.press("e")
    app.page.get_by_text("inpainting.inpaint").wait_for()
    name, mask = app.download("Download coffee_mask.png")
    (tmp_path / name).write_bytes(mask)
    name, file = app.download("Download image")
    python, command = (
        app.page.locator(f"[data-r={key}]").inner_text() for key in ("python", "command")
    )
    subprocess.run([sys.executable, "-c", python], cwd=tmp_path, check=True)
    assert (tmp_path / name).read_bytes() == file
    (tmp_path / name).unlink()
    for each in command.split(" && "):
        words = shlex.split(each)[1:]
        subprocess.run(
            [sys.executable, "-m", "steepest.cli", *words, "-q"], cwd=tmp_path, check=True
        )
    assert (tmp_path / name).read_bytes() == file

    app.page.keyboard.press("Escape")
    app.tab("Repair")
    app.page.keyboard.press("Control+z")  # the preset
    app.page.keyboard.press("Control+z")  # the stroke
    app.tab("Bands")
    app.until(lambda: np.array_equal(app.pixels(), photo.array))


def test_strokes_may_leave_the_image_and_there_may_be_many(start):
    app = start()
    app.tab("Repair")
    left, top, *_ = app.image_box()
    app.drag((left + 30, top + 30), (left - 20, top - 15), (left + 60, top - 20))
    app.page.get_by_text("1 stroke").wait_for()
    app.page.evaluate(
        """([left, top, width, height]) => {
        const stage = document.querySelector('#equaliser').shadowRoot.querySelector('.stage');
        const how = { pointerId: 1, button: 0, buttons: 1, bubbles: true, composed: true };
        const send = (type, clientX, clientY) =>
          stage.dispatchEvent(new PointerEvent(type, { ...how, clientX, clientY }));
        stage.setPointerCapture = () => {};
        for (let k = 0; k < 40; k++) {
          const y = top + 10 + k * (height - 20) / 40;
          send("pointerdown", left + 10, y);
          for (let i = 0; i < 200; i++) send("pointermove", left + 10 + 0.137 * i, y + Math.sin(i));
          send("pointerup", left + 40, y);
        }
    }""",
        app.image_box().tolist(),
    )
    app.page.get_by_text("41 strokes").wait_for()
    app.tab("Bands")
    app.until(lambda: not np.array_equal(app.pixels(), COFFEE.array))
    assert app.page.get_by_role("alert").is_hidden()


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
    assert np.abs(app.over().astype(int) - made).max() <= 1
    assert np.abs(made - COFFEE.array).max() > 10
    other = COFFEE.with_parts([np.ascontiguousarray(COFFEE.array[:100, :120])])
    app.give("secondChooser", "small.png", encode_image(other, "small.png"))
    app.page.get_by_text("It was cropped and resized to 200").wait_for()


def denoised(app, noisy):
    """The image that is downloaded, after a look at the page and at what was removed."""
    _, file = app.download("Download this image")
    made = decode_image(file).array.astype(int)
    assert np.abs(app.over().astype(int) - made).max() <= 1
    before = np.abs(noisy - COFFEE.array.astype(int)).mean()
    assert np.abs(made - COFFEE.array).mean() < 0.45 * before
    return made


def test_denoising_by_an_energy_and_by_a_model_of_a_good_image(start):
    noise = np.random.default_rng(0).normal(0, 25, COFFEE.array.shape)
    noisy = np.clip(COFFEE.array + noise, 0, 255).astype(np.uint8)
    app = start(COFFEE.with_parts([noisy]))
    app.tab("Denoise")
    app.button("Remove noise").click()
    words = app.page.locator("[data-r=denoisedText]")
    words.get_by_text("Noise:").wait_for()
    measured = float(re.search(r"([\d.]+) of 255", words.inner_text())[1])
    assert measured == pytest.approx(25, rel=0.15)
    first = denoised(app, noisy)
    app.page.get_by_label("Method").select_option("patches of a good image")
    few = {"num_components": 5, "num_patches": 2000, "channel_axis": -1}
    app.give("goodChooser", "g.stpm", encode(patches.fit(COFFEE.array, 4, **few)))
    app.until(
        lambda: not np.array_equal(app.over(), first) and app.page.locator(".job").is_hidden()
    )
    assert np.abs(denoised(app, noisy) - first).max() > 2


def test_objects_are_outlined_and_listed(start):
    y, x = np.mgrid[:120, :160]
    discs = [(40, 40, 15, 0.4), (80, 110, 22, 0.3), (30, 120, 9, -0.2)]
    image = 0.4 + sum(c * np.clip(r + 0.5 - np.hypot(y - a, x - b), 0, 1) for a, b, r, c in discs)
    app = start(Picture(from_float(image, "uint8"), "YX", format="png", name="d.png"))
    app.tab("Objects")
    app.button("Find objects").click()
    app.page.get_by_text("3 objects").wait_for()
    rows = app.page.locator("[data-r=rows] tr")
    sizes = sorted(float(row.split()[1]) for row in rows.all_inner_texts())
    assert sizes == pytest.approx([18, 30, 44], rel=0.1)
    drawn = app.page.locator("[data-r=over]").evaluate(
        "e => [...e.getContext('2d').getImageData(0, 0, 160, 120).data]"
    )
    drawn = np.array(drawn).reshape(120, 160, 4)
    edge = drawn[:, :, 3] == 255
    away = [np.abs(np.hypot(y - a, x - b) - r) for a, b, r, _ in discs]
    assert (np.min(away, axis=0)[edge & (drawn[..., :3].min(axis=2) < 100)] < 2.5).all()
    red, blue = (drawn[15:45, 105:135, channel].astype(int) for channel in (0, 2))
    outline = edge[15:45, 105:135] & (red + blue > 0)
    assert np.median((blue - red)[outline]) > 50  # the dark one is blue
    rows.first.click()
    assert app.page.locator("tr.chosen").count() == 1
    name, table = app.download("Download the table (CSV)")
    assert name == "d_objects.csv"
    assert len(table.decode().splitlines()) == 4


def test_repair_shows_the_edited_image(start):
    scratched = np.array(COFFEE.array)
    scratched[78:82, 20:180] = 255
    app = start(COFFEE.with_parts([scratched]))
    app.button("Cartoon").click()
    edited = app.pixels().astype(int)
    assert np.abs(edited - scratched).max() > 20
    app.tab("Repair")
    assert np.abs(app.pixels().astype(int) - edited).max() <= 1
    left, top, width, _ = app.image_box()
    scale = width / 200
    app.drag((left + 15 * scale, top + 80 * scale), (left + 190 * scale, top + 80 * scale))
    app.page.get_by_text("1 stroke").wait_for()
    app.until(lambda: (app.over()[78:82, 25:175] > 0).mean() > 0.9)
    filled = app.over()[78:82, 25:175].astype(int)
    around = edited[[72, 88], 25:175]
    assert np.abs(filled.mean((0, 1)) - around.mean((0, 1))).max() < 25
    app.page.get_by_label("Fill in").select_option("smoothly")
    app.until(lambda: not np.array_equal(app.over()[78:82, 25:175], filled))


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
