"""Reproduce the tables of the TVflowNET paper; see README.md.

>>> from experiments.tvflownet import Evaluation, Still, load_method, to_markdown
>>> methods = [Still(), load_method("mean-flux")]                      # doctest: +SKIP
>>> evaluation = Evaluation(methods, "photographs/", count=20)         # doctest: +SKIP
>>> print(to_markdown(evaluation.table(2)))                            # doctest: +SKIP

Everything is imported on first use; torch only when a network runs.
"""

from __future__ import annotations

from steepest.core.lazy import lazily

_WHERE = {
    "Evaluation": "runner",
    "Learned": "methods",
    "Still": "methods",
    "load_method": "weights",
    "TruthSource": "truth",
    "TIMES": "truth",
    "Table": "table",
    "Figure": "paper",
    "ImageSet": "images",
    "crops": "images",
    "mixed_crops": "images",
    "folder_images": "images",
    "disks": "shapes",
    "ellipses": "shapes",
    "phantoms": "shapes",
    "psnr": "measures",
    "ssim": "measures",
    "check_certificates": "certificates",
    "to_markdown": "report",
    "to_json": "report",
    "from_json": "report",
    "write_report": "report",
}
_MODULES = ("paper", "pictures")

__all__ = [*_WHERE, *_MODULES]

__getattr__, __dir__ = lazily(__name__, _WHERE, _MODULES)
