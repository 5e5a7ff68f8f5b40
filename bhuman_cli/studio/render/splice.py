"""Owns the one file made of many pieces: encoding a piece, writing packets in order, checking the result."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from bhuman_cli.studio.render import encode
from bhuman_cli.studio.render.base import Base

Picture = NDArray[np.uint8]
Painter = Callable[[int, Picture], None]
"""Draws on one packed picture in place, given its frame number."""


class SpliceError(Exception):
    """The spliced file is not what it should be; the row is to be encoded in full."""


def encode_piece(base: Base, first: int, pictures: Iterable[Picture], paint: Painter) -> list[Any]:
    """Return the packets of one piece, timed in the base's ticks; begins with a key frame."""
    encoder = encode.piece_encoder(base.form)
    buffer = np.empty((base.form.height * 3 // 2, base.form.width), np.uint8)
    flat = buffer.reshape(-1)
    frame = av.VideoFrame.from_numpy_buffer(buffer, "yuv420p")
    packets: list[Any] = []
    for number, picture in enumerate(pictures, first):
        flat[:] = picture
        paint(number, flat)
        frame.pts, frame.time_base = number, 1 / base.form.fps
        frame.pict_type = PictureType.I if number == first else PictureType.NONE
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    for packet in packets:
        packet.pts, packet.dts, packet.duration = packet.pts * base.tick, packet.dts * base.tick, base.tick
        packet.time_base = base.video_stream.time_base
    return packets


def write(
    path: str, base: Base, video: Sequence[Any], audio: Sequence[Any] | None = None, audio_from: Any = None
) -> None:
    """Write video packets in decode order with the base's sound, or another track's.

    The decode time follows from the position, because the encoder gives pieces of one or two frames no delay.
    """
    sound = base.audio if audio is None else audio
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as out:
        stream = out.add_stream_from_template(base.video_stream)
        template = audio_from or base.audio_stream
        track = out.add_stream_from_template(template) if template is not None and sound else None
        waiting = iter(sound if track is not None else ())
        heard = next(waiting, None)
        step = base.tick * base.video_stream.time_base
        for position, packet in enumerate(video):
            packet.dts = (position - base.delay) * base.tick
            while heard is not None and heard.dts * heard.time_base <= (position - base.delay) * step:
                heard.stream = track
                out.mux_one(heard)
                heard = next(waiting, None)
            packet.stream = stream
            out.mux_one(packet)
        while heard is not None:
            heard.stream = track
            out.mux_one(heard)
            heard = next(waiting, None)


def check(path: str, base: Base, starts: Sequence[int], *, decode: bool) -> None:
    """Read the finished file back: as many packets as the base, times rising, pieces beginning with key frames.

    decode: also decode every picture.

    Raises:
        SpliceError: something differs.
    """
    with av.open(path) as found:
        stream = found.streams.video[0]
        packets = [packet for packet in found.demux(stream) if packet.dts is not None]
        tick = round(1 / base.form.fps / stream.time_base)
        keys = {packet.pts // tick for packet in packets if packet.is_keyframe}
        _demand(len(packets) == base.frames, "another number of pictures")
        _demand(all(a.dts < b.dts for a, b in itertools.pairwise(packets)), "decode times that don't rise")
        _demand({packet.pts // tick for packet in packets} == set(range(base.frames)), "gaps")
        _demand(set(starts) <= keys, "a piece that doesn't begin with a key frame")
    if decode:
        try:
            with av.open(path) as found:
                pictures = sum(1 for _ in found.decode(video=0))
        except av.error.FFmpegError as problem:
            raise SpliceError("pictures that can't be decoded") from problem
        _demand(pictures == base.frames, "pictures that can't be decoded")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SpliceError(otherwise)
