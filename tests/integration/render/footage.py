"""Media made by code for the renderer's tests: footage whose every pixel is known, and files as odd as people send."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

GREY = (90, 90, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What to encode. colour: of every pixel, or None for a picture that moves. still: one picture instead."""

    seconds: float = 4.0
    size: tuple[int, int] = (640, 360)
    fps: int = 30
    colour: tuple[int, int, int] | None = GREY
    still: Any = None
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    sound: bool = True
    options: tuple[tuple[str, str], ...] = (("preset", "ultrafast"), ("crf", "10"))


def make(path: Path, clip: Clip) -> Path:
    """Encode a clip, tagged BT.709."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(clip.codec, rate=clip.fps, options=dict(clip.options))
        stream.width, stream.height, stream.pix_fmt = *clip.size, clip.pix_fmt
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
        track: Any = None
        if clip.sound:
            track = out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48_000, layout="stereo")
        count = round(clip.seconds * clip.fps)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(clip, number, count), "rgb24")
            frame = frame.reformat(format=clip.pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = number, Fraction(1, clip.fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if track is not None:
            for frame in tone(clip.seconds):
                out.mux(track.encode(frame))
            out.mux(track.encode(None))
    return path


def picture(clip: Clip, number: int, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    width, height = clip.size
    if clip.still is not None:
        return np.asarray(clip.still)
    if clip.colour is not None:
        return np.full((height, width, 3), clip.colour, np.uint8)
    y, x = np.mgrid[0:height, 0:width]
    shift = number * 255 // max(1, count)
    return np.stack([(x * 255 // width + shift) % 256, y * 255 // height, np.full_like(x, shift)], -1).astype(np.uint8)


def tone(seconds: float, pitch: float = 440.0) -> list[Any]:
    """Return audio frames of a sine."""
    time = np.arange(round(seconds * 48_000)) / 48_000
    wave = (0.3 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)
    frames = []
    for start in range(0, len(wave), 960):
        part = np.ascontiguousarray(np.stack([wave[start : start + 960]] * 2))
        frame: Any = av.AudioFrame.from_ndarray(part, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        frames.append(frame)
    return frames


@dataclass(frozen=True, slots=True)
class Film:
    """A decoded file: every picture as RGB, the sound, the packets' times."""

    pictures: list[np.ndarray[Any, np.dtype[np.uint8]]]
    sound: np.ndarray[Any, np.dtype[np.float32]] | None
    dts: list[int]
    keys: list[int]
    fps: Fraction
    duration_s: float


def decode(path: Path | str) -> Film:
    """Decode a whole file."""
    container: Any
    with av.open(str(path)) as container:
        pictures = [
            frame.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709").to_ndarray()
            for frame in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.dts is not None]
        tick = 1 / stream.average_rate / stream.time_base
        dts = [packet.dts for packet in packets]
        keys = sorted(round(packet.pts / tick) for packet in packets if packet.is_keyframe)
        fps, duration_s = stream.average_rate, float(container.duration / av.time_base)
        has_sound = bool(container.streams.audio)
    sound = None
    if has_sound:
        with av.open(str(path)) as container:
            sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], 1)
    return Film(pictures, sound, dts, keys, fps, duration_s)


def some(path: Path | str, *numbers: int) -> dict[int, np.ndarray[Any, np.dtype[np.uint8]]]:
    """Decode a file, and return a few of its pictures as RGB."""
    found: dict[int, Any] = {}
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in numbers:
                rgb: Any = frame.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709")
                found[number] = rgb.to_ndarray()
    return found


def near(found: Any, wanted: tuple[int, int, int], within: int = 14) -> bool:
    """Say whether a pixel (or the mean of an area) has a colour."""
    mean = np.asarray(found, np.float64).reshape(-1, 3).mean(0)
    return bool(np.abs(mean - np.array(wanted)).max() <= within)


def image(path: Path, colour: tuple[int, ...], size: tuple[int, int] = (640, 360), mode: str = "RGB") -> Path:
    """Save a picture of one colour; the ending picks the format."""
    Image.new(mode, size, colour).save(path)
    return path
