"""The dual solver whose iteration is one Triton kernel, for tensors on a CUDA or ROCm device.

Several iterations are recorded as a CUDA graph, which the device runs without waiting for Python.
The arrays therefore stay where they are, and the methods write to them.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ...core.namespace import Array
from ..dual import Warm
from .dual import TensorDual
from .kernel import COLUMNS, ROWS, iterate

_LONGEST = 32  # iterations in one graph, a power of two
_FIXED = 5  # numbers before the momentum factors


class FusedDual(TensorDual):
    """`TensorDual` for total variation of 2-D images, with a compiled iteration."""

    def __init__(self, f: Array, energy: Any) -> None:
        super().__init__(f, energy)
        self.f = self.f.clone(memory_format=torch.contiguous_format)
        self.p, self.y = (
            torch.zeros_like(self.p, memory_format=torch.contiguous_format) for _ in range(2)
        )
        self._other = torch.empty_like(self.y)
        self._weights = self.f if self.energy.weights is None else self.energy.weights.contiguous()
        self._numbers = self.f.new_empty(_FIXED + _LONGEST)
        self._graphs: dict[int, Any] = {}
        self._records = self.f.is_cuda
        self._compiled = False  # by the first launch; a graph cannot record that

    @property
    def warm(self) -> Warm:
        """Copies of the flux and the extrapolated flux."""
        return tuple(array.clone().reshape(-1, *self._outer) for array in (self.p, self.y))

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        for own, array in zip((self.p, self.y), arrays, strict=True):
            own.copy_(array.reshape(own.shape))

    def shrink_flux(self, factor: float) -> None:
        self.p *= factor
        self.restart()

    def restart(self) -> None:
        self.y.copy_(self.p)

    def advance(self) -> None:
        self.f.copy_(self._image)

    def iterate(self, betas: Sequence[float]) -> None:
        h_y, h_x = self.energy.steps
        shrink = 1 / (1 + self.step_size * self.energy.huber)
        fixed = [self.tau / h_y, self.tau / h_x, self.step_size / h_y, self.step_size / h_x, shrink]
        with self._device():
            for begin, count in _pieces(len(betas)):
                numbers = torch.tensor(
                    [*fixed, *betas[begin : begin + count]], dtype=self._numbers.dtype
                )
                self._numbers[: numbers.numel()].copy_(numbers, non_blocking=True)
                self._run(count)

    def _device(self) -> AbstractContextManager[Any]:
        return torch.cuda.device(self.f.device) if self.f.is_cuda else nullcontext()

    def _run(self, count: int) -> None:
        """Do ``count`` iterations, as a graph where that is possible."""
        if not (self._records and self._compiled and count > 1):
            self._launch(count)
            self._compiled = True
            return
        if count not in self._graphs:
            self._graphs[count] = self._recorded(count)
        self._graphs[count].replay()

    def _recorded(self, count: int) -> Any:
        """The graph of ``count`` iterations, without the waiting of ``torch.cuda.graph``."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(torch.cuda.Stream()):
            graph.capture_begin(capture_error_mode="thread_local")
            self._launch(count)
            graph.capture_end()
        return graph

    def _launch(self, count: int) -> None:
        channels, images, height, width = self._inner
        padded = 1 << (channels - 1).bit_length()
        rows = max(ROWS // padded, 1)
        grid = (images * -(-width // COLUMNS), -(-height // rows))
        source, target = self.y, self._other
        for k in range(count):
            iterate[grid](
                self.f, self.p, source, target, self._weights, self._numbers, k,
                images, height, width, self.f.numel(),
                channels=channels, padded=padded, rows=rows, columns=COLUMNS,
                isotropic=self.energy.isotropic, weighted=self.energy.weights is not None,
            )  # fmt: skip
            source, target = target, source
        if count % 2:
            self.y.copy_(self._other)


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    """``count`` iterations as powers of two, for which graphs exist: (begin, length)."""
    begin = 0
    while begin < count:
        length = min(1 << ((count - begin).bit_length() - 1), _LONGEST)
        yield begin, length
        begin += length
