"""The masks of the literature that the library is compared with."""

import numpy as np
import pytest

from benchmarks.classical_masks import (
    diffusion,
    probabilistic_sparsification,
)


def photograph(size: int) -> np.ndarray:
    """Waves, an edge and a little noise, (size, size, 2)."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size] / 8
    image = np.stack([np.sin(y + x * x), np.cos(x - y)], -1)
    image[size // 3 :, size // 2 :] += 1
    return image + 0.01 * rng.normal(size=image.shape)


def slow_sparsification(image: np.ndarray, count: int, p: float, q: float, seed: int) -> np.ndarray:
    """As the docstring says, a set of pixels and one candidate after the other."""
    values = np.moveaxis(image, -1, 0)
    space, rng = values.shape[1:], np.random.default_rng(seed)
    kept = [tuple(place) for place in np.argwhere(np.ones(space, bool))]
    while len(kept) > count:
        number = min(max(1, round(p * len(kept))), len(kept) - 1)
        drawn = rng.choice(len(kept), number, replace=False, shuffle=False)
        mask = np.zeros(space, bool)
        for k, place in enumerate(kept):
            mask[place] = k not in drawn
        filled = diffusion(values, mask, None)
        wrong = {
            k: sum(abs(filled[c][kept[k]] - values[c][kept[k]]) for c in (0, 1)) for k in drawn
        }
        gone = min(max(1, round(q * number)), len(kept) - count)
        worst_first = sorted(wrong, key=lambda k: -wrong[k])
        kept = [place for k, place in enumerate(kept) if k not in worst_first[number - gone :]]
    mask = np.zeros(space, bool)
    for place in kept:
        mask[place] = True
    return mask


@pytest.mark.parametrize(("p", "q"), [(0.3, 0.1), (1.0, 0.2), (0.01, 1.0)])
def test_sparsification_against_the_slow_way(p: float, q: float) -> None:
    image = photograph(9)
    options = {"channel_axis": -1, "rng": 5, "p": p, "q": q}
    mask = probabilistic_sparsification(image, 0.2, **options)
    assert np.array_equal(mask, slow_sparsification(image, 16, p, q, 5))
