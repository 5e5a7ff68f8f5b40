"""The one request that costs money: when it is certain that nothing of it left, and the edges of its one attempt."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import urllib3.exceptions

from bhuman_cli.api import paid_post
from bhuman_cli.api.paid_post import PaidRequest
from bhuman_cli.api.post_result import NotSent, PostResponse
from tests.support import certificates, raw_server
from tests.support.raw_server import BODY, GOOD, Listener, Script

Listening = Callable[[Script | bytes], Listener]


def refused(url: str, **limits: float) -> NotSent:
    intents: list[None] = []
    request = PaidRequest(url=url, body=BODY, headers={"Authorization": "Basic abc"}, **limits)
    outcome = paid_post.post_once(request, lambda: intents.append(None), "test-agent")
    assert isinstance(outcome, NotSent)
    assert intents == [], "intent is not recorded for what never leaves"
    assert "127.0.0.1" not in outcome.reason
    return outcome


def test_a_refused_connection_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "refused" in refused(f"http://127.0.0.1:{port}/").reason


def test_a_name_that_does_not_resolve_is_certainly_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "name" in refused("http://studio.example/").reason


@pytest.mark.parametrize("error", [TimeoutError("timed out"), OSError(errno.ENETUNREACH, "unreachable")])
def test_no_way_there_is_certainly_not_sent(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    assert refused("http://127.0.0.1:9/").reason


def test_a_failed_tls_handshake_is_certainly_not_sent() -> None:
    got: list[bytes] = []

    def no_tls() -> None:
        connection, _ = server.accept()
        with connection:
            got.append(connection.recv(65_536))
            connection.sendall(b"HTTP/1.1 400 this is no TLS\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=no_tls, daemon=True)
        thread.start()
        assert "secure connection" in refused(f"https://127.0.0.1:{server.getsockname()[1]}/").reason
        thread.join(5)
    assert BODY not in got[0]
    assert b"Authorization" not in got[0]


def test_an_untrusted_certificate_is_certainly_not_sent(tmp_path: Path) -> None:
    context = certificates.self_signed(tmp_path)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with contextlib.suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65_536)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with server:
        reason = refused(f"https://127.0.0.1:{server.getsockname()[1]}/").reason
    thread.join(5)
    assert "REQUESTS_CA_BUNDLE" in reason


def test_over_tls_intent_comes_after_the_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certificates.self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    server = socket.create_server(("127.0.0.1", 0))
    handshakes: list[bool] = []

    def serve() -> None:
        connection, _ = server.accept()
        with contextlib.suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secure:
            handshakes.append(True)
            raw_server.read_request(secure)
            secure.sendall(GOOD)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    seen: list[list[bool]] = []
    with server:
        request = PaidRequest(url=f"https://localhost:{server.getsockname()[1]}/", body=BODY, headers={})
        response = paid_post.post_once(request, lambda: seen.append(list(handshakes)), "test-agent")
    thread.join(5)
    assert isinstance(response, PostResponse)
    assert (response.status, len(seen)) == (200, 1)


def test_a_proxy_that_refuses_the_tunnel_is_certainly_not_sent(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_tunnel(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    proxy = Tunnel(no_tunnel)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    try:
        assert refused("https://studio.example/").reason
    finally:
        proxy.close()
    assert proxy.got.startswith(b"CONNECT studio.example:443")
    assert b"abc" not in proxy.got, "the key is not the proxy's"


class Tunnel:
    """A proxy that reads one CONNECT."""

    def __init__(self, script: Script) -> None:
        self.got = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(script,), daemon=True)
        self._thread.start()

    def _serve(self, script: Script) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(10)
            while b"\r\n\r\n" not in self.got:
                self.got += connection.recv(65_536)
            script(connection)

    def close(self) -> None:
        self._thread.join(5)
        self._socket.close()


def test_being_cut_while_connecting_is_certainly_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline passes before there is a socket to close."""

    def slow(*_: object, **__: object) -> None:
        threading.Event().wait(0.3)
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", slow)
    assert refused("http://127.0.0.1:9/", total_s=0.1).reason


def test_a_deadline_that_comes_when_the_connection_is_gone_is_no_error() -> None:
    """The watchdog and the end of the request may meet."""
    attempt = paid_post._Attempt(lambda: None)
    one, other = socket.socketpair()
    other.close()
    one.close()

    class Connection:
        sock = one

    attempt.connected(Connection())
    attempt.cut()
    assert attempt.is_cut


def test_no_secret_shows_in_a_representation() -> None:
    request = PaidRequest(url="https://studio.example", body=BODY, headers={"Authorization": "Basic abc"})
    assert "abc" not in repr(request)
    assert "Ada" not in repr(request)


def test_an_error_of_the_library_after_the_first_byte_is_doubt_not_a_crash(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listening(GOOD)
    for error in (requests.ConnectionError("x"), urllib3.exceptions.ProtocolError("x"), OSError("x")):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("urllib3.connection.HTTPConnection.getresponse", fail)
        response = listener.send()
        assert isinstance(response, PostResponse)
        assert response.status is None
