"""Random images for training: dead leaves, disks, textures."""

import numpy as np

_SMALLEST_RADIUS = 1.5
_SOFTNESS = (0.01, 0.5, 1.0, 3.0)  # width of an edge in pixels


def generate_image(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random greyscale image ``(size, size)``, float32 in [0, 1].

    Three quarters are dead leaves: 10 to 150 overlapping ellipses, rectangles and triangles, some
    shaded, with radii log-uniform from 1.5 pixels to ``size / 3`` and edges sharp or blurred over
    up to 3 pixels. The others are 1 to 20 isolated disks on a flat background. Half of all images
    get a power-law noise texture (:func:`power_law_noise`) of standard deviation up to 8 % of the
    range.
    """
    image = _dead_leaves(rng, size) if rng.random() < 0.75 else _isolated_disks(rng, size)
    if rng.random() < 0.5:
        strength, decay = rng.uniform(0, 0.08), rng.uniform(0, 2)
        image = image + strength * power_law_noise(rng, size, decay)
    return np.clip(image, 0, 1).astype(np.float32)


def power_law_noise(rng: np.random.Generator, size: int, decay: float) -> np.ndarray:
    """Gaussian noise ``(size, size)`` of mean 0 and variance 1 with amplitudes ``~ 1/|f|**decay``.

    ``decay=0`` is white noise; natural images have a decay of about 1.
    """
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    spectrum /= (np.hypot(rows, columns) + 1 / (4 * size)) ** decay
    noise = np.fft.irfft2(spectrum, s=(size, size))
    noise -= noise.mean()
    return np.asarray(noise / noise.std())


def _dead_leaves(rng: np.random.Generator, size: int) -> np.ndarray:
    image = np.full((size, size), rng.random())
    for _ in range(rng.integers(10, 151)):
        radius = np.exp(rng.uniform(np.log(_SMALLEST_RADIUS), np.log(size / 3)))
        _add_leaf(image, rng, rng.random(2) * size, float(radius))
    return image


def _add_leaf(
    image: np.ndarray, rng: np.random.Generator, centre: np.ndarray, radius: float
) -> None:
    """Draw one leaf over the image, in place."""
    stretch, angle, kind = rng.uniform(0.3, 1), rng.uniform(0, np.pi), rng.integers(3)
    softness, grey = rng.choice(_SOFTNESS), rng.random()
    slope = 0.2 * rng.standard_normal(2) if rng.random() < 0.3 else np.zeros(2)
    window, rows, columns = _surroundings(image.shape, centre, 2.65 * radius + 1.35 * softness)
    across = (columns * np.cos(angle) + rows * np.sin(angle)) / radius
    along = (rows * np.cos(angle) - columns * np.sin(angle)) / radius
    depth = _gauge(int(kind), across, along / stretch)
    cover = np.clip((1 - depth) * radius / softness + 0.5, 0, 1)
    leaf = np.clip(grey + slope[0] * across + slope[1] * along, 0, 1)
    image[window] += cover * (leaf - image[window])


def _gauge(kind: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A gauge function, below 1 inside an ellipse, a rectangle or a triangle."""
    if kind == 0:
        return np.asarray(np.hypot(x, y))
    if kind == 1:
        return np.maximum(abs(x), abs(y))
    return np.maximum(-x, 0.7 * (x + abs(y)))


def _surroundings(
    shape: tuple[int, ...], centre: np.ndarray, reach: float
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The window around ``centre`` that a shape can touch, and coordinates from the centre."""
    low = np.maximum(np.floor(centre - reach).astype(int), 0)
    high = np.minimum(np.ceil(centre + reach).astype(int) + 1, shape)
    window = (slice(low[0], high[0]), slice(low[1], high[1]))
    rows = np.arange(low[0], high[0])[:, None] - centre[0]
    columns = np.arange(low[1], high[1])[None] - centre[1]
    return window, rows, columns


def _isolated_disks(rng: np.random.Generator, size: int) -> np.ndarray:
    """Disks at least two pixels apart; those that would come closer are skipped."""
    image = np.full((size, size), rng.random())
    placed: list[tuple[np.ndarray, float]] = []
    for _ in range(rng.integers(1, 21)):
        radius = float(np.exp(rng.uniform(np.log(_SMALLEST_RADIUS), np.log(size / 4))))
        centre, grey = rng.uniform(radius, size - radius, 2), rng.random()
        if any(np.hypot(*(centre - other)) < radius + r + 3 for other, r in placed):
            continue
        placed.append((centre, radius))
        window, rows, columns = _surroundings(image.shape, centre, radius + 1)
        cover = np.clip(radius - np.hypot(rows, columns) + 0.5, 0, 1)
        image[window] += cover * (grey - image[window])
    return image
