"""Command-line options for the inverse evolution layer of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from steepest.cli.types import Count, JSONObject, Number, Positive, positive, word
from steepest.core.errors import InputError

from .presets import EVOLUTIONS, PRESETS

NONE = "none"
_Limit = Annotated[
    float | Literal["none"] | None,
    word(lambda text: text if text == NONE else positive(text), "X"),
]


@Parameter(name="*", group=Group("Inverse evolution layer (between network and loss)"))
@dataclass(frozen=True)
class LayerChoice:
    """The layer, its strength and its largest gain."""

    layer: Annotated[str | None, Parameter(choices=(NONE, *PRESETS), metavar="NAME")] = None
    """none (default), default (heat, gain capped), or a layer of the paper or its code"""
    evolution: Annotated[str | None, Parameter(choices=tuple(EVOLUTIONS), metavar="NAME")] = None
    """instead of --layer, with --steps and --dt"""
    steps: Count | None = None
    """number of steps"""
    dt: Positive | None = None
    """length of each step"""
    max_gain: _Limit = None
    """heat: cap on the amplification (default 100), or none; others: warn above it"""
    layer_options: JSONObject | None = None
    """further arguments of the layer: '{"boundary": "zero"}', '{"eps": 0.5}'"""
    ramp: Annotated[Number | None, Parameter(metavar="EPOCHS")] = None
    """reach full strength after this many epochs"""
    gain_limit: _Limit = None
    """refuse layers that amplify more (default 1e4); none: accept any"""

    def settings(self, base: Any) -> dict[str, Any]:
        """The settings of a training whose other settings are those of ``base``.

        Raises
        ------
        InputError
            If a layer is given both by name and by its evolution.
        """
        limit = base.gain_limit if self.gain_limit is None else self.gain_limit
        ramp = {} if self.ramp is None else {"ramp": self.ramp}
        gain_limit = None if limit == NONE else limit
        return {"layer": self._layer(base.layer), "gain_limit": gain_limit, **ramp}

    def _layer(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """The description of the layer for `make_layer`; ``base`` if no option is given."""
        names = ("evolution", "steps", "dt", "max_gain")
        given = {n: getattr(self, n) for n in names if getattr(self, n) is not None}
        own = {**(self.layer_options or {}), **given}
        if self.layer is not None and own:
            raise InputError(
                f"--layer {self.layer} cannot be combined with other options of the layer; for a "
                "layer of your own, give --evolution with --steps and --dt instead"
            )
        if self.layer is not None:
            return {} if self.layer == NONE else {"preset": self.layer}
        if not own:
            return dict(base)
        if own.get("max_gain") == NONE:
            own["max_gain"] = None
        return {"evolution": "heat", **own}
