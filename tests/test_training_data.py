"""Training: images, and the counters that select them."""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.trainings import GAP, few_generated_images, here, one_image  # noqa: E402, F401
from steepest.core.errors import InputError  # noqa: E402
from steepest.io import write_image  # noqa: E402
from steepest.learning.flows.training import (  # noqa: E402
    PHOTOGRAPHS,
    open_data,
)
from steepest.learning.flows.training.data import TRAINING, draw_batch  # noqa: E402
from steepest.learning.flows.training.generate import generate_image, power_law_noise  # noqa: E402
from steepest.learning.images import Collection, Mixture, reduce  # noqa: E402
from steepest.learning.training.streams import stream  # noqa: E402

# ----------------------------------------------------------------------------- images


@given(st.integers(0, 2**40), st.integers(16, 64))
def test_generated_images(seed, size):
    image = generate_image(stream(seed), size)
    assert image.shape == (size, size)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    assert np.array_equal(image, generate_image(stream(seed), size))
    assert not np.array_equal(image, generate_image(stream(seed, 1), size))


@pytest.mark.parametrize("decay", [0.0, 1.0, 2.0])
def test_spectrum_of_noise_falls_like_the_power(decay):
    noise = power_law_noise(stream(3), 256, decay)
    assert noise.mean() == pytest.approx(0, abs=1e-12)
    assert noise.var() == pytest.approx(1)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None])
    band = (frequency > 0.02) & (frequency < 0.4)
    power = np.log(np.abs(np.fft.fft2(noise))[band] ** 2)
    slope = np.polyfit(np.log(frequency[band]), power, 1)[0]
    assert slope == pytest.approx(-2 * decay, abs=0.25)  # the offset at 0 flattens it a little


def test_isolated_disks_do_not_touch():
    measure = pytest.importorskip("skimage.measure")
    from steepest.learning.flows.training.generate import _isolated_disks

    for seed in range(10):
        image = _isolated_disks(stream(seed), 64)
        background = Counter(image.ravel()).most_common(1)[0][0]
        labels = measure.label(image != background, connectivity=2)
        for region in measure.regionprops(labels, image):
            inside = region.image_intensity[region.image]
            height = Counter(inside).most_common(1)[0][0] - background
            assert np.all((inside - background) / height <= 1 + 1e-9)  # one plateau and its rim
            assert np.all((inside - background) / height > 0)


def test_reduced_copies():
    assert reduce(np.full((20, 31), 0.25, np.float32), 0.7).shape == (14, 22)
    assert reduce(np.full((20, 31), 0.25, np.float32), 0.5) == pytest.approx(0.25, abs=1e-6)
    rows = np.linspace(0, 1, 40, dtype=np.float32)[:, None] * np.ones((1, 40), np.float32)
    assert np.abs(reduce(rows, 0.5)[5:15] - rows.reshape(20, 2, 40).mean(1)[5:15, :20]).max() < 1e-3


def write_folder(count=23):
    """Constant images of different values, some of them in a subfolder."""
    os.makedirs("photos/more")
    for i in range(count):
        name = f"photos/{'more/' if i % 2 else ''}{i:02}.png"
        write_image(name, np.full((8, 9), 10 * i, np.uint8))


def all_values(source, count=400, size=8):
    rng = np.random.default_rng(0)
    return {round(float(source.pick(rng, size).mean() * 255)) for _ in range(count)}


def test_a_folder_is_split_into_training_and_validation():
    write_folder()
    training = open_data("photos", held_out=False, largest_crop=8)
    held_out = open_data("photos", held_out=True, largest_crop=8)
    seen, kept = all_values(training), all_values(held_out)
    assert not seen & kept
    assert seen | kept == {10 * i for i in range(23)}
    assert len(kept) == 3
    assert training.licences


def test_images_smaller_than_the_crops_are_passed_over():
    os.makedirs("photos")
    write_image("photos/a.png", np.zeros((40, 30), np.uint8))
    write_image("photos/b.png", np.full((10, 50), 255, np.uint8))
    source = open_data("photos", held_out=True, largest_crop=20)  # a.png alone
    everything = Collection("two", 2, [np.zeros((40, 30)), np.ones((10, 50))].__getitem__)
    assert all_values(everything, 100, 20) == {0}
    assert all_values(everything, 100, 10) == {0, 255}
    with pytest.raises(InputError, match="no image in photos that is as large as the crops, 31x31"):
        source.pick(np.random.default_rng(0), 31)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "data='nowhere': no such folder; allowed are"),
        ("empty", "empty: no image file"),
        ("volume", "allowed are greyscale or RGB images"),
    ],
)
def test_data_that_cannot_be_used(name, message):
    os.makedirs("empty")
    os.makedirs("volume")
    np.save("volume/a.npy", np.zeros((6, 6, 6), np.float32))
    with pytest.raises(InputError, match=message):
        open_data(name, held_out=False, largest_crop=4).pick(np.random.default_rng(0), 4)


def test_the_photographs_and_their_licences():
    pytest.importorskip("skimage")
    training = open_data("skimage", held_out=False, largest_crop=32)
    held_out = open_data("skimage", held_out=True, largest_crop=32)
    names = {*training.licences, *held_out.licences}
    assert names == {f"skimage/{name}" for name in PHOTOGRAPHS}
    assert not set(training.licences) & set(held_out.licences)
    assert all("CC0" in text or "public domain" in text for text in PHOTOGRAPHS.values())
    sizes = {training.pick(stream(i), 256).shape for i in range(20)}
    assert min(min(size) for size in sizes) >= 256


def test_shares_of_a_mixture():
    sources = [Collection(str(i), 1, lambda _, i=i: np.full((4, 4), float(i))) for i in range(2)]
    mixed, rng = Mixture(sources, (0.75, 0.25)), np.random.default_rng(0)
    share = np.mean([mixed.pick(rng, 2)[0, 0] for _ in range(2000)])
    assert share == pytest.approx(0.25, abs=0.03)


# ----------------------------------------------------------------------------- counters


@given(st.integers(0, 2**63), st.integers(0, 2**30), st.integers(1, 6))
def test_a_crop_depends_on_its_counters_alone(seed, step, count):
    source, _ = one_image()
    config = GAP.replace(crop=(5, 9), t_min=0.01, t_max=0.2)
    u0, t = draw_batch(source, config, seed, TRAINING, step, range(count))
    assert u0.shape[0] == t.shape[0] == count
    for index in range(count):
        alone = draw_batch(source, config, seed, TRAINING, step, [index])
        assert torch.equal(alone[0][0], u0[index])
        assert torch.equal(alone[1][0], t[index])
    assert torch.all((t >= 0.01) & (t <= 0.2))
    assert 5 <= u0.shape[2] == u0.shape[3] <= 9


def test_crops_are_windows_up_to_symmetry():
    source, image = one_image()
    config, seen = GAP.replace(crop=4), Counter()
    for step in range(200):
        crop = draw_batch(source, config, 0, TRAINING, step, [0])[0][0, 0].numpy()
        inverted = bool(crop.mean() > 0.5)
        crop = 1 - crop if inverted else crop
        low = np.rint(crop.min() * 2048).astype(int) - 1
        row, column = divmod(low, image.shape[1])
        window = image[row : row + 4, column : column + 4]
        matches = [
            (transposed, up, left)
            for transposed in (False, True)
            for up in (False, True)
            for left in (False, True)
            if np.allclose(moved(window, transposed, up, left), crop, atol=1e-6)
        ]
        assert len(matches) == 1
        seen.update([(inverted, *matches[0])])
    assert len(seen) == 16  # all of them occur


def moved(window, transposed, up, left):
    window = window[::-1] if up else window
    window = window[:, ::-1] if left else window
    return window.T if transposed else window
