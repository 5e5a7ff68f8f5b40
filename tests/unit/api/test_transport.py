"""One attempt over real sockets: what is never followed, kept or believed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli.api.retry import Failure
from bhuman_cli.api.transport import NoAnswer, Request, Transport
from bhuman_cli.net import proxies
from tests.support.clocks import HeldClock
from tests.support.servers import byte_server, reply


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def sender(clock: HeldClock) -> Iterator[Transport]:
    made = Transport(clock=clock, pool_size=4, user_agent="bhuman-test")
    yield made
    made.close()


def get(url: str, **more: object) -> Request:
    return Request(method="GET", url=url, **more)  # type: ignore[arg-type]


def failure(sender: Transport, request: Request) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        sender.send(request)
    return caught.value


def test_reads_status_headers_and_body(sender: Transport) -> None:
    with byte_server(reply(b"hello", headers="X-One: 1\r\n")) as server:
        answer = sender.send(get(f"{server.url}/p", query=(("a", "1 2"), ("b", "é"))))
    assert (answer.status, answer.body, answer.headers["x-one"]) == (200, b"hello", "1")
    head = server.requests[0].decode()
    assert head.startswith("GET /p?a=1+2&b=%C3%A9 HTTP/1.1\r\n")
    assert "User-Agent: bhuman-test\r\n" in head
    assert "Authorization" not in head


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_an_answer_not_an_order(sender: Transport, status: str) -> None:
    with byte_server(reply(b"never")) as other:
        headers = f"Location: {other.url}/x\r\n"
        with byte_server(reply(b"", status=status, headers=headers)) as server:
            request = Request(method="POST", url=server.url, body=b"{}", headers={"Authorization": "Basic canary"})
            assert sender.send(request).status == int(status[:3])
    assert other.requests == []
    assert len(server.requests) == 1


def test_a_netrc_file_does_not_replace_the_key(
    sender: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with byte_server(reply(b"")) as server:
        sender.send(get(server.url, headers={"Authorization": "Basic mine"}))
        sender.send(get(server.url))
    assert b"Authorization: Basic mine\r\n" in server.requests[0]
    assert b"Authorization" not in server.requests[1]


def test_cookies_are_not_kept(sender: Transport) -> None:
    with byte_server(reply(b"", headers="Set-Cookie: a=b\r\n")) as server:
        sender.send(get(server.url))
        sender.send(get(server.url))
    assert b"Cookie" not in server.requests[1]


def test_the_proxy_of_the_environment_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:1")
    monkeypatch.setenv("NO_PROXY", "direct.example")
    monkeypatch.delenv("no_proxy", raising=False)
    assert proxies.proxies_for("http://127.0.0.1:5/x") == {}
    assert proxies.proxies_for("https://direct.example/x") == {}
    assert proxies.proxies_for("https://studio.bhuman.ai")["https"] == "http://proxy.example:1"


def test_nobody_listens(sender: Transport) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    found = failure(sender, get(f"http://127.0.0.1:{port}/secret-path"))
    assert found.failure is Failure.CONNECT
    assert "secret-path" not in found.reason


def test_a_name_that_is_none(sender: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = failure(sender, get("https://studio.invalid"))
    assert (found.failure, found.reason) == (Failure.CONNECT, "the name of the service could not be resolved")


def test_something_that_does_not_speak_tls(sender: Transport) -> None:
    with byte_server(reply(b"")) as server:
        found = failure(sender, get(server.url.replace("http:", "https:")))
    assert found.failure is Failure.TLS


def test_the_connection_breaks(sender: Transport) -> None:
    with byte_server(b"") as server:
        assert failure(sender, get(server.url)).failure is Failure.READ


def test_a_body_shorter_than_it_said(sender: Transport) -> None:
    with byte_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}") as server:
        assert failure(sender, get(server.url)).failure is Failure.READ


def test_a_body_that_can_not_be_decoded(sender: Transport) -> None:
    with byte_server(reply(b"no gzip", headers="Content-Encoding: gzip\r\n")) as server:
        assert failure(sender, get(server.url)).failure is Failure.READ


def test_a_body_over_the_limit_is_not_read_to_its_end(sender: Transport) -> None:
    with byte_server(reply(b"x" * 3_000_000)) as server:
        found = failure(sender, get(server.url, limit_bytes=2**20))
    assert (found.failure, found.reason) == (Failure.TOO_LARGE, "the answer is larger than 1 MiB")


def test_a_compressed_body_is_limited_by_what_it_becomes(sender: Transport) -> None:
    import gzip

    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    with byte_server(reply(bomb, headers="Content-Encoding: gzip\r\n")) as server:
        assert failure(sender, get(server.url, limit_bytes=2**20)).failure is Failure.TOO_LARGE


def test_a_server_that_drips_is_cut_at_the_deadline(sender: Transport, clock: HeldClock) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            clock.pass_s(1)
            connection.sendall(b"x")

    with byte_server(drip) as server:
        found = failure(sender, get(server.url))
    assert (found.failure, found.reason) == (Failure.READ, "the answer was not complete after 30 s")


def test_a_server_that_drips_header_lines_is_cut_too(clock: HeldClock) -> None:
    released = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: 1\r\n")
        released.wait(20)  # until the client has given up

    impatient = Transport(clock=clock, pool_size=1, user_agent="t", total_s=0.2)
    with byte_server(drip) as server:
        found = failure(impatient, get(server.url))
        released.set()
    impatient.close()
    assert (found.failure, found.reason) == (Failure.READ, "no complete answer in time")


def test_connections_are_used_again(sender: Transport) -> None:
    def twice(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        assert connection.recv(65536).startswith(b"GET /two")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")

    with byte_server(twice) as server:
        bodies = [sender.send(get(f"{server.url}/{path}")).body for path in ("one", "two")]
    assert bodies == [b"a", b"b"]
    assert len(server.requests) == 1
