"""Options that several functions share, and that one function lists, documents and checks."""

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar, cast

from ..core.numbers import nearest

_ELSEWHERE = {
    **{"weight": "strength", "lam": "strength", "multichannel": "channel_axis"},
    **dict.fromkeys(("eps", "tol", "max_num_iter"), "solver"),
}
"""Keywords of other libraries, and ours."""

F = TypeVar("F", bound=Callable[..., Any])


def takes_options_of(
    *functions: Callable[..., Any], without: Collection[str] = ()
) -> Callable[[F], F]:
    """Show the keyword-only parameters of ``functions`` in place of ``**options``.

    `inspect.signature`, editors and ``help`` then list the options that a function passes on, and
    the list, all but those ``without``, is written once. Errors about others name the nearest.
    """

    def decorate(function: F) -> F:
        own = inspect.signature(function)
        kept = {n: p for n, p in own.parameters.items() if p.kind is not p.VAR_KEYWORD}
        for other in functions:
            for name, parameter in inspect.signature(other).parameters.items():
                if parameter.kind is parameter.KEYWORD_ONLY and name not in without:
                    kept.setdefault(name, parameter)

        @wraps(function)
        def bound(*arguments: Any, **options: Any) -> Any:
            for name in options.keys() - kept.keys():
                own_name = _ELSEWHERE.get(name, "")
                others = [*kept][1:]  # without the image
                near = f". Did you mean {own_name}?" if own_name in kept else nearest(name, others)
                raise TypeError(
                    f"{function.__name__}() got an unexpected keyword argument {name!r}{near}"
                )
            return function(*arguments, **options)

        bound.__signature__ = own.replace(parameters=list(kept.values()))  # type: ignore[attr-defined]
        return cast(F, bound)

    return decorate
