"""Atomic replacement of files: a temporary file beside them, sync, rename, folder sync. Knows nothing of tables."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import IO, Final

from bhuman_cli import shell
from bhuman_cli.errors import UsageError

_LEFT_BEHIND_S: Final = 3600
_LONG_NAME_BYTES: Final = 200  # of 255 that most file systems allow

_OF_THE_MACHINE: Final = {
    getattr(errno, name, 0) for name in ("ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EIO", "EROFS", "ENOBUFS")
} - {0}


def is_of_the_machine(error: BaseException) -> bool:
    """Say whether an error is about the disk or descriptors running out, not about what was being done."""
    return getattr(error, "errno", None) in _OF_THE_MACHINE


def raise_if_machine(error: BaseException) -> None:
    """Raise an error that is about the machine as the OSError it is, and nothing for any other."""
    if is_of_the_machine(error):
        raise OSError(*error.args[:2]) from error


def sqlite_uri(path: PurePath, mode: str) -> str:
    """Return the address by which SQLite opens an absolute path; a Windows share has four slashes there, not two."""
    address = path.as_uri()
    host_is_named = not address.startswith("file:///")
    return f"{address.replace('file://', 'file:////', 1) if host_is_named else address}?mode={mode}"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a stream whose bytes become the file at `path` when the block ends well, and vanish when it doesn't.

    A link is never followed, but replaced: a folder from elsewhere may hold one under the name that is written here.
    Whoever lets a person name a link resolves it first. The mode of the file that was there is kept;
    a new one is its owner's alone (0600), whatever the umask: what is written here opens videos.

    Raises:
        UsageError: the folder can't be written.
    """
    target = path
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{_hidden(target)}.", suffix=".tmp")
    except OSError as error:
        raise UsageError(
            f"{path}: can't be written ({(error.strerror or 'unknown').lower()})", hint="-o PATH"
        ) from None
    temporary = Path(name)
    _sweep(target, temporary)
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileNotFoundError):
            if not target.is_symlink():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = (error.strerror or "unknown").lower()
            raise UsageError(f"{path}: can't be written ({reason})", hint="-o PATH") from error
        raise
    _sync_folder(target.parent)


def _hidden(target: Path) -> str:
    """Return how the temporary files of a target begin: its own name would leave no room where that is long."""
    name = target.name
    if len(os.fsencode(name)) > _LONG_NAME_BYTES:
        name = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return f".{name}"


@contextlib.contextmanager
def aside(path: Path, *, syncs: bool = False) -> Iterator[Path]:
    """Give the path of an empty file beside `path` (0600, same ending) that takes its place when the block ends well.

    For what is written by path, and for caches: it vanishes when the block ends badly. syncs: it outlives a power cut.

    Raises:
        OSError: the folder can't be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if syncs:
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if syncs:
        _sync_folder(path.parent)


def _require_replaceable(path: Path) -> None:
    """Find out whether a file may be replaced: not while it is immutable, or open in another program on Windows."""
    try:
        with path.open("r+b"):
            pass
    except PermissionError as error:
        if error.errno == errno.EPERM or os.name == "nt":  # a file that is only read-only is replaced all the same
            raise OSError(error.errno, f"{error.strerror}; is it open in another program?") from None


def require_place(path: Path) -> None:
    """Find out, without leaving anything, whether a file can be made where this one is to be replaced.

    Raises:
        UsageError: the folder can't be written, the file can't be replaced, or it is a device.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(f"{path}: is a device or a pipe, not a file, and is never replaced", hint="-o results.csv")
    try:
        with tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent):
            pass
        if path.is_file():
            _require_replaceable(path)
    except OSError as error:
        raise UsageError(
            f"{path}: can't be written ({(error.strerror or 'unknown').lower()})", hint=f"-o {shell.quote(path.name)}"
        ) from None


def _sweep(target: Path, temporary: Path) -> None:
    """Remove what killed processes left beside the target: it holds people's data. A file in use is younger."""
    with contextlib.suppress(OSError):
        now = temporary.stat().st_mtime
        for rest in target.parent.glob(f"{glob.escape(_hidden(target))}.*.tmp"):
            if now - rest.stat().st_mtime > _LEFT_BEHIND_S:
                rest.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where folders can be synced at all (not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def as_spelled(path: Path, names_in: Callable[[Path], Sequence[str]] = os.listdir) -> Path:
    """Return a path as its folders spell it: where case or accents don't matter, many spellings are one file.

    names_in: the names in a folder. A name that is there as it stands is not touched.
    """
    spelled = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        names: Sequence[str] = ()
        with contextlib.suppress(OSError):  # a folder that may be passed but not listed
            names = names_in(spelled)
        alike = [name for name in names if _folded(name) == _folded(part)]
        spelled /= part if part in names or len(alike) != 1 else alike[0]
    return spelled


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
