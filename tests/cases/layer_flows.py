"""Flows of `steepest.layers` that no test names: new ones are found by themselves."""

from steepest import layers

NEW = [name for name in layers.__all__ if name.endswith("Flow") and name != "TotalVariationFlow"]


def new_layers(**options: object) -> dict[str, layers.InverseEvolution]:
    """Two steps of each, by the name of the flow."""
    make = layers.InverseEvolution
    return {name: make(getattr(layers, name)(), 2, 0.01, **options) for name in NEW}
