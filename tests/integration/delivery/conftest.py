"""A server of media and what fetches from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bhuman_cli.delivery import fetch
from bhuman_cli.net import addresses
from tests.support import media_server
from tests.support.downloads import StillClock
from tests.support.media_server import MediaServer


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with media_server.running() as found:
        yield found


@pytest.fixture
def kit(server: MediaServer) -> fetch.FetchTools:
    return fetch.FetchTools(
        policy=addresses.Policy(base_url=server.base_url), clock=StillClock(), stop=threading.Event()
    )
