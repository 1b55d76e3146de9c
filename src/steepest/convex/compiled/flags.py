"""Flags by which threads wait for each other within compiled code (see `team`)."""

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from ...core.compiled import lean_helper as helper

APART = 16  # flags are this far apart, in different cache lines
_SPINS = 1_000_000  # looks at a flag before a thread gives up: about 0.2 ms


def _flag(context: Any, builder: Any, array: Any, args: Any) -> Any:
    data = context.make_array(array)(context, builder, args[0]).data
    return builder.gep(data, [args[1]], inbounds=True)


@intrinsic
def _read(typing_context: Any, flags: Any, index: Any) -> Any:
    """A flag; what another thread wrote before it set this flag is visible after that."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(_flag(context, builder, flags, args), "acquire", 8)

    return types.int64(flags, types.intp), generate


@intrinsic
def _write(typing_context: Any, flags: Any, index: Any, value: Any) -> Any:
    """Set a flag, after everything written before."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = _flag(context, builder, flags, args)
        builder.store_atomic(args[2], where, "release", 8)
        return context.get_dummy_value()

    return types.void(flags, types.intp, types.int64), generate


@helper
def begin(flags, member, ticket):
    """What every kernel calls first: the first thread announces the ticket."""
    if member == 0 and flags.shape[0] > 0:
        _write(flags, 0, np.int64(ticket))


@helper
def stay(flags, member, ticket, key):
    """`finish` for a kernel that can do the next ticket, too: that, or 0 if it is for another key.

    Tickets grow. The one just done may not have been announced yet. Kernels that cannot do the next
    ticket call it, too, with key 0, because numba would compile `finish` again for them.
    """
    if member == 0 or flags.shape[0] == 0:
        finish(flags, member, ticket)
        return np.int64(0)
    _write(flags, member * APART, np.int64(ticket))
    for _ in range(_SPINS):
        following = _read(flags, 0)
        if following > ticket:
            return following if _read(flags, 1) == key else np.int64(0)
    return np.int64(0)


@helper
def finish(flags, member, ticket):
    """What every kernel calls last: wait for the others, or for the next ticket."""
    if flags.shape[0] == 0:
        return
    if member > 0:
        _write(flags, member * APART, np.int64(ticket))
        for _ in range(_SPINS):
            if _read(flags, 0) != ticket:
                return
    for other in range(APART, flags.shape[0], APART):
        for _ in range(_SPINS):
            if member > 0 or _read(flags, other) == ticket:
                break


@helper
def announce(flags, at, value):
    """Set a flag to a number that grows, for threads in `wait_for`."""
    _write(flags, at * APART, np.int64(value))


@helper
def wait_for(progress, at, value, flags, ticket):
    """Wait until a flag of ``progress`` has at least this value, and return True.

    False if a later ticket was announced: the caller of this one was interrupted before it began.
    """
    while True:
        reached = _read(progress, at * APART) >= value
        if _read(flags, 0) > ticket:
            return False
        if reached:
            return True
