"""Partial file of a download: `<name>.part` and, beside it, which version of which file it is the beginning of.

Only what was begun here, for the same generation, with a strong ETag and a known length, is ever continued: anything
else under that name may be somebody else's, and a file stitched from two versions would pass for a whole one.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_STRONG: Final = re.compile(r'"[^"]+"')
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Which bytes a part is the beginning of. owner: generation and kind. boot: a part is not synced."""

    owner: str
    etag: str
    length: int
    boot: str = ""


class Partial:
    """The part of one file. Not shared between threads."""

    def __init__(self, target: Path, owner: str) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self._owner = owner

    def headers(self) -> dict[str, str]:
        """Return what asks for the rest, {} where there is nothing to continue."""
        version, size = self._version(), self._size()
        if version is None or not 0 < size < version.length:
            return {}
        return {"Range": f"bytes={size}-", "If-Range": version.etag}

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Say whether a 206 with these headers is exactly the rest of what is here."""
        version, told = self._version(), _RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if version is None or told is None:
            return False
        first, last, whole = (int(number) for number in told.groups())
        same = headers.get("ETag", version.etag) == version.etag
        return same and (first, last, whole) == (self._size(), version.length - 1, version.length)

    @property
    def missing(self) -> int:
        """Return how many bytes of the version are not here yet, 0 where no version is known."""
        version = self._version()
        return version.length - self._size() if version is not None else 0

    def begin(self, etag: str, length: int | None) -> None:
        """Forget what is there; note which version the coming bytes are, if they can be continued later."""
        self.discard()
        if length is not None and _STRONG.fullmatch(etag):
            note = {"owner": self._owner, "etag": etag, "length": length, "boot": _boot()}
            with self._note.open("x", encoding="utf-8") as file:
                json.dump(note, file)

    def open(self, *, continues: bool) -> IO[bytes]:
        """Open the part for writing, unbuffered. A new one never writes through a link that somebody put there."""
        if continues and not self.path.is_symlink():
            return self.path.open("ab", buffering=0)
        return self.path.open("xb", buffering=0)

    def keep_if_continuable(self) -> None:
        """Remove the part unless a later attempt can go on from it."""
        if not self.headers():
            self.discard()

    def discard(self) -> None:
        """Remove the part and its note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Give the whole file its name."""
        self.path.replace(target)
        self._note.unlink(missing_ok=True)

    def _size(self) -> int:
        with contextlib.suppress(OSError):
            return self.path.stat().st_size
        return 0

    def _version(self) -> Version | None:
        try:
            version = Version(**json.loads(self._note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        is_ours = version.owner == self._owner and version.boot == _boot() and isinstance(version.length, int)
        return version if is_ours and _STRONG.fullmatch(version.etag) and not self.path.is_symlink() else None


def _boot() -> str:
    """Return what changes with a restart: bytes that were not synced may be lost with it."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text("ascii").strip()
    return ""
