"""A real headless Chromium, driven over its DevTools pipe: no driver to install, no port to open."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-extensions --mute-audio --hide-scrollbars --remote-debugging-pipe about:blank"
)
_ANSWER_S = 30.0


class Browser:
    """One page of one browser. console: every message, exception and failed load, as text."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._back = process, to, back
        self._ids, self._buffer, self._session = itertools.count(1), b"", ""
        self.console: list[str] = []
        self.requests: list[str] = []
        self._events: list[dict[str, Any]] = []

    def start(self) -> None:
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def wait_for(self, method: str) -> None:
        while not any(event["method"] == method for event in self._events):
            self._read()
        self._events = [event for event in self._events if event["method"] != method]

    def open(self, url: str, *, offline: bool = True, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self.call(
            "Network.emulateNetworkConditions", offline=offline, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def js(self, expression: str) -> Any:
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def key(self, key: str, *, shift: bool = False) -> None:
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, text=text, modifiers=8 * shift,
                  windowsVirtualKeyCode={"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38,
                                         "ArrowRight": 39, "ArrowDown": 40}.get(key, ord(key[0])))  # fmt: skip
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + _ANSWER_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._back], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._back, 1 << 20)
            assert piece, "the browser is gone"
            self._buffer += piece
        raw, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(raw)
        if "method" in message:
            self._note(message)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        params = event["params"]
        match event["method"]:
            case "Runtime.consoleAPICalled":
                self.console.append(str([value.get("value", value.get("description")) for value in params["args"]]))
            case "Runtime.exceptionThrown":
                self.console.append(str(params["exceptionDetails"]))
            case "Log.entryAdded":
                self.console.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Page.javascriptDialogOpening":
                self.console.append(f"dialog: {params['message']}")


def found() -> str:
    """Return the browser's path, or skip; on CI a missing browser is a failure."""
    path = next(filter(None, map(shutil.which, _NAMES)), "")
    if not path and os.environ.get("CI") == "true":
        pytest.fail("no Chromium on this machine, and CI has to have one")
    if not path:
        pytest.skip("no Chromium on this machine")
    return path


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """Start a browser with a fresh profile; end it and its children."""
    path = found()
    child_reads, to = os.pipe()
    back, child_writes = os.pipe()
    command = [path, *_FLAGS.split(), f"--user-data-dir={profile}"]

    # The browser reads on 3 and writes on 4; a shell puts the pipes there.
    moved = f'exec "$@" 3<&{child_reads} 4>&{child_writes}'
    process = subprocess.Popen(
        ["bash", "-c", moved, "bash", *command], pass_fds=(child_reads, child_writes), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    os.close(child_reads)
    os.close(child_writes)
    browser = Browser(process, to, back)
    try:
        browser.start()
        yield browser
    finally:
        os.close(to)
        os.close(back)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
