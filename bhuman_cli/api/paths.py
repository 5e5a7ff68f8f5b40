"""Addresses that `bhuman api` may call: this service's own, never its completion ingress. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from bhuman_cli.api.requester import PREFIX
from bhuman_cli.config import settings
from bhuman_cli.errors import UsageError

TRIGGERS: Final = {
    "pipeline/campaign": "campaign",
    "pipeline/zapier": "zapier",
    "pipeline/pabbly": "pabbly",
    "pipeline/leadr": "leadr",
    "try_sample": "sample",
}
"""Paid routes that `bhuman trigger` sends to, through journal and gate, and under which name."""

PAID: Final = ("pipeline/", "try_sample", "videos_preview")
_INGRESS: Final = "pipeline/webhook"
_DECODINGS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A path from the root of the host, and the pairs after its `?`.

    can_cost: a request there may cost credits. trigger: the `bhuman trigger` that sends it, "" where none does.
    """

    path: str
    query: tuple[tuple[str, str], ...]
    can_cost: bool
    trigger: str = ""


def read(text: str, base_url: str) -> Address:
    """Read `campaigns?page=0`, `/api/ai_studio/campaigns`, or a whole URL of this service.

    Raises:
        UsageError: another host, the completion ingress, or a path that would be read differently on its way.
    """
    if not text.isprintable() or re.search(r"[ \\\\#]", text):
        raise UsageError("the path holds a space, a backslash, a fragment or a control character")
    own = _relative(text, base_url)
    parts = urlsplit(own)
    if parts.scheme or parts.netloc or own.startswith("//"):
        raise UsageError("the path could be read as another host")
    path = parts.path if parts.path.startswith("/") else _below_prefix(parts.path)
    plain = _decoded(path)
    segments = [segment for segment in plain.split("/") if segment]
    if any(segment in {".", ".."} for segment in segments) or plain.count("/") != path.count("/") or "//" in plain:
        raise UsageError("the path holds dots or slashes that would be read differently on their way")
    below = "/".join(segments).lower()
    if _INGRESS in below:
        raise UsageError(
            f"{_INGRESS} is where BHuman's own workers report; customers must never call it", hint="bhuman listen"
        )
    last = below.removeprefix(PREFIX.strip("/")).strip("/")
    return Address(
        path=path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        can_cost=last.startswith(PAID),
        trigger=TRIGGERS.get(last.strip("/"), ""),
    )


def _relative(text: str, base_url: str) -> str:
    """Return the text without the service's own host."""
    if "://" not in text.split("?", maxsplit=1)[0]:
        return text
    try:
        service = settings.service_name(text.split("?", maxsplit=1)[0])
    except UsageError:
        service = ""
    if service != settings.service_name(base_url):
        raise UsageError(
            f"only {settings.service_name(base_url)} is called, with the credentials that belong to it",
            hint="bhuman doctor",
        )
    parts = urlsplit(text)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _below_prefix(path: str) -> str:
    return f"/{path}" if path.startswith("api/") else f"{PREFIX}/{path}"


def _decoded(path: str) -> str:
    for _ in range(_DECODINGS):
        path = unquote(path)
    return path
