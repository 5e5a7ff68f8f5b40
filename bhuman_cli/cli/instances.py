"""Owns the command group `instances`."""

from __future__ import annotations

from bhuman_cli.cli import things

app = things.build(things.INSTANCE)
