"""
How to read coverage
====================

A sampler says: with 90 %, the value is in this interval. Is that true? Pairs with known truth, kept
back from training, can tell. Here are a right sampler, one that is too sure, one that is not sure
enough, and one that is shifted, and what `posterior.check` says about them. The posterior is known:
x given y is normal with the mean 0.8 y and the deviation 0.6.
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest import posterior

rng = np.random.default_rng(0)


def pairs(n):
    """Return truths (n, 5) and measurements."""
    y = rng.standard_normal((n, 5))
    return 0.8 * y + 0.6 * rng.standard_normal((n, 5)), y


class Sampler:
    """Samples with a deviation and a mean that may be wrong: any class with `sample` will do."""

    def __init__(self, width, shift=0.0):
        self.width, self.shift = width, shift

    def sample(self, y, count=100, *, rng=0):
        """Return draws for each measurement."""
        noise = np.random.default_rng(rng).standard_normal((len(y), count, y.shape[1]))
        return posterior.Draws(0.8 * y[:, None] + self.shift + 0.6 * self.width * noise)


samplers = {
    "right": Sampler(1), "too sure": Sampler(0.5), "not sure enough": Sampler(2),
    "shifted": Sampler(1, 0.5),
}  # fmt: skip

# %%
# **Ranks** show where it fails: the place of the truth among the samples, in eleven classes. Flat
# is right. High ends: too narrow. A high middle: too wide. A slope: shifted.

x, y = pairs(300)
figure, axes = plt.subplots(1, 4, figsize=(12, 2.8), layout="constrained", sharey=True)
reports = {}
for ax, (name, sampler) in zip(axes, samplers.items()):
    reports[name] = report = posterior.check(sampler, x, y)
    ax.bar(range(11), report.ranks, width=0.9)
    ax.axhline(1 / 11, color="k", lw=1)
    ax.set_title(f"{name}: {report.coverage:.0%} held, factor {report.factor:.2f}", fontsize=9)
    print(f"{name:15} {report}")

# %%
# **Coverage alone does not rank samplers**: very wide intervals hold everything. **CRPS** does: it
# rewards narrow and right, and the right sampler has the least.

assert min(reports, key=lambda name: reports[name].crps) == "right"

# %%
# **The factor repairs the promise**, whatever the sampler: intervals widened (or narrowed) by it
# hold 90 % of the values of new measurements on average. It does not make a bad sampler good: the
# repaired intervals of the shifted one are wider than those of the right one.

x_new, y_new = pairs(2000)
for name, sampler in samplers.items():
    low, high = sampler.sample(y_new, 100).interval(0.9, factor=reports[name].factor)
    held = ((low <= x_new) & (x_new <= high)).mean()
    print(f"{name:15} {held:.1%} held after the factor, mean width {(high - low).mean():.2f}")
    assert 0.88 < held < 0.92

# %%
# **Few pairs make the factor cautious.** On average over many sets of n pairs, the coverage is at
# least 90 %, and more if n is small. Fewer than nine pairs allow no factor for 90 %.

held = {}
draws = samplers["too sure"].sample(y_new, 100)
for n in (9, 20, 50, 200):
    own = []
    for _ in range(60):
        pick = rng.permutation(len(x))[:n] if n < 200 else slice(None)
        factor = posterior.check(samplers["too sure"], x[pick], y[pick]).factor
        low, high = draws.interval(0.9, factor=factor)
        own.append(((low <= x_new) & (x_new <= high)).mean())
    held[n] = own
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.boxplot(list(held.values()), tick_labels=list(held))
ax.axhline(0.9, color="k", lw=1)
ax.set(xlabel="pairs kept back", ylabel="coverage of 90 % intervals")
print(posterior.check(samplers["right"], x[:8], y[:8]).status)

# %%
# **It is an average over values and measurements.** If some images are harder than others, their
# intervals hold less than 90 %, and those of the easy ones more. And it speaks only of measurements
# like those that were kept back: another instrument needs new pairs.
