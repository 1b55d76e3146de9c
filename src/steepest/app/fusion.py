"""The texture of a second image on this one."""

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from ..core.numbers import check_number
from ..io import Image, from_float
from ..spectral import separate_texture
from .source import Source, result_name
from .tools import Args, Computation, Made, Progress, Task
from .wire import to_float16

_MOST = 100.0  # gain of a texture


def fuse(task: Task) -> Computation:
    """Separate structure from texture at ``time``, in this image and in the one sent along.

    The buffers of the answer are the structure and the two textures as float16. The image of the
    result has the gains ``own`` and ``other`` of the textures. A second image of another size is
    cropped to the proportions of this one, and resized.
    """
    time = check_number(task.args.get("time"), "time", positive=True, most=1e6)
    image, second = task.image, task.second()
    other = second.array if _size(second) == _size(image) else _fitted(second, image)

    def work(on_step: Progress) -> Made:
        (structure, texture), (_, added) = (
            separate_texture(each, time, channel_axis=image.channel_axis, on_step=on_step)
            for each in (image.array, other)
        )

        def result(args: Args) -> Image:
            own, more = _gains(args)
            total = structure + own * texture + more * added
            return image.with_parts([from_float(total, image.array.dtype)])

        def code(args: Args) -> dict[str, str]:
            return {"python": _code(task.source, second, time, args)}

        width = (0.0, task.limits[1] - task.limits[0])
        textures = [to_float16(each, width) for each in (texture, added)]
        resized = None if other is second.array else _size(second)
        fields = {"name": second.name, "resized": resized}
        return Made(fields, [to_float16(structure, task.limits), *textures], result, code=code)

    return work


def _size(image: Image) -> tuple[int, int]:
    return image.array.shape[1], image.array.shape[0]


def _fitted(second: Image, image: Image) -> np.ndarray:
    """Return the second image with the size of the first, as `_code` does."""
    values, most = second.array, 1
    if values.dtype.kind == "u":
        most = np.iinfo(values.dtype).max
    planes = np.moveaxis(np.atleast_3d((values / most).astype(np.float32)), -1, 0)
    resized = [
        np.asarray(ImageOps.fit(Pillow.fromarray(each), _size(image), Pillow.Resampling.LANCZOS))
        for each in planes
    ]
    return np.stack(resized, -1).reshape(image.array.shape)


def _gains(args: Args) -> tuple[float, float]:
    own, other = (check_number(args.get(key), key, most=_MOST) for key in ("own", "other"))
    return own, other


def _code(source: Source, second: Image, time: float, args: Args) -> str:
    own, other = _gains(args)
    split = f"{time!r}, channel_axis=image.channel_axis"
    resize, head, values, name = "", "", second.array, "second.array"
    if _size(second) != _size(source.image):
        head, name = "from PIL import Image, ImageOps\n", "resized"
        most = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
        resize = (
            f"size = {_size(source.image)}  # of the image\n"
            f"planes = np.atleast_3d((second.array / {most}).astype(np.float32))\n"
            "planes = [\n"
            "    ImageOps.fit(Image.fromarray(each), size, Image.Resampling.LANCZOS)\n"
            "    for each in np.moveaxis(planes, -1, 0)\n"
            "]\n"
            "resized = np.stack([np.asarray(each) for each in planes], -1)\n"
            "resized = resized.reshape(image.array.shape)\n"
        )
    return (
        f"{head}{source.python('spectral', numpy=bool(resize))}"
        f"second = io.read_image({second.name!r})\n"
        f"{resize}"
        f"structure, texture = spectral.separate_texture(image.array, {split})\n"
        f"_, other = spectral.separate_texture({name}, {split})\n"
        f"result = structure + {own!r} * texture + {other!r} * other\n"
        "result = image.with_parts([io.from_float(result, image.array.dtype)])\n"
        f"io.write_image({result_name(source.image)!r}, result)\n"
    )
