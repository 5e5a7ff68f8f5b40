"""Schemathesis against the studio, by access mode and credentials: `python -m tests.support.document_fuzz`.

Its phases that the suite has no time for: every value at its bounds, methods that are not there, calls one after the
other. Not run by the suite: `.ci/run` does it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.studio import studio_process

CREDENTIALS = {"key": "Basic bG9jYWw6bG9jYWw=", "user": "Bearer local", "nobody": ""}
NOT_JUDGED = "positive_data_acceptance"  # rows as long as `variables`, ids that exist: no schema can ask for that


def main() -> int:
    """Return 1 if any check failed."""
    worst = 0
    for access in ("strict", "open", "documented"):
        with (
            tempfile.TemporaryDirectory() as folder,
            studio_process(Path(folder), "--render", "instant", "--access", access) as studio,
        ):
            for who, authorization in CREDENTIALS.items():
                command = [
                    Path(sys.executable).with_name("schemathesis"), "run", "--phases", "examples,coverage,stateful",
                    "--max-examples", "5", "--exclude-checks", NOT_JUDGED, "--seed", "1",
                    *(("-H", f"Authorization: {authorization}") if authorization else ()),
                    f"{studio.base_url}/swagger-ui/openapi.json",
                ]  # fmt: skip
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
                print(f"{access}, {who}: {'good' if done.returncode == 0 else done.stdout}", flush=True)
                worst |= bool(done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
