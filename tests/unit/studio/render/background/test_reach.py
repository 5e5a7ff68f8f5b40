"""Addresses: completed, refused, never looked up where nothing may be asked, and connected to as they were checked."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from bhuman_cli.studio.render.background import reach


def resolves_to(monkeypatch: pytest.MonkeyPatch, *ips: str) -> None:
    def found(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@pytest.mark.parametrize(
    ("address", "url"),
    [("example.com/a", "https://example.com/a"), (" http://example.com ", "http://example.com"),
     ("HTTPS://Example.com/x?y#z", "https://Example.com/x?y#z")],
)  # fmt: skip
def test_without_a_scheme_it_is_https(address: str, url: str) -> None:
    assert reach.complete(address).geturl() == url


@pytest.mark.parametrize(
    "address",
    ["ftp://example.com/x", "file:///etc/passwd", "FILE://x", "data://text", "gopher://example.com", "s3://b/k"],
)
def test_other_schemes_are_refused(address: str) -> None:
    with pytest.raises(reach.FetchError, match="must be an http or https address"):
        reach.complete(address)


@pytest.mark.parametrize(
    "address", ["", " ", "http://", "https:///path", "http://a b/", "http://h:99999/", "http://x\ny/"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(reach.FetchError, match="is not a usable address"):
        reach.complete(address)


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.5.5", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::",
     "::127.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch, ip: str) -> None:
    resolves_to(monkeypatch, ip)
    with pytest.raises(reach.FetchError, match="private or local"):
        reach.locate("http://innocent.example/", allow_private=False)
    assert reach.locate("http://innocent.example/", allow_private=True).ips == (ip,)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "93.184.216.34", "127.0.0.1")
    with pytest.raises(reach.FetchError, match="private or local"):
        reach.locate("http://innocent.example/", allow_private=False)


def test_the_checked_address_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "93.184.216.34")
    place = reach.locate("https://example.com/ä b?q=ü&x=%20", allow_private=False)
    assert (place.ips, place.host, place.port, place.secure) == (("93.184.216.34",), "example.com", 443, True)
    assert place.path == "/%C3%A4%20b?q=%C3%BC&x=%20"


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    near, far = socket.socketpair()

    def dial(ip: str, port: int) -> socket.socket:
        if ":" in ip:
            raise OSError
        return near

    network = reach.Network(lookup=lambda host, port: ["2606:2800::1", "93.184.216.34"], dial=dial)
    place = reach.locate("https://example.com/", allow_private=False, network=network)
    with place.connect(network) as connected, far:
        assert connected is near
