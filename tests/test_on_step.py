"""Progress and stopping: the same contract for every public function that has ``on_step``."""

import importlib
import inspect
import pkgutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import steepest
from cases import tiled
from steepest import Solver, inpainting, manifold, motion, particles, patches, segmentation
from steepest.core.errors import InputError
from steepest.core.status import Status
from steepest.inpainting import masks
from steepest.io import OrientationMap, Phase, read_orientations, sample

pytestmark = pytest.mark.usefixtures("here")

IMAGE = np.ascontiguousarray(sample()[100:132, 200:236])
COLOUR = np.ascontiguousarray(sample("coffee")[100:128, 180:212])
LARGE = np.ascontiguousarray(sample()[100:196, 200:280])  # of several tiles: echoes go in rounds
RNG = np.random.default_rng(0)
KNOWN = RNG.random(COLOUR.shape[:2]) < 0.1
MOVED = np.stack([IMAGE, np.roll(IMAGE, 1, 1), np.roll(IMAGE, 1, 0)]) / 255
PATCHES = patches.fit(IMAGE, 3, 2, 3)
ROUGH = {"solver": Solver(tol=1e-9, max_num_iter=4)}
PHASES = np.linspace(0, 9, 30)[:, None] + RNG.normal(scale=0.2, size=(30, 24))
GRAINS = OrientationMap(
    read_orientations("sample:nickel").quaternions[:14, :12], np.ones((14, 12), int),
    (Phase("", "m-3m"),), (1.0, 1.0), "ctf",
)  # fmt: skip
SIGNAL = np.cumsum(RNG.normal(size=40))
WITHOUT = {"paper_loss", "energy_named", "side_by_side"}  # ``**options`` that are no on_step


@dataclass(frozen=True)
class Case:
    """A call with at least ``least`` reports, which has a result from the ``enough``-th on.

    If it is stopped, all of its result is finite, or, if not ``finite``, its bounds are not.
    """

    call: Callable[..., Any]
    least: int = 2
    enough: int = 1
    finite: bool = True


def low_pass(decomposition: Any) -> np.ndarray:
    return steepest.spectral.low_pass(decomposition, 0.05)


def inpainted(kind: str) -> Case:
    options = {"method": getattr(inpainting, kind)(), "channel_axis": -1}
    return Case(
        lambda **given: steepest.inpaint(
            COLOUR, KNOWN, **{"solver": Solver(num_threads=2), **options, **given}
        )
    )


def mask(name: str, image: np.ndarray = IMAGE, least: int = 2, **options: Any) -> Case:
    arguments = (image,) if name == "echo_ranking" else (image, 0.1)
    return Case(lambda **given: getattr(masks, name)(*arguments, rng=0, **options, **given), least)


def decomposed(pages: np.ndarray, **options: Any) -> Any:
    """The last page of a series: what went before it is told of, too."""
    return list(steepest.spectral.decompose_series(pages, **options))[-1]


def training(subject: str) -> Case:
    """A training, each in a folder of its own."""

    def call(**given: Any) -> Any:
        pytest.importorskip("safetensors")
        from cases.trainings import PLAIN

        module = importlib.import_module(f"steepest.learning.{subject}")
        folder = tempfile.mkdtemp()
        if subject == "training":
            from steepest.learning.flows.training.task import make_task

            return module.run_training(PLAIN.replace(epochs=2), folder, make_task, **given)
        return module.train(PLAIN.replace(epochs=2), folder, **given)

    return Case(call)


def learned(name: str, **options: Any) -> Case:
    def call(**given: Any) -> Any:
        pytest.importorskip("safetensors")
        from steepest import learning

        return getattr(learning, name)(COLOUR, channel_axis=-1, **options, **given)

    return Case(call, least=3, enough=2 if name == "learned_decomposition" else 1)


def compression(name: str) -> Case:
    def call(**given: Any) -> Any:
        pytest.importorskip("constriction")
        from steepest import compression

        return getattr(compression, name)(LARGE, 0.05, rng=0, **given)

    return Case(call)


CASES = {
    "steepest.inpaint": inpainted("Diffusion"),
    "steepest.inpainting.reconstruct": Case(
        lambda **given: inpainting.reconstruct(COLOUR, KNOWN, channel_axis=-1, **given)
    ),
    "steepest.inpainting.tonal": Case(
        lambda **given: inpainting.tonal(COLOUR, KNOWN, channel_axis=-1, levels=16, **given)
    ),
    **{f"steepest.inpainting.masks.{name}": mask(name, least=1) for name in masks.METHODS},
    "steepest.inpainting.masks.densify": mask("densify"),
    "steepest.inpainting.masks.echo": mask("echo", LARGE),
    "steepest.inpainting.masks.echo_ranking": mask("echo_ranking", LARGE),
    "steepest.robust.denoise_cauchy": Case(
        lambda **given: steepest.robust.denoise_cauchy(IMAGE, 0.02, patch_distance=3, **given)
    ),
    "steepest.motion.displacement": Case(
        lambda **given: motion.displacement(*MOVED[:2], **given).displacement
    ),
    "steepest.motion.follow": Case(
        lambda **given: tuple(each.displacement for each in motion.follow(MOVED, **given))
    ),
    "steepest.motion.morph": Case(lambda **given: motion.morph(*MOVED[:2], 3, **given)),
    "steepest.motion.magnify": Case(lambda **given: motion.magnify(MOVED, 2, **given)),
    "steepest.patches.fit": Case(
        lambda **given: (
            patches.fit(IMAGE, 3, 2, 3, solver=steepest.Solver(tol=0), **given).variances
        )
    ),
    "steepest.patches.denoise": Case(lambda **given: patches.denoise(IMAGE, PATCHES, 0.1, **given)),
    "steepest.patches.posterior": Case(
        lambda **given: patches.posterior(IMAGE, PATCHES, 0.1, num_samples=4, **given).samples,
        enough=2,
    ),
    "steepest.patches.restore": Case(
        lambda **given: patches.restore(IMAGE, PATCHES, np.copy, np.copy, 0.1, **ROUGH, **given)
    ),
    "steepest.patches.superresolve": Case(
        lambda **given: patches.superresolve(IMAGE, PATCHES, 2, 1.0, 0.1, **ROUGH, **given)
    ),
    "steepest.patches.deblur": Case(
        lambda **given: patches.deblur(
            IMAGE, PATCHES, np.full((3, 3), 1 / 9), 0.1, **ROUGH, **given
        )
    ),
    "steepest.patches.inpaint": Case(
        lambda **given: patches.inpaint(IMAGE, PATCHES, IMAGE % 3 > 0, **ROUGH, **given)
    ),
    "steepest.compression.pack": compression("pack"),
    "steepest.compression.compress": compression("compress"),
    "steepest.learning.learned_flow": learned("learned_flow", times=[0.02, 0.1], steps=6),
    "steepest.learning.learned_decomposition": learned("learned_decomposition", steps=6),
    "steepest.learning.flows.training.train": training("flows.training"),
    "steepest.learning.training.run_training": training("training"),
    "steepest.tv_flow": Case(
        lambda **given: steepest.flow(
            COLOUR,
            [0.1, 0.2],
            channel_axis=-1,
            energy=steepest.TotalVariation(coupled=False),
            **given,
        )
    ),
    "steepest.flow": Case(
        lambda **given: steepest.flow(
            COLOUR, [0.1], steepest.SecondOrderTotalVariation(), channel_axis=-1, **given
        )
    ),
    "steepest.denoise": Case(
        lambda **given: steepest.denoise(
            SIGNAL,
            3,
            steepest.TotalVariation(boundary="periodic"),
            solver=steepest.Solver(tol=1e-9),
            **given,
        )
    ),
    "steepest.denoise_tv": Case(
        lambda **given: steepest.denoise_tv(SIGNAL, 3, solver=steepest.Solver(tol=1e-9), **given)
    ),
    "steepest.spectral.apply_filter": Case(
        lambda **given: tiled.apply_filter(
            LARGE, low_pass, t_max=0.2, steps=3, memory="20MB", **given
        ),
    ),
    "steepest.denoise_least_risk": Case(
        lambda **given: steepest.denoise_least_risk(SIGNAL, 0.5, **given)
    ),
    "steepest.denoise_discrepancy": Case(
        lambda **given: steepest.denoise_discrepancy(SIGNAL, 0.5, **given)
    ),
    "steepest.extinction_time": Case(
        lambda **given: steepest.extinction_time(np.stack([SIGNAL, 2 * SIGNAL]), **given)
    ),
    "steepest.spectral.decompose": Case(
        lambda **given: steepest.spectral.decompose(SIGNAL, steps=10, **given)
    ),
    "steepest.spectral.decompose_series": Case(
        lambda **given: decomposed(np.stack([SIGNAL, 2 * SIGNAL]), steps=10, **given)
    ),
    "steepest.spectral.separate_texture": Case(
        lambda **given: steepest.spectral.separate_texture(SIGNAL, 2.0, steps=10, **given)
    ),
    "steepest.segmentation.threshold_rof": Case(
        lambda **given: segmentation.threshold_rof(LARGE, 1.0, 6, **given)
    ),
    "steepest.segmentation.chan_vese": Case(
        lambda **given: segmentation.chan_vese(COLOUR, 0.25, channel_axis=-1, **given)
    ),
    "steepest.segmentation.cut": Case(
        lambda **given: segmentation.cut(
            0.5 - LARGE / 255, 1.0, energy=steepest.CroftonTotalVariation(), **given
        )
    ),
    "steepest.segmentation.bias_corrected": Case(
        lambda **given: segmentation.bias_corrected(IMAGE, 0.05, 30.0, **given)
    ),
    "steepest.manifold.denoise": Case(
        lambda **given: manifold.denoise(
            PHASES, 0.3, "circle", solver=steepest.Solver(tol=1e-6), **given
        )
    ),
    "steepest.manifold.denoise_phases": Case(
        lambda **given: manifold.denoise_phases(
            PHASES % 7, 0.3, period=7, solver=Solver(tol=1e-6), **given
        )
    ),
    "steepest.manifold.denoise_grains": Case(
        lambda **given: manifold.denoise_grains(GRAINS, 0.02, solver=Solver(1e-6), **given)[1][0]
    ),
    "steepest.manifold.denoise_nl_bayes": Case(
        lambda **given: manifold.denoise_nl_bayes(PHASES, 0.2, manifold="circle", **given)
    ),
    "steepest.particles.stipple": Case(
        lambda **given: particles.stipple(IMAGE, 60, rng=0, **given)
    ),
    "steepest.particles.sample": Case(lambda **given: particles.sample(IMAGE, 60, rng=0, **given)),
    "steepest.particles.flow": Case(
        lambda **given: particles.flow(SIGNAL, SIGNAL[::2], [0, 1.0], num_steps=5, **given),
        finite=False,
    ),
    "steepest.particles.transfer_colours": Case(
        lambda **given: particles.transfer_colours(COLOUR, COLOUR[::2], num_iter=4, **given)
    ),
}

BY_TILES = {
    "denoise by tiles": Case(
        lambda **given: tiled.denoise_tv(LARGE, 0.1, memory="20MB", **given), finite=False
    ),
    "flow by tiles": Case(
        lambda **given: tiled.tv_flow(LARGE, 0.1, steps=3, memory="20MB", **given),
        finite=False,
    ),
    "decompose by tiles": Case(
        lambda **given: tiled.decompose(
            LARGE, bands=[0.05], t_max=0.2, steps=3, memory="20MB", **given
        ),
    ),
    "inpaint by tiles": Case(
        lambda **given: tiled.inpaint(COLOUR[..., 0], KNOWN, memory="20MB", **given),
        finite=False,
    ),
    "echo by tiles": Case(
        lambda **given: tiled.echo(LARGE, 0.1, rng=0, memory="20MB", **given),
    ),
    "threshold_rof by tiles": Case(
        lambda **given: tiled.threshold_rof(LARGE / 255, 0.1, memory="20MB", **given),
        finite=False,
    ),
    "chan_vese by tiles": Case(
        lambda **given: tiled.chan_vese(LARGE / 255, 0.25, memory="20MB", **given),
        finite=False,
    ),
}
FILLS = {f"inpaint by {kind}": inpainted(kind) for kind in inpainting.METHODS.values()}
ALL = {**CASES, **BY_TILES, **FILLS}


def public() -> Iterator[str]:
    """Public functions that have ``on_step`` or pass options on, by their shortest names."""
    packages = [steepest]
    for info in pkgutil.walk_packages(steepest.__path__, "steepest."):
        if info.ispkg:
            packages.append(importlib.import_module(info.name))
    seen = set()
    for package in packages:
        for name in getattr(package, "__all__", ()):
            function = getattr(package, name)
            if inspect.isfunction(function) and function not in seen:
                seen.add(function)
                parameters = inspect.signature(function).parameters
                options = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
                if "on_step" in parameters or (options and name not in WITHOUT):
                    yield f"{package.__name__}.{name}"


def test_no_function_is_hidden_by_a_module_of_its_name() -> None:
    """Importing a submodule sets an attribute of the package, in place of what is imported late."""
    for info in pkgutil.walk_packages(steepest.__path__, "steepest."):
        if info.ispkg:
            package = importlib.import_module(info.name)
            modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
            assert modules.isdisjoint(getattr(package, "_WHERE", ())), info.name


def test_no_function_is_missing() -> None:
    pytest.importorskip("safetensors")
    assert set(public()) == set(CASES)


def numbers(result: Any) -> list[np.ndarray]:
    """All arrays and numbers of a result that must be finite."""
    if isinstance(result, bytes):
        return [np.frombuffer(result, np.uint8)]
    if isinstance(result, (np.ndarray, float)):
        return [np.asarray(result)]
    if isinstance(result, tuple):
        return [array for part in result for array in numbers(part)]
    if hasattr(result, "network"):
        return [p.detach().numpy() for p in result.network.parameters()]
    names = (
        "image",
        "images",
        "parts",
        "points",
        "frames",
        "bands",
        "residual",
        "mae",
        "gap",
        "flux",
    )
    names += ("error_bound",)
    found = [getattr(result, name, None) for name in names]
    return [np.asarray(value) for value in found if value is not None]


def outcome(result: Any) -> Any:
    """The status of a result that has one: its own, its flow's, or a training's."""
    return getattr(getattr(result, "flow", result), "status", getattr(result, "stopped", None))


@pytest.mark.parametrize("name", ALL)
def test_reports_are_counted_and_change_nothing_and_only_true_stops(name: str) -> None:
    case, steps, no_stop = ALL[name], [], [1, [True], "stop", np.ones(1, bool)]
    told = case.call(on_step=lambda step: steps.append(step) or no_stop[len(steps) % len(no_stop)])
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= case.least
    assert {type(step.num_steps) for step in steps} == {int}
    assert all(step.num_steps == 0 or step.num_steps >= step.step for step in steps)
    alone = case.call()
    pairs = zip(numbers(told), numbers(alone), strict=True)
    assert all(np.array_equal(one, silent) for one, silent in pairs)
    assert outcome(told) == outcome(alone)

    few: list[Any] = []
    stopped = case.call(on_step=lambda step: few.append(step) or len(few) == case.enough)
    assert len(few) == case.enough
    assert len(few) < len(steps) or case.least == 1
    assert outcome(stopped) in (Status.STOPPED, "callback", None)
    found = numbers(stopped)
    assert found
    assert all(np.isfinite(array).all() for array in found) == case.finite


@pytest.mark.parametrize("name", ALL)
def test_bad_callbacks_are_named_and_errors_reach_the_caller(name: str) -> None:
    case = ALL[name]
    with pytest.raises(InputError, match="on_step"):
        case.call(on_step=3)

    def fail(step: Any) -> None:
        raise ZeroDivisionError(f"in step {step.step}")

    with pytest.raises(ZeroDivisionError, match="in step 1"):
        case.call(on_step=fail)


# ------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("kind", ["compiled", "array code", "manifold"])
def test_image_of_a_step_is_read_inside_the_callback(kind: str) -> None:
    """It is then a copy, which may be kept and changed; later it would be another step's image."""
    calls: dict[str, Callable[..., Any]] = {
        "compiled": CASES["steepest.tv_flow"].call,
        "array code": CASES["steepest.flow"].call,
        "manifold": CASES["steepest.manifold.denoise"].call,
    }
    silent, read, unread, copies = calls[kind](), [], [], []

    def look(step: Any) -> None:
        if step.step % 2:
            unread.append(step)
        else:
            read.append(step)
            copies.append(step.image.copy())

    told = calls[kind](on_step=look)
    assert len(read) >= 2
    assert all(np.array_equal(step.image, copy) for step, copy in zip(read, copies, strict=True))
    assert not np.array_equal(copies[0], copies[-1])
    for step in unread:
        with pytest.raises(InputError, match=r"step\.image inside on_step"):
            _ = step.image

    def change(step: Any) -> None:
        step.image[:] = -7

    changed = calls[kind](on_step=change)
    for result in (told, changed):
        pairs = zip(numbers(result), numbers(silent), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_step_without_an_image_has_none_at_any_time() -> None:
    steps: list[Any] = []
    CASES["steepest.denoise"].call(on_step=steps.append)
    assert {step.image for step in steps} == {None}


@pytest.mark.parametrize("name", FILLS)
def test_a_stopped_inpainting_is_the_best_so_far(name: str) -> None:
    residuals: list[float] = []

    def second(step: Any) -> bool:
        residuals.append(step.residual)
        return step.step == 2

    raising = Solver(raise_on_failure=True)  # asking to stop is no failure
    result = FILLS[name].call(on_step=second, solver=raising)
    assert (result.status, result.iterations) == (Status.STOPPED, 2)
    assert not result.converged
    assert np.array_equal(result.image[KNOWN], COLOUR[KNOWN])
    assert result.residual <= min(residuals) * (1 + 1e-6)
    assert result.residual > FILLS[name].call().residual


@pytest.mark.parametrize("kind", ["Diffusion", "Biharmonic"])
def test_channels_are_told_of_together_whatever_the_threads(kind: str) -> None:
    method = getattr(inpainting, kind)()

    def filled(on_step: Any, threads: int | None = None) -> Any:
        solver = Solver(tol=1e-8, num_threads=threads)
        return steepest.inpaint(
            COLOUR, KNOWN, method, channel_axis=-1, solver=solver, on_step=on_step
        )

    told: list[list[float]] = []
    for threads in (1, 2, 5):
        told.append([])
        stop = lambda step: told[-1].append(step.residual) or step.step == 4  # noqa: E731
        filled(stop, threads)
        assert len(told[-1]) == 4
    assert told[0] == told[1] == told[2]
    whole: list[Any] = []
    result = filled(whole.append)
    assert len(whole) == result.iterations
    assert whole[-1].residual == pytest.approx(result.residual, rel=1e-2)


@pytest.mark.parametrize("name", FILLS)
def test_one_iteration_is_told_of_too(name: str) -> None:
    steps: list[Any] = []
    result = FILLS[name].call(on_step=steps.append, solver=Solver(max_num_iter=1))
    assert len(steps) == 1
    assert result.status is Status.MAX_ITERATIONS


def test_a_boolean_of_numpy_stops_too() -> None:
    result = steepest.inpaint(
        COLOUR, KNOWN, channel_axis=-1, on_step=lambda step: np.float64(step.residual) < 0.1
    )
    assert result.status is Status.STOPPED


def test_nothing_to_do_is_not_told_of() -> None:
    everything = np.ones(KNOWN.shape, bool)
    steps: list[Any] = []
    result = steepest.inpaint(COLOUR, everything, channel_axis=-1, on_step=steps.append)
    assert not steps
    assert np.array_equal(result.image, COLOUR)


def test_a_stopped_inpainting_of_a_tensor_has_the_gradient_of_the_solution() -> None:
    torch = pytest.importorskip("torch")
    image = torch.tensor(COLOUR / 255.0, requires_grad=True)
    gradients = []
    for on_step in (None, lambda step: True):
        result = steepest.inpaint(
            image, KNOWN, channel_axis=-1, on_step=on_step, solver=Solver(tol=1e-10)
        )
        result.image.sum().backward()
        gradients.append(image.grad.clone())
        image.grad = None
    assert result.status is Status.STOPPED
    assert torch.allclose(*gradients, atol=1e-8)


@pytest.mark.parametrize("first", [1, 2, 5])
@pytest.mark.parametrize("name", [n for n in CASES if ".masks." in n and "learning" not in n])
def test_a_stopped_mask_has_the_right_number_of_pixels(name: str, first: int) -> None:
    case, steps = ALL[name], []
    found = case.call(on_step=lambda step: steps.append(step) or len(steps) == first)
    if name.endswith("ranking"):
        least = round(0.01 * found.size)
        counts = np.bincount(found.ravel(), minlength=found.size)
        assert counts[0] == least
        assert set(counts[least:].tolist()) == {1}  # every rank once: nested masks of any density
    else:
        assert found.dtype == bool
        assert found.sum() == steps[-1].target == round(0.1 * found.size)


def test_a_search_that_is_stopped_gives_its_best_trial_or_says_that_there_is_none() -> None:
    pytest.importorskip("constriction")
    from steepest.compression import compress, pack

    def stop(step: Any) -> bool:
        return True

    assert len(compress(IMAGE, max_bytes=3000, rng=0, on_step=stop)) <= 3000
    with pytest.raises(InputError, match="on_step stopped the search before any density met psnr"):
        compress(IMAGE, psnr=40, rng=0, on_step=stop)
    stopped = pack(IMAGE, 0.1, rng=0, on_step=stop)
    assert stopped.mask.sum() == round(0.1 * IMAGE.size)
    assert stopped.psnr < pack(IMAGE, 0.1, rng=0).psnr


def test_stopped_levels_are_levels() -> None:
    mask = masks.regular(IMAGE, 0.1)
    for last in (1, 8, 12):
        stop = lambda step, k=last: step.step == k  # noqa: E731
        image = inpainting.tonal(IMAGE, mask, levels=5, on_step=stop)
        values = 4 * image[mask].astype(float)
        assert np.allclose(values, np.rint(values), atol=1e-6)


def test_the_search_for_the_last_time_is_told_of_and_can_be_stopped() -> None:
    steps: list[Any] = []
    steepest.spectral.decompose(IMAGE, steps=10, on_step=steps.append)
    search = [step.stage for step in steps].index("flow")
    assert search > 2
    assert {step.stage for step in steps[:search]} == {"finding the last time"}
    assert {step.stage for step in steps[search:]} == {"flow"}
    assert {step.num_steps for step in steps[search:]} == {len(steps)} == {search + 10}
    for last in (1, search):
        stop = lambda step, k=last: step.step == k  # noqa: E731
        found = steepest.spectral.decompose(IMAGE, steps=10, on_step=stop)
        assert found.flow.status is Status.STOPPED
        assert found.flow.num_steps == 1
        total = found.bands.sum(0) + found.residual
        assert np.allclose(total, found.image, atol=1e-6)


@pytest.mark.parametrize("energy", ["TotalGeneralisedVariation", "SecondOrderTotalVariation"])
def test_slow_iterations_are_told_of_between_measurements(monkeypatch, energy) -> None:
    image = sample("camera")[:60, :60]  # in array code, because of the boundary
    monkeypatch.setattr("steepest.convex.dual._PAUSE", 5 * image.size)
    seen: list[Any] = []
    options = {"energy": getattr(steepest, energy)(boundary="periodic"), "solver": Solver(tol=1e-2)}
    told = steepest.denoise(image, 0.1, on_step=lambda step: seen.append(step), **options)
    assert np.array_equal(told.image, steepest.denoise(image, 0.1, **options).image)
    assert max(np.diff([0, *(step.iterations for step in seen)])) <= 5
    assert seen[0].gap == np.inf
    stopped = steepest.denoise(image, 0.1, on_step=lambda _: True, **options)
    assert (stopped.status, stopped.iterations) == (Status.STOPPED, 5)
