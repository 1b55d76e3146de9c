"""Images with masks, in folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from steepest.core.errors import InputError
from steepest.core.grey import CHANNELS, to_planes
from steepest.core.numbers import check_count
from steepest.io import read_image, read_labels

from .classes import Classes, find_classes
from .matching import Folder, match, name_of, shortened
from .palettes import check_palettes, label_colours


@dataclass(frozen=True, eq=False)
class Pairs:
    """Images and their masks on disk, which are read on request.

    ``names[i]`` is the name of image i without its suffix (in Unicode's composed form).
    ``channels`` (1 or 3) is the number of channels to which all images are converted. ``classes``
    says how masks are read.
    """

    names: tuple[str, ...]
    image_paths: tuple[Path, ...]
    mask_paths: tuple[Path, ...]
    classes: Classes
    channels: int

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_classes(self) -> int:
        """The number of classes in the masks, including the background."""
        return self.classes.num_classes

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read pair ``index``: image (channels, H, W), float32 in [0, 1], and labels (H, W), int64.

        Labels are 0 .. num_classes - 1, and `IGNORE` for ignored pixels.

        Raises
        ------
        InputError
            If a file cannot be read, image and mask differ in size, or the mask has a value that is
            not a class.
        """
        image = read_pixels(self.image_paths[index])
        path = self.mask_paths[index]
        mask = _mask_of(path, image, self.image_paths[index])
        planes = to_planes(image, self.channels, str(self.image_paths[index]))
        return planes, self.classes.labels(mask, str(path))

    def subset(self, indices: Iterable[int]) -> Pairs:
        """The pairs with these indices, in this order."""
        chosen = [int(i) for i in indices]
        return replace(
            self,
            names=tuple(self.names[i] for i in chosen),
            image_paths=tuple(self.image_paths[i] for i in chosen),
            mask_paths=tuple(self.mask_paths[i] for i in chosen),
        )


def open_pairs(
    images: Folder,
    masks: Folder | None = None,
    *,
    values: Sequence[int] | None = None,
    instances: bool = False,
    threshold: int | None = None,
    ignore: int | None = None,
    channels: int | None = None,
    ending: str = "",
) -> Pairs:
    """Open the pairs in one or two folders; reads every file once to check that all fit together.

    Parameters
    ----------
    images, masks : path
        Folders of files with matching names: ``images/a.png`` and ``masks/a.tif``. Without
        ``masks`` both are in ``images``: ``a.bmp`` or ``a.jpg`` and ``a.png``. See
        `steepest.io.image_files` for the files that are listed; `steepest.io.read_labels` reads the
        masks.
    values : sequence of ints, optional
        ``values[k]`` is the number in the masks that means class k. Default: the numbers found in
        all masks, in increasing order, at most 32.
    instances : bool
        For masks with numbered objects: every number above 0 is class 1.
    threshold : int, optional
        For masks with smooth edges: numbers from this one on are class 1, smaller ones class 0.
    ignore : int, optional
        Losses and measures ignore pixels of this value.
    channels : 1 or 3, optional
        Convert all images. By default they are not converted and must be all greyscale or all
        colour.
    ending : str
        The ending that masks add to the name of their image, such as ``"_mask"``.

    Raises
    ------
    InputError
        If there are no pairs, an image has no mask or the reverse, an image and its mask differ in
        size, a value is not a class, all masks together have only one class, greyscale and colour
        are mixed, or the palettes of masks show one number in different colours (only if numbers
        are classes).
    """
    if channels not in (None, *CHANNELS):
        raise InputError(f"channels={channels!r}; allowed are 1, 3 and None (as the images are)")
    files = match(images, masks, ending)
    where = str(images if masks is None else masks)
    contents = [_inspect(*paths) for paths in files]
    numbers = {value for _, found in contents for value in found.tolist()}
    classes = find_classes(numbers, where, values, instances, ignore, threshold)
    if not instances and threshold is None:
        found_in = zip(files, contents, strict=True)
        check_palettes((path, label_colours(path), found) for (_, path), (_, found) in found_in)
    for (_, path), (_, found) in zip(files, contents, strict=True):
        classes.labels(found[None], str(path))
    return Pairs(
        names=tuple(name_of(path) for path, _ in files),
        image_paths=tuple(path for path, _ in files),
        mask_paths=tuple(path for _, path in files),
        classes=classes,
        channels=channels or _common_channels(files, [count for count, _ in contents]),
    )


def split(pairs: Pairs, num_validation: int, seed: int = 0) -> tuple[Pairs, Pairs]:
    """Split off ``num_validation`` pairs, drawn at random by ``seed``.

    Returns the training pairs and the validation pairs, both in the order of their names.

    Raises
    ------
    InputError
        If ``num_validation`` is not in 1 to ``len(pairs) - 1``.
    """
    count = check_count(num_validation, "num_validation")
    if len(pairs) < 2:
        raise InputError("only one pair; at least two are needed, one of them to validate")
    if count >= len(pairs):
        raise InputError(f"num_validation={count}; allowed are 1 to {len(pairs) - 1} of all pairs")
    order = np.random.default_rng(seed).permutation(len(pairs))
    return pairs.subset(np.sort(order[count:])), pairs.subset(np.sort(order[:count]))


def read_pixels(path: Path) -> np.ndarray:
    """Read a greyscale (H, W) or RGB (H, W, 3) image in its own dtype.

    Raises
    ------
    InputError
        If the file cannot be read, or contains another kind of image.
    """
    image = read_image(path)
    if image.axes not in ("YX", "YXC"):
        raise InputError(f"{path}: axes {image.axes}; allowed are greyscale or RGB images")
    return image.array


def _mask_of(path: Path, image: np.ndarray, image_path: Path) -> np.ndarray:
    mask = read_labels(path)
    if mask.shape != image.shape[:2]:
        given, wanted = ("x".join(map(str, a.shape[:2])) for a in (mask, image))
        raise InputError(f"{path}: {given} pixels, but its image {image_path.name} has {wanted}")
    return mask


def _inspect(image_path: Path, mask_path: Path) -> tuple[int, np.ndarray]:
    """The number of channels of the image, and the numbers in its mask."""
    image = read_pixels(image_path)
    if image.dtype.kind == "f":
        to_planes(image, None, str(image_path))  # floats may lie outside [0, 1]
    return 1 if image.ndim == 2 else 3, _distinct(_mask_of(mask_path, image, image_path))


def _distinct(mask: np.ndarray) -> np.ndarray:
    if mask.min() >= 0 and mask.max() < mask.size:  # counting is faster than sorting
        return np.flatnonzero(np.bincount(mask.reshape(-1)))
    return np.unique(mask)


def _common_channels(files: Sequence[tuple[Path, Path]], counts: Sequence[int]) -> int:
    if len(set(counts)) > 1:
        rarer = min(CHANNELS, key=counts.count)
        kind = {1: "grey", 3: "colour"}[rarer]
        odd = [path.name for (path, _), count in zip(files, counts, strict=True) if count == rarer]
        raise InputError(
            f"images are partly greyscale and partly colour ({kind}: {shortened(odd)}); "
            "allowed is one kind, or channels=1 or channels=3 to convert"
        )
    return counts[0]
