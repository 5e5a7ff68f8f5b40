"""The listener among those who send nothing, and killed between storing and telling: it answers, and tells it all."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support import listener
from tests.support.desk import bare_environment
from tests.support.studio import eventually

IDLE = 500


@pytest.fixture
def many_descriptors() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < IDLE + 200:
        pytest.skip("this machine lets no process open so many connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_a_callback_is_answered_at_once_beside_silent_and_dripping_connections(tmp_path: Path) -> None:
    """More than there may be, half of them in the middle of a head; each waits for ever if it is let."""
    with listener.running(tmp_path) as running, contextlib.ExitStack() as silent:
        address = ("127.0.0.1", running.parts.port or 0)
        for number in range(IDLE):
            connection = silent.enter_context(socket.create_connection(address, timeout=10))
            if number % 2:
                with contextlib.suppress(OSError):  # the oldest are being closed already
                    connection.sendall(b"POST /cb HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        assert running.send(running.request(listener.event(1))) == 200
        assert time.monotonic() - began < 5, "the oldest connection without a whole head makes room at once"
        with running.store() as store:
            assert store.count_after(0) == 1


def test_nothing_that_was_stored_stays_untold(tmp_path: Path) -> None:
    """A reader of its output that does not read holds it up; it is killed there, and a second one told to end there."""
    ids = [json.loads(listener.event(number))["id"] for number in range(600)]
    told: list[str] = []
    with listener.running(tmp_path) as first:
        for number in range(400):
            assert first.send(first.request(listener.event(number))) == 200
        first.process.kill()
        assert first.process.stdout is not None
        told += [json.loads(line)["id"] for line in first.process.stdout if line.endswith("\n")]
    assert len(told) < 400, "the pipe held all of it, and nothing was tried"

    command = [sys.executable, "-m", "bhuman_cli", "listen", "--json", "--port", "0"]
    environ = {**bare_environment(), "BHUMAN_HOME": str(tmp_path), "BHUMAN_BASE_URL": "http://127.0.0.1:9"}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        second = listener.Listener(process, tmp_path, json.loads(process.stdout.readline())["callback_url"])
        for number in range(400, 600):
            assert second.send(second.request(listener.event(number))) == 200
        process.terminate()
        said = threading.Event()
        talk: list[str] = []

        def read() -> None:
            talk.extend(process.stderr or ())
            said.set()

        threading.Thread(target=read, daemon=True).start()
        assert eventually(lambda: any("are not told yet" in line for line in talk), within_s=30)
        told += [json.loads(line)["id"] for line in process.stdout if line.endswith("\n")]
        assert process.wait(20) == 143
        assert said.wait(10)

    with listener.running(tmp_path) as third:
        assert third.process.stdout is not None
        while set(told) != set(ids):
            told.append(json.loads(third.process.stdout.readline())["id"])
