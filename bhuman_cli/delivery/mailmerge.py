"""Owns the cells a mail merge needs: a picture that links to the video, escaped, or a plain link. No I/O."""

from __future__ import annotations

import html
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from bhuman_cli.delivery import links


class For(StrEnum):
    """What the export is for; the values are those of `--for`."""

    MAILMERGE = "mailmerge"
    GMAIL = "gmail"


COLUMNS: Final[Mapping[For, tuple[str, ...]]] = {
    For.MAILMERGE: ("email_html",),
    # Gmail's own merge tags insert text only; its add-ons insert HTML.
    For.GMAIL: ("email_html", "video_link"),
}

# Old Outlook ignores CSS, so the width is an attribute, too.
_PICTURE: Final = (
    '<a href="{page}"><img src="{picture}" alt="Watch the video" width="480" '
    'style="max-width:100%;height:auto;border:0;display:block"></a><a href="{page}">Watch the video</a>'
)
_PLAIN: Final = '<a href="{page}">Watch the video</a>'


def email_html(fields: Mapping[str, str]) -> str:
    """Return the row's e-mail snippet: its GIF (else its thumbnail) linked to its share page; "" without a link.

    fields: the result columns. Without a picture it is a plain link. A local run's `file:` links show what it will be.
    """
    page = video_link(fields)
    if not page:
        return ""
    picture = links.openable(fields.get("gif", "")) or links.openable(fields.get("thumbnail", ""))
    form = _PICTURE if picture else _PLAIN
    return form.format(page=html.escape(page), picture=html.escape(picture))


def video_link(fields: Mapping[str, str]) -> str:
    """Return the link for a recipient: the share page, else the file; "" if there is none that a mail may hold."""
    return links.openable(fields.get("share_url", "")) or links.openable(fields.get("url", ""))


def cells(purpose: For, fields: Mapping[str, str]) -> tuple[str, ...]:
    """Return the cells under COLUMNS[purpose]."""
    made = {"email_html": email_html, "video_link": video_link}
    return tuple(made[column](fields) for column in COLUMNS[purpose])
