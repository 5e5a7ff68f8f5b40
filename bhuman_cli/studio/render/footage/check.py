"""Owns one question: can a decoder open this media file? Decodes one picture, keeps nothing, repairs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import av
from PIL import GifImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from bhuman_cli.studio.render.footage import reader as readers

# Not `Image.open`: it warns of large pictures through the process's warnings, which several threads can't quiet.
_PICTURES: Final[dict[bytes, type[ImageFile.ImageFile]]] = {
    b"GIF8": GifImagePlugin.GifImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG": PngImagePlugin.PngImageFile,
    b"RIFF": WebPImagePlugin.WebPImageFile,
}


def check_video(path: Path) -> None:
    """Decode the first picture of a video that can be; `source.probe` also measures, and reads the whole file for it.

    Raises:
        SourceError: there is no picture in it, or none can be decoded.
    """
    try:
        # Opening decodes a picture on its own account, and drops it: not this time.
        with readers.open_media(path, {"skip_frame": "all"}) as container:
            if not container.streams.video:
                raise readers.SourceError("holds no video")
            stream = container.streams.video[0]
            codec = stream.codec_context
            codec.skip_frame, codec.options = "DEFAULT", {"skip_loop_filter": "all"}  # nobody looks at it
            # More threads want as many packets before they give the first picture: twice the work.
            codec.thread_count = 1
            packets = (packet for packet in container.demux(stream) if packet.size)
            if not any(_decodes(codec, packet) for packet in packets):
                raise readers.SourceError("holds no picture that can be decoded")
    except readers.READ_ERRORS:
        raise readers.SourceError("is damaged or not a video") from None


def check_picture(path: Path) -> None:
    """Decode a picture, or the first one of an animation.

    Raises:
        SourceError: it can't be decoded, or is too large to be meant for a mail or a page.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
        reader = next((reader for start, reader in _PICTURES.items() if head.startswith(start)), None)
        if reader is None:
            raise readers.SourceError("is not a picture")
        with reader(path) as picture:
            if picture.width * picture.height > readers.MOST_PIXELS:
                raise readers.SourceError("has more than 8192 x 8192 pixels")
            picture.load()
    except (OSError, ValueError, SyntaxError, EOFError):  # Pillow's words for damage, by format
        raise readers.SourceError("is damaged or not a picture") from None


def _decodes(codec: Any, packet: Any) -> bool:
    try:
        # Asking for the rest at once: the codec would wait for later packets, to put pictures in order.
        if codec.decode(packet) or codec.decode(None):
            return True
    except av.error.InvalidDataError:
        pass
    codec.flush_buffers()
    return False
