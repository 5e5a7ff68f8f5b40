"""Quality of finished videos: one decode of each, what is wrong with it alone and beside its batch. Repairs nothing.

The limits are those of a person who watches: silence, black and standing pictures that no viewer would wait through.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from bhuman_cli.studio.render import decoders
from bhuman_cli.studio.render.footage import reader

SILENCE_S: Final = 5.0
BLACK_S: Final = 2.0
FROZEN_S: Final = 5.0
APART_S: Final = 0.5
"""Silence, black, a standing picture and sound beside picture: from here on it is a fault."""

_QUIET: Final = 10 ** (-55 / 20)
"""Root mean square of a stretch that nobody hears, of full scale."""

_DARK: Final = 32
"""Luma (16 is black) that a pixel of a black picture does not pass, but for one in fifty."""

_MOVED: Final = 8
_MOVED_SHARE: Final = 0.0005
"""A picture stands where hardly a pixel differs by more from the first of the stretch: a mouth that speaks does."""

_REFRESHED_SHARE: Final = 0.02
"""At a key frame the coding itself changes more than that."""

_STEP: Final = 4
"""Every fourth pixel of every fourth line is looked at."""

_LEAST: Final = 3
"""Videos below which there is no batch to differ from."""

_PLANAR: Final = frozenset(
    ["yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One video. faults: what is wrong with it alone, in words; () if it is sound, or can't be opened at all."""

    duration_s: float = 0.0
    bytes: int = 0
    size: tuple[int, int] = (0, 0)
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class _Stretches:
    """Longest time for which something holds without a break."""

    longest_s: float = 0.0
    began_s: float | None = None

    def note(self, at_s: float, end_s: float, *, holds: bool) -> None:
        if not holds:
            self.began_s = None
            return
        if self.began_s is None:
            self.began_s = at_s
        self.longest_s = max(self.longest_s, end_s - self.began_s)


@dataclass(slots=True)
class _Picture:
    """What the pictures say, one after the other."""

    black: _Stretches = field(default_factory=_Stretches)
    frozen: _Stretches = field(default_factory=_Stretches)
    pictures: int = 0
    damaged: int = 0
    first_s: float = math.inf
    end_s: float = 0.0
    size: tuple[int, int] = (0, 0)
    reference: NDArray[np.int16] | None = None

    def note(self, frame: Any, rest_s: float) -> None:
        """Look at a picture; rest_s: how long one is shown."""
        self.pictures += 1
        self.damaged += bool(frame.is_corrupt)
        at_s = float(frame.time) if frame.time is not None else self.end_s
        end_s = at_s + rest_s
        self.first_s, self.end_s = min(self.first_s, at_s), max(self.end_s, end_s)
        self.size = (frame.width, frame.height)
        luma = _luma(frame)
        self.black.note(at_s, end_s, holds=bool(np.count_nonzero(luma > _DARK) * 50 <= luma.size))
        stands = self.reference is not None and self.reference.shape == luma.shape
        if stands and self.reference is not None:
            moved = np.count_nonzero(np.abs(luma - self.reference) > _MOVED) / luma.size
            stands = bool(moved <= (_REFRESHED_SHARE if frame.key_frame else _MOVED_SHARE))
        if not stands or frame.key_frame:
            self.reference = luma
        if not stands:
            self.frozen.note(at_s, end_s, holds=False)
        self.frozen.note(at_s, end_s, holds=True)


@dataclass(slots=True)
class _Sound:
    """What the sound says, one block after the other."""

    silent: _Stretches = field(default_factory=_Stretches)
    heard_s: float = 0.0
    silent_s: float = 0.0
    first_s: float = math.inf
    end_s: float = 0.0
    damaged: int = 0

    def note(self, frame: Any) -> None:
        """Listen to a block."""
        if not frame.samples or not frame.sample_rate:
            return
        at_s = float(frame.time) if frame.time is not None else self.end_s
        length_s = frame.samples / frame.sample_rate
        self.first_s, self.end_s = min(self.first_s, at_s), max(self.end_s, at_s + length_s)
        samples = frame.to_ndarray()
        scale = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
        flat = samples.ravel().astype(np.float32, copy=False)
        quiet = float(np.dot(flat, flat)) <= (_QUIET * scale) ** 2 * max(1, flat.size)
        self.silent.note(at_s, at_s + length_s, holds=quiet)
        self.heard_s += length_s
        self.silent_s += length_s if quiet else 0.0


def measure(path: Path) -> Measured:
    """Decode a video once, from begin to end, in one thread; a file that can't be opened has that fault."""
    try:
        length = path.stat().st_size
        with decoders.open_media(path) as container:
            return _measured(container, length)
    except reader.READ_ERRORS:
        return Measured(faults=("can't be decoded",))


def _measured(container: Any, length: int) -> Measured:
    if not container.streams.video:
        return Measured(bytes=length, faults=("no picture",))
    stream = container.streams.video[0]
    track = container.streams.audio[0] if container.streams.audio else None
    for each in filter(None, (stream, track)):
        each.codec_context.thread_count = 1
        # Without it the decoder hides damage under its neighbours.
        each.codec_context.options = {"err_detect": "explode"}
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    picture, sound, packets = _Picture(), _Sound(), 0
    try:
        for packet in container.demux([each for each in (stream, track) if each is not None]):
            packets += bool(packet.size) and packet.stream is stream
            _decode(packet, picture if packet.stream is stream else sound, 1 / rate)
    except reader.READ_ERRORS:
        picture.damaged += 1
    missing = max(picture.damaged, packets - picture.pictures)
    return Measured(
        duration_s=max(picture.end_s, sound.end_s),
        bytes=length,
        size=picture.size,
        faults=tuple(_faults(picture, sound if track is not None else None, missing)),
    )


def _decode(packet: Any, into: _Picture | _Sound, rest_s: float) -> None:
    try:
        for frame in packet.decode():
            if isinstance(into, _Picture):
                into.note(frame, rest_s)
            else:
                into.note(frame)
    except av.error.FFmpegError:
        into.damaged += 1


def _faults(picture: _Picture, sound: _Sound | None, missing: int) -> list[str]:
    faults: list[str] = []
    if not picture.pictures:
        return ["can't be decoded"]
    shown_s = picture.end_s - min(picture.first_s, picture.end_s)
    if missing:
        faults.append(f"{missing} pictures can't be decoded" if missing > 1 else "a picture can't be decoded")
    if sound is None or not sound.heard_s:
        faults.append("no sound" if sound is None else "the sound can't be decoded")
    else:
        if sound.damaged:
            faults.append("the sound is damaged")
        if sound.silent.longest_s >= SILENCE_S or sound.silent_s >= sound.heard_s / 2:
            faults.append(f"silent for {sound.silent.longest_s:.1f} s of {sound.heard_s:.1f} s")
        apart = max(abs(picture.end_s - sound.end_s), abs(picture.first_s - sound.first_s))
        if apart > APART_S:
            faults.append(f"sound and picture differ by {apart:.1f} s")
    if picture.black.longest_s > BLACK_S:
        faults.append(f"black for {picture.black.longest_s:.1f} s")
    if picture.frozen.longest_s >= FROZEN_S or 3 * picture.frozen.longest_s >= shown_s > _SHORTEST_S:
        faults.append(f"the picture stands for {picture.frozen.longest_s:.1f} s of {shown_s:.1f} s")
    return faults


_SHORTEST_S: Final = 1.0
"""A third of less than this is no standing picture."""


def _luma(frame: Any) -> NDArray[np.int16]:
    """Return a sample of the picture's brightness, without a copy of the whole."""
    if frame.format.name not in _PLANAR:
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    whole = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return whole[: frame.height : _STEP, : frame.width : _STEP].astype(np.int16)


def compare(batch: Sequence[Measured]) -> list[tuple[str, ...]]:
    """Return each video's faults, alone and beside the others: length, file size and dimensions far from the usual."""
    sound = [item for item in batch if item.duration_s > 0]
    if len(sound) < _LEAST:
        return [item.faults for item in batch]
    length_s = statistics.median(item.duration_s for item in sound)
    rate = statistics.median(item.bytes / item.duration_s for item in sound)
    (size, count), *_ = Counter(item.size for item in sound).most_common()
    return [
        (*item.faults, *_unusual(item, length_s, rate, size if 2 * count > len(sound) else (0, 0)))
        if item.duration_s > 0
        else item.faults
        for item in batch
    ]


def _unusual(item: Measured, length_s: float, rate: float, size: tuple[int, int]) -> list[str]:
    """Name what is far from the batch's middle. A name longer by a second, or a busier background, is not."""
    unusual = []
    away_s = item.duration_s - length_s
    if abs(away_s) > 1.0 and not length_s / 1.5 <= item.duration_s <= length_s * 1.5:
        unusual.append(f"{item.duration_s:.1f} s long, the others {length_s:.1f} s")
    if size not in {(0, 0), item.size}:
        unusual.append(f"{item.size[0]} x {item.size[1]} pixels, the others {size[0]} x {size[1]}")
    # A missing track or a black half makes a file small: that was said.
    if not item.faults and not rate / 4 <= item.bytes / item.duration_s <= rate * 4:
        unusual.append(f"{item.bytes / 1e6:.1f} MB, the others about {rate * item.duration_s / 1e6:.1f} MB")
    return unusual
