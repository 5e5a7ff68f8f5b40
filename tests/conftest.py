"""What every test may rely on: a person's desk with a plain service, and Ctrl-C that reaches processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService
from tests.support.postgres import Server, running


def pytest_configure() -> None:
    """Take back what a shell does to its background jobs: they, and all they start, would ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real server, started when the first test asks for it."""
    with running() as server:
        yield server


@pytest.fixture
def service() -> Iterator[PlainService]:
    with plain_service.running() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, service: PlainService) -> Desk:
    return Desk(tmp_path, service.url)
