"""Compiled loops over patches: densities of all components, their best estimate, precisions.

Patches are gathered from a flat image by the indices ``start + offset``. Sixty-four patches at a
time lie side by side in a block, so that the loops over them vectorise.
"""

import numpy as np

from ..core.compiled import helper, kernel

BLOCK = 64
"""Patches in a block; the loops know it when they are compiled."""


@helper
def _gather(image, starts, first, offsets, group, per, block, means):
    """Copy up to BLOCK patches into columns; without their means over each group of pixels.

    ``group`` is the number of pixels of a channel, or 0 to keep the means; ``per`` is its inverse.
    A last block that is not full repeats its last patch.
    """
    d = len(offsets)
    last = len(starts) - 1
    for b in range(BLOCK):
        start = starts[min(first + b, last)]
        for i in range(d):
            block[i, b] = image[start + offsets[i]]
    if group > 0:
        for c in range(d // group):
            for b in range(BLOCK):
                means[c, b] = 0
            for i in range(c * group, (c + 1) * group):
                for b in range(BLOCK):
                    means[c, b] += block[i, b]
            for b in range(BLOCK):
                means[c, b] *= per
            for i in range(c * group, (c + 1) * group):
                for b in range(BLOCK):
                    block[i, b] -= means[c, b]


@helper
def _squares(block, squares):
    for b in range(BLOCK):
        squares[b] = 0
    for i in range(len(block)):
        for b in range(BLOCK):
            squares[b] += block[i, b] * block[i, b]


@helper
def _scores(block, squares, rows, count, linear, constant, inverse, score, p, q):
    """Write the log-densities of one component into ``score``; ``count`` rows are used.

    ``rows`` are pairs of scaled directions; zeros fill up their number and their length.
    """
    d = len(block)
    for b in range(BLOCK):
        score[b] = constant - inverse * squares[b]
    for i in range(len(linear)):  # not d: the block is filled up with zeros, these are not
        for b in range(BLOCK):
            score[b] += linear[i] * block[i, b]
    for j in range(0, count, 2):
        for b in range(BLOCK):
            p[b] = 0
            q[b] = 0
        for i in range(0, d, 4):
            p0, p1, p2, p3 = rows[j, i], rows[j, i + 1], rows[j, i + 2], rows[j, i + 3]
            q0, q1, q2, q3 = (
                rows[j + 1, i],
                rows[j + 1, i + 1],
                rows[j + 1, i + 2],
                rows[j + 1, i + 3],
            )
            for b in range(BLOCK):
                x0, x1, x2, x3 = block[i, b], block[i + 1, b], block[i + 2, b], block[i + 3, b]
                p[b] += p0 * x0 + p1 * x1 + p2 * x2 + p3 * x3
                q[b] += q0 * x0 + q1 * x1 + q2 * x2 + q3 * x3
        for b in range(BLOCK):
            score[b] += p[b] * p[b] + q[b] * q[b]


@kernel
def densities(image, starts, offsets, tables, output):
    """Write the log-densities of all patches and components, with the weights, into (n, K).

    ``tables`` are the ``arguments`` of a model's `Tables`.
    """
    group, per, rows, counts, linear, constant, inverse = tables
    d, padded = len(offsets), rows.shape[2]
    block = np.zeros((padded, BLOCK), image.dtype)
    means = np.empty((d, BLOCK), image.dtype)
    buffers = np.empty((4, BLOCK), image.dtype)
    squares, score, p, q = buffers[0], buffers[1], buffers[2], buffers[3]
    for first in range(0, len(starts), BLOCK):
        _gather(image, starts, first, offsets, group, per, block, means)
        _squares(block, squares)
        for k in range(len(rows)):
            _scores(
                block, squares, rows[k], counts[k], linear[k], constant[k], inverse[k], score, p, q
            )
            for b in range(min(BLOCK, len(starts) - first)):
                output[first + b, k] = score[b]


@kernel
def estimate(image, starts, offsets, tables, means_of, total, overlap, low):
    """Estimate every patch by its likeliest component; add it to the image ``total``.

    ``means_of`` are U, shrink, rest and shift of all components: the estimate is
    ``rest x + U (shrink U^T x) + shift`` plus the mean. ``total`` and the number of its patches,
    ``overlap``, begin at pixel ``low`` of the image. ``tables`` are as for `densities`.
    """
    group, per, rows, counts, linear, constant, inverse = tables
    bases, shrink, rest, shift = means_of
    d, padded = len(offsets), rows.shape[2]
    num = len(rows)
    block = np.zeros((padded, BLOCK), image.dtype)
    means = np.zeros((d, BLOCK), image.dtype)
    buffers = np.empty((5, BLOCK), image.dtype)
    squares, score, p, q, best = buffers[0], buffers[1], buffers[2], buffers[3], buffers[4]
    own = np.empty(BLOCK, np.int64)
    x, z = np.empty(d, image.dtype), np.empty(d, image.dtype)
    size = group if group > 0 else d
    for first in range(0, len(starts), BLOCK):
        _gather(image, starts, first, offsets, group, per, block, means)
        _squares(block, squares)
        for b in range(BLOCK):
            best[b] = -np.inf
            own[b] = 0
        for k in range(num):
            _scores(
                block, squares, rows[k], counts[k], linear[k], constant[k], inverse[k], score, p, q
            )
            for b in range(BLOCK):
                if score[b] > best[b]:
                    best[b] = score[b]
                    own[b] = k
        for b in range(min(BLOCK, len(starts) - first)):
            k = own[b]
            for i in range(d):
                x[i] = block[i, b]
                z[i] = rest[k] * x[i] + shift[k, i] + means[i // size, b]
            for j in range(bases.shape[1]):
                y = x[0] - x[0]
                for i in range(d):
                    y += bases[k, j, i] * x[i]
                y *= shrink[k, j]
                for i in range(d):
                    z[i] += y * bases[k, j, i]
            at = starts[first + b] - low
            for i in range(d):
                total[at + offsets[i]] += z[i]
                overlap[at + offsets[i]] += 1


@kernel
def moments(x, which, weights, mean, output):
    """Add up mean and covariance (upper triangle) of some rows; their weights add up to 1."""
    d = x.shape[1]
    for a in range(len(which)):
        for i in range(d):
            mean[i] += weights[a] * x[which[a], i]
    y = np.zeros((8, d))
    z = np.zeros((8, d))
    for first in range(0, len(which), 8):
        for b in range(8):
            if first + b < len(which):
                row, weight = which[first + b], weights[first + b]
                for i in range(d):
                    y[b, i] = x[row, i] - mean[i]
                    z[b, i] = weight * y[b, i]
            else:
                z[b] = 0
        for i in range(d):
            z0, z1, z2, z3 = z[0, i], z[1, i], z[2, i], z[3, i]
            z4, z5, z6, z7 = z[4, i], z[5, i], z[6, i], z[7, i]
            for j in range(i, d):
                output[i, j] += (
                    (z0 * y[0, j] + z1 * y[1, j]) + (z2 * y[2, j] + z3 * y[3, j])
                    + ((z4 * y[4, j] + z5 * y[5, j]) + (z6 * y[6, j] + z7 * y[7, j]))
                )  # fmt: skip


@kernel
def precision(image, starts, offsets, removal, members, forms, output, low):
    """Add to ``output`` the inverse covariances of all patches, times the patches.

    ``members`` are ends, owners and shares: patch n has the components
    ``owners[ends[n]:ends[n + 1]]`` with the weights ``shares``. ``forms`` are U, gain, inverse and
    linear of all components: what is added to the patch is the weighted sum of
    ``inverse x - U (gain U^T x) - linear``, without the mean; ``linear`` has no columns if there is
    nothing to subtract. ``removal`` are ``group`` and ``per`` of `_gather`.
    """
    (group, per), (ends, owners, shares) = removal, members
    bases, gain, inverse, linear = forms
    d, rank = len(offsets), bases.shape[1]
    x, z = np.empty(d, image.dtype), np.empty(d, image.dtype)
    for n in range(len(starts)):
        start = starts[n]
        for i in range(d):
            x[i] = image[start + offsets[i]]
            z[i] = 0
        if group > 0:
            for c in range(d // group):
                mean = x[0] - x[0]
                for i in range(c * group, (c + 1) * group):
                    mean += x[i]
                mean *= per
                for i in range(c * group, (c + 1) * group):
                    x[i] -= mean
        for e in range(ends[n], ends[n + 1]):
            k, share = owners[e], shares[e]
            scale = share * inverse[k]
            for i in range(d):
                z[i] += scale * x[i]
            for j in range(rank):
                y = x[0] - x[0]
                for i in range(d):
                    y += bases[k, j, i] * x[i]
                y *= share * gain[k, j]
                for i in range(d):
                    z[i] -= y * bases[k, j, i]
            if linear.shape[1] > 0:
                for i in range(d):
                    z[i] -= share * linear[k, i]
        for i in range(d):
            output[start - low + offsets[i]] += z[i]
