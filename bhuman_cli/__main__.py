"""The door: `bhuman` and `python -m bhuman_cli`."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from bhuman_cli.cli import app

    for stream in (sys.stdout, sys.stderr):
        # Help and tables hold characters that a code page or Latin-1 does not: they are escaped, not a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(app.run(sys.argv[1:]))


if __name__ == "__main__":
    main()
