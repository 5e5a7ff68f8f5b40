"""The door: `bhuman` and `python -m bhuman_cli`. Owns nothing but the way in."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from bhuman_cli.cli import app

    sys.exit(app.run(sys.argv[1:]))


if __name__ == "__main__":
    main()
