"""Hosts and addresses: what is this machine, what is the public internet, and that no proxy hears of the former."""

from __future__ import annotations

import pytest

from bhuman_cli.config import settings
from bhuman_cli.net import hosts, proxies

THIS_MACHINE = [
    "localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "[::1]",
    "::ffff:127.0.0.1", "::ffff:127.9.9.9", "::1%lo",
]  # fmt: skip
NOT_THIS_MACHINE = [
    "", "example.com", "localhost.example.com", "notlocalhost", "a.localhost", "127.0.0.1.nip.io", "128.0.0.1",
    "0.0.0.0", "::", "::2", "::ffff:10.0.0.1", "127.1", "2130706433",
]  # fmt: skip

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8", "64:ff9b::808:808",
    "2002:808:808::1",
]  # fmt: skip
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"],
    "private": ["10.0.0.1", "172.16.0.1", "192.168.1.1", "fc00::1", "fd12::1", "::ffff:192.168.1.1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"],
    "site-local": ["fec0::1", "feff::1"],
    "of this network": ["0.0.0.0", "::", "100.64.0.1", "192.0.0.8", "198.18.0.1", "255.255.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved or documentation": ["240.0.0.1", "192.0.2.1", "2001:db8::1", "3fff::1", "4000::1", "5f00::1", "100::1"],
    "NAT64": ["64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"],
    "local-use NAT64": ["64:ff9b:1::a00:1", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808"],
    "translated": ["::ffff:0:7f00:1", "::ffff:0:a00:1", "::ffff:0:808:808"],
    "compatible": ["::7f00:1", "::a00:1", "::808:808"],
    "6to4": ["2002:7f00:1::1", "2002:a00:1::1", "2002:c0a8:101::"],
    "teredo": ["2001:0:808:808::f5ff:fffe", "2001:0:a00:1::f7f7:f7f7"],
    "ISATAP": ["2606:4700::5efe:a00:1", "2606:4700::200:5efe:7f00:1"],
}


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_every_way_to_write_this_machine_is_loopback(host: str) -> None:
    assert hosts.is_loopback(host)


@pytest.mark.parametrize("host", NOT_THIS_MACHINE)
def test_what_only_looks_like_this_machine_is_not(host: str) -> None:
    assert not hosts.is_loopback(host)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert hosts.is_public(address)


@pytest.mark.parametrize(
    "address", [pytest.param(each, id=f"{kind}-{each}") for kind in NOT_PUBLIC for each in NOT_PUBLIC[kind]]
)
def test_no_other_address_counts_as_public(address: str) -> None:
    assert not hosts.is_public(address)


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_a_key_that_may_go_in_clear_never_goes_to_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    shown = f"[{host.partition('%')[0]}]" if ":" in host and "[" not in host else host
    url = settings.base_url(f"http://{shown}:8787")
    assert proxies.proxies_for(url) == {}
    assert proxies.proxies_for("http://elsewhere.example/") != {}
