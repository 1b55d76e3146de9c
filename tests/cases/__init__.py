"""Problems with answers that are known without the library under test.

``all_cases()`` yields total variation flows in closed form or by exact 1-D algorithms,
``solve_rof`` and ``solve_flow`` answer any small problem with a proven error bound, and
``lagged_diffusivity`` is the smoothed scheme that the flow is the limit of. Nothing in here
imports the library.
"""

from .case import Case
from .checks import assert_within_bound, distance, distances, float64_slack, solver_distance
from .closed_forms import (
    all_cases,
    box,
    disc,
    eigen_cases,
    heat_wave,
    huber_cases,
    impulse,
    moving_cases,
    one_dimensional_cases,
    scaled_channels,
    signal_case,
    signals,
    step,
    stripes,
    sum_of_signals,
    uniform_weights,
)
from .independent import Answer, FlowAnswer, Functional, functional, solve_flow, solve_rof
from .lagged import lagged_diffusivity
from .one_dimensional import extinction_by_merging, flow_by_merging, rof_by_taut_string
from .problems import Problem, random_problems

__all__ = [
    "Answer",
    "Case",
    "FlowAnswer",
    "Functional",
    "Problem",
    "all_cases",
    "assert_within_bound",
    "box",
    "disc",
    "distance",
    "distances",
    "eigen_cases",
    "extinction_by_merging",
    "float64_slack",
    "flow_by_merging",
    "functional",
    "heat_wave",
    "huber_cases",
    "impulse",
    "lagged_diffusivity",
    "moving_cases",
    "one_dimensional_cases",
    "random_problems",
    "rof_by_taut_string",
    "scaled_channels",
    "signal_case",
    "signals",
    "solve_flow",
    "solve_rof",
    "solver_distance",
    "step",
    "stripes",
    "sum_of_signals",
    "uniform_weights",
]
