"""The entropy coder: the range coder of ``constriction``, fed with bits and their probabilities.

The coder is theirs, the probabilities are ours. Probabilities are multiples of 1/65536, which a
float64 holds exactly and which constriction (24 bits) keeps apart.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

import numpy as np

from ..core.errors import InputError
from .logistic import ONE

_WORD = np.dtype(">u4")


def _library() -> ModuleType:
    try:
        import constriction
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "compressed images need constriction: pip install 'steepest[compression]'",
            name="constriction",
        ) from error
    module: ModuleType = constriction.stream
    return module


@lru_cache(maxsize=1)
def _bernoulli() -> object:
    return _library().model.Bernoulli(perfect=False)


@lru_cache(maxsize=1)
def single_models() -> list[object]:
    """A model for each probability ``16 k / ONE``, k = 0 … 4095 (0 never occurs)."""
    bernoulli = _library().model.Bernoulli
    return [bernoulli(max(k, 1) / 4096, perfect=False) for k in range(4096)]


def encode_bits(bits: np.ndarray, probabilities: np.ndarray) -> bytes:
    """Bits (0 or 1) with the probability, in 1/65536, that each is 1.

    Trailing zero bytes are left out; the decoder adds them again.
    """
    encoder = _library().queue.RangeEncoder()
    encoder.encode(bits.astype(np.int32), _bernoulli(), probabilities / ONE)
    return bytes(encoder.get_compressed().astype(_WORD).tobytes().rstrip(b"\0"))


class BitDecoder:
    """The bits of :func:`encode_bits`, in any portions."""

    def __init__(self, data: bytes) -> None:
        padded = data + b"\0" * (-len(data) % _WORD.itemsize)
        words = np.frombuffer(padded, _WORD).astype(np.uint32)
        self._decoder = _library().queue.RangeDecoder(words)
        self.family = _bernoulli()

    def many(self, probabilities: np.ndarray) -> np.ndarray:
        """As many bits as there are probabilities, in 1/65536."""
        try:
            return np.asarray(self._decoder.decode(self.family, probabilities / ONE))
        except AssertionError:
            raise invalid() from None

    def one(self, model: object) -> int:
        """One bit, by one of :func:`single_models`."""
        try:
            return int(self._decoder.decode(model))
        except AssertionError:
            raise invalid() from None


def invalid() -> InputError:
    """The error for data that no encoder writes."""
    return InputError(
        "data is damaged: its entropy code is invalid; allowed is what compress wrote"
    )
