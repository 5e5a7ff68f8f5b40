"""Forwarding of the journal's events to a receiver: in order, at least once, with growing pauses, over restarts.

What is known of a receiver lies in the journal. The receiver's address may hold a secret: it is never shown whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from bhuman_cli import clock, errors
from bhuman_cli.journal import events
from bhuman_cli.journal.database import Journal
from bhuman_cli.net import addresses, connect

PATIENCE: Final = timedelta(days=3)
_LONGEST_S: Final = 3600.0
_MOST_DROPPED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What is known of one receiver. cursor: the last event it took. failing_since: of the event that it does not take.

    dropped: events that were given up after three days. ended: it said that it is gone.
    """

    host: str
    cursor: int
    attempts: int = 0
    failing_since: str = ""
    ended: bool = False
    dropped: tuple[int, ...] = field(default=())


def name_of(url: str) -> str:
    """Return what the journal calls a receiver."""
    return hashlib.sha256(url.encode()).hexdigest()[:24]


def check(url: str) -> None:
    """Refuse what is no address of a receiver.

    Raises:
        UsageError: not http(s), or credentials in it.
    """
    try:
        addresses.split(url)
    except addresses.RefusedAddress as refused:
        raise errors.UsageError(f"--forward-to: {refused}", hint="--forward-to https://example.com/hook") from None


def load(journal: Journal, url: str) -> Receiver:
    """Return what is known of a receiver; a new one begins with what happens from now on. One commit."""
    value = events.receiver(journal, name_of(url))
    stored = _parse(value) if value is not None else None
    if stored is None:
        stored = Receiver(host=urlsplit(url).hostname or "", cursor=events.last(journal))
        _keep(journal, url, stored)
    return stored


def troubled(journal: Journal) -> list[Receiver]:
    """Return the receivers that are gone, or miss events."""
    every = [_parse(value) for value in events.receivers(journal)]
    return [receiver for receiver in every if receiver.ended or receiver.dropped or receiver.failing_since]


class Forwarder:
    """Posts events to one receiver. One thread uses it, with a journal of its own."""

    def __init__(self, journal: Journal, url: str, secret: str, wall: clock.Clock) -> None:
        self._journal, self._url, self._secret, self._clock = journal, url, secret, wall
        self.receiver = load(journal, url)

    def step(self) -> float:
        """Post what happened since; return the seconds to wait before the next try, 0 when all was taken."""
        if self.receiver.ended:
            return _LONGEST_S
        while batch := list(events.since(self._journal, self.receiver.cursor, limit=100)):
            for event in batch:
                status = self._post(event)
                if status == 410:
                    self._know(replace(self.receiver, ended=True))
                    return _LONGEST_S
                if not 200 <= status < 300 and not self._gives_up(event):
                    return min(_LONGEST_S, 2.0 ** min(self.receiver.attempts, 12))
                if 200 <= status < 300:
                    self._know(replace(self.receiver, cursor=event.cursor, attempts=0, failing_since=""))
        return 0.0

    def _gives_up(self, event: events.Event) -> bool:
        """Count a failure; after three days leave the event out, so that the others get through."""
        now = self._clock.now()
        since = self.receiver.failing_since or clock.iso_utc(now)
        if now - datetime.fromisoformat(since) >= PATIENCE:
            dropped = (*self.receiver.dropped, event.cursor)[-_MOST_DROPPED:]
            self._know(replace(self.receiver, cursor=event.cursor, attempts=0, failing_since="", dropped=dropped))
            return True
        self._know(replace(self.receiver, attempts=self.receiver.attempts + 1, failing_since=since))
        return False

    def _post(self, event: events.Event) -> int:
        """Return the receiver's status, 0 where there was no answer."""
        body = json.dumps(event.as_json(), separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Accept": "*/*", "Bhuman-Event-Id": str(event.cursor)}
        if self._secret:
            mac = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            headers["Bhuman-Signature"] = f"sha256={mac}"
        opener = connect.Opener(addresses.Policy(allow_private=True))
        try:
            with opener.get(self._url, method="POST", headers=headers, body=body, hops=0) as answer:
                return int(answer.status_code)
        except (requests.RequestException, addresses.RefusedAddress, addresses.Unreachable, OSError):
            return 0
        finally:
            opener.close()

    def _know(self, receiver: Receiver) -> None:
        self.receiver = receiver
        _keep(self._journal, self._url, receiver)


def _parse(value: str) -> Receiver:
    values: dict[str, Any] = json.loads(value)
    return Receiver(**{**values, "dropped": tuple(values.get("dropped", ()))})


def _keep(journal: Journal, url: str, receiver: Receiver) -> None:
    events.keep_receiver(journal, name_of(url), json.dumps(asdict(receiver)))
