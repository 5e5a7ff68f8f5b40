from __future__ import annotations

from collections.abc import Sequence

import pytest

from bhuman_cli.net import addresses


def _names(**known: str) -> addresses.Resolve:
    def resolve(host: str, port: int) -> Sequence[str]:
        return known.get(host.replace(".", "_"), host.strip("[]")).split(",")

    return resolve


PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
    "2002:a00:1::", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_however_they_are_written(address: str) -> None:
    policy = addresses.Policy(base_url="https://studio.example", resolve=_names(h=address, studio_example="8.8.8.8"))
    with pytest.raises(addresses.RefusedAddress, match="private"):
        policy.checked("https://h/video.mp4")


@pytest.mark.parametrize("address", PRIVATE)
def test_the_user_may_allow_them(address: str) -> None:
    policy = addresses.Policy(allow_private=True, resolve=_names(h=address))
    assert policy.checked("https://h/video.mp4") == [address]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    policy = addresses.Policy(resolve=_names(h="8.8.8.8,10.0.0.1"))
    with pytest.raises(addresses.RefusedAddress):
        policy.checked("https://h/video.mp4")


def test_a_base_url_on_loopback_opens_loopback_and_nothing_else() -> None:
    policy = addresses.Policy(base_url="http://localhost:8787", resolve=_names(localhost="127.0.0.1,::1"))
    assert policy.checked("http://127.0.0.1:9000/v.mp4") == ["127.0.0.1"]
    with pytest.raises(addresses.RefusedAddress):
        policy.checked("http://192.168.0.5/v.mp4")


def test_a_base_url_at_a_private_address_opens_that_one_only() -> None:
    policy = addresses.Policy(base_url="http://10.1.1.1", resolve=_names())
    assert policy.checked("http://10.1.1.1:8080/v.mp4") == ["10.1.1.1"]
    for other in ["10.1.1.2", "127.0.0.1"]:
        with pytest.raises(addresses.RefusedAddress):
            policy.checked(f"http://{other}/v.mp4")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://h/x", "javascript:alert(1)", "data:video/mp4,x", "https://u:p@h/x", "http://", "x",
     "http://h:99999/x", "http://[::1/x"],
)  # fmt: skip
def test_only_plain_http_links_are_followed(url: str) -> None:
    with pytest.raises(addresses.RefusedAddress):
        addresses.Policy(resolve=_names(h="8.8.8.8")).checked(url)


def test_a_name_without_address_is_left_to_the_proxy_if_there_is_one() -> None:
    def nowhere(host: str, port: int) -> Sequence[str]:
        raise addresses.Unreachable("no address")

    policy = addresses.Policy(base_url="http://studio.invalid", resolve=nowhere)
    assert policy.checked("https://h/v.mp4", by_proxy=True) == []
    with pytest.raises(addresses.Unreachable):
        policy.checked("https://h/v.mp4")


def test_a_proxy_does_not_open_the_private_network() -> None:
    policy = addresses.Policy(resolve=_names(h="10.0.0.1"))
    with pytest.raises(addresses.RefusedAddress):
        policy.checked("https://h/v.mp4", by_proxy=True)


def test_the_systems_resolver_is_asked_and_its_failures_are_ours() -> None:
    assert "127.0.0.1" in addresses.resolve("127.0.0.1", 80)
    with pytest.raises(addresses.Unreachable):
        addresses.resolve("a..b", 80)
