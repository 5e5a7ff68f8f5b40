"""Assets behind a company's proxy: reached by it, with its password; certificates judged by the named bundle."""

from __future__ import annotations

import base64
import contextlib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.studio.render.background import browser_proxy, download, reach
from tests.support import certificates

PICTURE = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\npicture"


class _Handler(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        head = self._head()
        self.server.heads.append(head)
        if head[0].startswith("CONNECT ") and self.server.tls is not None:
            self.wfile.write(b"HTTP/1.1 200 yes\r\nVia: x\r\n\r\n")
            with contextlib.suppress(OSError), self.server.tls.wrap_socket(self.request, server_side=True) as inside:
                self.server.heads.append(inside.recv(65536).decode().split("\r\n"))
                inside.sendall(PICTURE)
        else:
            self.wfile.write(PICTURE)

    def _head(self) -> list[str]:
        return list(iter(lambda: self.rfile.readline().decode().strip(), ""))


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler)
    server.heads, server.tls = [], None
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name.lower(), f"http://ann:p%40ss@127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("no_proxy", "direct.example")
    yield server
    server.shutdown()
    server.server_close()


def nobody(host: str, port: int) -> list[str]:
    raise OSError  # inside a company, names are looked up by the proxy


SECRET = f"Proxy-Authorization: Basic {base64.b64encode(b'ann:p@ss').decode()}"
INSIDE = reach.Network(lookup=nobody)


def test_an_asset_over_http_is_asked_of_the_proxy(proxy: Any, tmp_path: Path) -> None:
    path = download.download("http://cdn.example/a b.png?x=1", tmp_path, allow_private=False, network=INSIDE)
    assert path.read_bytes() == b"picture"
    assert proxy.heads[0][0] == "GET http://cdn.example:80/a%20b.png?x=1 HTTP/1.1"
    assert SECRET in proxy.heads[0]
    with pytest.raises(reach.FetchError, match="can't be found"):
        download.download("http://direct.example/", tmp_path, allow_private=False, network=INSIDE)
    literal = reach.Network(lookup=lambda host, port: ["10.0.0.1"])
    with pytest.raises(reach.FetchError, match="private or local"):
        download.download("http://10.0.0.1/", tmp_path, allow_private=False, network=literal)


def test_an_asset_over_https_is_tunnelled_and_its_certificate_judged(
    proxy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.tls = certificates.self_signed(tmp_path, "cdn.example")
    with pytest.raises(reach.FetchError, match="without a valid certificate"):
        download.download("https://cdn.example/a.png", tmp_path, allow_private=False, network=INSIDE)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / certificates.FILE_NAME))
    path = download.download("https://cdn.example/a.png", tmp_path, allow_private=False, network=INSIDE)
    assert path.read_bytes() == b"picture"
    assert proxy.heads[-2][0] == "CONNECT cdn.example:443 HTTP/1.1"
    assert SECRET in proxy.heads[-2]
    assert not any(field.startswith("Proxy-") for field in proxy.heads[-1]), "the password is for the proxy alone"


def test_a_proxy_that_refuses_or_is_none_is_said(proxy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(reach.FetchError, match=r"SOCKS proxy|only an http:// proxy"):
        download.download("https://cdn.example/", tmp_path, allow_private=False, network=INSIDE)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(reach.FetchError, match="can't be reached"):
        download.download("https://cdn.example/", tmp_path, allow_private=False, network=INSIDE)


def test_what_a_page_loads_goes_by_the_proxy_too(proxy: Any) -> None:
    import http.client

    with browser_proxy.BrowserProxy(allow_private=False, network=INSIDE) as way_out:
        connection = http.client.HTTPConnection("127.0.0.1", way_out.port, timeout=5)
        connection.request("GET", "http://cdn.example/style.css")
        assert connection.getresponse().read() == b"picture"
    assert proxy.heads[0][0] == "GET http://cdn.example:80/style.css HTTP/1.1"
    assert SECRET in proxy.heads[0]
