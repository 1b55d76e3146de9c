"""The kernel that Python calls. Its threads stay in compiled code while there is more to do."""

from ...core.compiled import lean_kernel as kernel
from .flags import begin, stay
from .kernels_measure import measure
from .kernels_sweep import sweep

NUM_ORDERS = 7


@kernel
def work_on(
    image, stored, state, work, rows, edge, radius, huber, volume, separate, counted, exact, tau,
    step, betas, exact_tau, gradient, first, last, window, order, sums, place, key, flags, member,
    ticket,
):  # fmt: skip
    """Do on a strip what ``order`` says: iterations, the certificate's sums, or both.

    The first thread returns when all have done it. The others wait for the next ticket, and do that
    one, too, if it has the same ``key``: all arguments are then the same, up to what they contain.

    The arguments are those of `sweep` and `measure`, whose ``tau`` is ``exact_tau``; without
    ``rows`` it does iterations only, and is compiled in a third of the time; ``first`` and
    ``last`` are the strip's own rows, ``flags``, ``member`` and ``ticket`` as in `team`. ``order``
    (7,) has the number of iterations; the stretch from .. to, as shares, which is of a single
    wavefront; whether ``image`` and ``stored`` have changed places; what Huber's term shrinks a
    step by; the share of the flux to measure, or 0 for iterations only; the address of the frame
    (below 2**53).
    """
    while True:
        begin(flags, member, ticket)
        data, result = image, stored
        if order[3] != 0:
            data, result = stored, image
        count = int(order[0])
        done, waves = 0, -(-count // work.shape[0])  # as even as possible
        for wave in range(waves):
            stop = count * (wave + 1) // waves
            sweep(
                data, state, work, edge, radius, volume, separate, counted, tau, step,
                order[4], betas[done:stop], count - stop, first, last, order[1], order[2],
            )  # fmt: skip
            done = stop
        if rows is not None and order[5] > 0:
            own = last - first
            measure(
                data, state, result, rows, edge, radius, huber, volume, separate, counted, exact,
                exact_tau, gradient, order[5], first + int(order[1] * own),
                first + int(order[2] * own), window, sums, int(order[6]), place, flags[:0], 0, 0,
            )  # fmt: skip
        ticket = stay(flags, member, ticket, key)
        if ticket == 0:
            return
