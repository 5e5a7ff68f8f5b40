"""Owns the guess of a text file's encoding and the words that say so. Reads bytes, decides nothing about columns."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from bhuman_cli.errors import UsageError
from bhuman_cli.table import input_errors
from bhuman_cli.table.input_file import InputFile

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),  # before UTF-16: its mark begins with the shorter one
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
# What spreadsheet programs write when asked for "CSV" without Unicode; a closed list keeps short texts from being
# taken for something nobody uses.
_PLAUSIBLE: Final = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("cp932", "gb18030", "big5", "cp949", "koi8_r", "mac_roman", "cp850", "cp437"),
]
# Icelandic letters without Icelandic vowels are Turkish ones; Portuguese or French ones alone are Hungarian or Baltic.
_RARE_UNLESS: Final = ((set("ÐÞðþÝý"), set("áéíóúæÁÉÍÓÚÆ")), (set("õûÕÛ"), set("ãçêàâèñôîÃÇÊÀ")))
_SAMPLE_BYTES: Final = 64 << 10
_MIN_WHOLE, _WHOLE_PER_BROKEN = 3, 4
_WORD: Final = re.compile(r"[^\W\d_]+")
_ASCII_LETTER: Final = re.compile(r"[A-Za-z]")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
# In a Western text these stand between or around words, never inside one.
_ODD_INSIDE_WORD: Final = re.compile(
    r"(?<=[^\W\d_])[^\w\s'’‘\-.,;:!?\"“”()/&@+|\x80-\x9f](?=[^\W\d_])|[¡-©«-¹»-¿×÷€‚„†‡ˆ‰‹•˜™›](?=[a-z])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCoding:
    """How the bytes are decoded. codec: for `open`; name: for people; notice: what must be said, or ""."""

    codec: str
    name: str
    had_bom: bool
    notice: str = ""


def detect(source: InputFile, wanted: str | None) -> TextCoding:
    """Return the encoding: as asked, else by its mark, else UTF-8 where that is valid, else a guess that is said.

    Raises:
        UsageError: the encoding asked for does not exist.
        InputError: the bytes are not text.
    """
    if wanted is not None:
        return _asked_for(source, wanted)
    for mark, codec, name in _BOMS:
        if source.head.startswith(mark):
            return TextCoding(codec=codec, name=name, had_bom=True)
    if source.nul_line:
        return _without_mark(source)
    if source.is_utf8:
        return TextCoding(codec="utf-8", name="utf-8", had_bom=False)
    sample = _telling_bytes(source)
    if _is_broken_utf8(sample):
        raise input_errors.line_error(
            source.name,
            _first_broken_line(source),
            "bytes that are not UTF-8, while nearly all of the file is",
            hint="export it again; --encoding, if it is another one",
        )
    name = _guess(sample)
    return TextCoding(
        codec=name,
        name=name,
        had_bom=False,
        notice=f"{source.name}: not UTF-8; read as {name}, which is a guess: if letters look wrong, give --encoding",
    )


def _asked_for(source: InputFile, wanted: str) -> TextCoding:
    try:
        info = codecs.lookup(wanted)
    except (LookupError, ValueError):
        raise UsageError(f"--encoding {wanted}: no such encoding", hint="--encoding utf-8") from None
    if not getattr(info, "_is_text_encoding", True):
        raise UsageError(f"--encoding {wanted}: not a text encoding", hint="--encoding utf-8")
    had_bom = any(source.head.startswith(mark) for mark, _, _ in _BOMS)
    has_utf8_mark = source.head.startswith(codecs.BOM_UTF8)
    codec = "utf-8-sig" if info.name == "utf-8" and has_utf8_mark else info.name
    if source.nul_line and not info.name.startswith(("utf-16", "utf-32")):
        raise input_errors.line_error(source.name, source.nul_line, f"holds a NUL byte, so it is not {wanted} text")
    return TextCoding(codec=codec, name=info.name, had_bom=had_bom)


def _without_mark(source: InputFile) -> TextCoding:
    """Read NUL bytes at every second place as UTF-16 without a mark; anything else is binary."""
    head = source.head[: len(source.head) // 2 * 2]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    for codec, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if half and zeros >= half * 0.7 and others <= half * 0.05:
            notice = f"{source.name}: no byte order mark; read as {codec}"
            return TextCoding(codec=codec, name=codec, had_bom=False, notice=notice)
    raise input_errors.line_error(
        source.name,
        source.nul_line,
        "holds a NUL byte; this is not a text table",
        hint="save it as CSV UTF-8 or .xlsx in the spreadsheet program",
    )


def _is_broken_utf8(sample: bytes) -> bool:
    """Say whether a few broken letters stand among many whole ones: any other encoding would break the whole ones.

    In texts of other encodings a whole UTF-8 letter is an accident.
    """
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(letter > "\x7f" for letter in text) - broken
    return whole >= _MIN_WHOLE and whole > broken * _WHOLE_PER_BROKEN


def _first_broken_line(source: InputFile) -> int:
    with source.open() as stream:
        for number, line in enumerate(stream, 1):
            if not _decodable(line, "utf-8"):
                return number
    return 1


def _guess(sample: bytes) -> str:
    western = _western(sample)
    if western:
        return western
    import charset_normalizer

    best = charset_normalizer.from_bytes(sample, cp_isolation=_PLAUSIBLE, threshold=0.5).best()
    return best.encoding if best is not None else "cp1252" if _decodable(sample, "cp1252") else "latin-1"


def _telling_bytes(source: InputFile) -> bytes:
    """Return the lines that hold other than ASCII bytes, up to a sample's length."""
    kept: list[bytes] = []
    size = 0
    with source.open() as stream:
        for line in stream:
            if _HIGH.search(line):
                kept.append(line[:4096])
                size += len(kept[-1])
                if size > _SAMPLE_BYTES:
                    break
    return b"".join(kept)


def _western(sample: bytes) -> str:
    """Return cp1252 when the text makes sense in it: no symbols inside words, few words of accented letters alone."""
    if not _decodable(sample, "cp1252"):
        return ""
    text = sample.decode("cp1252")
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    foreign = sum(len(word) > 1 and not _ASCII_LETTER.search(word) for word in words)
    if foreign > len(words) * 0.3 or _ODD_INSIDE_WORD.search(text):
        return ""
    letters = set(text)
    is_elsewhere = any(letters & rare and not letters & usual for rare, usual in _RARE_UNLESS)
    return "" if is_elsewhere else "cp1252"


def _decodable(sample: bytes, codec: str) -> bool:
    try:
        sample.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
