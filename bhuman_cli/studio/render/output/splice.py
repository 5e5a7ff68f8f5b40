"""Splice of many pieces into one file: encoding a piece, writing packets in order, checking the result."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from bhuman_cli.studio.render import compose, encode
from bhuman_cli.studio.render.base import Base

Picture = NDArray[np.uint8]
Painter = Callable[[int, Picture], None]
"""Draws on one packed picture in place, given its frame number."""


class SpliceError(Exception):
    """The spliced file is not what it should be; the row is to be encoded in full."""


def encode_piece(base: Base, first: int, pictures: Iterable[Picture], paint: Painter) -> list[Any]:
    """Return the packets of one piece, timed in the base's ticks; begins with a key frame."""
    encoder = encode.piece_encoder(base.form)
    flat = np.empty(base.picture_bytes, np.uint8)
    packets: list[Any] = []
    for number, picture in enumerate(pictures, first):
        flat[:] = picture
        paint(number, flat)
        frame = compose.frame(flat, base.form.width)
        frame.pts, frame.time_base = number, 1 / base.form.fps
        frame.pict_type = PictureType.I if number == first else PictureType.NONE
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    for packet in packets:
        packet.pts, packet.dts, packet.duration = packet.pts * base.tick, packet.dts * base.tick, base.tick
        packet.time_base = base.video_stream.time_base
    return packets


def write(path: str, base: Base, video: Sequence[Any], sound: NDArray[np.float32] | None = None) -> None:
    """Write video packets in decode order with the base's own sound packets, or with a sound of the row's own.

    The decode time follows from the position, because the encoder gives pieces of one or two frames no delay.
    """
    with av.open(path, "w", format="mp4", options={"moov_size": str(_index_bytes(base, len(video), sound))}) as out:
        stream = out.add_stream_from_template(base.video_stream)
        track, packets = _sound_track(out, base, sound)
        due_s, heard = next(packets, _SILENCE)
        step_s = float(base.tick * base.video_stream.time_base)
        for position, packet in enumerate(video):
            packet.dts = (position - base.delay) * base.tick
            while due_s <= (position - base.delay) * step_s:
                heard.stream = track
                out.mux_one(heard)
                due_s, heard = next(packets, _SILENCE)
            packet.stream = stream
            out.mux_one(packet)
        while heard is not None:
            heard.stream = track
            out.mux_one(heard)
            due_s, heard = next(packets, _SILENCE)


def _index_bytes(base: Base, pictures: int, sound: NDArray[np.float32] | None) -> int:
    """Return room enough for a file's index, which stands before the rest: to move that would be to write it twice.

    For each packet at most its size, its place and its chunk; for pictures also when they are decoded and shown.
    """
    heard = len(base.audio) if sound is None else sound.shape[1] // 1_024 + 2
    return 4_096 + 40 * pictures + 28 * heard


_SILENCE: Final[tuple[float, Any]] = (float("inf"), None)


def _sound_track(out: Any, base: Base, sound: NDArray[np.float32] | None) -> tuple[Any, Iterator[tuple[float, Any]]]:
    """Add the sound stream, if there is sound; return it with its packets and the second at which each is due."""
    if sound is not None:
        stream = encode.audio_stream(out)
        return stream, _encoded(stream, sound)
    if base.audio_stream is not None and base.audio:
        return out.add_stream_from_template(base.audio_stream), zip(base.audio_due_s, base.audio, strict=True)
    return None, iter(())


def _encoded(stream: Any, sound: NDArray[np.float32]) -> Iterator[tuple[float, Any]]:
    for frame in (*encode.audio_frames(sound, 0), None):
        for packet in stream.encode(frame):
            yield float(packet.dts * packet.time_base), packet


def check(path: str, base: Base, starts: Sequence[int], *, decode: bool) -> None:
    """Read the finished file back: as many packets as the base, times rising, pieces beginning with key frames.

    decode: also decode every picture.

    Raises:
        SpliceError: something differs.
    """
    container: Any
    with av.open(path) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.dts is not None]
        tick = round(1 / base.form.fps / stream.time_base)
        keys = {packet.pts // tick for packet in packets if packet.is_keyframe}
        _demand(len(packets) == base.frames, "another number of pictures")
        _demand(all(a.dts < b.dts for a, b in itertools.pairwise(packets)), "decode times that don't rise")
        _demand({packet.pts // tick for packet in packets} == set(range(base.frames)), "gaps")
        _demand(set(starts) <= keys, "a piece that doesn't begin with a key frame")
    if decode:
        try:
            with av.open(path) as container:
                pictures = sum(1 for _ in container.decode(video=0))
        except av.error.FFmpegError as problem:
            raise SpliceError("pictures that can't be decoded") from problem
        _demand(pictures == base.frames, "pictures that can't be decoded")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SpliceError(otherwise)
