"""The panels. napari itself is imported inside functions only."""

import math
from typing import Any

import numpy as np
from magicgui.widgets import (
    ComboBox,
    Container,
    FileEdit,
    FloatSlider,
    FloatSpinBox,
    LineEdit,
    PushButton,
    SpinBox,
    Widget,
    create_widget,
)
from superqt.utils import qthrottled

from steepest import InputError

from . import _jobs, _motion, _spectral
from ._panel import Panel, align, form, words
from ._source import Source

_GREY = "grey value x pixel; grey values of 8-bit and 16-bit images count from 0 to 1"


def _number(label: str, value: float, step: float, tooltip: str, **limits: Any) -> FloatSpinBox:
    limits = {"min": 0, "max": 1e3, **limits}
    return FloatSpinBox(label=label, value=value, step=step, tooltip=tooltip, **limits)


def _bands() -> SpinBox:
    return SpinBox(
        value=5, min=1, max=20, label="Bands",
        tooltip="The number of bands. A structure is in the band of the time at which it vanishes: "
        f"about contrast x radius / 2, in {_GREY}.",
    )  # fmt: skip


class Denoise(Panel):
    """Certified denoising."""

    about = "Remove noise without blurring edges."
    job = staticmethod(_jobs.denoise)
    check = staticmethod(_jobs.check_tiles)
    takes_large = True

    def parameters(self) -> dict[str, Widget]:
        """Strength and energy."""
        strength = _number(
            "Strength", 0, 0.01, f"In {_GREY}. Automatic (0): found from the noise.", max=1e6
        )
        strength.native.setSpecialValueText("automatic")
        energy = ComboBox(
            choices=list(_jobs.ENERGIES), label="Energy",
            tooltip="Total variation favours flat areas; total generalised variation also "
            "slopes, and takes longer.",
        )  # fmt: skip
        return {"strength": strength, "energy": energy}


class Flow(Panel):
    """The total variation flow at given times."""

    about = "Simplify an image step by step: fine and faint structures vanish first."
    job = staticmethod(_spectral.flow)
    takes_large = True

    def parameters(self) -> dict[str, Widget]:
        """The times."""
        tip = (
            "One image for each time; a slider of napari selects it. A structure vanishes at about "
            f"contrast x radius / 2, in {_GREY}."
        )
        return {"times": LineEdit(value="0.02, 0.05, 0.1, 0.2, 0.5", label="Times", tooltip=tip)}


class Decompose(Panel):
    """Bands as layers."""

    about = "Split an image into bands of structures, from fine and faint to large and strong."
    job = staticmethod(_spectral.decompose)
    takes_large = True

    def parameters(self) -> dict[str, Widget]:
        """The numbers of bands and of time steps, and the last time."""
        num_steps = SpinBox(
            value=60, min=3, max=1000, label="Time steps",
            tooltip="More steps separate bands more sharply and take longer.",
        )  # fmt: skip
        t_max = _number(
            "Last time", 0, 0.1,
            f"Structures that vanish later stay in the residual; in {_GREY}. Automatic (0): when "
            "all have vanished; for large images, which are processed tile by tile, 1 pixel.",
        )  # fmt: skip
        t_max.native.setSpecialValueText("automatic")
        return {"num_bands": _bands(), "num_steps": num_steps, "t_max": t_max}


class Objects(Panel):
    """Find and measure compact objects."""

    about = (
        "Find cells, grains, particles and other compact objects, and measure them. The table is "
        "in the features of the new labels."
    )
    job = staticmethod(_jobs.objects)

    def parameters(self) -> dict[str, Widget]:
        """How clear an object must be, and whether it is bright or dark."""
        tip = (
            "The evidence for an object: about the number of pixels of a clear contour. Raise it "
            "to 8 or 12 if texture is found, too. White noise has no objects at 5."
        )
        polarity = ComboBox(value="both", choices=["both", "bright", "dark"], label="Objects")
        return {"min_score": _number("Least score", 5, 1, tip), "polarity": polarity}


class Inpaint(Panel):
    """Fill in what is painted over in a Labels layer."""

    about = "Fill in scratches and holes. Paint over them in a Labels layer."
    job = staticmethod(_jobs.inpaint)
    check = staticmethod(_jobs.check_inpaint)
    takes_large = True

    def parameters(self) -> dict[str, Widget]:
        """The Labels layer and the method."""
        labels = create_widget(
            annotation="napari.layers.Labels", label="Fill in",
            options={"tooltip": "Pixels with any label are filled in, and pixels that are NaN."},
        )  # fmt: skip
        tip = "Diffusion is fastest; the others continue edges."
        method = ComboBox(choices=list(_jobs.FILLS), label="Method", tooltip=tip)
        return {"labels": labels, "method": method}

    def arguments(self, source: Source) -> dict[str, Any]:
        """The labels as they are now: the user may paint on while the job runs."""
        from dask import array as lazy

        values = super().arguments(source)
        layer = values["labels"]
        if layer is not None:
            data = layer.data[0] if layer.multiscale else layer.data
            values["labels"] = data.copy() if isinstance(data, np.ndarray) else lazy.asarray(data)
        return values


class Segment(Panel):
    """Classes by brightness, with a proof of each label."""

    about = "Divide an image into classes by brightness, and prove the labels."
    job = staticmethod(_jobs.segment)
    takes_large = True

    def parameters(self) -> dict[str, Widget]:
        """The number of classes and the weight of their contours."""
        num_classes = SpinBox(
            value=2, min=2, max=20, label="Classes",
            tooltip="The number of classes; the darkest is the background.",
        )  # fmt: skip
        tip = (
            "Weight of the contours, in pixels, relative to the range of the image. Larger: "
            "smoother contours, and small objects vanish."
        )
        return {"num_classes": num_classes, "smoothness": _number("Smoothness", 0.1, 0.01, tip)}


class Phases(Panel):
    """Denoising of wrapped phases."""

    about = (
        "Remove noise from phases. Jumps by one period do not count as edges. Phases stay wrapped."
    )
    job = staticmethod(_jobs.phases)

    def parameters(self) -> dict[str, Widget]:
        """Both strengths, and the period."""
        strength = _number(
            "Strength", 0.35, 0.05,
            "In radian x pixel, whatever the period. Try 0.5 to 2 times the standard deviation of "
            "the noise.",
        )  # fmt: skip
        tip = "In radian x pixel². More than 0 keeps slopes, without staircases."
        second_order = _number("Second order", 0, 0.05, tip)
        tip = "The value in the image that stands for a full turn: 6.283185 for radians."
        period = _number("Period", 1, 1, tip, min=1e-6, max=1e6)
        period.native.setDecimals(6)
        period.value = 2 * math.pi
        return {"strength": strength, "second_order": second_order, "period": period}


class Learned(Panel):
    """Patches of a good image, by which others are restored."""

    about = "Learn from one good image what others should look like."
    job = staticmethod(_jobs.learned)

    def parameters(self) -> dict[str, Widget]:
        """The good image or a model, what to compute, and the noise."""
        reference = create_widget(
            annotation="napari.layers.Image", label="Good image",
            options={"tooltip": "Sharp and without noise, of the same kind and magnification."},
        )  # fmt: skip
        model = FileEdit(
            filter="*.stpm", nullable=True, label="Or model",
            tooltip="A model that 'steepest patches fit' has written. The good image is not used.",
        )  # fmt: skip
        show = ComboBox(choices=list(_jobs.LEARNED), label="Show")
        tip = "Standard deviation, in grey values; those of 8-bit and 16-bit images count from 0 "
        noise = _number("Noise", 0, 0.01, f"{tip}to 1. Automatic (0): estimated.", max=1e6)
        noise.native.setSpecialValueText("automatic")
        return {"reference": reference, "model": model, "show": show, "noise": noise}

    def arguments(self, source: Source) -> dict[str, Any]:
        """The good image as it is read by the job."""
        values = super().arguments(source)
        layer, values["reference"] = values["reference"], None
        if values["model"] is None:
            if layer is self.source.value:
                raise InputError("Choose a good image other than the image, or a model.")
            values["reference"] = Source.of(layer, num_space=source.num_space)
        return values


class Motion(Panel):
    """Displacement and strain between images, and magnified motion."""

    about = "Find how things move and stretch, or make small motion visible."
    job = staticmethod(_motion.motion)

    def parameters(self) -> dict[str, Widget]:
        """The image to compare with, what to show, and how far things move."""
        reference = create_widget(
            annotation="napari.layers.Image | None", label="Before",
            options={
                "tooltip": "What the image is compared with; none: the first image of a series.",
                "nullable": True,
            },
        )  # fmt: skip
        show = ComboBox(choices=list(_motion.SHOWN), label="Show")
        shift = _number("Largest shift", 2, 1, "In pixels, between an image and the next.")
        factor = _number("Factor", 10, 1, "How many times as large magnified motion becomes.")
        return {"reference": reference, "show": show, "max_shift": shift, "factor": factor}

    def arguments(self, source: Source) -> dict[str, Any]:
        """The other image as it is read by the job."""
        values = super().arguments(source)
        layer = values["reference"]
        if layer is self.source.value:
            raise InputError("Choose another image to compare with, or none.")
        if layer is not None:
            values["reference"] = Source.of(layer, num_space=source.num_space)
        return values


class Equaliser(Container):
    """One slider for each band of a decomposition; updates one layer."""

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self.source = ComboBox(
            choices=self._decomposed, label="Image", nullable=False,
            tooltip="An image that was split into bands with Decompose.",
        )  # fmt: skip
        self.gains = form([])
        self.status = words("")
        self.reset = PushButton(text="Reset")
        super().__init__(
            widgets=[
                words("Weaken or amplify the bands of an image."),
                form([self.source]), self.gains, self.reset, self.status,
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
            what = "the residual" if start is None else _spectral.interval(notes["edges"], k)
            slider = FloatSlider(
                value=1, min=0, max=3, step=0.05,
                label="Residual" if start is None else f"Band {k + 1}",
                tooltip=f"Gain of {what}. 1: as it is; 0: removed.",
            )  # fmt: skip
            slider.changed.connect(self._update)
            self.gains.append(slider)
        align(self.gains)

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
        data = _spectral.equalise(notes, gains)
        if name in self._viewer.layers:
            self._viewer.layers[name].data = data
        else:
            _, options, kind = layer.as_layer_data_tuple()
            options = {**options, "name": name, "visible": True}
            if not layer.rgb:  # the range of the image
                image = _spectral.equalise(notes, np.ones(len(gains)))
                options["contrast_limits"] = (float(image.min()), float(image.max()))
            self._viewer.add_layer(Layer.create(data, options, kind))
        self._viewer.layers[name].metadata = {"steepest": {"gains": gains}}
