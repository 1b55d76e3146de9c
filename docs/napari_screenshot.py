"""Draw docs/images/napari.png, in an environment with napari and plugins/napari-steepest.

``xvfb-run -a -s "-screen 0 1600x1000x24" python docs/napari_screenshot.py``
"""

from __future__ import annotations

from pathlib import Path

import napari
from PIL import Image
from qtpy.QtTest import QTest

TARGET = Path(__file__).parent / "images" / "napari.png"


def main() -> None:
    """Decompose the noisy photograph, drop the finest bands, and save the window."""
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    viewer.open_sample("napari-steepest", "camera")
    viewer.layers[0].name = "camera"
    _, decompose = viewer.window.add_plugin_dock_widget("napari-steepest", "Decompose")
    _, equaliser = viewer.window.add_plugin_dock_widget("napari-steepest", "Equaliser")
    decompose.run.native.click()
    while not decompose.run.enabled:
        QTest.qWait(100)
    for slider, gain in zip(equaliser.gains, (0, 0.2, 1.4), strict=False):
        slider.value = gain
    QTest.qWait(1000)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    picture.quantize(64).save(TARGET, optimize=True)
    viewer.close()


if __name__ == "__main__":
    main()
