"""Owns the preview GIF: prepared once per base, and per row only what changed is drawn and compressed again."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.filter
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from bhuman_cli.studio.render import compose
from bhuman_cli.studio.render.base import Base

RATE: Final = 12
SECONDS: Final = 3.0
LONG_SIDE: Final = 320
CLEAR: Final = 255
"""The palette's transparent entry: a pixel that stays as it was drawn last."""

STILL: Final = 6
"""Difference per channel below which a pixel counts as unmoved."""

CUT: Final = 0.6
"""With fewer unmoved pixels it is another scene: what nearly stayed would show the outline of the last one."""

DITHER: Final = 10
_BAYER: Final = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 0.47

Small = NDArray[np.uint8]


@dataclass(slots=True, eq=False)
class GifBase:
    """What all GIFs of one base share.

    numbers: the base's frames that are shown. small: them as RGB. index: palette indices, CLEAR where nothing moved.
    seen: what a viewer sees after each frame. blocks: the frames, compressed. table: 18-bit colour to index.
    """

    size: tuple[int, int]
    numbers: tuple[int, ...]
    small: NDArray[np.uint8]
    index: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    blocks: list[bytes]
    table: NDArray[np.uint8]
    head: bytes

    def render(self, changed: Mapping[int, Small]) -> bytes:
        """Return the GIF of a row; changed: its pictures by base frame number, where they differ from the base's."""
        out = [self.head]
        before: tuple[slice, slice] | None = None
        seen: Small | None = None
        for number, frame in enumerate(self.numbers):
            mine = changed.get(frame)
            dirty = None if mine is None else _box(_differ(mine, self.small[number]))
            box = _union(before, dirty)
            if box is None:
                out.append(self.blocks[number])
            else:
                picture = self.small[number] if mine is None else mine
                last = seen if seen is not None else (self.seen[number - 1] if number else None)
                index, seen = self._redraw(number, picture, last, box)
                out.append(_block(index, _delay(number)))
            before = dirty
            seen = None if dirty is None else seen
        return b"".join(out) + b";"

    def _redraw(self, number: int, picture: Small, last: Small | None, box: tuple[slice, slice]) -> tuple[Small, Small]:
        index, seen = self.index[number].copy(), self.seen[number].copy()
        index[box], seen[box] = _step(picture, last, self.table, box)
        return index, seen


def _step(
    picture: Small, last: Small | None, table: NDArray[np.uint8], box: tuple[slice, slice]
) -> tuple[Small, Small]:
    """Return the palette indices of a box, CLEAR where the viewer sees nearly that already, and what is then seen."""
    part = picture[box]
    rows, columns = box
    pattern = np.tile(_BAYER, (picture.shape[0] // 4 + 1, picture.shape[1] // 4 + 1))[rows, columns, None] * DITHER
    reduced = np.clip(part + pattern.astype(np.int16), 0, 255).astype(np.int32) >> 2
    index = table[(reduced[..., 0] << 12) | (reduced[..., 1] << 6) | reduced[..., 2]]
    if last is None:
        return index, part.copy()
    away = np.abs(part.astype(np.int16) - last[box])
    keep = (away[..., 0] <= STILL) & (away[..., 1] <= STILL) & (away[..., 2] <= STILL)
    if keep.mean() < CUT:
        return index, part.copy()
    return np.where(keep, CLEAR, index).astype(np.uint8), np.where(keep[..., None], last[box], part)


def _differ(one: Small, other: Small) -> NDArray[np.bool_]:
    """Return where two pictures differ; channel by channel, as reducing over an axis of three is ten times slower."""
    unlike = one != other
    out: NDArray[np.bool_] = unlike[..., 0] | unlike[..., 1] | unlike[..., 2]
    return out


def size_of(width: int, height: int) -> tuple[int, int]:
    """Return the GIF's size for a video's."""
    factor = LONG_SIDE / max(width, height)
    return max(2, round(width * factor)), max(2, round(height * factor))


def shrink(picture: NDArray[np.uint8], width: int, height: int, size: tuple[int, int]) -> Small:
    """Return a packed yuv420p picture as RGB of the given size."""
    frame = compose.frame(picture[: width * height * 3 // 2], width)
    small = frame.reformat(*size, "rgb24", src_colorspace="ITU709", dst_colorspace="ITU709", interpolation="AREA")
    return np.asarray(small.to_ndarray())


def load(base: Base) -> GifBase:
    """Return what the base's GIFs share, from its file beside the base or made now."""
    path = base.path.with_name(f"{base.path.stem}-gif.npz")
    with contextlib.suppress(*_NOT_THERE):
        return _read(base, path)
    with FileLock(str(path.with_suffix(".lock"))):
        with contextlib.suppress(*_NOT_THERE):
            return _read(base, path)
        made = _assemble(base, _smalls(base))
        _store(path, made)
    return made


_NOT_THERE: Final = (OSError, ValueError, KeyError, EOFError)


def _read(base: Base, path: Path) -> GifBase:
    with np.load(path) as stored:
        blocks = stored["blocks"].tobytes()
        ends = stored["ends"]
        return GifBase(
            size=(int(stored["small"].shape[2]), int(stored["small"].shape[1])),
            numbers=_numbers(base),
            small=stored["small"],
            index=stored["index"],
            seen=stored["seen"],
            blocks=[blocks[start:end] for start, end in itertools.pairwise((0, *ends.tolist()))],
            table=stored["table"],
            head=stored["head"].tobytes(),
        )


def _smalls(base: Base) -> NDArray[np.uint8]:
    numbers = _numbers(base)
    size = size_of(base.form.width, base.form.height)
    wanted = set(numbers)
    return np.stack(
        [
            shrink(picture, base.form.width, base.form.height, size)
            for number, picture in enumerate(base.decoded(0, numbers[-1] + 1))
            if number in wanted
        ]
    )


def _numbers(base: Base) -> tuple[int, ...]:
    count = min(round(SECONDS * RATE), max(1, int(base.frames / base.form.fps * RATE)))
    return tuple(min(base.frames - 1, int(k * base.form.fps / RATE)) for k in range(count))


def _store(path: Path, made: GifBase) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".gif-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(
                file,
                small=made.small,
                index=made.index,
                seen=made.seen,
                table=made.table,
                blocks=np.frombuffer(b"".join(made.blocks), np.uint8),
                ends=np.cumsum([len(block) for block in made.blocks]),
                head=np.frombuffer(made.head, np.uint8),
            )
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _assemble(base: Base, small: NDArray[np.uint8]) -> GifBase:
    palette = _palette(small)
    table = _table(palette)
    size = (small.shape[2], small.shape[1])
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    head = b"GIF89a" + _le(size[0]) + _le(size[1]) + b"\xf7\0\0" + colours.tobytes() + loop
    index, seen = np.empty(small.shape[:3], np.uint8), np.empty_like(small)
    for number, picture in enumerate(small):
        whole = (slice(0, size[1]), slice(0, size[0]))
        index[number], seen[number] = _step(picture, seen[number - 1] if number else None, table, whole)
    blocks = [_block(frame, _delay(number)) for number, frame in enumerate(index)]
    return GifBase(size, _numbers(base), small, index, seen, blocks, table, head)


def _palette(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 colours for the frames, with room for the captions' own (ffmpeg's palettegen)."""
    from bhuman_cli.studio.render import styles

    ramp = np.zeros_like(small[0])
    colours = (styles.WHITE, styles.INK, styles.ACCENT, (0, 0, 0), (154, 150, 240), (139, 141, 149))
    band = max(1, ramp.shape[0] // len(colours))
    for number, colour in enumerate(colours):
        ramp[number * band : (number + 1) * band] = colour
    height, width = ramp.shape[:2]
    graph = av.filter.Graph()
    feed = graph.add("buffer", f"video_size={width}x{height}:pix_fmt=rgb24:time_base=1/{RATE}:pixel_aspect=1/1")
    generate = graph.add("palettegen", "max_colors=255:reserve_transparent=0:stats_mode=full")
    sink = graph.add("buffersink")
    feed.link_to(generate)
    generate.link_to(sink)
    graph.configure()
    for number, picture in enumerate([*small[::4], ramp]):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        feed.push(frame)
    feed.push(None)
    found: Any = sink.pull()
    return np.ascontiguousarray(found.to_ndarray(format="rgba").reshape(-1, 4)[:255, :3])


def _table(palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the nearest palette entry for every colour of 6 bits a channel, weighted as eyes weigh them."""
    steps = ((np.arange(64) + 0.5) * 4).astype(np.float32)
    weights = np.sqrt(np.array([3, 6, 1], np.float32))
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3) * weights
    entries = palette.astype(np.float32) * weights
    squares = (entries * entries).sum(1)
    out = np.empty(len(colours), np.uint8)
    for start in range(0, len(colours), 16_384):
        out[start : start + 16_384] = (squares[None] - 2 * (colours[start : start + 16_384] @ entries.T)).argmin(1)
    return out


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _union(one: tuple[slice, slice] | None, other: tuple[slice, slice] | None) -> tuple[slice, slice] | None:
    if one is None or other is None:
        return one or other
    return (
        slice(min(one[0].start, other[0].start), max(one[0].stop, other[0].stop)),
        slice(min(one[1].start, other[1].start), max(one[1].stop, other[1].stop)),
    )


def _delay(number: int) -> int:
    return round(100 * (number + 1) / RATE) - round(100 * number / RATE)


def _block(index: Small, delay: int) -> bytes:
    """Return one frame cut to what moved."""
    box = _box(index != CLEAR) or (slice(0, 1), slice(0, 1))
    part = index[box]
    place = _le(box[1].start) + _le(box[0].start) + _le(part.shape[1]) + _le(part.shape[0])
    return b"!\xf9\x04\x05" + _le(delay) + bytes([CLEAR]) + b"\0," + place + b"\0" + _compress(part)


def _compress(index: Small) -> bytes:
    """Return LZW data by Pillow's encoder; its way in is private, so if it is gone a finished GIF is taken apart."""
    image = Image.frombuffer("L", (index.shape[1], index.shape[0]), np.ascontiguousarray(index), "raw", "L", 0, 1)
    try:
        from PIL import ImageFile

        image.encoderconfig = (8, False)
        out = io.BytesIO()
        ImageFile._save(image, out, [ImageFile._Tile("gif", (0, 0, *image.size), 0, "L")])
        return b"\x08" + out.getvalue() + b"\0"
    except (AttributeError, TypeError):
        return _taken_apart(image)


def _taken_apart(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "GIF", optimize=False, interlace=False)
    data = out.getvalue()
    at = data.rindex(b"," + b"\0\0\0\0" + _le(image.width) + _le(image.height))
    start = at + 10 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0)
    return data[start:-1]


def _le(value: int) -> bytes:
    return int(value).to_bytes(2, "little")


def frames_needed(numbers: Sequence[int], first: int, last: int) -> frozenset[int]:
    """Return which of the GIF's frames lie in a piece."""
    return frozenset(number for number in numbers if first <= number < last)
