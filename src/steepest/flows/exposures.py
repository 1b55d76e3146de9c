"""The noise of repeated exposures: variances of pixels, on a line over their means."""

import numpy as np

_STEPS = 30
_CERTAIN = 3.0  # standard errors by which the gain must differ from 0


def fit_line(exposures: np.ndarray) -> tuple[float, float, float]:
    r"""The offset and gain of the variance of exposures (n, \*space), and the share of pixels used.

    With means m and unbiased variances s of n exposures, s (n - 1) / v is about chi-squared for
    v = offset + gain m. Fisher scoring of this likelihood is weighted least squares with the
    weights 1 / v^2. Pixels that are saturated in one exposure are left out. A gain that is negative
    or not certain is 0.
    """
    count, top = len(exposures), exposures.max()
    values = exposures.reshape(count, -1).astype(np.float64)
    used = (values < top).all(axis=0) if np.ptp(values) else np.zeros(values.shape[1], bool)
    mean, variance = values[:, used].mean(0), values[:, used].var(0, ddof=1)
    share = float(used.mean())
    level = float(variance.mean()) if share else 0.0
    if level == 0:
        return 0.0, 0.0, 0.0
    if np.ptp(mean) == 0:
        return level, 0.0, share
    expected = np.full_like(mean, level)
    least = 0.01 * level
    for _ in range(_STEPS):
        weights = 1 / expected**2
        total, first = weights.sum(), (weights * mean).sum() / weights.sum()
        spread = float((weights * (mean - first) ** 2).sum())
        gain = float((weights * (mean - first) * variance).sum()) / spread
        height = float((weights * variance).sum() / total)
        offset, before = height - gain * float(first), expected
        expected = np.maximum(offset + gain * mean, least)
        if np.abs(expected - before).max() <= 1e-9 * level:
            break
    if gain <= _CERTAIN * np.sqrt(2 / (count - 1) / spread):
        return level, 0.0, share
    return offset, gain, share
