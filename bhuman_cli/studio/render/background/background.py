"""Background from an asset: its pictures for a span of frames, and its sound."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from bhuman_cli.studio.render import compose, decoders, encode
from bhuman_cli.studio.render.background import download, page_capture, reach
from bhuman_cli.studio.render.footage import reader
from bhuman_cli.studio.render.scene import Shown
from bhuman_cli.studio.render.text import card

U8 = NDArray[np.uint8]
ZOOM: Final = 0.06
"""How much nearer a still picture comes while it is shown."""

AROUND: Final = 0.72
"""Brightness of the blurred enlargement around what does not fit the frame."""

SCROLL_PX_PER_S: Final = 260
SCROLL_STARTS_S: Final = 0.6


class AssetFailure(Exception):
    """The asset can't be shown; the message continues a sentence that begins with the background."""


class Backing(Protocol):
    """A background: pictures for the whole of its span, one after the other, and perhaps sound."""

    digest: str

    def pictures(self, first: int, last: int) -> Iterator[U8]:
        """Yield the packed pictures [first, last) of its span."""
        ...

    def sound(self, length_s: float) -> NDArray[np.float32] | None:
        """Return its sound, stereo at 48 kHz."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a background must fill: the video's format and the number of frames it is shown."""

    form: encode.Format
    frames: int
    brightness: float = 1.0


def load(shown: Shown, stage: Stage, cache_dir: Path, *, allow_private: bool) -> Backing:
    """Fetch an asset and open it as a background.

    Raises:
        AssetFailure: it can't be fetched or is nothing that can be shown.
    """
    try:
        return _load(shown, stage, cache_dir, allow_private=allow_private)
    except reach.FetchError as problem:
        raise AssetFailure(f"the asset {problem}") from None
    except reader.SourceError as problem:
        raise AssetFailure(f"the asset {problem}") from None


def _load(shown: Shown, stage: Stage, cache_dir: Path, *, allow_private: bool) -> Backing:
    kind = shown.backdrop.kind
    if kind == "site":
        shot = page_capture.capture(shown.asset, cache_dir, allow_private=allow_private)
        if shot is not None:
            return Page(_opened(shot), stage)
        return _card(shown, stage)
    if kind == "linkedin" and not download.names_a_picture(shown.asset):
        reach.complete(shown.asset)
        return _card(shown, stage)
    path = download.download(shown.asset, cache_dir, allow_private=allow_private)
    picture = _picture(path, 2 * max(stage.form.width, stage.form.height))
    return Still(picture, stage) if picture is not None else Moving(path, stage)


def _card(shown: Shown, stage: Stage) -> Backing:
    size = (stage.form.width, stage.form.height)
    is_person = shown.backdrop.kind == "linkedin"
    return Still(card.draw(shown.asset, size, linkedin=is_person, presenter=shown.backdrop.position), stage)


def _picture(path: Path, most_px: int = 2 * reader.LONGEST_SIDE) -> Image.Image | None:
    """Return the file as a still picture, or None if it must be tried as a video (animated GIFs too)."""
    try:
        with decoders.open_picture(path) as picture:
            if picture.format == "GIF" and getattr(picture, "n_frames", 1) > 1:
                return None
            return _flat(decoders.shrink(picture, most_px))
    except decoders.UnknownFormatError:
        return None
    except decoders.UndecodableError as problem:
        raise AssetFailure(f"the asset is a picture that {problem}") from None


def _opened(path: Path) -> Image.Image:
    with decoders.open_picture(path) as picture:
        return _flat(picture)


def _flat(picture: Image.Image) -> Image.Image:
    """Return the picture upright, in RGB, on white where it is see-through."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        white = Image.new("RGB", layer.size, (255, 255, 255))
        white.paste(layer, mask=layer)
        return white
    return upright.convert("RGB")


def _lut(brightness: float) -> tuple[U8, U8] | None:
    """Return tables for luma and chroma that do what multiplying RGB would."""
    if brightness == 1.0:
        return None
    steps = np.arange(256, dtype=np.float32)
    luma = np.clip(16 + (steps - 16) * brightness, 16, 235)
    chroma = np.clip(128 + (steps - 128) * brightness, 16, 240)
    return np.rint(luma).astype(np.uint8), np.rint(chroma).astype(np.uint8)


def _lit(picture: U8, form: encode.Format, tables: tuple[U8, U8] | None) -> U8:
    if tables is None:
        return picture
    luma = form.width * form.height
    return np.concatenate([tables[0][picture[:luma]], tables[1][picture[luma:]]])


def _fills(size: tuple[int, int], form: encode.Format) -> bool:
    """Say whether so little of a picture is lost that it may fill the frame."""
    return 0.62 <= (size[0] / size[1]) / (form.width / form.height) <= 1.6


def _eased(part: float) -> float:
    inside = min(1.0, max(0.0, part))
    return inside * inside * (3 - 2 * inside)


@dataclass(slots=True, eq=False)
class Still:
    """A picture that comes slowly nearer; one that does not fit the frame lies on its own blurred enlargement."""

    picture: Image.Image
    stage: Stage
    digest: str = field(init=False)
    _planes: tuple[Image.Image, ...] = field(init=False)

    def __post_init__(self) -> None:
        form = self.stage.form
        size = (form.width, form.height)
        self.digest = hashlib.sha256(self.picture.tobytes()).hexdigest()
        small = max(self.picture.width / form.width, self.picture.height / form.height) < 0.45
        if _fills(self.picture.size, form) and not small:
            filled = ImageOps.fit(self.picture, size, Image.Resampling.LANCZOS)
        else:
            filled = ImageOps.fit(self.picture, size, Image.Resampling.BILINEAR).filter(
                ImageFilter.GaussianBlur(form.width / 40)
            )
            filled = ImageEnhance.Brightness(filled).enhance(AROUND)
            scale = 0.6 if small else 1.0
            inside = ImageOps.contain(
                self.picture, (round(size[0] * scale), round(size[1] * scale)), Image.Resampling.LANCZOS
            )
            filled.paste(inside, ((size[0] - inside.width) // 2, (size[1] - inside.height) // 2))
        packed = _lit(compose.from_rgb(np.asarray(filled)), form, _lut(self.stage.brightness))
        self._planes = tuple(Image.fromarray(plane) for plane in compose.split(packed, form.width, form.height))

    def pictures(self, first: int, last: int) -> Iterator[U8]:
        """Yield the packed pictures [first, last) of its span."""
        for number in range(first, last):
            near = 1 + ZOOM * _eased(number / max(1, self.stage.frames - 1))
            yield np.concatenate([self._nearer(plane, near) for plane in self._planes])

    def sound(self, length_s: float) -> NDArray[np.float32] | None:  # noqa: ARG002 - a picture has none, however long
        """Return nothing: a picture has no sound."""
        return None

    @staticmethod
    def _nearer(plane: Image.Image, near: float) -> U8:
        if near == 1.0:
            return np.asarray(plane).reshape(-1)
        width, height = plane.width / near, plane.height / near
        left, top = (plane.width - width) / 2, (plane.height - height) / 2
        box = (left, top, left + width, top + height)
        return np.asarray(plane.resize(plane.size, Image.Resampling.BILINEAR, box=box)).reshape(-1)


@dataclass(slots=True, eq=False)
class Page:
    """A tall picture of a page, scrolled gently by even rows (so that colours stay on their pixels)."""

    picture: Image.Image
    stage: Stage
    digest: str = field(init=False)
    _planes: tuple[U8, U8, U8] = field(init=False)
    _height: int = field(init=False)

    def __post_init__(self) -> None:
        form = self.stage.form
        self.digest = hashlib.sha256(self.picture.tobytes()).hexdigest()
        tall = max(form.height, round(self.picture.height * form.width / self.picture.width / 2) * 2)
        if tall == form.height:
            page = ImageOps.fit(self.picture, (form.width, form.height), Image.Resampling.LANCZOS, centering=(0.5, 0.0))
        else:
            page = self.picture.resize((form.width, tall), Image.Resampling.LANCZOS)
        self._height = _content_height(page, form.height)
        whole = encode.Format(width=form.width, height=page.height, fps=form.fps)
        packed = _lit(compose.from_rgb(np.asarray(page)), whole, _lut(self.stage.brightness))
        self._planes = compose.split(packed, form.width, page.height)

    def pictures(self, first: int, last: int) -> Iterator[U8]:
        """Yield the packed pictures [first, last) of its span."""
        form = self.stage.form
        fps = float(form.fps)
        moving_s = max(0.1, self.stage.frames / fps - 2 * SCROLL_STARTS_S)
        way = min(self._height - form.height, SCROLL_PX_PER_S * form.width / 1280 * moving_s)
        for number in range(first, last):
            down = 2 * round(way * _eased((number / fps - SCROLL_STARTS_S) / moving_s) / 2)
            rows = [
                plane[down >> shift : (down + form.height) >> shift].reshape(-1)
                for plane, shift in zip(self._planes, (0, 1, 1), strict=True)
            ]
            yield np.concatenate(rows)

    def sound(self, length_s: float) -> NDArray[np.float32] | None:  # noqa: ARG002 - a page has none, however long
        """Return nothing: a page has no sound."""
        return None


def _content_height(page: Image.Image, least: int) -> int:
    """Return where the page's content ends: a window taller than a page shows a plain rest."""
    rows = np.asarray(page.convert("L").reduce((8, 1)) if page.width >= 8 else page.convert("L"))
    busy = np.nonzero((rows.max(1).astype(int) - rows.min(1)) > 6)[0]
    end = int(busy[-1]) + 40 if len(busy) else least
    return max(least, min(page.height, end + end % 2))


@dataclass(slots=True, eq=False)
class Moving:
    """A video, filling the frame, from its beginning again where it is shorter than its span.

    One that does not fit the frame plays on its own blurred enlargement.
    """

    path: Path
    stage: Stage
    digest: str = field(init=False)
    _inside: encode.Format | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        with self.path.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        probe, form = reader.probe(self.path), self.stage.form
        if not _fills((probe.width, probe.height), form):
            factor = min(form.width / probe.width, form.height / probe.height)
            width, height = (max(2, round(length * factor / 2) * 2) for length in (probe.width, probe.height))
            self._inside = replace(form, width=min(width, form.width), height=min(height, form.height))

    def pictures(self, first: int, last: int) -> Iterator[U8]:
        """Yield the packed pictures [first, last) of its span."""
        form, tables = self.stage.form, _lut(self.stage.brightness)
        for number, frame in enumerate(self._endless(last)):
            if number >= last:
                return
            if number >= first:
                picture = compose.packed(frame)
                yield _lit(picture if self._inside is None else _framed(picture, self._inside, form), form, tables)

    def _endless(self, most: int) -> Iterator[Any]:
        limit_s = math.ceil(most / self.stage.form.fps) + 1
        while True:
            if self._inside is None:
                yield from reader.pictures(self.path, self.stage.form, limit_s=limit_s, fit="cover")
            else:
                yield from reader.pictures(self.path, self._inside, limit_s=limit_s)

    def sound(self, length_s: float) -> NDArray[np.float32] | None:
        """Return its sound for so many seconds, from the beginning again where it is shorter."""
        samples = reader.sound(self.path, limit_s=length_s + 1)
        if samples is None:
            return None
        wanted = round(length_s * encode.AUDIO_RATE)
        repeated = np.tile(samples, (1, math.ceil(wanted / samples.shape[1])))[:, :wanted]
        fade = np.minimum(1.0, np.minimum(np.arange(wanted), np.arange(wanted)[::-1]) / (0.1 * encode.AUDIO_RATE))
        out: NDArray[np.float32] = (repeated * fade).astype(np.float32)
        return out


def _framed(picture: U8, inside: encode.Format, form: encode.Format) -> U8:
    """Return a packed picture in the middle of its own blurred, darker enlargement."""
    out: list[U8] = []
    for number, plane in enumerate(compose.split(picture, inside.width, inside.height)):
        size = (form.width >> 1, form.height >> 1) if number else (form.width, form.height)
        # So small that enlarging it blurs it.
        tiny = ImageOps.fit(
            Image.fromarray(plane), (max(2, size[0] // 40), max(2, size[1] // 40)), Image.Resampling.BOX
        )
        zero = 128 if number else 16
        dark = Image.fromarray((zero + (np.asarray(tiny, np.float32) - zero) * AROUND).astype(np.uint8))
        out.append(np.asarray(dark.resize(size, Image.Resampling.BICUBIC)).reshape(-1))
    whole = np.concatenate(out)
    at = ((form.width - inside.width) // 2 & ~1, (form.height - inside.height) // 2 & ~1)
    compose.paste(whole, picture, at, (form.width, (inside.width, inside.height)))
    return whole
