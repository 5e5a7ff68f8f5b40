"""Patch of the user's own .xlsx: one sheet's XML is changed, every other part is copied as it is.

Not openpyxl: it would drop charts, pictures and stored formula results, and takes seconds for what is done at every
checkpoint. Knows XML text and column letters, nothing of rows' meaning.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final
from xml.parsers import expat

from bhuman_cli.table.formats import cell_flags

_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT: Final = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_STRICT_RELATIONS: Final = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_QUICK: Final = 2
_OUR_ID: Final = "rIdBhuman"
# Source: ECMA-376 part 1, 18.3.1.99: what may stand behind the hyperlinks of a sheet.
_BEHIND_LINKS: Final = frozenset(
    [
        *("printOptions", "pageMargins", "pageSetup", "headerFooter", "rowBreaks", "colBreaks", "customProperties"),
        *("cellWatches", "ignoredErrors", "smartTags", "drawing", "legacyDrawing", "legacyDrawingHF", "drawingHF"),
        *("picture", "oleObjects", "controls", "webPublishItems", "tableParts", "extLst"),
    ]
)
_TAG: Final = re.compile(r"""<(/?)(?:\w+:)?([\w.-]+)((?:[^<>"']|"[^"]*"|'[^']*')*?)(/?)>""")
# What must be escaped, and white space at an end, which is cut unless it is said to be meant.
_SPECIAL: Final = re.compile(r"[&<>]|_x|[ \t]\n|\n[ \t]")
_PLACE: Final = re.compile(r'\br="([A-Z]+)\d+"')
_STYLE: Final = re.compile(r'\bs="\d+"')
# Comments; tags with single quotes, with blanks around `=`, or before their end.
_UNUSUAL: Final = re.compile(
    r"""<!--|<!\[CDATA\[|<(?!\?)[^<>"']+(?:"[^"]*"[^<>"']+)*?(?:='|\s=|=\s)|<(?!\?)(?:[^<>"']|"[^"]*")*\s>"""
)
_TELLING: Final = ("<!", "='", " =", "= ", " >", "\n>", "\t>", "\n=", "=\n")
_NOT_SEEN: Final = re.compile(r'\b(?:hidden="(?:1|true)"|width="0(?:\.0*)?")')
_ESCAPE_LIKE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


class CannotPatchError(Exception):
    """The sheet is written in a way that is not understood well enough to change it."""


@dataclass(slots=True, kw_only=True)
class Patch:
    """What is added. rows: sheet row → our texts. links: which of our columns are links.

    start: our first column, 0-based; moved to the right of what is merged or reckoned there.
    """

    part: str
    header_row: int
    names: Sequence[str]
    start: int
    rows: Mapping[int, Sequence[str]]
    links: Sequence[int]
    linked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Return the first column behind ours."""
        return self.start + len(self.names)


def apply(source: IO[bytes], target: IO[bytes], patch: Patch, *, is_link: Mapping[str, bool]) -> None:
    """Copy a workbook and add our columns to one of its sheets.

    is_link: for each text in a link column, whether it may be clicked.

    Raises:
        CannotPatchError: the sheet can't be changed safely; what was written to the target is void.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        part, relations = _names(old, patch.part)
        sheet, related = _patched(old, patch, is_link)
        for name in old.namelist():
            if name == part:
                new.writestr(name, sheet.encode(), compresslevel=_QUICK)  # written anew at every checkpoint
            elif name != relations:
                new.writestr(old.getinfo(name), old.read(name))
        new.writestr(relations, related.encode())


def can_apply(source: IO[bytes], patch: Patch) -> bool:
    """Say whether a sheet can be changed safely; nothing is written."""
    try:
        with zipfile.ZipFile(source) as old:
            _patched(old, patch, {})
    except (CannotPatchError, zipfile.BadZipFile, KeyError, OSError, ValueError):
        return False
    return True


def _patched(old: zipfile.ZipFile, patch: Patch, is_link: Mapping[str, bool]) -> tuple[str, str]:
    """Return the sheet with our columns, and its relations."""
    part, relations = _names(old, patch.part)
    sheet = _Sheet(_decoded(old.read(part)), patch, is_link)
    text = sheet.patched()
    _require_well_formed(text)
    before = _decoded(old.read(relations)) if relations in old.namelist() else ""
    related = _relations(before, patch.linked, sheet.relations_namespace)
    _require_well_formed(related)
    return text, related


def _names(old: zipfile.ZipFile, part: str) -> tuple[str, str]:
    """Return what the archive calls a part and its relations; some programs write backslashes, or other cases."""
    real = {name.replace("\\", "/").lower(): name for name in old.namelist()}
    folder, _, file = part.rpartition("/")
    relations = f"{folder}/_rels/{file}.rels"
    return real.get(part.lower(), part), real.get(relations.lower(), relations)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CannotPatchError from None


def _is_unusual(text: str) -> bool:
    """Say whether XML is written in a way that the expressions here do not follow."""
    return any(sign in text for sign in _TELLING) and _UNUSUAL.search(text) is not None


def _require_well_formed(sheet: str) -> None:
    try:
        expat.ParserCreate().Parse(sheet.encode(), True)
    except expat.ExpatError:
        raise CannotPatchError from None


def _relations(before: str, linked: Sequence[tuple[str, str]], namespace: str) -> str:
    """Return the relations of a sheet with those of our links; each tag may carry a prefix."""
    if not before:
        before = f'<?xml version="1.0" encoding="UTF-8"?>\n<Relationships xmlns="{_PACKAGE}"></Relationships>'
    root = re.search(r"<((?:\w+:)?)Relationships\b", before)
    if root is None or _is_unusual(before):
        raise CannotPatchError
    prefix = root[1]
    name = f"{prefix}Relationships"
    before = re.sub(rf'<{prefix}Relationship\b[^>]*\bId="{_OUR_ID}\d+"[^>]*/>', "", before)
    before = re.sub(rf"<{name}\b([^>]*)/>", rf"<{name}\1></{name}>", before)
    ours = "".join(
        f'<{prefix}Relationship Id="{_OUR_ID}{number}" Type="{namespace}/hyperlink" Target="{html.escape(url)}" '
        'TargetMode="External"/>'
        for number, (_, url) in enumerate(linked)
    )
    head, tag, tail = before.rpartition(f"</{name}>")
    if not tag:
        raise CannotPatchError
    return head + ours + tag + tail


class _Sheet:
    """One sheet's XML. Every tag may carry a prefix; ours take the one of `sheetData`."""

    def __init__(self, text: str, patch: Patch, is_link: Mapping[str, bool]) -> None:
        match = re.search(r"<((?:\w+:)?)sheetData\b[^>]*?(/?)>", text)
        if match is None or _is_unusual(text):
            raise CannotPatchError
        self.relations_namespace = _STRICT_RELATIONS if _STRICT in text[: match.start()] else _RELATIONS
        self._prefix = match[1]
        end = match.end() if match[2] else text.find(f"</{self._prefix}sheetData>", match.end())
        if end < 0:
            raise CannotPatchError
        self._before, self._rows, self._behind = text[: match.start()], text[match.end() : end], text[end:]
        self._behind = self._behind.removeprefix(f"</{self._prefix}sheetData>")
        self._patch = patch
        self._is_link = is_link
        self._make_room()

    def _make_room(self) -> None:
        """Move our columns to the right of merged cells that reach into them, and of formulas that stand there.

        Under a merged cell nobody would see them; a formula taken away would leave the calculation chain behind.
        """
        patch, prefix = self._patch, self._prefix
        rows = {patch.header_row, *patch.rows}
        first_row, last_row = min(rows), max(rows)
        merges = filter(
            None, map(cell_flags.area, re.findall(r'<(?:\w+:)?mergeCell\b[^>]*\bref="([^"]+)"', self._behind))
        )
        taken = [
            (area.first_column, area.last_column)
            for area in merges
            if area.first_row <= last_row and area.last_row >= first_row and area.last_column > area.first_column
        ]
        pattern = rf'<{prefix}c\b[^>]*\br="([A-Z]+)(\d+)"[^>/]*>\s*<{prefix}f\b'
        formulas = re.findall(pattern, self._rows) if f"<{prefix}f" in self._rows else ()
        columns = {cell_flags.column_of(letters) for letters, row in formulas if int(row) in rows}
        taken.extend((column, column) for column in columns)
        for first, last in sorted(taken):
            if first < patch.end and last >= patch.start:
                patch.start = last + 1
        if patch.end > cell_flags.MAX_COLUMNS:
            raise CannotPatchError
        self._our_letters = [_letters(column) for column in range(patch.start, patch.end)]

    def patched(self) -> str:
        """Return the sheet with our columns."""
        prefix = self._prefix
        before = re.sub(rf"<{prefix}dimension\b[^>]*/>", "", self._before)
        before = self._frozen(self._widened(before))
        rows = self._patched_rows()
        return f"{before}<{prefix}sheetData>{rows}</{prefix}sheetData>{self._linked(self._behind)}"

    def _patched_rows(self) -> str:
        prefix, patch = self._prefix, self._patch
        wanted = {patch.header_row: patch.names, **patch.rows}
        rows_by_number: dict[int, str] = {}
        last, style = 0, ""
        for match in re.finditer(rf"<{prefix}row\b([^>]*?)(?:/>|>(.*?)</{prefix}row>)", self._rows, re.DOTALL):
            attributes, cells = match[1], match[2] or ""
            number = re.search(r'\br="(\d+)"', attributes)
            last = int(number[1]) if number else last + 1
            if last in rows_by_number:
                raise CannotPatchError
            if last in wanted:
                attributes = re.sub(r'\s+spans="[^"]*"', "", attributes)
                left, right, near = self._without_ours(cells)
                style = near if last == patch.header_row else style
                ours = self._cells(last, wanted[last], near if last == patch.header_row else "")
                rows_by_number[last] = f"<{prefix}row{attributes}>{left}{ours}{right}</{prefix}row>"
            else:
                rows_by_number[last] = match[0]
        for row in wanted.keys() - rows_by_number.keys():
            rows_by_number[row] = f'<{prefix}row r="{row}">{self._cells(row, wanted[row], "")}</{prefix}row>'
        return "".join(rows_by_number[row] for row in sorted(rows_by_number))

    def _without_ours(self, cells: str) -> tuple[str, str, str]:
        """Return the cells left of ours, those right of ours, and the style of the nearest on the left."""
        prefix, column, near = self._prefix, -1, ""
        if self._stands_left(cells):
            style = _STYLE.search(cells, cells.rfind(f"<{prefix}c "))
            return cells, "", style[0] if style else ""
        left: list[str] = []
        right: list[str] = []
        for match in re.finditer(rf"<{prefix}c\b([^>]*?)(?:/>|>.*?</{prefix}c>)", cells, re.DOTALL):
            reference = re.search(r'\br="([A-Z]+)\d+"', match[1])
            column = cell_flags.column_of(reference[1]) if reference else column + 1
            if column < self._patch.start:
                left.append(match[0])
                style = re.search(r'\bs="(\d+)"', match[1])
                near = style[0] if style else ""
            elif column >= self._patch.end:
                right.append(match[0])
        return "".join(left), "".join(right), near

    def _stands_left(self, cells: str) -> bool:
        """Say whether the last cell, and with it all others, stands left of ours; that it can be seen from its end."""
        last = cells.rfind(f"<{self._prefix}c ")
        reference = _PLACE.search(cells, last) if last >= 0 else None
        return reference is not None and cell_flags.column_of(reference[1]) < self._patch.start

    def _cells(self, row: int, texts: Sequence[str], style: str) -> str:
        prefix, patch = self._prefix, self._patch
        if row != patch.header_row:
            urls = ((self._our_letters[number], texts[number]) for number in patch.links if texts)
            patch.linked.extend((f"{letters}{row}", url) for letters, url in urls if self._is_link.get(url))
        start, end = f"<{prefix}is><{prefix}t>", f"</{prefix}t></{prefix}is></{prefix}c>"
        if _SPECIAL.search("\n".join(("", *texts, ""))):
            texts = [html.escape(_ESCAPE_LIKE.sub("_x005F_", text), quote=False) for text in texts]
            start = f'<{prefix}is><{prefix}t xml:space="preserve">'
        start = f'{row}"{f" {style}" if style else ""} t="inlineStr">{start}'
        pairs = zip(self._our_letters, texts, strict=False)
        return "".join(f'<{prefix}c r="{letters}{start}{text}{end}' for letters, text in pairs if text)

    def _linked(self, behind: str) -> str:
        prefix, patch = self._prefix, self._patch
        columns = set(self._our_letters)

        def kept(match: re.Match[str]) -> str:
            place = re.search(r'\bref="([A-Z]+)\d+"', match[0])
            return "" if place and place[1] in columns else match[0]

        behind = re.sub(rf"<{prefix}hyperlink\b[^>]*/>", kept, behind)
        behind = re.sub(rf"<{prefix}hyperlinks\b[^>]*(?:/>|>\s*</{prefix}hyperlinks>)", "", behind)
        ours = "".join(
            f'<{prefix}hyperlink ref="{place}" bh:id="{_OUR_ID}{number}"/>'
            for number, (place, _) in enumerate(patch.linked)
        )
        if not ours:
            return behind
        if f"<{prefix}hyperlinks" not in behind:
            at = _place_of_links(behind)
            behind = f"{behind[:at]}<{prefix}hyperlinks></{prefix}hyperlinks>{behind[at:]}"
        declared = rf'<{prefix}hyperlinks xmlns:bh="{self.relations_namespace}"'
        behind = re.sub(rf"<{prefix}hyperlinks\b(?:\s+xmlns:bh=\"[^\"]*\")?", declared, behind, count=1)
        at = behind.index(f"</{prefix}hyperlinks>")
        return behind[:at] + ours + behind[at:]

    def _frozen(self, before: str) -> str:
        """Freeze the header, unless the user froze something."""
        prefix, row = self._prefix, self._patch.header_row
        pane = (
            f'<{prefix}pane ySplit="{row}" topLeftCell="A{row + 1}" activePane="bottomLeft" state="frozen"/>'
            f'<{prefix}selection pane="bottomLeft"/>'
        )
        view = re.search(rf"<{prefix}sheetView\b([^>]*?)(?:/>|>(.*?)</{prefix}sheetView>)", before, re.DOTALL)
        if view is None:
            view_of_ours = f'<{prefix}sheetView workbookViewId="0">{pane}</{prefix}sheetView>'
            block = f"<{prefix}sheetViews>{view_of_ours}</{prefix}sheetViews>"
            at = re.search(rf"<{prefix}(?:sheetFormatPr|cols)\b", before)
            place = at.start() if at else len(before)
            return before[:place] + block + before[place:]
        inside = view[2] or ""
        if f"<{prefix}pane" in inside:
            return before
        inside = re.sub(rf"<{prefix}selection\b[^>]*/>", "", inside)
        frozen = f"<{prefix}sheetView{view[1]}>{pane}{inside}</{prefix}sheetView>"
        return before[: view.start()] + frozen + before[view.end() :]

    def _widened(self, before: str) -> str:
        """Give our columns a width, unless the user's widths reach into them."""
        prefix, patch = self._prefix, self._patch
        before = re.sub(rf"<{prefix}col\b[^>]*/>", self._shown, before)
        ours = f'<{prefix}col min="{patch.start + 1}" max="{patch.end}" width="16" customWidth="1"/>'
        if any(int(each) > patch.start for each in re.findall(rf'<{prefix}col\b[^>]*\bmax="(\d+)"', before)):
            return before
        if (at := before.find(f"</{prefix}cols>")) >= 0:
            return before[:at] + ours + before[at:]
        return f"{before}<{prefix}cols>{ours}</{prefix}cols>"

    def _shown(self, match: re.Match[str]) -> str:
        """Return a range of columns; where it hides ours (people hide all that is right of their table), cut up."""
        column, patch = match[0], self._patch
        ends = re.search(r'\bmin="(\d+)"', column), re.search(r'\bmax="(\d+)"', column)
        if not (ends[0] and ends[1] and _NOT_SEEN.search(column)):
            return column
        first, last = int(ends[0][1]), int(ends[1][1])
        middle = f'<{self._prefix}col min="" max="" width="16" customWidth="1"/>'
        return "".join(
            re.sub(r'\bmax="\d*"', f'max="{end}"', re.sub(r'\bmin="\d*"', f'min="{start}"', each))
            for each, start, end in (
                (column, first, min(last, patch.start)),
                (middle, max(first, patch.start + 1), min(last, patch.end)),
                (column, max(first, patch.end + 1), last),
            )
            if start <= end
        )


def _place_of_links(behind: str) -> int:
    """Return where a sheet's links stand: in front of the first of its own children that follow them."""
    depth = 0
    for match in _TAG.finditer(behind):
        is_end, name, _, is_empty = match.groups()
        if is_end:
            depth -= 1
            if depth < 0:
                return match.start()
            continue
        if not depth and name in _BEHIND_LINKS:
            return match.start()
        depth += not is_empty
    raise CannotPatchError


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
