"""The table of what each energy can do where, and energies made by name."""

from pathlib import Path

import numpy as np
import pytest

import steepest
from steepest.convex.capabilities import PLACES, energies, energy_named, require, row_of

ROWS = energies()


def markdown() -> str:
    """The table for the documentation."""
    lines = [
        "| | " + " | ".join(f"`{name}`" for name in ROWS) + " |",
        "|---" * (len(ROWS) + 1) + "|",
    ]
    notes: list[str] = []
    for place, meaning in PLACES.items():
        cells = []
        for row in ROWS.values():
            why = row.refuses.get(place)
            if why is not None and why not in notes:
                notes.append(why)
            cells.append("yes" if why is None else f"no ({notes.index(why) + 1})")
        lines.append(f"| {meaning} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"{i}. {why}" for i, why in enumerate(notes, 1))]) + "\n"


def test_every_energy_has_its_row() -> None:
    assert list(ROWS)[:5] == ["tv", "tv2", "tgv", "combined", "crofton"]
    for name, row in ROWS.items():
        assert type(energy_named(name)) is row.kind
        assert row_of(row.kind()) is row
        assert set(row.refuses) <= set(PLACES)
        assert all(row.refuses.values())  # every refusal has its reason


def test_options_are_those_that_the_class_takes() -> None:
    weights = np.ones((4, 5))
    for name, row in ROWS.items():
        for option in ("huber", "weights"):
            value = 0.1 if option == "huber" else weights
            if option in row.refuses:
                with pytest.raises(steepest.InputError, match=option):
                    energy_named(name, **{option: value})
            else:
                made = getattr(energy_named(name, **{option: value}), option)
                assert made is value or made == value
        assert ("boundary" in row.options) is row.allows("periodic")


def test_bad_names_and_options_say_what_is_allowed() -> None:
    with pytest.raises(steepest.InputError, match=r"'tvg'; allowed are 'tv', .*'crofton'"):
        energy_named("tvg")
    with pytest.raises(steepest.InputError, match=r"huber .*'tgv' \(.*\); allowed are alpha1"):
        energy_named("tgv", huber=0.1)
    with pytest.raises(steepest.InputError, match="alpha0 is not an option of the energy 'tv'"):
        energy_named("tv", alpha0=0.1)


def test_a_refusal_gives_its_reason() -> None:
    require(steepest.TotalVariation(), "3-D")
    with pytest.raises(steepest.InputError, match="eight neighbours"):
        require(steepest.CroftonTotalVariation(), "3-D")


def test_the_table_has_all_places_and_reasons() -> None:
    lines = markdown().splitlines()
    assert len([line for line in lines if line.startswith("|")]) == 2 + len(PLACES)
    for row in ROWS.values():
        for why in row.refuses.values():
            assert sum(line.endswith(f". {why}") for line in lines) == 1


def test_the_documentation_holds_the_table() -> None:
    docs = Path(__file__).parents[1] / "docs" / "energies.md"
    assert markdown() in docs.read_text(encoding="utf-8")
