"""Amounts in messages: `1 row`, `2,000 rows`. Pure."""

from __future__ import annotations


def show(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun. many: the plural, where it is not the singular and an `s`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def plural(count: int, one: str, many: str = "") -> str:
    """Return the noun alone, as it goes with a count."""
    return one if count == 1 else many or one + "s"
