"""Gallery: one HTML page of a run that opens from disk. Cells and server texts only ever become text in it."""

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

from bhuman_cli import amounts, domain
from bhuman_cli.delivery import media

MARK: Final = '<meta name="generator" content="bhuman gallery">'
"""Says near the page's beginning that it is ours, and may be replaced by a newer one."""

EMBED_LIMIT_BYTES: Final = 48 * 1024**2
"""Browsers stop being quick with much larger pages."""

_BINS: Final = 24
_LEAST_BARS: Final = 30
"""Values below which a histogram is noise."""

_MIME: Final = {".gif": "image/gif", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reviewer said of one video. word: approved, rejected, or "" where there is only a note."""

    word: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one gallery shows.

    header: the user's columns that are in the page, to be searched; labels: those shown on the cards, in this order.
    files: links of media on this machine, by generation id and kind, used before the service's links.
    seconds: how long rows took to render, where known. lines: of the table, by row_index.
    quality: what is wrong with a row's video, by row_index. review: decisions by generation id.
    key: names the batch in the browser's memory; name: of the review file.
    is_alone: the page is passed on, so links to this machine are left out.
    """

    title: str
    subtitle: str
    header: Sequence[str]
    labels: Sequence[str]
    rows: Sequence[domain.ResultRow]
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)
    seconds: Sequence[float] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    quality: Mapping[str, str] = field(default_factory=dict)
    review: Mapping[str, Decision] = field(default_factory=dict)
    key: str = ""
    name: str = "gallery"
    is_alone: bool = False
    made_at: float = 0.0

    @property
    def label_places(self) -> list[int]:
        """Return where the labels stand in the header."""
        return [list(self.header).index(label) for label in self.labels]


def render(page: Page) -> str:
    """Return the page as HTML; it asks the network for nothing but the rows' own pictures."""
    counts = Counter(row.fields.get("status", "") for row in page.rows)
    style, script = stylesheet(), _asset("gallery.js")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("gallery.html.j2").render(
        page=page,
        mark=markupsafe.Markup(MARK),
        total=len(page.rows),
        videos=_counted(counts, len(page.rows)),
        suspects=sum(row.fields.get("row_index", "") in page.quality for row in page.rows),
        counts=_ordered(counts),
        bars=_bars(page),
        data=markupsafe.Markup(_json(_data(page))),
        style=markupsafe.Markup(style),
        script=markupsafe.Markup(script),
        style_hash=digest(style),
        script_hash=digest(script),
    )


def _counted(counts: Mapping[str, int], total: int) -> str:
    done = counts.get(domain.Status.SUCCEEDED, 0)
    videos = amounts.plural(total, "video")
    return f"{total:,} {videos}" if done == total else f"{done:,} of {total:,} {videos}"


def embedded(name: str, content: bytes) -> str:
    """Return a picture as a data: link, for a page that is one file."""
    ending = name[name.rfind(".") :].lower()
    return f"data:{_MIME.get(ending, 'image/jpeg')};base64,{base64.b64encode(content).decode()}"


def _data(page: Page) -> dict[str, Any]:
    """Return what the script draws from, with nothing sent twice: thousands of rows are in one page."""
    statuses = list(dict.fromkeys(row.fields.get("status", "") for row in page.rows))
    forms = _Forms()
    steps = {page.lines.get(row.fields["row_index"], 0) - int(row.fields["row_index"] or 0) for row in page.rows}
    step = steps.pop() if len(steps) == 1 and page.lines else 0
    return {
        "columns": list(page.header),
        "labels": page.label_places,
        "statuses": statuses,
        "line": step,
        "key": page.key,
        "file": f"{page.name}.review.csv",
        "made": page.made_at,
        "review": [[id_, decision.word, decision.note] for id_, decision in page.review.items()],
        "cards": [_card(page, row, statuses, forms, step) for row in page.rows],
        "forms": forms.texts,
    }


class _Forms:
    """Links as what they share and what differs: of most only the form's number is sent, and the row's id once."""

    def __init__(self) -> None:
        self.texts = [""]
        self._places: dict[str, int] = {"": 0}

    def sent(self, link: str, generation_id: str) -> int | list[int | str]:
        if generation_id and link.count(generation_id) == 1:
            return self._place(link.replace(generation_id, _GAP))
        if not link or link.startswith("data:"):
            return self._place(_GAP) and [self._place(_GAP), link] if link else 0
        base, slash, rest = link.rpartition("/")
        return [self._place(base + slash + _GAP), rest]

    def _place(self, form: str) -> int:
        place = self._places.setdefault(form, len(self.texts))
        if place == len(self.texts):
            self.texts.append(form)
        return place


_GAP: Final = "{}"
"""Stands in no link: braces are percent-encoded there."""


def _card(page: Page, row: domain.ResultRow, statuses: list[str], forms: _Forms, step: int) -> list[Any]:
    """Return one row as a list without the empty end, in the order in which the script takes it apart."""
    fields = row.fields
    index, id_ = fields.get("row_index", ""), fields.get("id", "")
    here = {what: page.files.get((id_, str(what)), "") for what in media.What}

    def link(column: str, what: media.What | None = None) -> int | list[int | str]:
        url = (here[what] if what is not None else "") or media.openable(fields.get(column, ""))
        if page.is_alone and not url.startswith("data:") and not media.works_elsewhere(url):
            return 0
        return forms.sent(url, id_)

    card = [
        int(index or 0),
        statuses.index(fields.get("status", "")),
        list(row.cells),
        id_,
        link("share_url"),
        link("url", media.What.VIDEO),
        link("thumbnail", media.What.THUMBNAIL),
        link("gif", media.What.GIF),
        fields.get("message", ""),
        link("whatsapp_video_url"),
        fields.get("generated_at", ""),
        page.quality.get(index, ""),
        0 if step else page.lines.get(index, 0),
    ]
    while card and not card[-1]:
        card.pop()
    return card


def _json(document: Any) -> str:
    """Return JSON that can't end its script element, whatever is inside; broken characters become `?`."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    order = [str(status) for status in domain.Status]
    return sorted(counts.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """A small histogram: heights in percent, and the words at both ends."""

    title: str
    first: str
    last: str
    heights: list[tuple[int, int]]


def _bars(page: Page) -> _Chart | None:
    """Return how long rows took, or where that is unknown when they were finished; None with nothing to compare."""
    if len(page.seconds) >= _LEAST_BARS:
        low, high = min(page.seconds), max(page.seconds)
        return _Chart(
            title="time to render", first=_spoken(low), last=_spoken(high), heights=_heights(page.seconds, low, high)
        )
    moments = sorted(filter(None, (_moment(row.fields.get("generated_at", "")) for row in page.rows)))
    if len(moments) < _LEAST_BARS or moments[-1] - moments[0] < timedelta(minutes=1):
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


def stylesheet() -> str:
    """Return the one stylesheet of all pages."""
    return resources.files("bhuman_cli.studio").joinpath("pages", "style.css").read_text("utf-8")


def _asset(name: str) -> str:
    return resources.files("bhuman_cli.delivery").joinpath("templates", name).read_text("utf-8")


def digest(text: str) -> str:
    """Return what a page's policy names its own script or style by."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
