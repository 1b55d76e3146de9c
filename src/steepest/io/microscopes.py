"""Read DICOM, NIfTI, CZI, LIF and ND2 files by the packages of the extra ``microscopy``.

Pixel sizes are kept. Other metadata, such as the names of patients, are not.
"""

import gzip
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np

from steepest.core.errors import InputError
from steepest.core.lazy import import_extra
from steepest.core.limits import check_size

from .image import Image, Request, assemble, file_axes
from .metadata import Metadata

_TO_MICROMETRES = 1e6
_NIFTI = {348: "Nifti1Image", 540: "Nifti2Image"}  # by the size of their header
_TIME = ("FrameTime", "FrameTimeVector", "CineRate")  # DICOM: the frames are a film
_CZI_TYPES = {"Gray8", "Gray16", "Gray32Float", "Bgr24", "Bgr48"}


def microscope_reader(file: BinaryIO, name: str) -> Callable[..., Image] | None:
    """The function that reads a file, by its first bytes; None if it is of another kind."""
    head = file.read(132)
    file.seek(0)
    if head[128:] == b"DICM":
        return _dicom
    if head.startswith(b"ZISRAWFILE"):
        return _czi
    if head.startswith(b"\x70\0\0\0") and head[8:9] == b"\x2a":
        return _lif
    nd2 = head.startswith(b"\xda\xce\xbe\x0a") or name.lower().endswith(".nd2")
    if nd2:
        return _nd2
    if _nifti_kind(head) or (head.startswith(b"\x1f\x8b") and name.lower().endswith(".nii.gz")):
        return _nifti
    return None


def _package(module: str, what: str, name: str) -> Any:
    """Import a reader, or say how to install it and what to do otherwise."""
    how = "'steepest[microscopy]'; or open the file in Fiji and save it as TIFF"
    return import_extra(module, f"{name}: {what} files need", how, module.partition(".")[0])


def _image(
    array: np.ndarray, axes: str, name: str, kind: str, request: Request, metadata: Metadata
) -> Image:
    """An image of the axes of a file; those of a single plane are left out."""
    if request.channel_axis != "auto":
        raise InputError(f"{name}: channel_axis is for TIFF and NPY files")
    single = [k for k, axis in enumerate(axes) if array.shape[k] == 1 and axis not in "YX"]
    array = np.squeeze(array, tuple(single))
    axes = "".join(axis for k, axis in enumerate(axes) if k not in single)
    if "Y" not in axes:  # a scan of one line, in depth
        axes = axes.replace("Z", "Y")
    return assemble(array, file_axes(axes, request.stack, name), name, kind, metadata=metadata)


def _sizes(x: float, y: float, z: float | None, unit: str, **notes: Any) -> Metadata:
    """Metadata with these sizes of a pixel, as far as they are known."""
    known = all(math.isfinite(each) and each > 0 for each in (x, y))
    step = z if z is not None and math.isfinite(z) and z > 0 else None
    resolution = (1 / x, 1 / y) if known else None
    return Metadata(resolution, unit if known or step else "", step, **notes)


def _dicom(file: BinaryIO, name: str, request: Request) -> Image:
    """One DICOM object: an image, or frames that are slices or, in films, time points."""
    pydicom = _package("pydicom", "DICOM", name)
    pixels = import_module("pydicom.pixels")
    request.choose(["image"], name)
    data = pydicom.dcmread(file)
    if "Rows" not in data:
        raise InputError(f"{name}: this DICOM file holds no image")
    frames, samples = int(data.get("NumberOfFrames") or 1), int(data.get("SamplesPerPixel", 1))
    check_size((frames, data.Rows, data.Columns, samples), request.max_pixels, f"{name}:")
    try:
        array, look = pixels.pixel_array(data), str(data.PhotometricInterpretation)
    except RuntimeError:
        raise InputError(
            f"{name}: pydicom has no decoder for {data.file_meta.TransferSyntaxUID.name}; install "
            "one (pip install pylibjpeg pylibjpeg-libjpeg), or save the file as TIFF by Fiji"
        ) from None
    if look == "PALETTE COLOR":
        array, samples = pixels.apply_color_lut(array, data), 3
    changed: tuple[str, ...] = ()
    slope, offset = (
        float(data.get(key, other)) for key, other in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    if (slope, offset) != (1, 0):
        array = (array * slope + offset).astype(np.float32)
        unit = str(data.get("RescaleType") or ("HU" if data.get("Modality") == "CT" else ""))
        changed = (f"in {unit}" if unit else f"times {slope:g} plus {offset:g}",)
    elif look == "MONOCHROME1" and array.dtype.kind == "u":
        array = array.dtype.type((1 << int(data.BitsStored)) - 1) - array
        changed = ("inverted, as 0 was white",)
    pages = "T" if any(key in data for key in _TIME) else "Z"
    axes = (pages if frames > 1 else "") + "YX" + ("C" if samples > 1 else "")
    measures = _dicom_measures(data)
    y, x = map(float, measures.get("PixelSpacing") or data.get("ImagerPixelSpacing") or (0, 0))
    step = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness")
    step = float(step) if step and frames > 1 else None
    lost = ("DICOM data",)
    metadata = _sizes(x, y, step, "mm", changed=changed, lost=lost)
    return _image(array, axes, name, "dicom", request, metadata)


def _dicom_measures(data: Any) -> Any:
    """Where a DICOM object says how large its pixels are."""
    shared = data.get("SharedFunctionalGroupsSequence")
    measures = shared[0].get("PixelMeasuresSequence") if shared else None
    return measures[0] if measures else data


def _nifti_kind(head: bytes) -> str | None:
    orders = ("little", "big")
    return next((_NIFTI[n] for o in orders if (n := int.from_bytes(head[:4], o)) in _NIFTI), None)  # type: ignore[arg-type]


def _nifti(file: BinaryIO, name: str, request: Request) -> Image:
    """A NIfTI volume or series of volumes, as stored: its axes x, y, z, t become T, Z, Y, X."""
    nibabel = _package("nibabel", "NIfTI", name)
    request.choose(["image"], name)
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if zipped else file
    kind = _nifti_kind(stream.read(8))
    stream.seek(0)
    if kind is None:
        raise InputError(f"{name}: not a NIfTI file")
    image = getattr(nibabel, kind).from_stream(stream)
    shape, scales = image.header.get_data_shape(), (image.dataobj.slope, image.dataobj.inter)
    check_size(shape, request.max_pixels, f"{name}:")
    if len(shape) > 4 and math.prod(shape[4:]) > 1:
        raise InputError(f"{name}: shape {shape}; allowed are axes x, y, z and t")
    array = np.asanyarray(image.dataobj)
    if array.dtype.names:
        raise InputError(f"{name}: holds colours; allowed are grey values")
    changed: tuple[str, ...] = ()
    if scales != (1, 0):
        array, changed = array.astype(np.float32), ("scaled as the file says",)
    array = array.reshape((*shape, 1, 1, 1, 1)[:4]).transpose()
    x, y, z = (*map(float, image.header.get_zooms()), 0.0, 0.0)[:3]
    space, _ = image.header.get_xyzt_units()
    unit = {"micron": "µm", "meter": "m", "mm": "mm"}.get(space, "mm")
    lost = ("position and orientation",)
    metadata = _sizes(x, y, z, unit, changed=changed, lost=lost)
    return _image(array, "TZYX", name, "nifti", request, metadata)


@contextmanager
def _on_disk(file: BinaryIO, suffix: str) -> Iterator[str]:
    """The name of a file, which is written if it is in memory."""
    if isinstance(own := getattr(file, "name", None), str):
        yield own
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"image{suffix}"
        path.write_bytes(file.read())
        yield str(path)


def _czi(file: BinaryIO, name: str, request: Request) -> Image:
    """A scene of a CZI file at full resolution; mosaics are put together, with 0 between tiles."""
    czi = _package("pylibCZIrw.czi", "CZI", name)
    with _on_disk(file, ".czi") as path, czi.open_czi(path) as document:
        scenes = document.scenes_bounding_rectangle
        names = [f"scene {key}" for key in scenes] or ["image"]
        chosen = request.choose(names, name)
        scene = list(scenes)[chosen] if scenes else None
        roi = scenes[scene] if scenes else document.total_bounding_rectangle
        box, kinds = document.total_bounding_box, set(document.pixel_types.values())
        other = [axis for axis, (a, b) in box.items() if axis not in "TZCYXS" and b - a > 1]
        if len(kinds) > 1 or not kinds <= _CZI_TYPES or other:
            what = f"axes {', '.join(other)}" if other else f"pixels of {', '.join(kinds)}"
            raise InputError(f"{name}: {what} are not supported; split the file, as with Fiji")
        ranges = {axis: range(*box.get(axis, (0, 1))) for axis in "TZC"}
        lengths = [len(each) for each in ranges.values()]
        samples = 3 if kinds & {"Bgr24", "Bgr48"} else 1
        check_size((*lengths, roi.h, roi.w, samples), request.max_pixels, f"{name}:")
        planes = [
            document.read(roi=roi, plane={"T": t, "Z": z, "C": c}, scene=scene)[..., ::-1]
            for t in ranges["T"]
            for z in ranges["Z"]
            for c in ranges["C"]
        ]
        sizes = _czi_sizes(document.raw_metadata)
    array = np.stack(planes).reshape(*lengths, roi.h, roi.w, samples)
    return _image(array, "TZCYXS", name, "czi", request, sizes)


def _czi_sizes(xml: str) -> Metadata:
    found = re.findall(r'<Distance Id="([XYZ])">\s*<Value>([^<]+)</Value>', xml)
    known = {axis: _TO_MICROMETRES * float(text) for axis, text in found}
    return _sizes(known.get("X", 0), known.get("Y", 0), known.get("Z"), "µm", lost=("CZI data",))


def _lif(file: BinaryIO, name: str, request: Request) -> Image:
    """An image of a LIF file."""
    liffile = _package("liffile", "LIF", name)
    with liffile.LifFile(file) as document:
        images = list(document.images)
        names = [f"{each.name} {' x '.join(map(str, each.shape))}" for each in images]
        image = images[request.choose(names, name)]
        check_size(image.shape, request.max_pixels, f"{name}:")
        known = {axis: _TO_MICROMETRES * _step(image.coords, axis) for axis in "XYZ"}
        array, axes = image.asarray(), _letters(image.sizes, name)
    if "Y" not in axes:
        known["Y"] = known["Z"]
    sizes = _sizes(known["X"], known["Y"], known["Z"], "µm", lost=("LIF data",))
    return _image(array, axes, name, "lif", request, sizes)


def _step(coordinates: Mapping[str, np.ndarray], axis: str) -> float:
    """The distance of neighbouring pixels; 0 if it is unknown."""
    along = coordinates.get(axis, np.zeros(1))
    return abs(float(along[-1] - along[0])) / max(len(along) - 1, 1)


def _nd2(file: BinaryIO, name: str, request: Request) -> Image:
    """A position of an ND2 file."""
    nd2 = _package("nd2", "ND2", name)
    with nd2.ND2File(file) as document:
        sizes = dict(document.sizes)
        names = [f"position {k}" for k in range(sizes.pop("P", 1))]
        chosen = request.choose(names, name)
        check_size(sizes.values(), request.max_pixels, f"{name}:")
        array, voxel = document.asarray(chosen), document.voxel_size()
    array = np.asarray(array).reshape(tuple(sizes.values()))
    metadata = _sizes(voxel.x, voxel.y, voxel.z, "µm", lost=("ND2 data",))
    return _image(array, _letters(sizes, name), name, "nd2", request, metadata)


def _letters(sizes: Mapping[str, int], name: str) -> str:
    """The letters of the axes of a file, which must be those that images have."""
    if other := [axis for axis in sizes if axis not in ("T", "Z", "C", "Y", "X", "S")]:
        raise InputError(
            f"{name}: has axes {', '.join(sizes)}; allowed are T, Z, C, Y, X, and S "
            f"({', '.join(other)}: split the file, as with Fiji)"
        )
    return "".join(sizes)
