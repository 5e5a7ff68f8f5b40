"""HDR footage (phones film so unless told not to) in ordinary colours: a table for ffmpeg's `lut3d`.

Reads and decodes nothing.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
PQ: Final = 16
HLG: Final = 18
"""Transfer characteristics as H.273 counts them."""

_STEPS: Final = 33
_WHITE_NITS: Final = 203.0
_HLG_WHITE: Final = 0.26496
"""What a sheet of white paper has in each. Source: ITU-R BT.2408."""

_KNEE: Final = 0.8
"""Up to here light stays as it is; what is brighter shares the rest."""

_TO_709: Final = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


@contextmanager
def table(transfer: int) -> Iterator[str]:
    """Give the table as a file, named as a filter's argument wants it, while the `with` lasts."""
    handle, name = tempfile.mkstemp(suffix=".cube")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(_cube(transfer))
        yield name.replace("\\", "/").replace(":", "\\:").replace("'", "\\'")
    finally:
        Path(name).unlink(missing_ok=True)


@functools.cache
def _cube(transfer: int) -> str:
    steps = np.linspace(0, 1, _STEPS)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = ordinary(np.stack([red, green, blue], -1).reshape(-1, 3), transfer)
    lines = "\n".join(f"{r:.5f} {g:.5f} {b:.5f}" for r, g, b in colours.tolist())
    return f"LUT_3D_SIZE {_STEPS}\n{lines}\n"


def ordinary(colours: F64, transfer: int) -> F64:
    """Return BT.2020 colours, shape (n, 3), 0 to 1 as the file has them, as BT.709 for an ordinary screen."""
    light = _from_pq(colours) if transfer == PQ else _from_hlg(colours)
    brightest = np.maximum(light.max(-1, keepdims=True), 1e-9)
    softened = np.where(
        brightest > _KNEE, _KNEE + (1 - _KNEE) * (1 - np.exp((_KNEE - brightest) / (1 - _KNEE))), brightest
    )
    light = np.clip((light * softened / brightest) @ _TO_709.T, 0, 1)
    # HLG tells the light before the camera, and is coded anew like a camera does; PQ tells that of a screen.
    as_camera = np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)
    out: F64 = light ** (1 / 2.4) if transfer == PQ else as_camera
    return out


def _from_hlg(colours: F64) -> F64:
    """Return light with white at 1. Source: ITU-R BT.2100, table 5."""
    bright = (np.exp((colours - 0.55991073) / 0.17883277) + 0.28466892) / 12
    out: F64 = np.where(colours <= 0.5, colours * colours / 3, bright) / _HLG_WHITE
    return out


def _from_pq(colours: F64) -> F64:
    """Return light with white at 1. Source: ITU-R BT.2100, table 4."""
    power = colours ** (1 / 78.84375)
    out: F64 = (
        10_000
        / _WHITE_NITS
        * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    )
    return out
