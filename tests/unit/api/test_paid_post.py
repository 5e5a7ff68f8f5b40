"""The one request that costs money, against raw sockets: what comes back, and what nobody can know."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bhuman_cli.api import paid_post
from bhuman_cli.api.paid_post import PaidRequest
from bhuman_cli.api.post_result import PostResponse
from tests.support.raw_server import BODY, GOOD, Listener, Script

Listening = Callable[[Script | bytes], Listener]


def test_it_is_sent_once_as_it_was_frozen_with_intent_before_the_first_byte(listening: Listening) -> None:
    listener = listening(GOOD)
    response = listener.send()
    assert response == PostResponse(
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
        paid_post.post_once(request, refuse, "test-agent")
    assert listener.done.wait(5)
    assert listener.got == [b""]


def test_each_request_has_a_connection_of_its_own(listening: Listening) -> None:
    listener = listening(GOOD)
    for _ in range(3):
        assert isinstance(listener.send(), PostResponse)
    assert len(listener.got) == 3
    assert listener.intents == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_never_followed(listening: Listening, status: int) -> None:
    other = listening(GOOD)
    location = f"http://127.0.0.1:{other.port}/elsewhere"
    listener = listening(f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    response = listener.send()
    assert isinstance(response, PostResponse)
    assert (response.status, response.headers["location"], response.error) == (status, location, "")
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
    response = listening(answer).send()
    assert isinstance(response, PostResponse)
    assert (response.status, response.body) == (None, b"")
    assert response.error.startswith("after sending: ")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"result":[', b'{"result":['),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"result":[\r\n', b'{"result":['),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b""),
    ],
)
def test_an_answer_that_breaks_off_is_said_to_and_what_came_is_kept(
    listening: Listening, answer: bytes, body: bytes
) -> None:
    response = listening(answer).send()
    assert isinstance(response, PostResponse)
    assert response.status == 200
    assert response.error
    assert response.body == body


def test_an_answer_without_a_length_ends_with_the_connection(listening: Listening) -> None:
    response = listening(b'HTTP/1.0 200 OK\r\n\r\n{"result":[]}').send()
    assert response == PostResponse(status=200, headers={}, body=b'{"result":[]}', error="")


def test_an_answer_is_kept_as_it_came_before_its_encoding_is_undone(listening: Listening) -> None:
    for body in (gzip.compress(b'{"result":[]}'), b"not gzip!"):
        came = listening(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        ).send()
        assert isinstance(came, PostResponse)
        assert (came.status, came.body, came.error) == (200, body, "")


def test_chunked_answers_are_read(listening: Listening) -> None:
    came = listening(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"res\r\n8\r\nult":[]}\r\n0\r\n\r\n'
    ).send()
    assert isinstance(came, PostResponse)
    assert (came.status, came.body, came.error) == (200, b'{"result":[]}', "")


@pytest.mark.parametrize("interim", [100, 102, 103, 199])
def test_interim_answers_are_skipped(listening: Listening, interim: int) -> None:
    came = listening(
        b"HTTP/1.1 %d Wait\r\nLink: </a>\r\n\r\n" % interim * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    ).send()
    assert isinstance(came, PostResponse)
    assert (came.status, came.body, came.error) == (200, b"{}", "")


def test_an_interim_answer_alone_is_no_answer(listening: Listening) -> None:
    came = listening(b"HTTP/1.1 103 Early Hints\r\n\r\n").send()
    assert isinstance(came, PostResponse)
    assert came.status is None


def test_cookies_are_neither_kept_nor_stored(listening: Listening) -> None:
    response = listening(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=secret\r\nContent-Length: 0\r\n\r\n").send()
    assert isinstance(response, PostResponse)
    assert response.headers == {"content-length": "0"}


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_ends_after_the_request_is_not_known_not_to_have_worked(
    listening: Listening, reset: bool
) -> None:
    def leave(connection: socket.socket) -> None:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()

    response = listening(leave).send()
    assert isinstance(response, PostResponse)
    assert (response.status, response.error) == (
        None,
        "after sending: the connection broke before the answer was complete",
    )


def test_no_first_byte_in_time_is_not_known_not_to_have_worked(listening: Listening) -> None:
    listener = listening(_wait_for_the_end)
    response = listener.send(first_byte_s=0.2)
    assert isinstance(response, PostResponse)
    assert response.status is None
    assert response.error == "after sending: no complete answer in time"


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
        response = listening(drip(head)).send(first_byte_s=5.0, total_s=0.4)
        assert time.monotonic() - started < 4
        assert isinstance(response, PostResponse)
        assert response.status == status
        assert response.error.endswith("no complete answer in time")


def _wait_for_the_end(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def test_an_endless_answer_is_cut_at_its_size(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paid_post, "LIMIT_BYTES", 200_000)

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    response = listening(flood).send()
    assert isinstance(response, PostResponse)
    assert "larger than" in response.error
    assert len(response.body) < 400_000
