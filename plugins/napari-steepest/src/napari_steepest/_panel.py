"""The machinery of the panels: parameters, buttons, a worker, progress and a status line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from magicgui.widgets import (
    ComboBox,
    Container,
    Label,
    ProgressBar,
    PushButton,
    Widget,
    create_widget,
)
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QLabel, QSizePolicy

from steepest import InputError

from ._files import adopt_sizes
from ._jobs import Outcome
from ._source import Source
from ._watch import Cancelled, Watch

_TICK = 200  # milliseconds between updates of the progress bar
_LABELS = 100  # pixels: the width of labels; magicgui measures another font than napari's
# what to work on: (axes of space, all of them)
_EXTENTS = {
    "This slice (2-D)": (2, False),
    "Every slice (2-D)": (2, True),
    "This volume (3-D)": (3, False),
    "Every volume (3-D)": (3, True),
}


class Panel(Container):
    """A layer, the parameters of one job, buttons to run and cancel it, progress and a status.

    A panel whose job takes ``target`` asks for a file if the image is large. ``check`` is called
    with the source and the parameters before.
    """

    about: ClassVar[str]
    job: ClassVar[Callable[..., Outcome]]
    takes_large: ClassVar[bool] = False
    check: ClassVar[Callable[..., None]] = staticmethod(lambda source, **values: None)

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer, self._parameters = napari_viewer, self.parameters()
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
        self.use_scale = ComboBox(
            choices=[("pixels", False), ("units of the layer", True)], label="Lengths in",
            tooltip="The unit of distances, and so of strengths and times. The units of the layer "
            "come from its scale: choose them for volumes with thick slices.",
        )  # fmt: skip
        self.run = PushButton(text="Run")
        self.cancel = PushButton(text="Cancel", enabled=False)
        buttons = Container(widgets=[self.run, self.cancel], layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        self.bar = ProgressBar(min=0, max=1000, visible=False, label=" ")
        self.status = words("")
        rows = form([self.source, *self._parameters.values(), self.extent, self.use_scale])
        super().__init__(
            widgets=[words(self.about), rows, buttons, self.bar, self.status], labels=False
        )
        self.native.layout().addStretch()
        self.run.clicked.connect(self.start)
        self.cancel.clicked.connect(self.stop)
        self._timer = QTimer(self.native)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._show)
        self._viewer.layers.events.inserted.connect(self._adopt)
        self._adopt()
        self.native.destroyed.connect(lambda: self._leave())  # a bound method would go with native

    def _adopt(self, event: Any = None) -> None:
        """Pixel sizes that napari has not read from the files of layers, or of the inserted one."""
        new = None if event is None else [event.value]
        if said := adopt_sizes(self._viewer.layers, new):
            self.status.value = " ".join(said)
            self._viewer.reset_view()

    def parameters(self) -> dict[str, Widget]:
        """The widgets of the parameters that the job is called with."""
        raise NotImplementedError

    def arguments(self, source: Source) -> dict[str, Any]:
        """The values of the parameters and, for a large image, the file of the result."""
        values = {name: widget.value for name, widget in self._parameters.items()}
        if not (self.takes_large and source.large):
            return values
        self.check(source, **values)
        name, _ = QFileDialog.getSaveFileName(
            self.native, "Save the result as", str(Path.home() / f"{source.name}.zarr"),
            "OME-Zarr (*.zarr)",
        )  # fmt: skip
        if not name:
            raise InputError("Not started, because no file was chosen for the result.")
        target = Path(name) if name.endswith(".zarr") else Path(f"{name}.zarr")
        if target.exists():
            raise InputError(f"{target} exists already. Choose another name.")
        return {**values, "target": target}

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
            self.job, source, **arguments, on_step=self._listen,
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

    def _add(self, outcome: Outcome) -> None:
        from napari.layers import Layer

        self._timer.stop()  # it would overwrite the words
        layers, words = outcome
        for data, options, kind in layers:
            outlines = options.pop("contour", 0)  # what `Layer.create` does not know
            layer = self._viewer.add_layer(Layer.create(data, options, kind))
            if outlines:
                layer.contour = outlines
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
        self._viewer.layers.events.inserted.disconnect(self._adopt)
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


def words(text: str) -> Label:
    """Text that is wrapped where the panel is narrow, instead of widening it."""
    label = Label(value=text)
    label.native.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    label.native.setSizePolicy(policy)
    return label


def form(rows: list[Widget]) -> Container:
    """Widgets below each other."""
    container = Container(widgets=rows)
    container.margins = (0, 0, 0, 0)
    align(container)
    return container


def align(container: Container) -> None:
    """Give the labels of all rows one width."""
    for label in container.native.findChildren(QLabel):
        label.setFixedWidth(_LABELS)
