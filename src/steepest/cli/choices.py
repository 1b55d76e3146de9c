"""The options that several commands share, and the keywords of the library that they become.

A command takes the dataclasses that apply to it, and the parser shows their fields as options.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, dataclass_transform

from cyclopts import Group, Parameter

import steepest
from steepest.convex.capabilities import energies, energy_named
from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.io import SUFFIXES, read_image
from steepest.io.stores import is_store
from steepest.io.video import is_video, read_video

from .extras import need
from .sources import SAMPLE, Source, check_format, find_sources
from .types import Count, FileName, Positive, Times, axis, one_of, word

LARGE = """\
A Zarr store, or a TIFF file together with --memory, is computed tile by tile and written as
OME-Zarr, with the same certificate. Options that need the whole image at once are refused."""


@cache
def group(title: str, text: str = "") -> Group:
    """The group of options of this title in the help; groups are shown as they are defined."""
    return Group.create_ordered(title, help=" ".join(text.split()))


for _title in ("What is wrong with the images", "Grey values", "Objects"):
    group(_title, "")  # of modules that are imported later


@dataclass_transform(frozen_default=True)
def options(title: str, text: str = "") -> Callable[[type], Any]:
    """Make a class a frozen dataclass whose fields are options, in the group of this title."""
    shown = Parameter(name="*", group=group(title, text))
    return lambda kind: shown(dataclass(frozen=True)(kind))


def options_given(*choices: Any, besides: Collection[str] = (), **values: Any) -> list[str]:
    """The options of these dataclasses, and those with these values, that are not as by default."""
    for choice in choices:
        for each in fields(choice):
            values[each.name] = (
                each.name not in besides and getattr(choice, each.name) != each.default
            )
    return [f"--{_hyphens(name)}" for name, value in values.items() if value not in (None, False)]


def _hyphens(name: str) -> str:
    return name.replace("_", "-")


def refuse(why: str, *choices: Any, besides: Collection[str] = (), **values: Any) -> None:
    """Raise `InputError` if one of these options was given."""
    if names := options_given(*choices, besides=besides, **values):
        raise InputError(f"{', '.join(names)}: {why}")


def only_one(**values: Any) -> None:
    """Raise `InputError` if several of these options were given."""
    if len(names := options_given(**values)) > 1:
        raise InputError(f"{names[0]}: cannot be combined with {names[1]}")


def keywords_of(image: Any, *choices: Any) -> dict[str, Any]:
    """The keywords of the library for these options and an image in memory or in a store."""
    every = {key: value for choice in choices for key, value in choice.keywords(image).items()}
    return {key: value for key, value in every.items() if value is not None}


@options("Method")
class MethodChoice:
    """Whether the flow is solved or predicted."""

    method: Literal["solve", "learned"] = "solve"
    """solve the flow, or let a network predict it and bound its error (needs torch; treats channels
    separately)"""
    network: str | None = None
    """path of your own weights (default: those of the mean-flux network)"""

    learned = property(lambda self: self.method == "learned")

    def check(self, threads: int | None, *choices: Any, **values: Any) -> None:
        """Check that the method can be used. Networks take the threads, and no other option."""
        if self.learned:
            need("--method learned", "torch")
            own = ["separate_channels", "threads"]
            refuse("cannot be combined with --method learned", *choices, besides=own, **values)
            if threads:
                import_module("torch").set_num_threads(threads)
        else:
            refuse("also give --method learned", network=self.network)

    def keywords(self, image: Any) -> dict[str, Any]:
        if "Z" in image.axes:
            raise InputError(f"{image.name}: is a volume; networks take images (try --pages)")
        return {"network": self.network or "mean-flux", "channel_axis": image.channel_axis}


_ENERGIES = "; ".join(f"{name}: {row.title}" for name, row in energies().items())
_WEIGHTS = ("huber", "alpha", "beta", "alpha0", "alpha1")
_NAMES = {"anisotropic": "norm", "separate_channels": "coupled"}  # in the library
_VALUES = {"anisotropic": "anisotropic", "separate_channels": False}


@options("Energy")
class Spacing:
    """How far apart pixels are."""

    spacing: Annotated[str | None, Parameter(metavar="A,B,..")] = None
    """pixel spacing along each axis, or 'file' for the ratios of the file's pixel sizes"""

    def keywords(self, image: Any) -> dict[str, Any]:
        return {"spacing": self.along(image)}

    def along(self, image: Any) -> tuple[float, ...] | None:
        """Return the spacing along each spatial axis of an image in memory or in a store."""
        text, space = self.spacing, image.space
        if text is None:
            return None
        if text == "file":
            sizes = image.pixel_size
            if sizes is None or None in sizes:
                raise InputError(f"{image.name}: holds no pixel size; give --spacing as numbers")
            return tuple(float(size) / float(sizes[-1]) for size in sizes)
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            raise InputError(f"--spacing {text}: allowed are numbers, or 'file'") from None
        if len(values) not in (1, len(space)) or min(values) <= 0 or not math.isfinite(sum(values)):
            raise InputError(
                f"{image.name}: --spacing {text}: {len(space)} positive numbers are needed "
                f"(axes {', '.join(space)})"
            )
        return values if len(values) > 1 else values * len(space)


@options("Energy")
class VariationChoice(Spacing):
    """The total variation whose flow measures sizes."""

    anisotropic: bool = False
    """sum the differences along each axis"""
    separate_channels: bool = False
    """treat each channel on its own"""

    def __post_init__(self) -> None:
        if options_given(self, besides=["spacing"]):
            self.make()  # refuses options that the energy does not take

    def make(self) -> Any:
        """Make the energy of the library, unless it does not take one of the options."""
        name = getattr(self, "energy", "tv")
        row, options = energies()[name], {}
        for option in ("anisotropic", "separate_channels", *_WEIGHTS):
            value, own = getattr(self, option, None), _NAMES.get(option, option)
            if value in (None, False):
                continue
            if own not in row.options:
                why = row.refuses.get(own) or f"that is {row.title}"
                raise InputError(f"--{_hyphens(option)}: not with --energy {name}; {why}")
            options[own] = _VALUES.get(option, value)
        return energy_named(name, **options)

    def keywords(self, image: Any) -> dict[str, Any]:
        return super().keywords(image) | {"energy": self.make()}


@options("Energy")
class EnergyChoice(VariationChoice):
    """What is minimised."""

    energy: Annotated[str, one_of(list(energies())), Parameter(help=_ENERGIES)] = "tv"
    alpha: Positive | None = None
    """combined: weight of first order (default 1)"""
    beta: Positive | None = None
    """combined: weight of second order (default 1)"""
    alpha0: Positive | None = None
    """tgv: weight of second order (default 2)"""
    alpha1: Positive | None = None
    """tgv: weight of first order (default 1)"""

    def report(self, item: Any) -> None:
        """Report the energy, unless it is total variation."""
        if self.energy != "tv":
            item.report("energy", energies()[self.energy].title, energy=self.energy)


@options("Energy")
class HuberChoice(EnergyChoice):
    """What is minimised, for commands whose energy need not be one-homogeneous."""

    huber: Annotated[Positive | None, Parameter(metavar="EPS")] = None
    """quadratic below this slope"""


@options("Solver")
class Threads:
    """How many threads compute."""

    threads: Count | None = None
    """number of threads (default: all processors)"""

    def keywords(self, image: Any) -> dict[str, Any]:
        return {"solver": steepest.Solver(getattr(self, "tol", None), num_threads=self.threads)}


@options("Solver")
class SolverChoice(Threads):
    """How hard to try."""

    tol: Annotated[Positive | None, Parameter(metavar="GAP")] = None
    """relative duality gap to reach"""


@options("Bands")
class FlowTimes:
    """Up to which time the flow runs, and in how many steps."""

    t_max: Annotated[Positive | None, Parameter(metavar="T")] = None
    """last time (default: until the image is constant)"""
    steps: Count | None = None
    """number of time steps"""

    def keywords(self, image: Any) -> dict[str, Any]:
        return {"t_max": self.t_max, "steps": self.steps}


@options("Bands")
class Bands(FlowTimes):
    """The bands into which an image is split; they cover all times, from 0 to infinity."""

    bands: Count | None = None
    """largest number of bands (default 6)"""
    edges: Times | None = None
    """times that separate the bands: 0.01,0.1 gives three (default: automatic)"""

    def __post_init__(self) -> None:
        if self.edges is not None:
            refuse("leave it out, because --edges says how many there are", bands=self.bands)

    def keywords(self, image: Any) -> dict[str, Any]:
        edges = None if self.edges is None else [0.0, *self.edges, math.inf]
        return super().keywords(image) | {"bands": edges or self.bands}


@options("Images larger than memory", LARGE)
class TilesChoice:
    """How images larger than memory are computed."""

    memory: Annotated[str | None, Parameter(metavar="SIZE")] = None
    """main memory to use, such as 500MB (default 2GB)"""
    work: Annotated[FileName | None, Parameter(metavar="DIR")] = None
    """folder for intermediate results, about 40 bytes per pixel. If the command is interrupted, the
    same command continues there (default: a temporary folder beside the output)"""
    workers: Count | None = None
    """tiles in work at the same time"""
    scheduler: Annotated[str | None, Parameter(metavar="ADDRESS")] = None
    """address of a Dask scheduler whose workers compute the tiles, such as tcp://host:8786; all of
    them need access to input and --work"""

    def wanted(self, images: Sequence[str], *choices: Any, **values: Any) -> bool:
        """Whether the images are larger than memory; these options then need the whole image."""
        stores = [is_store(name) for name in images]
        if not any(stores) and self.memory is None:
            refuse("only for Zarr stores, and for TIFF files with --memory", self)
            return False
        if samples := [name for name in images if name.startswith(SAMPLE)]:
            raise InputError(f"{samples[0]}: samples are not computed by tiles; leave out --memory")
        if any(stores) and not all(stores):
            raise InputError("give Zarr stores and other images in separate commands")
        why = "not available for images that are computed tile by tile"
        refuse(why, *choices, besides=["max_pixels"], **values)
        return True


@options("Reading")
class FileReading:
    """How one image file is read."""

    volume: bool = False
    """treat pages (or a 3-D array) as one volume (the default)"""
    channel_axis: Annotated[Any, word(axis, "N")] = "auto"
    """axis of a TIFF or NPY array that holds the channels; none, or auto"""
    scene: Count | None = None
    """which image of a file that holds several (scenes, positions), from 1"""
    max_pixels: Count = MAX_PIXELS
    """largest file to read, in pixels times channels"""

    stack = property(lambda self: "volume" if self.volume else "auto")

    def read(self, name: str) -> Any:
        """Read an image, or the frames of a video."""
        if is_video(name):
            return read_video(name, max_pixels=self.max_pixels)
        return read_image(
            name, stack=self.stack, scene=self.scene, channel_axis=self.channel_axis,
            max_pixels=self.max_pixels,
        )  # fmt: skip


@options("Reading")
class Reading(FileReading):
    """Which images are read, and how."""

    recursive: bool = False
    """also search the subfolders of a folder; results go into the same subfolders"""
    pages: bool = False
    """treat pages one by one, as a time series"""

    stack = property(lambda self: "volume" if self.volume else "pages" if self.pages else "auto")

    def __post_init__(self) -> None:
        only_one(volume=self.volume, pages=self.pages)

    def sources(
        self, images: Sequence[str], *outputs: str | None, large: bool = False
    ) -> list[Source]:
        """The files that ``images`` name, or if ``large`` those images, without the ``outputs``."""
        if not large:
            return find_sources(images, outputs, recursive=self.recursive)
        names = list(dict.fromkeys(images))
        return [Source(name, several=len(names) > 1, large=True) for name in names]


@options("Writing and reporting")
class Output:
    """Where results are written."""

    output: Annotated[FileName | None, Parameter(alias="-o")] = None
    """file, or folder for several images"""


@options("Writing and reporting")
class Reporting:
    """What is printed, and what counts as an error."""

    json: bool = False
    """print the results as JSON"""
    quiet: Annotated[bool, Parameter(alias="-q")] = False
    """print errors only"""
    strict: bool = False
    """exit with code 1 if an image did not converge"""
    traceback: bool = False
    """show where an error arose (for bug reports)"""


@options("Writing and reporting")
class Replacing(Reporting):
    """Whether files are replaced, and what is printed."""

    overwrite: bool = False
    """replace existing files"""


@options("Writing and reporting")
class Writing(Replacing, Output):
    """Where results are written, and what is printed."""


@options("Writing and reporting")
class ImageWriting(Writing):
    """The same for images, with their format."""

    format: Literal["png", "jpg", "webp", "tif", "npy"] | None = None
    """format of the results (default: as the image)"""
    float: bool = False
    """compute and write 32-bit floats (TIFF or NPY), neither rounded nor clipped"""

    @property
    def of_pixels(self) -> dict[str, Any]:
        """The options that say what pixels are like."""
        return {"format": self.format, "float": self.float}

    def suffix(self, name: str) -> str:
        """Return the suffix of results: that of --format, of the image, or one for floats."""
        if self.format:
            return f".{self.format}"
        own = Path(name).suffix if Path(name).suffix.lower() in SUFFIXES else ""
        own = own or (".png" if name.startswith(SAMPLE) else ".tif")
        return ".tif" if self.float and SUFFIXES[own.lower()] in ("png", "jpeg", "webp") else own

    def file(self, source: Source, tag: str) -> Path:
        """The file for an image, after checking it."""
        check_format(self.output, self.format)
        return source.file(self.output, tag, self.suffix(source.name))

    def one_image(self, tag: str) -> Callable[[Source], dict[str, Path]]:
        """The names of files of a command that writes one image."""
        return lambda source: {"image": self.file(source, tag)}
