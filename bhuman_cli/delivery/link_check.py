"""Link check before a mail: each link opened once, several at a time. Downloads nothing, changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from bhuman_cli.net import addresses, connect

WORKERS: Final = 8
_RANGE: Final = {"Range": "bytes=0-0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a link leads to. reason: "" where it opens. bytes: of the whole file, 0 where nobody says."""

    reason: str = ""
    bytes: int = 0


def check(urls: Iterable[str], policy: addresses.Policy, on_done: Callable[[int], None]) -> dict[str, Answer]:
    """Return the answer of each link, asked once however often it stands in urls. on_done: gets the count so far."""
    wanted = list(dict.fromkeys(filter(None, urls)))
    openers = threading.local()
    every: list[connect.Opener] = []

    def task(url: str) -> Answer:
        if not hasattr(openers, "own"):
            openers.own = connect.Opener(policy)
            every.append(openers.own)
        return _opened(url, openers.own)

    answers: dict[str, Answer] = {}
    try:
        with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="links") as pool:
            for url, answer in zip(wanted, pool.map(task, wanted), strict=True):
                answers[url] = answer
                on_done(len(answers))
    finally:
        for opener in every:
            opener.close()
    return answers


def _opened(url: str, opener: connect.Opener) -> Answer:
    if urlsplit(url).scheme == "file":
        path = Path(url2pathname(urlsplit(url).path))
        return Answer(bytes=path.stat().st_size) if path.is_file() else Answer(reason="the file is gone")
    answer = Answer(reason="the server did not answer")
    for status, size in _asked(url, opener):
        answer = Answer(bytes=size) if status < 400 else Answer(reason=f"HTTP {status}")
        if not answer.reason:
            break
    return answer


def _asked(url: str, opener: connect.Opener) -> Iterator[tuple[int, int]]:
    """Yield (status, size) of a HEAD, and of a GET of one byte for servers that answer no HEAD."""
    for method, headers in (("HEAD", {}), ("GET", _RANGE)):
        try:
            with opener.get(url, method=method, headers=headers) as answer:
                yield answer.status_code, _size(answer)
        except (addresses.RefusedAddress, addresses.Unreachable, requests.RequestException):
            continue


def _size(answer: requests.Response) -> int:
    whole = answer.headers.get("Content-Range", "").rpartition("/")[2] or answer.headers.get("Content-Length", "")
    return int(whole) if whole.isascii() and whole.isdigit() else 0
