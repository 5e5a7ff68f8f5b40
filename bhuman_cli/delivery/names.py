"""File names for media: a template of row fields, safe on every file system, unique from the start. No I/O."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bhuman_cli import errors

DEFAULT_TEMPLATE: Final = "{row_index:04d}"

# eCryptfs and some sync services hold 143 bytes; `.part`, `.bak` and a clash's `-12345` still fit behind 120.
MAX_BYTES: Final = 120

_RESERVED: Final = frozenset(
    [
        "CON",
        "PRN",
        "AUX",
        "NUL",
        "CONIN$",
        "CONOUT$",
        *(f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"),
    ]
)
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]')
_NUMBER_SPEC: Final = re.compile(r"0?[0-9]{0,2}d?")
_ENDINGS: Final = re.compile(r"\.(mp4|mov|webm|gif|jpe?g|png|webp)$", re.IGNORECASE)
# Invisible or reordering: a name must not look like another one, nor read backwards (`Cf`, `Cc`, `Cs`, `Co`, `Cn`).
_UNSEEN: Final = frozenset(["Cc", "Cf", "Cs", "Co", "Cn"])


def check(template: str, columns: Iterable[str]) -> None:
    """Refuse a template that names an unknown column, a folder, or a format that a text has not.

    Raises:
        UsageError: with the columns there are.
    """
    names = list(columns)
    for literal, name, spec, conversion in _parse(template):
        if "/" in literal or "\\" in literal:
            raise errors.UsageError(f"--name {template!r}: a file name, not a folder; leave out / and \\")
        if name is None:
            continue
        if name not in names and name not in {column.strip() for column in names}:
            raise errors.UsageError(
                f"--name {template!r}: there is no column {name!r}", hint=f"columns: {', '.join(names[:20])}"
            )
        if conversion or not _NUMBER_SPEC.fullmatch(spec or ""):
            raise errors.UsageError(
                f"--name {template!r}: {{{name}:…}} takes a number's width only, as in {{row_index:04d}}"
            )


def stems(template: str, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return one file name without ending per row, in order, all different on any file system.

    rows: every row of the run, not only those to fetch: so a name stays the same when more rows succeed later.
    Where two rows would share a name, all but the first get their row_index behind it.
    """
    parts = _parse(template)
    spelled = {name.strip(): name for name in (rows[0] if rows else ())}  # white space around a header doesn't count
    parts = [(text, spelled.get(name, name) if name else name, spec, more) for text, name, spec, more in parts]
    wanted = [safe("".join(_filled(part, row) for part in parts)) for row in rows]
    taken: set[str] = set()
    names = []
    for position, name in enumerate(wanted):
        chosen, attempt = name, 0
        while _key(chosen) in taken:
            mark = rows[position].get("row_index") or str(position)
            chosen = _shortened(name, MAX_BYTES - 12) + f"-{safe(mark)[:6]}" + (f"-{attempt}" if attempt else "")
            attempt += 1
        taken.add(_key(chosen))
        names.append(chosen)
    return names


def safe(text: str) -> str:
    """Return the text as a file name without ending: no separators, control or invisible characters, reserved words.

    Never empty, at most MAX_BYTES in UTF-8, NFC.
    """
    shown = "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", text)
        if char.isspace() or unicodedata.category(char) not in _UNSEEN
    )
    name = " ".join(_FORBIDDEN.sub("_", shown).split())
    # Windows drops dots and blanks at the end, and what starts with a dot is hidden.
    name = _shortened(name.strip(" ."), MAX_BYTES).strip(" .")
    if name.split(".", maxsplit=1)[0].rstrip().upper() in _RESERVED or name.startswith(("-", "~", "=", "+", "@")):
        # An option to a shell, a formula in the manifest, or a device: no longer any of them with this in front.
        name = f"_{name}"
    return name or "_"


def _parse(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        parts = list(string.Formatter().parse(_ENDINGS.sub("", template)))
    except ValueError as problem:
        raise errors.UsageError(f"--name {template!r}: {problem}") from problem
    if not parts:
        raise errors.UsageError("--name: an empty template names no file")
    return parts


def _filled(part: tuple[str, str | None, str | None, str | None], row: Mapping[str, str]) -> str:
    literal, name, spec, _ = part
    if name is None:
        return literal
    value = row.get(name, "")
    if spec and value.isascii() and value.isdigit():
        return literal + format(int(value), spec if spec.endswith("d") else f"{spec}d")
    return literal + value


def _shortened(name: str, limit: int) -> str:
    """Cut at a character's border, and never between a letter and its accents."""
    if len(name.encode()) <= limit:
        return name
    cut = name.encode()[:limit].decode(errors="ignore")
    rest = name[len(cut) :]
    while cut and rest and unicodedata.combining(rest[0]):
        cut, rest = cut[:-1], cut[-1] + rest
    return cut


def _key(name: str) -> str:
    """Return what a file system that ignores case and composition compares."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
