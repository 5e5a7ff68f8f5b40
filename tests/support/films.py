"""Small videos with planted defects, made by PyAV, and files that were spoilt on their way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A small video. silent, black, frozen: (from, to) in seconds. sound_s: None for no track. late_s: of its begin."""

    seconds: float = 8.0
    sound_s: float | None = 8.0
    size: tuple[int, int] = (320, 180)
    silent: tuple[float, float] = (0, 0)
    black: tuple[float, float] = (0, 0)
    frozen: tuple[float, float] = (0, 0)
    late_s: float = 0.0
    shade: int = 0
    crf: int = 30
    noisy: bool = False


def make(path: Path, film: Film) -> Path:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": str(film.crf)})
        stream.width, stream.height, stream.pix_fmt = *film.size, "yuv420p"
        track: Any = out.add_stream("aac", rate=48_000, layout="stereo") if film.sound_s else None
        for number in range(round(film.seconds * 25)):
            frame = av.VideoFrame.from_ndarray(picture(film, number / 25), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if track is not None:
            for frame in tone(film):
                out.mux(track.encode(frame))
            out.mux(track.encode(None))
    return path


def picture(film: Film, at: float) -> np.ndarray[Any, np.dtype[np.uint8]]:
    width, height = film.size
    if film.black[0] <= at < film.black[1]:
        return np.zeros((height, width, 3), np.uint8)
    moment = film.frozen[0] if film.frozen[0] <= at < film.frozen[1] else at
    y, x = np.mgrid[0:height, 0:width]
    whole = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 90 + film.shade)], -1).astype(np.uint8)
    left = 20 + int(moment * 30) % 240  # a small thing that moves, like a head in a corner
    whole[100:140, left : left + 40] = (250, 240, 230)
    if film.noisy:
        whole ^= np.random.default_rng(round(at * 25)).integers(0, 64, whole.shape, np.uint8)
    return whole


def tone(film: Film) -> Iterator[Any]:
    at = np.arange(round((film.sound_s or 0) * 48_000)) / 48_000
    wave = 0.2 * np.sin(2 * np.pi * 330 * at) * ~((film.silent[0] <= at) & (at < film.silent[1]))
    late = round(film.late_s * 48_000)
    for start in range(0, len(wave), 1024):
        block = np.ascontiguousarray(np.stack([wave[start : start + 1024].astype(np.float32)] * 2))
        frame: Any = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start + late, Fraction(1, 48_000)
        yield frame


GOOD = Film()
DEFECTS: dict[str, tuple[Film, str]] = {
    "mute": (replace(GOOD, sound_s=None), "no sound"),
    "silence": (replace(GOOD, silent=(1, 6.5)), "silent for"),
    "half-silent": (replace(GOOD, silent=(0, 4.2)), "silent for"),
    "black": (replace(GOOD, black=(3, 5.4)), "black for"),
    "frozen": (replace(GOOD, frozen=(2, 7.2)), "picture stands"),
    "frozen-third": (replace(GOOD, frozen=(4, 7)), "picture stands"),
    "apart": (replace(GOOD, sound_s=7.2), "sound and picture differ"),
    "late sound": (replace(GOOD, sound_s=7.2, late_s=0.8), "sound and picture differ"),
    "frozen tail": (replace(GOOD, frozen=(5, 8)), "picture stands"),
    "black begin": (replace(GOOD, black=(0, 2.2)), "black for"),
    "short": (replace(GOOD, seconds=4, sound_s=4), "the others"),
    "portrait": (replace(GOOD, size=(180, 320)), "pixels"),
    "heavy": (replace(GOOD, noisy=True, crf=18), "MB"),
}

SPOILT: Final = dict.fromkeys(("damaged", "half", "empty", "zeros", "a page"), "can't be decoded")


def spoilt(film: Path, folder: Path) -> dict[str, Path]:
    """Write a sound film's bytes damaged in the middle, cut off, missing, wiped, and a page in its place."""
    whole = film.read_bytes()
    middle = whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 3
    noise = bytes((place * 37) % 251 for place in range(600))
    contents = (
        whole[:middle] + noise + whole[middle + 600 :], whole[: len(whole) // 2], b"", bytes(len(whole)),
        b"<html>Not found</html>" * 100,
    )  # fmt: skip
    for name, content in zip(SPOILT, contents, strict=True):
        (folder / f"{name}.mp4").write_bytes(content)
    return {name: folder / f"{name}.mp4" for name in SPOILT}
