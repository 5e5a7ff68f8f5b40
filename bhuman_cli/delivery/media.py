"""Media files from outside: their kind by the first bytes, whether they are whole. Never decodes."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlsplit

from bhuman_cli.net import hosts


class What(StrEnum):
    """Which of a row's files is meant; the values are those of `--what`."""

    VIDEO = "video"
    GIF = "gif"
    THUMBNAIL = "thumbnail"


FIELD: Final = {What.VIDEO: "url", What.GIF: "gif", What.THUMBNAIL: "thumbnail"}
"""The results column that holds the file's link."""

LIMIT_BYTES: Final = {What.VIDEO: 4 * 1024**3, What.GIF: 256 * 1024**2, What.THUMBNAIL: 64 * 1024**2}
"""Far above anything the service makes; a body without end has to end somewhere."""

_VIDEO_ENDINGS: Final = {".mp4", ".mov", ".m4v", ".webm"}
_IMAGE_ENDINGS: Final = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
_BOX_HEADER: Final = 8
_HEAD: Final = 16
_SEGMENT: Final = b"\x18\x53\x80\x67"


def ending(what: What, url: str) -> str:
    """Return the file's ending, decided from the link alone, because names are given before the first byte."""
    suffix = Path(urlsplit(url).path).suffix.lower()
    match what:
        case What.GIF:
            return ".gif"
        case What.VIDEO:
            return suffix if suffix in _VIDEO_ENDINGS else ".mp4"
        case What.THUMBNAIL:
            return suffix if suffix in _IMAGE_ENDINGS else ".jpg"


def problem(path: Path, what: What) -> str:
    """Say why the file is not a whole media file of that kind; "" if it is."""
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return "the file is empty"
        head = _read(file, 0)
        kind = _sniffed(head)
        if kind not in _ACCEPTED[what]:
            return f"not a {what}: the bytes are {kind or 'of no known media type'}"
        return _truncated(file, kind, size, head)


def _read(file: IO[bytes], place: int) -> bytes:
    file.seek(place)
    return file.read(_HEAD)


_ACCEPTED: Final = {
    What.VIDEO: {"mp4", "webm"},
    What.GIF: {"gif"},
    What.THUMBNAIL: {"jpeg", "png", "webp", "gif"},
}


def _sniffed(head: bytes) -> str:
    signatures = {b"GIF87a": "gif", b"GIF89a": "gif", b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}
    for signature, kind in signatures.items():
        if head.startswith(signature):
            return kind
    if head[4:8] in {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"wide"}:
        return "mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return "a web page" if head.lstrip()[:1] in {b"<", b"{"} else ""


def _truncated(file: IO[bytes], kind: str, size: int, head: bytes) -> str:
    """Find a missing end where the format shows it, because a length header can be wrong or absent."""
    ends = {"gif": b"\x3b", "jpeg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}
    if kind == "mp4":
        return _boxes_problem(file, size)
    if kind == "webm":
        return _segment_problem(file, size, head)
    # Some encoders pad the end with zeros; a cut file does not end in the right bytes before them either.
    if kind in ends and not _read(file, max(0, size - _HEAD)).rstrip(b"\x00").endswith(ends[kind]):
        return f"the {kind} file is cut off"
    if kind == "webp" and size < int.from_bytes(head[4:8], "little") + 8:
        return "the webp file is cut off"
    return ""


def _boxes_problem(file: IO[bytes], size: int) -> str:
    """Walk an MP4's top-level boxes: they fill the file exactly and one of them is the index (`moov`)."""
    place, kinds = 0, set()
    while place < size:
        header = _read(file, place)
        if len(header) < _BOX_HEADER:
            return "the mp4 file is cut off"
        length = int.from_bytes(header[:4], "big")
        kinds.add(header[4:8])
        if length == 1 and len(header) == _HEAD:
            length = int.from_bytes(header[8:], "big")
        elif length == 0:
            length = size - place
        if length < _BOX_HEADER or place + length > size:
            return "the mp4 file is cut off"
        place += length
    return "" if b"moov" in kinds else "the mp4 file has no index"


def _segment_problem(file: IO[bytes], size: int, head: bytes) -> str:
    """Compare a WebM's one segment with the file; a recorder that could not seek back left its length open."""
    first, length = _ebml_length(head[4:])
    start = 4 + first + length
    segment = _read(file, start)
    first, length = _ebml_length(segment[4:])
    if not segment.startswith(_SEGMENT) or first == 0:
        return "the webm file is cut off"
    is_open = length == (1 << 7 * first) - 1
    return "" if is_open or start + 4 + first + length <= size else "the webm file is cut off"


def _ebml_length(head: bytes) -> tuple[int, int]:
    """Return how many bytes the length takes (0: it is not all there), and the length."""
    first = 9 - head[0].bit_length() if head and head[0] else 0
    if first == 0 or len(head) < first:
        return 0, 0
    return first, int.from_bytes(head[:first], "big") & ((1 << 7 * first) - 1)


_SCHEMES: Final = frozenset({"http", "https", "file"})


def openable(text: str) -> str:
    """Return the text as a link: http(s), or a file of a local run; "" if it is anything else.

    Blanks, quotes and whatever else could end an attribute are percent-encoded.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    # urlsplit drops tabs and line breaks inside the scheme, as browsers do: so the text itself must start with it.
    if parts.scheme not in _SCHEMES or not text.lower().startswith(f"{parts.scheme}:"):
        return ""
    if parts.scheme != "file" and not parts.hostname:
        return ""
    return quote(text, safe="!#$%&()*+,-./:;=?@[]_~", errors="replace")


def works_elsewhere(link: str) -> bool:
    """Say whether a link can open on another machine: not a file, and not a service on this one."""
    parts = urlsplit(link)
    host = (parts.hostname or "").lower()
    return bool(host) and parts.scheme != "file" and not (hosts.is_loopback(host) or host.endswith(".localhost"))
