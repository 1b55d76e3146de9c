"""A flux on strips of an image: what the compiled solvers of different energies have in common."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core.threads import resolve_num_threads
from ..dual import Dual, Warm
from .strips import exchange_halos, make_strips

AT_ONCE = 2**24  # values times iterations of a compiled call: about 20 ms, for which Ctrl-C waits


class StripDual(Dual):
    """A flux on strips, one per thread, and how to iterate on it."""

    def __init__(
        self,
        f: np.ndarray,
        energy: Any,
        axes: int,
        sweeps: int,
        num_threads: int | None,
        most: int | None = None,
    ) -> None:
        self.energy = energy
        self._num_threads = num_threads
        self._shape = f.shape
        self._axes, self._channels, self._sweeps = axes, f.shape[0], sweeps
        self._most = sweeps if most is None else most  # iterations between exchanges
        space = f.shape[1:]
        self._rows = (int(np.prod(space[:-1])), space[-1])
        self._dtype = f.dtype.type
        self._unit = space[1] if len(space) == 3 else 1  # rows of a plane
        weights = energy.weights
        self._strips = make_strips(
            f.reshape(self._channels, *self._rows),
            axes,
            unit=self._unit,
            sweeps=sweeps,
            most=self._most,
            weights=None if weights is None else weights.reshape(self._rows),
            num_threads=resolve_num_threads(num_threads),
        )
        self._images = [strip.image for strip in self._strips]
        self._stored = [strip.stored for strip in self._strips]
        self._halos_are_old = False
        self._waiting = np.zeros(0, self._dtype)

    def _slots(self, kind: int) -> slice:
        """Slots of y (kind 0) or p (kind 1)."""
        size = self._axes * self._channels
        return slice(kind * size, (kind + 1) * size)

    def _component(self, kind: int, slot: int) -> slice:
        """Slots of a component: its channels."""
        begin = self._slots(kind).start + slot * self._channels
        return slice(begin, begin + self._channels)

    @property
    def warm(self) -> Warm:
        """The flux and the extrapolated flux, (components, channels, \\*space) each."""
        return (self._gather(1), self._gather(0))

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        self.set_warm_parts(self._copies(part for flux in arrays for part in flux))

    def _copies(self, parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Copies of components, one after the other, in the same memory each time."""
        copy = np.empty(self._shape, self._dtype)
        for part in parts:
            copy[:] = part
            yield copy

    def set_flux(self, p: np.ndarray) -> None:
        self.set_warm_parts(self._copies(p), kinds=(1,))
        self.restart()

    def set_warm_parts(self, parts: Iterable[np.ndarray], kinds: Sequence[int] = (1, 0)) -> None:
        """Set `warm` from its components, one after the other, which are set to 0 off the faces."""
        self._finish()
        places = [(kind, k, slot) for kind in kinds for k, slot in enumerate(self._places)]
        for (kind, k, slot), part in zip(places, parts, strict=True):
            self._close(part, k)
            rows = part.reshape(-1, *self._rows)
            for strip in self._strips:
                stop = strip.start + strip.stored.shape[1] - 1
                own = strip.state[self._component(kind, slot), 1:, : self._rows[1]]
                own[:] = rows[:, strip.start : stop]

    def shrink_flux(self, factor: float) -> None:
        self._finish()
        for strip in self._strips:
            strip.state[self._slots(1)] *= self._dtype(factor)
        self.restart()

    def restart(self) -> None:
        self._finish()
        for strip in self._strips:
            strip.state[self._slots(0)] = strip.state[self._slots(1)]

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each momentum factor. The last ones may wait until `measure`."""
        factors = np.asarray(betas, self._dtype)
        for begin in range(0, len(factors), self._most):
            self._finish()
            self._waiting = factors[begin : begin + self._most]

    def _finish(self) -> None:
        """Do the iterations that wait."""
        part, self._waiting = self._waiting, self._waiting[:0]
        if part.size > 0:
            self._exchange_fluxes()
            # a stretch is of one wavefront
            most = self._rows[0] if part.size <= self._sweeps else 1
            for share in shares(part.size * self._strips[0].stored.size, most):
                self._sweep(part, share)
            self._halos_are_old = True

    def _exchange_fluxes(self) -> None:
        if self._halos_are_old:
            exchange_halos(self._strips, [strip.state for strip in self._strips])
            self._halos_are_old = False

    def _exchange_images(self) -> None:
        exchange_halos(self._strips, self._images)

    @abstractmethod
    def _sweep(self, betas: np.ndarray, share: tuple[float, float]) -> None:
        """Do at most ``sweeps`` iterations on every strip, or a stretch of them."""

    @abstractmethod
    def _close(self, component: np.ndarray, k: int) -> None:
        """Set component k of a flux to zero where there is no face, in place."""

    @property
    @abstractmethod
    def _places(self) -> Sequence[int]:
        """Among the slots of a flux, the place of each component."""

    def _gather(self, kind: int) -> np.ndarray:
        """Collect y (kind 0) or p (kind 1)."""
        self._finish()
        out = np.empty((len(self._places), *self._shape), self._dtype)
        for slot, component in zip(self._places, out, strict=True):
            self._gather_slot(component, kind, slot)
        return out

    def _gather_slot(self, out: np.ndarray, kind: int, slot: int) -> None:
        slots = self._component(kind, slot)
        self._collect(out, [strip.state[slots] for strip in self._strips])

    def warm_parts(self, cut: Any) -> Iterator[np.ndarray]:
        """The components of `warm`, one after the other and cut, in the same memory each time."""
        self._finish()
        whole = np.empty(self._shape, self._dtype)
        part = whole[cut].copy()
        for kind in (1, 0):
            for slot in self._places:
                self._gather_slot(whole, kind, slot)
                np.copyto(part, whole[cut])
                yield part

    def _collect(self, out: np.ndarray, arrays: Sequence[np.ndarray]) -> None:
        """Copy the strips' own rows of an array each into (channels, \\*space)."""
        rows, width = out.reshape(self._channels, *self._rows), self._rows[1]
        for strip, source in zip(self._strips, arrays, strict=True):
            rows[:, strip.image_rows] = source[:, strip.own_rows, :width]

    @property
    def flux(self) -> np.ndarray:
        return self._gather(1)


def shares(work: int, most: int) -> list[tuple[float, float]]:
    """Equal stretches from 0 to 1: at most so many, of `AT_ONCE` if that is enough."""
    count = min(-(-work // AT_ONCE), most)
    return [(i / count, (i + 1) / count) for i in range(count)]
