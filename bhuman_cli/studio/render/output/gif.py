"""Preview GIF: prepared once per base; per row only what changed is drawn and compressed again."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from bhuman_cli import files
from bhuman_cli.studio.render import compose
from bhuman_cli.studio.render.base import Base
from bhuman_cli.studio.render.output import palette, play_mark

RATE: Final = 12
SECONDS: Final = 3.0
LONG_SIDE: Final = 480
FULL_S: Final = 0.6
"""Seconds after its beginning at which a caption stands there whole: the loop begins with it, and some mail programs
show only that first picture."""

EARLY_S: Final = 1.5
"""A first caption that begins later than this is no greeting."""

CLEAR: Final = 255
"""The palette's transparent entry: a pixel that stays as it was drawn last."""

STILL: Final = 6
"""Difference per channel below which a pixel counts as unmoved."""

CUT: Final = 0.6
"""With fewer unmoved pixels it is another scene: what nearly stayed would show the outline of the last one."""

SAMPLED: Final = 4
"""Of how many drawn frames one is asked for its colours: a quarter of its pixels."""

DITHER: Final = 10
_BAYER: Final = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 0.47

Small = NDArray[np.uint8]


@dataclass(slots=True, eq=False)
class GifBase:
    """What all GIFs of one base share.

    numbers: the base's frames that are shown. small: them as RGB. index: palette indices, CLEAR where nothing moved.
    seen: what a viewer sees after each frame. blocks: the frames, compressed. shared: the palette of all rows.
    own: one for rows whose texts or backgrounds have other colours, as the last such row needed it.
    """

    size: tuple[int, int]
    numbers: tuple[int, ...]
    small: NDArray[np.uint8]
    index: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    blocks: list[bytes]
    shared: palette.Palette
    head: bytes
    own: palette.Palette | None = None

    def render(self, changed: Mapping[int, Small]) -> bytes:
        """Return the GIF of a row; changed: its pictures by base frame number, where they differ from the base's."""
        out = [self.head]
        drawn = {
            number: _differ(changed[frame], self.small[number])
            for number, frame in enumerate(self.numbers)
            if frame in changed
        }
        own = self._own_colours(changed, drawn)
        before: tuple[slice, slice] | None = None
        seen: Small | None = None
        for number, frame in enumerate(self.numbers):
            dirty = _box(drawn[number]) if number in drawn else None
            box = _union(before, dirty)
            if box is None:
                out.append(self.blocks[number])
            else:
                picture = changed.get(frame, self.small[number])
                last = seen if seen is not None else (self.seen[number - 1] if number else None)
                if own is None or dirty is None:
                    index, seen = self._redraw(number, picture, last, box)
                    out.append(_block(index, _delay(number)))
                else:
                    index, seen = self._redraw_whole(number, picture, last, (box, own.table))
                    out.append(_block(index, _delay(number), own.entries))
            before = dirty
            seen = None if dirty is None else seen
        return b"".join(out) + b";"

    def _own_colours(
        self, changed: Mapping[int, Small], drawn: Mapping[int, NDArray[np.bool_]]
    ) -> palette.Palette | None:
        """Return a palette for rows like this one, where the shared one lacks their colours."""
        quarter = (slice(None, None, 2), slice(None, None, 2))
        numbers = list(drawn)[::SAMPLED]
        sampled = [(changed[self.numbers[number]][quarter], drawn[number][quarter]) for number in numbers]
        pixels = [picture[mask] for picture, mask in sampled]
        if palette.serves(self.shared, pixels):
            return None
        if self.own is None or not palette.serves(self.own, pixels):
            self.own = palette.choose([picture for picture, _ in sampled], coarse=True)
        return self.own

    def _redraw_whole(
        self, number: int, picture: Small, last: Small | None, drawn: tuple[tuple[slice, slice], Small]
    ) -> tuple[Small, Small]:
        """Return a frame all of whose pixels are of another palette: what moves in the base is among them."""
        box, table = drawn
        index = np.full(picture.shape[:2], CLEAR, np.uint8)
        box = (_union(box, _box(self.index[number] != CLEAR)) if last is not None else None) or _whole(self.size)
        seen = picture.copy() if last is None else last.copy()
        index[box], seen[box] = _step(picture, last, table, box)
        return index, seen

    def _redraw(self, number: int, picture: Small, last: Small | None, box: tuple[slice, slice]) -> tuple[Small, Small]:
        index, seen = self.index[number].copy(), self.seen[number].copy()
        index[box], seen[box] = _step(picture, last, self.shared.table, box)
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


def _whole(size: tuple[int, int]) -> tuple[slice, slice]:
    return slice(0, size[1]), slice(0, size[0])


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


def load(base: Base, marks: Sequence[int]) -> GifBase:
    """Return what the base's GIFs share, from its file beside the base or made now.

    marks: where captions begin and end; the loop begins where the first one is whole.
    """
    numbers = _numbers(base, _first(base, marks))
    path = base.path.with_name(f"{base.path.stem}-gif{LONG_SIDE}-{numbers[0]}.npz")
    with contextlib.suppress(*_NOT_THERE):
        return _read(numbers, path)
    with FileLock(str(path.with_suffix(".lock"))):
        with contextlib.suppress(*_NOT_THERE):
            return _read(numbers, path)
        made = _assemble(numbers, _smalls(base, numbers))
        _store(path, made)
    return made


def _first(base: Base, marks: Sequence[int]) -> int:
    begins = next((mark for mark in marks if 0 < mark <= EARLY_S * base.form.fps), 0)
    return min(begins + round(FULL_S * base.form.fps), max(0, base.frames - round(base.form.fps)))


_NOT_THERE: Final = (OSError, ValueError, KeyError, EOFError)


def _read(numbers: tuple[int, ...], path: Path) -> GifBase:
    with np.load(path) as stored:
        blocks = stored["blocks"].tobytes()
        ends = stored["ends"]
        return GifBase(
            size=(int(stored["small"].shape[2]), int(stored["small"].shape[1])),
            numbers=numbers,
            small=stored["small"],
            index=stored["index"],
            seen=stored["seen"],
            blocks=[blocks[start:end] for start, end in itertools.pairwise((0, *ends.tolist()))],
            shared=palette.Palette(stored["colours"], stored["table"]),
            head=stored["head"].tobytes(),
        )


def _smalls(base: Base, numbers: tuple[int, ...]) -> NDArray[np.uint8]:
    size = size_of(base.form.width, base.form.height)
    wanted = set(numbers)
    return np.stack(
        [
            play_mark.draw(shrink(picture, base.form.width, base.form.height, size))
            for number, picture in enumerate(base.decoded(0, numbers[-1] + 1))
            if number in wanted
        ]
    )


def _numbers(base: Base, first: int) -> tuple[int, ...]:
    count = min(round(SECONDS * RATE), max(1, int((base.frames - first) / base.form.fps * RATE)))
    return tuple(min(base.frames - 1, first + int(k * base.form.fps / RATE)) for k in range(count))


def _store(path: Path, made: GifBase) -> None:
    with files.aside(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            small=made.small,
            index=made.index,
            seen=made.seen,
            table=made.shared.table,
            colours=made.shared.colours,
            blocks=np.frombuffer(b"".join(made.blocks), np.uint8),
            ends=np.cumsum([len(block) for block in made.blocks]),
            head=np.frombuffer(made.head, np.uint8),
        )


def _assemble(numbers: tuple[int, ...], small: NDArray[np.uint8]) -> GifBase:
    shared = palette.choose(small[::4])
    size = (small.shape[2], small.shape[1])
    loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    head = b"GIF89a" + _le(size[0]) + _le(size[1]) + b"\xf7\0\0" + shared.entries + loop
    index, seen = np.empty(small.shape[:3], np.uint8), np.empty_like(small)
    for number, picture in enumerate(small):
        last = seen[number - 1] if number else None
        index[number], seen[number] = _step(picture, last, shared.table, _whole(size))
    blocks = [_block(frame, _delay(number)) for number, frame in enumerate(index)]
    return GifBase(size, numbers, small, index, seen, blocks, shared, head)


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


def _block(index: Small, delay: int, entries: bytes = b"") -> bytes:
    """Return one frame cut to what moved, with a palette of its own where there are entries."""
    box = _box(index != CLEAR) or (slice(0, 1), slice(0, 1))
    part = index[box]
    place = _le(box[1].start) + _le(box[0].start) + _le(part.shape[1]) + _le(part.shape[0])
    kind = b"\x87" + entries if entries else b"\0"
    return b"!\xf9\x04\x05" + _le(delay) + bytes([CLEAR]) + b"\0," + place + kind + _compress(part)


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
