"""What each energy can do where: one table, to which every energy adds its own row.

The command line, the app, the plugin, the errors and the tests read it. A new energy is one file
in this package with a class below `register`, and its module's name in `_MODULES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any, TypeVar

from ..core.errors import InputError

_MODULES = (
    "total_variation",
    "second_order",
    "total_generalised_variation",
    "combined",
    "crofton",
)  # the order in which users see the energies; the first is the default
PLACES = {
    "1-D": "images with one spatial axis",
    "2-D": "images with two",
    "3-D": "volumes",
    "channels": "coupled channels (`coupled=True`)",
    "separate channels": "`coupled=False`",
    "spacing": "pixel spacing other than 1",
    "weights": "`weights`",
    "huber": "`huber`",
    "periodic": '`boundary="periodic"`',
    "compiled": "compiled code for arrays in main memory (without it: array code)",
    "accelerator": "its own iteration for tensors on an accelerator (without it: array code)",
    "gradients": "gradients of `denoise` and `flow`",
    "decompose": "the spectral transform and its filters",
    "extinction": "extinction time, and bands up to it",
    "tiles": "`out=` and `tiles=`",
}
ARRAY_CODE = "array code does it"  # the reason where there is no code of its own
LATE = "flows of second order take too long to end; bands reach until a fifth of the energy is left"
Kind = TypeVar("Kind", bound=type)


@dataclass(frozen=True)
class Capabilities:
    """The row of one energy.

    Attributes
    ----------
    name : str
        The short name, such as "tgv".
    title : str
        The name in words, such as "total generalised variation".
    kind : type
        The class.
    refuses : mapping
        Why the energy does not work at a place; the keys are of `PLACES`. It works at all others.
    """

    name: str
    title: str
    kind: type
    refuses: Mapping[str, str] = field(default_factory=dict)

    def allows(self, place: str) -> bool:
        """Whether the energy works at this place of `PLACES`."""
        if place not in PLACES:
            raise KeyError(place)
        return place not in self.refuses

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the class that this energy takes, by name."""
        names = [each.name for each in fields(self.kind) if each.init]
        without = {"weights", "huber"} & set(self.refuses)
        without |= {"boundary"} if "periodic" in self.refuses else set()
        return tuple(name for name in names if name not in without)


_rows: dict[str, Capabilities] = {}


def register(
    name: str, title: str, refuses: Mapping[str, str] | None = None
) -> Callable[[Kind], Kind]:
    """Decorate the class of an energy, a dataclass, to add it to the table.

    Parameters
    ----------
    name, title, refuses
        See `Capabilities`.
    """
    unknown = set(refuses or ()) - set(PLACES)
    if unknown:
        raise InputError(f"refuses={sorted(unknown)}; allowed are {', '.join(PLACES)}")

    def add(kind: Kind) -> Kind:
        _rows[name] = Capabilities(name, title, kind, dict(refuses or {}))
        return kind

    return add


def energies() -> dict[str, Capabilities]:
    """The table: the rows of all energies by their short names, the default first."""
    for module in _MODULES:
        import_module(f".{module}", __package__)
    ours = [row for row in _rows.values() if row.kind.__module__.startswith(f"{__package__}.")]
    ours.sort(key=lambda row: _MODULES.index(row.kind.__module__.rpartition(".")[2]))
    return {row.name: row for row in ours} | _rows


def energy_named(name: str, **options: Any) -> Any:
    """Make an energy from its short name: "tv", "tv2", "tgv", "combined" or "crofton".

    Parameters
    ----------
    name : str
        A name of `energies`.
    **options
        Options of its class, such as ``coupled`` or ``alpha0``.

    Returns
    -------
    Energy

    Examples
    --------
    >>> import steepest
    >>> steepest.energy_named("tgv", alpha0=3.0).alpha0
    3.0
    """
    table = energies()
    row = table.get(name) if isinstance(name, str) else None
    if row is None:
        raise InputError(f"energy={name!r}; allowed are {', '.join(map(repr, table))}")
    for option in options:
        if option not in row.options:
            why = row.refuses.get("periodic" if option == "boundary" else option)
            raise InputError(
                f"{option} is not an option of the energy {name!r}{f' ({why})' if why else ''}; "
                f"allowed are {', '.join(row.options)}"
            )
    return row.kind(**options)


def row_of(energy: Any) -> Capabilities | None:
    """The row of an energy; None if it is not in the table, as one of your own."""
    return next((row for row in energies().values() if row.kind is type(energy)), None)


def built_in(energy: Any) -> bool:
    """Whether the energy is of the package, whose tests check it. A subclass is not."""
    row = row_of(energy)
    return row is not None and row.kind.__module__.startswith(f"{__package__}.")


def require(energy: Any, place: str) -> None:
    """Raise `InputError` with the reason if the energy does not work at this place."""
    row = row_of(energy)
    if row is not None and not row.allows(place):
        raise InputError(f"energy={type(energy).__name__}(): {row.refuses[place]}")
