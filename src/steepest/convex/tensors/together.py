"""Many images of one shape as one problem: they share steps, iterations and momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..certificate import StepTerms


@dataclass(frozen=True, eq=False)
class Together:
    """The energy of ``len(references)`` images of one shape, the sum of the energy of ``each``.

    Their arrays are ``(channels * images, *space)``: image b has the channels b, b + images, ...
    ``references`` are the energies of the images below which nothing is resolved (see `Goal`).
    """

    each: Any
    references: tuple[float, ...]
    one_homogeneous = False  # the flux cannot be shrunk for one image alone

    def __getattr__(self, name: str) -> Any:
        return getattr(self.each, name)


def joint_terms(items: Sequence[StepTerms], references: Sequence[float], floor: float) -> StepTerms:
    """The terms by which the solver decides: as if all images were like the worst of them.

    The worst has the largest gap relative to its energy or reference, among those with a gap above
    ``floor``, where rounding hides any progress. When it meets the tolerance, all of these do. The
    other terms are sums, so that they are a certificate for all images as one.
    """
    scales = [max(terms.primal, least) for terms, least in zip(items, references, strict=True)]
    gaps, count = [terms.gap for terms in items], len(items)
    moving = [b for b in range(count) if gaps[b] > floor] or range(count)
    worst = max(moving, key=lambda b: gaps[b] / scales[b] if scales[b] > 0 else gaps[b])
    return StepTerms(
        gap=count * gaps[worst],
        primal=count * scales[worst],
        dual_energy=sum(terms.dual_energy for terms in items),
        integral=sum(terms.integral for terms in items),
        residual=math.sqrt(sum(terms.residual**2 for terms in items)),
        value=sum(terms.value for terms in items),
        start_value=sum(terms.start_value for terms in items),
        allowance=sum(terms.allowance for terms in items),
    )
