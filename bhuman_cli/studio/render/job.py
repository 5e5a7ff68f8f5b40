"""Owns one row's way from values to finished files. Decides neither looks nor encoding."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bhuman_cli.studio import presenter, scene, template
from bhuman_cli.studio.render import base as bases
from bhuman_cli.studio.render import compose, gif, page, source, splice, styles, text

PIECE_CACHE_BYTES: Final = 96 * 1024 * 1024
THUMBNAIL_PX: Final = 640
CHECK_EVERY: Final = 100
"""Every file is read back; the first one of a process and one in this many are decoded as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """One row to render; picklable.

    template: path of a template file, None for the built-in one. values: in the order they were sent.
    assets: one per background, "" where blank. backgrounds: as in the request; they replace the template's.
    options: allow_private (bool): assets may lie on this machine or network.
    """

    generation_id: str
    template: str | None
    values: dict[str, str]
    assets: tuple[str, ...] = ()
    backgrounds: tuple[dict[str, Any], ...] = ()
    out_dir: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMedia:
    """Where a row's files are, how long the video is, and what a person should know about it."""

    video: str
    thumbnail: str
    gif: str
    page: str
    duration_s: float
    warnings: tuple[str, ...] = ()


class RenderFailure(Exception):
    """The row can't be rendered: one clear sentence that names the background, if one is the cause, and the reason."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(slots=True, eq=False)
class _Encoded:
    """A piece as it is kept for the next row with the same content."""

    packets: list[Any]
    small: dict[int, NDArray[np.uint8]]
    poster: NDArray[np.uint8] | None

    @property
    def size_bytes(self) -> int:
        kept = sum(packet.size for packet in self.packets) + sum(picture.nbytes for picture in self.small.values())
        return kept + (self.poster.nbytes if self.poster is not None else 0)


@dataclass(slots=True, eq=False)
class Engine:
    """What a process keeps between rows of one base: packets, GIF parts, encoded pieces."""

    base: bases.Base
    gif: gif.GifBase
    poster: NDArray[np.uint8]
    pieces: OrderedDict[Any, _Encoded] = field(default_factory=OrderedDict)
    kept_bytes: int = 0
    stills: OrderedDict[Any, tuple[bytes, bytes]] = field(default_factory=OrderedDict)
    rows: int = 0

    def keep(self, key: Any, piece: _Encoded) -> None:
        """Keep a piece; the ones not used for longest go when there are too many bytes."""
        self.pieces[key] = piece
        self.kept_bytes += piece.size_bytes
        while self.kept_bytes > PIECE_CACHE_BYTES and len(self.pieces) > 1:
            _, old = self.pieces.popitem(last=False)
            self.kept_bytes -= old.size_bytes


_engines: dict[tuple[str, tuple[int, ...]], Engine] = {}
_templates: dict[tuple[str, int], template.Template] = {}


def render(job: RenderJob, cache_dir: Path) -> RenderedMedia:
    """Make a row's video, thumbnail, GIF and share page in its folder; what is there already is replaced whole.

    Raises:
        RenderFailure: the row can't be rendered.
    """
    try:
        return _render(job, cache_dir)
    except template.TemplateError as problem:
        raise RenderFailure(problem.message) from None
    except source.SourceError as problem:
        raise RenderFailure(f"the template's video {problem}") from None
    except OSError as problem:
        raise RenderFailure(f"the video can't be written: {problem.strerror or type(problem).__name__}") from problem


def _render(job: RenderJob, cache_dir: Path) -> RenderedMedia:
    used = _template(job.template)
    footage = used.video or presenter.video(cache_dir)
    backdrops = template.backgrounds(job.backgrounds) if job.backgrounds else used.backdrops
    found = _reel(used, footage)
    plan = scene.lay_out(used, found, job.values, job.assets, backdrops)
    engine = _engine(footage, plan.marks, cache_dir)
    out = Path(job.out_dir)
    out.mkdir(parents=True, exist_ok=True)
    pieces = [_piece(engine, piece) for piece in plan.pieces]
    poster_frame = _poster_frame(plan)
    animation, thumbnail = _stills(engine, plan, pieces, poster_frame)
    with _finished(out / "video.mp4") as temporary:
        _write_video(engine, plan, pieces, temporary)
    _write(out / "thumbnail.jpg", thumbnail)
    _write(out / "preview.gif", animation)
    title = page.title_for(used.name, job.values)
    _write(out / "index.html", page.render_page(job.values, title, "").encode())
    return RenderedMedia(
        video=str(out / "video.mp4"),
        thumbnail=str(out / "thumbnail.jpg"),
        gif=str(out / "preview.gif"),
        page=str(out / "index.html"),
        duration_s=float(engine.base.frames / engine.base.form.fps),
        warnings=tuple(_warnings(plan)),
    )


def _template(path: str | None) -> template.Template:
    if path is None:
        return template.BUILT_IN
    try:
        key = (path, Path(path).stat().st_mtime_ns)
    except OSError:
        return template.load(Path(path))
    if key not in _templates:
        _templates[key] = template.load(Path(path))
    return _templates[key]


def _reel(used: template.Template, footage: Path) -> scene.Reel:
    if used.video is None:
        from fractions import Fraction

        return scene.Reel(fps=Fraction(presenter.FPS), frames=presenter.FRAMES)
    found = source.probe(footage)
    return scene.Reel(fps=found.fps, frames=max(1, round(found.duration_s * found.fps)))


def _engine(footage: Path, marks: tuple[int, ...], cache_dir: Path) -> Engine:
    path = bases.prepare(footage, marks, cache_dir)
    key = (str(path), marks if path != footage else ())
    if key not in _engines:
        loaded = bases.load(path)
        parts = gif.load(loaded)
        first = next(loaded.decoded(min(loaded.frames - 1, int(loaded.form.fps)), loaded.frames))
        form = loaded.form
        _engines[key] = Engine(
            loaded, parts, gif.shrink(first, form.width, form.height, _poster_size(form.width, form.height))
        )
    return _engines[key]


def _poster_size(width: int, height: int) -> tuple[int, int]:
    factor = min(1.0, THUMBNAIL_PX / max(width, height))
    return round(width * factor / 2) * 2, round(height * factor / 2) * 2


def _poster_frame(plan: scene.Scene) -> int:
    """Return the frame that becomes the thumbnail: where the first caption stands still, else the middle of what varies."""
    if plan.captions:
        first = min(plan.captions, key=lambda caption: caption.first)
        return (first.first + first.last) // 2
    return (plan.pieces[0].first + plan.pieces[0].last) // 2 if plan.pieces else -1


def _piece(engine: Engine, piece: scene.Piece) -> _Encoded:
    key = piece
    if key in engine.pieces:
        engine.pieces.move_to_end(key)
        return engine.pieces[key]
    base, form = engine.base, engine.base.form
    paint = _painter(piece, form)
    wanted = gif.frames_needed(engine.gif.numbers, piece.first, piece.last)
    poster_at = _poster_of(piece)
    done = _Encoded([], {}, None)

    def draw(number: int, picture: NDArray[np.uint8]) -> None:
        paint(number, picture)
        if number in wanted:
            done.small[number] = gif.shrink(picture, form.width, form.height, engine.gif.size)
        if number == poster_at:
            done.poster = gif.shrink(picture, form.width, form.height, _poster_size(form.width, form.height))

    done.packets = splice.encode_piece(base, piece.first, base.pictures(piece.first, piece.last), draw)
    engine.keep(key, done)
    return done


def _poster_of(piece: scene.Piece) -> int:
    inside = [caption for caption in piece.captions if caption.first >= piece.first]
    return (inside[0].first + inside[0].last) // 2 if inside else (piece.first + piece.last) // 2


def _painter(piece: scene.Piece, form: Any) -> Callable[[int, NDArray[np.uint8]], None]:
    frame = styles.Frame(form.width, form.height)
    overlays = [(caption, compose.overlay(styles.patch(caption, frame))) for caption in piece.captions]
    fps = float(form.fps)

    def paint(number: int, picture: NDArray[np.uint8]) -> None:
        planes = compose.split(picture, form.width, form.height)
        for caption, item in overlays:
            if caption.first <= number < caption.last:
                opacity, rise = compose.presence(number, caption.first, caption.last, fps)
                compose.blend(planes, item, opacity, rise)

    return paint


def _write_video(engine: Engine, plan: scene.Scene, pieces: list[_Encoded], path: str) -> None:
    video: list[Any] = []
    at = 0
    for piece, encoded in zip(plan.pieces, pieces, strict=True):
        video += engine.base.packets(at, piece.first)
        video += encoded.packets
        at = piece.last
    video += engine.base.packets(at, engine.base.frames)
    splice.write(path, engine.base, video)
    decode = engine.rows % CHECK_EVERY == 0
    engine.rows += 1
    splice.check(path, engine.base, [piece.first for piece in plan.pieces], decode=decode)


def _stills(engine: Engine, plan: scene.Scene, pieces: list[_Encoded], poster_frame: int) -> tuple[bytes, bytes]:
    """Return GIF and thumbnail; rows with equal pieces have equal ones."""
    key = plan.pieces
    if key not in engine.stills:
        small = {number: picture for piece in pieces for number, picture in piece.small.items()}
        poster = next(
            (
                encoded.poster
                for piece, encoded in zip(plan.pieces, pieces, strict=True)
                if piece.first <= poster_frame < piece.last and encoded.poster is not None
            ),
            engine.poster,
        )
        engine.stills[key] = engine.gif.render(small), _jpeg(poster)
        if len(engine.stills) > 200:
            engine.stills.popitem(last=False)
    return engine.stills[key]


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=86)
    return out.getvalue()


def _warnings(plan: scene.Scene) -> Iterator[str]:
    missing = text.uncovered("".join(caption.text for caption in plan.captions))
    if missing:
        codes = ", ".join(f"U+{ord(character):04X}" for character in missing[:5])
        yield f"no font on this machine has {codes}; left out of the video"


def values_uncovered(values: Mapping[str, str]) -> dict[str, str]:
    """Return, per variable, the characters that would be left out of the video."""
    return {name: missing for name, value in values.items() if (missing := text.uncovered(value))}


@contextmanager
def _finished(path: Path) -> Iterator[str]:
    """Give a temporary name beside the path, and put the file in its place once it is whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        yield name
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with _finished(path) as name:
        Path(name).write_bytes(data)
