"""``--energy`` and the options of energies (all commands: tests/test_energies_doors.py)."""

import json

import numpy as np
import pytest
import tifffile

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


def test_unequal_pixel_sizes_of_the_file_are_told_of(capsys):
    volume = np.random.default_rng(0).random((6, 16, 16)).astype(np.float32)
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite("v.tif", volume, imagej=True, resolution=(2, 2), metadata=metadata)
    assert main(["denoise", "v.tif", "--strength", "0.1", "-o", "b.tif"]) == 0
    assert "pixels are 2 x 0.5 x 0.5 \u00b5m (--spacing file)" in capsys.readouterr().out
    assert main(["denoise", "v.tif", "--strength", "0.1", "--spacing", "file", "-o", "c.tif"]) == 0
    assert "pixels are" not in capsys.readouterr().out
