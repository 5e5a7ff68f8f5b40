"""XML of workbooks as plain text that regular expressions can cut: well-formed, UTF-8, without prefixes or comments.

What nearly every program writes is that already, and is only checked; anything else is written anew by a parser.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from bhuman_cli.table.formats import zip_safety
from bhuman_cli.table.input_file import InputFile

MAX_ELEMENT_CHARS: Final = 64 << 20
"""A row, or a shared text, that is longer than this is none of a table."""
_HEAD: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*(?:<\?xml(?:[^>?]*encoding\s*=\s*["']utf-8["'][^>?]*|(?:(?!encoding)[^>?])*)\?>)?\s*<\w+[\s>]""",
    re.IGNORECASE,
)
_UNUSUAL: Final = (b"<!", b":worksheet", b":sheetData", b":row", b":c ", b":sst", b":si>", b" >", b"\n>", b"\t>", b"='")
"""Comments, character data, prefixes, white space at the end of a tag, single quotes.

Where a text looks so, the part is only read more slowly.
"""
_TEXTS: Final = re.compile(r"<t\b[^>]*?(?:/>|>([^<]*)</t>)")
_PHONETIC: Final = re.compile(r"<rPh\b.*?</rPh>", re.DOTALL)
_ENTITY: Final = re.compile(r"&(#?\w+);")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


class Part:
    """One part of a workbook, as text.

    Raises:
        InputError: the part is damaged, or declares entities.
    """

    def __init__(self, source: InputFile, name: str) -> None:
        self._source = source
        self._name = name
        self._is_plain = True
        parser, tail = zip_safety.parser(source, namespaces=True), b""
        try:
            for piece in zip_safety.pieces(source, name):
                is_known = bool(tail) or _HEAD.match(piece) is not None
                self._is_plain = self._is_plain and is_known and not _is_unusual(tail, piece)
                parser.Parse(piece, False)
                tail = piece[-24:]
            self.exists = bool(tail)
            if tail:
                parser.Parse(b"", True)
        except (expat.ExpatError, ValueError):
            raise zip_safety.broken(source) from None

    def pieces(self, end: str) -> Iterator[str]:
        """Yield the text, cut behind an end tag, so that no element that ends with it is torn."""
        if not self.exists:
            return
        texts = self._decoded() if self._is_plain else _Rewriter().run(self._source, self._name)
        rest = ""
        for text in texts:
            rest += text
            cut = rest.rfind(end) + len(end)
            if cut >= len(end):
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) > MAX_ELEMENT_CHARS:
                raise zip_safety.explosive(self._source)
        yield rest

    def _decoded(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for piece in zip_safety.pieces(self._source, self._name):
            text = decoder.decode(piece)
            # A raw carriage return is half of a line end; one that is meant is written `&#13;` or `_x000D_`.
            yield text.replace("\r", "") if "\r" in text else text


def _is_unusual(tail: bytes, piece: bytes) -> bool:
    border = tail + piece[:24]
    return any(sign in piece or sign in border for sign in _UNUSUAL) or piece.count(b"<?") > (not tail)


class _Rewriter:
    """Writes XML anew as it is parsed: elements without prefix, attributes with it, texts escaped."""

    def __init__(self) -> None:
        self._out: list[str] = []

    def run(self, source: InputFile, name: str) -> Iterator[str]:
        parser = zip_safety.parser(source, namespaces=True)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        for piece in zip_safety.pieces(source, name):
            parser.Parse(piece, False)
            yield "".join(self._out)
            self._out.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        listed = "".join(f" {key.rpartition(' ')[2]}={quoteattr(value)}" for key, value in attributes.items())
        self._out.append(f"<{name.rpartition(' ')[2]}{listed}>")

    def _end(self, name: str) -> None:
        self._out.append(f"</{name.rpartition(' ')[2]}>")

    def _text(self, text: str) -> None:
        self._out.append(escape(text))


def text(raw: str) -> str:
    """Return what an element's characters mean: entities, and the escapes that workbooks have of their own."""
    if "&" in raw:
        raw = _ENTITY.sub(_entity, raw)
    if "_x" in raw:
        # No text file could keep a NUL.
        raw = _ESCAPED.sub(lambda match: chr(int(match[1], 16) or 0xFFFD), raw)
        if _SURROGATE.search(raw):  # a pair of them is one character
            raw = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return raw


def rich_text(raw: str) -> str:
    """Return the text of an item in runs, without how it is pronounced."""
    return "".join(map(text, _TEXTS.findall(_PHONETIC.sub("", raw) if "<rPh" in raw else raw)))


def _entity(match: re.Match[str]) -> str:
    name = match[1]
    if not name.startswith("#"):
        return _NAMED.get(name, match[0])
    try:
        return chr(int(name[2:], 16) if name[1] in "xX" else int(name[1:]))
    except (ValueError, OverflowError):
        return "\ufffd"
