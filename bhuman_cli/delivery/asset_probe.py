"""Probe of asset addresses before money is spent: each opened once, several at a time. Downloads no whole file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import requests

from bhuman_cli.net import addresses, connect

WORKERS: Final = 8
LARGEST_BYTES: Final = 200 * 2**20
_RANGE: Final = {"Range": "bytes=0-1023"}
_DIRECT: Final = "link"  # a picture or a video; the other kinds are pages. Source: API contract, section 6
_PAGE: Final = ("text/html", "application/xhtml")
_SIGN_IN: Final = ("login", "signin", "sign-in", "sign_in", "authwall", "accounts.google", "captcha", "challenge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with an address. is_error: its video would not show what it should."""

    rule: str
    is_error: bool = True


def probe(
    wanted: Iterable[tuple[str, str]], policy: addresses.Policy, on_done: Callable[[int], None]
) -> dict[tuple[str, str], Finding]:
    """Return what is wrong with each (address, background's kind); those that are well are left out.

    on_done: gets the count so far.
    """
    pairs = list(dict.fromkeys(wanted))
    openers = threading.local()
    every: list[connect.Opener] = []

    def task(pair: tuple[str, str]) -> Finding | None:
        if not hasattr(openers, "own"):
            openers.own = connect.Opener(policy)
            every.append(openers.own)
        return _probed(*pair, openers.own)

    findings: dict[tuple[str, str], Finding] = {}
    try:
        with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="probe") as pool:
            for count, (pair, finding) in enumerate(zip(pairs, pool.map(task, pairs), strict=True), start=1):
                if finding is not None:
                    findings[pair] = finding
                on_done(count)
    finally:
        for opener in every:
            opener.close()
    return findings


def _probed(url: str, kind: str, opener: connect.Opener) -> Finding | None:
    finding: Finding | None = None
    for method, headers in (("HEAD", {}), ("GET", _RANGE)):  # some servers answer no HEAD
        try:
            finding = _judged(url, kind, *_followed(url, method, headers, opener))
        except (addresses.RefusedAddress, addresses.Unreachable) as refused:
            return Finding(rule=f"the address can't be used: {refused}")
        except requests.RequestException:
            finding = Finding(rule="the server does not answer")
        if finding is None or not finding.is_error:
            return finding
    return finding


def _followed(url: str, method: str, headers: dict[str, str], opener: connect.Opener) -> tuple[str, int, str, int]:
    """Return where the address leads, and status, content type and size there."""
    place = url
    for _ in range(connect.MAX_HOPS + 1):
        with opener.get(place, method=method, headers=headers, hops=0) as answer:
            following = answer.headers.get("Location", "")
            if answer.status_code in connect.REDIRECTS and following:
                place = urljoin(place, following)
                continue
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
            size = whole or answer.headers.get("Content-Length", "")
            return place, answer.status_code, kind, int(size) if size.isascii() and size.isdigit() else 0
    raise addresses.RefusedAddress(f"it redirects more than {connect.MAX_HOPS} times")


def _judged(url: str, kind: str, place: str, status: int, content: str, size: int) -> Finding | None:
    if status >= 400:
        refused = status in {401, 403, 429}
        return Finding(rule=f"{'a sign-in or bot page' if refused else 'nothing is there'} (HTTP {status})")
    parts = urlsplit(place)
    if place != url and any(word in f"{parts.netloc}{parts.path}".lower() for word in _SIGN_IN):
        return Finding(rule=f"leads to a sign-in or bot page of {parts.hostname}")
    is_page = content.startswith(_PAGE)
    if kind == _DIRECT and is_page:
        return Finding(rule="a page, but its background wants a picture or a video")
    if kind != _DIRECT and content.startswith(("image/", "video/")):
        return Finding(rule="a picture or a video, but its background wants a page")
    if size > LARGEST_BYTES:
        return Finding(rule=f"too large ({size / 2**20:,.0f} MiB)")
    if _host(place) != _host(url):
        return Finding(rule=f"leads to another host, {parts.hostname}", is_error=False)
    return None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")
