"""Proxies that the environment names. What is said to this machine never goes to one: keys may be in clear there."""

from __future__ import annotations

import importlib.util
from typing import Final
from urllib.parse import SplitResult, urlsplit

from bhuman_cli.errors import UsageError
from bhuman_cli.net import hosts

_THIS_MACHINE: Final = {"localhost", "127.0.0.1", "::1"}


def proxies_for(url: str) -> dict[str, str]:
    """Return the proxies for this URL by scheme; `NO_PROXY` and loopback, however it is written, go direct.

    A key never leaves in clear that way. What is encrypted obeys the environment, but for the names of this machine.
    """
    from requests.utils import get_environ_proxies

    if hosts.is_loopback_url(url) and (url.startswith("http:") or urlsplit(url).hostname in _THIS_MACHINE):
        return {}
    proxies = dict(get_environ_proxies(url))
    for scheme, address in proxies.items():
        _require_usable(scheme, str(address))
    return proxies


def proxy_for(url: str) -> SplitResult | None:
    """Return the proxy that one URL goes through, None where it goes direct."""
    by_scheme = proxies_for(url)
    address = by_scheme.get(urlsplit(url).scheme) or by_scheme.get("all")
    return urlsplit(address if "://" in address else f"http://{address}") if address else None


def _require_usable(scheme: str, address: str) -> None:
    """Refuse what can't be used as a proxy, without repeating it: it may hold a password.

    Raises:
        UsageError: it is a SOCKS proxy and PySocks is missing, or it can't be read.
    """
    name = "ALL_PROXY" if scheme == "all" else f"{scheme.upper()}_PROXY"
    if address.lower().startswith("socks") and importlib.util.find_spec("socks") is None:
        raise UsageError(f"{name} names a SOCKS proxy, which needs the package PySocks", hint="pip install pysocks")
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole or parts.fragment or parts.query or parts.path.strip("/") or "@" in (parts.password or ""):
        raise UsageError(
            f"{name} can't be read as the address of a proxy; in its password write # as %23, / as %2F, @ as %40"
        )
