"""The input's bytes: where they lie, their hash, whether they stayed the same. Does not know what they mean."""

from __future__ import annotations

import codecs
import hashlib
import os
import sys
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bhuman_cli import shell
from bhuman_cli.errors import InputError, UsageError

CHUNK_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 64 << 20
"""A text file without a line break for so long is not a table, and reading its "line" would fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class InputFile:
    """Bytes that can be read again and again.

    path: the file itself, or the spooled copy of a stream, which goes away with this object.
    name: what messages call it. head: the first bytes. sha256: hex, of all bytes.
    is_utf8: all bytes are valid UTF-8. nul_line: line of the first NUL byte, 0 if there is none.
    stamp: size and time of change when it was hashed, to notice a save in between.
    """

    path: Path
    name: str
    suffix: str
    head: bytes
    sha256: str
    size: int
    is_utf8: bool
    nul_line: int
    has_endless_line: bool
    stamp: tuple[int, int]

    def open(self) -> IO[bytes]:
        """Open the bytes, refusing when the file is no longer the one that was hashed."""
        self.require_unchanged()
        return self.path.open("rb")

    def require_unchanged(self) -> None:
        """Refuse a file that was saved since it was hashed: half of it would be old and half new.

        Raises:
            InputError: size or time of change differ, or the file is gone.
        """
        try:
            now = _stamp(self.path)
        except OSError as error:
            raise InputError(f"{self.name}: {_reason(error)} while it was being read") from None
        if now != self.stamp:
            raise InputError(f"{self.name}: was changed while it was being read", hint="run the same command again")


def spool(source: Path | None, name: str = "") -> InputFile:
    """Hash the bytes of a file, or of stdin for None, and note what they look like.

    Streams and pipes are copied to a temporary file (0600) first, so that they can be read twice.
    name: what messages call it, and whose ending counts, where the path's own say nothing.

    Raises:
        UsageError: no such file, or a directory.
        InputError: it can't be read.
    """
    try:
        return _stdin() if source is None else _file(source, name or str(source))
    except (OSError, ValueError) as error:
        raise InputError(f"{source or 'stdin'}: {_reason(error)}") from None


def _stdin() -> InputFile:
    if sys.stdin is None:
        raise InputError("stdin: is closed", hint="bhuman render FILE")
    return _spooled(sys.stdin.buffer, name="stdin", suffix="")


def _file(path: Path, name: str) -> InputFile:
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, not a file", hint=shell.list_folder(path))
    if not path.exists():
        raise UsageError(f"{path}: no such file", hint=shell.list_folder(path.parent))
    suffix = Path(name).suffix.lower()
    if path.is_file():
        return _facts(path, name=name, suffix=suffix)
    with path.open("rb") as stream:
        return _spooled(stream, name=name, suffix=suffix)


def _spooled(stream: IO[bytes], *, name: str, suffix: str) -> InputFile:
    handle, spool = tempfile.mkstemp(prefix="bhuman-", suffix=suffix)
    path = Path(spool)
    try:
        with os.fdopen(handle, "wb") as copy:
            while piece := stream.read(CHUNK_BYTES):
                copy.write(piece)
        source = _facts(path, name=name, suffix=suffix)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    weakref.finalize(source, path.unlink, missing_ok=True)
    return source


def _facts(path: Path, *, name: str, suffix: str) -> InputFile:
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, nul_line, lines, run, endless, size = True, 0, 0, 0, False, 0
    stamp = _stamp(path)
    with path.open("rb") as stream:
        head = stream.read(4096)
        stream.seek(0)
        while piece := stream.read(CHUNK_BYTES):
            digest.update(piece)
            size += len(piece)
            if not nul_line:
                at = piece.find(b"\0")
                nul_line = 0 if at < 0 else lines + _line_breaks(piece[:at]) + 1
                lines += _line_breaks(piece)
            run = run + len(piece) if b"\n" not in piece and b"\r" not in piece else 0
            endless = endless or run > MAX_LINE_BYTES
            is_utf8 = is_utf8 and _decodes(decoder, piece)
        is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    return InputFile(
        path=path,
        name=name,
        suffix=suffix,
        head=head,
        sha256=digest.hexdigest(),
        size=size,
        is_utf8=is_utf8,
        nul_line=nul_line,
        has_endless_line=endless,
        stamp=stamp,
    )


def _line_breaks(piece: bytes) -> int:
    return piece.count(b"\n") or piece.count(b"\r")


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _stamp(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    if isinstance(error, OSError) and error.strerror:
        return f"can't be read ({error.strerror.lower()})"
    return "can't be read"
