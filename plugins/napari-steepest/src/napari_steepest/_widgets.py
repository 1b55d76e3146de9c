"""The dock widgets. napari itself is imported inside functions only."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    FloatSpinBox,
    Label,
    ProgressBar,
    PushButton,
    SpinBox,
    create_widget,
)
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QLabel, QSizePolicy
from superqt.utils import qthrottled

from steepest import InputError

from . import _jobs
from ._source import Source
from ._watch import Cancelled, Watch

_TICK = 200  # milliseconds between updates of the progress bar
_LABELS = 85  # pixels: the width of labels
_GREY = "grey value x pixel; grey values of 8-bit and 16-bit images count from 0 to 1"
# what to work on: (axes of space, all of them)
_EXTENTS = {
    "This slice (2-D)": (2, False),
    "Every slice (2-D)": (2, True),
    "This volume (3-D)": (3, False),
    "Every volume (3-D)": (3, True),
}


class Panel(Container):
    """A layer, the parameters of one job, buttons to run and cancel it, progress and a status."""

    about: ClassVar[str]

    def __init__(self, viewer: Any, job: Callable[..., _jobs.Outcome], **parameters: Any) -> None:
        self._viewer, self._job, self._parameters = viewer, job, parameters
        self._worker: Any = None
        self._watch = Watch()
        self.source = create_widget(
            annotation="napari.layers.Image", label="Image",
            options={"tooltip": "The layer to process. The result is added as new layers."},
        )  # fmt: skip
        self.extent = ComboBox(
            choices=list(_EXTENTS), label="Work on",
            tooltip="What one result is computed from: the last two axes of the layer (a slice) "
            "or the last three (a volume). Earlier axes are time or positions.",
        )  # fmt: skip
        self.use_scale = CheckBox(
            text="Use the layer's scale", label="Spacing",
            tooltip="Off: distances are in pixels. On: in the units of the layer's scale, which "
            "also changes the unit of strengths and times.",
        )  # fmt: skip
        self.run = PushButton(text="Run")
        self.cancel = PushButton(text="Cancel", enabled=False)
        buttons = Container(widgets=[self.run, self.cancel], layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        self.bar = ProgressBar(min=0, max=1000, visible=False, label=" ")
        self.status = _words("")
        rows = [self.source, *parameters.values(), self.extent, self.use_scale]
        form = Container(widgets=rows)
        form.margins = (0, 0, 0, 0)
        _align(form)
        super().__init__(
            widgets=[_words(self.about), form, buttons, self.bar, self.status], labels=False
        )
        self.native.layout().addStretch()
        self.run.clicked.connect(self.start)
        self.cancel.clicked.connect(self.stop)
        self._timer = QTimer(self.native)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._show)
        self.native.destroyed.connect(lambda: self._leave())  # a bound method would go with native

    def arguments(self, source: Source) -> dict[str, Any]:
        """The parameters that the job is called with."""
        return {name: widget.value for name, widget in self._parameters.items()}

    def start(self) -> None:
        """Run the job in a thread, unless it runs already."""
        from napari.qt.threading import create_worker

        if self._worker is not None:
            return
        num_space, every = _EXTENTS[self.extent.value]
        try:
            source = Source.of(
                self.source.value, num_space=num_space, every=every,
                point=tuple(self._viewer.dims.point), use_scale=self.use_scale.value,
            )  # fmt: skip
            arguments = self.arguments(source)
        except InputError as error:
            self.status.value = str(error)
            return
        self._watch = Watch(source.num_frames)
        self._worker = create_worker(
            self._job, source, **arguments, on_step=self._listen,
            _ignore_errors=True, _start_thread=False,
        )  # fmt: skip
        self._worker.returned.connect(self._add)
        self._worker.errored.connect(self._fail)
        self._worker.finished.connect(self._rest)
        self.run.enabled, self.cancel.enabled = False, True
        self._show()
        self._timer.start()
        self._worker.start()

    def stop(self) -> None:
        """Ask the job to stop at the end of its step."""
        if self._worker is not None:
            self.cancel.enabled = False
            self._worker.quit()  # as napari does when its window is closed

    def _listen(self, report: Any) -> None:
        """In the thread of the job, after each step."""
        self._watch.cancelled = self._worker.abort_requested
        self._watch(report)

    def _show(self) -> None:
        share = self._watch.share
        self.bar.max = 0 if share is None else 1000  # 0: it moves, without a number
        self.bar.value = round(1000 * (share or 0))
        self.bar.visible = True
        self.status.value = self._watch.words if self.cancel.enabled else "Cancelling ..."

    def _add(self, outcome: _jobs.Outcome) -> None:
        from napari.layers import Layer

        self._timer.stop()  # it would overwrite the words
        layers, words = outcome
        for layer in layers:
            self._viewer.add_layer(Layer.create(*layer))
        self.status.value = words

    def _fail(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            return
        self._timer.stop()
        self.status.value = str(error) or type(error).__name__
        if not isinstance(error, (ValueError, MemoryError, OSError)):
            raise error  # a defect: napari shows where

    def _leave(self) -> None:
        """The panel or napari is closed: stop the job, and do not touch what is gone."""
        if self._worker is not None:
            self._worker.returned.disconnect(self._add)
            self._worker.errored.disconnect(self._fail)
            self._worker.finished.disconnect(self._rest)
            self._worker.quit()

    def _rest(self) -> None:
        self._timer.stop()
        if self._worker.abort_requested:
            self.status.value = "Cancelled."
        self._worker, self._watch = None, Watch()  # the last report holds an image
        self.bar.visible = False
        self.run.enabled, self.cancel.enabled = True, False


class Denoise(Panel):
    """Certified denoising."""

    about = "Remove noise without blurring edges."

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(
            napari_viewer, _jobs.denoise,
            strength=FloatSpinBox(
                value=0, min=0, max=1e6, step=0.01, label="Strength",
                tooltip=f"In {_GREY}. Automatic (0): found from the noise.",
            ),
            energy=ComboBox(
                choices=list(_jobs.ENERGIES), label="Energy",
                tooltip="Total variation favours flat areas; total generalised variation also "
                "slopes, and takes longer.",
            ),
        )  # fmt: skip
        self._parameters["strength"].native.setSpecialValueText("automatic")

    def arguments(self, source: Source) -> dict[str, Any]:
        """For a large image, ask where to save the result."""
        values = super().arguments(source)
        if not source.large:
            return values
        _jobs.check_tiles(source, **values)
        name, _ = QFileDialog.getSaveFileName(
            self.native, "Save the denoised image as", str(Path.home() / f"{source.name}.zarr"),
            "OME-Zarr (*.zarr)",
        )  # fmt: skip
        if not name:
            raise InputError("Not started, because no file was chosen for the result.")
        target = Path(name) if name.endswith(".zarr") else Path(f"{name}.zarr")
        if target.exists():
            raise InputError(f"{target} exists already. Choose another name.")
        return {**values, "target": target}


class Decompose(Panel):
    """Bands as layers."""

    about = "Split an image into bands of structures, from fine and faint to large and strong."

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(
            napari_viewer, _jobs.decompose,
            num_bands=_bands(),
            num_steps=SpinBox(
                value=60, min=3, max=1000, label="Time steps",
                tooltip="More steps separate bands more sharply and take longer.",
            ),
        )  # fmt: skip


class Objects(Panel):
    """Find and measure objects of all sizes."""

    about = (
        "Find bright and dark objects of all sizes, and measure them. The table is in the "
        "features of the new points."
    )

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(
            napari_viewer, _jobs.objects,
            num_bands=_bands(),
            min_snr=FloatSpinBox(
                value=8, min=0, max=1e3, step=1, label="Least SNR",
                tooltip="Contrast times the square root of the number of pixels, divided by the "
                "noise. Fainter objects are left out. Noise alone reaches about 6.",
            ),
        )  # fmt: skip


class Inpaint(Panel):
    """Fill in what is painted over in a Labels layer."""

    about = "Fill in scratches and holes. Paint over them in a Labels layer."

    def __init__(self, napari_viewer: Any) -> None:
        self.hole = create_widget(
            annotation="napari.layers.Labels", label="Fill in",
            options={"tooltip": "Pixels with any label are filled in, and pixels that are NaN."},
        )  # fmt: skip
        method = ComboBox(choices=list(_jobs.FILLS), label="Method",
                          tooltip="Diffusion is fastest; the others continue edges.")  # fmt: skip
        super().__init__(napari_viewer, _jobs.inpaint, labels=self.hole, method=method)

    def arguments(self, source: Source) -> dict[str, Any]:
        """The labels as they are now: the user may paint on while the job runs."""
        layer = self.hole.value
        return {
            **super().arguments(source),
            "labels": None if layer is None else np.array(layer.data),
        }


class Segment(Panel):
    """Classes by brightness, with a proof of each label."""

    about = "Divide an image into classes by brightness, and prove the labels."

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(
            napari_viewer, _jobs.segment,
            num_classes=SpinBox(
                value=2, min=2, max=20, label="Classes",
                tooltip="The number of classes; the darkest is the background.",
            ),
            smoothness=FloatSpinBox(
                value=0.1, min=0, max=1e3, step=0.01, label="Smoothness",
                tooltip="Weight of the contours, in pixels, relative to the range of the image. "
                "Larger: smoother contours, and small objects vanish.",
            ),
        )  # fmt: skip


class Phases(Panel):
    """Denoising of wrapped phases."""

    about = (
        "Remove noise from phases. Jumps by one period do not count as edges. Phases stay wrapped."
    )

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(
            napari_viewer, _jobs.phases,
            strength=FloatSpinBox(
                value=0.35, min=0, max=1e3, step=0.05, label="Strength",
                tooltip="In radian x pixel, whatever the period. Try 0.5 to 2 times the standard "
                "deviation of the noise.",
            ),
            second_order=FloatSpinBox(
                value=0, min=0, max=1e3, step=0.05, label="Second order",
                tooltip="In radian x pixel². More than 0 keeps slopes, without staircases.",
            ),
            period=FloatSpinBox(
                min=1e-6, max=1e6, step=1, label="Period",
                tooltip="The value in the image that stands for a full turn: 6.283185 for radians.",
            ),
        )  # fmt: skip
        self._parameters["period"].native.setDecimals(6)
        self._parameters["period"].value = 2 * math.pi


class Equaliser(Container):
    """One slider for each band of a decomposition; updates one layer."""

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self.source = ComboBox(
            choices=self._decomposed, label="Image", nullable=False,
            tooltip="An image that was split into bands with Decompose.",
        )  # fmt: skip
        self.gains = Container(labels=True)
        self.gains.margins = (0, 0, 0, 0)
        self.status = _words("")
        self.reset = PushButton(text="Reset")
        super().__init__(
            widgets=[
                _words("Weaken or amplify the bands of an image."),
                self.source, self.gains, self.reset, self.status,
            ],
            labels=False,
        )  # fmt: skip
        self.native.layout().addStretch()
        self._update = qthrottled(self._mix, timeout=50)
        self.source.changed.connect(self._renew)
        self.reset.clicked.connect(self._level)
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.connect(self._refresh)
        self._renew()

    def _decomposed(self, _: Any) -> list[tuple[str, Any]]:
        layers = self._viewer.layers
        kept = [layer for layer in layers if "bands" in layer.metadata.get("steepest", {})]
        return [(layer.name.replace(" residual", ""), layer) for layer in kept]

    def _refresh(self) -> None:
        self.source.reset_choices()

    def _renew(self) -> None:
        """Sliders at 1, one for each band of the chosen layer."""
        self.gains.clear()
        layer = self.source.value
        self.status.value = "" if layer else "Run Decompose first."
        self.reset.enabled = layer is not None
        if layer is None:
            return
        notes = layer.metadata["steepest"]
        for k, start in enumerate([*notes["edges"][:-1], None]):
            words = "the residual" if start is None else _jobs.interval(notes["edges"], k)
            slider = FloatSlider(
                value=1, min=0, max=3, step=0.05,
                label="Residual" if start is None else f"Band {k + 1}",
                tooltip=f"Gain of {words}. 1: as it is; 0: removed.",
            )  # fmt: skip
            slider.changed.connect(self._update)
            self.gains.append(slider)
        _align(self.gains)

    def _level(self) -> None:
        """All gains 1 again."""
        for slider in self.gains:
            slider.value = 1

    def _mix(self) -> None:
        from napari.layers import Layer

        layer = self.source.value
        if layer is None:
            return
        notes = layer.metadata["steepest"]
        gains = [slider.value for slider in self.gains]
        name = f"{notes['of']} equalised"
        data = _jobs.equalise(notes, gains).reshape(layer.data.shape)
        if name in self._viewer.layers:
            self._viewer.layers[name].data = data
        else:
            _, options, kind = layer.as_layer_data_tuple()
            options = {**options, "name": name, "visible": True}
            if not layer.rgb:  # the range of the image
                image = _jobs.equalise(notes, np.ones(len(gains)))
                options["contrast_limits"] = (float(image.min()), float(image.max()))
            self._viewer.add_layer(Layer.create(data, options, kind))
        self._viewer.layers[name].metadata = {"steepest": {"gains": gains}}


def _bands() -> SpinBox:
    return SpinBox(
        value=5, min=1, max=20, label="Bands",
        tooltip="The number of bands. A structure is in the band of the time at which it vanishes: "
        f"about contrast x radius / 2, in {_GREY}.",
    )  # fmt: skip


def _words(text: str) -> Label:
    """Text that is wrapped where the panel is narrow, instead of widening it."""
    label = Label(value=text)
    label.native.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    label.native.setSizePolicy(policy)
    return label


def _align(form: Container) -> None:
    """Give the labels of all rows one width; magicgui measures another font than napari's."""
    for label in form.native.findChildren(QLabel):
        label.setMinimumWidth(_LABELS)
