"""Mail cells: a picture that links to the video, a link with its campaign fields, the columns of mail products. No I/O.

The columns of the product presets are spelled as each product's own documentation of its import spells them:

- Mailchimp, "Format guidelines for your import file" (mailchimp.com/help/format-guidelines-for-your-import-file) and
  the default audience fields: Email Address, First Name, Last Name. Text fields hold 255 bytes, so no HTML goes there.
- HubSpot, "Set up your import files" (knowledge.hubspot.com/import-and-export/set-up-your-import-file): contacts
  need First name, Last name, Email.
- Brevo, "Create a file to import your contacts" (help.brevo.com/hc/en-us/articles/208729849): EMAIL, FIRSTNAME,
  LASTNAME; attributes of one's own in capitals with `_`.
- Outlook, "Create or edit .csv files to import into Outlook" (support.microsoft.com): First Name, Last Name, E-mail
  Address, Web Page, and User 1 to User 4 for what has no field of its own.
"""

from __future__ import annotations

import html
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

from bhuman_cli import errors
from bhuman_cli.delivery import media


class For(StrEnum):
    """What the export is for; the values are those of `--for`."""

    MAILMERGE = "mailmerge"
    GMAIL = "gmail"
    MAILCHIMP = "mailchimp"
    HUBSPOT = "hubspot"
    BREVO = "brevo"
    OUTLOOK = "outlook"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A mail product's import columns. max_bytes: what a text field of it holds, 0: more than a link needs."""

    address: str
    first_name: str
    last_name: str
    link: str
    picture: str
    max_bytes: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the header of the import file."""
        return self.address, self.first_name, self.last_name, self.link, self.picture


PRODUCTS: Final[Mapping[For, Product]] = {
    For.MAILCHIMP: Product(
        address="Email Address", first_name="First Name", last_name="Last Name", link="Video Link",
        picture="Video Picture", max_bytes=255,
    ),
    For.HUBSPOT: Product(
        address="Email", first_name="First name", last_name="Last name", link="Video link", picture="Video picture"
    ),
    For.BREVO: Product(
        address="EMAIL", first_name="FIRSTNAME", last_name="LASTNAME", link="VIDEO_LINK", picture="VIDEO_PICTURE"
    ),
    For.OUTLOOK: Product(
        address="E-mail Address", first_name="First Name", last_name="Last Name", link="Web Page", picture="User 1"
    ),
}  # fmt: skip

COLUMNS: Final[Mapping[For, tuple[str, ...]]] = {
    For.MAILMERGE: ("email_html",),
    # Gmail's own merge tags insert text only; its add-ons insert HTML.
    For.GMAIL: ("email_html", "video_link"),
}
"""What is added to the user's own columns."""

WIDTH: Final = 480
"""Pixels of the picture in a mail. Old Outlook ignores CSS, so width (and height, where known) are attributes, too."""

WORDS: Final = "▶ Watch the video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What a row's mail shows. link: "" without a video. size: the picture's pixels, (0, 0) where unknown."""

    link: str
    picture: str = ""
    name: str = ""
    size: tuple[int, int] = (0, 0)


def mail(fields: Mapping[str, str], name: str = "") -> Mail:
    """Return what a row offers: its page, and its GIF, else its thumbnail. A local run's `file:` links show the form.

    fields: the result columns. name: of the recipient, for readers whose pictures are off.
    """
    picture = media.openable(fields.get("gif", "")) or media.openable(fields.get("thumbnail", ""))
    return Mail(link=video_link(fields), picture=picture, name=name)


def email_html(shown: Mail) -> str:
    """Return the snippet: one link around picture and words, so that neither is lost or read out twice; "" without."""
    if not shown.link:
        return ""
    page = html.escape(shown.link)
    if not shown.picture:
        return f'<a href="{page}">{WORDS}</a>'
    width, height = shown.size
    tall = f' height="{round(WIDTH * height / width)}"' if width and height else ""
    words = html.escape(f"Video for {' '.join(shown.name.split())}" if shown.name.strip() else "Your video")
    return (
        f'<a href="{page}"><img src="{html.escape(shown.picture)}" alt="{words}" width="{WIDTH}"{tall} border="0"'
        f' style="max-width:100%;height:auto;border:0"><br>{WORDS}</a>'
    )


def video_link(fields: Mapping[str, str]) -> str:
    """Return the link for a recipient: the share page, else the file; "" if there is none that a mail may hold."""
    return media.openable(fields.get("share_url", "")) or media.openable(fields.get("url", ""))


def cells(purpose: For, shown: Mail) -> tuple[str, ...]:
    """Return the cells under COLUMNS[purpose]."""
    made = {"email_html": email_html(shown), "video_link": shown.link}
    return tuple(made[column] for column in COLUMNS[purpose])


def campaign_fields(text: str, columns: Sequence[str]) -> list[tuple[str, str]]:
    """Return the (`utm_…`, template) pairs of `--utm source=mail,campaign={company}`.

    Raises:
        UsageError: a pair without `=`, or a column that the table has not.
    """
    pairs = []
    for part in filter(None, map(str.strip, text.split(","))):
        name, is_pair, value = part.partition("=")
        name = name.strip().lower().removeprefix("utm_")
        if not is_pair or not value.strip() or not name.isidentifier():
            raise errors.UsageError(f"--utm {part[:60]!r}: expected name=value", hint="--utm source=email,medium=video")
        for column in _columns_of(value.strip()):
            if column not in columns:
                raise errors.UsageError(
                    f"--utm: there is no column {column[:60]!r}", hint=f"columns: {', '.join(columns[:20])}"
                )
        pairs.append((f"utm_{name}", value.strip()))
    return pairs


def tagged(link: str, pairs: Sequence[tuple[str, str]], row: Mapping[str, str]) -> str:
    """Return the link with the campaign fields in its query; what it held under the same names is replaced.

    A `file:` link stays as it is: nobody counts its visits.
    """
    parts = urlsplit(link)
    if not pairs or parts.scheme not in {"http", "https"}:
        return link
    names = {name for name, _ in pairs}
    # What is there stays as it is written: a signature may cover its spelling.
    others = [part for part in parts.query.split("&") if part and unquote_plus(part.partition("=")[0]) not in names]
    added = urlencode([(name, filled) for name, template in pairs if (filled := _filled(template, row))])
    return urlunsplit(parts._replace(query="&".join([*others, added] if added else others)))


def _columns_of(template: str) -> list[str]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as problem:
        raise errors.UsageError(f"--utm {template[:60]!r}: {problem}") from problem
    return [name for _, name, _, _ in parts if name is not None]


def _filled(template: str, row: Mapping[str, str]) -> str:
    parts = string.Formatter().parse(template)
    return "".join(literal + (row.get(name, "").strip() if name is not None else "") for literal, name, _, _ in parts)
