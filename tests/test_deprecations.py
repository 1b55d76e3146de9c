"""What torch deprecates inside itself is not shown to those who use the networks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("safetensors")

# Every one of these takes torch's first forward derivative in its process.
USES = (
    "estimate_gain(InverseHeat(2, 0.1), u0, 2)",
    "load('mean-flux')(u0, t)[0].sum().backward(); learned_flow(u0[0, 0].numpy(), 0.1)",
    "learned_decomposition(u0[0, 0].numpy(), steps=4)",
    "train(TrainingConfig(data='generated').replace(images=2, epochs=1), 'run')",
)
PROGRAM = f"""
import os
import torch
from steepest.layers import InverseHeat, estimate_gain
from steepest.learning import learned_decomposition, learned_flow, load
from steepest.learning.flows.training import TrainingConfig, train
u0, t = torch.rand(1, 1, 16, 16), torch.tensor([0.1])
children = []
for use in {USES}:
    children.append(os.fork())
    if children[-1] == 0:
        exec(use)
        raise SystemExit
assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes as on Unix")
def test_no_deprecation_is_shown(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "DeprecationWarning" not in done.stderr


def test_the_derivative_is_that_of_torch() -> None:
    import torch

    from steepest.layers.forward_mode import jvp

    def cube(x: torch.Tensor) -> torch.Tensor:
        return x**3

    x, direction = torch.arange(4.0), torch.ones(4)
    with torch.inference_mode():
        value, slope = jvp(cube, (x.clone(),), (direction.clone(),))
    assert torch.equal(value, x**3)
    assert torch.equal(slope, 3 * x**2)
