"""What every test may rely on: Ctrl-C reaches the processes it starts, however the suite itself was started."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take back what a shell does to its background jobs: they, and all they start, would ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
