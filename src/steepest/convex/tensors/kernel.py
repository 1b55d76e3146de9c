"""The dual iteration of total variation in two dimensions as one Triton kernel."""

import triton
import triton.language as tl

ROWS, COLUMNS = 8, 64  # of the tile of one program, for grey images


@triton.jit
def _primal(f, y, size, inside, i, j, height, width, t_y, t_x, here):
    """``u = f + tau div y`` at the pixels (i, j). The flux through the last faces is zero."""
    u = tl.load(f + here, mask=inside, other=0.0)
    down = tl.load(y + here, mask=inside & (i + 1 < height), other=0.0)
    up = tl.load(y + here - width, mask=inside & (i > 0), other=0.0)
    right = tl.load(y + size + here, mask=inside & (j + 1 < width), other=0.0)
    left = tl.load(y + size + here - 1, mask=inside & (j > 0), other=0.0)
    return u + (t_y * (down - up) + t_x * (right - left))


@triton.jit(do_not_specialize=["k"])  # a graph cannot record what is not yet compiled
def iterate(
    f,
    p,
    y,
    out,
    weights,
    numbers,
    k,
    images,
    height,
    width,
    size,
    channels: tl.constexpr,
    padded: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
    isotropic: tl.constexpr,
    weighted: tl.constexpr,
):
    """Iteration k, for a tile of one image: replaces p, and writes the next y to ``out``.

    ``f`` is (channels, images, height, width); p, y and out have a component for the rows and one
    for the columns before that, of ``size`` values each. ``numbers`` holds tau / h and s / h for
    rows and columns, the shrinking factor, and the momentum factors.
    """
    strips = tl.cdiv(width, columns)
    image = tl.program_id(0) // strips
    j = (tl.program_id(0) % strips) * columns + tl.arange(0, columns)[None, None, :]
    i = tl.program_id(1) * rows + tl.arange(0, rows)[None, :, None]
    c = tl.arange(0, padded)[:, None, None]
    plane = (c * images + image).to(tl.int64) * height * width
    here = plane + (i * width + j)
    inside = (c < channels) & (i < height) & (j < width)
    below, beside = inside & (i + 1 < height), inside & (j + 1 < width)
    t_y, t_x = tl.load(numbers), tl.load(numbers + 1)
    s_y, s_x = tl.load(numbers + 2), tl.load(numbers + 3)
    shrink, beta = tl.load(numbers + 4), tl.load(numbers + 5 + k)

    u = _primal(f, y, size, inside, i, j, height, width, t_y, t_x, here)
    u_below = _primal(f, y, size, below, i + 1, j, height, width, t_y, t_x, here + width)
    u_beside = _primal(f, y, size, beside, i, j + 1, height, width, t_y, t_x, here + 1)
    v_y = tl.load(y + here, mask=below, other=0.0) + s_y * (u_below - u)
    v_x = tl.load(y + size + here, mask=beside, other=0.0) + s_x * (u_beside - u)
    v_y = tl.where(below, v_y, 0.0) * shrink
    v_x = tl.where(beside, v_x, 0.0) * shrink

    square_y = tl.sum(v_y * v_y, axis=0, keep_dims=True)
    square_x = tl.sum(v_x * v_x, axis=0, keep_dims=True)
    if isotropic:
        square_y += square_x
        square_x = square_y
    radius = square_x * 0 + 1
    if weighted:
        pixel = (i < height) & (j < width)
        radius = tl.load(weights + (i * width + j), mask=pixel, other=0.0)
    q_y = v_y * (radius / tl.maximum(tl.maximum(tl.sqrt(square_y), radius), 1e-30))
    q_x = v_x * (radius / tl.maximum(tl.maximum(tl.sqrt(square_x), radius), 1e-30))

    p_y = tl.load(p + here, mask=below, other=0.0)
    p_x = tl.load(p + size + here, mask=beside, other=0.0)
    tl.store(out + here, q_y + beta * (q_y - p_y), mask=inside)
    tl.store(out + size + here, q_x + beta * (q_x - p_x), mask=inside)
    tl.store(p + here, q_y, mask=inside)
    tl.store(p + size + here, q_x, mask=inside)
