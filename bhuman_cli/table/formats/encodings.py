"""Encoding of a text file: as asked, by its mark, UTF-8, or guessed. Reads bytes, decides nothing about columns."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bhuman_cli.errors import UsageError
from bhuman_cli.table import input_errors
from bhuman_cli.table.formats import encoding_guess
from bhuman_cli.table.input_file import InputFile

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),  # before UTF-16: its mark begins with the shorter one
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_SAMPLE_BYTES: Final = 64 << 10
_MIN_WHOLE, _WHOLE_PER_BROKEN = 3, 4
_LINE_BYTES: Final = 4096
# Back to a blank or a comma, so that no letter of two bytes is torn; else past what may be half of one.
_CUT: Final = re.compile(rb"[ ,;\t][^ ,;\t]*\Z|[\x80-\xff]+[\x40-\x7e]?\Z")
_HIGH: Final = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCoding:
    """How the bytes are decoded. codec: for `open`; name: for people; notice: what must be said, or "".

    readings: for a guess, (codec, word) of each encoding that explains the letters well, the best first; the word is
    one that decides between them. line: where it stands.
    """

    codec: str
    name: str
    had_bom: bool
    notice: str = ""
    readings: tuple[tuple[str, str], ...] = ()
    line: int = 0


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
    if source.is_utf8 and (codec := encoding_guess.seven_bit(source.head)):
        return TextCoding(codec=codec, name=codec, had_bom=False, readings=((codec, ""),), line=1)
    if source.is_utf8:
        return TextCoding(codec="utf-8", name="utf-8", had_bom=False)
    sample = _telling_bytes(source)
    if _is_broken_utf8(sample):
        raise input_errors.line_error(
            source.name,
            _first_line(source, lambda line: not _decodable(line, "utf-8")),
            "bytes that are not UTF-8, while nearly all of the file is",
            hint="export it again; --encoding, if it is another one",
        )
    return _guessed(source, sample)


def _guessed(source: InputFile, sample: bytes) -> TextCoding:
    ranked = encoding_guess.candidates(sample)
    line = _first_line(source, lambda each: _HIGH.search(each) is not None)
    if encoding_guess.is_hopeless(ranked):
        rule = "letters that no usual encoding explains"
        raise input_errors.line_error(source.name, line, rule, hint="--encoding, or save it as CSV UTF-8")
    likely = encoding_guess.near(ranked)
    first = ranked[0]
    words = [encoding_guess.telling_word(first.text, other.text) for other in likely[1:]]
    shown = words[0][0] if words else encoding_guess.telling_word(first.text, "")[0]
    if words:
        readings = [(first.codec, shown)]
        readings += [(other.codec, word) for other, (_, word) in zip(likely[1:], words, strict=True)]
        wanted = shown.encode(first.codec, "replace")
        line = _first_line(source, lambda each: wanted in each)
    else:
        readings = [(first.codec, shown)]
    return TextCoding(codec=first.codec, name=first.codec, had_bom=False, readings=tuple(readings), line=line)


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


def _first_line(source: InputFile, fits: Callable[[bytes], bool]) -> int:
    """Return the number of the first line that fits, 1 if none does."""
    return next((number for number, line in enumerate(_lines(source), 1) if fits(line)), 1)


def _lines(source: InputFile) -> Iterator[bytes]:
    """Yield the lines, also those that end with a carriage return alone."""
    with source.open() as stream:
        for line in stream:
            yield from line.splitlines() if b"\r" in line else (line,)


def _telling_bytes(source: InputFile) -> bytes:
    """Return the lines that hold other than ASCII bytes, up to a sample's length."""
    lines: list[bytes] = []
    size = 0
    for line in _lines(source):
        if _HIGH.search(line):
            lines.append(line if len(line) <= _LINE_BYTES else _CUT.sub(b"", line[:_LINE_BYTES]))
            size += len(lines[-1])
            if size > _SAMPLE_BYTES:
                break
    return b"\n".join(lines)


def _decodable(sample: bytes, codec: str) -> bool:
    try:
        sample.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
