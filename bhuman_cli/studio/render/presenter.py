"""Video of the built-in presenter: made by code at first use, kept in the cache. Its motion and sound."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bhuman_cli import files

VERSION: Final = 4
"""Part of the file's name: raise it whenever picture or sound change."""

FPS: Final = 30
DURATION_S: Final = 9.0
FRAMES: Final = int(DURATION_S * FPS)
MARKS: Final = tuple(range(0, FRAMES, FPS // 2))
"""Key frames at every half second, so that captions and backgrounds can begin there without encoding anything again."""

FOCUS: Final = 470 / 1280
"""Where in the picture's width the presenter stands."""

_RATE: Final = 48_000
LOUDER: Final = 10 ** (14.5 / 20)
"""Brings the track to -16 LUFS, what players on the web expect."""

_LOOP: Final = 3 * FPS
"""Body and speech repeat after three seconds, so most pictures are drawn once."""

# Not at 52, where the greeting's thumbnail is taken.
_BLINKS: Final = (74, 139, 186, 250)
_CHORDS: Final = (
    (220.00, 277.18, 329.63),
    (185.00, 246.94, 329.63),
    (174.61, 220.00, 261.63),
    (196.00, 246.94, 293.66),
)
_TUNE: Final = (659.26, 554.37, 493.88, 554.37, 659.26, 739.99, 659.26, 587.33, 554.37, 493.88, 554.37, 440.00)


def video(cache_dir: Path, variant: str = "room") -> Path:
    """Return the presenter's MP4, making it if need be. variant: room, or green for keying.

    Several processes may ask at once: one makes it, the others wait for it.
    """
    from filelock import FileLock

    path = path_of(cache_dir, variant)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(path.with_suffix(".lock"))):
        if not path.is_file():
            _make(path, variant)
    return path


def path_of(cache_dir: Path, variant: str = "room") -> Path:
    """Return where this version of the presenter is, or will be."""
    return cache_dir / "presenter" / f"presenter-{variant}-v{VERSION}.mp4"


def _make(path: Path, variant: str) -> None:
    from bhuman_cli.studio.render import encode, pen, room

    form = encode.Format(width=pen.WIDTH, height=pen.HEIGHT, fps=Fraction(FPS))
    with files.aside(path) as temporary:
        writer = encode.Writer(str(temporary), form, MARKS, sound(), threads=1)
        # Drawing holds Python, encoding does not: side by side they take half the time.
        with ThreadPoolExecutor(1) as encoding:
            picture = _pictures(room.green() if variant == "green" else room.room())
            written = [encoding.submit(writer.write, picture(number)) for number in range(FRAMES)]
        for result in written:
            result.result()
        writer.close()


def _pictures(background: Any) -> Callable[[int], Any]:
    """Return a function that gives the picture of a frame; equal poses are drawn once."""
    import av

    from bhuman_cli.studio.render import compose, figure, pen

    still = pen.packed(background)
    drawn: dict[Any, Any] = {}

    def picture(number: int) -> Any:
        pose = pose_at(number)
        if pose not in drawn:
            moving, left, top = figure.draw(background, pose)
            whole = still.copy()
            size = (moving.width // pen.SHARP, moving.height // pen.SHARP)
            compose.paste(whole, pen.packed(moving), (left, top), (pen.WIDTH, size))
            drawn[pose] = av.VideoFrame.from_numpy_buffer(whole.reshape(-1, pen.WIDTH), "yuv420p")
        return drawn[pose]

    return picture


def pose_at(number: int) -> Any:
    """Return how the presenter stands at a frame: a slow sway, words in groups, blinks, and a wave at the start."""
    from bhuman_cli.studio.render import figure

    turn = 2 * math.pi * (number % _LOOP) / _LOOP
    blink = max((1 - abs(number - at) / 3 for at in _BLINKS if abs(number - at) < 3), default=0.0)
    lift = _ease((number - 4) / 12) * (1 - _ease((number - 58) / 14))
    return figure.Pose(
        sway=round(7 * math.sin(turn), 2),
        nod=round(2.2 * math.sin(2 * turn + 0.6) + 1.4 * math.sin(3 * turn), 2),
        tilt=round(0.018 * math.sin(turn + 0.9), 4),
        mouth=round(_speech(number % _LOOP), 2),
        blink=round(blink, 2),
        arm=round(lift, 3),
        wave=round(0.42 * math.sin((number - 10) * 2 * math.pi / 15) * lift, 3) if lift > 0.02 else 0.0,
        brow=round(2.2 * max(0.0, math.sin(2 * turn + 1.2)), 1),
    )


def _speech(number: int) -> float:
    """Return how far the mouth is open: two phrases in three seconds, with a smile between them."""
    second = number / FPS
    phrase = _ease(second / 0.2) * (1 - _ease((second - 1.25) / 0.2)) + _ease((second - 1.65) / 0.2) * (
        1 - _ease((second - 2.6) / 0.25)
    )
    syllables = 0.5 + 0.5 * math.sin(second * 2 * math.pi * 3.67 + 1.1 * math.sin(second * 5.2))
    return phrase * (0.16 + 0.62 * math.pow(syllables, 1.4))


def _ease(value: float) -> float:
    inside = min(1.0, max(0.0, value))
    return inside * inside * (3 - 2 * inside)


def sound() -> NDArray[np.float32]:
    """Return the sound track, stereo at 48 kHz: a soft pad under plucked notes in the rhythm of the phrases."""
    length = int(DURATION_S * _RATE)
    track = np.zeros((2, length), np.float32)
    for number, chord in enumerate(_CHORDS):
        at, time = _window(number * DURATION_S / len(_CHORDS) - 0.8, 3.8, length)
        swell = np.clip(1 - np.abs(time - 1.9) / 1.9, 0, 1) ** 1.5
        for voice, pitch in enumerate(chord):
            tone = np.sin(2 * np.pi * pitch * time) + 0.35 * np.sin(2 * np.pi * pitch * 1.003 * time + voice)
            track[0, at] += 0.030 * swell * tone * (1.0 - 0.2 * voice)
            track[1, at] += 0.030 * swell * tone * (0.6 + 0.2 * voice)
    for number, pitch in enumerate(_TUNE):
        at, time = _window(0.35 + number * 0.68, 1.2, length)
        note = np.exp(-time * 5.5) * np.clip(time / 0.008, 0, 1) * np.clip((1.2 - time) / 0.2, 0, 1)
        note *= np.sin(2 * np.pi * pitch * time) + 0.25 * np.sin(4 * np.pi * pitch * time)
        pan = 0.5 + 0.28 * math.sin(number * 1.7)
        track[0, at] += 0.075 * note * (1 - pan)
        track[1, at] += 0.075 * note * pan
    whole = np.arange(length, dtype=np.float32) / _RATE
    return LOUDER * track * np.clip(whole / 0.25, 0, 1) * np.clip((DURATION_S - whole) / 1.2, 0, 1)


def _window(start_s: float, length_s: float, length: int) -> tuple[slice, NDArray[np.float32]]:
    """Return a stretch of the track and the seconds since its start at each sample."""
    first = round(start_s * _RATE)
    inside = slice(max(0, first), min(length, first + round(length_s * _RATE)))
    return inside, ((np.arange(inside.start, inside.stop) - first) / _RATE).astype(np.float32)
