"""Names and companies as they are spoken: what `--clean` takes away or writes in capitals. Pure; reads no table.

What is not certain is left as it stands: a name spoken wrongly is worse than one that shouts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli import amounts

KINDS: Final = ("name", "company")
_SHOWN: Final = 8

_TITLES: Final = frozenset(
    [
        *("dr", "dr.", "prof", "prof.", "mr", "mr.", "mrs", "mrs.", "ms", "ms.", "miss", "mx", "mx.", "herr", "frau"),
        *("hr.", "fr.", "dipl.-ing.", "ing.", "mag.", "dott.", "dott.ssa", "mme", "mlle", "madame", "monsieur"),
        *("sr.", "sra.", "srta.", "señor", "señora", "rev.", "hon.", "sig.", "sig.ra"),
    ]
)
_LEGAL: Final = re.compile(
    r"[\s,]+(?:\(?(?:inc\.?|incorporated|llc|l\.l\.c\.|ltd\.?|limited|gmbh|mbh|g\.m\.b\.h\.|ag|kg|kgaa|ohg|gbr|ug"
    r"|e\.k\.|e\.v\."
    r"|\(haftungsbeschränkt\)|se|s\.a\.|sarl|s\.à r\.l\.|sas|s\.r\.l\.|srl|s\.p\.a\.|spa|b\.v\.|bv|n\.v\.|nv|ab|oy|oyj"
    r"|aps|a/s|plc|llp|lp|corp\.?|corporation|pty\.?|pte\.?|co\.|& co\.?|sp\. z o\.o\.|d\.o\.o\.|k\.k\.)\)?)$",
    re.IGNORECASE,
)
# Two letters may as well be the company's own: only as the register writes them.
_SHORT_LEGAL: Final = frozenset({"AG", "KG", "SE", "UG", "BV", "NV", "AB", "Oy", "LP"})
_PARTICLES: Final = frozenset(
    [
        "af",
        "al",
        "am",
        "and",
        "ap",
        "av",
        "ben",
        "bin",
        "bint",
        "da",
        "das",
        "de",
        "del",
        "della",
        "den",
        "der",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "e",
        "el",
        "i",
        "ibn",
        "la",
        "las",
        "le",
        "les",
        "lo",
        "los",
        "mac",
        "mc",
        "ten",
        "te",
        "ter",
        "ul",
        "und",
        "van",
        "vom",
        "von",
        "y",
        "zu",
        "zum",
        "zur",
    ]
)
_ROMAN: Final = frozenset({"II", "III", "IV", "VI", "VII", "VIII"})
_UNSURE_START: Final = ("mc", "mac", "ij", "fitz", "o'", "d'", "l'")
_TURKISH: Final = frozenset("ŞşĞğİı")
_CASED: Final = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A cell as it would be spoken. changes: what was done, in words. is_unsure: its capitals were left alone."""

    text: str
    changes: tuple[str, ...] = ()
    is_unsure: bool = False


class Cleaner:
    """`--clean` for the rows of one table: which variables, and what became of them. Shows no value."""

    def __init__(self, kinds: Mapping[int, str], names: Sequence[str]) -> None:
        """Take the kind of each variable's number; names: of all variables."""
        self._kinds = kinds
        self._names = names
        self._changed: dict[str, list[int]] = {}
        self._unsure: dict[str, list[int]] = {}

    def clean(self, line: int, values: list[str]) -> str:
        """Clean a row's values in place; return what to say of it, "" where nothing changed."""
        said: list[str] = []
        for number, kind in self._kinds.items():
            cleaned = clean(kind, values[number])
            name = self._names[number]
            if cleaned.changes:
                said.append(f"{name} cleaned ({', '.join(cleaned.changes)})")
                self._changed.setdefault(name, []).append(line)
                values[number] = cleaned.text
            if cleaned.is_unsure:
                self._unsure.setdefault(name, []).append(line)
        return "; ".join(said)

    def notices(self) -> list[str]:
        """Return which lines are sent cleaned, and which were left as they are because it is not certain how."""
        said = [f"{name}: cleaned in {_places(lines)}" for name, lines in self._changed.items()]
        return said + [f"{name}: left as it is, not certain, in {_places(at)}" for name, at in self._unsure.items()]


def _places(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - _SHOWN:,} more" if len(lines) > _SHOWN else ""
    return f"{amounts.plural(len(lines), 'line')} {', '.join(map(str, lines[:_SHOWN]))}{more}"


def clean(kind: str, text: str) -> Cleaned:
    """Return the cell cleaned as `name` or `company`; never blank unless it was."""
    changes: list[str] = []

    def done(new: str, word: str) -> None:
        nonlocal text
        if new and new != text:
            changes.append(word)
            text = new

    done(_without_emoji(text), "emoji")
    done(" ".join(text.split()), "white space")
    if kind == "company":
        done(_without_legal_form(text), "legal form")
        return Cleaned(text=text, changes=tuple(changes), is_unsure=_is_shouted(text) or _is_small(text))
    is_unsure = False
    without = _without_title(text)
    is_unsure = without is None
    done(without or text, "title")
    capitals = _in_capitals(text)
    done(capitals or text, "capitals")
    return Cleaned(text=text, changes=tuple(changes), is_unsure=is_unsure or capitals is None)


def _without_emoji(text: str) -> str:
    clusters: list[str] = []
    after_emoji = False
    for sign in text:
        code = ord(sign)
        is_joint = code in {0x200D, 0xFE0F, 0x20E3} or 0xE0020 <= code <= 0xE007F
        if (
            (code >= 0x2300 and unicodedata.category(sign) == "So")
            or 0x1F3FB <= code <= 0x1F3FF
            or (is_joint and after_emoji)
        ):
            after_emoji = True
            continue
        after_emoji = False
        clusters.append(sign)
    return "".join(clusters)


def _without_title(text: str) -> str | None:
    """Return the name without titles before it; None where a word may as well be initials."""
    words = text.split()
    rest = list(words)
    while len(rest) > 1 and rest[0].rstrip(",").casefold() in _TITLES:
        if rest[0] == "MS":  # M. S. Dhoni
            return None
        rest = rest[1:]
    is_only_title = len(rest) == 1 and rest[0].casefold() in _TITLES
    return None if is_only_title else " ".join(rest)


def _without_legal_form(text: str) -> str:
    rest = text
    while match := _LEGAL.search(rest):
        word = match[0].strip(" ,()")
        if len(word) == 2 and word.isalpha() and word not in _SHORT_LEGAL:
            break
        rest = rest[: match.start()].rstrip(" ,&")
    return rest


def _is_shouted(text: str) -> bool:
    return sum(map(str.isalpha, text)) > 1 and text.isupper()


def _is_small(text: str) -> bool:
    return text.islower()


def _in_capitals(text: str) -> str | None:
    """Return a shouted or small name with capitals where they belong; None where that is not certain."""
    if not (_is_shouted(text) or _is_small(text)):
        return text
    letters = [sign for sign in text if sign.isalpha()]
    if not all(unicodedata.name(sign, "").startswith(_CASED) for sign in letters):
        return text if not any(sign.lower() != sign.upper() for sign in letters) else None
    if _TURKISH & set(text):
        return None
    words = [_word(word) for word in text.split()]
    return None if None in words else " ".join(filter(None, words))


def _word(word: str) -> str | None:
    if word in _ROMAN:
        return word
    small = word.casefold() if word.isascii() else word.lower()
    if re.fullmatch(r"[^\W\d_]\.?", word):  # an initial
        return word.upper()
    parts = small.split("-")
    for part in parts:
        bare = part.rstrip(".,")
        is_word = bool(re.fullmatch(r"[^\W\d_]+", bare))
        is_initials = word.isupper() and len(bare) == 2
        if not is_word or is_initials or bare in _PARTICLES or bare.startswith(_UNSURE_START):
            return None
    return "-".join(part[:1].upper() + part[1:] for part in parts)
