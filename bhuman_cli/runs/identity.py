"""Owns what makes two rows the same purchase, and two texts the same text. Pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Sequence

from bhuman_cli.domain import RenderSpec

_SIZE_BYTES = 16  # 2^64 rows before two different ones are likely to meet


def of_spec(spec: RenderSpec) -> Callable[[Sequence[str], Sequence[str]], bytes]:
    """Return a function (values, assets) → identity for rows rendered with this spec.

    The variables count as a set: their order in the file does not matter. Service and target are kept beside it.
    """
    order = sorted(range(len(spec.variables)), key=lambda at: plain(spec.variables[at]))
    rest = json.dumps(
        [
            [plain(spec.variables[at]) for at in order],
            [background.as_json() for background in spec.backgrounds],
            spec.generation_mode,
            spec.lipsync,
        ],
        sort_keys=True,
    ).encode()
    start = hashlib.blake2b(rest, digest_size=_SIZE_BYTES)

    def identity(values: Sequence[str], assets: Sequence[str]) -> bytes:
        digest = start.copy()
        digest.update(_packed([plain(values[at]) for at in order]))
        digest.update(_packed([plain(asset) for asset in assets]))
        return digest.digest()

    return identity


def text_key(values: Sequence[str]) -> bytes:
    """Return what the service's `text` for these values hashes to: NFC, trimmed, in the order sent."""
    return hashlib.blake2b(_packed([plain(value) for value in values]), digest_size=_SIZE_BYTES).digest()


def plain(text: str) -> str:
    """Return text in NFC without outer white space."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFC", text).strip()


def _packed(texts: Sequence[str]) -> bytes:
    # Lengths go first, so that no value can pretend to be the border between two.
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join([b"%d:%b" % (len(part), part) for part in parts]) + b";"
