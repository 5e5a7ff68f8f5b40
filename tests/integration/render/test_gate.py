"""A page in a real browser tries every way into the network around it; only what was checked is connected to."""

from __future__ import annotations

import contextlib
import http.client
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bhuman_cli.studio.render.background import browser_proxy, download, page_capture, reach
from tests.integration.render import footage
from tests.support import media_server

PUBLIC = "93.184.216.34"
OTHER = "93.184.216.99"
RED = (200, 30, 30)


@dataclass
class Internet:
    """Public addresses that are really a server on loopback. names: used up in order, the last one again and again."""

    port: int
    names: dict[str, list[str]]
    asked: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)

    def network(self) -> reach.Network:
        return reach.Network(lookup=self._look_up, dial=self._dial)

    def _look_up(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        with contextlib.suppress(OSError):
            return [str(socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)[0][4][0])]
        known = self.names.get(host)
        if not known:
            raise OSError
        return [known.pop(0) if len(known) > 1 else known[0]]

    def _dial(self, ip: str, port: int) -> socket.socket:
        self.dialled.append(ip)
        return socket.create_connection(("127.0.0.1", self.port if ip == PUBLIC else port), 5)


@dataclass
class Trap:
    """Something inside the network: told apart are connections and packets."""

    port: int
    udp: socket.socket
    met: list[str] = field(default_factory=list)

    def packets(self) -> int:
        self.udp.setblocking(False)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while self.udp.recv(2_000):
                count += 1
        return count


@pytest.fixture
def trap() -> Iterator[Trap]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            found.met.append(self.rfile.readline(200).decode("latin-1"))
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

    socketserver.ThreadingTCPServer.daemon_threads = True
    with (
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", server.server_address[1]))
        found = Trap(server.server_address[1], udp)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def site() -> Iterator[media_server.MediaServer]:
    with media_server.running() as server:
        yield server


@pytest.fixture
def internet(site: media_server.MediaServer) -> Internet:
    port = int(site.base_url.rsplit(":", 1)[1])
    return Internet(port, {"page.example": [PUBLIC], "cdn.example": [PUBLIC], "inside.example": ["127.0.0.1"]})


PAGE = """<!doctype html><style>body{margin:0;background:#fff}</style>
<link rel=stylesheet href="http://cdn.example/red.css">
<link rel=stylesheet href="http://inside.example:PORT/style"><link rel=preconnect href="http://inside.example:PORT">
<img src="http://inside.example:PORT/image"><img src="http://127.0.0.1:PORT/literal"><img src="/moved">
<img src="http://localhost:PORT/name"><img src="http://[::ffff:127.0.0.1]:PORT/mapped"><img src="http://2130706433:PORT/">
<iframe src="https://inside.example:PORT/frame"></iframe><img src="http://printer.local:PORT/">
<script>
  fetch("http://inside.example:PORT/fetch", {mode: "no-cors", method: "POST", body: "x"}).catch(() => 0);
  new WebSocket("ws://inside.example:PORT/socket");
  navigator.sendBeacon("http://inside.example:PORT/beacon", "x");
  try { new WebTransport("https://127.0.0.1:PORT/") } catch {}
  const peer = new RTCPeerConnection({iceServers: [{urls: "stun:127.0.0.1:PORT"},
    {urls: "turn:127.0.0.1:PORT?transport=tcp", username: "x", credential: "x"}]});
  peer.createDataChannel("x"); peer.createOffer().then(offer => peer.setLocalDescription(offer));
</script>"""


def publish(site: media_server.MediaServer, trap: Trap) -> None:
    html = {"Content-Type": "text/html"}
    site.put("/", media_server.Answer(PAGE.replace("PORT", str(trap.port)).encode(), headers=html))
    red = f"body{{background:rgb{RED}!important}}".encode()
    site.put("/red.css", media_server.Answer(red, headers={"Content-Type": "text/css"}))
    moved = {"Location": f"http://inside.example:{trap.port}/moved"}
    site.put("/moved", media_server.Answer(status=302, headers=moved))


@pytest.fixture(params=["command", "playwright"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if page_capture.find_browser() is None:
        pytest.skip("no browser on this machine")
    if request.param == "playwright":
        pytest.importorskip("playwright")
    monkeypatch.setattr(page_capture, "_has_playwright", lambda: request.param == "playwright")
    return str(request.param)


@pytest.mark.chromium
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("allowed", [False, True], ids=["refused", "allowed"])
def test_a_page_reaches_what_is_public_and_nothing_inside(
    allowed: bool, site: media_server.MediaServer, internet: Internet, trap: Trap, tmp_path: Path
) -> None:
    publish(site, trap)
    found = page_capture.capture("http://page.example/", tmp_path, allow_private=allowed, network=internet.network())
    assert found is not None
    with Image.open(found) as shot:
        assert footage.near(np.asarray(shot.convert("RGB"))[600:700, 600:], RED), "the public part came"
    assert {"page.example", "cdn.example", "inside.example"} <= set(internet.asked)
    assert trap.packets() == 0, "neither WebRTC nor WebTransport goes around the proxy"
    if allowed:  # and so the page does try
        assert any("/image" in line for line in trap.met)
        assert any("/moved" in line for line in trap.met)
    else:
        assert trap.met == []
        assert set(internet.dialled) == {PUBLIC}


@pytest.mark.chromium
@pytest.mark.usefixtures("way")
def test_a_page_that_leads_inside_after_it_was_checked_is_not_followed(
    site: media_server.MediaServer, internet: Internet, trap: Trap, tmp_path: Path
) -> None:
    inside = f"http://inside.example:{trap.port}/"
    away = media_server.Answer(
        f"<script>location = '{inside}'</script>".encode(), headers={"Content-Type": "text/html"}
    )
    site.put("/", away)
    page_capture.capture("http://page.example/", tmp_path, allow_private=False, network=internet.network())
    assert "inside.example" in internet.asked
    assert trap.met == []


@pytest.mark.chromium
@pytest.mark.usefixtures("way")
def test_a_name_that_turns_inside_between_check_and_use_is_refused_when_used(
    site: media_server.MediaServer, internet: Internet, trap: Trap, tmp_path: Path
) -> None:
    publish(site, trap)
    internet.names["page.example"] = [PUBLIC, "127.0.0.1"]
    page_capture.capture("http://page.example/", tmp_path, allow_private=False, network=internet.network())
    assert internet.asked.count("page.example") >= 2
    assert set(internet.dialled) == {PUBLIC}


def test_an_asset_is_loaded_from_the_address_that_was_checked(
    site: media_server.MediaServer, internet: Internet, tmp_path: Path
) -> None:
    site.put("/a.png", media_server.Answer(b"x", status=302, headers={"Location": "http://cdn.example/b.png"}))
    site.put("/b.png", media_server.Answer(b"picture"))
    internet.names["cdn.example"] = [PUBLIC, "127.0.0.1"]
    network = internet.network()
    found = download.download("http://page.example/a.png", tmp_path, allow_private=False, network=network)
    assert found.read_bytes() == b"picture"
    assert internet.dialled == [PUBLIC, PUBLIC]
    with pytest.raises(reach.FetchError, match="private or local"):
        download.download("http://cdn.example/b.png", tmp_path, allow_private=False, network=network)
    assert internet.dialled == [PUBLIC, PUBLIC]


def test_an_asset_that_redirects_inside_is_refused(
    site: media_server.MediaServer, internet: Internet, trap: Trap, tmp_path: Path
) -> None:
    site.put("/", media_server.Answer(status=302, headers={"Location": f"http://inside.example:{trap.port}/"}))
    with pytest.raises(reach.FetchError, match="private or local"):
        download.download("http://page.example/", tmp_path, allow_private=False, network=internet.network())
    assert trap.met == []


def through(opened: browser_proxy.BrowserProxy, message: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", opened.port), 5) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            return answer.read()


@pytest.mark.parametrize(
    ("message", "status"),
    [(b"GET http://page.example/ok HTTP/1.1\r\nHost: page.example\r\n\r\n", b"200"),
     (b"GET http://inside.example/ HTTP/1.1\r\n\r\n", b"403"), (b"CONNECT inside.example:443 HTTP/1.1\r\n\r\n", b"403"),
     (b"CONNECT [::1]:80 HTTP/1.1\r\n\r\n", b"403"), (b"CONNECT 0x7f.1:80 HTTP/1.1\r\n\r\n", b"403"),
     (b"GET /ok HTTP/1.1\r\nHost: page.example\r\n\r\n", b"403"), (b"GET ftp://page.example/ HTTP/1.1\r\n\r\n", b"403"),
     (b"CONNECT unknown.example:443 HTTP/1.1\r\n\r\n", b"403"), (b"nonsense\r\n\r\n", b""), (b"", b""),
     (b"POST http://page.example/ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"502"),
     (b"GET http://page.example/ok HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"")],
)  # fmt: skip
def test_the_gate_answers_any_message(
    message: bytes, status: bytes, site: media_server.MediaServer, internet: Internet
) -> None:
    site.put("/ok", media_server.Answer(b"fine"))
    with browser_proxy.BrowserProxy(allow_private=False, network=internet.network()) as opened:
        assert through(opened, message)[9:12] == status
    assert set(internet.dialled) <= {PUBLIC}


def test_each_request_gets_a_connection_of_its_own(site: media_server.MediaServer, internet: Internet) -> None:
    """A kept connection would take the next request to a host that was not checked for it."""
    site.put("/ok", media_server.Answer(b"fine", headers={"Connection": "keep-alive"}))
    with browser_proxy.BrowserProxy(allow_private=False, network=internet.network()) as opened:
        client = http.client.HTTPConnection("127.0.0.1", opened.port, timeout=5)
        client.request("GET", "http://page.example/ok", headers={"Connection": "keep-alive"})
        answer = client.getresponse()
        assert (answer.read(), answer.getheader("Connection")) == (b"fine", "close")
        client.close()
    assert "keep-alive" not in {value.lower() for seen in site.seen for value in seen.values()}


def test_the_end_of_the_gate_ends_what_is_open(site: media_server.MediaServer, internet: Internet) -> None:
    site.put("/slow", media_server.Answer(b"x" * 10, headers={"Content-Length": "1000"}, stalls=True))
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(browser_proxy.BrowserProxy(allow_private=False, network=internet.network()))
        with socket.create_connection(("127.0.0.1", opened.port), 5) as client:
            client.sendall(b"CONNECT page.example:80 HTTP/1.1\r\n\r\n")
            assert b"200" in client.recv(100)
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: page.example\r\n\r\n")
            assert site.held.wait(5)
            stack.close()
            with contextlib.suppress(ConnectionResetError):
                while client.recv(1_000):
                    pass
