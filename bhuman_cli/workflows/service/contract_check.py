"""Comparison of the service's own OpenAPI document with what is sent here. Needs no credentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bhuman_cli import errors
from bhuman_cli.api import openapi_diff, paths, wire
from bhuman_cli.api.openapi_diff import Difference
from bhuman_cli.workflows.session import Session


def compare(session: Session, path: str | None) -> tuple[str, Sequence[Difference]]:
    """Return where the document is, and how it differs. path: where the service keeps it; None: the usual places.

    Raises:
        ServiceDown: the service shows none there.
    """
    places = [paths.read(path, session.base_url).path] if path else list(openapi_diff.DOCUMENT_PATHS)
    with session.client(None) as client:
        for place in places:
            answer = client.request("GET", place, auth=("",))
            document = _parsed(answer.body) if answer.status == 200 else None
            if openapi_diff.is_document(document):
                return f"{session.service}{place}", openapi_diff.compare(document)
    raise errors.ServiceDown(
        f"{session.service} shows no OpenAPI document at {', '.join(places)}",
        hint="bhuman doctor --contract --openapi /path/to/openapi.json",
    )


def _parsed(body: bytes) -> Any:
    try:
        return wire.parse(body)
    except wire.WireError:
        return None
