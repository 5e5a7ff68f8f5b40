"""Connections to the service and to the embedded studio, and the check that its extra is there. Sends nothing paid."""

from __future__ import annotations

import contextlib
import hashlib
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from bhuman_cli import domain, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials, settings
from bhuman_cli.journal import history
from bhuman_cli.journal.database import Journal
from bhuman_cli.net import hosts
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import session

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client
    from bhuman_cli.studio.render.template import Template

LOCAL_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A service that can be talked to. authorization: the paid request's header, never shown."""

    base_url: str
    service: str
    client: Client
    authorization: str
    account: str


@contextlib.contextmanager
def remote(values: settings.Settings, console: Console, stored: credentials.Credentials) -> Iterator[Connection]:
    """Connect to the configured service."""
    from bhuman_cli.api import client as clients
    from bhuman_cli.api import limiter

    url = str(values.get("base_url"))
    clock = SystemClock()
    pace = limiter.for_service(clock, is_loopback=hosts.is_loopback_url(url), rate_per_s=values.get("rate"))
    with clients.Client(url, stored, limiter=pace, user_agent=session.user_agent(), on_notice=console.say) as client:
        yield Connection(
            base_url=url,
            service=settings.service_name(url),
            client=client,
            authorization=f"Basic {stored.basic}" if stored.basic else f"Bearer {stored.bearer}",
            account=credentials.shown_id(stored) or "bearer token",
        )


@contextlib.contextmanager
def local(
    home: settings.Home, template: Path | None, console: Console, *, allow_private: bool = False
) -> Iterator[Connection]:
    """Start the embedded studio; its work goes on no longer than the block. allow_private: see StudioConfig.

    Raises:
        UsageError: the extra `studio` is not installed.
    """
    require_extra(web=True, rendering=True)
    from bhuman_cli.studio import config
    from bhuman_cli.studio.server import embedded

    settings.private_folder(home.studio)
    studio = config.StudioConfig(
        home=home.studio, links="file", any_target=True, template=template, access="open", allow_private=allow_private
    )
    with embedded.Embedded(studio) as running:
        from bhuman_cli.api import client as clients
        from bhuman_cli.api import limiter

        clock = SystemClock()
        own = credentials.Credentials(
            basic=credentials.encode(running.key_id, running.secret), bearer=running.bearer, source="local studio"
        )
        with clients.Client(
            running.base_url,
            own,
            limiter=limiter.for_service(clock, is_loopback=True),
            user_agent=session.user_agent(),
            on_notice=console.say,
        ) as client:
            yield Connection(
                base_url=running.base_url,
                service=domain.LOCAL_SERVICE,
                client=client,
                authorization=f"Basic {own.basic}",
                account="local studio",
            )


def lost_videos(home: settings.Home, journal: Journal, target_id: int) -> list[int]:
    """Return the claims whose local videos are gone: the file from disk, or an unfinished one from the studio's memory.

    Raises:
        ServiceDown: the studio's memory can't be used.
    """
    videos = history.shared_videos(journal, target_id)
    unfinished = [id_ for _, id_, url in videos if not url]
    if unfinished:
        from bhuman_cli.studio.queue import store

        unfinished = store.unknown_ids(home.studio, unfinished)
    lost = set(unfinished)
    return [claim for claim, id_, url in videos if (_is_gone(url) if url else id_ in lost)]


def _is_gone(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "file" and not Path(unquote(parts.path)).is_file()


def template_beside(input_path: Path | None) -> Path | None:
    """Return `bhuman-template.toml` beside the input, None where there is none."""
    folder = input_path.parent if input_path is not None else Path.cwd()
    path = folder / "bhuman-template.toml"
    return path if path.is_file() else None


def load_template(path: Path) -> Template:
    """Read a template file.

    Raises:
        InputError: it can't be read or breaks rules; each is named with its line.
    """
    from bhuman_cli.studio.render import template

    try:
        return template.load(path)
    except template.TemplateError as error:
        problems = [
            {"row_index": None, "line": line or None, "column": None, "rule": rule, "hint": ""}
            for line, rule in error.problems
        ]
        raise errors.InputError(error.message, problems=problems, hint="bhuman help templates") from None


def id_with_template(api_id: str, template: Path) -> str:
    """Return an id that stands for the target as this template shows it: what an edited one shows was not rendered yet.

    Raises:
        UsageError: the template can't be read.
    """
    try:
        words = template.read_bytes()
    except OSError as error:
        raise errors.UsageError(f"{template}: can't be read: {error.strerror or 'unreadable'}") from None
    seen = hashlib.sha256(words)
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # what is wrong in it is said by who loads it
        video = (template.parent / tomllib.loads(words.decode())["video"]).stat()
        seen.update(f"{video.st_size} {video.st_mtime_ns}".encode())
    return str(uuid.uuid5(uuid.UUID(api_id), seen.hexdigest()))


INSTALL: Final = "pip install 'bhuman[studio]'"


_WEB: Final = ("fastapi", "uvicorn")


_RENDERING: Final = ("av", "numpy", "PIL", "uharfbuzz", "freetype", "bidi")


def require_extra(*, web: bool, rendering: bool) -> None:
    """Refuse in one sentence where what is needed of the extra `studio` is not installed. Imports nothing of it."""
    needed = (*(_WEB if web else ()), *(_RENDERING if rendering else ()))
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise errors.UsageError(
            f"the local studio needs the extra `studio` ({', '.join(missing)} missing)", hint=INSTALL
        )
