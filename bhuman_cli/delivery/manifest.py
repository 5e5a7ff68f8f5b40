"""`manifest.csv` beside the media: which file belongs to which row. A line is appended before its file appears."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bhuman_cli import errors, files

NAME: Final = "manifest.csv"
COLUMNS: Final = ("row_index", "id", "what", "file", "bytes", "quality")
_COLUMNS_0_1_0: Final = COLUMNS[:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One whole file in the folder. quality: what `check` found wrong with it, "" for sound or not checked."""

    row_index: str
    id: str
    what: str
    file: str
    bytes: int
    quality: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what a folder holds once: the video, GIF or thumbnail of a generation."""
        return self.id, self.what


def read(folder: Path) -> dict[tuple[str, str], Entry]:
    """Return the folder's entries; of two lines for one file the later holds, a line torn by a kill is left out.

    Raises:
        UsageError: a file of that name is there that is not ours.
    """
    try:
        text = (folder / NAME).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    whole = text[: text.rfind("\n") + 1]
    lines = csv.reader(io.StringIO(whole))
    if text and tuple(next(lines, ())) not in {COLUMNS, _COLUMNS_0_1_0}:
        raise errors.UsageError(
            f"{folder / NAME}: not written by bhuman; choose another folder",
            hint="bhuman download RUN --to OTHER_FOLDER",
        )
    by_file = {entry.file: entry for line in lines if (entry := _entry(line)) is not None}
    return {entry.key: entry for entry in by_file.values()}


def append(folder: Path, entry: Entry) -> None:
    """Add one line; it is in the file when this returns."""
    path = folder / NAME
    text = _line(entry) if path.exists() and path.stat().st_size else _line(None) + _line(entry)
    # One write of whole lines: after a kill at most the last line is torn, and then it has no line break.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def rewrite(folder: Path, entries: Iterable[Entry]) -> None:
    """Replace the manifest by these entries, in row order, in one step."""
    ordered = sorted(entries, key=lambda entry: (_number(entry.row_index), entry.file))
    with files.replacing(folder / NAME) as stream:
        stream.write((_line(None) + "".join(map(_line, ordered))).encode())


def _line(entry: Entry | None) -> str:
    text = io.StringIO()
    cells = COLUMNS if entry is None else [getattr(entry, column) for column in COLUMNS]
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _entry(line: list[str]) -> Entry | None:
    if len(line) not in {5, 6} or not line[4].isdecimal() or Path(line[3]).name != line[3]:
        return None
    quality = line[5] if len(line) == len(COLUMNS) else ""
    return Entry(row_index=line[0], id=line[1], what=line[2], file=line[3], bytes=int(line[4]), quality=quality)


def _number(row_index: str) -> int:
    return int(row_index) if row_index.isdecimal() else 0
