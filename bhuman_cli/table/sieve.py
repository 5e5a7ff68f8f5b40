"""Quick test at the speed of C that rows hold nothing suspicious, so that only the others are looked at closely.

A block of rows is asked as one: its texts joined, its cells flattened. Whoever passes here must pass
`rules.check_values` without a finding; the reverse is not promised. Pure.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import chain
from typing import Final

from bhuman_cli import domain
from bhuman_cli.table.checks import damage, rules
from bhuman_cli.table.formats import csv_records

_LONG: Final = domain.MAX_ROW_BYTES // rules.MAX_BYTES_PER_CHAR
# Printable ASCII without the signs a placeholder begins with: one pass takes all of these away.
_ASCII: Final = bytes(range(0x80))
_PLAIN: Final = bytes(set(range(0x20, 0x7F)) - set(b"{[<%"))
_CELLS: Final = operator.itemgetter(2)
_FLAWS: Final = operator.itemgetter(3)
_WORDS: Final = 3  # spaces in a name from which on it may be a sentence


class FastCheck:
    """Passes blocks of records whose sent cells are plain texts.

    positions: the sent columns, at least one. names: which of them promise a URL or a person's name.
    width: the user's columns; a longer record (an earlier results file's) never passes.
    """

    def __init__(self, positions: Sequence[int], names: rules.ColumnRules, width: int) -> None:
        # A value that equals its column's name may be the header once more.
        self._telling = rules.TELLING | set(names.columns)
        self._positions = positions
        self._names = names
        self._width = width

    def clean(self, block: Sequence[csv_records.Record]) -> list[tuple[str, ...]] | None:
        """Return the trimmed values of each row, or None if any of them needs a closer look."""
        if len(block[0][2]) != self._width or any(map(_FLAWS, block)):
            return None
        cells = list(zip(*map(_CELLS, block), strict=True))
        sent = [cells[position] for position in self._positions]
        text = "".join(chain.from_iterable(sent))
        if len(text) > _LONG or ("*" in text and "*|" in text):
            return None
        if (rest := text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)) and not _is_harmless(rest):
            return None
        # What is printable has no outer white space but spaces, so that the quick strip is the whole of trimming.
        values = list(map(str.strip, chain.from_iterable(sent)))
        if not self._telling.isdisjoint(values):
            return None
        # Printable texts hold no line break, so each of these begins a value.
        lines = "\n" + "\n".join(values)
        if "\n#" in lines or "\nErr:" in lines or ("&" in text and damage.markup(text)) or damage.any_escaped(lines):
            return None
        count = len(block)
        columns = [values[start : start + count] for start in range(0, len(values), count)]
        for number in self._names.urls:
            # One line break in front of each address counts the addresses.
            if ("\n" + "\n".join(columns[number])).count("\nhttps://") != count:
                return None
        for number in self._names.people:
            column = columns[number]
            named = "\n" + "\n".join(column)
            if not rules.are_names(named) or rules.greets(named):
                return None
            if [1 for name in column if name.count(" ") >= _WORDS]:
                return None
        return list(zip(*columns, strict=True))


def _is_harmless(rest: bytes) -> bool:
    """Say whether what plain ASCII left over is letters of other scripts, and no sign of anything else."""
    text = rest.decode("utf-8", "surrogatepass")
    return (
        text.isprintable()
        and "\ufffd" not in text
        and rest.translate(None, _ASCII) == rest
        and not damage.may_be_mojibake(text)
    )
