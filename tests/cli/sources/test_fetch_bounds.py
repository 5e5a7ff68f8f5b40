"""Bounds of one transfer: time in all, size, and what a plain host on this machine may do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bhuman_cli.errors import InputError, ServiceDown
from bhuman_cli.table.sources import address, fetch
from tests.support import media_server
from tests.support.table_server import TableServer


@pytest.fixture
def reached(web: TableServer, monkeypatch: pytest.MonkeyPatch) -> TableServer:
    for name, value in web.env.items():
        monkeypatch.setenv(name, str(value))
    return web


def test_a_server_that_drips_is_left_after_the_time_for_the_whole_table(reached: TableServer, tmp_path: Path) -> None:
    reached.put("files.example/slow.csv", "a\n" * 500, drip_s=0.05)
    began = time.monotonic()
    with pytest.raises(ServiceDown, match=r"within 0\.4 s"):
        fetch.fetch(address.parse("https://files.example/slow.csv"), tmp_path, within_s=0.4)
    assert time.monotonic() - began < 5
    reached.ends.set()
    reached.ends.clear()


def test_a_table_beyond_the_limit_is_refused_while_it_comes(
    reached: TableServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "LIMIT_BYTES", 1000)
    reached.put("files.example/big.csv", "a\n" * 1000)
    with pytest.raises(InputError, match="larger than"):
        fetch.fetch(address.parse("https://files.example/big.csv"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_http_on_this_machine_may_redirect_on_this_machine_and_a_name_is_made_harmless(tmp_path: Path) -> None:
    with media_server.running() as server:
        server.put("/a", media_server.Answer(status=302, headers={"Location": "/b"}))
        naughty = {"Content-Disposition": 'attachment; filename="../../.ssh/le\\"ads"', "Content-Type": "text/csv; x=1"}
        server.put("/b", media_server.Answer(body=b"a\n1\n", headers=naughty))
        found = fetch.fetch(address.parse(f"{server.base_url}/a"), tmp_path)
    assert found.name == "le_ads.csv"
    assert found.path.read_bytes() == b"a\n1\n"
    assert found.modified_at is None
