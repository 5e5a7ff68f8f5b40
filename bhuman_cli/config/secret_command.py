"""Command of the user's own settings file that prints the API key's secret, so that it is kept nowhere.

No shell reads it. Never shows what it printed.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from bhuman_cli.errors import CredentialsError

_PATIENCE_S: Final = 30.0
_MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretCommand:
    """A program and its arguments; () where there is none."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return how the command may be shown: its arguments can name what is private."""
        return f"api_key_secret_command ({PurePath(self.words[0]).name})" if self.words else ""

    def secret(self) -> str:
        """Run the command; return the first line that it prints.

        Raises:
            CredentialsError: it can't be run, fails, takes longer than 30 s, or prints nothing.
        """
        try:
            # Standard input may be the table: `render -`.
            ended = subprocess.run(
                self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise self._failed(f"did not answer within {_PATIENCE_S:.0f} s") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it can't be run"
            raise self._failed(f"can't be run: {reason.lower()}") from None
        if ended.returncode:
            raise self._failed(f"ended with {ended.returncode}")
        try:
            lines = ended.stdout[:_MAX_BYTES].decode("utf-8").strip().splitlines()
        except UnicodeDecodeError:
            raise self._failed("printed something that is no text") from None
        if not lines:
            raise self._failed("printed nothing")
        return lines[0].strip()

    def _failed(self, why: str) -> CredentialsError:
        return CredentialsError(f"{self.name} {why}", hint="bhuman doctor")
