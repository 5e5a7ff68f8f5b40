"""What the tests of the client share: a client on a held clock, a stand-in for HTTP, matchers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from bhuman_cli.api.client import Client
from bhuman_cli.api.limiter import Limiter
from bhuman_cli.config.credentials import Credentials
from tests.support.clocks import HeldClock
from tests.support.raw_server import Listener, Script

BASE = "https://studio.example"
API = f"{BASE}/api/ai_studio"
BASIC = "Basic " + base64.b64encode(b"id:canary-secret").decode()
BEARER = "Bearer canary-token"

Make = Callable[..., Client]


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def make(clock: HeldClock, notices: list[str]) -> Iterator[Make]:
    made: list[Client] = []

    def build(*, basic: bool = True, bearer: bool = False, base: str = BASE) -> Client:
        held = Credentials(
            basic=BASIC.removeprefix("Basic ") if basic else None,
            bearer="canary-token" if bearer else None,
            source="test",
        )
        pace = Limiter(clock, rate_per_s=None)
        made.append(Client(base, held, limiter=pace, user_agent="test", on_notice=notices.append))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def listening() -> Iterator[Callable[[Script | bytes], Listener]]:
    opened: list[Listener] = []

    def listen(script: Script | bytes) -> Listener:
        answer = script if isinstance(script, bytes) else b""
        opened.append(Listener((lambda connection: connection.sendall(answer)) if answer else script))  # type: ignore[arg-type]
        return opened[-1]

    yield listen
    for listener in opened:
        listener.close()


def auth(value: str | None) -> Any:
    def match(request: requests.PreparedRequest) -> tuple[bool, str]:
        found = request.headers.get("Authorization")
        return found == value, f"Authorization is {found}"

    return match


def query(**pairs: str) -> Any:
    return matchers.query_param_matcher(pairs)


def enveloped(result: Any) -> dict[str, Any]:
    return {"code": 200, "result": result}
