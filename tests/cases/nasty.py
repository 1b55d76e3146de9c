"""Hypothesis strategies for nonsensical arguments, mixed with usual ones."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

NUMBERS: list[Any] = [
    0, 0.0, -0.0, 1, 2, 3, 0.1, 0.5, 1.5, 7, 20, -1, -0.1, 1e-3, 1e3, 1e-12, 1e12,
    5e-324, 1e-310, 1e-300, 1e-160, 1e-150, 1e-149, 1e-100, 1e-45, 1e-38, 1e-30, 1e-20,
    1e18, 1e19, 1e30, 1e38, 1e39, 1e100, 1e149, 1e150, 1e160, 1e300, 1.7e308,
    np.inf, -np.inf, np.nan, 10**19, 10**400, -(10**400), 2**63, True, False,
    np.float32(0.1), np.float64(1e-5), np.int8(3), np.uint64(2**64 - 1), np.float16(0.5),
    np.array(0.2), np.longdouble("1e4000"),
]  # fmt: skip
NONSENSE: list[Any] = [
    None, "", "3", "auto", "nan", b"1", 1j, 1 + 0j, np.complex128(0.5), [], (), {}, [1], [1.0, 2.0],
    [2.0, 1.0], [[1.0]], [None], ["a"], [1, "a"], [[1], [1, 2]], object(), float, len, ...,
    np.array([]), np.array([0.1, 0.2]), np.array([[0.1]]), np.array(["x"]), np.array([1j]),
    np.array([None]), np.datetime64("2020-01-01"), np.timedelta64(3, "s"), datetime(2020, 1, 1),
    np.ma.masked_array([1.0, 2.0], [True, False]), np.ma.masked, slice(1), {1.0}, [np.nan],
    [np.inf], [1e400], [10**400, 1], [0.1, 0.1], [-1.0, 1.0], range(3),
]  # fmt: skip
KINDS = ["float64", "float32", "uint8", "uint16"]
BAD_KINDS = [
    "int64",
    "int8",
    "float16",
    "bool",
    "complex128",
    "complex64",
    "U3",
    "O",
    "M8[s]",
    "m8[s]",
]


def one_of(values: list[Any]) -> st.SearchStrategy[Any]:
    """One of the values, by position (they need not be hashable or comparable)."""
    return st.integers(0, len(values) - 1).map(lambda k: values[k])


def numbers(usual: list[Any]) -> st.SearchStrategy[Any]:
    """Mostly usual values, sometimes any numbers, sometimes nonsense."""
    return st.one_of(one_of(usual), one_of(usual), one_of(usual), one_of(NUMBERS), one_of(NONSENSE))


@st.composite
def images(draw: Callable[..., Any], dimensions: int = 3) -> Any:
    """Mostly images of a few pixels; also scaled, of other dtypes, broken, or not images at all."""
    choice = draw(st.integers(0, 9))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=dimensions, min_side=1, max_side=5))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    values = draw(one_of([rng.random(shape), rng.standard_normal(shape), np.zeros(shape)]))
    if choice <= 4:
        kind = draw(one_of(KINDS))
        return (values * 255 if kind.startswith("u") else values).astype(kind)
    if choice == 5:
        with np.errstate(over="ignore"):
            return values * float(draw(one_of([x for x in NUMBERS if abs(x) < 1e308])))
    if choice == 6:
        broken = values.copy()
        broken.flat[draw(st.integers(0, broken.size - 1))] = draw(one_of([np.nan, np.inf, 1e308]))
        return broken
    if choice == 7:
        with np.errstate(all="ignore"):
            return (values * 3).astype(draw(one_of(BAD_KINDS)))
    if choice == 8:
        return draw(
            one_of([np.ma.masked_array(values, values > 0.5), values.tolist(), values[..., ::-1],
                    np.asfortranarray(values), values[None, None, None], values[:0], values.max()])
        )  # fmt: skip
    return draw(one_of(NONSENSE))
