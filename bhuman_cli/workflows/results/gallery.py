"""Gallery of a run: gathers what its page shows and writes it. Draws nothing itself."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bhuman_cli import domain, errors, files, shell
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.delivery.media import What
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows.results import quality_check, run_lookup
from bhuman_cli.workflows.results.run_lookup import RunResults
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from bhuman_cli.delivery import fetch

SCHEMA = "bhuman.gallery/1"


_LABELS = 3


Files = dict[tuple[str, str], str]
"""Links of media by generation id and kind."""


def _media_folder(session: Session, delivered: RunResults) -> Path:
    """Return the usual folder where it holds something, else that of the last download."""
    usual = delivered.media_folder
    return usual if usual.is_dir() else quality_check.last_folder(session, delivered)


def _rows(delivered: RunResults, columns: Sequence[str]) -> list[domain.ResultRow]:
    places = [delivered.header.index(name) for name in columns]
    return [
        domain.ResultRow(cells=tuple(row.cells[place] for place in places), fields=row.fields) for row in delivered.rows
    ]


def _key(delivered: RunResults) -> str:
    """Return what names this batch in the browser's memory: the same for the page written anew, for no other one."""
    run = delivered.run
    text = "\n".join((run.target.service, run.target.api_id, run.input_path))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _subtitle(delivered: RunResults) -> str:
    run = delivered.run
    service = "local studio" if run.target.service == domain.LOCAL_SERVICE else run.target.service
    return f"run {run.run_id} · {len(delivered.rows):,} rows · {run.created_at[:10]} · {service}"


def _downloaded(delivered: RunResults, folder: Path, page: Path) -> Files:
    """Return links, relative to the page, to the run's files in the folder."""
    from bhuman_cli.delivery import manifest

    try:
        entries = manifest.read(folder)
    except errors.UsageError:
        return {}
    here: Files = {}
    for row in delivered.rows:
        for what in What:
            entry = entries.get((row.fields["id"], str(what)))
            if entry is not None and (folder / entry.file).is_file():
                here[entry.key] = _relative(folder / entry.file, page.parent)
    return here


def _relative(path: Path, start: Path) -> str:
    try:
        return quote(Path(os.path.relpath(path.absolute(), start)).as_posix())
    except ValueError:  # another drive
        return path.absolute().as_uri()


def _embedded(delivered: RunResults, console: Console) -> Files:
    """Return the run's pictures as data: links, thumbnails first, as many as a page can hold."""
    from bhuman_cli.delivery import batch, fetch
    from bhuman_cli.delivery import gallery as pages

    here: Files = {}
    size = 0
    with tempfile.TemporaryDirectory(prefix="bhuman-gallery-") as folder:
        for what in (What.THUMBNAIL, What.GIF):
            wanted = batch.jobs(delivered.header, delivered.rows, Path(folder), batch.Choice(whats=(what,)))
            done = batch.run(wanted, Path(folder), _fetch_tools(delivered), batch.WORKERS, lambda _: None)
            for result in done:
                if result.state is fetch.State.FETCHED and size + result.size * 4 // 3 <= pages.EMBED_LIMIT_BYTES:
                    size += result.size * 4 // 3
                    content = result.job.path.read_bytes()
                    here[result.job.generation_id, str(what)] = pages.embedded(result.job.path.name, content)
            left = len(wanted) - sum(kind == str(what) for _, kind in here)
            if left:
                console.say(f"{left:,} {what}s are not in the page: too much for one page, or not to be fetched")
    return here


def _fetch_tools(delivered: RunResults) -> fetch.FetchTools:
    from bhuman_cli.delivery import fetch
    from bhuman_cli.net import addresses

    is_local = delivered.run.target.service == domain.LOCAL_SERVICE
    return fetch.FetchTools(
        policy=addresses.Policy(base_url="" if is_local else delivered.run.target.service),
        clock=SystemClock(),
        stop=threading.Event(),
        file_root=settings.home(os.environ).studio / "media" if is_local else None,
    )


def _require_writable(path: Path, *, force: bool) -> None:
    from bhuman_cli.delivery import gallery as pages

    if path.is_dir():
        raise errors.UsageError(f"-o {path}: is a folder", hint=shell.join(["-o", str(path / "gallery.html")]))
    if path.exists() and not force:
        with path.open("rb") as file:
            if pages.MARK.encode() not in file.read(4096):
                raise errors.UsageError(f"{path} is not a gallery; it is left alone", hint="--force")


def _write(path: Path, html: str) -> None:
    with files.replacing(path) as stream:
        stream.write(html.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryOptions:
    """What the page shows, and where it goes. output: None beside the results. media: None for their usual folder.

    reviews: files saved in a gallery, whose decisions are shown.
    """

    output: Path | None = None
    labels: Sequence[str] | None = None
    media: Path | None = None
    embeds: bool = False
    reviews: Sequence[Path] = ()
    force: bool = False


def write(session: Session, delivered: RunResults, options: GalleryOptions) -> Path:
    """Write the run's page and print where; return its path.

    Raises:
        UsageError: an unknown column, or a file there that is no gallery.
    """
    from bhuman_cli.delivery import gallery as pages
    from bhuman_cli.delivery import review

    labels = run_lookup.columns(delivered, options.labels, "--label") or list(delivered.header[:_LABELS])
    path = (options.output or delivered.output.with_name(f"{delivered.stem}.gallery.html")).absolute()
    run_lookup.require_other(delivered, path)
    _require_writable(path, force=options.force)
    folder = options.media or _media_folder(session, delivered)
    # Columns that were chosen are all that is passed on.
    header = labels if options.labels else list(delivered.header)
    page = pages.Page(
        title=delivered.run.input_name, subtitle=_subtitle(delivered), header=header, labels=labels,
        rows=_rows(delivered, header) if options.labels else delivered.rows,
        files=_embedded(delivered, session.console) if options.embeds else _downloaded(delivered, folder, path),
        seconds=delivered.seconds, lines=delivered.lines, quality=quality_check.qualities(delivered, folder),
        review=review.read(options.reviews), key=_key(delivered), name=delivered.stem, is_alone=options.embeds,
        made_at=SystemClock().now().timestamp() * 1000,
    )  # fmt: skip
    run_lookup.record_artifact(session, delivered, "page", path)
    _write(path, pages.render(page))
    if session.console.json_mode:
        session.console.out_json(
            {"schema": SCHEMA, "run_id": delivered.run.run_id, "output": str(path), "rows": len(delivered.rows)}
        )
    else:
        session.console.out(str(path))
    return path
