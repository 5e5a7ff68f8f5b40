"""Identity: what makes two rows the same purchase, and two texts the same text. Pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final

from bhuman_cli.domain import RenderSpec

_SIZE_BYTES: Final = 16  # 2^64 rows before two different ones are likely to meet
_BORDER: Final = "\x1f"


def of_spec(spec: RenderSpec) -> Callable[[Sequence[str], Sequence[str]], bytes]:
    """Return a function (values, assets) → identity for rows rendered with this spec.

    The variables count as a set: their order in the file does not matter. Service and target are kept beside it.
    """
    order = sorted(range(len(spec.variables)), key=lambda at: plain(spec.variables[at]))
    rest = json.dumps(
        [
            [plain(spec.variables[at]) for at in order],
            [_whole(background.as_json()) for background in spec.backgrounds],
            spec.generation_mode,
            spec.lipsync,
            *([spec.quality] if spec.quality is not None else []),  # without it the bytes are those of 0.1.0
        ],
        sort_keys=True,
    ).encode()
    start = hashlib.blake2b(rest, digest_size=_SIZE_BYTES)

    def identity(values: Sequence[str], assets: Sequence[str]) -> bytes:
        digest = start.copy()
        digest.update(_packed([values[at] for at in order]))
        if assets:
            digest.update(b";" + _packed(assets))
        return digest.digest()

    return identity


def text_key(values: Sequence[str]) -> bytes:
    """Return what the service's `text` for these values hashes to: NFC, trimmed, in the order sent."""
    return hashlib.blake2b(_packed(values), digest_size=_SIZE_BYTES).digest()


def plain(text: str) -> str:
    """Return text in NFC without outer white space."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFC", text).strip()


def _whole(value: Any) -> Any:
    """Write 3.0 as 3 all the way down: a number's spelling in the file buys no other video."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _packed(texts: Sequence[str]) -> bytes:
    """Return bytes that differ whenever the texts do, by value or by number."""
    joined = _BORDER.join(map(str.strip, texts) if _BORDER.join(texts).isascii() else map(plain, texts))
    if joined.count(_BORDER) == len(texts) - 1:
        return b"%d:" % len(texts) + joined.encode("utf-8", "surrogatepass")
    # A text holds the border itself: lengths go first, so that none can pretend to be two.
    parts = [plain(text).encode("utf-8", "surrogatepass") for text in texts]
    return b"=" + b"".join(b"%d:%b" % (len(part), part) for part in parts)
