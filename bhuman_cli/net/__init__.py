"""Certificate authorities that are believed: those the environment names, as a company's proxy needs, or all."""

from __future__ import annotations

from collections.abc import Mapping


def certificates(environ: Mapping[str, str]) -> str | bool:
    """Return the bundle of certificate authorities the environment names, else True for the built-in one."""
    named = (environ.get(name, "") for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"))
    return next((path for path in named if path), True)
