"""Owns taking a target's lock for a command: on a terminal a person is asked whether to wait for its holder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from bhuman_cli import errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.domain import Target
from bhuman_cli.runs import lock
from bhuman_cli.terminal.console import Console

_AS_LONG_AS_IT_TAKES_S: Final = 366 * 86_400.0  # Ctrl-C ends it


@contextlib.contextmanager
def with_lock(home: settings.Home, target: Target, console: Console, *, wait_s: float, asks: bool) -> Iterator[None]:
    """Hold the target's lock for the block. asks: a person can be asked whether to wait longer than wait_s.

    Raises:
        Refusal: `locked`.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_held(home, target, console, wait_s))
        except errors.Refusal as refusal:
            if not asks or not console.confirm(f"{refusal.message}. Wait for it?"):
                raise
            stack.enter_context(_held(home, target, console, _AS_LONG_AS_IT_TAKES_S))
        yield


def _held(
    home: settings.Home, target: Target, console: Console, wait_s: float
) -> contextlib.AbstractContextManager[None]:
    return lock.target_lock(home.state, target, clock=SystemClock(), wait_s=wait_s, on_wait=console.say)
