"""Base of a template: the footage encoded once, with key frames at the marks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from bhuman_cli import files
from bhuman_cli.studio.render import compose, encode, presenter
from bhuman_cli.studio.render.footage import reader

ENGINE: Final = 3
"""Part of every key in the cache: raise it whenever prepared files would come out different."""

MAPPED_LIMIT_BYTES: Final = 400 * 1024 * 1024
"""Pictures kept unpacked for one template; what goes beyond is decoded again for every row."""


@dataclass(slots=True, eq=False)
class Base:
    """A base in memory, one per process and template. Packets are kept in decode order.

    keys: the frames with key frames. splices: whether pieces encoded apart fit in; if not, rows are encoded in full.
    """

    path: Path
    form: encode.Format
    frames: int
    video: list[Any]
    audio: list[Any]
    audio_due_s: list[float]
    container: Any
    tick: int
    delay: int
    keys: frozenset[int]
    splices: bool

    @property
    def video_stream(self) -> Any:
        """Return the stream whose parameters every output shares."""
        return self.container.streams.video[0]

    @property
    def audio_stream(self) -> Any | None:
        """Return the sound's stream, or None for footage without sound."""
        return self.container.streams.audio[0] if self.container.streams.audio else None

    @property
    def picture_bytes(self) -> int:
        """Return the size of one unpacked picture."""
        return self.form.width * self.form.height * 3 // 2

    def packets(self, first: int, last: int) -> list[Any]:
        """Return the base's own packets that show the frames [first, last), in decode order."""
        low, high = first * self.tick, last * self.tick
        return [packet for packet in self.video if low <= packet.pts < high]

    def pictures(self, first: int, last: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the base's pictures [first, last), each packed as Y, U, V; read-only."""
        mapped = self._mapped(first, last)
        if mapped is not None:
            yield from mapped
        else:
            yield from self.decoded(first, last)

    def decoded(self, first: int, last: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the pictures from the encoded base."""
        container: Any
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            container.seek(first * self.tick, stream=stream, backward=True, any_frame=False)
            for frame in container.decode(stream):
                number = round(frame.pts / self.tick)
                if number >= last:
                    return
                if number >= first:
                    yield compose.packed(frame)

    def _mapped(self, first: int, last: int) -> NDArray[np.uint8] | None:
        """Return the pictures from a file that all workers share, making it if nobody else is at it."""
        path = self.path.with_name(f"{self.path.stem}-frames-{first}-{last}.yuv")
        size = (last - first) * self.picture_bytes
        if not path.is_file():
            used = sum(file.stat().st_size for file in path.parent.glob("*-frames-*.yuv"))
            if used + size > MAPPED_LIMIT_BYTES:
                return None
            try:
                with FileLock(str(path.with_suffix(".lock")), timeout=0):
                    _unpack(self.decoded(first, last), path)
            except Timeout:
                return None
        if path.stat().st_size != size:
            return None
        return np.memmap(path, np.uint8, "r", shape=(last - first, self.picture_bytes))


def _unpack(pictures: Iterator[NDArray[np.uint8]], path: Path) -> None:
    with files.aside(path) as temporary, temporary.open("wb") as file:
        for picture in pictures:
            file.write(picture.data)


def prepare(footage: Path, marks: Sequence[int], cache_dir: Path) -> Path:
    """Return the base made from footage with key frames at the marks; made once, whoever asks first.

    The built-in presenter has key frames at every half second and is taken as it is where they suffice.

    Raises:
        source.SourceError: the footage can't be decoded.
    """
    path = path_of(footage, marks, cache_dir)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(path.with_name("base.lock"))):
        if not path.is_file():
            _encode(footage, marks, path)
    return path


def path_of(footage: Path, marks: Sequence[int], cache_dir: Path) -> Path:
    """Return where the base made from footage is, or will be."""
    if _is_a_base(footage, marks, cache_dir):
        return footage
    return cache_dir / "bases" / _key(footage, marks) / "base.mp4"


def _key(footage: Path, marks: Sequence[int]) -> str:
    stat = footage.stat()
    said = f"{ENGINE}|{footage.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{','.join(map(str, marks))}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _is_a_base(footage: Path, marks: Sequence[int], cache_dir: Path) -> bool:
    return footage == presenter.path_of(cache_dir) and set(marks) <= set(presenter.MARKS)


def _encode(footage: Path, marks: Sequence[int], path: Path) -> None:
    probe = reader.probe(footage)
    sound = reader.sound(footage) if probe.has_sound else None
    with files.aside(path) as temporary:
        writer = encode.Writer(str(temporary), probe.form, marks, sound, threads=0)
        for frame in reader.pictures(footage, probe.form):
            writer.write(frame)
        missing = round(probe.duration_s * probe.fps) - writer.frames
        for _ in range(min(missing, math.ceil(probe.held_s * probe.fps))):
            writer.write(frame)
        writer.close()


def load(path: Path) -> Base:
    """Read a base's packets, and find out whether pieces can be spliced into it."""
    container: Any = av.open(str(path))
    stream = container.streams.video[0]
    video: list[Any] = []
    audio: list[Any] = []
    for packet in container.demux():
        if packet.dts is not None:
            (video if packet.stream is stream else audio).append(packet)
    fps = Fraction(stream.average_rate)
    tick = round(1 / fps / stream.time_base)
    form = encode.Format(width=stream.width, height=stream.height, fps=fps)
    headers = encode.avcc(bytes(encode.piece_encoder(form).extradata))
    regular = all(packet.pts % tick == 0 for packet in video) and len({p.pts for p in video}) == len(video)
    return Base(
        path=path,
        form=form,
        frames=len(video),
        video=video,
        audio=audio,
        audio_due_s=[float(packet.dts * packet.time_base) for packet in audio],
        container=container,
        tick=tick,
        delay=-video[0].dts // tick,
        keys=frozenset(packet.pts // tick for packet in video if packet.is_keyframe),
        splices=regular and headers == bytes(stream.codec_context.extradata),
    )
