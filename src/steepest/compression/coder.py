"""The entropy coder: from bits and their probabilities to bytes, and back.

The encoder is the range coder of ``constriction``. Its probabilities are multiples of 1/65536,
which it rounds to multiples of 2**-24. The decoder is compiled here with the same arithmetic: it
needs no function call per bit, and it detects when the code is used up.
"""

import numpy as np

from ..core.compiled import exact_kernel
from ..core.errors import InputError
from .logistic import ONE

_WORD = np.dtype(">u4")
_SPARE = 5  # words past the end that may be needed: two fill the decoder, two seal the code
_PRECISION, _HALF, _LEAST = np.uint64(24), np.uint64(32), np.uint64(1 << 32)


def encode_bits(bits: np.ndarray, probabilities: np.ndarray) -> bytes:
    """Encode bits, given the probabilities of 1 in units of 1/65536, without zeros at the end."""
    try:
        from constriction import stream
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "compressed images need constriction: pip install 'steepest[compression]'",
            name="constriction",
        ) from error
    encoder = stream.queue.RangeEncoder()
    model = stream.model.Bernoulli(perfect=False)
    encoder.encode(bits.astype(np.int32), model, probabilities / ONE)
    return bytes(encoder.get_compressed().astype(_WORD).tobytes().rstrip(b"\0"))


def start(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The state of a decoder before the first bit, and the words that it reads.

    The state is four uint64 numbers: lower end and size of the interval, the code's number to
    locate in it, and the number of words read.
    """
    padded = data + b"\0" * (-len(data) % _WORD.itemsize + 2 * _WORD.itemsize)
    words = np.frombuffer(padded, _WORD).astype(np.uint64)
    return np.array([0, 2**64 - 1, int(words[0]) << 32 | int(words[1]), 2], np.uint64), words[:-2]


@exact_kernel
def next_bit(state, words, p):  # type: ignore[no-untyped-def]
    """The next bit, which is 1 with probability p / 65536; -1 if the data are invalid."""
    unit = state[1] >> _PRECISION
    zeros = unit * np.uint64(((ONE - p) << 8) - (1 if 2 * p < ONE else 0))
    bit = 0
    if state[2] - state[0] < zeros:
        state[1] = zeros
    else:
        bit = 1
        state[0] += zeros
        state[1] = (unit << _PRECISION) - zeros
        if state[2] - state[0] >= state[1]:
            return -1
    if state[1] < _LEAST:
        at = np.int64(state[3])
        word = words[at] if at < words.size else np.uint64(0)
        state[0] <<= _HALF
        state[1] <<= _HALF
        state[2] = state[2] << _HALF | word
        state[3] += np.uint64(1)
        if at >= words.size + _SPARE and state[2] != state[0]:
            return -1  # an encoder would have written more words
    return bit


@exact_kernel
def used_up(state, words):  # type: ignore[no-untyped-def]
    """Whether all further bits are 0, so that the encoder omitted them as trailing zeros."""
    return np.int64(state[3]) >= words.size and state[2] == state[0]


def invalid() -> InputError:
    """The error for data that no encoder writes."""
    return InputError(
        "data is damaged: its entropy code is invalid; allowed is the result of compress"
    )
