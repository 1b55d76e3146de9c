"""The peers: for each a function that imports its package and returns a `Contender`.

Every peer solves min_u 1/2 ||u - f||^2 + strength * TV(u) with isotropic forward differences, for a
given number of iterations and without its own stopping rule, so that `benchmarks.search` can find
the number of iterations that an accuracy needs. Primal-dual peers are run with several step sizes,
of which the best is reported for each accuracy: with the packages' defaults, users wait longer than
these tables say. No code of a peer is copied here, and peers that are not installed are skipped
with a message.

scikit-image's ``denoise_tv_bregman`` is not included: its strength is 1/weight, and its isotropic
mode does not reach 40 dB with any number of iterations.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
import types
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from benchmarks.contender import Array, Contender, FlowSolve, RofSolve, cold_flow

L2 = 8.0  # upper bound of the squared norm of the 2-D forward-difference gradient
MARGIN = 0.99  # primal step * dual step * L2

# Primal steps of the primal-dual peers. On the central 256x256 of camera at strength 0.1, the
# iterations to 1e-3, 1e-4, 1e-6 are 250, 385, 1055 for 0.01; 180, 295, 1505 for 0.015; and 120, 230
# for 0.03, which does not reach 1e-6.
PRIMAL_DUAL_ROF = (0.01, 0.015, 0.03)
PRIMAL_DUAL_FLOW = (0.1, 0.2, 0.4)
# ODL has an accelerated variant (initial step, modulus): 110, 225, 965.
ODL_ROF = (0.3, 0.3)
# deepinv, (tau, rho): 140, 220, 590 and 90, 160, 1060; its default (0.01, 1.99): 290, 510, 980.
DEEPINV_ROF = ((0.01, 1.9), (0.02, 1.9))
DEEPINV_FLOW = ((0.1, 1.99), (0.2, 1.6), (0.5, 1.6))


def skimage_chambolle(dtype: DTypeLike) -> Contender:
    """`skimage.restoration.denoise_tv_chambolle`; ``eps=0`` makes it run all its iterations."""
    from skimage import restoration

    denoise: Any = restoration.denoise_tv_chambolle

    def rof(image: Array, strength: float, effort: int) -> Array:
        typed = image.astype(dtype, copy=False)
        # The first of its iterations only evaluates the energy of the input.
        result = denoise(typed, weight=strength, eps=0.0, max_num_iter=effort + 1)
        return np.asarray(result)

    name = f"scikit-image chambolle {np.dtype(dtype).name}"
    return _cold(name, "scikit-image", rof, dtype, "default step, cold starts")


def ccpi() -> Contender:
    """CCPi-Regularisation toolkit's FGP_TV in C (float32): the package or a shared library."""
    library = os.environ.get("STEEPEST_BENCH_CCPI")
    if library:
        function = ctypes.CDLL(library).TV_FGP_CPU_main
        pointer, integer, real = ctypes.POINTER(ctypes.c_float), ctypes.c_int, ctypes.c_float
        sizes: list[Any] = [integer] * 5
        function.argtypes = [pointer, pointer, pointer, real, integer, real, *sizes]
        function.restype = real
    else:
        from ccpi.filters.regularisers import FGP_TV

    def rof(image: Array, strength: float, effort: int) -> Array:
        typed = np.ascontiguousarray(image, np.float32)
        if not library:
            # lambda, iterations, tolerance (0: off), isotropic, no sign constraint
            return np.asarray(FGP_TV(typed, strength, effort, 0.0, 0, 0))
        out, info = np.zeros_like(typed), np.zeros(2, np.float32)
        buffers = (a.ctypes.data_as(pointer) for a in (typed, out, info))
        rows, columns = typed.shape
        function(*buffers, strength, effort, 0.0, 0, 0, columns, rows, 1)
        return out

    return _cold("CCPi FGP_TV float32", "ccpi-regulariser", rof, np.float32, "C, cold starts")


def deepinv(dtype: DTypeLike) -> Contender:
    """deepinv's TVDenoiser: a new object for each ROF problem, warm starts within a flow.

    The method is over-relaxed primal-dual; ``crit=0`` disables its stopping rule.
    """
    import torch

    denoiser = deepinv_denoiser()

    def to_tensor(image: Array) -> Any:
        return torch.from_numpy(np.ascontiguousarray(image, dtype))[None, None]

    def rof(step: tuple[float, float], image: Array, strength: float, effort: int) -> Array:
        solver = denoiser(n_it_max=effort, crit=0.0, tau=step[0], rho=step[1])
        with torch.no_grad():
            return np.asarray(solver(to_tensor(image), strength)[0, 0].numpy())

    def flow(
        step: tuple[float, float], image: Array, tau: float, num_steps: int, effort: int
    ) -> Array:
        solver = denoiser(n_it_max=effort, crit=0.0, tau=step[0], rho=step[1])
        frames = np.empty((num_steps, *image.shape), dtype)
        u = to_tensor(image)
        with torch.no_grad():
            for n in range(num_steps):
                u = solver(u, tau)
                frames[n] = u[0, 0].numpy()
        return frames

    return Contender(
        f"deepinv TVDenoiser {np.dtype(dtype).name}",
        "deepinv",
        {f"tau {s[0]:g}, rho {s[1]:g}": partial(rof, s) for s in DEEPINV_ROF},
        {f"tau {s[0]:g}, rho {s[1]:g}": partial(flow, s) for s in DEEPINV_FLOW},
        "PyTorch, warm starts in flows",
        dtype=dtype,
    )


def pyunlocbox() -> Contender:
    """pyunlocbox's `norm_tv` prox (FISTA on the dual), which always computes in float64."""
    from pyunlocbox import functions

    def rof(image: Array, strength: float, effort: int) -> Array:
        # It evaluates one primal point more than it takes dual steps.
        tv = functions.norm_tv(maxit=effort - 1, tol=0.0, dim=2, verbosity="NONE")
        return np.asarray(tv.prox(image, strength))

    return _cold("pyunlocbox norm_tv", "pyunlocbox", rof, np.float64, "cold starts")


def pyproximal(dtype: DTypeLike) -> Contender:
    """pyproximal's PrimalDual with pylops' Gradient; flows start warm in primal and dual."""
    import pylops
    import pyproximal as pp

    def solve(image: Array, strength: float, effort: int, step: float, y: Any) -> Any:
        gradient = pylops.Gradient(image.shape, edge=False, kind="forward", dtype=dtype)
        data, penalty = pp.L2(b=image.ravel()), pp.L21(ndim=2, sigma=strength)
        return pp.optimization.primaldual.PrimalDual(
            data,
            penalty,
            gradient,
            image.ravel(),
            step,
            MARGIN / (L2 * step),
            y0=y,
            niter=effort,
            returny=True,
        )

    def rof(step: float, image: Array, strength: float, effort: int) -> Array:
        x, _ = solve(image.astype(dtype, copy=False), strength, effort, step, None)
        return np.asarray(x.reshape(image.shape))

    def flow(step: float, image: Array, tau: float, num_steps: int, effort: int) -> Array:
        frames = np.empty((num_steps, *image.shape), dtype)
        u, y = image.astype(dtype, copy=False), None
        for n in range(num_steps):
            x, y = solve(u, tau, effort, step, y)
            frames[n] = u = x.reshape(image.shape)
        return frames

    name = f"pyproximal PrimalDual {np.dtype(dtype).name}"
    return _primal_dual(name, "pyproximal", rof, flow, dtype, "warm starts in flows")


def odl(dtype: DTypeLike) -> Contender:
    """ODL's pdhg (accelerated for ROF) with its Gradient.

    It runs on copies of the caller's arrays, because ``pdhg`` overwrites its starting point.
    """
    import odl as odl_package

    def problem(image: Array, strength: float) -> tuple[Any, Any, Any]:
        space = odl_package.uniform_discr(
            [0, 0], list(image.shape), image.shape, dtype=np.dtype(dtype).name
        )
        gradient = odl_package.Gradient(space, method="forward", pad_mode="symmetric")
        return space, gradient, strength * odl_package.functionals.GroupL1Norm(gradient.range)

    def solve(parts: Any, image: Array, x: Any, y: Any, effort: int, **steps: float) -> None:
        space, gradient, penalty = parts
        data = 0.5 * odl_package.functionals.L2NormSquared(space).translated(space.element(image))
        sigma = MARGIN / (L2 * steps["tau"])
        odl_package.solvers.pdhg(x, data, penalty, gradient, effort, y=y, sigma=sigma, **steps)

    def rof(image: Array, strength: float, effort: int) -> Array:
        typed = image.astype(dtype)
        parts = problem(typed, strength)
        x, y = parts[0].element(typed.copy()), parts[1].range.zero()
        solve(parts, typed, x, y, effort, tau=ODL_ROF[0], gamma_primal=ODL_ROF[1])
        return np.asarray(x.asarray())

    def flow(step: float, image: Array, tau: float, num_steps: int, effort: int) -> Array:
        frames = np.empty((num_steps, *image.shape), dtype)
        parts = problem(image, tau)
        x, y = parts[0].element(image.astype(dtype)), parts[1].range.zero()
        for n in range(num_steps):
            solve(parts, np.array(x.asarray()), x, y, effort, tau=step)
            frames[n] = x.asarray()
        return frames

    return Contender(
        f"ODL pdhg {np.dtype(dtype).name}",
        "odl",
        {f"tau {ODL_ROF[0]:g}, accelerated {ODL_ROF[1]:g}": rof},
        {f"tau {s:g}": partial(flow, s) for s in PRIMAL_DUAL_FLOW},
        "warm starts in flows",
        dtype=dtype,
    )


def scico() -> Contender:
    """SCICO's PDHG on JAX in float32; flows start warm in primal and dual.

    The gradient is built once per shape, because building it takes about 0.2 s of tracing.
    """
    import jax.numpy as jnp
    from scico import functional, linop, loss
    from scico.optimize import PDHG

    quiet = {  # do not evaluate the objective in each iteration
        "fields": {"Iter": "%d"},
        "itstat_func": lambda optimizer: (optimizer.itnum,),
        "display": False,
    }

    @functools.cache
    def gradient(shape: tuple[int, ...]) -> Any:
        return linop.FiniteDifference(input_shape=shape, append=0)

    def solve(image: Any, strength: float, effort: int, step: float, dual: Any) -> tuple[Any, Any]:
        solver = PDHG(
            f=loss.SquaredL2Loss(y=image),
            g=strength * functional.L21Norm(),
            C=gradient(image.shape),
            tau=step,
            sigma=MARGIN / (L2 * step),
            x0=image,
            z0=dual,
            maxiter=effort,
            itstat_options=quiet,
        )
        return solver.solve(), solver.z

    def rof(step: float, image: Array, strength: float, effort: int) -> Array:
        typed = jnp.asarray(image, jnp.float32)
        return np.asarray(solve(typed, strength, effort, step, None)[0])

    def flow(step: float, image: Array, tau: float, num_steps: int, effort: int) -> Array:
        frames = np.empty((num_steps, *image.shape), np.float32)
        u, dual = jnp.asarray(image, jnp.float32), None
        for n in range(num_steps):
            u, dual = solve(u, tau, effort, step, dual)
            frames[n] = np.asarray(u)
        return frames

    note = "JAX, warm starts in flows"
    return _primal_dual("SCICO PDHG float32", "scico", rof, flow, np.float32, note)


def _cold(name: str, package: str, rof: RofSolve, dtype: DTypeLike, note: str) -> Contender:
    return Contender(name, package, {"": rof}, {"": cold_flow(rof)}, note, dtype=dtype)


def _primal_dual(
    name: str,
    package: str,
    rof: Callable[..., Array],
    flow: Callable[..., Array],
    dtype: DTypeLike,
    note: str,
) -> Contender:
    rofs: dict[str, RofSolve] = {f"tau {s:g}": partial(rof, s) for s in PRIMAL_DUAL_ROF}
    flows: dict[str, FlowSolve] = {f"tau {s:g}": partial(flow, s) for s in PRIMAL_DUAL_FLOW}
    return Contender(name, package, rofs, flows, note, dtype=dtype)


@functools.cache
def deepinv_denoiser(name: str = "TV") -> Any:
    """deepinv's TVDenoiser or TGVDenoiser, loaded without the package, which needs torchvision."""
    if "deepinv" not in sys.modules:
        spec = importlib.util.find_spec("deepinv")
        if spec is None or spec.origin is None:
            raise ImportError("No module named 'deepinv'")
        root = Path(spec.origin).parent
        for package, folder in (("deepinv", root), ("deepinv.models", root / "models")):
            module = types.ModuleType(package)
            module.__path__ = [str(folder)]
            sys.modules[package] = module
    return getattr(importlib.import_module(f"deepinv.models.{name.lower()}"), f"{name}Denoiser")


PEERS: tuple[tuple[str, Callable[[], Contender]], ...] = (
    ("scikit-image", partial(skimage_chambolle, np.float32)),
    ("scikit-image", partial(skimage_chambolle, np.float64)),
    ("CCPi", ccpi),
    ("deepinv", partial(deepinv, np.float32)),
    ("deepinv", partial(deepinv, np.float64)),
    ("pyunlocbox", pyunlocbox),
    ("pyproximal", partial(pyproximal, np.float32)),
    ("pyproximal", partial(pyproximal, np.float64)),
    ("ODL", partial(odl, np.float32)),
    ("SCICO", scico),
)
PACKAGES = (
    "scikit-image",
    "ccpi-regulariser",
    "deepinv",
    "torch",
    "pyunlocbox",
    "pyproximal",
    "pylops",
    "odl",
    "scico",
    "jax",
)


def installed_peers() -> tuple[list[Contender], list[str]]:
    """The peers that can be imported, and one sentence for each that cannot."""
    found: list[Contender] = []
    missing: list[str] = []
    for name, make in PEERS:
        try:
            found.append(make())
        except (ImportError, OSError, AttributeError) as error:
            sentence = f"{name} is skipped: {error}"
            if sentence not in missing:
                missing.append(sentence)
    return found, missing


def package_version(name: str) -> str:
    """The installed version of a distribution, or 'not installed'."""
    try:
        return version(name)
    except ImportError:
        return "not installed"
