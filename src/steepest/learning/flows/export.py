"""Export networks as ONNX files, for programs without torch."""

from __future__ import annotations

import copy
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from ...core.errors import InputError

_EXAMPLE = (2, 1, 40, 48)


class Solve(nn.Module):
    """``(u0, t) -> u(t)`` of a network, without the flux, for export and compilation."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, u0: Tensor, t: Tensor) -> Tensor:
        """``network.solve(u0, t)``."""
        result: Tensor = self.network.solve(u0, t)  # type: ignore[operator]
        return result


def export_onnx(network: nn.Module, path: str | os.PathLike[str]) -> Path:
    """Export a mean-flux network as an ONNX graph for any number and size of images.

    The inputs of the graph are "u0" (n, 1, h, w) in [0, 1] and "t" (n,), both float32; its output
    is "u" (n, 1, h, w), the flow at time ``t``. An incomplete file is never left behind.

    Parameters
    ----------
    network : nn.Module
        A mean-flux network. It is not modified.
    path : path
        The file to write. An existing file is replaced.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    InputError
        If ``network`` is not a mean-flux network, or the folder of ``path`` does not exist.
    ModuleNotFoundError
        If ``onnxscript`` is missing: install ``steepest[torch,onnx]``.
    """
    if not hasattr(network, "mean_flux"):
        raise InputError(f"network is a {type(network).__name__}; allowed is a mean-flux network")
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"path={str(path)!r}: the folder {target.parent} does not exist")
    count = torch.export.Dim("n", min=1, max=65536)
    height, width = (torch.export.Dim(name, min=2, max=65536) for name in "hw")
    try:
        program = torch.onnx.export(
            Solve(copy.deepcopy(network).cpu().float()).eval(),
            (torch.rand(_EXAMPLE), torch.full(_EXAMPLE[:1], 0.1)),
            dynamo=True,
            input_names=["u0", "t"],
            output_names=["u"],
            dynamic_shapes={"u0": {0: count, 2: height, 3: width}, "t": {0: count}},
            verbose=False,
        )
    except ImportError as error:
        message = "export_onnx needs onnxscript: pip install 'steepest[torch,onnx]'"
        raise ModuleNotFoundError(message, name=error.name) from None
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        whole = Path(folder) / "whole.onnx"
        program.save(str(whole), external_data=False)  # type: ignore[union-attr]
        os.replace(whole, target)
    return target
