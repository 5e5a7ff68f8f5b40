"""Checks of `doctor`: each looks at one thing and returns findings. Prints nothing, changes nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import ssl
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bhuman_cli import errors, net, shell
from bhuman_cli.clock import Clock
from bhuman_cli.config import credential_store, credentials, settings
from bhuman_cli.errors import ExitCode
from bhuman_cli.workflows import session as sessions

if TYPE_CHECKING:
    from bhuman_cli.api.transport import Response
    from bhuman_cli.journal.database import Journal
    from bhuman_cli.workflows.session import Session

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"

_PARTS: Final = ("av", "numpy", "PIL", "fastapi", "uvicorn", "uharfbuzz", "freetype", "bidi")
_LITTLE_SPACE_BYTES: Final = 200 * 2**20
_SKEW_S: Final = 60.0
_PATIENCE_S: Final = 15.0
_NO_VIDEO: Final = "00000000-0000-0000-0000-000000000000"
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_REMOTE_FILE_SYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check saw. exit_code: what `doctor` ends with if this is the worst."""

    check: str
    verdict: str
    detail: str
    hint: str = ""
    exit_code: ExitCode = ExitCode.OK


def versions() -> dict[str, str]:
    """Return the versions that a report of a problem needs."""
    import sqlite3  # noqa: TID251 - its version only
    from importlib import metadata

    from bhuman_cli import __version__

    libraries = {name: metadata.version(name) for name in ("requests", "urllib3", "pandas", "typer")}
    return {
        "bhuman": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "tls": ssl.OPENSSL_VERSION,
        **libraries,
    }


def environment(environ: Mapping[str, str], unknown: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Tell of variables that look like ours but are not: a mistyped one is silently not there.

    unknown: (name, which was probably meant) of each.
    """
    for name, meant in unknown:
        yield Finding(check="environment", verdict=WARN, detail=f"{name} is not a bhuman variable{meant}")
    proxies = [f"{name}={_without_secret(environ[name])}" for name in _PROXIES if environ.get(name)]
    if proxies:
        yield Finding(check="proxy", verdict=OK, detail=", ".join(proxies))


def keys(session: Session, *, may_ask: bool) -> Iterator[Finding]:
    """Find the credentials, and ask the service whether it takes them if it may be asked."""
    try:
        stored = session.stored_credentials()
    except errors.CredentialsError as error:
        yield _failed("credentials", error)
        return
    shown = f", Client ID {credentials.shown_id(stored)}" if stored.basic else ""
    yield Finding(check="credentials", verdict=OK, detail=f"from {stored.source}{shown}")
    for check in sessions.check_credentials(session, stored) if may_ask else ():
        name = "API key" if check.kind == "basic" else "user token"
        if check.verdict == "works":
            yield Finding(check=name, verdict=OK, detail=f"{session.service} takes it")
        elif check.verdict == "refused":
            yield Finding(
                check=name,
                verdict=FAIL,
                detail=f"{session.service} refuses it ({check.detail})",
                hint="bhuman login",
                exit_code=ExitCode.CREDENTIALS,
            )
        elif check.verdict == "closed":
            yield Finding(check=name, verdict=OK, detail=f"{sessions.UNCHECKABLE} ({check.detail})")
        else:
            yield Finding(check=name, verdict=WARN, detail=f"could not be checked ({check.detail})")


def kept(home: settings.Home) -> Iterator[Finding]:
    """List what `bhuman login` kept, without looking into a keyring, and who could read the file."""
    path = home.config / credential_store.FILE_NAME
    try:
        for profile, service, place in credential_store.profiles(home):
            yield Finding(check="profile", verdict=OK, detail=f"{profile} for {service}, in the {place}")
    except errors.CredentialsError as error:
        yield _failed("profile", error)
    if os.name == "posix" and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding(
            check="profile", verdict=WARN, detail=f"{path} can be read by others", hint=shell.make_private("600", path)
        )


def keyring() -> Finding:
    """Say where `bhuman login` would keep a key."""
    try:
        name = credential_store.keyring_name(credential_store.safe_keyring())
    except errors.CredentialsError as error:
        detail = f"{error.message}: bhuman login keeps keys in a file that only you can read"
        return Finding(check="keyring", verdict=OK, detail=detail)
    return Finding(check="keyring", verdict=OK, detail=name)


def connection(session: Session, clock: Clock) -> Iterator[Finding]:
    """Ask the route that waiting depends on, for a video that does not exist; judge answer, time and clock."""
    began, moment = clock.monotonic_s(), clock.now()
    try:
        with session.client(None, patience_s=_PATIENCE_S) as client:
            answer = client.request(
                "GET", "/api/ai_studio/generated_video_by_id", query=(("id", _NO_VIDEO),), auth=("",)
            )
    except errors.BhumanError as error:
        yield _failed("connection", error)
        return
    took_s = clock.monotonic_s() - began
    odd = _odd(answer)
    is_bad = answer.status >= 500 or bool(odd)
    yield Finding(
        check="connection",
        verdict=FAIL if is_bad else OK,
        detail=(
            f"{session.service} answered {answer.status}{odd} after {took_s:.1f} s, {_security(session)}"
            if is_bad
            else f"{session.service} is reachable ({took_s:.1f} s), {_security(session)}"
        ),
        exit_code=ExitCode.DOWN if is_bad else ExitCode.OK,
    )
    if answer.status in {401, 403}:
        yield Finding(check="polling", verdict=WARN, detail="videos by id are not open here: waiting uses the API key")
    yield _skew(answer, moment, took_s)


def _odd(answer: Response) -> str:
    """Say why it is probably not the service that answered: a login page of a network does so, too."""
    from bhuman_cli.api import wire

    if 300 <= answer.status < 400:
        return ", a redirect, which is never followed,"
    try:
        if 200 <= answer.status < 300:
            wire.parse(answer.body)
    except wire.WireError:
        return ", but not with JSON,"
    return ""


def _security(session: Session) -> str:
    if session.base_url.startswith("http://"):
        return "unencrypted (this machine)"
    bundle = net.certificates(session.environ)
    return "certificate verified" + (f" against {bundle}" if isinstance(bundle, str) else "")


def _skew(answer: Response, asked_at: datetime, took_s: float) -> Finding:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return Finding(check="clock", verdict=OK, detail="the service sent no Date header")
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    skew_s = (asked_at - theirs).total_seconds() + took_s / 2
    if abs(skew_s) <= _SKEW_S:
        return Finding(check="clock", verdict=OK, detail=f"within {_SKEW_S:.0f} s of the service's")
    side = "ahead of" if skew_s > 0 else "behind"
    return Finding(
        check="clock",
        verdict=WARN,
        detail=f"{abs(skew_s):.0f} s {side} the service's: evidence about requests in doubt is judged by time",
        hint="timedatectl status",
    )


def state_folder(home: settings.Home, clock: Clock) -> Iterator[Finding]:
    """Try to write where the journal is kept, and look at its surroundings."""
    folder = home.state
    exists = folder.is_dir()
    nearest = next(place for place in (folder, *folder.parents) if place.is_dir())
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(b"x")
            os.fsync(probe.fileno())
        free = shutil.disk_usage(nearest).free
        mode = stat.S_IMODE(folder.stat().st_mode) if exists else 0o700
    except OSError as error:
        yield Finding(
            check="state folder",
            verdict=FAIL,
            detail=f"{nearest}: {error.strerror or type(error).__name__}",
            hint=shell.set_variable({"BHUMAN_HOME": "/a/folder/you/may/write"}),
            exit_code=ExitCode.DOWN,
        )
        return
    is_little = free < _LITTLE_SPACE_BYTES
    yield Finding(
        check="state folder",
        verdict=WARN if is_little else OK,
        detail=f"{folder}{'' if exists else ' (made when first needed)'}, {free / 2**30:.1f} GiB free",
        hint=shell.show_free_space() if is_little else "",
    )
    if os.name == "posix" and mode & 0o077:
        detail = f"{folder} can be read by others (mode {mode:04o})"
        yield Finding(check="state folder", verdict=WARN, detail=detail, hint=shell.make_private("700", folder))
    remote = _file_system(folder)
    if remote in _REMOTE_FILE_SYSTEMS:
        yield Finding(
            check="state folder",
            verdict=WARN,
            detail=f"{folder} is on {remote}: locks and syncs are not certain there",
            hint=shell.set_variable({"BHUMAN_HOME": "/a/local/folder"}),
        )
    yield from _journal(home, clock)


def _journal(home: settings.Home, clock: Clock) -> Iterator[Finding]:
    from bhuman_cli.callbacks import forward
    from bhuman_cli.journal import database, history

    path = home.state / database.FILE_NAME
    if not home.journal and not path.exists():
        yield Finding(check="journal", verdict=OK, detail="none yet")
        return
    try:
        journal = database.open_journal(home.state, clock, home.journal)
        try:
            yield from _server(journal, clock)
            runs, unfinished = len(history.list_runs(journal)), len(history.unfinished(journal))
            receivers = forward.troubled(journal)
        finally:
            journal.close()
    except errors.BhumanError as error:
        yield _failed("journal", error)
        return
    yield Finding(
        check="journal",
        verdict=WARN if unfinished else OK,
        detail=f"{journal.shown}, {runs} runs, {unfinished} unfinished",
        hint="bhuman resume --all" if unfinished else "",
    )
    for receiver in receivers:
        state = "is gone (410)" if receiver.ended else f"misses {len(receiver.dropped)} events"
        state += f", does not answer since {receiver.failing_since}" if receiver.failing_since else ""
        yield Finding(check="forwarding", verdict=WARN, detail=f"{receiver.host} {state}")


def _server(journal: Journal, clock: Clock) -> Iterator[Finding]:
    """Look at a journal's server: how far it is, whether its clock is right, what this role may do there."""
    facts = journal.server_facts()
    if facts is None:
        return
    skew_s = (clock.now() - facts.at).total_seconds() - facts.round_trip_s / 2
    yield Finding(
        check="journal server",
        verdict=WARN if abs(skew_s) > _SKEW_S else OK,
        detail=f"answers after {facts.round_trip_s * 1000:.0f} ms, {'TLS' if facts.is_encrypted else 'no TLS'}, version"
        f" {facts.version}, its clock {abs(skew_s):.0f} s off this one's",
    )
    if not facts.may_write:
        yield Finding(
            check="journal server", verdict=FAIL, detail=f"{journal.shown}: this role may not write there, or it is a"
            " stand-by", exit_code=ExitCode.DOWN,
        )  # fmt: skip
    if not facts.tells_history:
        detail = "this role may not read pg_control_system(): a failover that lost commits can't be noticed"
        yield Finding(check="journal server", verdict=WARN, detail=detail)


def _file_system(folder: Path) -> str:
    """Return the type of the file system a folder is on, "" where the system does not tell (only Linux does)."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    mounts = [(fields[1], fields[2]) for fields in map(str.split, lines) if len(fields) > 2]
    holding = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(holding, key=lambda mount: len(mount[0]), default=("", ""))[1]


def parts() -> Iterator[Finding]:
    """Look for the optional parts, and at how text reaches the terminal."""
    missing = [name for name in _PARTS if importlib.util.find_spec(name) is None]
    yield Finding(
        check="local studio",
        verdict=WARN if missing else OK,
        detail=f"missing: {', '.join(missing)}" if missing else "installed",
        hint='pip install "bhuman[studio]"' if missing else "",
    )
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    if encoding != "utf8":
        detail = f"output is {encoding or 'unknown'}, not UTF-8: some names are shown escaped"
        yield Finding(check="terminal", verdict=WARN, detail=detail, hint=shell.set_variable({"PYTHONUTF8": "1"}))


def _failed(check: str, error: errors.BhumanError) -> Finding:
    return Finding(check=check, verdict=FAIL, detail=error.message, hint=error.hint, exit_code=error.exit_code)


def _without_secret(url: str) -> str:
    """Return a proxy's address without the user and password in it."""
    try:
        parts_of_url = urlsplit(url if "://" in url else f"http://{url}")
        return f"{parts_of_url.scheme}://{parts_of_url.hostname}:{parts_of_url.port or ''}".rstrip(":")
    except ValueError:
        return credentials.MASK
