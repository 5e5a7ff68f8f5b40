"""Spellings of a row's values: which texts a service may have made of them, and which respellings it was seen to make.

Pure. Folding is generous: it may refuse, and may confirm an id inside its own request. To adopt a video only exact
texts count, or a respelling that confirmed records of ours have shown.
"""

from __future__ import annotations

import difflib
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli.runs import identity

SHORTEST_CUT: Final = 16
"""A text that was cut off counts as the beginning of a value from so many characters on."""

_MARKS: Final = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d", "-"),
}
_TRANSLATED: Final = str.maketrans(_MARKS)
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "So"})  # control, format, surrogates, private, emoji
_EMOJI_PARTS = re.compile("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f\u20e3]")  # skin tones, variants, key caps
_ADDRESS = re.compile(r"://|^www\.|@", re.IGNORECASE)

_ALIKE: Final = 0.75  # of two texts' letters, in order; two people's names hardly ever share so many

Folded = tuple[str, ...]


def fold(value: str) -> str:
    """Return a value as it compares with what a service may have made of it."""
    if value.isascii() and value.isprintable() and not {"&", "`"} & {*value}:  # nothing of what follows changes it
        return " ".join(value.lower().split())
    text = value
    for _ in range(2):  # escaped twice happens
        text = html.unescape(text)
    text = unicodedata.normalize("NFKC", text.translate(_TRANSLATED)).translate(_TRANSLATED)
    text = " ".join(_EMOJI_PARTS.sub("", text).split())
    text = "".join(letter for letter in text if unicodedata.category(letter) not in _DROPPED)
    return " ".join(text.casefold().split())


def folded(values: Iterable[str]) -> Folded:
    """Return a row's values, folded."""
    return tuple(map(fold, values))


def is_cut_of(text: Folded, row: Folded) -> bool:
    """Say whether a folded text equals a row's values, some of them cut off at their end."""
    if len(text) != len(row):
        return False
    return all(mine == whole or _is_cut(mine, whole) for mine, whole in zip(text, row, strict=True))


def _is_cut(text: str, whole: str) -> bool:
    start = text.rstrip(". ")
    return len(start) >= SHORTEST_CUT and whole.startswith(start)


def may_spell(text: Sequence[str], values: Sequence[str]) -> bool:
    """Say whether a text may be a row's values in a spelling that no rule knows, rather than other values."""
    return len(text) == len(values) and all(map(_may_spell, text, values))


def _may_spell(text: str, value: str) -> bool:
    mine, own = fold(text), fold(value)
    if own.startswith(mine) or _ascii(text) == _ascii(value):
        return True
    plain_text, plain_value = _without_marks(mine), _without_marks(own)
    return difflib.SequenceMatcher(None, plain_text, plain_value).ratio() >= _ALIKE


def _ascii(text: str) -> str:
    return " ".join(text.encode("ascii", "ignore").decode().casefold().split())


def _without_marks(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def resembles(text: Folded, row: Folded) -> bool:
    """Say whether a text may be a row's: equal, cut off, in another order, or one holding all values of the other."""
    if is_cut_of(text, row) or is_cut_of(row, text):
        return True
    mine, other = set(text) - {""}, set(row) - {""}
    return bool(mine) and bool(other) and (mine <= other or other <= mine)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one request, ready to be compared with a record's text: exact keys, and folded values where known."""

    values: tuple[tuple[bytes, Sequence[str] | None], ...]
    keys: frozenset[bytes]
    _by_fold: dict[Folded, set[bytes]] = field(default_factory=dict)  # made at first need: most texts equal their row

    def matching(self, text: Sequence[str]) -> frozenset[bytes]:
        """Return the keys of the rows whose values fold to this text, else of those that it may be cut from."""
        if not self._by_fold:
            for key, values in self.values:
                if values is not None:
                    self._by_fold.setdefault(folded(values), set()).add(key)
        wanted = folded(text)
        if wanted in self._by_fold:
            return frozenset(self._by_fold[wanted])
        cut = [keys for row, keys in self._by_fold.items() if is_cut_of(wanted, row)]
        return frozenset().union(*cut)


def rows_of(items: Iterable[tuple[bytes, Sequence[str] | None]]) -> Rows:
    """Build the rows of a request from (text key, values); values None where they are forgotten."""
    values = tuple(items)
    return Rows(values, frozenset(key for key, _ in values))


# Respellings that a service may make of every value, each of which it must have shown to be believed.
RESPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "case": str.casefold,
    "space": lambda value: " ".join(value.split()),
    "entities": html.unescape,
}


def shown_by(text: Sequence[str], values: Sequence[str]) -> frozenset[str]:
    """Return the fewest respellings that make a confirmed record's text equal its row's values; none if none do."""
    for names in ((), ("case",), ("space",), ("entities",), *_PAIRS, tuple(RESPELLINGS)):
        if respelled(text, names) == respelled(values, names):
            return frozenset(names)
    return frozenset()


_PAIRS: Final = (("case", "space"), ("case", "entities"), ("space", "entities"))


def respelled(values: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return values after these respellings, in one order; never inside an address, where each letter counts."""
    chosen = [name for name in ("entities", "space", "case") if name in set(names)]
    return tuple(_respell(identity.plain(value), chosen) for value in values)


def _respell(value: str, names: Sequence[str]) -> str:
    if _ADDRESS.search(value):
        return value
    for name in names:
        value = RESPELLINGS[name](value)
    return value
