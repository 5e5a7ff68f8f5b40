"""Thumbnails: a row's finished still pictures, their size and form."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bhuman_cli.studio.render import encode

THUMBNAIL_PX: Final = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class Stills:
    """The finished pictures of a row, as file contents."""

    gif: bytes
    thumbnail: bytes


def size_of(form: encode.Format) -> tuple[int, int]:
    """Return the thumbnail's width and height, even."""
    factor = min(1.0, THUMBNAIL_PX / max(form.width, form.height))
    return round(form.width * factor / 2) * 2, round(form.height * factor / 2) * 2


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture as a JPEG file."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=86)
    return out.getvalue()
