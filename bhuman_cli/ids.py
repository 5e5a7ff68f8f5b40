"""Ids as people paste them: UUIDs and BHuman app URLs. Pure; asks nobody whether an id exists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bhuman_cli.errors import UsageError

CAMPAIGN: Final = "campaign"
INSTANCE: Final = "instance"
GENERATION: Final = "generation"

_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_UUID_IN_TEXT = re.compile(rf"(?<![0-9A-Za-z]){_UUID.pattern}(?![0-9A-Za-z])")
_FOLDERS: Final = {
    "generatedvideos": CAMPAIGN,
    "campaign": CAMPAIGN,
    "campaigns": CAMPAIGN,
    "instance": INSTANCE,
    "instances": INSTANCE,
    "video": GENERATION,
    "videos": GENERATION,
}
_QUERIES: Final = (("campaign_id", CAMPAIGN), ("video_instance_id", INSTANCE), ("id", None))
_MAX_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedId:
    """An id and what the URL around it says it is; kind is None for a bare id."""

    kind: str | None
    uuid: str


def parse(text: str) -> ParsedId:
    """Read a UUID, with or without hyphens, or the app URL that ends in one.

    Raises:
        UsageError: there is no id in it.
    """
    trimmed = text.strip().strip("<>\"'")
    if len(trimmed) > _MAX_LENGTH:
        raise UsageError("the id is too long to be one", hint=_HINT)
    parsed = _bare(trimmed, None) or _from_url(trimmed)
    if parsed is None:
        raise UsageError(f"{_shown(trimmed)} is not an id: give a UUID or an address of the BHuman app", hint=_HINT)
    return parsed


def of_kind(text: str, kind: str) -> str:
    """Return the UUID in what was typed or pasted for an id of this kind.

    Raises:
        UsageError: there is none, or it is the address of something else.
    """
    parsed = parse(text)
    if parsed.kind not in {None, kind}:
        raise UsageError(f"this URL belongs to {_NAMES.get(str(parsed.kind), parsed.kind)}, not to {_NAMES[kind]}")
    return parsed.uuid


def is_uuid(text: str) -> bool:
    """Say whether the text is a UUID and nothing else."""
    return _UUID.fullmatch(text) is not None


def normal(text: str) -> str:
    """Return a UUID in the one form that ids are compared in (lower case, hyphens); other text as it is."""
    if not is_uuid(text):
        return text
    digits = text.replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def within(text: str) -> list[re.Match[str]]:
    """Return where UUIDs stand in a text, however they are written; no part of a longer word is one."""
    return list(_UUID_IN_TEXT.finditer(text))


_HINT: Final = "bhuman campaigns list"
_NAMES: Final = {CAMPAIGN: "a campaign", INSTANCE: "a video instance", GENERATION: "a video"}


def _bare(text: str, kind: str | None) -> ParsedId | None:
    return ParsedId(kind=kind, uuid=normal(text)) if is_uuid(text) else None


def _from_url(text: str) -> ParsedId | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return None
    segments = [segment for segment in parts.path.split("/") if segment]
    for place in range(len(segments) - 1, -1, -1):
        folder = segments[place - 1].lower() if place else ""
        candidate = _bare(segments[place], _FOLDERS.get(folder))
        if candidate is not None:
            return candidate
    queries = parse_qs(parts.query)
    candidates = (_bare(queries[name][0], kind) for name, kind in _QUERIES if name in queries)
    return next((candidate for candidate in candidates if candidate is not None), None)


def _shown(text: str) -> str:
    """Quote the start only: a mistyped id may still be most of somebody's video link."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return repr(clean if len(clean) <= 12 else f"{clean[:12]}…")
