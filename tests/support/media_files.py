"""Small media files that are whole by their format, for tests that move bytes and never look at pictures."""

from __future__ import annotations

import base64

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 64 + b"\xff\xd9"


def box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def mp4(payload: bytes = b"\0" * 2048) -> bytes:
    return box(b"ftyp", b"isom\0\0\0\0isom") + box(b"mdat", payload) + box(b"moov", b"\0" * 100)
