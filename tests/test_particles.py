"""`steepest.particles`: the fast summation, the energy distance, `stipple` and `sample`."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.integrate import quad
from scipy.special import gamma

from steepest import InputError, NotConverged, Solver, Status, io, particles
from steepest.particles.attraction import HEXAGONAL, attract
from steepest.particles.charges import ChargeMesh
from steepest.particles.clouds import Sums
from steepest.particles.descent import Functional
from steepest.particles.mesh import Mesh
from steepest.particles.stippling import along_curve
from steepest.particles.volumes import CENTRED


def cloud(count: int, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 2)) * shape - 0.5


def functional(shape: tuple[int, int] = (40, 50), count: int = 300) -> Functional:
    density = np.random.default_rng(1).random(shape) + 0.1
    return Functional(attract(density / density.sum()), count, 1)


@pytest.mark.parametrize("shape", [(100, 100), (30, 200)])
def test_fast_sums_are_sums(shape: tuple[int, int]) -> None:
    points = cloud(2000, shape)
    points[1] = points[0]  # a tie has no direction
    mesh = Mesh((-0.5, -0.5), (shape[0] - 0.5, shape[1] - 0.5), 2000, 1 / np.prod(shape))
    values, slopes = mesh.sums(points)
    differences = points[:, None] - points
    distances = np.sqrt((differences**2).sum(-1))
    exact = distances.sum(1)
    assert values.sum() == pytest.approx(exact.sum(), rel=1e-10)
    distances[distances == 0] = 1
    forces = (differences / distances[..., None]).sum(1)
    assert np.linalg.norm(slopes - forces, axis=1).max() < 1e-3  # of one particle's force


@pytest.mark.parametrize("shape", [(30, 200), (30, 40, 60)])
def test_fast_sums_of_charges_are_sums(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    points = rng.random((1000, len(shape))) * shape
    points[1] = points[0]
    charges, masses = rng.normal(size=1000), rng.random(1000)
    differences = points[:, None] - points
    distances = np.sqrt((differences**2).sum(-1))
    inverse = np.where(distances > 0, 1 / np.where(distances > 0, distances, 1), 0)
    gradient = np.einsum("ijk,ij,j->ik", differences, inverse, charges)
    exact = distances @ charges, gradient, inverse @ masses, (distances == 0) @ masses
    got = ChargeMesh(0 * points[0], shape, 20.0).sums(points, charges, masses)
    for one, other in zip(got, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9 * abs(other).max())


def test_clustered_points_are_summed_as_well() -> None:
    points = np.concatenate([np.full((50, 2), 3.0), 40 + 0.01 * cloud(450, (1, 1))])
    values, slopes = Mesh((-0.5, -0.5), (63.5, 63.5), 500, 0.5).sums(points)
    exact = np.sqrt(((points[:, None] - points) ** 2).sum(-1)).sum()
    assert values.sum() == pytest.approx(exact, rel=1e-7)
    assert np.isfinite(slopes).all()


def test_threads_do_not_change_the_result() -> None:
    image = io.sample("camera")[::4, ::4]
    runs = [
        particles.stipple(image, 500, solver=Solver(max_num_iter=9, num_threads=n)).points
        for n in (1, 2, 5)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


def test_the_energy_is_that_of_its_definition() -> None:
    shape, f = (12, 9), functional((12, 9), 40)
    density = np.random.default_rng(1).random(shape) + 0.1
    density /= density.sum()
    points = cloud(40, shape)
    # the midpoint rule with 1/n and 1/2n cells, extrapolated
    energies = []
    for n in (8, 16):
        fine = np.repeat(np.repeat(density, n, 0), n, 1).ravel() / n**2
        cells = (np.stack(np.mgrid[: 12 * n, : 9 * n], -1).reshape(-1, 2) + 0.5) / n - 0.5
        between = np.sqrt(((points[:, None] - cells) ** 2).sum(-1)) @ fine
        energies.append(between.mean())
    attraction = energies[1] + (energies[1] - energies[0]) / 3
    pairs = np.sqrt(((points[:, None] - points) ** 2).sum(-1)).mean() / 2
    n = 4
    fine = np.repeat(np.repeat(density, n, 0), n, 1).ravel() / n**2
    cells = (np.stack(np.mgrid[: 12 * n, : 9 * n], -1).reshape(-1, 2) + 0.5) / n - 0.5
    own = fine @ np.sqrt(((cells[:, None] - cells) ** 2).sum(-1)) @ fine / 2
    assert f.attraction.constant == pytest.approx(own, rel=3e-3)
    # the interpolation of A between pixels, of random densities, is the largest error
    assert f(points)[0] == pytest.approx(attraction - pairs - f.attraction.constant, abs=2e-5)


def test_gradient_is_that_of_the_energy() -> None:
    f, points = functional(), cloud(300, (40, 50))
    _, gradient = f(points)
    direction = np.random.default_rng(2).standard_normal(points.shape)
    slope = (f(points + 1e-3 * direction)[0] - f(points - 1e-3 * direction)[0]) / 2e-3
    assert slope == pytest.approx((gradient * direction).sum() / 300, rel=1e-4)


def test_plain_steps_never_increase_the_energy() -> None:
    f, points = functional(), cloud(300, (40, 50))
    energies = []
    for _ in range(40):
        energy, gradient = f(points)
        energies.append(energy)
        points = f.step(points, gradient)
    assert (np.diff(energies) < 0).all()
    assert energies[-1] > 0


def test_lattices_have_their_epstein_zeta() -> None:
    ratios = []
    for n in (32, 64):
        f = Functional(attract(np.full((4 * n, 4 * n), 1 / (16 * n * n))), n * n, 1)
        line = 4 * np.arange(n) + 1.5
        lattice = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        ratios.append(f(lattice)[0] / f.attraction.hexagonal(n * n))
    # to the bulk value of the square lattice over the hexagonal one, from above, at rate 1 / n
    bulk = 0.114412155 / HEXAGONAL
    assert bulk < ratios[1] < ratios[0] < 1.03
    assert 2 * ratios[1] - ratios[0] == pytest.approx(bulk, abs=3e-3)


def test_tones_are_right() -> None:
    image = io.sample("camera")[::2, ::2]
    result = particles.stipple(image, 5000)
    assert result.status is Status.CONVERGED
    assert result.quality <= 1.05
    assert result.points.shape == (5000, 2)
    ink = 1 - image / 255
    blocks = ink.reshape(8, 32, 8, 32).sum((1, 3))
    counts, _, _ = np.histogram2d(*result.points.T, bins=8, range=[[-0.5, 255.5]] * 2)
    # random dots: the square root of 78; these: a few on the border of a block
    assert abs(counts - 5000 * blocks / ink.sum()).max() < 5
    assert np.pi * result.radius**2 * 5000 == pytest.approx(ink.sum(), rel=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_printed_tones_are_right_at_every_share(share: float, tmp_path: Path) -> None:
    rows, columns = np.mgrid[:96, :96] / 95
    ink = 0.15 + 0.35 * columns + 0.1 * np.sin(9 * rows)
    result = particles.stipple(1 - ink, 900, size_by_tone=share)
    areas = np.pi * result.radii**2
    assert areas.sum() == pytest.approx(ink.sum())
    assert areas.mean() == pytest.approx(np.pi * result.radius**2)
    io.write_dots(tmp_path / "a.png", result.points, result.shape, result.radii, scale=8)
    printed = 1 - io.read_image(tmp_path / "a.png").array / 255
    error = printed.reshape(96, 8, 96, 8).mean((1, 3)) - ink
    blurred = ndimage.gaussian_filter(error, 8)
    assert np.sqrt((blurred[16:-16, 16:-16] ** 2).mean()) < 0.002
    # the density goes like tone^(1 - share): counts in the light and the dark half
    counts = np.array([(result.points[:, 1] < 47.5).sum(), (result.points[:, 1] > 47.5).sum()])
    halves = [(half ** (1 - share)).sum() for half in np.split(ink, 2, axis=1)]
    np.testing.assert_allclose(counts / 900, halves / np.sum(halves), atol=0.01)


@pytest.mark.parametrize(("shape", "count"), [((3, 4), 500), ((1, 60), 30), ((700, 900), 20)])
def test_any_number_of_points_per_pixel(shape: tuple[int, int], count: int) -> None:
    result = particles.sample(np.ones(shape), count)
    assert result.converged
    assert result.quality < 1.2  # a strip one pixel high has no room for hexagons
    assert len(np.unique(result.points, axis=0)) == count
    assert (result.points >= -0.5).all()
    assert (result.points <= np.subtract(shape, 0.5)).all()


def test_dots_stay_on_the_object() -> None:
    image = np.ones((200, 200))
    image[90:110, 20:60] = 0
    points = particles.stipple(image, 400).points
    assert (points > [88, 18]).all()
    assert (points < [111, 61]).all()


def test_points_on_a_line_are_quantiles() -> None:
    result = particles.sample([1, 0, 3], 4)
    np.testing.assert_allclose(result.points, [0, 1.5 + 1 / 6, 2, 2.5 - 1 / 6])
    # against int (R_mu - R_nu)^2 on a fine grid
    x = (np.arange(300000) + 0.5) / 100000 - 0.5
    nu = np.interp(x, [-0.5, 0.5, 1.5, 2.5], [0, 0.25, 0.25, 1])
    mu = np.searchsorted(result.points, x) / 4
    assert result.discrepancy == pytest.approx(3 * ((mu - nu) ** 2).mean(), rel=1e-4)
    assert result.quality == 1


def test_points_fill_a_volume_evenly() -> None:
    _, y, x = np.mgrid[:20, :24, :30]
    density = np.where(y < 12, 3.0, 1.0) * (x > 4)
    runs = [
        particles.sample(density, 800, solver=Solver(max_num_iter=100, num_threads=threads))
        for threads in (1, 2)
    ]
    np.testing.assert_array_equal(runs[0].points, runs[1].points)
    result = runs[0]
    assert result.points.shape == (800, 3)
    assert result.quality < 2  # random points have 18
    assert (result.points >= -0.5).all()
    assert (result.points <= np.subtract(density.shape, 0.5)).all()
    assert (result.points[:, 2] > 4.5 - 1.5).all()
    assert (result.points[:, 1] < 11.5).sum() == pytest.approx(600, abs=10)
    assert (result.points[:, 0] < 9.5).sum() == pytest.approx(400, abs=12)
    # the discrepancy is that to the voxels: their centres are as even as 18 points for each of ours
    voxels = np.argwhere(density > 0).astype(float)
    mass = density[density > 0] / density.sum()
    exact = Sums(voxels, mass, 0.0, None, 1)(result.points)[0]
    assert result.discrepancy == pytest.approx(exact, rel=0.12)
    ball = 4 / 3 * np.pi * result.radius**3
    assert 800 * ball == pytest.approx(density.sum() / 3, rel=1e-9)


@pytest.mark.parametrize(
    ("basis", "constant"),
    [
        ([[2, 0], [1, np.sqrt(3)]], HEXAGONAL),
        ([[1, 1, -1], [1, -1, 1], [-1, 1, 1]], CENTRED),
    ],
)
def test_constants_of_the_best_lattices(basis: list, constant: float) -> None:
    lattice = np.array(basis, float)
    d = len(lattice)
    lattice /= abs(np.linalg.det(lattice)) ** (1 / d)
    steps = np.stack(np.meshgrid(*[np.arange(-5, 6)] * d), -1).reshape(-1, d)
    total = 2 - 2 / (d + 1)  # Riemann's splitting of the zeta function of |x|^-s at s = -1
    for vectors, power in ((lattice, -0.5), (np.linalg.inv(lattice).T, (d + 1) / 2)):
        squares = ((steps @ vectors) ** 2).sum(1)
        squares = squares[(squares > 0) & (squares < 8)]
        total += sum(
            quad(lambda t, q=q, p=power: t ** (p - 1) * np.exp(-np.pi * q * t), 1, np.inf)[0]
            for q in squares
        )
    zeta = total / (np.sqrt(np.pi) * gamma(-0.5))
    assert -zeta / 2 == pytest.approx(constant, rel=1e-7)


def test_one_point_and_many_voxels_of_a_volume() -> None:
    one = particles.sample(np.ones((9, 9, 9)), 1, solver=Solver(max_num_iter=60))
    np.testing.assert_allclose(one.points, [[4, 4, 4]], atol=0.3)
    blocks = particles.sample(
        np.ones((50, 40, 30)), 8, solver=Solver(max_num_iter=60)
    )  # averaged over blocks
    np.testing.assert_allclose(blocks.points.mean(axis=0), [24.5, 19.5, 14.5], atol=0.5)


def test_the_curve_visits_neighbours() -> None:
    grid = np.stack(np.mgrid[:16, :16], -1).reshape(-1, 2)
    way = grid[along_curve(grid)]
    np.testing.assert_array_equal(abs(np.diff(way, axis=0)).sum(1), 1)


def test_callback_and_failure() -> None:
    image = io.sample("camera")[::4, ::4]
    seen = []
    result = particles.stipple(image, 200, on_step=lambda s: seen.append(s) or s.step == 3)
    assert [s.step for s in seen] == [1, 2, 3]
    assert result.status is Status.STOPPED
    assert seen[-1].discrepancy == pytest.approx(result.discrepancy)
    with pytest.raises(NotConverged) as error:
        particles.stipple(image, 200, solver=Solver(max_num_iter=2, raise_on_failure=True))
    assert error.value.result.status is Status.MAX_ITERATIONS


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.ones((4, 4)), "white everywhere"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.full((4, 4), 2.0), r"\[0, 1\]"),
        (np.zeros((2, 3, 4)), "allowed are"),
        (np.zeros((0, 3)), "no pixels"),
        (np.zeros((4, 4), np.int64), "int64"),
        ("photo.jpg", "image"),
    ],
)
def test_bad_images(image: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        particles.stipple(image, 10)


@pytest.mark.parametrize(
    "options",
    [
        {"num_points": 0},
        {"gamma": 0},
        {"size_by_tone": 2},
        {"solver": {"tol": 0.1}},
        {"rng": -1},
    ],
)
def test_bad_numbers_are_named(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        particles.stipple(np.zeros((4, 4)), **{"num_points": 5, **options})


@pytest.mark.parametrize("density", [np.zeros(3), [1, -1], np.ones((2, 2, 2, 2)), [np.inf], ["a"]])
def test_bad_densities(density: object) -> None:
    with pytest.raises(InputError, match="density"):
        particles.sample(density, 3)
