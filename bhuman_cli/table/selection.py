"""Selection by `--rows` and `--limit`: which rows are meant. Pure; counts only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bhuman_cli.errors import UsageError

_PART = re.compile(r"(\d{1,12})(?:\s*(-)\s*(\d{1,12})?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Part of a file. spans: first and last row_index of each piece, None for all; limit: rows that are not blank."""

    spans: tuple[tuple[int, int | None], ...] | None = None
    limit: int | None = None

    @property
    def is_all(self) -> bool:
        """Say whether nothing was chosen, so that every row is meant."""
        return self.spans is None and self.limit is None

    def has(self, row_index: int, taken: int) -> bool:
        """Say whether a row is meant, when so many that are not blank were taken before it."""
        if self.limit is not None and taken >= self.limit:
            return False
        return self.spans is None or any(
            first <= row_index and (last is None or row_index <= last) for first, last in self.spans
        )


def parse(rows: str | None, limit: int | None) -> Selection:
    """Read `0-9,15` and a count.

    Raises:
        UsageError: not of that form, or less than one row.
    """
    if limit is not None and limit < 1:
        raise UsageError("--limit: at least 1", hint="--limit 1")
    if rows is None:
        return Selection(limit=limit)
    spans: list[tuple[int, int | None]] = []
    for part in rows.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise UsageError(f"--rows {rows}: row numbers from 0 on, such as 0-9,15", hint="--rows 0-9,15")
        first = int(match[1])
        last = None if match[2] and not match[3] else int(match[3] or first)
        if last is not None and last < first:
            raise UsageError(f"--rows {rows}: {first}-{last} runs backwards", hint=f"--rows {last}-{first}")
        spans.append((first, last))
    return Selection(spans=tuple(spans), limit=limit)
