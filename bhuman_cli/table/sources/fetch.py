"""GET of a table at an address: once, bounded in time and size, and kept so that an unchanged one is not sent again.

Sends no credentials. What comes is not read as a table here, but a page in its place is refused.
"""

from __future__ import annotations

import contextlib
import email.message
import email.utils
import hashlib
import ipaddress
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests

from bhuman_cli import files
from bhuman_cli.errors import BhumanError, InputError, ServiceDown
from bhuman_cli.net import addresses, connect, hosts
from bhuman_cli.table.sources.address import Address

FOLDER_NAME: Final = "tables"
"""In the state folder: the tables as they came, one file for each version, readable by their owner only."""
LIMIT_BYTES: Final = 64 << 20
WITHIN_S: Final = 60.0
_KEPT_S: Final = 24 * 3600
_UNUSED_S: Final = 30 * 24 * 3600
_BLOCK: Final = 1 << 16
_ACCEPT: Final = (
    "text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, application/json, */*;q=0.5"
)
_ENDINGS: Final = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".json", ".jsonl", ".ndjson")
_BY_TYPE: Final = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel.sheet.macroenabled.12": ".xlsm",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
}
_PAGE: Final = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|meta|body|script)\b", re.I | re.S)
_ANYONE: Final = {
    "Google Sheets": "in Google Sheets: Share > General access > Anyone with the link > Viewer",
    "Google Drive": "in Google Drive: Share > General access > Anyone with the link > Viewer",
    "Dropbox": "in Dropbox: Share > Create link, and who has access: Anyone with the link",
    "OneDrive": "in OneDrive: Share > Anyone with the link can view, without a password",
    "GitHub": "a file of a private repository can't be read by its link; download it and render the copy",
    "": "the link must lead to the file itself, for anyone who has it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A table as it came. name: its file's name, ending included. modified_at: what the server says, None if nothing.

    by_proxy: a proxy looked the names up, so that only literal private addresses could be refused.
    """

    path: Path
    name: str
    modified_at: datetime | None
    by_proxy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is remembered of the last transfer of an address, beside its bytes."""

    sha256: str
    name: str
    etag: str = ""
    last_modified: str = ""


class _Policy:
    """Where redirects may lead: anywhere public; into a private network only from where the person began there."""

    def __init__(self) -> None:
        self.was_public = False
        self.by_proxy = False

    def checked(self, url: str, *, by_proxy: bool = False) -> list[str]:
        """Return the addresses to connect to.

        Raises:
            addresses.RefusedAddress, addresses.Unreachable: as `addresses.Policy`.
        """
        parts = addresses.split(url)
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        literal = _literal(host)
        # A proxy asks for the name itself: only what is written as a number can be judged from here.
        ips = [] if by_proxy and literal is None else addresses.resolve(host, port)
        places = [literal] if literal is not None else [ipaddress.ip_address(text.partition("%")[0]) for text in ips]
        is_inside = (
            hosts.is_loopback(host) if by_proxy and literal is None else any(not hosts.is_public(p) for p in places)
        )
        if is_inside and self.was_public:
            raise addresses.RefusedAddress("it redirects to a private address")
        self.was_public = self.was_public or not is_inside
        self.by_proxy = self.by_proxy or by_proxy
        return ips


def _literal(host: str) -> hosts.Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def fetch(address: Address, folder: Path, *, insecure: bool = False, within_s: float = WITHIN_S) -> Fetched:
    """Bring the table into the folder (made 0700, files 0600), or know by its ETag that it is there.

    Raises:
        InputError: a page in place of a table, a refused redirect, too large, or the server refuses it.
        ServiceDown: no connection, a broken transfer, or longer than within_s.
    """
    ended: list[Fetched | BaseException] = []

    def work() -> None:
        try:
            ended.append(_fetched(address, folder, insecure=insecure))
        except BaseException as problem:
            ended.append(problem)

    # A server that sends a byte now and then outlasts every time-out for a single read, headers included.
    thread = threading.Thread(target=work, name="fetch-table", daemon=True)
    thread.start()
    thread.join(within_s)
    if not ended:
        raise ServiceDown(f"{host(address.url)}: the table did not arrive within {within_s:g} s")
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]


def _fetched(address: Address, folder: Path, *, insecure: bool) -> Fetched:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = hashlib.sha256(f"{address.identity}\n{address.url}".encode()).hexdigest()[:32]
    copy = _remembered(folder, key)
    policy = _Policy()
    headers = {"Accept": _ACCEPT, **_conditions(copy)}
    with _told(address), _answer(address.url, policy, headers, insecure=insecure) as answer:
        if answer.status_code == 304 and copy is not None:
            path = folder / f"{key}-{copy.sha256[:16]}"
            os.utime(path)
        else:
            _require_table(address, answer)
            path, sha256 = _written(address, answer, folder, key)
            copy = _Kept(
                sha256=sha256, name=_name(address, answer), etag=answer.headers.get("ETag", ""),
                last_modified=answer.headers.get("Last-Modified", ""),
            )  # fmt: skip
            _remember(folder, key, copy)
    _sweep(folder)
    return Fetched(path=path, name=copy.name, modified_at=_moment(copy.last_modified), by_proxy=policy.by_proxy)


@contextlib.contextmanager
def _answer(url: str, policy: _Policy, headers: Mapping[str, str], *, insecure: bool) -> Iterator[requests.Response]:
    """Yield the answer after the redirects, each hop judged with what was seen before it."""
    for _ in range(connect.MAX_HOPS + 1):
        opener = connect.Opener(policy)
        with contextlib.closing(opener), opener.get(url, headers=headers, hops=0) as answer:
            if answer.status_code not in connect.REDIRECTS:
                yield answer
                return
            following = urljoin(url, answer.headers.get("Location", ""))
        parts = addresses.split(following)
        if parts.scheme == "http" and (
            url.startswith("https:") or not (insecure or hosts.is_loopback(str(parts.hostname)))
        ):
            raise addresses.RefusedAddress("it redirects from https to http")
        url = following
    raise addresses.RefusedAddress(f"it redirects more than {connect.MAX_HOPS} times")


@contextlib.contextmanager
def _told(address: Address) -> Iterator[None]:
    """Say in our own words what went wrong: the library's hold the whole link, and that opens the table."""
    where = host(address.url)
    try:
        yield
    except addresses.RefusedAddress as refused:
        raise InputError(f"{where}: the table was not fetched: {refused}") from None
    except addresses.Unreachable as problem:
        raise ServiceDown(f"{where}: {problem}; nothing was sent") from None
    except requests.exceptions.SSLError:
        raise ServiceDown(f"{where}: its certificate is not trusted here; nothing was sent") from None
    except requests.Timeout:
        raise ServiceDown(f"{where}: no answer in time; nothing was sent") from None
    except requests.RequestException:
        raise ServiceDown(f"{where}: the connection failed or broke off; nothing was sent") from None
    except OSError as problem:
        raise InputError(f"the table can't be kept: {(problem.strerror or 'unknown').lower()}") from None


def _require_table(address: Address, answer: requests.Response) -> None:
    status, where = answer.status_code, host(address.url)
    if status in {401, 403}:
        raise _no_table(address, "may not be read without signing in")
    if status in {404, 410}:
        raise InputError(f"{where}: there is no such table (HTTP {status}); was it moved or deleted? Nothing was sent")
    if status == 429 or status >= 500:
        raise ServiceDown(f"{where}: it has no answer at the moment (HTTP {status}); nothing was sent")
    if status != 200:
        raise InputError(f"{where}: the table was not fetched (HTTP {status}); nothing was sent")


def _no_table(address: Address, what: str) -> BhumanError:
    name = f"the {address.product} link" if address.product else f"{host(address.url)}: the address"
    return InputError(f"{name} {what}: {_ANYONE[address.product]}. Nothing was sent")


def _written(address: Address, answer: requests.Response, folder: Path, key: str) -> tuple[Path, str]:
    """Write the body aside, judge it, and give it the name of its bytes."""
    announced = answer.headers.get("Content-Length", "")
    is_plain = answer.headers.get("Content-Encoding", "identity").lower() == "identity"
    digest, size, head = hashlib.sha256(), 0, b""
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{key}.", suffix=".tmp")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            for block in connect.blocks(answer, _BLOCK):
                size += len(block)
                if size > LIMIT_BYTES:
                    raise InputError(f"{host(address.url)}: the table is larger than {LIMIT_BYTES >> 20} MiB")
                head = (head + block)[:4096] if len(head) < 4096 else head
                digest.update(block)
                stream.write(block)
        if is_plain and announced.isascii() and announced.isdigit() and int(announced) != size:
            raise ServiceDown(f"{host(address.url)}: the transfer broke off ({size:,} of {int(announced):,} bytes)")
        if _PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
            raise _no_table(address, "shows a page, not a table")
        path = folder / f"{key}-{digest.hexdigest()[:16]}"
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path, digest.hexdigest()


def _name(address: Address, answer: requests.Response) -> str:
    """Return the file's name: the server's, else the address's; its ending by the name, else by the content's type."""
    message = email.message.Message()
    message["content-type"] = answer.headers.get("Content-Type", "")
    message["content-disposition"] = _as_text(answer.headers.get("Content-Disposition", ""))
    parameters: list[tuple[str, Any]] = message.get_params(failobj=[], header="content-disposition")
    # `filename*`, which comes decoded as a triple, says more than the plain `filename` beside it.
    names = [value for key, value in parameters if key.lower() == "filename"]
    said = next((value for value in names if isinstance(value, tuple)), names[0] if names else "")
    name = _safe(email.utils.collapse_rfc2231_value(said)) or _safe(address.fallback_name) or "table"
    ending = "" if name.lower().endswith(_ENDINGS) else _BY_TYPE.get(message.get_content_type(), "")
    return name + ending


def _as_text(header: str) -> str:
    """Undo what `http.client` does to headers, which many servers write in UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _safe(name: str) -> str:
    """Return the last part of a name that a server chose, fit to stand in a folder."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(sign if sign.isprintable() and sign not in '<>:"|?*' else "_" for sign in last)
    return plain.strip(" .")[-120:].lstrip(" .-")


def _conditions(copy: _Kept | None) -> dict[str, str]:
    if copy is None:
        return {}
    headers = {"If-None-Match": copy.etag, "If-Modified-Since": copy.last_modified}
    return {name: value for name, value in headers.items() if value}


def _remembered(folder: Path, key: str) -> _Kept | None:
    """Return what is kept of an address, None unless its bytes are there as they came."""
    try:
        values: Any = json.loads((folder / f"{key}.json").read_text("utf-8"))
        copy = _Kept(**values)
        body = (folder / f"{key}-{copy.sha256[:16]}").read_bytes()
    except (OSError, ValueError, TypeError):
        return None
    return copy if hashlib.sha256(body).hexdigest() == copy.sha256 else None


def _remember(folder: Path, key: str, copy: _Kept) -> None:
    with files.aside(folder / f"{key}.json") as path:
        path.write_text(json.dumps(asdict(copy)), encoding="utf-8")


def _sweep(folder: Path) -> None:
    """Remove what nobody reads any more, old versions after a day and unused tables after a month: they hold data."""
    current: set[str] = set()
    for memory in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            current.add(f"{memory.stem}-{json.loads(memory.read_text('utf-8'))['sha256'][:16]}")
    now = time.time()
    for path in [*folder.glob("*-*"), *folder.glob(".*.tmp")]:
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > (_UNUSED_S if path.name in current else _KEPT_S):
                path.unlink()


def _moment(text: str) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def host(url: str) -> str:
    """Return the host, all of a link that may be shown: the rest opens the table."""
    return urlsplit(url).hostname or ""
