"""The compiled iteration in tangent spaces: total variation with a connection.

It knows nothing of manifolds. A *row* e of term t has the residual, a vector with d coordinates,

    r_te(xi) = G_te + sum_k B_tke xi_(e + offset_tk),

where a block B is a d x d matrix per pixel or a number times the identity. There may be several
unknown vectors xi per pixel; slot_tk says which one a block takes. Terms in a *group* share
one ball per pixel (isotropic) or have one each (anisotropic). The kernels solve the dual of

    min_xi  sum |xi_i - c_i|^2 / (2 v_i) + sum_groups h_ge(|(r_te)_(t in g)|),

where ``h(s)`` is the largest ``q s - huber_g q^2 / 2`` for q from 0 to radius_ge: radius times s if
`huber` is 0. This is done by accelerated projected gradient ascent; ``xi = c - v B^T phi``. Pixels
are the last axis of all arrays, in one flat order, so that loops over pixels vectorise for every d.
Rows that would reach beyond the image have ``step`` 0, and their phi remains 0.
"""

import numpy as np

from ...convex.compiled.flags import begin, finish
from ...core.compiled import copy, lean_helper, lean_kernel
from ...core.vectors import LANES, fill, inverse_root, load, maximum, store

CHUNK = 512  # pixels worked on at a time: they stay in the first cache


@lean_helper
def _add_scaled(target, factor, source):
    for i in range(target.shape[0]):
        target[i] += factor * source[i]


@lean_helper
def _add_product(target, first, second):
    for i in range(target.shape[0]):
        target[i] += first[i] * second[i]


@lean_helper
def _is_pair(offsets, numbers, which, slots, t):
    """Whether term t is a multiple of ``xi_(e + offset) - xi_e``."""
    if which[t, 0] >= 0 or which[t, 1] >= 0 or numbers[t, 0] != -numbers[t, 1]:
        return False
    for k in range(2, offsets.shape[1]):
        if which[t, k] >= 0 or numbers[t, k] != 0:
            return False
    return offsets[t, 0] == 0 and offsets[t, 1] > 0 and slots[t, 0] == slots[t, 1] == 0


@lean_helper
def _add_difference(target, factor, first, second):
    for i in range(target.shape[0]):
        target[i] += factor * (first[i] - second[i])


@lean_helper
def _difference(target, start, factor, first, second):
    for i in range(target.shape[0]):
        target[i] = start[i] + factor * (first[i] - second[i])


@lean_helper
def _primal(xi, y, c, v, offsets, numbers, which, slots, blocks, base, a, b):
    """``xi = c - v B^T y`` at pixels a to b; y and xi begin at pixel ``base``."""
    terms, blocks_per_term = offsets.shape
    d, n = y.shape[1], c.shape[1]
    for p in range(c.shape[0]):
        zeros = xi[p, a - base : b - base]
        for i in range(b - a):
            zeros[i] = 0
    for t in range(terms):
        if _is_pair(offsets, numbers, which, slots, t):
            offset, number = offsets[t, 1], numbers[t, 1]
            low = min(max(a, offset), b)
            for p in range(d):
                _add_difference(
                    xi[p, low - base : b - base],
                    number,
                    y[t, p, low - offset - base : b - offset - base],
                    y[t, p, low - base : b - base],
                )
                _add_scaled(xi[p, a - base : low - base], -number, y[t, p, a - base : low - base])
            continue
        for k in range(blocks_per_term):
            offset = offsets[t, k]
            low, high = max(a, offset), min(b, n + offset)
            if low >= high or (which[t, k] < 0 and numbers[t, k] == 0):
                continue
            e, f = low - offset, high - offset
            own = slots[t, k] * d
            for p in range(d):
                if which[t, k] < 0:
                    _add_scaled(
                        xi[own + p, low - base : high - base],
                        numbers[t, k],
                        y[t, p, e - base : f - base],
                    )
                else:
                    for q in range(d):
                        _add_product(
                            xi[own + p, low - base : high - base],
                            blocks[which[t, k], q, p, e:f],
                            y[t, q, e - base : f - base],
                        )
    for p in range(c.shape[0]):
        here, centre, inverse = xi[p, a - base : b - base], c[p, a:b], v[p // d, a:b]
        for i in range(b - a):
            here[i] = centre[i] - inverse[i] * here[i]


@lean_helper
def _primal_chunks(xi, y, c, v, offsets, numbers, which, slots, blocks, base, a, b):
    while a < b:
        end = min(a + CHUNK, b)
        _primal(xi, y, c, v, offsets, numbers, which, slots, blocks, base, a, end)
        a = end


@lean_helper
def _residual(r, xi, offset_vectors, offsets, numbers, which, slots, blocks, base, a, b):
    """``r[t, p, : b - a] = G + B xi`` of rows a to b."""
    terms, blocks_per_term = offsets.shape
    d, n = offset_vectors.shape[1:]
    for t in range(terms):
        if _is_pair(offsets, numbers, which, slots, t):
            offset, number = offsets[t, 1], numbers[t, 1]
            high = max(min(b, n - offset), a)
            for p in range(d):
                _difference(
                    r[t, p, : high - a],
                    offset_vectors[t, p, a:high],
                    number,
                    xi[p, a + offset - base : high + offset - base],
                    xi[p, a - base : high - base],
                )
                copy(r[t, p, high - a : b - a], offset_vectors[t, p, high:b])
            continue
        for p in range(d):
            copy(r[t, p, : b - a], offset_vectors[t, p, a:b])
        for k in range(blocks_per_term):
            offset = offsets[t, k]
            low, high = max(a, -offset), min(b, n - offset)
            if low >= high or (which[t, k] < 0 and numbers[t, k] == 0):
                continue
            i, j = low + offset - base, high + offset - base
            own = slots[t, k] * d
            for p in range(d):
                if which[t, k] < 0:
                    _add_scaled(r[t, p, low - a : high - a], numbers[t, k], xi[own + p, i:j])
                else:
                    for q in range(d):
                        _add_product(
                            r[t, p, low - a : high - a],
                            blocks[which[t, k], p, q, low:high],
                            xi[own + q, i:j],
                        )


@lean_helper
def _ascend(phi, y, r, square, radius, shrink, step, groups, beta, base, a, b, tiny):
    """The projected dual step and the extrapolation at rows a to b.

    ``shrink`` is what Huber's term multiplies by before the projection, (groups, n) or, if it is
    the same for all pixels, (groups, CHUNK).
    """
    d = r.shape[1]
    m = b - a
    for g in range(groups.shape[0] - 1):
        ball = radius[g, a:b]
        most = shrink[g, a:b] if shrink.shape == radius.shape else shrink[g, :m]
        for t in range(groups[g], groups[g + 1]):
            sigma = step[t, a:b]
            for p in range(d):
                value, before = r[t, p, :m], y[t, p, a - base : b - base]
                if t == groups[g] and p == 0:
                    for i in range(m):
                        value[i] = before[i] + sigma[i] * value[i]
                        square[i] = value[i] * value[i]
                else:
                    for i in range(m):
                        value[i] = before[i] + sigma[i] * value[i]
                        square[i] += value[i] * value[i]
        for i in range(0, m, LANES):  # explicit vectors: the same roots wherever a strip begins
            size = inverse_root(maximum(load(square, i), fill(square, tiny)))
            store(square, i, size)
        for i in range(m):
            square[i] = min(ball[i] * square[i], most[i])
        for t in range(groups[g], groups[g + 1]):
            for p in range(d):
                value = r[t, p, :m]
                old, ahead = phi[t, p, a - base : b - base], y[t, p, a - base : b - base]
                for i in range(m):
                    new = square[i] * value[i]
                    ahead[i] = new + beta * (new - old[i])
                    old[i] = new


@lean_kernel
def sweep(
    phi, y, new_phi, new_y, own_phi, own_y, xi, r, square, c, v, vectors, offsets, numbers, which,
    slots, blocks, radius, shrink, huber, step, groups, betas, low, high, tiny, flags, member,
    ticket,
):  # fmt: skip
    """``len(betas)`` iterations of the rows ``low`` to ``high``.

    Rows beyond, on which they depend, are computed along in the thread's own arrays, so results do
    not depend on how an image is divided. ``r`` is (T, d, CHUNK), ``square`` (CHUNK,).
    """
    begin(flags, member, ticket)
    n = v.shape[1]
    nearest, farthest = 0, 0
    for t in range(offsets.shape[0]):
        for k in range(offsets.shape[1]):
            nearest, farthest = min(nearest, offsets[t, k]), max(farthest, offsets[t, k])
    reach = farthest - nearest
    count = betas.shape[0]
    base, end = max(0, low - count * reach), min(n, high + count * reach)
    terms, d = phi.shape[:2]
    for t in range(terms):
        for p in range(d):
            copy(own_phi[t, p, : end - base], phi[t, p, base:end])
            copy(own_y[t, p, : end - base], y[t, p, base:end])
    # a wave: each iteration follows the one before at the distance `reach`, all in the cache; the
    # pixels of xi that it overwrites are no longer needed by those ahead
    front = base
    while front < high + (count - 1) * reach:
        before, front = front, front + CHUNK
        for iteration in range(count):
            halo = (count - 1 - iteration) * reach
            first, last = max(0, low - halo), min(n, high + halo)
            a = min(max(first, before - iteration * reach), last)
            b = min(max(first, front - iteration * reach), last)
            if a == b:
                continue
            start = max(0, first + nearest) if a == first else min(n, a + farthest)
            _primal_chunks(
                xi, own_y, c, v, offsets, numbers, which, slots, blocks, base, start,
                min(n, b + farthest),
            )  # fmt: skip
            _residual(r, xi, vectors, offsets, numbers, which, slots, blocks, base, a, b)
            _ascend(
                own_phi, own_y, r, square, radius, shrink, step, groups, betas[iteration], base, a,
                b, tiny,
            )  # fmt: skip
    for t in range(terms):
        for p in range(d):
            copy(new_phi[t, p, low:high], own_phi[t, p, low - base : high - base])
            copy(new_y[t, p, low:high], own_y[t, p, low - base : high - base])
    finish(flags, member, ticket)


@lean_helper
def _fit(square, point, data, inverse):
    """The sums of `measure` over a chunk without damping: fit and conjugate are the same."""
    fit = 0.0
    for k in range(point.shape[0]):
        own = np.float64(point[k])
        away = np.float64(data[k]) - own
        fit += away * away / np.float64(inverse[k])
        square[k] += own * own
    return fit / 2


@lean_kernel
def measure(
    phi, xi, r, square, c, v, vectors, offsets, numbers, which, slots, blocks, radius, shrink,
    huber, step, groups, sums, damping, low, high, flags, member, ticket,
):  # fmt: skip
    """The primal point ``xi`` of ``phi`` at pixels low to high, and sums for each `CHUNK` of them.

    With ``q = B^T phi`` and the weights ``w = 1 / v - damping`` and data ``L = c / (v w)`` of the
    problem without damping, ``sums[chunk]`` becomes ``sum h(|r|)``,
    ``sum phi r - huber |phi|^2 / 2``, ``sum w |xi - L|^2 / 2``, ``sum q (L - xi) - |q|^2 / (2 w)``,
    the sum of damping times |xi|^2, and the largest ``|xi|^2`` of a pixel. ``low`` is a multiple of
    CHUNK; ``xi`` has the size of the image.
    """
    begin(flags, member, ticket)
    d = phi.shape[1]
    i = low
    while i < high:
        j = min(i + CHUNK, high)
        _primal(xi, phi, c, v, offsets, numbers, which, slots, blocks, 0, i, j)
        fit, conjugate, damped, largest = 0.0, 0.0, 0.0, 0.0
        here, centre = square[: j - i], c[:, i:j]
        for k in range(j - i):
            here[k] = 0
        for p in range(c.shape[0]):
            point, data, inverse = xi[p, i:j], centre[p], v[p // d, i:j]
            if damping.shape[0] == 0:
                part = _fit(here, point, data, inverse)
                fit += part
                conjugate += part
                continue
            for k in range(j - i):
                w = 1.0 / inverse[k]
                own, mid = np.float64(point[k]), np.float64(data[k])
                q = (mid - own) * w
                u = w - damping[i + k]
                away = mid * w / u - own
                fit += u * away * away / 2
                conjugate += q * (away - q / (2 * u))
                damped += damping[i + k] * own * own
                here[k] += own * own
        for k in range(j - i):
            largest = max(largest, here[k])
        sums[i // CHUNK, 2], sums[i // CHUNK, 3] = fit, conjugate
        sums[i // CHUNK, 4], sums[i // CHUNK, 5] = damped, largest
        i = j
    finish(flags, member, ticket)


@lean_kernel
def measure_residuals(
    phi, xi, r, square, c, v, vectors, offsets, numbers, which, slots, blocks, radius, shrink,
    huber, step, groups, sums, damping, low, high, flags, member, ticket,
):  # fmt: skip
    """The first two of the sums of `measure`, once ``xi`` is known everywhere."""
    begin(flags, member, ticket)
    d, tiny = phi.shape[1], 1e-300
    i = low
    while i < high:
        j = min(i + CHUNK, high)
        _residual(r, xi, vectors, offsets, numbers, which, slots, blocks, 0, i, j)
        norms, products = 0.0, 0.0
        own = square[: j - i]
        for g in range(groups.shape[0] - 1):
            half = 0.5 * np.float64(huber[g])
            for k in range(j - i):
                own[k] = 0
            for t in range(groups[g], groups[g + 1]):
                valid = step[t, i:j]
                for p in range(d):
                    value, flux = r[t, p, : j - i], phi[t, p, i:j]
                    for k in range(j - i):
                        inside = np.float64(value[k]) if valid[k] > 0 else 0.0
                        own[k] += inside * inside
                        products += inside * flux[k] - half * flux[k] * flux[k]
            ball = radius[g, i:j]
            for k in range(j - i):
                norm, zone = np.sqrt(own[k]), huber[g] * ball[k]
                near = min(norm, zone)
                norms += ball[k] * (norm - near + 0.5 * near * near / max(zone, tiny))
        sums[i // CHUNK, 0], sums[i // CHUNK, 1] = norms, products
        i = j
    finish(flags, member, ticket)
