"""Owns the command group `instances`."""

from __future__ import annotations

from bhuman_cli.cli.commands import resources

app = resources.build(resources.INSTANCE)
