"""Review files of a gallery: what people decided about videos, by the id they saw. Reads them; the page writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bhuman_cli import errors
from bhuman_cli.delivery.gallery import Decision
from bhuman_cli.table import reader

COLUMNS: Final = ("row_index", "id", "decision", "note")
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
_WORDS: Final = {"": "", "approved": APPROVED, "approve": APPROVED, "rejected": REJECTED, "reject": REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    id: str
    decision: Decision


def read(paths: Sequence[Path]) -> dict[str, Decision]:
    """Return the decisions of all files by generation id: of several about one video a rejection wins, all notes stay.

    Raises:
        UsageError: one is missing, or is no review. InputError: it can't be read.
    """
    merged: dict[str, Decision] = {}
    for path in paths:
        for line in _lines(path):
            earlier = merged.get(line.id)
            merged[line.id] = line.decision if earlier is None else _both(earlier, line.decision)
    return merged


def _both(one: Decision, other: Decision) -> Decision:
    words = {one.word, other.word} - {""}
    word = REJECTED if REJECTED in words else next(iter(words), "")
    return Decision(word=word, note="; ".join(dict.fromkeys(filter(None, (one.note, other.note)))))


def _lines(path: Path) -> Iterable[_Line]:
    if not path.is_file():
        raise errors.UsageError(f"--review {path}: there is no such file")
    table = reader.open_table(path, reader.ReadOptions())
    header = [name.strip().lower() for name in table.header]
    if missing := [name for name in ("id", "decision") if name not in header]:
        raise errors.UsageError(
            f"--review {path}: not a review, it has no column {missing[0]}", hint="save it in the gallery"
        )
    id_place, word_place = header.index("id"), header.index("decision")
    note_place = header.index("note") if "note" in header else -1
    for _, line, cells, _ in table.records():
        word = cells[word_place].strip().lower()
        if word not in _WORDS:
            raise errors.UsageError(f"--review {path}, line {line}: {word[:20]!r} is neither approved nor rejected")
        note = cells[note_place].strip() if note_place >= 0 else ""
        if id_ := cells[id_place].strip().lower():
            yield _Line(id=id_, decision=Decision(word=_WORDS[word], note=note))
