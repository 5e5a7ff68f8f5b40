"""Whose certificates are believed."""

from __future__ import annotations

from bhuman_cli import net


def test_certificates_of_the_environment() -> None:
    assert net.certificates({}) is True
    assert net.certificates({"SSL_CERT_FILE": "/b", "REQUESTS_CA_BUNDLE": ""}) == "/b"
    assert net.certificates({"SSL_CERT_FILE": "/b", "REQUESTS_CA_BUNDLE": "/a"}) == "/a"
