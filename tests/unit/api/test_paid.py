"""The one request that costs money, against raw sockets: when nothing left, when nobody knows, and never twice."""

from __future__ import annotations

import contextlib
import errno
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import urllib3.exceptions

from bhuman_cli.api import paid
from bhuman_cli.api.paid import PaidRequest
from bhuman_cli.api.sent import Came, NotSent

BODY = b'{"names": [["Ada"]]}'
GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"result":[]}'

Script = Callable[[socket.socket], None]


class Listener:
    """A server of one connection after another. got: the bytes of each, in order."""

    def __init__(self, script: Script) -> None:
        self.got: list[bytes] = []
        self.intents_when_bytes_came: list[int] = []
        self.intents = 0
        self.done = threading.Event()
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.got.append(_request(connection))
                self.intents_when_bytes_came.append(self.intents)
                self._script(connection)
            self.done.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def send(self, path: str = "/api/ai_studio/pipeline/campaign", **limits: float) -> NotSent | Came:
        return paid.post_once(
            PaidRequest(
                url=f"http://127.0.0.1:{self.port}{path}", body=BODY, headers={"Authorization": "Basic abc"}, **limits
            ),
            self._intend, "test-agent",
        )  # fmt: skip

    def _intend(self) -> None:
        self.intents += 1


def _request(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(BODY):
        piece = connection.recv(65_536)
        if not piece:
            return data
        data += piece
    return data


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


Listening = Callable[[Script | bytes], Listener]


def test_it_is_sent_once_as_it_was_frozen_with_intent_before_the_first_byte(listening: Listening) -> None:
    listener = listening(GOOD)
    came = listener.send()
    assert came == Came(
        status=200,
        headers={"content-type": "application/json", "content-length": "13"},
        body=b'{"result":[]}',
        error="",
    )
    head, _, body = listener.got[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/ai_studio/pipeline/campaign HTTP/1.1"
    assert {"Authorization: Basic abc", "User-Agent: test-agent", "Content-Type: application/json"} <= set(lines)
    assert {"Accept-Encoding: identity", f"Content-Length: {len(BODY)}"} <= set(lines)
    assert not any(line.startswith(("Connection: keep-alive", "Cookie")) for line in lines)
    assert body == BODY
    assert listener.intents_when_bytes_came == [1]


def test_if_intent_can_not_be_recorded_not_one_byte_is_sent(listening: Listening) -> None:
    listener = listening(GOOD)

    def refuse() -> None:
        raise RuntimeError("the disk is full")

    request = PaidRequest(url=f"http://127.0.0.1:{listener.port}/", body=BODY, headers={})
    with pytest.raises(RuntimeError, match="the disk is full"):
        paid.post_once(request, refuse, "test-agent")
    assert listener.done.wait(5)
    assert listener.got == [b""]


def test_each_request_has_a_connection_of_its_own(listening: Listening) -> None:
    listener = listening(GOOD)
    for _ in range(3):
        assert isinstance(listener.send(), Came)
    assert len(listener.got) == 3
    assert listener.intents == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_never_followed(listening: Listening, status: int) -> None:
    other = listening(GOOD)
    location = f"http://127.0.0.1:{other.port}/elsewhere"
    listener = listening(f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    came = listener.send()
    assert isinstance(came, Came)
    assert (came.status, came.headers["location"], came.error) == (status, location, "")
    assert (other.got, len(listener.got)) == ([], 1)


def test_netrc_does_not_replace_the_key(listening: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login mallory password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    listener = listening(GOOD)
    listener.send()
    assert b"Authorization: Basic abc\r\n" in listener.got[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n",
        b"\x16\x03\x01 tls?",
    ],
)
def test_half_a_header_block_is_no_answer(listening: Listening, answer: bytes) -> None:
    came = listening(answer).send()
    assert isinstance(came, Came)
    assert (came.status, came.body) == (None, b"")
    assert came.error.startswith("after sending: ")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"result":[', b'{"result":['),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"result":[\r\n', b'{"result":['),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b""),
    ],
)
def test_an_answer_that_breaks_off_is_said_to_and_what_came_is_kept(
    listening: Listening, answer: bytes, body: bytes
) -> None:
    came = listening(answer).send()
    assert isinstance(came, Came)
    assert came.status == 200
    assert came.error
    assert came.body == body


def test_an_answer_without_a_length_ends_with_the_connection(listening: Listening) -> None:
    came = listening(b'HTTP/1.0 200 OK\r\n\r\n{"result":[]}').send()
    assert came == Came(status=200, headers={}, body=b'{"result":[]}', error="")


def test_compressed_and_chunked_answers_are_read(listening: Listening) -> None:
    packed = gzip.compress(b'{"result":[]}')
    zipped = listening(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    )
    chunked = listening(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"res\r\n8\r\nult":[]}\r\n0\r\n\r\n'
    )
    for listener in (zipped, chunked):
        came = listener.send()
        assert isinstance(came, Came)
        assert (came.status, came.body, came.error) == (200, b'{"result":[]}', "")


def test_cookies_are_neither_kept_nor_stored(listening: Listening) -> None:
    came = listening(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=secret\r\nContent-Length: 0\r\n\r\n").send()
    assert isinstance(came, Came)
    assert came.headers == {"content-length": "0"}


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_ends_after_the_request_is_not_known_not_to_have_worked(
    listening: Listening, reset: bool
) -> None:
    def leave(connection: socket.socket) -> None:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()

    came = listening(leave).send()
    assert isinstance(came, Came)
    assert (came.status, came.error) == (None, "after sending: the connection broke before the answer was complete")


def test_no_first_byte_in_time_is_not_known_not_to_have_worked(listening: Listening) -> None:
    listener = listening(_wait_for_the_end)
    came = listener.send(first_byte_s=0.2)
    assert isinstance(came, Came)
    assert came.status is None
    assert came.error == "after sending: no complete answer in time"


def test_a_server_that_drips_is_cut_at_the_overall_deadline(listening: Listening) -> None:
    """Each read is in time; the whole is not."""

    def drip(head: bytes) -> Script:
        def script(connection: socket.socket) -> None:
            connection.sendall(head)
            pause = threading.Event()
            while not pause.wait(0.05):
                connection.sendall(b"x")

        return script

    for head, status in ((b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", 200), (b"HTTP/1.1 200 OK\r\nX: ", None)):
        started = time.monotonic()
        came = listening(drip(head)).send(first_byte_s=5.0, total_s=0.4)
        assert time.monotonic() - started < 4
        assert isinstance(came, Came)
        assert came.status == status
        assert came.error.endswith("no complete answer in time")


def _wait_for_the_end(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def test_an_endless_answer_is_cut_at_its_size(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paid, "LIMIT_BYTES", 200_000)

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    came = listening(flood).send()
    assert isinstance(came, Came)
    assert "larger than" in came.error
    assert len(came.body) < 400_000


# Certainly not sent.


def refused(url: str, **limits: float) -> NotSent:
    intents: list[None] = []
    request = PaidRequest(url=url, body=BODY, headers={"Authorization": "Basic abc"}, **limits)
    outcome = paid.post_once(request, lambda: intents.append(None), "test-agent")
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
    context = _self_signed(tmp_path)
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
    assert "secure connection" in reason


def test_over_tls_intent_comes_after_the_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = _self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    server = socket.create_server(("127.0.0.1", 0))
    handshakes: list[bool] = []

    def serve() -> None:
        connection, _ = server.accept()
        with contextlib.suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secure:
            handshakes.append(True)
            _request(secure)
            secure.sendall(GOOD)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    seen: list[list[bool]] = []
    with server:
        request = PaidRequest(url=f"https://localhost:{server.getsockname()[1]}/", body=BODY, headers={})
        came = paid.post_once(request, lambda: seen.append(list(handshakes)), "test-agent")
    thread.join(5)
    assert isinstance(came, Came)
    assert (came.status, len(seen)) == (200, 1)


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
    attempt = paid._Attempt(lambda: None)
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
        came = listener.send()
        assert isinstance(came, Came)
        assert came.status is None


def _self_signed(folder: Path) -> ssl.SSLContext:
    import subprocess

    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
