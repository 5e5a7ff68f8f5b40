"""Captures of web pages: Playwright where it can be imported, else the browser by command line, else nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Final

from filelock import FileLock

from bhuman_cli import files, shell
from bhuman_cli.studio.render.background import browser_proxy, download, reach

WIDTH: Final = 1280
TALLEST: Final = 2_400
PATIENCE_S: Final = 10.0
"""How long a page may load its parts; then it is taken as it stands."""

LONGEST_S: Final = 25.0
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def capture(
    address: str, cache_dir: Path, *, allow_private: bool, network: reach.Network = reach.SYSTEM
) -> Path | None:
    """Return a picture of the page, up to TALLEST pixels high; None where no browser is at hand or it gave up.

    Raises:
        reach.FetchError: the address is refused, can't be reached or answers 400 or more.
    """
    folder = cache_dir / "shots"
    path = folder / f"{hashlib.sha256(f'{allow_private}|{address.strip()}'.encode()).hexdigest()[:40]}.png"
    if download.is_fresh(path):
        return path
    place = download.final(address, allow_private=allow_private, network=network)
    browser = find_browser()
    if browser is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if download.is_fresh(path):
            return path
        with browser_proxy.BrowserProxy(allow_private=allow_private, network=network) as way_out:
            return path if _take(browser, place, path, way_out) else None


def _take(browser: str, place: reach.Place, path: Path, way_out: browser_proxy.BrowserProxy) -> bool:
    with tempfile.TemporaryDirectory(prefix="bhuman-shot-", ignore_cleanup_errors=True) as work:
        made = Path(work) / "shot.png"
        take = _by_playwright if _has_playwright() else _by_command
        if not take(browser, place, made, way_out) or not made.is_file():
            return False
        with files.aside(path) as temporary:
            shutil.copyfile(made, temporary)
    return True


def find_browser() -> str | None:
    """Return the browser that BHUMAN_BROWSER names, else a Chromium, Chrome or Edge on this machine."""
    named = os.environ.get("BHUMAN_BROWSER", "")
    on_path = (shutil.which(name) for name in ([named] if named else BROWSERS))
    usual = [] if named else [str(place) for place in usual_places(sys.platform, os.environ) if Path(place).is_file()]
    return next(filter(None, (*on_path, *usual)), None)


def usual_places(platform: str, environ: Mapping[str, str]) -> list[PurePath]:
    """Return where browsers are installed on systems that don't put them on PATH."""
    if platform == "darwin":
        homes = [PurePosixPath(home, "Applications") for home in ("/", environ.get("HOME", "")) if home]
        names = ("Google Chrome", "Chromium", "Microsoft Edge")
        return [home / f"{name}.app" / "Contents" / "MacOS" / name for home in homes for name in names]
    if platform == "win32":
        roots = [environ[name] for name in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData") if environ.get(name)]
        programs = (
            r"Google\Chrome\Application\chrome.exe",
            r"Chromium\Application\chrome.exe",
            r"Microsoft\Edge\Application\msedge.exe",
        )
        return [PureWindowsPath(root, program) for root in roots for program in programs]
    return []


def flags(way_out: browser_proxy.BrowserProxy) -> list[str]:
    """Return the browser's options: quiet, no updates, and the gate as the only way out."""
    return [
        "--headless", *_unboxed(), "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps",
        "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio",
        # Loopback too goes through the gate, and what knows no proxy (QUIC, WebRTC, lookups ahead) goes nowhere.
        f"--proxy-server=http://127.0.0.1:{way_out.port}", "--proxy-bypass-list=<-loopback>",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-quic",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    ]  # fmt: skip


def _unboxed() -> list[str]:
    """Give up the browser's sandbox only where it refuses to start with one: as root, in containers."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _by_command(browser: str, place: reach.Place, made: Path, way_out: browser_proxy.BrowserProxy) -> bool:
    command = [
        browser,
        *flags(way_out),
        f"--user-data-dir={made.parent / 'profile'}",
        f"--window-size={WIDTH},{TALLEST}",
        "--virtual-time-budget=6000",
        f"--timeout={round(PATIENCE_S * 1000)}",
        f"--screenshot={made}",
        place.url,
    ]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, start_new_session=True, env=shell.child_environment(os.environ), **quiet) as process:
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
    else:  # Windows: ending the first process leaves its helpers, which hold the profile's files
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
        process.kill()


def _has_playwright() -> bool:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return False
    return True


def _by_playwright(browser: str, place: reach.Place, made: Path, way_out: browser_proxy.BrowserProxy) -> bool:
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as driver:
            running = driver.chromium.launch(
                executable_path=browser, args=flags(way_out), env=shell.child_environment(os.environ)
            )
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
