"""A pooler that lends its sessions is recognised and refused; one that gives each client a session is not."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.journal.engine.postgres import PostgresJournal
from tests.support import postgres as servers
from tests.support.clocks import HeldClock
from tests.support.postgres import Server


@contextlib.contextmanager
def pooled(folder: Path, server: Server, mode: str) -> Iterator[str]:
    """Run PgBouncer in front of a server; yield its address."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no PgBouncer is installed: apt-get install pgbouncer")
        pytest.skip("no PgBouncer is installed: apt-get install pgbouncer")
    port = servers.free_port()
    config = folder / "pooler.ini"
    config.write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={server.port} user=postgres\n[pgbouncer]\nauth_type=any\n"
        f"listen_addr=127.0.0.1\nlisten_port={port}\npool_mode={mode}\nunix_socket_dir=\n"
        "ignore_startup_parameters=options,extra_float_digits\n"
    )
    config.chmod(0o644)
    for parent in [*list(folder.parents)[:3], folder]:
        parent.chmod(0o755)
    pooler = subprocess.Popen(
        [program, "-q", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **servers.as_postgres()
    )
    try:
        wait_for_port(port)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        pooler.terminate()
        pooler.wait(10)


def wait_for_port(port: int) -> None:
    end_s = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < end_s, "the pooler does not listen"
        time.sleep(0.05)


def test_only_a_pooler_that_lends_its_sessions_is_refused(tmp_path: Path, postgres: Server) -> None:
    with (
        pooled(tmp_path, postgres, "transaction") as address,
        pytest.raises(errors.JournalError, match="this address is a pooler"),
    ):
        PostgresJournal(address, HeldClock())
    with pooled(tmp_path, postgres, "session") as address:
        PostgresJournal(address, HeldClock()).close()
