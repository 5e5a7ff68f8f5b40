"""A journal for every test of it, on each engine: in a folder of its own, and in a server's schema."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.engine import transfer
from bhuman_cli.journal.engine.postgres import PostgresJournal
from tests.support import ledger
from tests.support.clocks import HeldClock
from tests.support.postgres import Server


@pytest.fixture(scope="session")
def emptied(postgres: Server) -> Iterator[PostgresJournal]:
    with contextlib.closing(PostgresJournal(postgres.url(), HeldClock())) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def journal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Journal]:
    if request.param == "sqlite":
        with contextlib.closing(ledger.opened(tmp_path)) as opened:
            yield opened
        return
    shared: PostgresJournal = request.getfixturevalue("emptied")
    shared.clock = HeldClock()
    shared.execute(f"TRUNCATE {', '.join(transfer.TABLES)} RESTART IDENTITY CASCADE")
    yield shared
