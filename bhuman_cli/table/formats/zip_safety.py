"""The door to zipped workbooks: broken, encrypted, exploding or entity-carrying archives stop here."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

from bhuman_cli import shell
from bhuman_cli.errors import InputError
from bhuman_cli.table.input_file import InputFile

OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_MAGIC: Final = b"PK\x03\x04"
MAX_TOTAL_BYTES: Final = 2 << 30
MAX_MEMBERS: Final = 20_000
# Real sheets pack 5 to 40 times; deflate's limit is 1,032 times.
MAX_RATIO: Final = 200
RATIO_COUNTS_FROM_BYTES: Final = 32 << 20
MAX_PART_BYTES: Final = 64 << 20
PIECE_BYTES: Final = 1 << 20
_OTHERS: Final = {
    "xl/workbook.bin": "a binary workbook (.xlsb)",
    "word/document.xml": "a text document",
    "ppt/presentation.xml": "a presentation",
}
_NUMBERS: Final = ("index/document.iwa", "index.zip", "index.xml", "index.apxl")
_TABLES: Final = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods", ".json", ".jsonl")
# As UTF-8 and as UTF-16; a document type alone is harmless, and LibreOffice gives its macros one.
_ENTITY: Final = re.compile(rb"<\0?!\0?E\0?N\0?T\0?I\0?T\0?Y", re.IGNORECASE)


def broken(source: InputFile) -> InputError:
    """Return what is said of an archive that can't be read."""
    return InputError(
        f"{source.name}: the workbook is damaged and can't be read",
        hint="open it in the spreadsheet program, and save it again as .xlsx",
    )


def locked(source: InputFile) -> InputError:
    """Return what is said of a workbook that needs a password."""
    return InputError(
        f"{source.name}: the workbook is protected with a password",
        hint="save a copy without the password in the spreadsheet program",
    )


def kind(source: InputFile) -> str:
    """Return ods or xlsx by what is in an archive; one that can't be opened is called xlsx, and refused later.

    Raises:
        InputError: it is some other kind of archive.
    """
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            names = {name.lower().replace("\\", "/") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "xlsx"
    for tell_tale, what in _OTHERS.items():
        if tell_tale in names:
            raise InputError(f"{source.name}: is {what}, not a table", hint="save it as .xlsx or .csv")
    if names & set(_NUMBERS) and "[content_types].xml" not in names:
        raise InputError(
            f"{source.name}: is an Apple Numbers document, not a table",
            hint="in Numbers: File > Export To > Excel, then use that file",
        )
    if not any(name.endswith((".xml", ".rels")) for name in names) and any(name.endswith(_TABLES) for name in names):
        raise InputError(f"{source.name}: is a ZIP archive with tables in it", hint=f"unzip {shell.quote(source.name)}")
    return "ods" if "content.xml" in names and "[content_types].xml" not in names else "xlsx"


def require_harmless(source: InputFile) -> None:
    """Refuse an archive that is broken, encrypted, or would fill the memory, by what its list of parts says.

    A part that lies about its length is cut there, and its checksum is wrong.

    Raises:
        InputError: it is.
    """
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_TOTAL_BYTES:
                raise explosive(source)
            for member in members:
                if member.flag_bits & 0x1:
                    raise locked(source)
                if member.file_size > max(RATIO_COUNTS_FROM_BYTES, member.compress_size * MAX_RATIO):
                    raise explosive(source)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError):
        raise broken(source) from None


def explosive(source: InputFile) -> InputError:
    """Return what is said of an archive that would fill the memory."""
    return InputError(f"{source.name}: unpacks to far more than a table holds (a zip bomb?); not read")


def entities(source: InputFile) -> InputError:
    """Return what is said of a workbook whose XML declares entities."""
    return InputError(f"{source.name}: the workbook declares XML entities, which no spreadsheet program does; not read")


def parser(source: InputFile, *, namespaces: bool = False) -> expat.XMLParserType:
    """Return an XML parser that refuses entities, which could unfold without end."""

    def refuse(*_: object) -> None:
        raise entities(source)

    reader = expat.ParserCreate(namespace_separator=" " if namespaces else None)
    reader.EntityDeclHandler = refuse
    return reader


def part(source: InputFile, name: str) -> ET.Element | None:
    """Return one small XML part as a tree, None if the workbook has no such part.

    Raises:
        InputError: it is broken or far too long.
    """
    data = bytearray()
    for piece in pieces(source, name):
        data += piece
        if len(data) > MAX_PART_BYTES:
            raise explosive(source)
    if not data:
        return None
    if _ENTITY.search(data):
        raise entities(source)
    try:
        return ET.fromstring(bytes(data))
    except (ET.ParseError, ValueError, LookupError):
        raise broken(source) from None


def pieces(source: InputFile, name: str) -> Iterator[bytes]:
    """Yield one part's bytes piece by piece; nothing if there is no such part. Upper and lower case are the same.

    Raises:
        InputError: it is broken.
    """
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            names = {member.lower().replace("\\", "/"): member for member in archive.namelist()}
            if name.lower() not in names:
                return
            with archive.open(names[name.lower()]) as part:
                while piece := part.read(PIECE_BYTES):
                    yield piece
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError):
        raise broken(source) from None
