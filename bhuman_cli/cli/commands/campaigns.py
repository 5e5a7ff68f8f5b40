"""Owns the command group `campaigns`."""

from __future__ import annotations

from bhuman_cli.cli.commands import resources

app = resources.build(resources.CAMPAIGN)
