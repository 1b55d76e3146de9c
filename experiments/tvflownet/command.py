"""``python -m experiments.tvflownet tables``: reproduce the paper's tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

from cyclopts import Parameter

from steepest.cli.choices import Reporting
from steepest.cli.extras import need, need_figures
from steepest.cli.outcome import FAILED, OK
from steepest.cli.progress import progress
from steepest.cli.types import Count, FromZero, Positive, count, word
from steepest.core.errors import InputError

DEFAULT_TABLES = (2, 3, 4, 5, 6, 7, 9)
_QUICK = 5
_PROTOCOL = Parameter(group="Protocol")
_Folder = Annotated[str | None, _PROTOCOL, Parameter(metavar="FOLDER")]


def _counts(text: str) -> int | list[int]:
    parts = [count(part) for part in text.split(",")]
    if len(parts) not in (1, 3):
        raise ValueError(f"{text!r}: allowed are one number or three numbers")
    return parts[0] if len(parts) == 1 else parts


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or any(part not in "123456789" or len(part) > 1 for part in parts):
        raise ValueError(f"{text!r}: allowed are numbers from 1 to 9 and commas")
    return tuple(dict.fromkeys(map(int, parts)))


def tables(
    *,
    images: Annotated[str, Parameter(metavar="FOLDER")],
    networks: Annotated[
        list[str] | None, Parameter(consume_multiple=True, metavar="NAME..")
    ] = None,
    numbers: Annotated[
        tuple[int, ...], Parameter(name="--tables"), word(_numbers, "N1,N2,..")
    ] = DEFAULT_TABLES,
    no_certificates: bool = False,
    pictures: bool = False,
    count: Annotated[Any, word(_counts, "N"), _PROTOCOL] = None,
    quick: Annotated[bool, _PROTOCOL] = False,
    seed: Annotated[FromZero, _PROTOCOL] = 0,
    medical: _Folder = None,
    accuracy: Annotated[Positive | None, _PROTOCOL] = None,
    euler: Annotated[bool, _PROTOCOL] = False,
    truth: _Folder = None,
    device: Annotated[str, _PROTOCOL] = "cpu",
    threads: Annotated[Count | None, _PROTOCOL] = None,
    output: Annotated[str, Parameter(alias="-o", metavar="FOLDER")] = "evaluation",
    overwrite: bool = False,
    reporting: Reporting = Reporting(),
) -> int:
    """Reproduce the tables of the TVflowNET paper.

    Compare networks that learned the total variation flow with the certified solver, by the
    protocol of the paper, and print its tables with our figure and the paper's in every cell. Needs
    torch and scikit-image.

    Parameters
    ----------
    images
        photographs to crop
    networks
        names or weight files, each optionally with @SIZE (default: all shipped)
    numbers
        tables of the paper, 1 to 9 (1 takes hours)
    no_certificates
        omit the table of guaranteed errors
    pictures
        also write the figures (PNG)
    count
        crops at each size (default 200), or N1,N2,N3 at 32, 96 and 256
    quick
        5 crops at each size
    seed
        seed of the crops
    medical
        medical images (default: phantoms)
    accuracy
        certified PSNR of the ground truth (default 60)
    euler
        compute the ground truth by the paper's 50 implicit Euler steps
    truth
        folder to store the solver's flows in (large)
    device
        device of the networks
    threads
        threads of the solver
    output
        folder for the results
    overwrite
        repeat measurements stored in the folder

    Examples
    --------
    python -m experiments.tvflownet tables --images photos/ --quick         a few
    python -m experiments.tvflownet tables --images photos/ -o results      all tables
    python -m experiments.tvflownet tables --images photos/ --tables 2,3,6 --networks mean-flux unet
    python -m experiments.tvflownet tables --images photos/ --networks runs/unet@96 --count 50

    Notes
    -----
    A network is the name of shipped weights or a weight file. Add @32, @96, @256 or @mixed (or
    another size, which the paper does not have) for the size of its training images. Several
    networks of the same kind and size are reported as mean and standard deviation. Every
    measurement is stored in the results folder; the same command continues from there.
    """
    from experiments.tvflownet import (
        Evaluation,
        Still,
        TruthSource,
        load_method,
        to_json,
        to_markdown,
        write_report,
    )  # fmt: skip

    if quick and count:
        raise InputError("--quick and --count exclude each other: give only one of them")
    if euler and accuracy:
        raise InputError("--euler and --accuracy exclude each other: give only one of them")
    if pictures:
        need_figures()
    need("experiments.tvflownet", "experiments", ("torch", "safetensors", "skimage"))
    from experiments.tvflownet.weights import shipped

    certified = {"accuracy": accuracy} if accuracy else {}
    method = "euler" if euler else "certified"
    evaluation = Evaluation(
        methods=[Still(), *(load_method(name, device) for name in networks or shipped())],
        folder=images, count=_QUICK if quick else count or 200, seed=seed, medical=medical,
        truth=TruthSource(method=method, folder=truth, num_threads=threads, **certified),
        store=Path(output) / "scores", overwrite=overwrite, meter=_meter(not reporting.quiet),
    )  # fmt: skip
    silent, made, refuted = reporting.quiet or reporting.json, [], 0
    for table in _tables_of(evaluation, numbers):
        made.append(table)
        if not silent:
            print(to_markdown(table), flush=True)
    if not no_certificates:
        table, checks = evaluation.certificates()
        made.append(table)
        refuted = sum(check.refuted for check in checks)
        if not silent:
            print(to_markdown(table), flush=True)
    written = write_report(output, made)
    if pictures:
        from experiments.tvflownet.gallery import write_gallery

        written += write_gallery(evaluation, evaluation.methods[1:], Path(output) / "pictures")
    if reporting.json:
        print(json.dumps({"command": "tvflownet", **json.loads(to_json(made))}, indent=2))
    elif not reporting.quiet:
        for path in written:
            print(f"written {path}")
    if refuted:
        print(f"steepest: error: {refuted} certificates do not hold", file=sys.stderr)
    return FAILED if refuted else OK


def _tables_of(evaluation: Any, numbers: Iterable[int]) -> Iterator[Any]:
    """The requested tables; after Table 4 also that of the flux (the paper's section 3.1)."""
    for number in numbers:
        yield evaluation.table(number)
        if number == 4:
            yield evaluation.flux_table()


def _meter(enabled: bool) -> Callable[[str, int], Any]:
    @contextmanager
    def meter(label: str, total: int) -> Iterator[Callable[[], None]]:
        done = 0
        with progress(label, enabled=enabled) as on_step:

            def tick() -> None:
                nonlocal done
                done += 1
                if on_step is not None:
                    on_step(SimpleNamespace(step=done, num_steps=total))

            yield tick

    return meter
