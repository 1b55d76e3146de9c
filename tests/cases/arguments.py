"""The flat options of a test case, as the arguments of the functions of the library."""

from typing import Any

from steepest import Solver, TimeGrid, TotalVariation

_SOLVER = ("tol", "max_num_iter", "num_threads", "raise_on_failure")
_ENERGY = ("huber", "weights", "coupled")


def arguments(grid: str = "", steps: Any = None, **options: Any) -> dict[str, Any]:
    """``isotropic``, ``huber``, ``weights`` and ``coupled`` become an energy, ``tol`` and the like
    a solver, and ``grid`` (the name of a rule) with ``steps`` a `TimeGrid`."""
    norm = "isotropic" if options.pop("isotropic", True) else "anisotropic"
    energy = {name: options.pop(name) for name in _ENERGY if name in options}
    solver = {name: options.pop(name) for name in _SOLVER if name in options}
    found: dict[str, Any] = {"energy": TotalVariation(norm=norm, **energy), **options}
    if grid:
        rule = getattr(TimeGrid, grid)
        found["steps"] = rule() if steps is None else rule(steps)
    elif steps is not None:
        found["steps"] = steps
    return {**found, "solver": Solver(**solver)} if solver else found
