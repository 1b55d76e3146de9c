"""The probability of each value, mixed from the experts' histograms with adaptive weights.

A value v of the alphabet 0 … A-1 is coded as the path to leaf v of a binary tree, the most
significant bit first. At each node, each expert gives a probability of "right": the mass of the
right half of its histogram divided by the mass of both halves. The experts' logits are added with
weights that follow the gradient of the code length (Mahoney's PAQ); each depth of the tree has its
own weights. All arithmetic is in integers.
"""

import numpy as np

from ..core.compiled import exact_helper, exact_kernel
from .coder import next_bit, used_up
from .experts import EXPERTS, count, new_histograms, references, sum_up
from .logistic import LARGEST, ONE, tables

DEPTH = 9  # largest depth of the tree: alphabets have up to 511 values
_SHIFT = 16  # weights are multiples of 2**-16
_RATE = 6  # learning rate


def new_state(alphabet: int, typical: int) -> tuple[np.ndarray, ...]:
    """The ``state`` of the kernels before the first value of a channel."""
    squash, stretch = tables()
    weights = np.full((DEPTH, EXPERTS), (1 << _SHIFT) * 3 // 10, np.int64)
    sums = np.zeros((EXPERTS, alphabet + 1), np.int64)
    reference, context, inputs = np.zeros((3, EXPERTS), np.int64)
    histograms = new_histograms(alphabet, typical)
    return histograms, weights, sums, reference, context, inputs, stretch, squash


@exact_helper
def power(alphabet: int) -> int:
    """The number of leaves: the alphabet rounded up to a power of two."""
    size = 1
    while size < alphabet:
        size *= 2
    return size


@exact_helper
def _node(state, depth, low, size):  # type: ignore[no-untyped-def]
    """The probability of "right" at a node, a multiple of 16; 0 if there is no choice."""
    _, weights, sums, _, _, inputs, stretch, squash = state
    alphabet = sums.shape[1] - 1
    middle, high = low + size // 2, min(low + size, alphabet)
    if middle >= alphabet:
        return 0
    total = np.int64(0)
    for k in range(EXPERTS):
        right, both = sums[k, high] - sums[k, middle], sums[k, high] - sums[k, low]
        inputs[k] = stretch[min(max(4096 * right // both, 1), 4094)]
        total += weights[depth, k] * inputs[k]
    total >>= _SHIFT
    p = squash[min(max(total, -LARGEST), LARGEST) + LARGEST]
    return max(16, p >> 4 << 4)


@exact_helper
def _expect(values, other, near, square, s, state):  # type: ignore[no-untyped-def]
    """Compute the experts' predictions for value number s."""
    histograms, _, sums, reference, context = state[:5]
    references(values, other, near, square, s, sums.shape[1] - 1, reference, context)
    sum_up(histograms, reference, context, sums)


@exact_helper
def _learn(value, state, bits, out):  # type: ignore[no-untyped-def]
    """Adapt to a value; write the bits of its path and their probabilities, return their number."""
    histograms, weights, sums, reference, context, inputs = state[:6]
    low, size, depth, at = 0, power(sums.shape[1] - 1), 0, 0
    while size > 1:
        p = _node(state, depth, low, size)
        right = value >= low + size // 2
        if p > 0:
            bits[at], out[at] = right, p
            at += 1
            error = (ONE if right else 0) - p
            for k in range(EXPERTS):
                weights[depth, k] += (inputs[k] * error * _RATE) >> 16
        low += size // 2 if right else 0
        size //= 2
        depth += 1
    count(histograms, reference, context, value)
    return at


@exact_kernel
def all_values(values, other, near, square, state, bits, out):  # type: ignore[no-untyped-def]
    """Write bits and probabilities of all values of a channel; return their number."""
    at = 0
    for s in range(values.size):
        _expect(values, other, near, square, s, state)
        at += _learn(values[s], state, bits[at:], out[at:])
    return at


@exact_kernel
def decode_values(state, words, values, other, near, square, arrays):  # type: ignore[no-untyped-def]
    """Decode into ``values``, 0 on entry; False if the data are invalid."""
    bits, out = np.zeros(DEPTH, np.uint8), np.zeros(DEPTH, np.int32)
    for s in range(values.size):
        if used_up(state, words):
            break
        _expect(values, other, near, square, s, arrays)
        low, size, depth = 0, power(arrays[2].shape[1] - 1), 0
        while size > 1:
            p = _node(arrays, depth, low, size)
            bit = next_bit(state, words, p) if p > 0 else 0
            if bit < 0:
                return False
            size //= 2
            low += bit * size
            depth += 1
        values[s] = low
        _learn(low, arrays, bits, out)
    return True
