"""How soon the panels of napari-steepest show progress and can be cancelled, for 1 Mpx.

``xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/napari_latency.py``, in an environment
with napari and plugins/napari-steepest, prints the worst of three runs per panel, after one to
compile.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import napari
import numpy as np
from qtpy.QtTest import QTest

from steepest.io import sample

CASES = [
    ("Denoise", {}),
    ("Denoise", {"energy": "total generalised variation"}),
    ("Flow", {}),
    ("Decompose", {}),
    ("Objects", {}),
    ("Inpaint", {}),
    ("Inpaint", {"method": "total variation"}),
    ("Segment", {}),
    ("Phases", {}),
]


def timed(panel: Any) -> tuple[float, float]:
    """Seconds from Run to the first report, and from Cancel to the end."""
    start = perf_counter()
    panel.run.native.click()
    while panel._worker is not None and panel._watch.report is None:
        QTest.qWait(1)
    first = perf_counter() - start
    QTest.qWait(300)
    start = perf_counter()
    panel.cancel.native.click()
    while panel._worker is not None:
        QTest.qWait(1)
    return first, perf_counter() - start


def main() -> None:
    """Print the table of docs/napari.md."""
    viewer = napari.Viewer()
    rng = np.random.default_rng(0)
    image = np.kron(sample("camera") / 255, np.ones((2, 2)))
    image = np.clip(image + rng.normal(0, 0.1, image.shape), 0, 1).astype(np.float32)
    viewer.add_image(image, name="camera")
    viewer.add_labels((rng.random(image.shape) < 0.02).astype(np.uint8))
    print("| panel | first progress | cancelled after |\n|---|---|---|")
    for name, values in CASES:
        _, panel = viewer.window.add_plugin_dock_widget("napari-steepest", name)
        for key, value in values.items():
            panel._parameters[key].value = value
        panel.source.value = viewer.layers["camera"]
        runs = [timed(panel) for _ in range(4)][1:]
        first, cancel = np.max(runs, axis=0)
        label = ", ".join([name, *values.values()])
        print(f"| {label} | {first:.2f} s | {cancel:.2f} s |", flush=True)
        viewer.window.remove_dock_widget(panel.native)
    viewer.close()


if __name__ == "__main__":
    main()
