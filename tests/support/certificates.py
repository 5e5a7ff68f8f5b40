"""A certificate that nobody believes unless told."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

FILE_NAME = "cert.pem"


def self_signed(folder: Path, host: str = "localhost") -> ssl.SSLContext:
    """Make one in the folder; return what a server needs to show it."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}",
         "-addext", f"subjectAltName=DNS:{host}", "-keyout", "key.pem", "-out", FILE_NAME],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / FILE_NAME, folder / "key.pem")
    return context
