"""A journal in a folder of its own for every test of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli.journal.database import Journal
from tests.support import ledger


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with contextlib.closing(ledger.opened(tmp_path)) as opened:
        yield opened
