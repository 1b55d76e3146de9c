"""Whatever happens to a job before it is resumed: the same result, or a refusal by name."""

import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cases import tiled
from cases.tiled_work import CHANGES, DAMAGES, JOBS, Killed, compute, inputs_of, killed, same
from steepest import InputError
from steepest.cli.main import main

INPUTS = inputs_of()
PAIRS = [(job, name) for job, (names, _) in JOBS.items() for name in names]
QUICK = ["denoise_tv", "threshold_rof", "inpaint"]


@cache
def whole(job):
    """The result of a job that is not interrupted, and the number of its reports."""
    reports = []
    return compute(job, INPUTS, on_step=reports.append), len(reports)


def stopped(job, work, after):
    """Stop a job in a folder after so many reports."""
    reports = []
    compute(
        job, INPUTS, work=work, on_step=lambda step: reports.append(step) or len(reports) >= after
    )
    assert work.exists()


@pytest.mark.parametrize("job", JOBS)
def test_interrupted_work_goes_on_where_it_was(tmp_path, job):
    """In the last pass: no pass before it is computed again, and other options are refused."""
    expected, steps = whole(job)
    work, stages, again = tmp_path / "work", [], []
    result = compute(
        job, INPUTS, work=work, on_step=lambda s: stages.append(s.stage) or len(stages) == steps - 1
    )
    assert not same(result, expected)
    bounds = [getattr(result, name, np.inf) for name in ("error_bound", "residual")]
    assert all(np.isinf(np.ravel(bound)[-1]) for bound in bounds)
    names, function = JOBS[job]
    given = {name: INPUTS[name] for name in names}
    with pytest.raises(InputError, match="belongs to other work"):
        function(**given, work=work, **({"norm": "l2"} if job == "echo" else {"spacing": 3.0}))
    assert same(compute(job, INPUTS, work=work, on_step=lambda s: again.append(s.stage)), expected)
    assert not work.exists()
    if job != "batch":  # whose first image is finished, and computed again
        passes = [stage for stage in stages if stage != "survey"]
        assert len(again) - again.count("survey") <= passes.count(passes[-1]) + 1


@pytest.mark.parametrize(("job", "name"), PAIRS)
def test_changed_inputs_are_refused_by_name(tmp_path, job, name):
    expected, steps = whole(job)
    work = tmp_path / "work"
    stopped(job, work, 2 * steps // 3)
    for change in CHANGES.values():
        changed = INPUTS | {name: change(INPUTS[name].copy())}
        with pytest.raises(InputError, match=rf"{name}: other values .* {work}.* began"):
            compute(job, changed, work=work)
    assert same(compute(job, INPUTS, work=work), expected)
    assert not work.exists()


def test_transposition_of_one_tile_and_weights_left_out_are_noticed(tmp_path):
    image, weights = INPUTS["image"][:60, :60], INPUTS["weights"][:60, :60]
    options = dict(work=tmp_path / "work", on_step=lambda step: step.stage == "pass 1")
    tiled.denoise_tv(image, 0.1, weights=weights, **options)
    for changed in (None, weights.T):
        with pytest.raises(InputError, match="weights: other values"):
            tiled.denoise_tv(image, 0.1, weights=changed, **options)
    with pytest.raises(InputError, match="image: other values"):
        tiled.denoise_tv(image.T, 0.1, weights=weights, **options)


def resumed_after_damage(job, work, rng):
    """Damage a file of interrupted work, and resume: "same", or "refused" by name.

    Sometimes there is more memory, for which other tiles and grids would be chosen if they were not
    chosen yet.
    """
    files = [path for path in work.rglob("*") if path.is_file() and path.stat().st_size]
    file = files[rng.integers(len(files))]
    damage = [*DAMAGES][rng.integers(len(DAMAGES))]
    DAMAGES[damage](file, rng)
    more = {"memory": "1GB"} if (work / "sums-1").exists() and rng.integers(2) else {}
    try:
        result = compute(job, INPUTS, work=work, **more)
    except InputError as error:
        assert file.name in str(error), (damage, file)
        assert str(file.parent) in str(error) or file.suffix == ".mark"
        assert "delete" in str(error) or "new folder" in str(error)
        return "refused"
    assert same(result, whole(job)[0]), (damage, file)
    return "same"


def damage_often(job, folder, stops, times, seed=0):
    """Outcomes of damage after random steps."""
    rng, outcomes, steps = np.random.default_rng(seed), [], whole(job)[1]
    for _ in range(stops):
        stopped(job, folder / "kept", int(rng.integers(1, steps)))
        for _ in range(times):
            shutil.copytree(folder / "kept", folder / "work")
            outcomes.append(resumed_after_damage(job, folder / "work", rng))
            shutil.rmtree(folder / "work", ignore_errors=True)
        shutil.rmtree(folder / "kept")
    return outcomes


@pytest.mark.parametrize("job", [*QUICK, "batch"])
def test_damaged_files_are_computed_again_or_named(tmp_path, job):
    assert "same" in damage_often(job, tmp_path, 2, 4)


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_damaged_files_are_computed_again_or_named_always(tmp_path, job):
    outcomes = damage_often(job, tmp_path, 10, 12, seed=1)
    assert min(map(outcomes.count, ("same", "refused"))) > 5


def test_every_file_of_a_pass_can_be_computed_again(tmp_path):
    stopped("denoise_tv", tmp_path / "kept", 6)  # in the first pass: nothing has been dropped
    rng, work = np.random.default_rng(0), tmp_path / "work"
    for number, file in enumerate(sorted((tmp_path / "kept").rglob("*.npy"))):
        shutil.copytree(tmp_path / "kept", work)
        damage = ("bit flipped", "deleted", "cut")[number % 3]
        DAMAGES[damage](work / file.relative_to(tmp_path / "kept"), rng)
        assert same(compute("denoise_tv", INPUTS, work=work), whole("denoise_tv")[0]), file


def resumed_after_kills(job, work, moments):
    """Kill a job at an operation of the disk, resume it, and compare."""
    for moment in moments:
        with pytest.raises(Killed), killed(moment):
            compute(job, INPUTS, work=work)
        assert same(compute(job, INPUTS, work=work), whole(job)[0]), moment
        assert not work.exists()


def operations(job, work):
    """The number of operations of the disk of a job."""
    with killed() as done:
        compute(job, INPUTS, work=work)
    return len(done)


@pytest.mark.parametrize("job", QUICK)
def test_work_is_resumed_after_a_kill(tmp_path, job):
    count = operations(job, tmp_path / "work")
    rng = np.random.default_rng(len(job))
    last = count - 1 - rng.choice(20, 3, replace=False)  # while the folder is removed
    moments = [int(rng.integers(10)), int(rng.integers(count)), *map(int, last), count - 1]
    resumed_after_kills(job, tmp_path / "work", moments)


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_work_is_resumed_after_a_kill_at_any_moment(tmp_path, job):
    count = operations(job, tmp_path / "work")
    early = range(0, count - 40, max(count // 40, 1))
    resumed_after_kills(job, tmp_path / "work", [*early, *range(count - 40, count)])


def test_work_is_resumed_after_many_kills(tmp_path):
    rng, count, kills = np.random.default_rng(0), operations("tv_flow", tmp_path / "work"), 0
    while True:
        try:
            with killed(int(rng.integers(20, count // 4))):
                result = compute("tv_flow", INPUTS, work=tmp_path / "work")
            break
        except Killed:
            kills += 1
    assert kills > 2
    assert same(result, whole("tv_flow")[0])


PROGRAM = """
import sys
sys.path.insert(0, "tests")
from cases.tiled_work import compute, inputs_of
import numpy as np
result = compute(sys.argv[1], inputs_of(), work=sys.argv[2])
np.save(sys.argv[3], np.asarray(result))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals as on Unix")
@pytest.mark.parametrize("job", ["denoise_tv", "corrections", "decompose", "inpaint"])
def test_processes_are_killed_and_started_again(tmp_path, job):
    rng, root, out = np.random.default_rng(0), Path(__file__).parents[1], tmp_path / "out.npy"
    command = [sys.executable, "-c", PROGRAM, job, tmp_path / "work", out]
    for _ in range(25):
        process = subprocess.Popen(command, cwd=root)
        begin = time.monotonic()
        while not (tmp_path / "work").exists() and time.monotonic() < begin + 60:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, cwd=root, check=True)
    expected = np.asarray(whole(job)[0])
    np.testing.assert_allclose(np.load(out), expected, atol=1e-9 if job == "inpaint" else 0)
    assert not (tmp_path / "work").exists()


def test_remains_of_a_finished_job_are_a_new_folder_for_any_other(tmp_path):
    work = tmp_path / "work"
    count = operations("denoise_tv", work)
    with pytest.raises(Killed), killed(count - 4):
        compute("denoise_tv", INPUTS, work=work)
    assert list(work.iterdir())
    assert same(compute("inpaint", INPUTS, work=work), whole("inpaint")[0])
    assert not work.exists()


def test_a_folder_that_is_not_empty_is_refused_before_a_batch_is_computed(tmp_path):
    (tmp_path / "thesis.txt").write_text("years")
    reports = []
    with pytest.raises(InputError, match=r"is not empty, and holds no earlier work.*new folder"):
        compute("batch", INPUTS, work=tmp_path, on_step=reports.append)
    assert reports == []
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_a_command_is_killed_at_any_moment_and_run_again(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    monkeypatch.chdir(tmp_path)
    source = zarr.create_array("a.zarr", shape=(120, 120), chunks=(64, 64), dtype="f4")
    source[:] = INPUTS["image"]
    command = ["denoise", "a.zarr", "--strength", "0.1", "--memory", "3MB", "--workers", "1", "-q",
               "--work", "work", "--overwrite", "-o", "o.zarr"]  # fmt: skip

    def pixels():
        return zarr.open_group("o.zarr", mode="r")["0"][:]

    with killed() as done:
        assert main(command) == 0
    whole, count = pixels(), len(done)
    rng = np.random.default_rng(0)
    for moment in [*map(int, rng.integers(count, size=30)), *range(count - 30, count)]:
        zarr.open_group("o.zarr", mode="a")["0"][:] = 7  # the old result
        with pytest.raises(Killed), killed(moment):
            main(command)
        if Path("o.zarr").exists():
            assert np.all(pixels() == 7) or np.array_equal(pixels(), whole)
        assert main(command) == 0
        assert np.array_equal(pixels(), whole)
        assert {path.name for path in tmp_path.iterdir()} == {"a.zarr", "o.zarr", "work"}
