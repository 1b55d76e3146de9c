"""Process pools: the same bits as threads for every tiled function, though a process is killed."""

import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import pytest

from cases import tiled
from steepest import spectral

FLOW = dict(t_max=0.1, steps=4)
FUNCTIONS = {
    "tv_flow": lambda u, **o: tiled.tv_flow(u, [0.02, 0.1], steps=4, **o).images,
    "decompose": lambda u, **o: tiled.decompose(u, bands=[0.02], **FLOW, **o).parts,
    "apply_filter": lambda u, **o: (
        tiled.apply_filter(u, lambda d: spectral.low_pass(d, 0.05), **FLOW, **o).image
    ),
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


@pytest.mark.parametrize("name", FUNCTIONS)
def test_processes_give_the_same_bits_though_one_is_killed(tmp_path, name):
    rng, compute = np.random.default_rng(0), FUNCTIONS[name]
    image = rng.normal(0.2, 0.1, (300, 320)).astype(np.float32)
    image[80:180, 100:240] += 0.6
    options = dict(memory="12MB", halo=24, num_workers=2)
    here = compute(image, **options)
    options |= dict(num_threads=1, work=tmp_path / "work")
    mark, out = tmp_path / "mark", np.full_like(here, 7)

    def kill_later(step):
        if step.stage == "pass 1" and not list(tmp_path.glob("mark*")):
            mark.touch()

    with processes() as pool, pytest.raises(BrokenProcessPool):
        compute(Lethal(image, mark), out=out, executor=pool, on_step=kill_later, **options)
    assert np.all(out == 7)
    again = []
    with processes() as pool:
        compute(image, out=out, executor=pool, on_step=lambda s: again.append(s.stage), **options)
    assert np.array_equal(out, here)
    assert again.count("pass 1") < again.count("survey")  # which reads all tiles
    assert not (tmp_path / "work").exists()
