"""`steepest.gradient` and `steepest.divergence` refuse bad input and name the argument."""

import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import steepest
from steepest import InputError

IMAGE = np.linspace(0, 1, 12).reshape(3, 4)
FIELD = np.stack([IMAGE, IMAGE])

WRONG_VALUES: list[Any] = [
    IMAGE.astype(int),
    IMAGE > 0.5,
    IMAGE.astype(complex),
    IMAGE.astype(object),
    IMAGE.astype(np.float16),
    IMAGE.astype("datetime64[s]"),
    np.ma.masked_greater(IMAGE, 0.5),
    np.where(IMAGE > 0.5, np.nan, IMAGE),
    np.where(IMAGE > 0.5, np.inf, IMAGE),
    np.zeros((0, 4)),
    np.zeros((2, 3, 0)),
    np.float64(1),
    "image",
    None,
    [[1.0, 2.0], [3.0]],
]
WRONG_SPACING: list[Any] = [
    0, -1.0, (1.0, 0.0), (1.0, 1.0, 1.0, 1.0), (), "h", float("nan"), 1e400, 10**400, 1e-300, 1j,
    [[1.0, 1.0]], (1.0, None),
]  # fmt: skip


@pytest.mark.parametrize("values", WRONG_VALUES, ids=repr)
def test_arrays_that_are_refused(values: Any) -> None:
    with pytest.raises(InputError, match=r"\bu\b"):
        steepest.gradient(values)
    with pytest.raises(InputError, match=r"\bp\b"):
        steepest.divergence(values)


@pytest.mark.parametrize("spacing", WRONG_SPACING, ids=repr)
def test_spacings_that_are_refused(spacing: Any) -> None:
    for operator, values in ((steepest.gradient, IMAGE), (steepest.divergence, FIELD)):
        with pytest.raises(InputError, match="spacing"):
            operator(values, spacing)


@pytest.mark.parametrize("boundary", ["zero", "dirichlet", None, 1])
def test_boundaries_that_are_refused(boundary: Any) -> None:
    for operator, values in ((steepest.gradient, IMAGE), (steepest.divergence, FIELD)):
        with pytest.raises(InputError, match=r"boundary.*neumann, periodic"):
            operator(values, boundary=boundary)


@pytest.mark.parametrize("shape", [(1,), (3,), (3, 4), (4, 5, 6)])
def test_fields_with_too_few_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=re.escape(f"p of shape {shape}")):
        steepest.divergence(np.ones(shape))


def test_differences_beyond_the_range_of_the_type() -> None:
    huge = np.array([3e38, -3e38], np.float32)
    with pytest.raises(InputError, match=r"u .*float32"):
        steepest.gradient(huge)
    with pytest.raises(InputError, match=r"p .*float32"):
        steepest.divergence(np.array([[3e38, 0]], np.float32), 1e-3)


def test_tensors_that_are_refused() -> None:
    torch = pytest.importorskip("torch")
    for values in (torch.ones(3, 4, dtype=torch.int64), torch.ones(3, 4) * 1j, torch.ones(3, 0)):
        with pytest.raises(InputError, match=r"\bu\b"):
            steepest.gradient(values)
        with pytest.raises(InputError, match=r"\bp\b"):
            steepest.divergence(values)


@settings(max_examples=300)
@given(
    st.sampled_from(["gradient", "divergence"]),
    arrays(
        st.sampled_from(["f2", "f4", "f8", "i4", "u1", "c16", "b1"]),
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
    st.none() | st.floats() | st.lists(st.floats() | st.integers(), max_size=4),
    st.sampled_from(["neumann", "periodic", "", "zero"]),
)
def test_a_finite_result_or_a_named_argument(
    name: str, values: np.ndarray, spacing: Any, boundary: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = getattr(steepest, name)(values, spacing, boundary)
        except InputError as error:
            assert re.search(r"\bu\b|\bp\b|spacing|boundary", str(error))
        else:
            assert found.dtype == values.dtype
            assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", ["meta", "sparse_coo", "sparse_csr"])
def test_tensors_without_plain_values_are_refused(kind: str) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its sparse rows a beta
        image = {
            "meta": lambda: torch.zeros(5, 5, device="meta"),
            "sparse_coo": lambda: torch.eye(5).to_sparse(),
            "sparse_csr": lambda: torch.eye(5).to_sparse_csr(),
        }[kind]()
    words = rf"^(u|image) is a {kind} tensor; allowed are dense ones"
    for function in (steepest.gradient, lambda image: steepest.denoise_tv(image, 0.1)):
        with pytest.raises(InputError, match=words):
            function(image)
