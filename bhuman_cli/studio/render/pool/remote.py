"""Rows on a cluster's worker: in the shared folder if it sees it, else in its own, and back as bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from distributed import Worker, WorkerPlugin, get_worker

from bhuman_cli.studio.render import template
from bhuman_cli.studio.render.job import RenderedMedia, RenderFailure, RenderJob

MOST_BYTES: Final = 512 * 1024 * 1024
"""A row's files are held in memory on their way."""

Run = Callable[[RenderJob, str], RenderedMedia]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBundle:
    """A row's files that were made where ours can't be seen; the last one says that the others are there."""

    media: RenderedMedia
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class MissingFiles:
    """The worker sees neither our folder nor the template, and made nothing."""


class TemplatePlugin(WorkerPlugin):  # type: ignore[misc]  # Dask's has no types
    """Brings a template to every worker, to those that join later too."""

    def __init__(self, carried: Bundle) -> None:
        self._carried = carried
        self.name = f"bhuman-template-{carried.digest}"

    def setup(self, worker: Worker) -> None:
        """Lay the template out in the worker's own folder."""
        unpack(self._carried, _templates(worker) / self._carried.digest)


def render(
    run: Run, job: RenderJob, cache_dir: str, mark: str, digest: str
) -> RenderedMedia | JobBundle | MissingFiles:
    """Render on this worker. mark: a file that only those who share our folder see. digest: the template's, or ""."""
    if all(Path(path).exists() for path in (mark, cache_dir, job.template or mark)):
        return run(job, cache_dir)
    worker = get_worker()
    used = _templates(worker) / digest / NAME if job.template else None
    if used and not used.is_file():
        return MissingFiles()
    own = Path(worker.local_directory) / "bhuman"
    (own / "cache").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=own, prefix="row-") as out:
        mine = dataclasses.replace(job, template=str(used) if used else None, out_dir=out)
        return _packed(run(mine, str(own / "cache")), Path(job.out_dir))


def _templates(worker: Worker) -> Path:
    return Path(worker.local_directory) / "bhuman" / "templates"


def _packed(made: RenderedMedia, folder: Path) -> JobBundle:
    paths = {kind: Path(getattr(made, kind)) for kind in ("video", "thumbnail", "gif", "page")}
    if sum(path.stat().st_size for path in paths.values()) > MOST_BYTES:
        raise RenderFailure(f"the video is larger than {MOST_BYTES // 2**20} MiB: share the studio's folder")
    there: dict[str, Any] = {kind: str(folder / path.name) for kind, path in paths.items()}
    files = tuple((path.name, path.read_bytes()) for path in paths.values())
    return JobBundle(media=dataclasses.replace(made, **there), files=files)


NAME: Final = "template.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A template's files by their new names; those that it names are named so in it."""

    files: tuple[tuple[str, bytes], ...]
    digest: str


def pack(path: Path) -> Bundle:
    """Read a template with its footage and fonts.

    Raises:
        template.TemplateError: it is none, or too large to be sent.
    """
    template.load(path)
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))
        files = _renamed(data, path.parent)
    except OSError as problem:
        raise template.TemplateError(f"template {path.name}: can't be read ({problem.strerror})") from None
    files[NAME] = _toml(data).encode()
    if sum(map(len, files.values())) > MOST_BYTES:
        raise template.TemplateError(
            f"template {path.name}: over {MOST_BYTES // 2**20} MiB can't be sent; share its folder with the cluster"
        )
    seen = hashlib.sha256()
    for name, content in sorted(files.items()):
        seen.update(f"{name} {len(content)} ".encode() + content)
    return Bundle(files=tuple(files.items()), digest=seen.hexdigest()[:32])


def unpack(bundle: Bundle, folder: Path) -> None:
    """Lay the files out; the folder is there whole or not at all."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    for name, content in bundle.files:
        (made / name).write_bytes(content)
    os.replace(made, folder)  # noqa: PTH105 - Path.replace() of a folder reads as if it were of a file


def _renamed(data: dict[str, Any], folder: Path) -> dict[str, bytes]:
    """Return the files that a template names, and let it name them anew."""
    files: dict[str, bytes] = {}
    if data.get("video"):
        video = (folder / data["video"]).expanduser()
        data["video"] = f"footage{video.suffix}"
        files[data["video"]] = video.read_bytes()
    for number, section in enumerate(data.get("variables", [])):
        if section.get("font", "bold") not in {"bold", "regular"}:
            font = folder / section["font"]
            section["font"] = f"font-{number}{font.suffix}"
            files[section["font"]] = font.read_bytes()
    return files


def _toml(data: Mapping[str, Any]) -> str:
    return "".join(f"{_value(key)} = {_value(value)}\n" for key, value in data.items())


def _value(value: object) -> str:
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{_value(key)} = {_value(inside)}" for key, inside in value.items()) + " }"
        case list():
            return "[" + ", ".join(_value(inside) for inside in value) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return json.dumps(value)
