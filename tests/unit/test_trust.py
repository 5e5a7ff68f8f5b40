"""Whose certificates are believed."""

from __future__ import annotations

from bhuman_cli import trust


def test_certificates_of_the_environment() -> None:
    assert trust.certificates({}) is True
    assert trust.certificates({"SSL_CERT_FILE": "/b", "REQUESTS_CA_BUNDLE": ""}) == "/b"
    assert trust.certificates({"SSL_CERT_FILE": "/b", "REQUESTS_CA_BUNDLE": "/a"}) == "/a"
