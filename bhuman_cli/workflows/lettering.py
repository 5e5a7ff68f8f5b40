"""Owns the warning about letters that no font on this machine can draw, before the local studio renders them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bhuman_cli.domain import Row, RowState
from bhuman_cli.terminal.console import Console

_EXAMPLES = 5


def warn_missing_glyphs(rows: Iterable[Row], console: Console) -> Iterator[Row]:
    """Pass rows on; at their end, warn once about characters that would be missing, with the lines they stand in.

    The characters are named by code point: they can't be shown, and a value is never quoted.
    """
    from bhuman_cli.studio.render.text import layout

    missing: dict[str, None] = {}
    lines: list[int] = []
    count = 0
    for row in rows:
        if row.state is RowState.PENDING and row.selected:
            found = "".join(layout.uncovered(value) for value in row.values if not value.isascii())
            if found:
                count += 1
                missing.update(dict.fromkeys(found))
                lines += [row.line] if len(lines) < _EXAMPLES else []
        yield row
    if missing:
        points = ", ".join(f"U+{ord(character):04X}" for character in list(missing)[:_EXAMPLES])
        more = f" and {len(missing) - _EXAMPLES} more" if len(missing) > _EXAMPLES else ""
        where = ", ".join(map(str, lines)) + (" …" if count > len(lines) else "")
        what = f"{count} rows (lines {where})" if count > 1 else f"1 row (line {where})"
        console.warn(f"no font here draws {points}{more}: {what} will be drawn without")
        console.say("hint: apt install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji")
