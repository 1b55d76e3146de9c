"""Screenshots of every state of the equaliser, and what must hold in all of them.

They are written to the folder of the environment variable STEEPEST_SCREENSHOTS, if it is set.
"""

import numpy as np
import pytest

from cases.page import COFFEE, picture_of
from steepest.io import Image, sample

SIZES = {
    "1024": ({"width": 1024, "height": 700}, 1),
    "1280": ({"width": 1280, "height": 800}, 1),
    "4k": ({"width": 3840, "height": 2160}, 1),
    "tablet": ({"width": 820, "height": 1180}, 2),
    "phone": ({"width": 390, "height": 844}, 2),
}
# visible controls that the window cuts off, and whether the page is wider than the window
CUT_OFF = """() => {
  const root = document.querySelector('#equaliser').shadowRoot;
  const controls = 'button, input, [role=slider], output, label, h2';
  const cut = [...root.querySelectorAll(controls)].filter(e => {
    const box = e.getBoundingClientRect();
    if (!box.width || !e.checkVisibility({ visibilityProperty: true })) return false;
    const panel = e.closest('.panel, .stage')?.getBoundingClientRect();
    return box.left < -1 || box.right > innerWidth + 1
      || (panel && (box.left < panel.left - 1 || box.right > panel.right + 1));
  });
  const page = document.documentElement;
  return [...cut.map(e => e.outerHTML.slice(0, 80)),
    ...(page.scrollWidth > innerWidth || page.scrollHeight > innerHeight ? ['page scrolls'] : [])];
}"""
# text whose contrast with what is behind it is below 4.5 (WCAG AA); the image is not looked at
FAINT = """() => {
  const root = document.querySelector('#equaliser').shadowRoot, canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const rgb = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const each of colours) { context.fillStyle = each; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => colour.map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const found = [];
  for (const e of root.querySelectorAll('*')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const visible = e.checkVisibility({ visibilityProperty: true });
    if (!own || !visible || e.closest('svg, :disabled, .vacant .pane, .tag, .ruler')) continue;
    const behind = [];
    for (let at = e; at; at = at.parentElement) {
      behind.unshift(getComputedStyle(at).backgroundColor);
    }
    const [front, back] = [rgb([...behind, getComputedStyle(e).color]), rgb(behind)].map(light);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) found.push(`${e.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""


def check(app, name, folder):
    """Take a screenshot; nothing may be cut off or faint."""
    picture = picture_of(app.page, name, folder)
    assert app.page.evaluate(CUT_OFF) == []
    assert app.page.evaluate(FAINT) == []
    return picture


@pytest.mark.parametrize("size", SIZES)
def test_the_layout_fits_the_window(start, size, tmp_path):
    viewport, scale = SIZES[size]
    app = start(viewport=viewport, device_scale_factor=scale, color_scheme="dark")
    app.button("Enhance").click()
    check(app, f"bands-{size}", tmp_path)
    sliders = [each.bounding_box() for each in app.page.locator(".slot input").all()]
    if size not in ("tablet", "phone"):  # otherwise the panel scrolls
        assert all(box["y"] + box["height"] < viewport["height"] for box in sliders)
    assert min(box["height"] for box in sliders) > 80
    image = app.image_box()
    assert image[2] > 0.35 * viewport["width"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_empty_and_error_states(start, theme, tmp_path):
    app = start(None, wait=False, color_scheme=theme)
    app.page.get_by_text("An equaliser for images").wait_for()
    empty = check(app, f"empty-{theme}", tmp_path)
    assert (empty.mean() < 100) == (theme == "dark")
    app.give("chooser", "broken.png", b"\x89PNG\r\n\x1a\nbroken")
    app.page.get_by_role("alert").wait_for()
    check(app, f"error-{theme}", tmp_path)


def test_busy_and_cancelled_states(start, tmp_path):
    pixels = np.tile(sample("coffee"), (4, 2, 1))
    app = start(Image(pixels, "YXC", format="png", name="coffee.png"), wait=False)
    app.until(lambda: len(app.call("stats")["quality"]) > 2)
    assert app.page.get_by_role("progressbar", name="flow").is_visible()
    check(app, "busy", tmp_path)
    app.button("Cancel").click()
    app.button("Continue").wait_for()
    check(app, "cancelled", tmp_path)


BEGIN = {
    "Denoise": [("Remove noise", "of the range")],
    "Objects": [("Find objects", "Download the table")],
    "Regions": [("Find regions", "labels are proven")],
}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_dialogs_and_tabs_are_legible(start, theme, tmp_path):
    app = start(color_scheme=theme)
    app.button("Remove texture").click()
    app.page.keyboard.press("s")
    check(app, f"split-{theme}", tmp_path)
    app.page.keyboard.press("s")
    app.page.keyboard.press("e")
    app.page.get_by_text("spectral.decompose").wait_for()
    check(app, f"export-{theme}", tmp_path)
    app.page.keyboard.press("Escape")
    app.page.keyboard.press("?")
    check(app, f"help-{theme}", tmp_path)
    app.page.keyboard.press("Escape")
    for tab in ("Denoise", "Repair", "Objects", "Regions", "Fuse", "Few pixels"):
        app.tab(tab)
        for button, words in BEGIN.get(tab, []):
            app.button(button).click()
            app.page.get_by_text(words).wait_for()
        check(app, f"{tab.lower().replace(' ', '-')}-{theme}", tmp_path)


def test_the_image_fits_again_when_the_window_changes(start):
    app = start()
    for width, height in ((900, 700), (1600, 900)):
        app.page.set_viewport_size({"width": width, "height": height})
        stage = app.page.locator(".stage").bounding_box()
        middle = stage["x"] + stage["width"] / 2
        app.until(lambda at=middle: abs(app.image_box()[[0, 2]] @ (1, 0.5) - at) < 2, 5)
        assert app.image_box()[2] <= stage["width"]


def test_controls_say_what_they_do_to_a_screen_reader(start):
    app = start()
    slider = app.page.get_by_label("grain", exact=True)
    slider.press("Home")
    app.until(lambda: slider.get_attribute("aria-valuetext") == "grain: 0.00 times")
    tree = app.page.locator("#equaliser").aria_snapshot()
    for words in ('button "Export…"', 'slider "grain"', 'slider "base"', 'tab "Bands" [selected]',
                  'img "Result"', 'group "Presets"', 'slider "Edge between'):  # fmt: skip
        assert words in tree, tree
    assert COFFEE.name in tree
