"""``python -m experiments.tvflownet``: reproduce the paper's tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from steepest.cli.extras import need
from steepest.cli.figures import need_figures
from steepest.cli.options import add_reporting, count, from_zero, positive
from steepest.cli.outcome import FAILED, OK
from steepest.cli.progress import progress
from steepest.core.errors import InputError

USAGE = "--images FOLDER [--networks NAME ...] [--tables N1,N2,..] [options]"
DESCRIPTION = """\
Compare networks that learned the total variation flow with the certified solver, by the protocol of
the TVflowNET paper, and print its tables with our figure and the paper's in every cell. Needs torch
and scikit-image.
"""
PROGRAM = "python -m experiments.tvflownet"
EPILOG = f"""\
examples:
  {PROGRAM} --images photos/ --quick         a few images, to check that everything works
  {PROGRAM} --images photos/ -o results      all tables of the shipped networks
  {PROGRAM} --images photos/ --tables 2,3,6 --networks mean-flux unet
  {PROGRAM} --images photos/ --networks runs/unet.safetensors@96 --count 50

A network is the name of shipped weights or a weight file. Add @32, @96, @256 or @mixed (or another
size, which the paper does not have) for the size of its training images. Several networks of the
same kind and size are reported as mean and standard deviation. Every measurement is stored in the
results folder; the same command continues from there.
"""
DEFAULT_TABLES = (2, 3, 4, 5, 6, 7, 9)
_QUICK = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``python -m experiments.tvflownet``."""
    parser.add_argument("--images", required=True, metavar="FOLDER", help="photographs to crop")
    parser.add_argument(
        "--networks",
        nargs="+",
        metavar="NAME",
        help="names or weight files, each optionally with @SIZE (default: all shipped)",
    )
    parser.add_argument(
        "--tables",
        type=_tables,
        default=DEFAULT_TABLES,
        metavar="N1,N2,..",
        help="tables of the paper, 1 to 9 (default 2,3,4,5,6,7,9; 1 takes hours)",
    )
    parser.add_argument(
        "--no-certificates", action="store_true", help="omit the table of guaranteed errors"
    )
    parser.add_argument("--pictures", action="store_true", help="also write the figures (PNG)")
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--count",
        type=_counts,
        metavar="N",
        help="crops at each size (default 200), or N1,N2,N3 at 32, 96 and 256",
    )
    group.add_argument("--quick", action="store_true", help=f"{_QUICK} crops at each size")
    group.add_argument(
        "--seed", type=from_zero, default=0, metavar="N", help="seed of the crops (default 0)"
    )
    group.add_argument("--medical", metavar="FOLDER", help="medical images (default: phantoms)")
    group.add_argument(
        "--accuracy",
        type=positive,
        metavar="DB",
        help="certified PSNR of the ground truth (default 60)",
    )
    group.add_argument(
        "--euler",
        action="store_true",
        help="compute the ground truth by the paper's 50 implicit Euler steps",
    )
    group.add_argument(
        "--truth", metavar="FOLDER", help="folder to store the solver's flows in (large)"
    )
    group.add_argument("--device", default="cpu", help="device of the networks (default cpu)")
    group.add_argument("--threads", type=count, metavar="N", help="threads of the solver")
    group = parser.add_argument_group("writing and reporting")
    group.add_argument(
        "-o", "--output", default="evaluation", metavar="FOLDER", help="default: evaluation"
    )
    group.add_argument(
        "--overwrite", action="store_true", help="repeat measurements stored in the folder"
    )
    add_reporting(group)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print and write the tables."""
    from experiments.tvflownet import to_json, to_markdown, write_report

    if arguments.quick and arguments.count:
        raise InputError("--quick and --count exclude each other: give only one of them")
    if arguments.euler and arguments.accuracy:
        raise InputError("--euler and --accuracy exclude each other: give only one of them")
    if arguments.pictures:
        need_figures()
    need("experiments.tvflownet", ("torch", "safetensors", "skimage"), "experiments")
    evaluation = _evaluation(arguments)
    tables, refuted = [], 0
    for table in _tables_of(evaluation, arguments.tables):
        tables.append(table)
        if not (arguments.quiet or arguments.json):
            print(to_markdown(table), flush=True)
    if not arguments.no_certificates:
        table, checks = evaluation.certificates()
        tables.append(table)
        refuted = sum(check.refuted for check in checks)
        if not (arguments.quiet or arguments.json):
            print(to_markdown(table), flush=True)
    written = write_report(arguments.output, tables)
    written += _pictures(arguments, evaluation)
    if arguments.json:
        print(json.dumps({"command": "tvflownet", **json.loads(to_json(tables))}, indent=2))
    elif not arguments.quiet:
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


def _evaluation(arguments: argparse.Namespace) -> Any:
    from experiments.tvflownet import Evaluation, Still, TruthSource, load_method
    from experiments.tvflownet.weights import shipped

    names = arguments.networks or shipped()
    truth = TruthSource(
        method="euler" if arguments.euler else "certified",
        folder=arguments.truth,
        num_threads=arguments.threads,
        **({"accuracy": arguments.accuracy} if arguments.accuracy else {}),
    )
    return Evaluation(
        methods=[Still(), *(load_method(name, arguments.device) for name in names)],
        folder=arguments.images,
        count=_QUICK if arguments.quick else arguments.count or 200,
        seed=arguments.seed,
        medical=arguments.medical,
        truth=truth,
        store=Path(arguments.output) / "scores",
        overwrite=arguments.overwrite,
        meter=_meter(not arguments.quiet),
    )


def _pictures(arguments: argparse.Namespace, evaluation: Any) -> list[Path]:
    if not arguments.pictures:
        return []
    from experiments.tvflownet.gallery import write_gallery

    return write_gallery(evaluation, evaluation.methods[1:], Path(arguments.output) / "pictures")


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


def _counts(text: str) -> int | list[int]:
    parts = [count(part) for part in text.split(",")]
    if len(parts) not in (1, 3):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are one number or three numbers")
    return parts[0] if len(parts) == 1 else parts


def _tables(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or any(part not in "123456789" or len(part) > 1 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are numbers from 1 to 9 and commas")
    return tuple(dict.fromkeys(map(int, parts)))
