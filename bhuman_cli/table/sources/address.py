"""Address of a table: which file stands behind a shared link, and what it is called in the journal. Pure; asks nobody.

A link out of a browser leads to a page; each product has another address for the file itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from bhuman_cli.errors import UsageError
from bhuman_cli.net import hosts

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_SHEET: Final = re.compile(
    r"/spreadsheets(?:/u/\d+)?(?:/a/[^/]+)?/d/(?P<published>e/)?(?P<id>[\w-]{10,})(?:/(?P<page>\w+))?"
)
_DRIVE: Final = re.compile(r"/file(?:/u/\d+)?/d/(?P<id>[\w-]{10,})")
_BLOB: Final = re.compile(r"/(?P<repository>[^/]+/[^/]+)/(?:blob|raw)/(?P<file>.+)")
# What differs each time a link is signed or copied: the table behind it is the same.
_SIGNED: Final = re.compile(r"utm_\w+|x-(amz|goog)-.*|signature|sig|expires|key-pair-id|policy|token", re.IGNORECASE)
_COPIED: Final = re.compile(
    r"dl|raw|st|e|rlkey|download|web|usp|csf|ouid|rtpof|sd|authuser|cid|ithint|redeem|migratedtospo", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A table that is read over the network.

    url: the file's own address. identity: the journal's name for it, the same for every form of the link, without what
        opens it. fallback_name: what the file is called where nobody says. product: whose page it is, "" for others.
    """

    url: str
    identity: str
    fallback_name: str
    product: str = ""


def is_address(text: str) -> bool:
    """Say whether FILE is an address and not a path."""
    return bool(_ADDRESS.match(text.strip()))


def parse(text: str, *, sheet: str | None = None, as_workbook: bool = False, insecure: bool = False) -> Address:
    """Return the table behind a link.

    sheet: the `--sheet` that is read, part of what the journal calls it. as_workbook: more than the cells' text is
    needed, as which rows are hidden. insecure: `http://` to any host is what the person wants.

    Raises:
        UsageError: not http(s), credentials in it, or `http://` to another machine.
    """
    parts = _checked(text.strip(), insecure=insecure)
    host = (parts.hostname or "").lower()
    for is_its, of_product in _PRODUCTS.items():
        address = of_product(parts, sheet, as_workbook) if re.fullmatch(is_its, host) else None
        if address is not None:
            return address
    return _plain(parts, sheet)


def _checked(text: str, *, insecure: bool) -> SplitResult:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"} or not host or any(sign.isspace() or not sign.isprintable() for sign in text):
        raise UsageError("the table's address is not an https:// address", hint="bhuman render https://…/table.csv")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"the address at {host} holds a user name or a password, which would stay in the shell's history; "
            "share the table by a link, or download it and render the copy"
        )
    if scheme == "http" and not insecure and not hosts.is_loopback(host):
        raise UsageError(
            f"http:// to {host}: anyone on the way could change the table; write https://", hint="--insecure-source"
        )
    return parts._replace(scheme=scheme, netloc=_netloc(parts))


def _netloc(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme.lower()]
    return f"{shown}:{parts.port}" if parts.port not in {None, usual} else shown


def _queried(parts: SplitResult, **values: str) -> str:
    """Return the address with these values in its query."""
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in values]
    return urlunsplit((*parts[:3], urlencode([*query, *values.items()]), ""))


def _named(parts: SplitResult) -> Mapping[str, str]:
    """Return query and fragment, which Google uses as a second query."""
    return dict(parse_qsl(parts.query)) | dict(parse_qsl(parts.fragment))


def _google_sheet(parts: SplitResult, sheet: str | None, as_workbook: bool) -> Address | None:
    match = _SHEET.match(parts.path)
    if match is None or match["page"] == "gviz":  # a query of its own, which names its own sheet
        return None
    named = _named(parts)
    gid = named.get("gid", "") if re.fullmatch(r"\d{1,20}", named.get("gid", "")) else ""
    key = f"{match['published'] or ''}{match['id']}"
    kind = "xlsx" if sheet or as_workbook else "csv"
    wanted = {"output" if match["published"] else "format": kind}
    wanted |= {"gid": gid} if gid and not sheet else {}
    wanted |= {"single": "true"} if match["published"] and gid and not sheet else {}
    wanted |= {name: named[name] for name in ("resourcekey", "range") if named.get(name)}
    verb = "pub" if match["published"] else "export"
    base = f"https://docs.google.com/spreadsheets/d/{key}"
    part = f"sheet={quote(sheet)}" if sheet else f"gid={gid or 0}"
    part += f"&range={quote(named['range'])}" if named.get("range") else ""
    return Address(
        url=f"{base}/{verb}?{urlencode(wanted)}", identity=f"{base}#{part}", product="Google Sheets",
        fallback_name=f"sheet-{gid or 0}.{kind}",
    )  # fmt: skip


def _google_drive(parts: SplitResult, sheet: str | None, as_workbook: bool) -> Address | None:
    del as_workbook
    match, named = _DRIVE.match(parts.path), _named(parts)
    key = match["id"] if match else named.get("id", "")
    if not re.fullmatch(r"[\w-]{10,}", key):
        return None
    wanted = {"export": "download", "id": key}
    wanted |= {"resourcekey": named["resourcekey"]} if named.get("resourcekey") else {}
    return Address(
        url=f"https://drive.google.com/uc?{urlencode(wanted)}", product="Google Drive", fallback_name=f"file-{key[:8]}",
        identity=f"https://drive.google.com/file/d/{key}{_sheet_part(sheet)}",
    )  # fmt: skip


def _dropbox(parts: SplitResult, sheet: str | None, as_workbook: bool) -> Address | None:
    del as_workbook
    if not parts.path.startswith(("/s/", "/scl/", "/sh/", "/t/")):
        return None
    plain = parts._replace(query=urlencode([(k, v) for k, v in parse_qsl(parts.query) if k != "raw"]))
    return _at(plain, _queried(plain, dl="1"), "Dropbox", sheet)


def _onedrive(parts: SplitResult, sheet: str | None, as_workbook: bool) -> Address | None:
    del as_workbook
    named = _named(parts)
    if parts.netloc == "onedrive.live.com" and (key := named.get("resid") or named.get("id")):
        wanted = {name: named[name] for name in ("cid", "authkey") if name in named}
        return Address(
            url=f"https://onedrive.live.com/download?{urlencode({'resid': key, **wanted})}", product="OneDrive",
            identity=f"https://onedrive.live.com/?resid={quote(key)}{_sheet_part(sheet)}", fallback_name="onedrive",
        )  # fmt: skip
    return _at(parts, _queried(parts, download="1"), "OneDrive", sheet)


def _github(parts: SplitResult, sheet: str | None, as_workbook: bool) -> Address | None:
    del as_workbook
    match = _BLOB.fullmatch(parts.path)
    if match is None:
        return None
    url = f"https://raw.githubusercontent.com/{match['repository']}/{match['file']}"
    page = parts._replace(path=f"/{match['repository']}/blob/{match['file']}", query="")
    return _at(page, url, "GitHub", sheet)


def _plain(parts: SplitResult, sheet: str | None) -> Address:
    return _at(parts, urlunsplit((*parts[:4], "")), "", sheet)


def _at(parts: SplitResult, url: str, product: str, sheet: str | None) -> Address:
    query = parse_qsl(parts.query, keep_blank_values=True)
    parameters = sorted(
        (key, value) for key, value in query
        if not _SIGNED.fullmatch(key) and not (product and _COPIED.fullmatch(key))
    )  # fmt: skip
    bare = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode(parameters), ""))
    last = unquote(parts.path.rstrip("/").rpartition("/")[2])
    return Address(url=url, identity=f"{bare}{_sheet_part(sheet)}", product=product, fallback_name=last or parts.netloc)


def _sheet_part(sheet: str | None) -> str:
    return f"#sheet={quote(sheet)}" if sheet else ""


_PRODUCTS: Final[Mapping[str, Callable[[SplitResult, str | None, bool], Address | None]]] = {
    r"docs\.google\.com|sheets\.google\.com|spreadsheets\.google\.com": _google_sheet,
    r"drive\.google\.com|docs\.google\.com": _google_drive,
    r"(www\.)?dropbox\.com": _dropbox,
    r"onedrive\.live\.com|1drv\.ms|[\w-]+\.sharepoint\.com": _onedrive,
    r"(www\.)?github\.com": _github,
}
"""Host → how its links become the file. Sources: the export and sharing links that the products' own pages offer."""
