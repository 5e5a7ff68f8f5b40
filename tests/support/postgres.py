"""PostgreSQL of Debian's package on a free port of loopback, in a folder of its own; for root it runs as `postgres`."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def binaries() -> Path | None:
    """Return the folder of the server's programs, None where there is no server."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


def require() -> Path:
    """Return the folder of the server's programs; without one the test is skipped, or fails in CI."""
    folder = binaries()
    if folder is None:
        reason = "no PostgreSQL server is installed: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


class Server:
    """A server that can be stopped and started again."""

    def __init__(self, folder: Path, programs: Path, *, is_durable: bool = False) -> None:
        self.folder, self.programs, self.is_durable = folder, programs, is_durable
        self.port = free_port()
        self._data: Path | None = None
        self._as = as_postgres()
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    @property
    def data(self) -> Path:
        return self._data or self.folder / "data"

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        quick = "-c shared_buffers=16MB -c max_connections=40 " + ("" if self.is_durable else " -c fsync=off")
        self._run(
            "pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", f"{settings} {quick}", "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop: `immediate` is as if the power went."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def become(self, data: Path) -> None:
        """Be another server from now on: the one with these files."""
        for folder, names, files in os.walk(data):
            for path in [folder, *(str(Path(folder) / name) for name in (*names, *files))]:
                os.chown(path, self.data.stat().st_uid, self.data.stat().st_gid)
        self._data = data
        (data / "standby.signal").touch()
        os.chown(data / "standby.signal", data.stat().st_uid, data.stat().st_gid)
        self.start()

    def promote(self) -> None:
        """Take over, as a stand-by does: the history goes on as another one."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def url(self, schema: str = "") -> str:
        """Return the address of a journal; each schema is one of its own."""
        name = schema or f"j{secrets.token_hex(6)}"
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?search_path={name}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / program), *arguments], check=True, cwd=self.folder, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as,
        )  # fmt: skip


@contextlib.contextmanager
def running(*, is_durable: bool = False) -> Iterator[Server]:
    """Run a server for the block. is_durable: it syncs what it commits, as a real one does."""
    programs = require()
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        server = Server(Path(name), programs, is_durable=is_durable)
        try:
            yield server
        finally:
            server.stop()


def as_postgres() -> dict[str, Any]:
    """Return how a program runs as the server's user where root starts it: it refuses to be root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
