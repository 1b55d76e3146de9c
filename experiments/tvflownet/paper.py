"""The figures of the paper's Tables 1 to 9, as printed.

Source: Grossmann, Dittmer, Korolev & Schönlieb, Unsupervised learning of the total variation flow.
The keys are the network ("semi-resnet", "unet", "lgd", ...), the training size ("32", "96", "256",
"mixed", or "" if the paper names none) and the column. The paper uses Food101 crops and its own
solver, we use other photographs, so the figures can be compared but the experiments are not the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

SIZES = ("32", "96", "256")
_NETWORKS = ("semi-resnet", "unet", "lgd")
_TRAININGS = ("32", "96", "256", "mixed")


@dataclass(frozen=True)
class Figure:
    """One cell: a value, its standard deviation, and the SSIM that the paper has in brackets.

    ``value`` is a PSNR in dB (Tables 1, 2, 4 to 7), an SSIM (Tables 1, 3), minutes (Table 8) or
    seconds (Tables 8, 9). The PSNR of equal images is infinite.
    """

    value: float
    spread: float | None = None
    ssim: float | None = None


COLUMNS: dict[int, tuple[str, ...]] = {
    1: SIZES,
    2: SIZES,
    3: SIZES,
    4: SIZES,
    5: ("disks", "ellipses", "medical"),
    6: ("c = 3", "c = 0.3"),
    7: ("autodiff", "FD network", "FD truth"),
    8: ("training (min)", "epoch (s)"),
    9: ("32", "96", "256", "512"),
}

# Rows in the order of the paper: three networks, each trained on 32, 96, 256 and mixed sizes.
# A cell "41.07/0.09" of Tables 2 and 3 is a mean and its standard deviation over five trainings,
# a cell "31.94/0.821" of Tables 4 to 7 a PSNR and an SSIM.
_ROWS: dict[int, str] = {
    2: """
        41.07/0.09 42.73/0.12 43.59/0.15
        39.52/0.23 41.48/0.22 42.39/0.34
        29.25/1.05 32.38/1.07 33.85/1.02
        39.35/0.05 40.93/0.12 41.42/0.21
        42.2/0.08  43.95/0.21 44.84/0.31
        41.48/0.21 43.86/0.19 44.82/0.2
        38.18/0.14 39.63/0.25 40.1/0.29
        41.16/0.3  42.08/0.29 42.29/0.28
        41.72/0.08 43.8/0.12  45.14/0.16
        39.95/0.45 42.27/0.29 43.6/0.2
        35.15/0.13 38.27/0.19 39.55/0.28
        39.79/0.17 41.66/0.09 42.67/0.12
    """,
    3: """
        0.986/0.0002 0.989/0.0002 0.989/0.0002
        0.982/0.0008 0.986/0.0007 0.987/0.0009
        0.89/0.018   0.939/0.009  0.95/0.006
        0.981/0.0005 0.985/0.0004 0.985/0.0005
        0.991/0.0003 0.992/0.0007 0.991/0.0008
        0.988/0.0009 0.992/0.0003 0.992/0.0005
        0.974/0.0008 0.981/0.001  0.982/0.001
        0.987/0.001  0.988/0.0009 0.986/0.0008
        0.989/0.0002 0.992/0.0002 0.993/0.0002
        0.985/0.001  0.99/0.0005  0.991/0.0004
        0.966/0.001  0.981/0.001  0.983/0.001
        0.984/0.0004 0.989/0.0003 0.989/0.0003
    """,
    4: """
        31.94/0.821 34.01/0.867 34.52/0.881
        31.09/0.771 33.37/0.831 34.01/0.848
        22.59/0.191 25.45/0.242 26.39/0.257
        30.64/0.721 32.44/0.773 32.76/0.788
        32.62/0.836 34.7/0.873  35.16/0.885
        32.36/0.824 34.7/0.873  35.23/0.889
        29.6/0.475  31.09/0.538 31.12/0.552
        31.46/0.744 33.11/0.77  33.21/0.763
        32.53/0.854 34.89/0.896 35.62/0.91
        31.81/0.823 34.16/0.875 34.86/0.889
        28.26/0.546 30.59/0.621 31.0/0.641
        31.27/0.794 33.54/0.846 34.15/0.863
    """,
    5: """
        52.12/0.983 43.32/0.947 44.83/0.984
        43.92/0.798 40.8/0.906  43.35/0.959
        33.07/0.856 30.07/0.782 35.22/0.935
        42.77/0.786 39.21/0.906 42.46/0.956
        51.11/0.975 43.62/0.963 46.36/0.989
        49.98/0.968 43.74/0.947 45.8/0.985
        40.96/0.826 36.87/0.883 41.55/0.946
        49.59/0.964 41.0/0.917  44.08/0.976
        51.14/0.963 44.62/0.963 45.98/0.987
        51.57/0.984 43.4/0.94   45.04/0.983
        37.36/0.604 34.14/0.766 40.95/0.937
        43.52/0.867 37.82/0.902 44.02/0.974
    """,
    6: """
        51.22/0.997 29.91/0.852
        46.71/0.996 32.4/0.929
        28.55/0.944 22.35/0.839
        40.45/0.994 28.94/0.813
        50.34/0.997 35.78/0.941
        46.02/0.994 35.41/0.952
        35.24/0.983 34.36/0.957
        39.67/0.988 34.68/0.943
        52.0/0.998  26.11/0.721
        42.27/0.993 29.12/0.849
        30.6/0.979  28.57/0.879
        43.53/0.992 10.38/0.646
    """,
    7: """
        47.53/0.997 47.68/0.997 66.53/0.999
        43.82/0.994 44.18/0.995 66.53/0.999
        29.98/0.877 30.21/0.885 66.53/0.999
        41.35/0.988 41.72/0.988 66.53/0.999
        50.32/0.998 50.32/0.998 66.53/0.999
        48.14/0.997 48.2/0.997  66.53/0.999
        38.57/0.971 38.58/0.971 66.53/0.999
        43.94/0.992 43.96/0.992 66.53/0.999
        49.69/0.998 49.71/0.998 66.53/0.999
        45.79/0.996 45.82/0.996 66.53/0.999
        37.14/0.969 37.15/0.97  66.53/0.999
        42.82/0.993 42.84/0.993 66.53/0.999
    """,
    8: """
        721.8 29.0
        755.2 31.6
        2106.6 281.5
        806.5 40
        860.5 36.8
        902.3 41.5
        2158.1 177
        1088.5 56
        965.5 44.5
        1069.7 47.4
        2148.1 346.3
        947.4 61.9
    """,
}

_JOINT = {
    "u, PSNR": "42.05/3.03 43.47/1.88 40.39/0.27",
    "u, SSIM": "0.989/0.008 0.990/0.006 0.978/0.0005",
    "div phi, PSNR": "29.86/1.47 29.61/1.40 24.09/0.95",
    "div phi, SSIM": "0.671/0.142 0.676/0.111 0.4075/0.137",
}
_SPEED = {
    "semi-resnet": "0.001 0.005 0.03 0.12",
    "unet": "0.003 0.01 0.05 0.19",
    "lgd": "0.008 0.014 0.073 0.29",
    "model-driven, CPU": "0.58 5.61 44.07 89.22",
    "model-driven, GPU": "3.12 3.14 3.17 3.42",
    "joint": "14.09 14.39 581.87 3217.93",
}

FLUX_AGAINST_GRADIENT = Figure(10.98, ssim=0.107)
"""Learned phi against grad u / sqrt(|grad u|^2 + eps), over all networks (section 3.1)."""


@cache
def table(number: int) -> dict[tuple[str, str, str], Figure]:
    """All cells of one table by (network, training size, column).

    Table 1 has the network "joint" and, in place of a training size, the rows "u, PSNR",
    "u, SSIM", "div phi, PSNR" and "div phi, SSIM". Table 9 has no training sizes.

    Raises
    ------
    KeyError
        If there is no such table.
    """
    if number == 1:
        rows = [("joint", name, line) for name, line in _JOINT.items()]
    elif number == 9:
        rows = [(name, "", line) for name, line in _SPEED.items()]
    else:
        keys = [(network, training) for network in _NETWORKS for training in _TRAININGS]
        lines = _ROWS[number].strip().splitlines()
        rows = [(*key, line) for key, line in zip(keys, lines, strict=True)]
    brackets = number in (4, 5, 6, 7)
    cells = {}
    for network, training, line in rows:
        for column, text in zip(COLUMNS[number], line.split(), strict=True):
            cells[network, training, column] = _figure(text, brackets)
    return cells


def best(number: int, column: str) -> float:
    """The paper's highest value in one column of Tables 2 to 7, over all networks."""
    return max(cell.value for key, cell in table(number).items() if key[2] == column)


def _figure(text: str, brackets: bool) -> Figure:
    value, _, second = text.partition("/")
    if not second:
        return Figure(float(value))
    return Figure(float(value), **{"ssim" if brackets else "spread": float(second)})
