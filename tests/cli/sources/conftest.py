"""A desk whose network is the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import table_server
from tests.support.table_server import TableServer


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TableServer]:
    with table_server.running(tmp_path_factory.mktemp("hosts")) as server:
        yield server


@pytest.fixture
def web(hosts: TableServer) -> TableServer:
    hosts.answers.clear()
    hosts.asked.clear()
    return hosts
