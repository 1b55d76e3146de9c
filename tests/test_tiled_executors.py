"""Process pools: the same bits as threads; killed processes."""

import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import pytest

from cases import tiled

FLOW = dict(t_max=0.1, steps=4)
FUNCTIONS = {
    "decompose": lambda u, **o: tiled.decompose(u, bands=[0.02], **FLOW, **o).parts,
    "threshold_rof": lambda u, **o: tiled.threshold_rof(u, 0.2, **o).labels,
    "chan_vese": lambda u, **o: tiled.chan_vese(u, 0.5, **o).labels,
}


class Lethal:
    """An image whose next reader is killed once the file ``mark`` is there."""

    def __init__(self, array, mark):
        self.array, self.mark, self.shape, self.dtype = array, str(mark), array.shape, array.dtype

    def __getitem__(self, index):
        try:
            os.rename(self.mark, f"{self.mark}.used")
        except FileNotFoundError:
            return self.array[index]
        os._exit(1)


def processes():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def picture():
    image = np.random.default_rng(0).normal(0.2, 0.1, (300, 320)).astype(np.float32)
    image[80:180, 100:240] += 0.6
    return image


OPTIONS = dict(memory="12MB", halo=24, num_workers=2)


@pytest.fixture(scope="module")
def pool():
    with processes() as pool:
        yield pool


@pytest.mark.parametrize("name", ["decompose", "threshold_rof", "chan_vese"])
def test_processes_give_the_same_bits(name, pool):
    compute, image = FUNCTIONS[name], picture()
    here = compute(image, **OPTIONS)
    assert np.array_equal(compute(image, executor=pool, num_threads=1, **OPTIONS), here)


def test_work_goes_on_after_a_process_is_killed(tmp_path, pool):
    """What happens at every moment of every job is in `test_tiled_adversary`."""
    compute, image = FUNCTIONS["decompose"], picture()
    options = dict(**OPTIONS, num_threads=1, work=tmp_path / "work")
    here = compute(image, **OPTIONS)
    mark, out = tmp_path / "mark", np.full_like(here, 7)

    def kill_later(step):
        if step.stage == "pass 1" and not list(tmp_path.glob("mark*")):
            mark.touch()

    with processes() as mortal, pytest.raises(BrokenProcessPool):
        compute(Lethal(image, mark), out=out, executor=mortal, on_step=kill_later, **options)
    assert np.all(out == 7)
    again = []
    compute(image, out=out, executor=pool, on_step=lambda s: again.append(s.stage), **options)
    assert np.array_equal(out, here)
    assert again.count("pass 1") < again.count("survey")  # which reads all tiles
    assert not (tmp_path / "work").exists()
