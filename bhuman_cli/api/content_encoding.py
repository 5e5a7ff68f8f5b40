"""Content encodings undone, as far as the bytes allow. Pure; what can't be decoded is returned as it came."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_MOST_BYTES: Final = 64 * 1024 * 1024  # a decompression bomb is no answer
_WINDOWS: Final[Mapping[str, tuple[int, ...]]] = {
    "gzip": (zlib.MAX_WBITS | 16,),
    "x-gzip": (zlib.MAX_WBITS | 16,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),  # with zlib's header, as the standard says, or without
}
_PLAIN: Final = frozenset({"", "identity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A body without its encodings. error: why it is not whole, "" if it is."""

    body: bytes
    error: str = ""


def undo(body: bytes, headers: Mapping[str, str]) -> Decoded:
    """Return a body as it was before `Content-Encoding`; of a broken one, what could be read of it.

    A body that is in truth not encoded is returned as it came, without an error.
    """
    stated = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "")
    for word in reversed([part.strip().lower() for part in stated.split(",")]):
        if word in _PLAIN:
            continue
        decoded = _undo_one(body, word)
        if decoded.error:
            return decoded
        body = decoded.body
    return Decoded(body=body)


def _undo_one(body: bytes, word: str) -> Decoded:
    if body.lstrip()[:1] in {b"{", b"[", b"<"}:
        return Decoded(body=body)  # says that it is encoded, and is not
    best = Decoded(body=body, error=f"its content encoding {word[:20]!r} could not be undone")
    for window in _WINDOWS.get(word, ()):
        is_whole, text = _inflated(body, window)
        if is_whole:
            return Decoded(body=text)
        if text:
            best = Decoded(body=text, error=f"its {word} encoding is broken")
    return best


def _inflated(body: bytes, window: int) -> tuple[bool, bytes]:
    """Return whether the stream is whole, and everything that could be read of it: a wrong checksum hides nothing."""
    inflater = zlib.decompressobj(window)
    try:
        text = inflater.decompress(body, _MOST_BYTES)
    except zlib.error:
        return False, b"".join(_readable(body, window))
    return inflater.eof, text


def _readable(body: bytes, window: int) -> Iterator[bytes]:
    """Yield what a broken stream holds before the byte at which it breaks."""
    inflater, left = zlib.decompressobj(window), _MOST_BYTES
    for place in range(len(body)):
        try:
            piece = inflater.decompress(body[place : place + 1], left)
        except zlib.error:
            return
        yield piece
        left -= len(piece)
        if left <= 0:
            return
