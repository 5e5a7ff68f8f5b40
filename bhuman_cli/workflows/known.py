"""Owns who is asked for the variables that a target knows. A service that does not say is no failure."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from bhuman_cli import domain, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials, settings
from bhuman_cli.domain import Target, TargetKind
from bhuman_cli.journal import history
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import session

_PATIENCE_S: Final = 10.0
"""The record is a help, no more: a service that is slow to show it must not hold up a render."""


def target_variables(
    values: settings.Settings, home: settings.Home, target: Target
) -> tuple[tuple[str, ...] | None, str]:
    """Return a target's variables and who says so, None where nobody knows.

    The campaign's record, else the project file, else the last accepted run.
    """
    if recorded := _recorded(values, home, target):
        return recorded, "the campaign's record"
    if values.get("variables"):
        return tuple(values.get("variables")), values.source("variables")
    if target.service == domain.LOCAL_SERVICE:
        return None, ""
    from bhuman_cli.journal import database

    with contextlib.closing(database.scratch(home.state, SystemClock())) as journal:
        last = history.last_variables(journal, target)
    return last, "the last accepted run on this target"


def _recorded(values: settings.Settings, home: settings.Home, target: Target) -> tuple[str, ...]:
    """Ask for the campaign's record, which only a user token opens. Source: API contract, 2.8."""
    is_asked = target.kind is TargetKind.CAMPAIGN and target.api_id != domain.NO_TARGET
    if not is_asked or target.service == domain.LOCAL_SERVICE or values.get("dry_run"):
        return ()
    from bhuman_cli.api import wire

    opened = session.Session(console=Console(quiet=True), values=values, home=home, environ=os.environ)
    try:
        held = opened.stored_credentials()
        if held.bearer is None:
            return ()
        bearer = credentials.Credentials(bearer=held.bearer, source=held.source)
        with opened.client(bearer, patience_s=_PATIENCE_S) as client:
            return wire.record_variables(client.campaign(target.api_id))
    except errors.BhumanError:
        return ()
