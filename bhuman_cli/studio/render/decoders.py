"""Allow-list of what may be decoded: kinds of pictures, media containers, protocols, sizes. Starts no other program."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import av
from PIL import Image, UnidentifiedImageError

PICTURES: Final = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""Not whatever Pillow knows: it hands PostScript to Ghostscript, and others to parsers that nobody looks after."""

CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,apng"
"""Not playlists (hls, concat, dash, sdp): they name other files and hosts, which would be opened, too."""

MOST_PIXELS: Final = 40_000_000
# Judged by open_picture() alone: Pillow's own limit warns through the process's warnings, which threads can't quiet.
Image.MAX_IMAGE_PIXELS = None

# PyAV 19 (Python 3.12 and later) passes damaged metadata over by itself, and no longer takes the word for it.
_LENIENT: Final[dict[str, Any]] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "ignore"}


class UndecodableError(Exception):
    """The picture can't be shown; the message continues a sentence that begins with the picture."""


class UnknownFormatError(UndecodableError):
    """The file is none of the pictures that are known here; it may be a video."""


@contextmanager
def open_picture(source: Path | IO[bytes]) -> Iterator[Image.Image]:
    """Open a picture of a known kind; what is done with it inside the `with` may load it.

    Raises:
        UnknownFormatError: it is none of the known kinds. UndecodableError: it is damaged or too large.
    """
    try:
        with Image.open(source, formats=PICTURES) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise UndecodableError(f"has more than {MOST_PIXELS // 10**6} megapixels")
            yield opened
    except UnidentifiedImageError:
        raise UnknownFormatError("is not a picture of a known kind") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as problem:  # Pillow's words for damage
        if isinstance(problem, OSError) and problem.errno:
            raise
        raise UndecodableError("is damaged") from None


def shrink(opened: Image.Image, most_px: int) -> Image.Image:
    """Return the picture no larger than it is looked at: half its size, a third, ... as long as its short side allows.

    Before anything else is done with it: every step on 40 megapixels takes 160 MB.
    """
    with contextlib.suppress(NotImplementedError):
        opened.draft(None, (most_px, most_px))
    factor = min(opened.size) // most_px
    if factor < 2:
        return opened
    whole = opened if opened.mode in {"L", "RGB", "RGBA"} else opened.convert("RGBA")
    reduced = whole.reduce(factor)
    reduced.info = dict(opened.info)
    return reduced


def open_media(path: Path, options: dict[str, str] | None = None) -> Any:
    """Open a media file of which nothing is known; only itself is read. Raises what is in reader.READ_ERRORS."""
    allowed = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
    return av.open(str(path.absolute()), options={**(options or {}), **allowed}, **_LENIENT)
