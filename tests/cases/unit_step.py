"""The flow of a unit step in closed form, as a network."""

import torch

ROWS, LOW, WIDTH = 8, 3, 5  # a step across 8 rows, 3 of them low
MEET = 1 / (1 / LOW + 1 / (ROWS - LOW))  # when the two plateaus of a unit step meet


class ExactStep(torch.nn.Module):
    """The flow of a unit step: plateaus of ``a`` and ``b`` rows move at ``1/a`` and ``-1/b``.

    ``phi`` rises linearly to 1 at the step and falls again. The flux can be scaled, the image
    shifted, to see which terms notice.
    """

    def __init__(self, scale: float = 1.0, shift: float = 0.0, velocity: float = 1.0) -> None:
        super().__init__()
        self.scale, self.shift, self.velocity = scale, shift, velocity

    def propose(self, u0: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        faces = torch.arange(1, ROWS + 1, dtype=u0.dtype)
        flux = torch.minimum(faces / LOW, (ROWS - faces) / (ROWS - LOW)) * self.scale
        phi = torch.zeros(len(t), 2, ROWS, WIDTH, dtype=u0.dtype)
        phi[:, 0] = flux[:, None]
        low = (faces <= LOW).to(u0.dtype)
        speed = self.velocity * (low / LOW - (1 - low) / (ROWS - LOW))
        return u0 + self.shift + t.view(-1, 1, 1, 1) * speed[:, None], phi


def step_image() -> torch.Tensor:
    u0 = torch.zeros(1, 1, ROWS, WIDTH, dtype=torch.float64)
    u0[:, :, LOW:] = 1
    return u0
