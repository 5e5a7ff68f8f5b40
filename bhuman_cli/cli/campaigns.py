"""Owns the command group `campaigns`."""

from __future__ import annotations

from bhuman_cli.cli import things

app = things.build(things.CAMPAIGN)
