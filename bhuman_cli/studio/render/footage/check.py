"""Check whether a decoder can open a media file. Decodes one picture, keeps nothing, repairs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from bhuman_cli.studio.render import decoders
from bhuman_cli.studio.render.footage import reader as readers


def check_video(path: Path) -> None:
    """Decode the first picture of a video that can be; `source.probe` also measures, and reads the whole file for it.

    Raises:
        SourceError: there is no picture in it, or none can be decoded.
    """
    try:
        # Opening decodes a picture on its own account, and drops it: not this time.
        with decoders.open_media(path, {"skip_frame": "all"}) as container:
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
        with decoders.open_picture(path) as picture:
            picture.load()
    except decoders.UnknownFormatError:
        raise readers.SourceError("is not a picture") from None
    except decoders.UndecodableError as problem:
        raise readers.SourceError(f"{problem}") from None
    except OSError:
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
