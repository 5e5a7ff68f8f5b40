"""Proxies that the environment names. What is said to this machine never goes to one: keys may be in clear there."""

from __future__ import annotations

from bhuman_cli.net import hosts


def proxies_for(url: str) -> dict[str, str]:
    """Return the proxies for this URL by scheme; `NO_PROXY` and loopback, however it is written, go direct."""
    from requests.utils import get_environ_proxies

    return {} if hosts.is_loopback_url(url) else dict(get_environ_proxies(url))
