"""Energies of users: every mistake that makes a certificate false is refused, nothing else is."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest

import steepest
from steepest import (
    CombinedTotalVariation,
    CroftonTotalVariation,
    InputError,
    SecondOrderTotalVariation,
    TotalGeneralisedVariation,
    TotalVariation,
    check_energy,
)
from steepest.convex import check
from steepest.convex.capabilities import energies
from steepest.convex.pointwise import PointwiseEnergy
from steepest.grid.differences import divergence, gradient, gradient_norm_squared

RNG = np.random.default_rng(27)


@dataclass(frozen=True, kw_only=True, eq=False)
class Laplacian(PointwiseEnergy):
    """The sum of ``|Laplacian u|``, as in the documentation."""

    def num_components(self, ndim: int) -> int:
        return 1

    def operator(self, u: Any) -> Any:
        return divergence(gradient(u, self.steps), self.steps)[None]

    def adjoint(self, p: Any) -> Any:
        return divergence(gradient(p[0], self.steps), self.steps)

    def norm_squared(self, space: tuple[int, ...]) -> float:
        return gradient_norm_squared(self.steps, space) ** 2 or 1.0

    @property
    def reach(self) -> float:
        return 2 * sum(1 / h**2 for h in self.steps)


# ---------------------------------------------------------------- mistakes


def other_sign(self: Any, p: Any) -> Any:
    return divergence(p, self.steps)


def rolled(self: Any, p: Any) -> Any:
    """Periodic differences, the operator's are not."""
    return sum(
        (np.roll(q, 1, a) - q) / h for a, (q, h) in enumerate(zip(p, self.steps, strict=True), 1)
    )


def rolled_twice(self: Any, p: Any) -> Any:
    return divergence(gradient(p[0], self.steps, "periodic"), self.steps, "periodic")


def forward(self: Any, p: Any) -> Any:
    """Forward differences in place of backward ones."""
    return -sum(gradient(q, self.steps)[a] for a, q in enumerate(p))


def one_pixel(self: Any, p: Any) -> Any:
    out = -divergence(p, self.steps)
    out[(..., *(0,) * (out.ndim - 1))] *= 1.001
    return out


def unprojected(self: Any, p: Any) -> Any:
    return np.asarray(p, float)


def too_long(self: Any, p: Any) -> Any:
    return 1.001 * PointwiseEnergy.feasible(self, p)


def all_but_one(self: Any, p: Any) -> Any:
    """In K at all pixels but the first."""
    q, first = PointwiseEnergy.feasible(self, p), (slice(None), slice(None), *(0,) * (p.ndim - 2))
    q[first] = p[first]
    return q


def negative(self: Any, u: Any, p: Any, witness: Any = None) -> tuple[float, float]:
    value, slack = PointwiseEnergy.slack(self, u, p)
    return value, -slack


def zero(self: Any, u: Any, p: Any, witness: Any = None) -> tuple[float, float]:
    return PointwiseEnergy.slack(self, u, p)[0], 0.0


def plus(self: Any, u: Any, p: Any, witness: Any = None) -> tuple[float, float]:
    """``J(u) + <A u, p>``."""
    value, slack = PointwiseEnergy.slack(self, u, p)
    return value, 2 * value - slack


def without_conjugate(self: Any, u: Any, p: Any, witness: Any = None) -> tuple[float, float]:
    value, slack = PointwiseEnergy.slack(self, u, p)
    return value, slack - self.conjugate(p)


def not_a_number(self: Any, u: Any, p: Any, witness: Any = None) -> tuple[float, float]:
    return np.nan, np.nan


TV, TV2, TGV = TotalVariation, SecondOrderTotalVariation, TotalGeneralisedVariation
ADJOINT, NORM = "adjoint is not the adjoint", "norm_squared"
SLACK = "slack is too small|feasible returns a field outside of K"
WRONG = {
    "sign": (TV, {"adjoint": other_sign}, ADJOINT),
    "sign of a Laplacian": (
        Laplacian,
        {"adjoint": lambda self, p: -Laplacian.adjoint(self, p)},
        ADJOINT,
    ),
    "roll": (TV, {"adjoint": rolled}, ADJOINT),
    "forward": (TV, {"adjoint": forward}, ADJOINT),
    "roll in a Laplacian": (Laplacian, {"adjoint": rolled_twice}, ADJOINT),
    "one pixel": (TV, {"adjoint": one_pixel}, ADJOINT),
    "spacing forgotten": (
        TV,
        {"operator": lambda self, u: gradient(u, (1.0,) * len(self.steps))},
        ADJOINT,
    ),
    "not linear": (TV, {"operator": lambda self, u: abs(TV.operator(self, u))}, ADJOINT),
    "not homogeneous": (TV, {"operator": lambda self, u: TV.operator(self, u) + 1}, ADJOINT),
    "Hessian with another": (TV2, {"adjoint": lambda self, p: TGV.adjoint(self, 2 * p)}, ADJOINT),
    "norm of TV": (Laplacian, {"norm_squared": TV.norm_squared}, NORM),
    "smaller norm": (TV, {"norm_squared": lambda self, s: 0.7 * TV.norm_squared(self, s)}, NORM),
    "no norm": (TV, {"norm_squared": lambda self, space: 0.0}, NORM),
    "norm NaN": (TV, {"norm_squared": lambda self, space: np.nan}, NORM),
    "not projected": (TV, {"feasible": unprojected}, SLACK),
    "too long": (TV2, {"feasible": too_long}, SLACK),
    "all but one": (Laplacian, {"feasible": all_but_one}, SLACK),
    "unit ball with weights": (TV, {"project": lambda self, v: TV().project(v)}, SLACK),
    "no bound of E*": (TGV, {"feasible": lambda self, p: 2 * TGV.feasible(self, p)}, SLACK),
    "negative slack": (TV, {"slack": negative}, SLACK),
    "zero slack": (TV2, {"slack": zero}, SLACK),
    "plus": (Laplacian, {"slack": plus}, SLACK),
    "without R": (TV, {"slack": without_conjugate}, SLACK),
    "small J": (TV, {"density": lambda self, v: 0.999 * TV.density(self, v)}, SLACK),
    "NaN": (TV, {"slack": not_a_number}, SLACK),
    "no conjugate": (TV, {"conjugate": lambda self, p: 0.0}, SLACK),
    "eps not scaled": (TV, {"scaled": lambda self, factor: self}, r"scaled\(2\)"),
    "single precision": (
        TV,
        {"operator": lambda self, u: TV.operator(self, u).astype(np.float32)},
        "operator returns float32",
    ),
    "transposed": (TV2, {"adjoint": lambda self, p: p}, "adjoint returns float64 of shape"),
    "none": (TV, {"feasible": lambda self, p: None}, "feasible returns object"),
}


def wrong(name: str, weights: Any) -> Any:
    base, methods, _ = WRONG[name]
    options: dict[str, Any] = {}
    if name in ("without R", "no conjugate", "eps not scaled"):
        options["huber"] = 0.5
    if name == "unit ball with weights":
        options["weights"] = weights
    return type("Mine", (base,), methods)(**options)


@pytest.mark.parametrize("shape", [(9,), (12, 13), (1, 8), (3, 4, 5)], ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_refused(name: str, shape: tuple[int, ...]) -> None:
    image = RNG.random(shape)
    energy, message = wrong(name, image + 0.2), WRONG[name][2]
    spacing = 0.5 if name == "spacing forgotten" else None
    with pytest.raises(InputError, match=message) as found:
        check_energy(energy, shape, spacing=spacing)
    assert "energy: Mine" in str(found.value)
    for solve in (steepest.flow, steepest.denoise):
        with pytest.raises(InputError, match=message):
            solve(image, 0.1, energy, spacing=spacing)
    with pytest.raises(InputError, match=message):  # not tested too late, and not remembered
        steepest.flow(image.astype(np.float32), 0.1, energy, spacing=spacing)


# ---------------------------------------------------------------- right energies

RIGHT = [
    *(
        kind(norm=norm, huber=huber, boundary=boundary)
        for kind in (TotalVariation, SecondOrderTotalVariation, CombinedTotalVariation)
        for norm in ("isotropic", "anisotropic")
        for huber in (0.0, 0.3)
        for boundary in ("neumann", "periodic")
    ),
    TotalVariation(huber=1e6),
    TotalVariation(huber=1e-9),
    CombinedTotalVariation(alpha=1e6, beta=1e-6),
    CombinedTotalVariation(alpha=0),
    CroftonTotalVariation(huber=0.2),
    *(row.kind() for row in energies().values()),
    TotalGeneralisedVariation(alpha1=0.01, alpha0=30, boundary="periodic"),
    TotalGeneralisedVariation(alpha1=1e6, alpha0=1e-6),
    Laplacian(),
    Laplacian(norm="anisotropic", huber=0.1),
]
SHAPES = [(1,), (2,), (9,), (1, 1), (2, 1), (1, 7), (5, 6), (1, 1, 1), (1, 3, 1), (3, 4, 5)]


def fits(energy: Any, shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or not isinstance(energy, CroftonTotalVariation)


def mine(energy: Any, **changes: Any) -> Any:
    """The same energy as a subclass that overrides nothing: it is tested."""
    kept = {each.name: getattr(energy, each.name) for each in fields(energy)}
    return type("Mine", (type(energy),), {})(**{**kept, **changes})


@pytest.mark.parametrize("energy", RIGHT, ids=repr)
def test_right_energies_pass(energy: Any) -> None:
    for shape in SHAPES:
        if not fits(energy, shape):
            continue
        for spacing in (1.0, [3e-3, 40.0, 0.7][: len(shape)]):
            check_energy(energy, shape, spacing=spacing, num_channels=3, rng=None)
        if not hasattr(energy, "weights"):
            continue
        for weights in (RNG.random(shape), 1e12 ** RNG.uniform(-1, 1, shape), np.zeros(shape)):
            check_energy(mine(energy, weights=weights), shape, rng=None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(1,), (1, 1), (2, 1), (5, 6), (3, 2, 4)], ids=str)
def test_right_energies_of_users_flow(shape: tuple[int, ...], dtype: type) -> None:
    image = (200 * RNG.random((*shape, 2))).astype(dtype)
    for energy in (e for e in RIGHT[::5] if hasattr(e, "weights") and fits(e, shape)):
        for coupled in (True, False):
            changed = mine(energy, weights=RNG.random(shape), coupled=coupled)
            for factor in (1, 1e9, 1e-9) if dtype is not np.uint8 else (1,):
                scaled = (factor * image).astype(dtype)
                result = steepest.denoise(
                    scaled,
                    0.1 * factor,
                    changed,
                    channel_axis=-1,
                    solver=steepest.Solver(max_num_iter=3),
                )
                assert np.isfinite(result.error_bound)


def test_right_energies_of_tensors_pass() -> None:
    torch = pytest.importorskip("torch")
    image = torch.rand(6, 7)
    for energy in (mine(TotalVariation(weights=RNG.random((6, 7)))), Laplacian(huber=0.1)):
        assert np.isfinite(
            steepest.denoise(image, 0.1, energy, solver=steepest.Solver(max_num_iter=3)).error_bound
        )
    wrong = type("Mine", (Laplacian,), {"adjoint": lambda self, p: -Laplacian.adjoint(self, p)})()
    with pytest.raises(InputError, match=ADJOINT):
        steepest.denoise(image, 0.1, wrong)


# ---------------------------------------------------------------- when it is tested


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The energies that are tested, one entry for each test."""
    run, found = check._Trial.run, []

    def watched(trial: Any) -> None:
        found.append(trial.energy)
        run(trial)

    monkeypatch.setattr(check._Trial, "run", watched)
    check._passed.clear()
    return found


def test_an_energy_is_tested_once_for_each_shape(trials: list[Any]) -> None:
    energy, image = Laplacian(weights=RNG.random((5, 6))), RNG.random((5, 6))
    for _ in range(3):
        steepest.denoise(image, 0.1, energy, solver=steepest.Solver(max_num_iter=1))
        steepest.flow(2 * image, [0.1], energy, solver=steepest.Solver(max_num_iter=1), steps=1)
    assert len(trials) == 1
    changes: list[dict[str, Any]] = [
        {"image": RNG.random((6, 5)), "energy": Laplacian()},
        {"energy": Laplacian(huber=0.2)},
        {"energy": mine(Laplacian())},  # another class
        {"spacing": 2.0},
        {"image": RNG.random((5, 6, 2)), "channel_axis": -1},
    ]
    for count, change in enumerate(changes, 2):
        solver = steepest.Solver(max_num_iter=1)
        given = {"image": image, "energy": energy, "strength": 0.1, "solver": solver, **change}
        steepest.denoise(**given)
        assert len(trials) == count


def test_an_energy_that_has_changed_is_tested_again(trials: list[Any]) -> None:
    class Fickle(Laplacian):
        def __init__(self) -> None:
            super().__init__()
            object.__setattr__(self, "sign", np.ones(1))

        def on(self, image: Any, spacing: Any) -> Any:
            object.__setattr__(self, "spacing", spacing)
            return self

        def adjoint(self, p: Any) -> Any:
            return self.sign * super().adjoint(p)

    energy, image = Fickle(), RNG.random((5, 6))
    for _ in range(2):
        steepest.denoise(image, 0.1, energy, solver=steepest.Solver(max_num_iter=1))
    assert len(trials) == 1
    energy.sign[:] = -1
    with pytest.raises(InputError, match=ADJOINT):
        steepest.denoise(image, 0.1, energy)


def test_energies_of_the_package_are_not_tested_again(trials: list[Any]) -> None:
    exported = {
        kind
        for name in steepest._WHERE
        if isinstance(kind := getattr(steepest, name), type) and hasattr(kind, "norm_squared")
    }
    table = {row.kind for row in energies().values()}
    assert exported == table == {type(energy) for energy in RIGHT} - {Laplacian}
    image = RNG.random((5, 6))
    for kind in exported:
        steepest.denoise(image, 0.1, kind(), solver=steepest.Solver(max_num_iter=1))
        with pytest.raises(InputError, match=rf"allowed are .*{kind.__name__}\(\)"):
            steepest.flow(image, 0.1, 3)  # type: ignore[arg-type]
    assert not trials
    steepest.denoise(image, 0.1, mine(TotalVariation()), solver=steepest.Solver(max_num_iter=1))
    assert len(trials) == 1


def test_what_is_no_energy_or_no_shape_is_refused() -> None:
    for energy in (TotalVariation, None, "tv"):
        with pytest.raises(InputError, match="energy"):
            check_energy(energy)
    for shape in ((), (1, 2, 3, 4), (0,), (2.5,)):
        with pytest.raises(InputError, match="shape"):
            check_energy(TotalVariation(), shape)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="num_channels"):
        check_energy(TotalVariation(), num_channels=0)
    with pytest.raises(InputError, match="rng"):
        check_energy(TotalVariation(), rng="x")  # type: ignore[arg-type]


@pytest.mark.slow
def test_many_right_energies_pass() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20_000):
        energy = RIGHT[rng.integers(len(RIGHT))]
        shape = tuple(rng.integers(1, 9, 2 if not fits(energy, (1,)) else rng.integers(1, 4)))
        spacing = 10.0 ** rng.uniform(-6, 6, len(shape))
        if hasattr(energy, "weights"):
            weights = 10.0 ** rng.uniform(-6, 6, shape) * (rng.random(shape) < 0.8)
            energy = mine(energy, weights=weights, huber=10.0 ** rng.uniform(-6, 6))
        check_energy(energy, shape, spacing=spacing, num_channels=int(rng.integers(1, 4)), rng=rng)
