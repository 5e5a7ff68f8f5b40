"""Signature under a plan: a person's yes to so many videos, made on a terminal, checked before an agent may spend.

The key lies in the user's own folder and belongs to no tool. The plan's bytes are signed, so that a plan changed by
one character is not what was said yes to.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bhuman_cli import clock, errors, files
from bhuman_cli.config import settings
from bhuman_cli.gate import plan_file

SCHEMA: Final = "bhuman.signature/1"
KEY_NAME: Final = "plan.key"
LONGEST: Final = timedelta(days=7)
_MOST_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan as it was read. file: the table, as the plan names it. videos: what it would pay for.

    target: where, for people. again: it pays for what was paid before, too.
    """

    path: Path
    file: str
    videos: int
    sha256: str
    target: str = ""
    again: bool = False


def place(plan: Path) -> Path:
    """Return where a plan's signature stands: beside it."""
    return plan.with_name(f"{plan.name}.signature")


def read_plan(path: Path) -> Plan:
    """Read a plan made by `render --dry-run --plan-out FILE.json`.

    Raises:
        UsageError: there is none, or it is something else.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
        document: Any = json.loads(raw) if len(raw) <= _MOST_BYTES else None
    except OSError as error:
        raise errors.UsageError(f"{path}: {(error.strerror or 'unreadable').lower()}") from None
    except (ValueError, RecursionError):
        document = None
    saved = plan_file.read(document, path.name)
    if not isinstance(document.get("file"), str):
        raise errors.UsageError(f"{path.name} is no plan: it does not say which table it is for")
    # Counted from the rows that would be paid: a count that stands beside them may say anything.
    videos = sum(row["plan"] in {"new", "retried"} for row in document["rows"])
    service, kind, api_id = saved.target
    return Plan(
        path=path, file=document["file"], videos=videos, sha256=hashlib.sha256(raw).hexdigest(),
        target=f"{kind} {api_id[:8]} on {service}", again=saved.again,
    )  # fmt: skip


def sign(plan: Plan, home: settings.Home, now: datetime) -> Path:
    """Sign a plan; return the signature's file. The caller has asked the person."""
    body = {"schema": SCHEMA, "sha256": plan.sha256, "videos": plan.videos, "signed_at": clock.iso_utc(now)}
    path = place(plan.path)
    with files.replacing(path) as stream:
        stream.write(json.dumps({**body, "signature": _mac(_key(home), body)}).encode())
    return path


def require_signed(plan: Plan, home: settings.Home, now: datetime) -> None:
    """Refuse a plan that no person signed as it stands, or long ago.

    Raises:
        Refusal: no signature, another plan's, one that this user's key did not make, or older than seven days.
    """
    hint = f"bhuman plan sign {plan.path.name}"
    try:
        fields: Any = json.loads(place(plan.path).read_bytes())
        signature = str(fields.pop("signature"))
        signed_at = datetime.fromisoformat(str(fields["signed_at"]))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise errors.Refusal("nobody has signed this plan", hint=hint, code="plan_unsigned") from None
    key = home.config / KEY_NAME
    is_ours = key.is_file() and hmac.compare_digest(signature, _mac(_read_key(key), fields))
    if not is_ours or fields.get("sha256") != plan.sha256 or fields.get("videos") != plan.videos:
        said = "the signature does not belong to this plan: it was changed, or signed by somebody else"
        raise errors.Refusal(said, hint=hint, code="plan_unsigned")
    if signed_at.tzinfo is None or now.astimezone(UTC) - signed_at > LONGEST:
        raise errors.Refusal("the plan was signed more than seven days ago", hint=hint, code="plan_expired")


def _mac(key: bytes, body: dict[str, Any]) -> str:
    return hmac.new(key, json.dumps(body, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _key(home: settings.Home) -> bytes:
    """Return this user's key, made at first use, readable by its owner only."""
    path = settings.private_folder(home.config) / KEY_NAME
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _read_key(path)
    with os.fdopen(handle, "wb") as stream:
        stream.write(secrets.token_hex(32).encode())
    return _read_key(path)


def _read_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.UsageError(f"{path}: {(error.strerror or 'unreadable').lower()}") from None
