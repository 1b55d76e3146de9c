"""Grey from photographs' pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import InputError
from steepest.core.grey import to_grey


@given(st.sampled_from(["uint8", "uint16", "float32", "float64"]))
def test_grey_is_the_luma_of_bt601(kind):
    values = np.random.default_rng(1).random((4, 5, 3))
    maximum = np.iinfo(kind).max if kind.startswith("u") else 1
    grey = to_grey((values * maximum).astype(kind))
    assert grey.dtype == np.float32
    assert np.abs(grey - values @ [0.299, 0.587, 0.114]).max() <= (maximum > 1) / maximum + 1e-6
    assert np.array_equal(to_grey(np.full((3, 3), maximum, kind)), np.ones((3, 3)))


def test_what_is_no_grey_image_is_named():
    for array in (np.full((4, 4), 1.5), np.full((4, 4), np.nan), np.full((4, 4), -0.5)):
        with pytest.raises(InputError, match=r"cat: values must lie in \[0, 1\]"):
            to_grey(array, "cat")
    with pytest.raises(InputError, match=r"cat: shape \(4, 4, 2\); allowed"):
        to_grey(np.zeros((4, 4, 2), np.uint8), "cat")
