"""Reader of footage: whatever a file holds becomes upright constant-rate 8-bit pictures and 48 kHz stereo."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from bhuman_cli import files
from bhuman_cli.studio.render import decoders, encode
from bhuman_cli.studio.render.footage import hdr, timing

LONGEST_SIDE: Final = 1_920
LONGEST_S: Final = 1_800.0
FFmpegError: Final = av.error.FFmpegError
READ_ERRORS: Final = (av.error.FFmpegError, IndexError, UnicodeDecodeError, ValueError, OSError)
"""What PyAV raises for damaged files: IndexError where there is no stream, UnicodeDecodeError for damaged metadata."""


class SourceError(Exception):
    """The file can't be used; the message continues a sentence that begins with the file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a file holds, as it will be shown: even size after rotation and pixel shape, a standard rate.

    held_s: for how much of the duration the last picture stands still.
    """

    width: int
    height: int
    fps: Fraction
    duration_s: float
    held_s: float
    has_sound: bool

    @property
    def form(self) -> encode.Format:
        """Return the format that a base made from this file has."""
        return encode.Format(width=self.width, height=self.height, fps=self.fps)


def probe(path: Path) -> Probe:
    """Look into a video file: one picture is decoded to be sure that it can be.

    Raises:
        SourceError: there is no picture in it, or it can't be decoded.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        frame = _first_frame(container, stream)
        width, height = _shown_size(frame, stream)
        times = timing.measure(_packets(container, stream), stream)
        return Probe(
            width=width,
            height=height,
            fps=times.fps,
            duration_s=times.duration_s,
            held_s=times.held_s,
            has_sound=bool(container.streams.audio),
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with decoders.open_media(path) as container:
            if not container.streams.video:
                raise SourceError("holds sound but no picture" if container.streams.audio else "holds no video")
            yield container
    except SourceError:
        raise
    except READ_ERRORS as problem:
        files.raise_if_machine(problem)
        raise SourceError(_reason(path, problem)) from None


def _reason(path: Path, problem: BaseException) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as missing:
        return f"can't be read ({missing.strerror})"
    if not head:
        return "is an empty file"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        return "is a web page, not a video"
    if isinstance(problem, av.error.InvalidDataError) or not isinstance(problem, OSError):
        return "is damaged or not a video"
    return f"can't be decoded ({problem.strerror or type(problem).__name__})"


def _first_frame(container: Any, stream: Any) -> Any:
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                if frame.width * frame.height > decoders.MOST_PIXELS:
                    raise SourceError(f"has pictures of more than {decoders.MOST_PIXELS // 10**6} megapixels")
                return frame
        except av.error.InvalidDataError:
            continue
    raise SourceError("holds no picture that can be decoded")


def _shown_size(frame: Any, stream: Any) -> tuple[int, int]:
    shape = stream.sample_aspect_ratio or Fraction(1)
    width, height = float(frame.width) * float(shape or 1), float(frame.height)
    if abs(frame.rotation) % 180 == 90:
        width, height = height, width
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    return max(16, round(width * factor / 2) * 2), max(16, round(height * factor / 2) * 2)


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets of pictures and sound; a file that breaks off is as long as it got."""
    container.seek(0)
    try:
        yield from container.demux([stream, *container.streams.audio[:1]])
    except READ_ERRORS:
        return


def pictures(path: Path, form: encode.Format, *, limit_s: float = LONGEST_S, fit: str = "stretch") -> Iterator[Any]:
    """Yield the file's pictures as yuv420p frames of the given format; damaged packets are left out.

    fit: stretch (the size is the file's own), or cover (scaled and cropped to fill).

    Raises:
        SourceError: nothing could be decoded.
    """
    most = math.ceil(limit_s * form.fps)
    count = 0
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        chain = _Chain(form, stream, fit)
        for frame in _decoded(container, stream):
            for ready in chain.push(frame):
                count += 1
                yield ready
                if count >= most:
                    return
        for ready in chain.finish():
            count += 1
            yield ready
            if count >= most:
                return
    if not count:
        raise SourceError("holds no picture that can be decoded")


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield frames; a packet that can't be decoded is skipped, a file that breaks off ends."""
    packets = container.demux(stream)
    last = None
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except READ_ERRORS:
            return
        try:
            for frame in packet.decode():
                if frame.pts is None or (last is not None and frame.pts <= last):
                    frame.pts = (last if last is not None else -1) + 1
                last = frame.pts
                yield frame
        except av.error.FFmpegError:
            continue


class _Chain:
    """The filter graph from decoded frames to normal ones; made anew when the stream changes its format."""

    def __init__(self, form: encode.Format, stream: Any, fit: str) -> None:
        self._form, self._stream, self._fit = form, stream, fit
        self._key: tuple[Any, ...] = ()
        self._began: Any = None
        self._given = 0
        self._last: Any = None
        self._graph: Any = None
        self._sink: Any = None
        self._source: Any = None

    def push(self, frame: Any) -> Iterator[Any]:
        key = (frame.width, frame.height, frame.format.name, frame.rotation)
        if key != self._key:
            yield from self.finish()
            yield from self._held(frame)
            self._key = key
            self._build(frame)
        self._source.push(frame)
        yield from self._pull()

    def finish(self) -> Iterator[Any]:
        if self._graph is not None:
            self._source.push(None)
            yield from self._pull()
            self._graph = None

    def _held(self, frame: Any) -> Iterator[Any]:
        """Yield the last picture again until another kind of picture is due: sound goes on meanwhile."""
        if self._began is None:
            self._began = frame.pts
        due = round((frame.pts - self._began) * (frame.time_base or self._stream.time_base) * self._form.fps)
        while self._last is not None and self._given < due:
            self._given += 1
            yield self._last

    def _pull(self) -> Iterator[Any]:
        while True:
            try:
                self._last = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._given += 1
            yield self._last

    def _build(self, frame: Any) -> None:
        graph = av.filter.Graph()
        base = frame.time_base or self._stream.time_base
        shape = self._stream.sample_aspect_ratio or Fraction(1)
        self._source = graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={base.numerator}/{base.denominator}"
            f":pixel_aspect={shape.numerator}/{shape.denominator}",
        )
        node = self._source
        with hdr.table(frame.color_trc) if frame.color_trc in {hdr.PQ, hdr.HLG} else nullcontext("") as table:
            for name, arguments in self._filters(frame, table):
                following = graph.add(name, arguments) if arguments else graph.add(name)
                node.link_to(following)
                node = following
            self._sink = graph.add("buffersink")
            node.link_to(self._sink)
            graph.configure()
        self._graph = graph

    def _filters(self, frame: Any, table: str) -> list[tuple[str, str]]:
        """Return what leads to normal pictures. table: the file that maps HDR to ordinary colours, if it is HDR."""
        form = self._form
        matrix = "bt601" if frame.colorspace in {5, 6} or (frame.colorspace == 2 and frame.height < 720) else "bt709"
        matrix = "bt2020" if frame.colorspace in {9, 10} else matrix
        normal = "out_color_matrix=bt709:out_range=limited"
        colours = f"in_color_matrix={matrix}:flags=bicubic" + ("" if table else f":{normal}")
        turn = {90: "cclock", -90: "clock", 270: "clock", -270: "cclock"}.get(round(frame.rotation))
        chain = [("setpts", "PTS-STARTPTS"), ("fps", f"fps={form.fps.numerator}/{form.fps.denominator}")]
        if turn:
            chain.append(("transpose", f"dir={turn}"))
        elif abs(round(frame.rotation)) == 180:
            chain += [("hflip", ""), ("vflip", "")]
        size = f"w={form.width}:h={form.height}"
        if self._fit == "cover":
            chain.append(("scale", f"{size}:force_original_aspect_ratio=increase:force_divisible_by=2:{colours}"))
            chain.append(("crop", f"{size}"))
        else:
            chain.append(("scale", f"{size}:{colours}"))
        if table:
            chain += [("format", "pix_fmts=gbrp10"), ("lut3d", f"file={table}"), ("scale", normal)]
        return [*chain, ("format", "pix_fmts=yuv420p"), ("setsar", "1")]


def sound(path: Path, *, limit_s: float = LONGEST_S) -> NDArray[np.float32] | None:
    """Return the file's sound, stereo at 48 kHz, beginning with the first picture; None if there is none to decode."""
    try:
        with decoders.open_media(path) as container:
            return _resampled(container, limit_s) if container.streams.audio else None
    except READ_ERRORS:
        return None


def _resampled(container: Any, limit_s: float) -> NDArray[np.float32] | None:
    stream = container.streams.audio[0]
    resampler = av.AudioResampler("fltp", "stereo", encode.AUDIO_RATE)
    parts: list[NDArray[np.float32]] = []
    first_s: float | None = None
    length = 0
    for frame in _decoded(container, stream):
        if first_s is None and frame.time is not None:
            first_s = float(frame.time)
        frame.pts = None
        for ready in resampler.resample(frame):
            parts.append(np.asarray(ready.to_ndarray(), np.float32))
            length += parts[-1].shape[1]
        if length > limit_s * encode.AUDIO_RATE:
            break
    if not parts:
        return None
    samples = np.concatenate(parts, 1)
    start = (
        float(container.streams.video[0].start_time or 0) * float(container.streams.video[0].time_base or 0)
        if container.streams.video
        else 0.0
    )
    lead = round(((first_s or 0.0) - start) * encode.AUDIO_RATE)
    if lead > 0:
        samples = np.concatenate([np.zeros((2, lead), np.float32), samples], 1)
    return np.ascontiguousarray(samples[:, -lead:] if lead < 0 else samples, np.float32)
