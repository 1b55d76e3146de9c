"""The compiled solver on images of every width, and threads that work together on an image."""

import threading
import time
from itertools import product
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.convex.compiled import strips, team
from steepest.convex.compiled.dual import CompiledDual
from steepest.convex.compiled.team import Team
from steepest.convex.reference import ReferenceDual

PLANES = [(1, 1), (1, 40), (40, 1), (5, 15), (5, 16), (5, 17), (9, 32), (47, 33)]
VOLUMES = [(2, 3, 16), (4, 5, 33)]
# channels, norm, Huber's parameter, whether there are weights: every branch, not every product,
# because each combination takes seconds to compile
KINDS = [(c, norm, 0.0, False) for c in (1, 2) for norm in ("isotropic", "anisotropic")]
KINDS += [(1, "isotropic", 0.1, True)]
WEIGHTED = [(1, "anisotropic", 0.0, True), (2, "isotropic", 0.0, True)]


@pytest.mark.parametrize(
    ("shape", "kind"), [*product(PLANES, KINDS + WEIGHTED), *product(VOLUMES, KINDS)], ids=str
)
def test_rows_of_any_length(shape: tuple[int, ...], kind: tuple[int, str, float, bool]) -> None:
    """Rows are padded to whole vectors; what is in the padding must never be seen."""
    channels, norm, huber, weighted = kind
    rng = np.random.default_rng(0)
    f = rng.random((channels, *shape)) + 3
    energy = steepest.TotalVariation(
        norm=norm, huber=huber, weights=rng.random(shape) if weighted else None
    ).on(f, (0.5, 1.0, 2.0)[: len(shape)])
    betas = rng.uniform(0, 0.9, 19)
    duals = [CompiledDual(f, energy, 1), ReferenceDual(f, energy)]
    for solver in duals:
        solver.set_step(0.7)
        for part in (betas[:11], betas[11:]):
            solver.iterate(part)
    ours, theirs = (solver.measure() for solver in duals)
    np.testing.assert_allclose(duals[0].flux, duals[1].flux, atol=1e-13)
    np.testing.assert_allclose(duals[0].image, duals[1].image, atol=1e-13)
    for name in ("gap", "primal", "dual_energy", "integral", "value", "start_value"):
        expected = getattr(theirs, name)
        assert getattr(ours, name) == pytest.approx(expected, rel=1e-11, abs=1e-13), name


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers may be late, as on a busy machine."""
    monkeypatch.setattr(team, "_LATE", 60.0)


@pytest.mark.usefixtures("patient")
def test_every_member_works_on_its_own_item() -> None:
    seen: dict[int, int] = {}

    def work(item: int, flags: np.ndarray, member: int, ticket: int) -> None:
        seen[member] = item

    team = Team()
    for k in range(20):
        seen.clear()
        team.run(work, [k, k + 1, k + 2])
        assert seen == {0: k, 1: k + 1, 2: k + 2}


def test_jobs_after_a_late_worker_are_done_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(team, "_LATE", 0.5)
    crew, threads = Team(), list[set[int]]()

    def work(seconds: float, flags: np.ndarray, member: int, ticket: int) -> None:
        threads[-1].add(threading.get_ident())
        time.sleep(seconds)

    for seconds in (1.0, *[0.0] * 5, 1.0, *[0.0] * 13):
        threads.append(set())
        crew.run(work, [0.0, seconds])
    assert [len(each) for each in threads] == [2, *[1] * 4, 2, 2, *[1] * 4, *[2] * 9]


def test_an_error_in_a_thread_reaches_the_caller_and_the_team_goes_on() -> None:
    def work(item: int, *_: Any) -> None:
        if item == 13:
            raise MemoryError("of one strip")

    team = Team()
    with pytest.raises(MemoryError, match="of one strip"):
        team.run(work, [0, 13])
    with pytest.raises(MemoryError, match="of one strip"):
        team.run(work, [13, 0])
    team.run(work, [1, 2])


def test_an_error_of_an_interrupted_call_is_not_raised_by_the_next() -> None:
    team, go_on = Team(), threading.Event()

    def interrupted(item: int, *_: Any) -> None:
        if item == 0:
            raise KeyboardInterrupt
        go_on.wait(5)
        raise MemoryError

    with pytest.raises(KeyboardInterrupt):
        team.run(interrupted, [0, 1])
    go_on.set()
    seen = []
    team.run(lambda item, *_: seen.append(item), [0, 1])
    assert sorted(seen) == [0, 1]


def test_calls_of_every_size_share_their_threads() -> None:
    before, team = threading.active_count(), Team()
    for _ in range(3):
        for size in range(2, 14):
            seen: list[int] = []
            team.run(lambda item, *_: seen.append(item), range(size))  # noqa: B023
            assert sorted(seen) == list(range(size))
    assert threading.active_count() - before <= 12


def test_jobs_are_forgotten_when_done() -> None:
    """Or the last image would be kept in memory."""
    import gc
    import weakref

    team = Team()
    item = np.zeros(3)
    kept = weakref.ref(item)
    run_twice = [lambda item, *_: None] * 2
    for work in run_twice:
        team.run(work, [item, item])
    del item
    for _ in range(200):
        gc.collect()
        if kept() is None:
            break
        threading.Event().wait(0.01)
    assert kept() is None


def test_two_callers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A team serves one caller; the other works alone, with the same result."""
    monkeypatch.setattr(strips, "_PIXELS_PER_THREAD", 1)
    image = np.random.default_rng(2).random((80, 70))
    expected = steepest.tv_flow(
        image, [0.2], steps=20, solver=steepest.Solver(tol=1e-6, num_threads=1)
    ).images
    found: list[np.ndarray] = []

    def call() -> None:
        for _ in range(5):
            result = steepest.tv_flow(
                image, [0.2], steps=20, solver=steepest.Solver(tol=1e-6, num_threads=2)
            )
            found.append(result.images)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 15
    for images in found:
        np.testing.assert_allclose(images, expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(90, 37), (90, 48), (90, 5, 2)])
def test_frames_are_the_same_to_the_last_bit(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For any number of threads; the last one is the image from which the flow would continue."""
    monkeypatch.setattr(strips, "_PIXELS_PER_THREAD", 1)
    image = np.random.default_rng(4).random(shape).astype(np.float32)
    axis = -1 if len(shape) == 3 else None
    times, found = np.linspace(0.05, 0.5, 7), []
    for count in (1, 2, 3):
        result = steepest.tv_flow(
            image, times, solver=steepest.Solver(tol=1e-4, num_threads=count), channel_axis=axis
        )
        assert result.state is not None
        last = np.squeeze(np.moveaxis(result.state.parts[0].image, 0, -1))
        np.testing.assert_array_equal(result.images[-1], last)
        found.append(result.images)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
