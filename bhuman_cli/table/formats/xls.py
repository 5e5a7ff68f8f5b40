"""Owns what calamine leaves out of an .xls sheet: error cells, number formats, hidden rows. BIFF8 only.

Source: [MS-CFB] for the container, [MS-XLS] for the records.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from bhuman_cli.errors import InputError
from bhuman_cli.table.formats import cell_flags, number_formats, zip_safety
from bhuman_cli.table.formats.cell_flags import CellFlags
from bhuman_cli.table.input_file import InputFile

MAX_BYTES: Final = 256 << 20
_END: Final = 0xFFFFFFFA  # from here on sector numbers are marks, not places
_ERROR_CODES: Final = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_BOF, _EOF, _BOUNDSHEET, _FORMAT, _XF = 0x809, 0x0A, 0x85, 0x41E, 0xE0
_NUMBER, _RK, _MULRK, _BOOLERR, _FORMULA, _ROW = 0x203, 0x27E, 0xBD, 0x205, 0x06, 0x208
_LABELS: Final = frozenset({0x204, 0xFD, 0xD6})


def scan(source: InputFile) -> dict[str, CellFlags]:
    """Read what is special about the cells of every sheet, before calamine unfolds them all.

    Nothing is found where the file is older than BIFF8.

    Raises:
        InputError: the file is damaged, or a sheet larger than any table.
    """
    if source.size > MAX_BYTES:
        raise InputError(f"{source.name}: an .xls file of more than {MAX_BYTES >> 20} MiB", hint="save it as .xlsx")
    with source.open() as stream:
        data = stream.read()
    found: dict[str, CellFlags] = {}
    try:
        stream_bytes = _Container(data).stream("Workbook")
        if stream_bytes and struct.unpack_from("<H", stream_bytes, 4)[0] == 0x600:
            codes, places = _globals(stream_bytes)
            for sheet, start in places.items():
                found[sheet] = CellFlags(codes=codes)
                _sheet(stream_bytes, start, found[sheet])
    except (struct.error, IndexError, UnicodeDecodeError):
        raise zip_safety.broken(source) from None
    for sheet, special in found.items():
        special.settle(source.name, sheet)
    return found


class _Container:
    """The file system inside an .xls file, as far as one stream needs it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in {9, 12} or mini_shift != 6:
            raise IndexError
        self._size = 1 << shift
        first_directory = struct.unpack_from("<I", data, 48)[0]
        self._cutoff, first_mini = struct.unpack_from("<II", data, 56)
        self._fat = self._table(self._fat_sectors())
        self._mini_fat = self._table(self._chain(first_mini, self._fat))
        self._entries = dict(self._directory(self._joined(first_directory)))

    def stream(self, name: str) -> bytes:
        """Return a stream's bytes, b"" if there is none of this name."""
        if name not in self._entries:
            return b""
        start, size = self._entries[name]
        if size >= self._cutoff:
            return self._joined(start)[:size]
        small = self._joined(self._entries["Root Entry"][0]) if "Root Entry" in self._entries else b""
        places = self._chain(start, self._mini_fat)
        return b"".join(small[place << 6 : (place + 1) << 6] for place in places)[:size]

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        if start >= len(self._data):
            raise IndexError
        return self._data[start : start + self._size]

    def _fat_sectors(self) -> list[int]:
        found = list(struct.unpack_from("<109I", self._data, 76))
        following = struct.unpack_from("<I", self._data, 68)[0]
        per_sector = self._size // 4
        for _ in range(len(self._data) // self._size):
            if following >= _END:
                break
            *more, following = struct.unpack(f"<{per_sector}I", self._sector(following))
            found.extend(more)
        return [number for number in found if number < _END]

    def _table(self, sectors: list[int]) -> tuple[int, ...]:
        data = b"".join(self._sector(number) for number in sectors)
        return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])

    def _chain(self, start: int, table: tuple[int, ...]) -> list[int]:
        found: list[int] = []
        while start < _END:
            if len(found) > len(table):
                raise IndexError  # a loop
            found.append(start)
            start = table[start]
        return found

    def _joined(self, start: int) -> bytes:
        return b"".join(self._sector(number) for number in self._chain(start, self._fat))

    @staticmethod
    def _directory(data: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
        if len(data) % 128:
            raise IndexError  # calamine would end in a panic
        for at in range(0, len(data) - 127, 128):
            length = struct.unpack_from("<H", data, at + 64)[0]
            name = data[at : at + max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace")
            start, size = struct.unpack_from("<II", data, at + 116)
            if name:
                yield name, (start, size)


def _records(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        yield kind, data[at + 4 : at + 4 + length]
        at += 4 + length


def _globals(data: bytes) -> tuple[dict[int, str], dict[str, int]]:
    """Return the formats that matter by style, and where each sheet begins."""
    places: dict[str, int] = {}
    formats_by_id, styles, wanted = dict(number_formats.BUILT_IN), 0, dict[int, int]()
    for kind, body in _records(data, 0):
        if kind == _EOF:
            break
        if kind == _BOUNDSHEET:
            places[_text(body[7:], body[6])] = struct.unpack_from("<I", body)[0]
        elif kind == _FORMAT:
            number, length = struct.unpack_from("<HH", body)
            formats_by_id[number] = _text(body[4:], length)
        elif kind == _XF:
            wanted[styles] = struct.unpack_from("<H", body, 2)[0]
            styles += 1
    by_style = {style: formats_by_id.get(number, "") for style, number in wanted.items()}
    return {style: code for style, code in by_style.items() if number_formats.matters(code)}, places


def _text(body: bytes, length: int) -> str:
    """Decode a string that begins with its flags."""
    is_wide = body[0] & 1
    raw = body[1 : 1 + (length * 2 if is_wide else length)]
    return raw.decode("utf-16-le" if is_wide else "latin-1")


def _sheet(data: bytes, at: int, found: CellFlags) -> None:
    depth = 0
    for kind, body in _records(data, at):
        depth += (kind == _BOF) - (kind == _EOF)
        if depth <= 0:
            break
        if depth > 1:
            continue  # a chart inside the sheet
        if kind == _ROW:
            found.hidden_rows += bool(struct.unpack_from("<H", body, 12)[0] & 0x20)
        elif kind in {_NUMBER, _RK, _BOOLERR, _FORMULA}:
            row, column, style = struct.unpack_from("<HHH", body)
            _cell(found, kind, body, row, column, style)
        elif kind == _MULRK:
            row, first = struct.unpack_from("<HH", body)
            for index in range((len(body) - 6) // 6):
                style = struct.unpack_from("<H", body, 4 + index * 6)[0]
                _cell(found, kind, body, row, first + index, style)
        elif kind in _LABELS:
            found.fill(*struct.unpack_from("<HH", body))


def _cell(found: CellFlags, kind: int, body: bytes, row: int, column: int, style: int) -> None:
    found.fill(row, column)
    if kind == _BOOLERR:
        if body[7]:
            found.add(row, column, cell_flags.error(_ERROR_CODES.get(body[6], "")))
        return
    if kind == _FORMULA and body[12:14] == b"\xff\xff":
        if body[6] == 2:
            found.add(row, column, cell_flags.error(_ERROR_CODES.get(body[8], "")))
        return
    if style in found.codes:
        found.add(row, column, style)
