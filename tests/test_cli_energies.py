"""``--energy``: the commands give the energy and its options to the library."""

from __future__ import annotations

import json

import numpy as np
import pytest

import steepest
from cases.pixels import random_array
from cases.terminal import one_error
from steepest.cli.main import main
from steepest.convex.capabilities import energies
from steepest.io import read_image, write_image

NAMES = [*energies()]
OPTIONS = {  # of the command, and of the library
    "anisotropic": ([], "norm", "anisotropic"),
    "huber": (["0.1"], "huber", 0.1),
    "alpha": (["0.5"], "alpha", 0.5),
    "beta": (["0.3"], "beta", 0.3),
    "alpha0": (["3"], "alpha0", 3.0),
    "alpha1": (["0.5"], "alpha1", 0.5),
}


@pytest.fixture(autouse=True)
def image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = random_array((16, 20), "float32")
    write_image("a.tif", array)
    return array


def written(*words):
    assert main([*words, "-o", "out.tif", "--overwrite", "-q"]) == 0
    return read_image("out.tif").array


@pytest.mark.parametrize("name", NAMES)
def test_images_are_those_of_the_library(name, image):
    energy = steepest.energy_named(name)
    found = written("denoise", "a.tif", "--strength", "0.1", "--energy", name)
    assert np.array_equal(found, steepest.denoise(image, 0.1, energy).image)
    found = written("denoise", "a.tif", "--sigma", "0.1", "--energy", name)
    assert np.array_equal(found, steepest.denoise_discrepancy(image, 0.1, energy).image)
    found = written("flow", "a.tif", "--times", "0.05", "--steps", "3", "--energy", name)
    assert np.array_equal(found, steepest.flow(image, [0.05], energy, steps=3).images[0])


@pytest.mark.parametrize("name", NAMES)
def test_bands_are_those_of_the_library(name, image, capsys):
    """An energy that `decompose` refuses is refused in the same words."""
    bands = ["--edges", "0.02,0.1", "--t-max", "0.3", "--steps", "6", "--energy", name]
    command = ["decompose", "a.tif", *bands, "--no-figures", "-o", "bands", "-q"]
    try:
        expected = steepest.spectral.decompose(
            image, steepest.energy_named(name), bands=[0, 0.02, 0.1, np.inf], t_max=0.3, steps=6
        )
    except steepest.InputError as error:
        assert main(command) == 2
        one_error(capsys, str(error))
        return
    assert main(command) == 0
    for k, band in enumerate(expected.bands, 1):
        assert np.array_equal(read_image(f"bands/band_0{k}.tif").array, band)
    found = written("filter", "a.tif", *bands, "--gains", "0,1,2")
    assert np.array_equal(found, expected.recompose([0, 1, 2]))


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_options_are_taken_or_refused_by_the_table(name, option, image, capsys):
    words, own, value = OPTIONS[option]
    row = energies()[name]
    command = ["denoise", "a.tif", "--strength", "0.1", "--energy", name, f"--{option}", *words]
    if own in row.options:
        energy = steepest.energy_named(name, **{own: value})
        assert np.array_equal(written(*command), steepest.denoise(image, 0.1, energy).image)
    else:
        assert main(command) == 2
        one_error(capsys, f"--{option}: not with --energy {name}", row.refuses.get(own, row.title))


def test_the_report_names_the_energy(capsys):
    for name in ("tv", "tgv"):
        command = ["denoise", "a.tif", "--strength", "0.1", "--energy", name, "--overwrite"]
        assert main([*command, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)["results"][0]
        assert record.get("energy") == (None if name == "tv" else name)
    assert main(["denoise", "a.tif", "--energy", "tgw"]) == 2
    one_error(capsys, 'Did you mean "tgv"?', *NAMES)
