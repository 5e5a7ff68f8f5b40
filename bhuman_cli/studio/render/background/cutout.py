"""Cutout of the presenter: in a box, in a circle, or freed from green. Kept for all rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import av
import av.filter
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from bhuman_cli import files
from bhuman_cli.studio.render import compose, pen
from bhuman_cli.studio.render.background import chroma_key
from bhuman_cli.studio.render.background import outline as outlines
from bhuman_cli.studio.render.base import Base
from bhuman_cli.studio.render.template import Backdrop

U8 = NDArray[np.uint8]
ENGINE: Final = 4
MARGIN: Final = 24
"""Design pixels between the presenter and the frame's edge."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the presenter stands in the finished picture, and what is cut from the footage; all even."""

    x: int
    y: int
    width: int
    height: int
    crop: tuple[int, int, int, int]
    corner: int = 0

    def is_free(self, frame: tuple[int, int]) -> bool:
        """Say whether there is a margin all around it."""
        return self.x > 0 and self.y > 0 and self.x + self.width < frame[0] and self.y + self.height < frame[1]


@dataclass(slots=True, eq=False)
class Cutout:
    """The cut-out pictures of some frames: premultiplied Y, U, V and alpha for luma and chroma, packed.

    mask: the alpha where it is the same in every frame, else it is packed with each picture. shadow: lies below.
    """

    shape: Shape
    first: int
    pictures: NDArray[np.uint8]
    mask: outlines.Masks | None
    shadow: outlines.Layer | None

    def lay(self, number: int, planes: compose.Planes) -> None:
        """Blend the presenter of a frame over a picture in place."""
        width, height = self.shape.width, self.shape.height
        packed = self.pictures[number - self.first]
        colour = compose.split(packed, width, height)
        if self.shadow is not None:
            outlines.mix(planes, self.shadow.x, self.shadow.y, self.shadow.planes, self.shadow.masks)
        outlines.mix(planes, self.shape.x, self.shape.y, colour, self.mask or self._masks(packed))

    def _masks(self, packed: U8) -> tuple[U8, U8]:
        width, height = self.shape.width, self.shape.height
        luma = width * height
        at = luma * 3 // 2
        inverse = packed[at : at + luma].reshape(height, width)
        return inverse, packed[at + luma : at + luma + luma // 4].reshape(height // 2, width // 2)


def shape_of(backdrop: Backdrop, width: int, height: int, focus: float | None) -> Shape:
    """Return where a presenter of this size and position stands.

    focus: where in the footage's width the person is, 0..1, if that is known; else the middle is taken for a circle,
        and nothing is cut off for chroma.
    """
    unit = min(width, height) / 720
    if backdrop.mode == "circle" or (backdrop.mode == "chroma" and focus is not None):
        side = min(width, height) & ~1
        left = min(max(0, round((0.5 if focus is None else focus) * width - side / 2)), width - side) & ~1
        crop = (left, (height - side) // 2 & ~1, side, side)
        size = (_even(backdrop.scale * side), _even(backdrop.scale * side))
    else:
        crop = (0, 0, width, height)
        size = (_even(backdrop.scale * width), _even(backdrop.scale * height))
    margin = round(MARGIN * unit)
    fits_x, fits_y = size[0] + 2 * margin <= width, size[1] + 2 * margin <= height
    # A cut-out person stands on the frame's edge: floating above it, the cut at the waist shows.
    below = 0 if backdrop.mode == "chroma" else margin
    x = _along(backdrop.position, ("left", "right"), width - size[0], margin if fits_x else 0, margin if fits_x else 0)
    y = _along(backdrop.position, ("top", "bottom"), height - size[1], margin if fits_y else 0, below if fits_y else 0)
    placed = Shape(x & ~1, y & ~1, size[0], size[1], crop)
    corner = round(outlines.CORNER * unit) if backdrop.mode == "basic" and placed.is_free((width, height)) else 0
    return replace(placed, corner=corner)


def _along(position: str, ends: tuple[str, str], room: int, near: int, far: int) -> int:
    if ends[0] in position:
        return min(near, room)
    return max(0, room - far) if ends[1] in position else room // 2


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def load(base: Base, backdrop: Backdrop, span: tuple[int, int], focus: float | None) -> Cutout:
    """Return the cut-outs of a span of frames, from their file beside the base or made now."""
    shape = shape_of(backdrop, base.form.width, base.form.height, focus)
    key = f"{ENGINE}|{backdrop.mode}|{shape}|{span}|{backdrop.colour}|{backdrop.similarity}|{backdrop.blend}"
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    path = base.path.with_name(f"{base.path.stem}-cut-{name}.yuv")
    luma = shape.width * shape.height
    size = luma * 3 // 2 + (luma * 5 // 4 if backdrop.mode == "chroma" else 0)
    if not path.is_file():
        with FileLock(str(path.with_suffix(".lock"))):
            if not path.is_file():
                _store(path, _cut(base, backdrop, shape, span))
    pictures = np.memmap(path, np.uint8, "r", shape=(span[1] - span[0], size))
    outline = _outline(backdrop.mode, shape)
    if outline is None:
        return Cutout(shape, span[0], pictures, None, None)
    frame = (base.form.width, base.form.height)
    below = outlines.shadow(outline, (shape.x, shape.y), frame) if shape.is_free(frame) else None
    return Cutout(shape, span[0], pictures, outlines.masks(outline), below)


def _store(path: Path, pictures: Iterator[U8]) -> None:
    with files.aside(path) as temporary, temporary.open("wb") as file:
        for picture in pictures:
            file.write(picture.tobytes())


def _outline(mode: str, shape: Shape) -> U8 | None:
    return None if mode == "chroma" else outlines.outline(mode, (shape.width, shape.height), shape.corner)


def _cut(base: Base, backdrop: Backdrop, shape: Shape, span: tuple[int, int]) -> Iterator[U8]:
    pictures = base.decoded(*span)
    return (
        _freed(base, backdrop, shape, pictures)
        if backdrop.mode == "chroma"
        else _boxed(base, backdrop, shape, pictures)
    )


def _freed(base: Base, backdrop: Backdrop, shape: Shape, pictures: Iterator[U8]) -> Iterator[U8]:
    wall = _wall(backdrop)
    # The key is the wall as the footage has it: ffmpeg would convert RGB by another standard.
    key = chroma_key.Key(pen.yuv(wall), backdrop.similarity, backdrop.blend)
    left, top, width, height = shape.crop
    for picture in pictures:
        planes = [
            plane[top >> shift : (top + height) >> shift, left >> shift : (left + width) >> shift]
            for plane, shift in zip(compose.split(picture, base.form.width, base.form.height), (0, 1, 1), strict=True)
        ]
        yield _pack_freed(chroma_key.free(planes, key, wall, (shape.width, shape.height)))


def _boxed(base: Base, backdrop: Backdrop, shape: Shape, pictures: Iterator[U8]) -> Iterator[U8]:
    form = base.form
    graph = av.filter.Graph()
    source = graph.add(
        "buffer",
        f"video_size={form.width}x{form.height}:pix_fmt=yuv420p:time_base=1/30:pixel_aspect=1/1:colorspace=bt709:range=tv",
    )
    node = source
    left, top, width, height = shape.crop
    for name, arguments in (
        ("crop", f"w={width}:h={height}:x={left}:y={top}"),
        ("scale", f"w={shape.width}:h={shape.height}:flags=area"),
        ("format", "pix_fmts=yuv420p"),
    ):
        following = graph.add(name, arguments)
        node.link_to(following)
        node = following
    sink = graph.add("buffersink")
    node.link_to(sink)
    graph.configure()
    masks = outlines.masks(outlines.outline(backdrop.mode, (shape.width, shape.height), shape.corner))
    for number, picture in enumerate(pictures):
        frame = compose.frame(picture, form.width)
        frame.pts, frame.colorspace, frame.color_range = number, 1, 1
        source.push(frame)
        yield _pack(sink.pull(), masks)


def _wall(backdrop: Backdrop) -> tuple[int, int, int]:
    red, green, blue = (int(backdrop.colour[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue


def _plane(plane: Any) -> U8:
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _pack(frame: Any, masks: outlines.Masks) -> U8:
    """Return a cut-out of one shape in all pictures: its planes, premultiplied."""
    out = []
    for index, plane in enumerate(map(_plane, frame.planes)):
        alpha16 = 255 - masks[1 if index else 0].astype(np.uint16)
        out.append(((plane * alpha16 + 127) // 255).astype(np.uint8).reshape(-1))
    return np.concatenate(out)


def _pack_freed(frame: Any) -> U8:
    """Return a freed person: planes, and what of the background stays. They are premultiplied but for their zero."""
    planes = [_plane(plane) for plane in frame.planes]
    rest = (255 - planes[3], 255 - outlines.half(planes[3]))
    out = []
    for index, plane in enumerate(planes[:3]):
        zero = (rest[1 if index else 0].astype(np.int16) * (128 if index else 16) + 127) // 255
        out.append(np.clip(plane - zero, 0, 255).astype(np.uint8).reshape(-1))
    return np.concatenate([*out, rest[0].reshape(-1), rest[1].reshape(-1)])
