"""Owns pictures of web pages: Playwright where it can be imported, else the browser by command line, else nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from bhuman_cli.studio.render import fetch

WIDTH: Final = 1280
TALLEST: Final = 2_400
PATIENCE_S: Final = 10.0
"""How long a page may load its parts; then it is taken as it stands."""

LONGEST_S: Final = 25.0
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_MAC: Final = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

# What a page loads may not reach into the network this runs in; patterns match names and literal addresses.
_PRIVATE: Final = (
    "localhost", "*.localhost", "*.local", "*.internal", "127.*", "10.*", "192.168.*", "169.254.*", "0.*", "[*]",
    *(f"172.{second}.*" for second in range(16, 32)),
)  # fmt: skip


def capture(address: str, cache_dir: Path, *, allow_private: bool) -> Path | None:
    """Return a picture of the page, up to TALLEST pixels high; None where no browser is at hand or it gave up.

    Raises:
        fetch.FetchError: the address is refused, can't be reached or answers 400 or more.
    """
    folder = cache_dir / "shots"
    path = folder / f"{hashlib.sha256(f'{allow_private}|{address.strip()}'.encode()).hexdigest()[:40]}.png"
    if fetch.is_fresh(path):
        return path
    place = fetch.final(address, allow_private=allow_private)
    browser = find_browser()
    if browser is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not fetch.is_fresh(path) and not _take(browser, place, path, allow_private=allow_private):
            return None
    return path


def _take(browser: str, place: fetch.Place, path: Path, *, allow_private: bool) -> bool:
    with tempfile.TemporaryDirectory(prefix="bhuman-shot-") as work:
        made = Path(work) / "shot.png"
        take = _by_playwright if _has_playwright() else _by_command
        if not take(browser, place, made, allow_private=allow_private) or not made.is_file():
            return False
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        shutil.move(made, partial)
        partial.replace(path)
    return True


def find_browser() -> str | None:
    """Return a Chromium or Chrome on this machine."""
    found = next((at for name in BROWSERS if (at := shutil.which(name))), None)
    return found or (_MAC if sys.platform == "darwin" and Path(_MAC).is_file() else None)


def flags(place: fetch.Place, *, allow_private: bool) -> list[str]:
    """Return the browser's options: quiet, no updates, and names resolved as they were checked."""
    rules = [f"MAP {place.host} {place.ip}"]
    if not allow_private:
        rules += [f"MAP {pattern} ~NOTFOUND" for pattern in _PRIVATE]
    return [
        "--headless", *_unboxed(), "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps",
        "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio", f"--host-resolver-rules={', '.join(rules)}",
    ]  # fmt: skip


def _unboxed() -> list[str]:
    """Give up the browser's sandbox only where it refuses to start with one: as root, in containers."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _by_command(browser: str, place: fetch.Place, made: Path, *, allow_private: bool) -> bool:
    command = [
        browser,
        *flags(place, allow_private=allow_private),
        f"--user-data-dir={made.parent / 'profile'}",
        f"--window-size={WIDTH},{TALLEST}",
        "--virtual-time-budget=6000",
        f"--timeout={round(PATIENCE_S * 1000)}",
        f"--screenshot={made}",
        place.url,
    ]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, start_new_session=True, **quiet) as process:
        try:
            return process.wait(LONGEST_S) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the browser with all its helpers: they share its session."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
    else:
        process.kill()


def _has_playwright() -> bool:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return False
    return True


def _by_playwright(browser: str, place: fetch.Place, made: Path, *, allow_private: bool) -> bool:
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as driver:
            running = driver.chromium.launch(executable_path=browser, args=flags(place, allow_private=allow_private))
            page = running.new_page(viewport={"width": WIDTH, "height": 720})
            page.goto(place.url, wait_until="domcontentloaded", timeout=LONGEST_S * 1000)
            with contextlib.suppress(Error):
                page.wait_for_load_state("load", timeout=PATIENCE_S * 1000)
            tall = min(TALLEST, int(page.evaluate("document.documentElement.scrollHeight")))
            page.screenshot(
                path=str(made), full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": max(720, tall)}
            )
            running.close()
    except Error:
        return False
    return True
