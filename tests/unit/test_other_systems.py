"""What differs on Windows and macOS, as far as it can be told without them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from bhuman_cli import files
from bhuman_cli.studio.render.background import page_capture


def test_sqlite_opens_posix_paths_drives_and_shares() -> None:
    """Source: sqlite.org/uri.html: a share needs `file:////server/share`; `file://server` is refused."""
    assert files.sqlite_uri(PurePosixPath("/home/ana/a b.db"), "ro") == "file:///home/ana/a%20b.db?mode=ro"
    assert files.sqlite_uri(PureWindowsPath(r"C:\Users\ana\j.db"), "ro") == "file:///C:/Users/ana/j.db?mode=ro"
    assert files.sqlite_uri(PureWindowsPath(r"\\srv\home\j.db"), "rw") == "file:////srv/home/j.db?mode=rw"


def test_a_file_has_one_name_where_case_and_accents_do_not_matter() -> None:
    """macOS finds Leads.csv as leads.csv, and keeps what it was called: two spellings must not be two tables."""
    folders = {"/": ["Users"], "/Users": ["Ana"], "/Users/Ana": ["Leads.csv", "Zoe\u0308.csv", "a.csv", "A.csv"]}

    def spelled(text: str) -> str:
        return str(files.as_spelled(Path(text), lambda folder: folders[str(folder)]))

    assert spelled("/users/ana/leads.csv") == "/Users/Ana/Leads.csv"
    assert spelled("/Users/Ana/ZO\u00cb.csv") == "/Users/Ana/Zoe\u0308.csv"
    assert spelled("/Users/Ana/a.csv") == "/Users/Ana/a.csv", "where case matters both are there"
    assert spelled("/Users/Ana/new.csv") == "/Users/Ana/new.csv"


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
