"""Address at which callbacks reach this machine: secret path, public URL, whether `bhuman listen` runs now."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import filelock

from bhuman_cli import errors, files
from bhuman_cli.net import hosts

_FILE: Final = "listen.json"
_LOCK: Final = "listen.lock"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{22,128}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATH: Final = re.compile(r"(?:^|/)cb/([^/]+)(?:/([^/]+))?/?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A base URL that leads to the receiver, and the secret that opens it."""

    base_url: str
    secret: str = field(repr=False)

    def callback_url(self, token: str = "") -> str:
        """Return the URL to give to the service; token names one chunk attempt."""
        return "/".join(filter(None, (self.base_url, "cb", self.secret, token)))

    @property
    def is_loopback(self) -> bool:
        """Say whether only a service on this machine can reach it."""
        return hosts.is_loopback_url(self.base_url)


def secret(state: Path) -> str:
    """Return the machine's secret, the kept one or a new one.

    It stays, because URLs given to the service with earlier requests have to work after a restart.
    """
    return _kept_secret(state) or secrets.token_urlsafe(24)


def save(state: Path, address: Address) -> None:
    """Keep the address for `load`, 0600.

    Raises:
        JournalError: the state folder can't be written.
    """
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with files.aside(state / _FILE, syncs=True) as part:
            part.write_text(json.dumps({"base_url": address.base_url, "secret": address.secret}), encoding="utf-8")
    except OSError as problem:
        raise errors.JournalError(f"{state}: can't be written ({problem.strerror})", hint="bhuman doctor") from problem


def load(state: Path) -> Address | None:
    """Return the address while `bhuman listen` runs on this state folder, else None."""
    stored = _read(state)
    base_url, kept_secret = stored.get("base_url"), _kept_secret(state)
    if not isinstance(base_url, str) or not kept_secret or not _is_held(state):
        return None
    return Address(base_url=base_url, secret=kept_secret)


@contextmanager
def stored_address(state: Path, *, wait_s: float = 1.0) -> Iterator[None]:
    """Be the one receiver of this state folder; the lock dies with the process.

    wait_s: longer than anybody's look in `load` holds the lock.

    Raises:
        Refusal: another `bhuman listen` runs. JournalError: the folder can't be written.
    """
    lock = filelock.FileLock(state / _LOCK)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=wait_s)
    except filelock.Timeout as taken:
        raise errors.Refusal("another `bhuman listen` serves this state folder", code="locked") from taken
    except OSError as problem:
        raise errors.JournalError(f"{state}: can't be written ({problem.strerror})", hint="bhuman doctor") from problem
    try:
        yield
    finally:
        lock.release()


def public_url(text: str) -> str:
    """Return a public URL without a slash at the end.

    Raises:
        UsageError: it is not https (http only on loopback), or has a query or user name.
    """
    parts = urlsplit(text.strip())
    plain_ok = parts.scheme == "http" and hosts.is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or plain_ok):
        raise errors.UsageError("--public-url: has to start with https://, because callbacks hold links to videos")
    if parts.query or parts.fragment or parts.username is not None:
        raise errors.UsageError("--public-url: may have a path, but no user name, query or fragment")
    return text.strip().rstrip("/")


def opened_by(path: str, key: str) -> str | None:
    """Return the token in a request's path ("" without one); None if the path does not hold the key.

    A reverse proxy may leave its own prefix in front.
    """
    match = _PATH.search(path)
    # Compared in full, so that the time it takes says nothing about the secret.
    if not match or not secrets.compare_digest(match[1].encode(), key.encode()):
        return None
    token = match[2] or ""
    return token if not token or _TOKEN.fullmatch(token) else None


def _is_held(state: Path) -> bool:
    if not (state / _LOCK).exists():
        return False
    lock = filelock.FileLock(state / _LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _kept_secret(state: Path) -> str:
    text = _read(state).get("secret")
    return text if isinstance(text, str) and _SECRET.fullmatch(text) else ""


def _read(state: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        stored = json.loads((state / _FILE).read_text("utf-8"))
        if isinstance(stored, dict):
            return stored
    return {}
