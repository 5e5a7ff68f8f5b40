"""Address of a journal on a server: what it asks of the connection, and how it is shown. Connects to nothing."""

from __future__ import annotations

import os
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from bhuman_cli import errors
from bhuman_cli.journal import database

_PATIENCE: Final = {
    "connect_timeout": "10", "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5",
    "keepalives_count": "3", "tcp_user_timeout": "20000",
}  # fmt: skip


def is_address(place: str) -> bool:
    """Say whether a journal is meant that is on a server."""
    return place.startswith(("postgresql://", "postgres://"))


def parameters(url: str) -> dict[str, Any]:
    """Return the address as libpq takes it, with our patience, our name, and TLS to any other machine.

    `search_path` of the address names the schema. Secrets stay out of every message: show `masked`.

    Raises:
        UsageError: it is no address of a PostgreSQL database.
    """
    import psycopg
    from psycopg import conninfo

    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    path = query.pop("search_path", "")
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{urlencode(query)}" if query else "")
    try:
        keywords: dict[str, Any] = dict(conninfo.conninfo_to_dict(plain))
    except psycopg.Error as error:
        raise errors.UsageError(
            f"{masked(url)} is no address of a journal: {str(error).splitlines()[0]}", hint="bhuman help journal"
        ) from None
    if path:
        keywords["options"] = f"{keywords.get('options', '')} -csearch_path={path}".strip()
    if "sslmode" not in keywords and "PGSSLMODE" not in os.environ and not is_near(keywords.get("host")):
        keywords["sslmode"] = "require"
    return {**_PATIENCE, "client_encoding": "UTF8", "application_name": f"bhuman {database.sender()}"[:63], **keywords}


def masked(url: str) -> str:
    """Return an address without its password and options; its schema stays, which is one journal of several."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    schema = dict(parse_qsl(parts.query)).get("search_path")
    return f"{parts.scheme}://{user}{host}{parts.path}" + (f"?search_path={schema}" if schema else "")


def is_near(host: Any) -> bool:
    """Say whether a host is this machine: a socket's folder, or loopback."""
    names = str(host or os.environ.get("PGHOST", "")).split(",")
    return all(name in {"", "localhost", "::1"} or name.startswith(("/", "127.")) for name in names)
