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

_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OUR_ID: Final = "rIdBhuman"
# Source: ECMA-376 part 1, 18.3.1.99: what may stand behind the hyperlinks of a sheet.
_BEHIND_LINKS: Final = (
    "printOptions|pageMargins|pageSetup|headerFooter|rowBreaks|colBreaks|customProperties|cellWatches|ignoredErrors"
    "|smartTags|drawing|legacyDrawing|legacyDrawingHF|drawingHF|picture|oleObjects|controls|webPublishItems|tableParts"
    "|extLst"
)
_NOT_SEEN: Final = re.compile(r'\b(?:hidden="(?:1|true)"|width="0(?:\.0*)?")')
_ESCAPE_LIKE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


class CannotPatchError(Exception):
    """The sheet is written in a way that is not understood well enough to change it."""


@dataclass(slots=True, kw_only=True)
class Patch:
    """What is added. rows: sheet row → our texts. start: our first column, 0-based. links: which of them are links."""

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
    folder, _, file = patch.part.rpartition("/")
    relations = f"{folder}/_rels/{file}.rels"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        sheet = _Sheet(_decoded(old.read(patch.part)), patch, is_link).patched()
        _require_well_formed(sheet)
        names = old.namelist()
        for name in names:
            if name == patch.part:
                new.writestr(name, sheet.encode())
            elif name != relations:
                new.writestr(old.getinfo(name), old.read(name))
        before = _decoded(old.read(relations)) if relations in names else ""
        new.writestr(relations, _relations(before, patch.linked).encode())


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CannotPatchError from None


def _require_well_formed(sheet: str) -> None:
    try:
        expat.ParserCreate().Parse(sheet.encode(), True)
    except expat.ExpatError:
        raise CannotPatchError from None


def _relations(before: str, linked: Sequence[tuple[str, str]]) -> str:
    if not before:
        before = f'<?xml version="1.0" encoding="UTF-8"?>\n<Relationships xmlns="{_PACKAGE}"></Relationships>'
    before = re.sub(rf'<Relationship\b[^>]*\bId="{_OUR_ID}\d+"[^>]*/>', "", before)
    before = re.sub(r"<Relationships\b([^>]*)/>", r"<Relationships\1></Relationships>", before)
    ours = "".join(
        f'<Relationship Id="{_OUR_ID}{number}" Type="{_RELATIONS}/hyperlink" Target="{html.escape(url)}" '
        'TargetMode="External"/>'
        for number, (_, url) in enumerate(linked)
    )
    head, tag, tail = before.rpartition("</Relationships>")
    if not tag:
        raise CannotPatchError
    return head + ours + tag + tail


class _Sheet:
    """One sheet's XML. Every tag may carry a prefix; ours take the one of `sheetData`."""

    def __init__(self, text: str, patch: Patch, is_link: Mapping[str, bool]) -> None:
        found = re.search(r"<((?:\w+:)?)sheetData\b[^>]*?(/?)>", text)
        if found is None:
            raise CannotPatchError
        self._prefix = found[1]
        end = found.end() if found[2] else text.find(f"</{self._prefix}sheetData>", found.end())
        if end < 0:
            raise CannotPatchError
        self._before, self._rows, self._behind = text[: found.start()], text[found.end() : end], text[end:]
        self._behind = self._behind.removeprefix(f"</{self._prefix}sheetData>")
        self._patch = patch
        self._is_link = is_link

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
        found: dict[int, str] = {}
        last, style = 0, ""
        for match in re.finditer(rf"<{prefix}row\b([^>]*?)(?:/>|>(.*?)</{prefix}row>)", self._rows, re.DOTALL):
            attributes, cells = match[1], match[2] or ""
            number = re.search(r'\br="(\d+)"', attributes)
            last = int(number[1]) if number else last + 1
            if last in found:
                raise CannotPatchError
            if last in wanted:
                attributes = re.sub(r'\s+spans="[^"]*"', "", attributes)
                left, right, near = self._without_ours(cells)
                style = near if last == patch.header_row else style
                ours = self._cells(last, wanted[last], near if last == patch.header_row else "")
                found[last] = f"<{prefix}row{attributes}>{left}{ours}{right}</{prefix}row>"
            else:
                found[last] = match[0]
        for row in wanted.keys() - found.keys():
            found[row] = f'<{prefix}row r="{row}">{self._cells(row, wanted[row], "")}</{prefix}row>'
        return "".join(found[row] for row in sorted(found))

    def _without_ours(self, cells: str) -> tuple[str, str, str]:
        """Return the cells left of ours, those right of ours, and the style of the nearest on the left."""
        prefix, column, near = self._prefix, -1, ""
        left: list[str] = []
        right: list[str] = []
        for match in re.finditer(rf"<{prefix}c\b([^>]*?)(?:/>|>.*?</{prefix}c>)", cells, re.DOTALL):
            reference = re.search(r'\br="([A-Z]+)\d+"', match[1])
            column = _index(reference[1]) if reference else column + 1
            if column < self._patch.start:
                left.append(match[0])
                style = re.search(r'\bs="(\d+)"', match[1])
                near = style[0] if style else ""
            elif column >= self._patch.end:
                right.append(match[0])
        return "".join(left), "".join(right), near

    def _cells(self, row: int, texts: Sequence[str], style: str) -> str:
        prefix, patch = self._prefix, self._patch
        found: list[str] = []
        for number, text in enumerate(texts):
            if not text:
                continue
            place = f"{_letters(patch.start + number)}{row}"
            if row != patch.header_row and number in patch.links and self._is_link.get(text):
                patch.linked.append((place, text))
            content = html.escape(_ESCAPE_LIKE.sub("_x005F_", text), quote=False)
            found.append(
                f'<{prefix}c r="{place}"{f" {style}" if style else ""} t="inlineStr"><{prefix}is>'
                f'<{prefix}t xml:space="preserve">{content}</{prefix}t></{prefix}is></{prefix}c>'
            )
        return "".join(found)

    def _linked(self, behind: str) -> str:
        prefix, patch = self._prefix, self._patch
        columns = {_letters(column) for column in range(patch.start, patch.end)}

        def kept(match: re.Match[str]) -> str:
            place = re.search(r'\bref="([A-Z]+)\d+"', match[0])
            return "" if place and place[1] in columns else match[0]

        behind = re.sub(rf"<{prefix}hyperlink\b[^>]*/>", kept, behind)
        behind = re.sub(rf"<{prefix}hyperlinks\b[^>]*(?:/>|>\s*</{prefix}hyperlinks>)", "", behind)
        ours = "".join(
            f'<{prefix}hyperlink xmlns:bh="{_RELATIONS}" ref="{place}" bh:id="{_OUR_ID}{number}"/>'
            for number, (place, _) in enumerate(patch.linked)
        )
        if not ours:
            return behind
        if (at := behind.find(f"</{prefix}hyperlinks>")) >= 0:
            return behind[:at] + ours + behind[at:]
        follows = re.search(rf"<{prefix}(?:{_BEHIND_LINKS})\b|</{prefix}worksheet>", behind)
        if follows is None:
            raise CannotPatchError
        block = f"<{prefix}hyperlinks>{ours}</{prefix}hyperlinks>"
        return behind[: follows.start()] + block + behind[follows.start() :]

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


def _letters(column: int) -> str:
    found = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found


def _index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1
