"""Fetching of one media file: to `.part`, continued where it broke off, checked, then renamed. Never chooses names."""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from bhuman_cli import clock as clocks
from bhuman_cli.delivery import media, partial
from bhuman_cli.net import addresses, connect

ATTEMPTS: Final = 4
FILE_S: Final = 900.0
"""One file may take this long in all; `requests` only bounds the wait for each read."""

_BLOCK: Final = 1024 * 1024
_LONGEST_WAIT_S: Final = 30.0
_RESERVE_BYTES: Final = 64 * 1024**2
_LOOK_BYTES: Final = 4 * 1024**2
_DEAD: Final = {401, 403, 404, 410}
_PASSING: Final = {408, 425, 429}


class State(StrEnum):
    """What became of one file."""

    FETCHED = "fetched"
    KEPT = "kept"  # it was there already, whole
    FAILED = "failed"
    LEFT = "left"  # not tried: interrupted, or the disk is full


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchJob:
    """One file to fetch: whose, what, from where, to where. A dead link is asked for again by generation_id."""

    row_index: str
    generation_id: str
    what: media.What
    url: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """What became of a job; size of the whole file, reason only where it failed."""

    job: FetchJob
    state: State
    size: int = 0
    reason: str = ""


def _no_refresh(_: FetchJob) -> str:
    return ""


def _no_probe(_path: Path, _what: media.What) -> str:
    return ""


def _no_record(_: FetchResult) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTools:
    """What fetching needs from outside.

    refresh: asks the service for the job's link again; "" if there is none.
    probe: opens the file with a decoder, "" or what is wrong with it.
    record: writes down a whole file before it gets its name; called by several threads.
    file_root: `file:` links are copied from below this folder only; None refuses them all.
    """

    policy: addresses.Policy
    clock: clocks.Clock
    stop: threading.Event
    refresh: Callable[[FetchJob], str] = _no_refresh
    probe: Callable[[Path, media.What], str] = _no_probe
    record: Callable[[FetchResult], None] = _no_record
    file_root: Path | None = None


class _Retryable(Exception):
    """Worth another attempt, after as many seconds as the server asked for."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class _LinkExpired(Exception):
    """The link is no longer served; the service may know a newer one."""


class _Stopped(Exception):
    """The program was asked to stop."""


class _Full(Exception):
    """The disk has hardly any room left."""


def fetch_one(job: FetchJob, kit: FetchTools, opener: connect.Opener) -> FetchResult:
    """Fetch one file; whatever goes wrong with it is the answer, never an exception.

    On return the file at job.path is whole, or is the one that was there. It is not synced: that would cost a fifth of
    the speed, and a file that a power cut damaged does not pass the checks of the next call.
    """
    url, refreshed, attempt, begun = job.url, False, 0, 0
    part = partial.Partial(job.path, f"{job.generation_id} {job.what}")
    deadline = kit.clock.monotonic_s() + FILE_S
    try:
        while True:
            before = part.missing
            begun += not part.headers()
            try:
                return _attempted(job, _Source(url=url, part=part, deadline=deadline), kit, opener)
            except _LinkExpired as dead:
                url = "" if refreshed else kit.refresh(job)
                refreshed = True
                if not url:
                    return _failed(job, str(dead))
            except (_Retryable, addresses.Unreachable, requests.RequestException) as problem:
                if kit.stop.is_set():
                    return FetchResult(job=job, state=State.LEFT, reason="interrupted")
                # What brought the file further is no attempt in vain, but one that comes whole and bad each time is.
                attempt = 0 if 0 < part.missing < before else attempt + 1
                is_over = attempt >= ATTEMPTS or (begun >= ATTEMPTS and not part.headers())
                if is_over or kit.clock.monotonic_s() > deadline:
                    return _failed(job, _said(problem))
                kit.clock.sleep(getattr(problem, "after_s", 0.0) + random.uniform(0, 0.1 * 4**attempt / 2))
            except addresses.RefusedAddress as refused:
                return _failed(job, f"the link was not followed: {refused}")
            except _Full as full:
                part.discard()
                return FetchResult(job=job, state=State.LEFT, reason=str(full))
            except _Stopped as stopped:
                return FetchResult(job=job, state=State.LEFT, reason=str(stopped))
    except OSError as problem:
        return _failed(job, f"can't be written: {problem.strerror or type(problem).__name__}")
    finally:
        with contextlib.suppress(OSError):
            part.keep_if_continuable()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the bytes come from, where they gather, and when it has taken too long."""

    url: str
    part: partial.Partial
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """A body's blocks. expected: how many bytes it says it has. continues: they follow those of the part."""

    blocks: Iterator[bytes]
    expected: int | None = None
    etag: str = ""
    continues: bool = False


def _attempted(job: FetchJob, source: _Source, kit: FetchTools, opener: connect.Opener) -> FetchResult:
    part = source.part
    with _opened(source, kit, opener) as body:
        _ensure_space(job.path.parent, body.expected or 0, kit)
        if not body.continues:
            part.begin(body.etag, body.expected)
        begun = part.path.stat().st_size if body.continues else 0
        size = _written(source, body, media.LIMIT_BYTES[job.what] - begun, kit)
    if body.expected is not None and size != body.expected:
        if size > body.expected:
            part.discard()
        raise _Retryable(f"{size} bytes came, {body.expected} were announced")
    wrong = media.problem(part.path, job.what) or kit.probe(part.path, job.what)
    if wrong:
        part.discard()
        raise _Retryable(wrong)
    done = FetchResult(job=job, state=State.FETCHED, size=begun + size)
    # In this order: at no moment does the record name an older file of the same name.
    job.path.unlink(missing_ok=True)
    kit.record(done)
    part.finish(job.path)
    return done


@contextmanager
def _opened(source: _Source, kit: FetchTools, opener: connect.Opener) -> Iterator[_Body]:
    """Yield the body: the rest of what is here where the server has the same version still, else all of it."""
    if urlsplit(source.url).scheme == "file":
        path = _local_file(source.url, kit.file_root)
        with path.open("rb") as file:
            yield _Body(blocks=iter(lambda: file.read(_BLOCK), b""), expected=path.stat().st_size)
        return
    asked = source.part.headers()
    with opener.get(source.url, headers=asked) as answer:
        if answer.status_code in _DEAD:
            raise _LinkExpired(f"the link is dead (HTTP {answer.status_code})")
        if answer.status_code in _PASSING or answer.status_code >= 500:
            raise _Retryable(f"the server answered {answer.status_code}", _asked_wait_s(answer))
        continues = bool(asked) and answer.status_code == 206
        plain = answer.headers.get("Content-Encoding", "identity").lower() == "identity"
        if continues and not (plain and source.part.accepts(answer.headers)):
            source.part.discard()
            raise _Retryable("the server sent another part than was asked for")
        if asked and answer.status_code == 416:
            source.part.discard()
            raise _Retryable("the server has no such part")
        if not continues and answer.status_code != 200:
            raise addresses.RefusedAddress(f"the server answered {answer.status_code}")
        length = answer.headers.get("Content-Length", "")
        yield _Body(
            blocks=connect.blocks(answer, _BLOCK),
            expected=int(length) if plain and length.isascii() and length.isdigit() else None,
            etag=answer.headers.get("ETag", "") if plain else "",
            continues=continues,
        )


def _asked_wait_s(answer: requests.Response) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_WAIT_S) if asked.isascii() and asked.isdigit() else 0.0


def _local_file(url: str, root: Path | None) -> Path:
    parts = urlsplit(url)
    if root is None or parts.netloc not in {"", "localhost"}:
        raise addresses.RefusedAddress("a file: link belongs to a local run only")
    try:
        source = Path(url2pathname(parts.path)).resolve(strict=True)
    except (OSError, ValueError) as problem:
        raise _LinkExpired("the file is gone") from problem
    if not source.is_file() or not source.is_relative_to(root.resolve()):
        raise addresses.RefusedAddress("it leads outside the local studio's media")
    return source


def _ensure_space(folder: Path, expected: int, kit: FetchTools) -> None:
    if shutil.disk_usage(folder).free - expected < _RESERVE_BYTES:
        kit.stop.set()
        raise _Full("the disk is full")


def _written(source: _Source, body: _Body, limit: int, kit: FetchTools) -> int:
    """Write the blocks; the reserve is looked at again and again, because several files grow at once."""
    size, looked_at = 0, 0
    with source.part.open(continues=body.continues) as file:
        for block in body.blocks:
            size += len(block)
            if size > limit:
                raise addresses.RefusedAddress(f"the body is larger than {limit} bytes")
            if kit.stop.is_set():
                raise _Stopped("interrupted")
            if kit.clock.monotonic_s() > source.deadline:
                raise _Retryable("the server is too slow")
            if size - looked_at >= _LOOK_BYTES:
                looked_at = size
                _ensure_space(source.part.path.parent, 0, kit)
            file.write(block)
    return size


def _failed(job: FetchJob, reason: str) -> FetchResult:
    return FetchResult(job=job, state=State.FAILED, reason=reason)


def _said(problem: Exception) -> str:
    """Return our own words: the library's hold the whole link, which opens the video."""
    if isinstance(problem, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(problem, requests.RequestException):
        return "the connection failed or broke off"
    return str(problem)
