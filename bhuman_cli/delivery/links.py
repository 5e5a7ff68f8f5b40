"""Links out of text: a cell or a server may hold `javascript:` where a link is expected. No I/O."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import quote, urlsplit

_SCHEMES: Final = frozenset({"http", "https", "file"})


def openable(text: str) -> str:
    """Return the text as a link: http(s), or a file of a local run; "" if it is anything else.

    Blanks, quotes and whatever else could end an attribute are percent-encoded.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    # urlsplit drops tabs and line breaks inside the scheme, as browsers do: so the text itself must start with it.
    if parts.scheme not in _SCHEMES or not text.lower().startswith(f"{parts.scheme}:"):
        return ""
    if parts.scheme != "file" and not parts.hostname:
        return ""
    return quote(text, safe="!#$%&()*+,-./:;=?@[]_~", errors="replace")


def works_elsewhere(link: str) -> bool:
    """Say whether a link can open on another machine: not a file, and not a service on this one."""
    parts = urlsplit(link)
    host = (parts.hostname or "").lower()
    if parts.scheme == "file" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(host)
