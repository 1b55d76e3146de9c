"""Run the evaluation: the images and measurements that the tables need, stored when done."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from steepest.core.errors import InputError

from . import protocol
from .certificates import CertificateCheck, as_check, certificate_table, check_certificates
from .flux import SIZE as FLUX_SIZE
from .flux import flux, flux_table
from .images import ImageSet, crops, folder_images, mixed_crops
from .measurements import Measurement, divergence, homogeneity, measure, reconstruction, solution
from .methods import Learned, Method, Still
from .paper import SIZES
from .shapes import disks, ellipses, phantoms
from .speed import joint_runner, network_runners, solver_runners, speed_images, table_9, time_all
from .store import Store
from .table import Scores, Table, together
from .truth import TruthSource

ALL_TABLES = (1, 2, 3, 4, 5, 6, 7, 8, 9)
Meter = Callable[[str, int], AbstractContextManager[Callable[[], object]]]


def _silent(label: str, total: int) -> AbstractContextManager[Callable[[], object]]:
    return nullcontext(lambda: None)


@dataclass
class Evaluation:
    """Evaluate methods on image sets; scores are stored in a folder, so that a run can be resumed.

    Parameters
    ----------
    methods : sequence of Method
        The rows of the tables: networks and the baseline.
    folder : path
        Folder of photographs to crop.
    count : int or three ints
        Number of crops of each size (the paper's is 200), or one number each for 32, 96 and 256.
        Relative to the smallest of them, there are 3 times as many crops of mixed sizes, half as
        many disks and ellipses, and a fifth as many medical images.
    seed : int
        Seed of the crops and of the generated images.
    medical : path, optional
        A folder of medical images (None: generated phantoms).
        truth : TruthSource
        The solver's flows.
    store : path, optional
        Folder to store scores in (None: they are not stored).
    overwrite : bool
        Whether to repeat stored measurements.
    meter : callable
        ``meter(label, total)`` returns a context whose value is called after every image.
    joint_count : int, optional
        Number of images of each size for the joint optimisation (None: 6, 3 and 3 at 32, 96 and
        256).

    Raises
    ------
    InputError
        If two methods have the same label, or ``count`` is not valid.
    """

    methods: Sequence[Method]
    folder: str | os.PathLike[str]
    count: int | Sequence[int] = 200
    seed: int = 0
    medical: str | os.PathLike[str] | None = None
    truth: TruthSource = field(default_factory=TruthSource)
    store: str | os.PathLike[str] | None = None
    overwrite: bool = False
    meter: Meter = _silent
    joint_count: int | None = None

    def __post_init__(self) -> None:
        labels = [method.label for method in self.methods]
        if len(set(labels)) < len(labels):
            raise InputError(f"two networks have the same name: {', '.join(labels)}")
        counts = [self.count] * len(SIZES) if isinstance(self.count, int) else list(self.count)
        if len(counts) != len(SIZES) or min(counts) < 1:
            raise InputError(f"count={self.count!r}: one positive number, or one for each size")
        self._counts = dict(zip(SIZES, counts, strict=True))
        self._stored = Store(self.store, self.overwrite)
        self._sets: dict[str, ImageSet] = {}
        self._results: dict[tuple[str, str], dict[str, dict[str, Scores]]] = {}

    def table(self, number: int) -> Table:
        """One of the paper's tables; measures what it needs unless it is stored.

        Raises
        ------
        InputError
            If there is no such table, or images, weights or packages are missing.
        """
        if number not in ALL_TABLES:
            raise InputError(f"table {number}: allowed are {', '.join(map(str, ALL_TABLES))}")
        if number == 1:
            return self._joint()
        if number == 8:
            return protocol.table_8(self.methods)
        if number == 9:
            return self._speed()
        for measurement, images in protocol.NEEDS[number]:
            self.results(measurement, images)
        return protocol.TABLES[number](self.methods, self._results)

    def flux_table(self) -> Table:
        """The learned flux compared with the smoothed gradient (the paper's section 3.1)."""
        return flux_table(self.methods, self.results("flux", FLUX_SIZE))

    def results(self, measurement: str, images: str) -> dict[str, dict[str, Scores]]:
        """Scores of all methods in one measurement on one image set, by label and column."""
        key = (measurement, images)
        if key not in self._results:
            known = {m.label: self._load(measurement, images, m) for m in self.methods}
            missing = [method for method in self.methods if known[method.label] is None]
            if missing:
                chosen = self.image_set(images)
                with self.meter(f"{measurement}, {images}", len(chosen)) as tick:
                    fresh = measure(self._measurements[measurement], missing, chosen, tick)
                for method in missing:
                    self._save(measurement, images, method, fresh[method.label])
                known.update(fresh)
            self._results[key] = {label: scores for label, scores in known.items() if scores}
        return self._results[key]

    def certificates(self, sets: Sequence[str] = SIZES) -> tuple[Table, list[CertificateCheck]]:
        """The guaranteed and the true error on every image of these sets."""
        checks = {}
        for name in sets:
            for method in self._learned:
                chosen = self.image_set(name)
                stored_as, key = f"certificate_{name}_{method.label}", self._key(name, method)
                check = as_check(self._stored.load(stored_as, key))
                if check is None:
                    with self.meter(f"certificates, {method.label}, {name}", len(chosen)) as tick:
                        check = check_certificates(method, chosen, self.truth, tick=tick)
                    self._stored.save(stored_as, key, asdict(check))
                checks[method.label, method.training, name] = check
        return certificate_table(checks), list(checks.values())

    def image_set(self, name: str) -> ImageSet:
        """The images of one column: "32", "96", "256", "mixed", "disks", "ellipses", "medical"."""
        if name not in self._sets:
            self._sets[name] = self._draw(name)
        return self._sets[name]

    def _draw(self, name: str) -> ImageSet:
        count = min(self._counts.values())
        if name in ("disks", "ellipses"):
            generate = disks if name == "disks" else ellipses
            return ImageSet(name, tuple(generate(max(1, count // 2), self.seed)))
        if name == "medical":
            most = max(1, count // 5)
            if self.medical is not None:
                return folder_images(self.medical, most)
            return ImageSet(name, tuple(phantoms(most, self.seed)))
        if name == "mixed":
            return mixed_crops(self.folder, 3 * count, self.seed)
        return crops(self.folder, int(name), self._counts[name], self.seed)

    def _joint(self) -> Table:
        """Table 1. The result of each image is stored separately, as it may have taken hours."""
        from .joint import COUNTS, LABEL, joint, table_1
        from .joint_optimisation import EPS

        scores = {}
        for size, most in COUNTS.items():
            found: list[dict[str, Scores]] = []
            chosen = self.image_set(size).images[
                : self.joint_count or min(most, self._counts[size])
            ]
            with self.meter(f"joint optimisation, {size}", len(chosen)) as tick:
                for index, image in enumerate(chosen):
                    method = Still(label=f"{LABEL}-{EPS:g}-{index}")
                    known = self._load(LABEL, size, method)
                    if known is None:
                        known = measure(joint(self.truth), [method], [image])[method.label]
                        self._save(LABEL, size, method, known)
                    found.append(known)
                    tick()
            scores[size] = {name: together([one[name] for one in found]) for name in found[0]}
        return table_1(scores)

    @property
    def _learned(self) -> list[Learned]:
        return [method for method in self.methods if isinstance(method, Learned)]

    @cached_property
    def _measurements(self) -> dict[str, Measurement]:
        factors = (homogeneity(self.truth, factor) for factor in protocol.FACTORS)
        several = (solution(self.truth), divergence(self.truth), reconstruction(self.truth))
        return {found.name: found for found in (*several, flux(), *factors)}

    def _speed(self) -> Table:
        runners = {**network_runners(self._learned), **solver_runners(self.truth.num_threads)}
        if self._learned:
            runners.update(joint_runner())
        images = speed_images(list(folder_images(self.folder, 1)))
        with self.meter("evaluation times", len(runners) * len(images)) as tick:
            return table_9(time_all(runners, images, tick=tick))

    def _key(self, images: str, method: Method | None = None) -> dict[str, Any]:
        """The key of stored results; with another key, measurements are repeated."""
        return {
            "images": self.image_set(images).digest(),
            "truth": [self.truth.method, self.truth.accuracy],
            "label": method.label if method else "",
            "weights": getattr(method, "digest", ""),
        }

    def _load(self, measurement: str, images: str, method: Method) -> dict[str, Scores] | None:
        name = f"{measurement}_{images}_{method.label}"
        stored = self._stored.load(name, self._key(images, method))
        return stored and {
            column: Scores(*(tuple(map(float, item[kind])) for kind in ("psnr", "ssim")))
            for column, item in stored.items()
        }

    def _save(
        self, measurement: str, images: str, method: Method, scores: dict[str, Scores]
    ) -> None:
        name = f"{measurement}_{images}_{method.label}"
        result = {column: asdict(item) for column, item in scores.items()}
        self._stored.save(name, self._key(images, method), result)
