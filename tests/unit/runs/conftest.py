"""A bench for every test of runs, and an open list for those that settle doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ledger
from tests.support.ledger import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return ledger.bench(tmp_path)


@pytest.fixture
def open_list(bench: Bench) -> None:
    """Let the service's list be read."""
    bench.service.page_error = None
