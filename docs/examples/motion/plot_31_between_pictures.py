"""
Pictures between two pictures
=============================

Two pictures of one thing in two states, and what may have been between them. A cross-fade shows two
ghosts. A morph moves what it can, and fades only the rest.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from skimage import color, data

from steepest import motion

size = 128
y, x = np.indices((size, size)) - (size - 1) / 2


def soft(distance):
    """1 inside, 0 outside, over about two pixels."""
    return 1 / (1 + np.exp(2.5 * distance))


def face(tilt, smile, open_mouth):
    """A face: a disc with eyes, brows, and a mouth that is a bent, more or less open line."""
    turned = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    across, down = turned
    image = 0.15 + 0.7 * soft(np.hypot(across, down * 0.92) - 50)
    for side in (-17, 17):
        image -= 0.6 * soft(np.hypot(across - side, (down + 14) / (1 + open_mouth / 3)) - 5)
        brow = np.abs(down + 30 + 5 * open_mouth) - 1.5
        image -= 0.5 * soft(np.maximum(brow, np.abs(across - side) - 8))
    line = down - 24 - smile * (1 - (across / 22) ** 2) * 9
    mouth = np.hypot(line / (1 + 2.5 * open_mouth), np.maximum(np.abs(across) - 18, 0)) - 3
    return (image - 0.6 * soft(mouth)).astype(np.float32)


def show(pictures, titles):
    """Pictures side by side."""
    figure, axes = plt.subplots(1, len(pictures), figsize=(9, 9 / len(pictures) + 0.3))
    for ax, picture, title in zip(axes, pictures, titles, strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, loc="left", fontsize=8.6)
        ax.set_axis_off()
    figure.tight_layout(pad=0.8)


before, after = face(-0.12, 1, 0), face(0.12, -0.3, 1)
begin = time.perf_counter()
path = motion.morph(before, after, [0, 0.25, 0.5, 0.75, 1])
print(f"{time.perf_counter() - begin:.1f} s, {path.status}, {path.folds} triangles turned over")
times = ["the first", "0.25", "0.5", "0.75", "the second"]
show(path.frames, times)

# %%
# The cross-fade of the same pictures.

show([(1 - t) * before + t * after for t in (0, 0.25, 0.5, 0.75, 1)], times)

# %%
# A photograph, turned by 5 degrees in one direction and the other. Halfway should be the photograph
# itself, so what is lost can be seen. `stiffness` is between moving (small) and fading (large).


def turned(image, degrees):
    """An image, turned around its middle."""
    angle = np.deg2rad(degrees)
    y, x = np.indices(image.shape) - (np.array(image.shape) - 1)[:, None, None] / 2
    moved = np.stack([y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)])
    return motion.warp(image, moved - np.stack([y, x]))


photo = color.rgb2gray(data.astronaut())[30:158, 160:288].astype(np.float32)
first, second = turned(photo, -5), turned(photo, 5)
middle = motion.morph(first, second, [0.5]).frames[0]
show([first, middle, (first + second) / 2, second], ["-5°", "morph", "cross-fade", "5°"])

inner = (slice(24, -24), slice(24, -24))
for name, guess in (("morph", middle), ("cross-fade", (first + second) / 2)):
    error = np.mean((guess - photo)[inner] ** 2)
    print(f"{name}: {-10 * np.log10(error):.1f} dB")
