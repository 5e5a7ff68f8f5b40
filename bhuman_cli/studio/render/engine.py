"""Render engine: what a process keeps between rows of one template, and how a scene becomes a file and its stills."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bhuman_cli.studio.render import base as bases
from bhuman_cli.studio.render import cache, compose, encode, presenter, scene
from bhuman_cli.studio.render.background import background, cutout
from bhuman_cli.studio.render.footage import reader
from bhuman_cli.studio.render.output import gif, play_mark, splice, thumbnail
from bhuman_cli.studio.render.text import styles

U8 = NDArray[np.uint8]
PIECE_CACHE_BYTES: Final = 64 * 1024 * 1024
CHECK_EVERY: Final = 100
"""Every file is read back; the first one of a base and one in this many are decoded as well."""

FETCHERS: Final = 4


class BackgroundFailure(Exception):
    """A background can't be shown in this row; the message names it and the reason."""


@dataclass(slots=True, eq=False)
class Encoded:
    """A piece as it is kept for the next row with the same content."""

    packets: list[Any]
    small: dict[int, U8]
    poster: U8 | None = None

    @property
    def size_bytes(self) -> int:
        """Return what keeping it costs."""
        size: int = sum(packet.size for packet in self.packets)
        size += sum(picture.nbytes for picture in self.small.values())
        return size + (self.poster.nbytes if self.poster is not None else 0)


Backings = Mapping[int, background.Backing]
"""Opened backgrounds by their number."""


@dataclass(slots=True, eq=False)
class Engine:
    """One base with all that is made from it once: GIF parts, poster, cut-outs, encoded pieces."""

    base: bases.Base
    gif: gif.GifBase
    poster: U8
    cache_dir: Path
    is_built_in: bool
    rows: int = 0
    _pieces: OrderedDict[Any, Encoded] = field(default_factory=OrderedDict)
    _kept_bytes: int = 0
    _stills: OrderedDict[Any, thumbnail.Stills] = field(default_factory=OrderedDict)
    _cutouts: dict[Any, cutout.Cutout] = field(default_factory=dict)
    _green: bases.Base | None = None

    def backings(self, plan: scene.Scene, *, allow_private: bool) -> dict[int, background.Backing]:
        """Fetch and open all backgrounds of a row, several at a time.

        Raises:
            BackgroundFailure: one of them can't be shown.
        """
        if not plan.backdrops:
            return {}

        def opened(shown: scene.Shown) -> background.Backing:
            stage = background.Stage(
                form=self.base.form, frames=shown.last - shown.first, brightness=shown.backdrop.brightness
            )
            try:
                return background.load(shown, stage, self.cache_dir, allow_private=allow_private)
            except background.AssetFailure as problem:
                raise _failure(shown, problem) from None

        with ThreadPoolExecutor(FETCHERS) as pool:
            backdrops = pool.map(opened, plan.backdrops)
            return {shown.number: backing for shown, backing in zip(plan.backdrops, backdrops, strict=True)}

    def film(self, plan: scene.Scene, backings: Backings, path: str, at_once: int = 1) -> thumbnail.Stills:
        """Write a row's video, and return its stills. Spliced where that is possible, else encoded in full.

        at_once: pieces encoded side by side; more than one only pays where no other process renders.

        Raises:
            BackgroundFailure: a background could not be decoded.
        """
        keys = [_key(piece, backings) for piece in plan.pieces]
        if self._splices(plan):
            pieces = self._made(plan, keys, backings, at_once)
            try:
                self._splice(plan, pieces, backings, path)
            except splice.SpliceError:
                self._encode_whole(plan, backings, path)
        else:
            pieces = self._encode_whole(plan, backings, path)
        self.rows += 1
        return self._finish(plan, tuple(keys), pieces)

    def _made(self, plan: scene.Scene, keys: Sequence[Any], backings: Backings, at_once: int) -> list[Encoded]:
        def made(piece: scene.Piece, key: Any) -> Encoded:
            return self._piece(piece, key, backings)

        if at_once == 1:  # a worker's own thread: another one would have a heap of its own
            return list(map(made, plan.pieces, keys))
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(made, plan.pieces, keys))

    def _splices(self, plan: scene.Scene) -> bool:
        edges = {edge for piece in plan.pieces for edge in (piece.first, piece.last)}
        fits = self.base.frames == plan.frames and edges <= self.base.keys | {plan.frames}
        return self.base.splices and fits

    def _splice(self, plan: scene.Scene, pieces: Sequence[Encoded], backings: Backings, path: str) -> None:
        video: list[Any] = []
        at = 0
        for piece, encoded in zip(plan.pieces, pieces, strict=True):
            video += self.base.packets(at, piece.first)
            video += encoded.packets
            at = piece.last
        video += self.base.packets(at, self.base.frames)
        splice.write(path, self.base, video, self._mixed(plan, backings))
        starts = [piece.first for piece in plan.pieces]
        splice.check(path, self.base, starts, decode=self._is_to_be_decoded())
        self._proven.touch()

    @property
    def _proven(self) -> Path:
        """Return the note beside the base that a file spliced with this encoder was decoded without fault."""
        return self.base.path.with_name(f"{self.base.path.stem}-spliced-{encode.library()}")

    def _is_to_be_decoded(self) -> bool:
        return self.rows % CHECK_EVERY == CHECK_EVERY - 1 or not self._proven.exists()

    def _encode_whole(self, plan: scene.Scene, backings: Backings, path: str) -> list[Encoded]:
        """Encode every picture of a row: the way that always works."""
        sound = self._mixed(plan, backings)
        if sound is None and self.base.audio_stream is not None:
            sound = reader.sound(self.base.path)
        form = self.base.form
        writer = encode.Writer(path, form, plan.marks, sound, threads=1)
        made = [Encoded([], {}) for _ in plan.pieces]
        for first, last, number in _stretches(plan, self.base.frames):
            piece = plan.pieces[number] if number is not None else None
            pictures = self._pictures(piece, backings) if piece else self.base.decoded(first, last)
            paint = self._painter(piece, made[number]) if piece and number is not None else _leave
            for at, picture in enumerate(pictures, first):
                mine = picture.copy()
                paint(at, mine)
                writer.write(compose.frame(mine, form.width))
        writer.close()
        return made

    def _piece(self, piece: scene.Piece, key: Any, backings: Backings) -> Encoded:
        if key in self._pieces:
            self._pieces.move_to_end(key)
            return self._pieces[key]
        done = Encoded([], {})
        paint = self._painter(piece, done)
        done.packets = splice.encode_piece(self.base, piece.first, self._pictures(piece, backings), paint)
        self._keep(key, done)
        return done

    def _keep(self, key: Any, piece: Encoded) -> None:
        """Keep a piece; the ones not used for longest go when there are too many bytes."""
        self._pieces[key] = piece
        self._kept_bytes += piece.size_bytes
        while self._kept_bytes > PIECE_CACHE_BYTES and len(self._pieces) > 1:
            _, old = self._pieces.popitem(last=False)
            self._kept_bytes -= old.size_bytes

    def _pictures(self, piece: scene.Piece, backings: Backings) -> Iterator[U8]:
        shown = piece.shown
        if shown is None:
            return self.base.pictures(piece.first, piece.last)
        return _guarded(shown, backings[shown.number].pictures(piece.first - shown.first, piece.last - shown.first))

    def _painter(self, piece: scene.Piece, done: Encoded) -> splice.Painter:
        """Return what draws a piece on its pictures, and keeps small copies for GIF and thumbnail on the way."""
        form = self.base.form
        lay = self._cutout(piece.shown).lay if piece.shown else None
        captions = _captions(piece.captions, form)
        wanted = gif.frames_needed(self.gif.numbers, piece.first, piece.last)
        poster_at = poster_frame(piece.captions, piece.first, piece.last)
        size = thumbnail.size_of(form)

        def paint(number: int, picture: U8) -> None:
            planes = compose.split(picture, form.width, form.height)
            if lay is not None:
                lay(number, planes)
            captions(number, planes)
            if number in wanted:
                done.small[number] = play_mark.draw(gif.shrink(picture, form.width, form.height, self.gif.size))
            if number == poster_at:
                done.poster = gif.shrink(picture, form.width, form.height, size)

        return paint

    def _cutout(self, shown: scene.Shown) -> cutout.Cutout:
        key = (shown.backdrop, shown.first, shown.last)
        if key not in self._cutouts:
            footage = self.base
            if self.is_built_in and shown.backdrop.mode == "chroma":
                self._green = self._green or bases.load(presenter.video(self.cache_dir, "green"))
                footage = self._green
            focus = presenter.FOCUS if self.is_built_in else None
            self._cutouts[key] = cutout.load(footage, shown.backdrop, (shown.first, shown.last), focus)
        return self._cutouts[key]

    def _mixed(self, plan: scene.Scene, backings: Backings) -> NDArray[np.float32] | None:
        """Return the row's own sound track, or None where it is the base's."""
        form = self.base.form
        whole: NDArray[np.float32] | None = None
        for shown in plan.backdrops:
            if not shown.backdrop.audio:
                continue
            part = backings[shown.number].sound(float((shown.last - shown.first) / form.fps))
            if part is None:
                continue
            if whole is None:
                whole = _padded(reader.sound(self.base.path), round(self.base.frames / form.fps * encode.AUDIO_RATE))
            start = round(shown.first / form.fps * encode.AUDIO_RATE)
            room = min(part.shape[1], whole.shape[1] - start)
            whole[:, start : start + room] += part[:, :room]
        return None if whole is None else np.clip(whole, -1, 1)

    def _finish(self, plan: scene.Scene, key: Any, pieces: Sequence[Encoded]) -> thumbnail.Stills:
        """Return GIF and thumbnail; rows with equal pieces have equal ones."""
        if key not in self._stills:
            small = {number: picture for piece in pieces for number, picture in piece.small.items()}
            self._stills[key] = thumbnail.Stills(
                gif=self.gif.render(small), thumbnail=thumbnail.jpeg(play_mark.draw(self._poster(plan, pieces)))
            )
            if len(self._stills) > 100:
                self._stills.popitem(last=False)
        return self._stills[key]

    def _poster(self, plan: scene.Scene, pieces: Sequence[Encoded]) -> U8:
        """Return the thumbnail's picture: of the piece where the first caption is, else of the first background."""
        with_captions = [i for i, piece in enumerate(plan.pieces) if piece.captions]
        for number in [*with_captions, *range(len(pieces))]:
            poster: U8 | None = pieces[number].poster
            if poster is not None:
                return poster
        return self.poster


_engines: OrderedDict[tuple[str, tuple[int, ...]], Engine] = OrderedDict()
_ENGINES_KEPT: Final = 3


def engine(footage: Path, marks: tuple[int, ...], cache_dir: Path) -> Engine:
    """Return this process's engine for a template's footage and key frames, made at first use.

    Raises:
        source.SourceError: the footage can't be decoded.
    """
    path = bases.prepare(footage, marks, cache_dir)
    cache.touch(path)
    key = (str(path), marks if path != footage else ())
    if key not in _engines:
        loaded = bases.load(path)
        first = next(loaded.decoded(min(loaded.frames - 1, int(loaded.form.fps)), loaded.frames))
        form = loaded.form
        poster = gif.shrink(first, form.width, form.height, thumbnail.size_of(form))
        built_in = footage == presenter.path_of(cache_dir)
        _engines[key] = Engine(loaded, gif.load(loaded, marks), poster, cache_dir, built_in)
        if len(_engines) > _ENGINES_KEPT:
            _engines.popitem(last=False)
    return _engines[key]


def poster_frame(captions: Sequence[scene.Caption], first: int, last: int) -> int:
    """Return the frame of a piece that makes the best still: a caption that begins here, grown but not yet going."""
    inside = [caption for caption in captions if first <= caption.first]
    return min(last - 1, (inside[0].first + inside[0].last) // 2) if inside else (first + last) // 2


def _key(piece: scene.Piece, backings: Backings) -> Any:
    return piece, backings[piece.shown.number].digest if piece.shown else ""


def _captions(captions: Sequence[scene.Caption], form: encode.Format) -> Callable[[int, compose.Planes], None]:
    frame = styles.Frame(form.width, form.height)
    overlays = [(caption, compose.overlay(styles.patch(caption, frame))) for caption in captions]
    fps = float(form.fps)

    def lay(number: int, planes: compose.Planes) -> None:
        for caption, item in overlays:
            if caption.first <= number < caption.last:
                opacity, rise = compose.presence(number, caption.first, caption.last, fps)
                compose.blend(planes, item, opacity, rise)

    return lay


def _stretches(plan: scene.Scene, frames: int) -> Iterator[tuple[int, int, int | None]]:
    """Yield the whole video as (first, last, number of the piece or None for the base's own frames)."""
    at = 0
    for number, piece in enumerate(plan.pieces):
        last = min(piece.last, frames)
        if at < piece.first:
            yield at, min(piece.first, frames), None
        if piece.first < last:
            yield piece.first, last, number
        at = piece.last
    if at < frames:
        yield at, frames, None


def _leave(number: int, picture: U8) -> None:
    """Draw nothing."""


def _guarded(shown: scene.Shown, pictures: Iterator[U8]) -> Iterator[U8]:
    try:
        yield from pictures
    except reader.SourceError as problem:
        raise _failure(shown, f"the asset {problem}") from None


def _failure(shown: scene.Shown, reason: object) -> BackgroundFailure:
    return BackgroundFailure(f"background {shown.number}{shown.backdrop.title}: {reason}")


def _padded(sound: NDArray[np.float32] | None, length: int) -> NDArray[np.float32]:
    out = np.zeros((2, length), np.float32)
    if sound is not None:
        out[:, : min(length, sound.shape[1])] = sound[:, :length]
    return out
