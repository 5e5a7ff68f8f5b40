"""What differs on Windows and macOS, as far as it can be told without them."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from bhuman_cli import files
from bhuman_cli.studio.render.background import page_capture


def test_sqlite_opens_posix_paths_drives_and_shares() -> None:
    """Source: sqlite.org/uri.html: a share needs `file:////server/share`; `file://server` is refused."""
    assert files.sqlite_uri(PurePosixPath("/home/ana/a b.db"), "ro") == "file:///home/ana/a%20b.db?mode=ro"
    assert files.sqlite_uri(PureWindowsPath(r"C:\Users\ana\j.db"), "ro") == "file:///C:/Users/ana/j.db?mode=ro"
    assert files.sqlite_uri(PureWindowsPath(r"\\srv\home\j.db"), "rw") == "file:////srv/home/j.db?mode=rw"


def test_browsers_are_looked_for_where_windows_and_macos_install_them() -> None:
    windows = page_capture.usual_places(
        "win32", {"ProgramFiles": r"C:\Program Files", "LocalAppData": r"C:\Users\ana\AppData\Local"}
    )
    assert PureWindowsPath(r"C:\Program Files\Microsoft\Edge\Application\msedge.exe") in windows
    assert PureWindowsPath(r"C:\Users\ana\AppData\Local\Google\Chrome\Application\chrome.exe") in windows
    mac = page_capture.usual_places("darwin", {"HOME": "/Users/ana"})
    assert PurePosixPath("/Applications/Chromium.app/Contents/MacOS/Chromium") in mac
    assert PurePosixPath("/Users/ana/Applications/Google Chrome.app/Contents/MacOS/Google Chrome") in mac
    assert page_capture.usual_places("linux", {"HOME": "/home/ana"}) == []
