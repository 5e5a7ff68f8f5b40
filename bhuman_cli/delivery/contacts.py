"""Contact columns of a table: which one holds the address, the first name, the last name. No I/O."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli import domain, errors

_ADDRESS: Final = re.compile(r"[^\s@,;:<>\"()\[\]]+@[^\s@,;:<>\"()\[\]]+\.[^\s@,;:<>\"()\[\].]{2,}")
_FIRST: Final = ("firstname", "first", "fname", "givenname", "forename", "vorname", "prenom", "nombre", "imie", "name")
"""In order of preference: a column `name` counts only where no other one does."""
_LAST: Final = (
    "lastname", "last", "lname", "surname", "familyname", "nachname", "nomdefamille", "apellido", "apellidos",
    "nazwisko",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Positions of the contact columns; -1 where the table has none."""

    address: int
    first_name: int = -1
    last_name: int = -1


def is_address(text: str) -> bool:
    """Say whether the text is one e-mail address."""
    return _ADDRESS.fullmatch(text.strip().removeprefix("mailto:")) is not None


def contact(header: Sequence[str], rows: Sequence[domain.ResultRow], email: str | None) -> Contact:
    """Return the contact columns. email: the column the user named, else the only one that holds addresses is it.

    Raises:
        UsageError: the named column is missing or holds no address, or none or several columns hold addresses.
    """
    holders = [place for place in range(len(header)) if _holds_addresses(rows, place)]
    if email is not None:
        if email.strip() not in (names := [name.strip() for name in header]):
            raise errors.UsageError(
                f"--email {email[:60]!r}: there is no such column", hint=f"columns: {', '.join(header[:20])}"
            )
        place = names.index(email.strip())
        if place not in holders:
            raise errors.UsageError(f"--email {email[:60]!r}: that column holds no e-mail addresses")
    elif len(holders) == 1:
        place = holders[0]
    elif holders:
        several = ", ".join(header[place] for place in holders)
        raise errors.UsageError(
            f"several columns hold e-mail addresses: {several}", hint=f"--email '{header[holders[0]]}'"
        )
    else:
        raise errors.UsageError("no column holds e-mail addresses, and this export needs one", hint="--email COLUMN")
    return Contact(address=place, first_name=first_name(header), last_name=_named(header, _LAST))


def first_name(header: Sequence[str]) -> int:
    """Return the position of the column that names the person, -1 if there is none."""
    return _named(header, _FIRST)


def _holds_addresses(rows: Sequence[domain.ResultRow], place: int) -> bool:
    """Say whether at least half of the column's filled cells are addresses."""
    filled = [text for row in rows if place < len(row.cells) and (text := row.cells[place].strip())]
    return bool(filled) and 2 * sum(map(is_address, filled)) >= len(filled)


def _named(header: Sequence[str], words: Sequence[str]) -> int:
    folded = [_folded(name) for name in header]
    return next((folded.index(word) for word in words if word in folded), -1)


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(char for char in plain if char.isalnum())
