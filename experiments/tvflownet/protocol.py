"""Build Tables 2 to 8 of the paper from scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import paper
from .measurements import FACTORS
from .methods import Learned, Method
from .paper import SIZES, Figure
from .table import Scores, Table, make_rows
from .weights import training_times

Results = Mapping[tuple[str, str], Mapping[str, Mapping[str, Scores]]]
"""Scores by (measurement, image set), then label, then column, as :func:`measure` returns them."""

_STACK = "PSNR over the stack of 50 times of an image (data range 1), averaged over the images."
_WINDOW = "SSIM: scikit-image's defaults, a 7x7 window, data range 1, averaged over 50 times."


def table_2(methods: Sequence[Method], results: Results) -> Table:
    """PSNR of u at 32, 96 and 256."""
    ours = _collect(results, "solution", {size: (size, "u") for size in SIZES})
    return _table(2, "PSNR of u", "dB", methods, ours, (_STACK,))


def table_3(methods: Sequence[Method], results: Results) -> Table:
    """SSIM of u at 32, 96 and 256."""
    columns = {size: (size, "u") for size in SIZES}
    ours = _collect(results, "solution", columns, similarity=True)
    return _table(3, "SSIM of u", "SSIM", methods, ours, (_WINDOW,))


def table_4(methods: Sequence[Method], results: Results) -> Table:
    """PSNR (SSIM) of div phi at 32, 96 and 256, in two data ranges."""
    columns = {size: (size, "paper") for size in SIZES}
    extra = {f"{size}, min-max": (size, "min-max") for size in SIZES}
    ours = _collect(results, "divergence", {**columns, **extra})
    notes = (
        "Truth: central differences of the solver's u (forward at t = 0), divided by 5 like u, "
        "data range 1; min-max: the range of the truth. The exact flow's own derivative has 36 to "
        "39 dB against these differences.",
    )
    return _table(4, "div phi", "dB", methods, ours, notes, tuple(extra))


def table_5(methods: Sequence[Method], results: Results) -> Table:
    """PSNR (SSIM) of u on disks, ellipses and medical images."""
    ours = _collect(results, "solution", {name: (name, "u") for name in paper.COLUMNS[5]})
    return _table(5, "Other kinds of images", "dB", methods, ours, (_STACK, _WINDOW))


def table_6(methods: Sequence[Method], results: Results) -> Table:
    """One-homogeneity at c = 3 and c = 0.3, against the method itself and against the solver."""
    ours: dict[tuple[str, str], Figure] = {}
    for factor in FACTORS:
        name = f"c = {factor:g}"
        columns = {name: ("mixed", "itself"), f"{name}, solver": ("mixed", "solver")}
        ours |= _collect(results, f"homogeneity-{factor:g}", columns)
    extra = tuple(f"c = {factor:g}, solver" for factor in FACTORS)
    notes = (
        "u(c u0, t) compared with c u(u0, t / c) of the same method, and of the certified solver "
        "(the paper's text describes the first, its caption the second); both divided by c, data "
        "range 1. u(t) = u0 is perfectly homogeneous.",
    )
    twice = {
        (network, training, f"{column}, solver"): figure
        for (network, training, column), figure in paper.table(6).items()
    }
    return _table(6, "One-homogeneity", "dB", methods, ours, notes, extra, twice)


def table_7(methods: Sequence[Method], results: Results) -> Table:
    """The image from its spectral transform at 96."""
    extra = "autodiff, trapezoid"
    fields = {name: name for name in paper.COLUMNS[7]} | {"autodiff": "autodiff bands"}
    fields[extra] = "autodiff"
    ours = _collect(results, "reconstruction", {c: ("96", name) for c, name in fields.items()})
    notes = (
        "Autodiff: the exact integral t u_t - u of each interval. The paper does not state its "
        "quadrature rule, but its two columns agree to 0.4 dB, so it must telescope to u(0), as "
        "this rule and FD do. Trapezoid: trapezoidal rule for u_tt t at the 50 times, between "
        "which structures vanish.",
    )
    return _table(7, "Spectral reconstruction", "dB", methods, ours, notes, (extra,))


def table_8(methods: Sequence[Method]) -> Table:
    """Training times of the networks whose weights record them (:func:`training_times`)."""
    ours: dict[tuple[str, str], Figure] = {}
    trained = [method for method in methods if isinstance(method, Learned)]
    for method in trained:
        for column, value in training_times(method.metadata).items():
            ours[method.label, column] = Figure(value)
    notes = ("The paper's: one A100. Ours: the last training of each model card, on one core.",)
    return _table(8, "Training times", "time", trained, ours, notes)


TABLES = {2: table_2, 3: table_3, 4: table_4, 5: table_5, 6: table_6, 7: table_7}

NEEDS: dict[int, tuple[tuple[str, str], ...]] = {
    2: tuple(("solution", size) for size in SIZES),
    3: tuple(("solution", size) for size in SIZES),
    4: tuple(("divergence", size) for size in SIZES),
    5: tuple(("solution", name) for name in paper.COLUMNS[5]),
    6: tuple((f"homogeneity-{factor:g}", "mixed") for factor in FACTORS),
    7: (("reconstruction", "96"),),
}
"""The measurements and image sets that each table needs."""


def _collect(
    results: Results,
    measurement: str,
    columns: Mapping[str, tuple[str, str]],
    *,
    similarity: bool = False,
) -> dict[tuple[str, str], Figure]:
    """Figures by (label, column of the table), each from (image set, column of the measurement)."""
    found = {}
    for name, (images, column) in columns.items():
        for label, scores in results.get((measurement, images), {}).items():
            if column in scores:
                one = scores[column]
                found[label, name] = one.similarity if similarity else one.figure
    return found


def _table(
    number: int,
    title: str,
    unit: str,
    methods: Sequence[Method],
    ours: Mapping[tuple[str, str], Figure],
    notes: tuple[str, ...],
    extra: tuple[str, ...] = (),
    more_paper: Mapping[tuple[str, str, str], Figure] | None = None,
) -> Table:
    columns = (*paper.COLUMNS[number], *extra)
    theirs = {**paper.table(number), **(more_paper or {})}
    rows = make_rows(methods, columns, ours, theirs)
    return Table(f"table-{number}", f"Table {number}: {title}", unit, columns, rows, notes)
