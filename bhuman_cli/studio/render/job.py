"""One row's way from values to finished files: what a worker is asked, what it answers, how it fails."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self

from bhuman_cli import files
from bhuman_cli.studio.render import base as bases
from bhuman_cli.studio.render import engine as engines
from bhuman_cli.studio.render import personal, presenter, scene, template
from bhuman_cli.studio.render.footage import reader
from bhuman_cli.studio.render.output import share_page
from bhuman_cli.studio.render.text import layout, styles


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """One row to render; picklable, and JSON.

    template: path of a template file, None for the built-in one. values: in the order they were sent.
    assets: one per background, "" where blank. backgrounds: as in the request; they replace the template's.
    options: allow_private (bool): assets may lie on this machine or network. at_once (int): pieces encoded at once.
    """

    generation_id: str
    template: str | None
    values: dict[str, str]
    assets: tuple[str, ...] = ()
    backgrounds: tuple[dict[str, Any], ...] = ()
    out_dir: str
    options: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the job on one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the job that as_json() was of."""
        return cls(**{**data, "assets": tuple(data["assets"]), "backgrounds": tuple(data["backgrounds"])})


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


class RenderHalted(Exception):
    """The machine can't render now (no room, no descriptors), which says nothing about the row: it is to be queued."""


_ONE_AT_A_TIME: Final = threading.Lock()
"""Engines hold packets that are timed anew for every file; a worker of another system may run several threads."""

_templates: dict[tuple[str, int], template.Template] = {}
_reels: dict[tuple[str, int], scene.Reel] = {}
"""Templates and footage this process has read; a changed file has another time and is read again."""


def render(job: RenderJob, cache_dir: Path, begin: Callable[[], None] = lambda: None) -> RenderedMedia:
    """Make a row's video, thumbnail, GIF and share page in its folder; what is there already is replaced whole.

    begin: called when the template is prepared, and what follows is the row's own. No hidden file is left, however it
    ends short of a kill; what a kill left is removed first.

    Raises:
        RenderFailure: the row can't be rendered. RenderHalted: nothing can be, now.
    """
    try:
        with _ONE_AT_A_TIME:
            return _render(job, cache_dir, begin)
    except template.TemplateError as problem:
        raise RenderFailure(problem.message) from None
    except reader.SourceError as problem:
        raise RenderFailure(f"the template's video {problem}") from None
    except engines.BackgroundFailure as problem:
        raise RenderFailure(str(problem)) from None
    except (OSError, reader.FFmpegError) as problem:
        why = f"the video can't be written: {problem.strerror or type(problem).__name__}"
        if files.is_of_the_machine(problem):
            raise RenderHalted(why) from problem
        raise RenderFailure(why) from problem


def first_steps(job: RenderJob, cache_dir: Path) -> str:
    """Return what is made before the first row of this template and kept for all others, "" where it is there."""
    with contextlib.suppress(template.TemplateError, reader.SourceError, OSError):
        used = _template(job.template)
        if used.video is None and not presenter.path_of(cache_dir).is_file():
            return "the built-in presenter"
        backdrops = template.backgrounds(job.backgrounds) if job.backgrounds else used.backdrops
        plan = scene.lay_out(used, _reel(used), job.values, job.assets, backdrops)
        footage = used.video or presenter.path_of(cache_dir)
        if not bases.path_of(footage, plan.marks, cache_dir).is_file():
            return f"{footage.name}, cut where this template's texts and backgrounds begin and end"
    return ""


def _render(job: RenderJob, cache_dir: Path, begin: Callable[[], None]) -> RenderedMedia:
    used = _template(job.template)
    footage = used.video or presenter.video(cache_dir)
    backdrops = template.backgrounds(job.backgrounds) if job.backgrounds else used.backdrops
    reel = _reel(used)
    plan = scene.lay_out(used, reel, job.values, job.assets, backdrops)
    engine = engines.engine(footage, plan.marks, cache_dir)
    if engine.base.frames != plan.frames:  # a damaged file gives fewer pictures than it promised
        reel = scene.Reel(fps=reel.fps, frames=engine.base.frames)
        plan = scene.lay_out(used, reel, job.values, job.assets, backdrops)
    out = Path(job.out_dir)
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    begin()
    backings = engine.backings(plan, allow_private=bool(job.options.get("allow_private")))
    with files.aside(out / "video.mp4") as temporary:
        stills = engine.film(plan, backings, str(temporary), int(job.options.get("at_once", 1)))
    place(out / "thumbnail.jpg", stills.thumbnail)
    place(out / "preview.gif", stills.gif)
    page = share_page.SharePage(
        values=personal.presentable(job.values), title=share_page.title_for(job.values), sender=used.sender,
        duration_s=float(plan.frames / plan.fps), size=(engine.base.form.width, engine.base.form.height),
    )  # fmt: skip
    place(out / "index.html", page.html().encode())
    return RenderedMedia(
        video=str(out / "video.mp4"),
        thumbnail=str(out / "thumbnail.jpg"),
        gif=str(out / "preview.gif"),
        page=str(out / "index.html"),
        duration_s=float(plan.frames / plan.fps),
        warnings=tuple(_warnings(plan, styles.Frame(engine.base.form.width, engine.base.form.height))),
    )


def sweep(folder: Path) -> None:
    """Remove what a process left in a row's folder that was ended in the middle."""
    for left in folder.glob(".*-????????.*"):
        left.unlink(missing_ok=True)


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


def _reel(used: template.Template) -> scene.Reel:
    if used.video is None:
        return scene.Reel(fps=Fraction(presenter.FPS), frames=presenter.FRAMES)
    key = (str(used.video), used.video.stat().st_mtime_ns)
    if key not in _reels:
        probe = reader.probe(used.video)
        _reels[key] = scene.Reel(fps=probe.fps, frames=max(1, round(probe.duration_s * probe.fps)))
    return _reels[key]


def _warnings(plan: scene.Scene, frame: styles.Frame) -> Iterator[str]:
    shortened = dict.fromkeys(caption.name for caption in plan.captions if styles.is_shortened(caption, frame))
    if shortened:
        yield f"shortened in the video: {', '.join(shortened)}"
    missing = dict.fromkeys(
        character
        for caption in plan.captions
        for character in layout.uncovered(caption.text[: layout.MOST_CHARACTERS], caption.font)
    )
    if missing:
        codes = ", ".join(f"U+{ord(character):04X}" for character in list(missing)[:5])
        yield f"no font on this machine has {codes}; left out of the video"


def place(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    with files.aside(path) as temporary:
        temporary.write_bytes(data)
