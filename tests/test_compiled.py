"""Compiling where numba finds no folder for its cache."""

import pytest
from numba.core.caching import FunctionCache

from steepest.core.compiled import kernel, lean_kernel


def test_kernels_run_where_no_folder_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a read-only package and no home: numba then refuses to cache."""
    monkeypatch.setattr(FunctionCache._impl_class, "_locator_classes", [])
    for decorate in (kernel, lean_kernel):

        @decorate
        def twice(x):  # type: ignore[no-untyped-def]
            return 2 * x

        assert twice(21) == 42
