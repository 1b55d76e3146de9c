"""Every energy at every door. A refusal is a failure, unless the table gives its reason."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from cases.terminal import one_error
from steepest import energy_named, spectral
from steepest.cli.main import main
from steepest.convex.capabilities import energies
from steepest.core.solver import limits
from steepest.flows.extinction import check_homogeneous
from steepest.flows.problem import make_problem
from steepest.spectral.in_memory import nodes_of

NAMES = list(energies())
PHOTO = np.asarray(steepest.io.sample("camera"), np.float32)[192:288, 192:320] / 255
CAMERA = PHOTO[32:96, 32:96]
SOLVER = steepest.Solver(tol=1e-2)


def noisy(image: Any) -> Any:
    noise = 0.08 * np.random.default_rng(2).standard_normal(image.shape)
    return (image + noise).astype(np.float32)


def images_of(u: Any, volume: Any) -> dict[str, dict[str, Any]]:
    """Every place, from a square image and a volume."""
    colour = {"image": np.stack([u, u[::-1], u[:, ::-1]], -1), "channel_axis": -1}
    return {
        "1-D": {"image": u[20]},
        "2-D": {"image": u},
        "3-D": {"image": volume},
        "channels": colour,
        "separate channels": {**colour, "coupled": False},
        "spacing": {"image": u, "spacing": (1.0, 2.0)},
        "weights": {"image": u, "weights": np.linspace(0.5, 1, u.size).reshape(u.shape)},
        "huber": {"image": u, "huber": 0.02},
        "periodic": {"image": u, "boundary": "periodic"},
    }


NOISY = noisy(CAMERA)
IMAGES = images_of(NOISY, np.random.default_rng(3).random((8, 10, 12)))
OF_ENERGY = ("coupled", "weights", "huber", "boundary")


def refused(name: str, place: str) -> bool:
    return not energies()[name].allows(place)


def call(
    name: str, place: str, function: Any, *arguments: Any, images: Any = IMAGES, **more: Any
) -> Any:
    """``function(image, *arguments, energy, ...)``; a refusal must be that of the table.

    With ``tiles``, "tiles" is a place, too.
    """
    options = {**images[place], **more}
    own = {key: options.pop(key) for key in OF_ENERGY if key in options}
    image = options.pop("image")
    places = [place, "tiles"] if "tiles" in options else [place]
    reasons = [energies()[name].refuses[each] for each in places if refused(name, each)]
    if reasons:
        with pytest.raises(steepest.InputError) as error:
            function(image, *arguments, energy_named(name, **own), **options)
        assert any(reason in str(error.value) for reason in reasons)
        pytest.skip(reasons[0])
    return function(image, *arguments, energy_named(name, **own), **options)


@pytest.mark.parametrize("place", IMAGES)
@pytest.mark.parametrize("name", NAMES)
def test_denoise(name: str, place: str) -> None:
    """The minimiser has less energy than the image, and the bound holds against a finer one."""
    rough = call(name, place, steepest.denoise, 0.05, solver=SOLVER)
    fine = call(name, place, steepest.denoise, 0.05, solver=steepest.Solver(tol=1e-3))
    assert rough.converged
    assert fine.converged
    apart = np.linalg.norm(rough.image.astype(float) - fine.image)
    assert apart <= rough.error_bound + fine.error_bound
    assert not np.array_equal(fine.image, IMAGES[place]["image"])


@pytest.mark.parametrize("place", IMAGES)
@pytest.mark.parametrize("name", NAMES)
def test_flow(name: str, place: str) -> None:
    result = call(name, place, steepest.flow, [0.02, 0.05], steps=4, solver=SOLVER)
    image = np.asarray(IMAGES[place]["image"], float)
    assert result.converged
    assert np.isfinite(result.error_bound).all()
    assert float(result.images[-1].mean()) == pytest.approx(float(image.mean()), abs=1e-5)
    moved = [float(np.linalg.norm(u - image)) for u in result.images]
    assert 0 < moved[0] < moved[1]


@pytest.mark.parametrize("name", NAMES)
def test_automatic_strength(name: str) -> None:
    result = steepest.denoise(NOISY, None, energy_named(name), solver=SOLVER)
    assert result.converged
    assert result.strength > 0
    assert 0.04 < result.sigma < 0.16
    given = steepest.denoise_discrepancy(NOISY, 0.08, energy_named(name), solver=SOLVER)
    removed = math.sqrt(float(((given.image - NOISY) ** 2).mean()))
    assert removed == pytest.approx(0.08, rel=0.02)


@pytest.mark.parametrize("place", ["2-D", "3-D", "separate channels"])
@pytest.mark.parametrize("name", NAMES)
def test_decompose_and_filter(name: str, place: str) -> None:
    """Bands and residual are the image; filters split it; the certificate is that of the flow."""
    options: dict[str, Any] = {"steps": 8, "bands": [0.02, 0.1], "t_max": 0.3, "solver": SOLVER}
    found = call(name, place, spectral.decompose, **options)
    np.testing.assert_allclose(found.recompose(), found.image, atol=1e-5)
    parts = spectral.low_pass(found, 0.05) + spectral.high_pass(found, 0.05)
    np.testing.assert_allclose(parts, found.image, atol=1e-5)
    assert found.flow.converged
    assert np.isfinite(found.flow.error_bound).all()
    assert np.abs(found.bands[0]).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_decompose_finds_its_last_time(name: str) -> None:
    image = CAMERA[:32, :32]
    found = spectral.decompose(image, energy_named(name), steps=20, bands=3)
    np.testing.assert_allclose(found.recompose(), image, atol=1e-5)
    assert found.flow.status.ok
    energy = energy_named(name)
    if refused(name, "extinction"):
        with pytest.raises(steepest.InputError, match="too long"):
            spectral.extinction_time(image, energy)
        assert found.frames[-1].std() < image.std()
    else:
        assert np.ptp(found.frames[-1]) <= 2e-3 * np.ptp(image)
        assert found.nodes[-1] >= 0.5 * spectral.extinction_time(image, energy)


@pytest.mark.parametrize("name", NAMES)
def test_huber_has_no_spectral_transform(name: str) -> None:
    if refused(name, "huber"):
        pytest.skip(energies()[name].refuses["huber"])
    with pytest.raises(steepest.InputError, match=r"huber=0\.1 .*0"):
        spectral.decompose(CAMERA, energy_named(name, huber=0.1))


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name: str) -> None:
    """Euler: for one-homogeneous J, f . dL/df + s dL/ds = sum of v dL/dv, at 64 x 64."""
    torch = pytest.importorskip("torch")
    image = torch.from_numpy(NOISY).double().requires_grad_()
    strength = torch.tensor(0.05, dtype=torch.float64, requires_grad=True)
    result = steepest.denoise(image, strength, energy_named(name), solver=steepest.Solver(tol=1e-5))
    loss = (result.image**2).sum() / 2
    loss.backward()
    along = float((image.grad * image.detach()).sum()) + float(strength.grad * strength.detach())
    assert along == pytest.approx(2 * float(loss), rel=1e-3)


BIG = noisy(PHOTO)
# volumes have blocks of 32 pixels; what is periodic has no tiles (tests/test_tiled_energies.py)
LARGE = images_of(BIG, noisy(np.pad(np.full((8, 10, 40), 0.5), ((8, 8), (7, 7), (20, 36)))))
LARGE["1-D"] = {"image": BIG.ravel()[:8000]}
del LARGE["periodic"]


class Written:
    """An array that can only be assigned to by slices."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.array = np.full(shape, np.nan, np.float32)
        self.shape, self.dtype = shape, self.array.dtype

    def __setitem__(self, index: Any, values: Any) -> None:
        self.array[index] = values


def by_tiles(name: str, place: str, function: Any, *arguments: Any, **more: Any) -> Any:
    """`call` with the least memory that is allowed, and thus with several tiles."""
    for memory in [int(1e6 * 1.1**k) for k in range(60)]:
        counts: dict[str, int] = {}

        def note(progress: Any, counts: dict[str, int] = counts) -> None:
            counts[progress.stage] = progress.num_steps

        tiles = steepest.Tiles(memory, halo=16, num_workers=1)
        try:
            result = call(
                name, place, function, *arguments, images=LARGE, tiles=tiles, on_step=note, **more
            )
        except steepest.InputError as error:
            if not str(error).startswith("memory"):
                raise
            continue
        assert max(counts.values()) > len(counts)  # tiles of all passes; passes
        return result
    raise AssertionError("memory")


def tile_cases(*places: str) -> Any:
    """Names and places; array code in 3-D, or channel by channel, takes a minute: marked slow."""
    return pytest.mark.parametrize(
        ("name", "place"),
        [
            pytest.param(
                name,
                place,
                marks=[pytest.mark.slow]
                if name not in ("tv", "crofton") and place in ("3-D", "separate channels")
                else [],
            )
            for name in NAMES
            for place in places
        ],
    )


@tile_cases(*LARGE)
def test_denoise_by_tiles(name: str, place: str) -> None:
    """The same as in memory, as closely as both certify; what is given as out is written."""
    shape, solver = LARGE[place]["image"].shape, steepest.Solver(tol=1e-3)
    out = Written(shape)
    tiled = by_tiles(name, place, steepest.denoise, 0.05, out=out, solver=solver)
    whole = call(name, place, steepest.denoise, 0.05, images=LARGE, solver=solver)
    assert tiled.converged
    assert tiled.image is out
    apart = np.linalg.norm(out.array.astype(float) - whole.image)
    assert apart <= tiled.error_bound + whole.error_bound
    removed = np.linalg.norm(LARGE[place]["image"].astype(float) - whole.image)
    assert tiled.error_bound < 0.2 * removed


@pytest.mark.parametrize("name", NAMES)
def test_flow_by_tiles(name: str) -> None:
    """Its steps are denoisings, of which every place is tried above."""
    place, times, solver = (
        "weights" if name == "tv" else "2-D",
        [0.02, 0.05],
        steepest.Solver(tol=1e-3),
    )
    shape = LARGE[place]["image"].shape
    frames = Written((2, *shape))
    flow = by_tiles(name, place, steepest.flow, times, out=frames, steps=2, solver=solver)
    one = call(name, place, steepest.flow, times, images=LARGE, steps=2, solver=solver)
    assert flow.converged
    assert flow.images is frames
    for u, v in zip(frames.array, one.images, strict=True):
        moved = np.linalg.norm(v.astype(float) - LARGE[place]["image"])
        assert np.linalg.norm(u.astype(float) - v) < 0.02 * moved
    np.testing.assert_allclose(flow.error_bound, one.error_bound, rtol=0.2)


@tile_cases("2-D", "3-D", "separate channels")
def test_decompose_and_filter_by_tiles(name: str, place: str) -> None:
    image = LARGE[place]["image"]
    options: dict[str, Any] = {"steps": 4, "bands": [0.02, 0.06], "t_max": 0.12, "solver": SOLVER}
    out = Written((4, *image.shape))
    tiled = by_tiles(name, place, spectral.decompose, out=out, **options)
    whole = call(name, place, spectral.decompose, images=LARGE, **options)
    assert tiled.parts is out
    assert tiled.flow.converged
    np.testing.assert_allclose(tiled.nodes, whole.nodes, rtol=1e-6)
    np.testing.assert_allclose(out.array.sum(0), image, atol=1e-5)
    contrast = np.linalg.norm(image - image.mean())
    for part, other in zip(out.array, [*whole.bands, whole.residual], strict=True):
        assert np.linalg.norm(part.astype(float) - other) < 0.03 * contrast

    def gained(found: Any) -> Any:
        return found.recompose([2, 0, 1], 0.5)

    def filtered(image: Any, energy: Any, **more: Any) -> Any:
        return spectral.apply_filter(image, gained, energy, **more)

    written = Written(image.shape)
    by_tiles(name, place, filtered, out=written, **options)
    expected = 2 * out.array[0] + out.array[2] + 0.5 * out.array[3]
    np.testing.assert_allclose(written.array, expected, atol=1e-5)


@pytest.mark.parametrize("place", ["spacing", "weights"])
@pytest.mark.parametrize("name", NAMES)
def test_decompose_by_tiles_finds_its_times(name: str, place: str) -> None:
    """First and last time are those in memory, although tiles only know averages over blocks."""
    rough = steepest.Solver(tol=0.3, max_num_iter=50)  # only the times matter
    options: dict[str, Any] = {"steps": 3, "bands": [0.1], "solver": rough}
    tiled = by_tiles(name, place, spectral.decompose, **options)

    def times(image: Any, energy: Any, **described: Any) -> Any:
        own = limits(None, tol=1e-2, max_num_iter=1000)
        return nodes_of([make_problem(image, check_homogeneous(energy), **described)], None, 3, own)

    whole = call(name, place, times, images=LARGE)
    assert tiled.nodes[1] == pytest.approx(whole[1], rel=1e-5)
    assert 0.95 < tiled.nodes[-1] / whole[-1] < 1.2


TIMES = ["--edges", "0.02,0.1", "--t-max", "0.3", "--steps", "6"]
SPECTRAL = {"bands": [0, 0.02, 0.1, math.inf], "t_max": 0.3, "steps": 6}
COMMANDS: dict[str, tuple[list[str], Any]] = {  # words, and what they stand for in the library
    "denoise": (["--strength", "0.1"], lambda u, e, **o: steepest.denoise(u, 0.1, e, **o).image),
    "flow": (
        ["--times", "0.05", "--steps", "3"],
        lambda u, e, **o: steepest.flow(u, [0.05], e, steps=3, **o).images[0],
    ),
    "filter": (
        ["--gains", "0,1,2", *TIMES],
        lambda u, e, **o: (
            spectral.apply_filter(
                u, lambda found: found.recompose([0, 1, 2]), e, **SPECTRAL, **o
            ).image
        ),
    ),
    "decompose": (
        ["--no-figures", *TIMES],
        lambda u, e, **o: bands_of(spectral.decompose(u, e, **SPECTRAL, **o)),
    ),
}


def bands_of(found: Any) -> Any:
    return found.parts if hasattr(found, "parts") else [*found.bands, found.residual]


@pytest.mark.parametrize("carrier", ["file", "store"])
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", NAMES)
def test_command_line(
    name: str, command: str, carrier: str, tmp_path: Any, monkeypatch: Any, capsys: Any
) -> None:
    """``--energy``: to the last bit what the library finds, in memory and by tiles."""
    monkeypatch.chdir(tmp_path)
    image = NOISY[:24, :30]
    steepest.io.write_image("a.tif", image)
    words, function = COMMANDS[command]
    words = [command, "a.tif", *words, "--energy", name, "-q"]
    if carrier == "file":
        target = "out" if command == "decompose" else "out.tif"
        assert main([*words, "-o", target]) == 0
        expected = function(image, energy_named(name))
        files = sorted(Path("out").glob("*.tif")) if command == "decompose" else [Path(target)]
        found = np.array([steepest.io.read_image(file).array for file in files])
        assert np.array_equal(found, np.reshape(expected, found.shape))
        return
    pytest.importorskip("zarr")
    from steepest.io.stores import open_store

    words += ["--memory", "100MB", "-o", "out.zarr"]
    if refused(name, "tiles"):
        assert main(words) == 2
        one_error(capsys, energies()[name].refuses["tiles"])
        return
    assert main(words) == 0
    expected = function(image, energy_named(name), tiles=steepest.Tiles("100MB"))
    assert np.array_equal(np.squeeze(open_store("out.zarr").array[:]), expected)
