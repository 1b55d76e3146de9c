"""Files between two passes: what was put comes back, and no thread needs Python's parser."""

import ast

import numpy as np
import pytest

from steepest.tiled.sealed import load
from steepest.tiled.workspace import Workspace


@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (2, 1, 3, 4)])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "u2", "i8", "?", "c16"])
def test_arrays_come_back(tmp_path, monkeypatch, shape, dtype):
    array = (10 * np.random.default_rng(0).random(shape)).astype(dtype)
    store = Workspace(tmp_path)
    store.put("state", 3, array)
    expected = np.load(tmp_path / "state" / "3.npy")
    monkeypatch.setattr(ast, "parse", None)  # before CPython 3.11.8, threads cannot share it
    for found in (store.get("state", 3), store.map("state", 3) if array.size else expected):
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)
    assert store.get("state", 4) is None


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("kept", [0, 5, 9, 60, 130])
def test_cut_files_are_refused(tmp_path, mapped, kept):
    file = tmp_path / "state.npy"
    np.save(file, np.arange(10.0))
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError):
        load(file, mapped=mapped)
