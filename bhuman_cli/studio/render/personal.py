"""Presentable values of a row: what a recipient may see of the table, and the built-in template's sentence.

Addresses, phone numbers, ids, links, notes and flags are the sender's business: they appear neither in the picture nor
on the page, however they are called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

LONGEST: Final = 80
"""Letters of a value whose column does not say what it is; more is prose. A long name is shortened, not hidden."""

_PRIVATE_WORDS: Final = """
email mail phone mobile cell tel telephone fax whatsapp sms id uuid guid key token code number no nr zip postcode plz
street address addr birthday birthdate dob age note notes comment comments remark remarks internal private owner status
stage score segment tag tags source lead crm url uri link website web site page domain linkedin twitter facebook
instagram video image picture photo asset utm flag active deal amount price salary revenue
"""
_PRIVATE: Final = frozenset(_PRIVATE_WORDS.split())
_SHAPES: Final = (
    re.compile(r"[^\s@]+@[^\s@]+"),
    re.compile(r"(https?://|www\.)", re.IGNORECASE),
    re.compile(r"[\w-]+(\.[\w-]+)*\.(com|org|net|io|ai|co|de|fr|uk|eu|app|dev)\b", re.IGNORECASE),
    re.compile(r"\+?[\d\s()./-]{6,}"),
    re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE),
    re.compile(r"(true|false|yes|no|null|none|n/a|-|[\d.,]+)", re.IGNORECASE),
)
_NAME: Final = frozenset({"name", "first", "firstname", "last", "lastname", "given", "vorname", "nombre"})
_COMPANY: Final = frozenset({"company", "firm", "organisation", "organization", "org", "employer", "account", "brand"})
_PRODUCT: Final = frozenset(["product", "plan", "offer", "topic", "service", "package", "course", "event"])


def presentable(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that may be shown to the recipient, in order."""
    return {name: value for name, value in values.items() if value.strip() and not is_private(name, value)}


def is_private(name: str, value: str) -> bool:
    """Say whether a value is none to show: by its column's words, or by its own shape."""
    text = value.strip()
    called = words(name)
    if called & _PRIVATE or "\n" in text or (len(text) > LONGEST and not called & (_NAME | _COMPANY | _PRODUCT)):
        return True
    return any(shape.fullmatch(text) or (place < 2 and shape.search(text)) for place, shape in enumerate(_SHAPES))


def words(name: str) -> set[str]:
    """Return the words of a column's name: firstName, first_name and First Name have the same."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return set(re.findall(r"[^\W_]+", spaced.casefold()))


def sentence(values: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return what the built-in presenter says of a row, with gaps, and the variables that fill them; "" for nothing."""
    shown = presentable(values)
    company = next((name for name in shown if words(name) & _COMPANY), None)
    product = next((name for name in shown if words(name) & _PRODUCT), None)
    match company, product:
        case str(), str():
            return f"{{{product}}}, made for {{{company}}}", (company, product)
        case str(), None:
            return f"Made for {{{company}}}", (company,)
        case None, str():
            return f"A few words about {{{product}}}", (product,)
    return "", ()
