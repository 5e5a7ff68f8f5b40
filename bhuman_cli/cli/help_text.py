"""Owns help texts as plain text, for the README and its check; drawn at 100 columns without colours."""

from __future__ import annotations

import os
import subprocess
import sys


def help_text(*command: str) -> str:
    """Return what `bhuman COMMAND --help` prints at 100 columns, without trailing blanks."""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "GITHUB_ACTIONS"}},
        "COLUMNS": "100",
        "TERMINAL_WIDTH": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, "-m", "bhuman_cli", *command, "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        env=environment,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())
