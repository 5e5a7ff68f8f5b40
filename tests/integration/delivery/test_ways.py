"""Where a download leads: redirects, checked addresses, certificates, proxies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bhuman_cli.delivery import fetch
from bhuman_cli.net import addresses
from tests.support import media_server
from tests.support.downloads import GOOD, get, row
from tests.support.media_server import Answer, MediaServer


@pytest.mark.parametrize(
    "place",
    [
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//192.168.1.1/x",
        "gopher://h/",
    ],
)
def test_a_redirect_into_the_network_is_not_followed(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, place: str
) -> None:
    (done,) = get([row(0, server.put("/r.mp4", Answer(status=302, headers={"Location": place})))], tmp_path, kit)
    assert done.state == "failed"
    assert "not followed" in done.reason
    assert server.asked["/r.mp4"] == 1


def test_redirects_are_bounded_and_relative_ones_work(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    server.put("/end.mp4", GOOD)
    start = server.put("/start.mp4", Answer(status=307, headers={"Location": "end.mp4"}))
    loop = server.put("/loop.mp4", Answer(status=302, headers={"Location": "/loop.mp4"}))
    first, second = get([row(0, start), row(1, loop)], tmp_path, kit)
    assert first.state == "fetched"
    assert "redirects more than" in second.reason
    assert server.asked["/loop.mp4"] == 6


def test_the_connection_goes_to_the_address_that_was_checked(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    """A name that resolves differently the second time is never resolved a second time."""
    port = server.base_url.rsplit(":", maxsplit=1)[1]
    server.put("/v.mp4", GOOD)
    policy = addresses.Policy(allow_private=True, resolve=lambda host, port: ["127.0.0.1"])
    (done,) = get([row(0, f"http://media.invalid:{port}/v.mp4")], tmp_path, replace(kit, policy=policy))
    assert done.state == "fetched"
    assert server.hosts == [f"media.invalid:{port}"]


def test_a_pinned_address_still_has_to_prove_its_name(
    kit: fetch.FetchTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Path(__file__).parents[2] / "data" / "delivery" / "media.invalid.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    policy = addresses.Policy(allow_private=True, resolve=lambda host, port: ["127.0.0.1"])
    with media_server.running(certificate=certificate) as secure:
        port = secure.base_url.rsplit(":", maxsplit=1)[1]
        secure.put("/v.mp4", GOOD)
        rows = [row(0, f"https://media.invalid:{port}/v.mp4"), row(1, f"https://other.invalid:{port}/v.mp4")]
        named, impostor = get(rows, tmp_path, replace(kit, policy=policy))
        assert (named.state, impostor.state) == ("fetched", "failed")
        assert secure.asked["/v.mp4"] == 1
        down = secure.put("/down.mp4", Answer(status=302, headers={"Location": "http://media.invalid/v.mp4"}))
        (downgraded,) = get([row(2, down.replace("http://127.0.0.1", "https://media.invalid"))], tmp_path / "b",
                             replace(kit, policy=policy))  # fmt: skip
    assert "from https to http" in downgraded.reason


def test_the_next_address_is_tried_where_one_does_not_answer(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    port = server.base_url.rsplit(":", maxsplit=1)[1]
    server.put("/v.mp4", GOOD)
    policy = addresses.Policy(allow_private=True, resolve=lambda host, port: ["127.0.0.9", "127.0.0.1"])
    (done,) = get([row(0, f"http://media.invalid:{port}/v.mp4")], tmp_path, replace(kit, policy=policy))
    assert done.state == "fetched"


def test_a_proxy_of_the_environment_is_used(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.base_url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    def nowhere(host: str, port: int) -> list[str]:
        raise addresses.Unreachable("only the proxy knows")

    server.put("http://media.invalid/v.mp4", GOOD)
    policy = addresses.Policy(resolve=nowhere)
    (done,) = get([row(0, "http://media.invalid/v.mp4")], tmp_path, replace(kit, policy=policy))
    assert (done.state, server.asked.total()) == ("fetched", 1)
