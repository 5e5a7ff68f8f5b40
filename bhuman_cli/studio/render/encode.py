"""Encoder settings: everything that must be equal for pieces to be spliced. Encodes; reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.codec.context import Flags
from av.video.frame import PictureType
from numpy.typing import NDArray

AUDIO_RATE: Final = 48_000
AUDIO_BIT_RATE: Final = 128_000

# Everything that reaches the SPS and PPS is pinned here, so that pieces encoded at another speed fit into the base.
HEADER: Final = (
    "stitchable=1:open-gop=0:ref=1:bframes=3:b-pyramid=2:weightp=1:weightb=1:8x8dct=1:cabac=1:deblock=0,0:"
    "interlaced=0:nal-hrd=none:force-cfr=1:keyint=150"
)
BASE: Final = ("veryfast", HEADER)
# weightb must be said: ultrafast turns it off. annexb=0 gives the length-prefixed form that MP4 stores.
# Looking 5 pictures ahead takes 0.85 of the time that 10 take; pieces get a tenth smaller, at 46 instead of 47 dB.
PIECE: Final = ("ultrafast", f"{HEADER}:annexb=0:scenecut=0:aq-mode=1:mbtree=1:rc-lookahead=5")
CRF: Final = "21"

# Macroblocks per second and per frame that each level allows.
_LEVELS: Final = (
    (1_485, 99, "1.0"), (3_000, 396, "1.1"), (6_000, 396, "1.2"), (11_880, 396, "1.3"), (19_800, 792, "2.1"),
    (20_250, 1_620, "2.2"), (40_500, 1_620, "3.0"), (108_000, 3_600, "3.1"), (216_000, 5_120, "3.2"),
    (245_760, 8_192, "4.0"), (522_240, 8_704, "4.2"), (589_824, 22_080, "5.0"), (983_040, 36_864, "5.1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What base and pieces share."""

    width: int
    height: int
    fps: Fraction


def library() -> str:
    """Return the version of the encoders at hand, as it may stand in a file's name."""
    return f"{av.__version__}-{'.'.join(map(str, av.library_versions['libavcodec']))}"


def level(form: Format) -> str:
    """Return the lowest H.264 level that allows this size and rate (table A-1)."""
    blocks = ((form.width + 15) // 16) * ((form.height + 15) // 16)
    for per_second, per_frame, name in _LEVELS:
        if blocks * form.fps <= per_second and blocks <= per_frame:
            return name
    return "5.2"


def configure(context: Any, form: Format, kind: tuple[str, str], threads: int) -> Any:
    """Apply the shared settings to a codec context or a stream's."""
    context.width, context.height, context.pix_fmt = form.width, form.height, "yuv420p"
    context.framerate, context.time_base = form.fps, 1 / form.fps
    context.thread_count = threads
    context.flags |= Flags.global_header
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
    preset, params = kind
    context.options = {
        "preset": preset, "crf": CRF, "profile": "high", "level": level(form), "x264-params": params, "forced-idr": "1",
    }  # fmt: skip
    return context


def piece_encoder(form: Format) -> Any:
    """Open an encoder for one piece; one thread, because there is a worker for every core."""
    context = configure(av.CodecContext.create("libx264", "w"), form, PIECE, 1)
    context.open()
    return context


def avcc(extra: bytes) -> bytes:
    """Return codec headers as MP4 stores them (an avcC record), from whichever form the encoder gave."""
    if extra[:1] == b"\x01":
        return extra
    units = _units(extra)
    sps = [unit for unit in units if unit[0] & 31 == 7]
    pps = [unit for unit in units if unit[0] & 31 == 8]
    out = bytearray([1, sps[0][1], sps[0][2], sps[0][3], 0xFF, 0xE0 | len(sps)])
    for unit in sps:
        out += len(unit).to_bytes(2, "big") + unit
    out.append(len(pps))
    for unit in pps:
        out += len(unit).to_bytes(2, "big") + unit
    if sps[0][1] in {100, 110, 122, 144}:
        out += bytes([0xFC | 1, 0xF8, 0xF8, 0])
    return bytes(out)


def _units(extra: bytes) -> list[bytes]:
    if extra[:4] == b"\0\0\0\1" or extra[:3] == b"\0\0\1":
        return [unit for unit in extra.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    units, at = [], 0
    while at < len(extra):
        size = int.from_bytes(extra[at : at + 4], "big")
        units.append(extra[at + 4 : at + 4 + size])
        at += 4 + size
    return units


class Writer:
    """Encodes a whole video with its sound into one MP4, with key frames at the marks: bases and full renders.

    sound: stereo samples, shape (2, n), or None; cut or continued in silence to the length of the pictures.
    """

    def __init__(
        self, path: str, form: Format, marks: Sequence[int], sound: NDArray[np.float32] | None, threads: int
    ) -> None:
        self._out = av.open(path, "w", format="mp4", options={"movflags": "+faststart"})
        self._video = self._out.add_stream("libx264", rate=form.fps)
        configure(self._video.codec_context, form, BASE, threads)
        self._audio = audio_stream(self._out) if sound is not None else None
        self._sound, self._heard = sound, 0
        self._form, self._marks, self.frames = form, frozenset(marks) | {0}, 0

    def write(self, frame: Any) -> None:
        """Take the next picture; its own time is ignored."""
        frame.pts, frame.time_base = self.frames, 1 / self._form.fps
        frame.pict_type = PictureType.I if self.frames in self._marks else PictureType.NONE
        self._out.mux(self._video.encode(frame))
        self.frames += 1
        self._write_sound()

    def _write_sound(self, *, last: bool = False) -> None:
        """Keep the sound level with the pictures, so that the file is interleaved."""
        if self._sound is None or self._audio is None:
            return
        due = round(self.frames / self._form.fps * AUDIO_RATE)
        if not last:
            due -= due % 1_024
        part = self._sound[:, self._heard : due]
        if part.shape[1] < due - self._heard:
            part = np.pad(part, ((0, 0), (0, due - self._heard - part.shape[1])))
        for frame in audio_frames(part, self._heard):
            self._out.mux(self._audio.encode(frame))
        self._heard = due

    def close(self) -> None:
        """Finish the file."""
        self._out.mux(self._video.encode(None))
        if self._audio is not None:
            self._write_sound(last=True)
            self._out.mux(self._audio.encode(None))
        self._out.close()


def audio_stream(container: Any) -> Any:
    """Add the one kind of sound track that all our files have."""
    stream = container.add_stream("aac", rate=AUDIO_RATE, layout="stereo")
    stream.bit_rate = AUDIO_BIT_RATE
    return stream


def audio_frames(samples: NDArray[np.float32], start: int) -> Iterator[Any]:
    """Cut stereo samples into encoder frames."""
    for at in range(0, samples.shape[1], 1_024):
        part = np.ascontiguousarray(samples[:, at : at + 1_024], np.float32)
        frame = av.AudioFrame.from_ndarray(part, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start + at, Fraction(1, AUDIO_RATE)
        yield frame
