"""Coding of masks and values: exact, close to the entropy, and stable between versions."""

import zlib
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("constriction")

from steepest.compression import streams
from steepest.compression.coder import encode_bits, next_bit, start, used_up
from steepest.compression.logistic import LARGEST, LOGIT_UNIT, ONE, SMALLEST, tables
from steepest.compression.mask_model import SLANT, neighbours, wave_rows
from steepest.compression.nearest import FAR, NEAREST, nearest

GOLDEN = (440, 1010491969)


def random_case(
    rows: int, columns: int, channels: int, levels: int, density: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, columns)) < density
    mask.flat[rng.integers(mask.size)] = True
    return mask, rng.integers(0, levels, (channels, int(mask.sum())))


def entropy(density: float) -> float:
    """The entropy of one independent bit, in bits."""
    return float(-density * np.log2(density) - (1 - density) * np.log2(1 - density))


@given(
    st.integers(1, 24),
    st.integers(1, 24),
    st.integers(1, 4),
    st.sampled_from([2, 3, 8, 31, 256]),
    st.floats(0, 1),
    st.integers(0, 2**31),
)
def test_what_was_encoded_is_decoded(
    rows: int, columns: int, channels: int, levels: int, density: float, seed: int
) -> None:
    mask, values = random_case(rows, columns, channels, levels, density, seed)
    data = streams.encode(mask, values, levels)
    again, back = streams.decode(data, mask.shape, int(mask.sum()), channels, levels)
    assert np.array_equal(again, mask)
    assert np.array_equal(back, values)


def code_length(mask: np.ndarray, values: np.ndarray, levels: int) -> list[float]:
    """The code lengths of the mask and of each channel, from their probabilities."""
    lengths = []
    for bits, probabilities in streams.model(mask, values, levels):
        p = probabilities / ONE
        lengths.append(float(-np.log2(np.where(bits, p, 1 - p)).sum()))
    return lengths


@pytest.mark.parametrize("density", [0.02, 0.05, 0.2, 0.5, 0.9])
def test_random_bits_take_their_entropy(density: float) -> None:
    mask, values = random_case(200, 200, 1, 16, density, 0)
    bits_mask, bits_values = code_length(mask, values, 16)
    assert bits_mask == pytest.approx(mask.size * entropy(mask.mean()), rel=0.03)
    assert bits_values == pytest.approx(4 * mask.sum(), rel=0.03, abs=200)


def test_the_code_of_version_1_stays_as_it_is() -> None:
    """Old files must stay readable: another length or checksum is another format."""
    mask, values = random_case(40, 50, 3, 20, 0.08, 5)
    data = streams.encode(mask, values, 20)
    assert (len(data), zlib.crc32(data)) == GOLDEN


def test_tables_are_those_of_exact_arithmetic() -> None:
    squash, stretch = tables()
    for i in range(0, 4096, 9):
        odds = Decimal(2 * i + 1) / Decimal(8191 - 2 * i)
        assert stretch[i] == int((LOGIT_UNIT * odds.ln()).to_integral_value())
        share = 1 / (1 + (Decimal(LARGEST - i) / LOGIT_UNIT).exp())
        assert squash[i] == max(
            SMALLEST, min(ONE - SMALLEST, int((ONE * share).to_integral_value()))
        )


@given(st.integers(1, 40), st.integers(1, 40))
def test_waves_visit_every_pixel_once_after_its_neighbours(rows: int, columns: int) -> None:
    when = np.full((rows, columns), -1)
    for wave in range(columns + SLANT * (rows - 1)):
        for i in range(*wave_rows(wave, rows, columns)):
            assert when[i, wave - SLANT * i] == -1
            when[i, wave - SLANT * i] = wave
    assert (when >= 0).all()
    up, right = neighbours(16)[:, :2].T
    assert (right - SLANT * up < 0).all()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_nearest_agrees_with_brute_force(rows: int, columns: int, seed: int) -> None:
    mask, _ = random_case(rows, columns, 1, 2, 0.3, seed)
    near, square = nearest(mask)
    points = np.argwhere(mask)
    for s, point in enumerate(points):
        before = ((points[:s] - point) ** 2).sum(axis=1)
        wanted = np.sort(before)[:NEAREST]  # the grid is smaller than the reach
        found = square[s][square[s] < FAR]
        assert np.array_equal(found, wanted)
        assert np.array_equal(before[near[s][: len(found)]], found)
        assert (near[s] < s).all()


@given(st.lists(st.lists(st.integers(0, 255), min_size=3, max_size=3), min_size=1))
def test_colours_are_separated_reversibly(pixels: list[list[int]]) -> None:
    values = np.array(pixels).T
    light, orange, violet = streams.separate(values)
    assert np.array_equal(streams.join(np.stack([light, orange, violet])), values)
    assert light.min() >= 0
    assert light.max() <= 255
    assert max(abs(orange).max(), abs(violet).max()) <= 255


@given(st.lists(st.tuples(st.integers(4, ONE - 4), st.booleans())), st.integers(0, 3000))
def test_bits_come_back_and_then_zeros(coded: list[tuple[int, bool]], more: int) -> None:
    """Trailing zeros take no space; the decoder detects when nothing else is left."""
    p = np.array([*(each for each, _ in coded), *[40] * more], np.int64)
    bits = np.array([*(bit for _, bit in coded), *[0] * more], np.uint8)
    state, words = start(encode_bits(bits, p))
    assert [next_bit(state, words, each) for each in p] == bits.tolist()
    if used_up(state, words):
        assert not any(next_bit(state, words, 60000) for _ in range(99))


def test_the_decoder_reads_what_the_library_writes_at_every_probability() -> None:
    rng = np.random.default_rng(0)
    p = rng.permutation(np.arange(SMALLEST, ONE - SMALLEST + 1))
    bits = rng.random(p.size) * ONE < p
    state, words = start(encode_bits(bits, p))
    assert [next_bit(state, words, each) for each in p] == bits.tolist()


def test_a_code_without_end_is_refused() -> None:
    """Bits that would have to be read past the end, where there are only zeros."""
    state, words = start(b"\1" * 40)
    assert min(next_bit(state, words, ONE // 3) for _ in range(1000)) == -1
