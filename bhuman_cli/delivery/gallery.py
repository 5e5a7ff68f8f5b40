"""Owns the gallery: one HTML page of a run that opens from disk. Cells and server texts only ever become text in it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, Final

import jinja2
import markupsafe

from bhuman_cli import domain
from bhuman_cli.delivery import mailmerge, media

MARK: Final = '<meta name="generator" content="bhuman gallery">'
"""Says near the page's beginning that it is ours, and may be replaced by a newer one."""

EMBED_LIMIT_BYTES: Final = 48 * 1024**2
"""Browsers stop being quick with much larger pages."""

_BINS: Final = 24
_MIME: Final = {".gif": "image/gif", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one gallery shows.

    header: the user's columns; labels: those of them shown on the cards, in this order.
    files: links of media on this machine, by generation id and kind, used before the service's links.
    seconds: how long rows took to render, where known.
    """

    title: str
    subtitle: str
    header: Sequence[str]
    labels: Sequence[str]
    rows: Sequence[domain.ResultRow]
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)
    seconds: Sequence[float] = ()


def render(page: Page) -> str:
    """Return the page as HTML; it asks the network for nothing but the rows' own pictures."""
    counts = Counter(row.fields.get("status", "") for row in page.rows)
    style, script = _asset("gallery.css"), _asset("gallery.js")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("gallery.html.j2").render(
        page=page,
        mark=markupsafe.Markup(MARK),
        total=len(page.rows),
        counts=_ordered(counts),
        bars=_bars(page),
        data=markupsafe.Markup(_json(_data(page))),
        style=markupsafe.Markup(style),
        script=markupsafe.Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def embedded(name: str, content: bytes) -> str:
    """Return a picture as a data: link, for a page that is one file."""
    ending = name[name.rfind(".") :].lower()
    return f"data:{_MIME.get(ending, 'image/jpeg')};base64,{base64.b64encode(content).decode()}"


def _data(page: Page) -> dict[str, Any]:
    places = [page.header.index(label) for label in page.labels]
    return {"labels": list(page.labels), "cards": [_card(row, places, page.files) for row in page.rows]}


def _card(row: domain.ResultRow, places: Sequence[int], files: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return one row as short keys, empty ones left out: thousands of them are in one page."""
    fields = row.fields
    here = {what: files.get((fields.get("id", ""), str(what)), "") for what in media.What}
    card = {
        "r": fields.get("row_index", ""),
        "s": fields.get("status", ""),
        "l": [row.cells[place] if place < len(row.cells) else "" for place in places],
        "m": fields.get("message", ""),
        "p": media.openable(fields.get("share_url", "")),
        "v": here[media.What.VIDEO] or media.openable(fields.get("url", "")),
        "g": here[media.What.GIF] or media.openable(fields.get("gif", "")),
        "t": here[media.What.THUMBNAIL] or media.openable(fields.get("thumbnail", "")),
        "w": media.openable(fields.get("whatsapp_video_url", "")),
        "c": mailmerge.video_link(fields),
        "e": mailmerge.email_html(mailmerge.mail(fields)),
        "d": fields.get("generated_at", ""),
    }
    return {key: value for key, value in card.items() if value}


def _json(document: Any) -> str:
    """Return JSON that can't end its script element, whatever is inside; broken characters become `?`."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    known = [str(status) for status in domain.Status]
    return sorted(counts.items(), key=lambda item: known.index(item[0]) if item[0] in known else len(known))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """A small histogram: heights in percent, and the words at both ends."""

    title: str
    first: str
    last: str
    heights: list[tuple[int, int]]


def _bars(page: Page) -> _Chart | None:
    """Return how long rows took, or where that is unknown when they were finished; None with nothing to compare."""
    if len(page.seconds) > 1:
        low, high = min(page.seconds), max(page.seconds)
        return _Chart(
            title="time to render", first=_spoken(low), last=_spoken(high), heights=_heights(page.seconds, low, high)
        )
    moments = sorted(filter(None, (_moment(row.fields.get("generated_at", "")) for row in page.rows)))
    if len(moments) < 2:
        return None
    values = [moment.timestamp() for moment in moments]
    span = moments[-1] - moments[0]
    shape = "%H:%M:%S" if span < timedelta(minutes=5) else "%H:%M" if span < timedelta(hours=20) else "%d %b %H:%M"
    return _Chart(
        title="finished (UTC)", first=moments[0].strftime(shape), last=moments[-1].strftime(shape),
        heights=_heights(values, values[0], values[-1]),
    )  # fmt: skip


def _heights(values: Sequence[float], low: float, high: float) -> list[tuple[int, int]]:
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int((value - low) / ((high - low) or 1) * _BINS))] += 1
    return [(count, max(3, round(100 * count / max(counts))) if count else 0) for count in counts]


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _spoken(seconds: float) -> str:
    steps = ((3600, "h"), (60, "min"), (1, "s"))
    return next((f"{seconds / size:.0f} {unit}" for size, unit in steps if seconds >= 2 * size), f"{seconds:.1f} s")


def _asset(name: str) -> str:
    return resources.files("bhuman_cli.delivery").joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
