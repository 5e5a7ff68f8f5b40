"""Owns which text may become a link: a cell or a server may hold `javascript:` where a link is expected. No I/O."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def web(text: str) -> str:
    """Return the text as an http(s) link, blanks and quotes percent-encoded; "" if it is anything else."""
    return _kept(text, {"http", "https"})


def openable(text: str) -> str:
    """Return the text as a link that a page on disk may offer: http(s), or a file of a local run; else ""."""
    return _kept(text, {"http", "https", "file"})


def _kept(text: str, schemes: set[str]) -> str:
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    # urlsplit drops tabs and line breaks inside the scheme, as browsers do: so the text itself must start with it.
    if parts.scheme not in schemes or not text.lower().startswith(f"{parts.scheme}:"):
        return ""
    if parts.scheme != "file" and not parts.hostname:
        return ""
    return quote(text, safe="!#$%&()*+,-./:;=?@[]_~", errors="replace")
