"""A person's desk for tests of the real command: a folder, a journal of its own, a bare environment, a service."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import plain_service, schemas

REPOSITORY = Path(__file__).resolve().parents[2]


def bare_environment() -> dict[str, str]:
    """Return the least that a process needs: where programs are, and how it is measured when the tests are."""
    return {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_PROCESS")}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the `--json` document: all of stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def rows(self) -> dict[str, int]:
        """Return the document's counts."""
        found: dict[str, int] = self.document["rows"]
        return found

    @property
    def error(self) -> dict[str, Any]:
        """Return the error on the last line of stderr."""
        found: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


class Desk:
    """One folder with its tables, and the environment a command sees there and nothing else."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.timeout_s = 60.0
        self.home = folder / "home"
        self.env = {
            "BHUMAN_HOME": str(self.home),
            "BHUMAN_BASE_URL": url,
            "BHUMAN_API_KEY_ID": plain_service.KEY,
            "BHUMAN_API_KEY_SECRET": plain_service.SECRET,
            "BHUMAN_CAMPAIGN_ID": plain_service.CAMPAIGN_ID,
            "BHUMAN_FIRST": "0",  # the tests of first rows say otherwise
        }

    def table(
        self, name: str, rows: Iterable[Sequence[str]], header: Sequence[str] = ("first_name", "company")
    ) -> Path:
        """Write a CSV."""
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
        return path

    def people(self, count: int, name: str = "people.csv", start: int = 0) -> Path:
        """Write so many different people."""
        return self.table(name, [(f"Name{at}", f"Company {at}") for at in range(start, start + count)])

    def run(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str | None] | None = None) -> Ended:
        """Run `bhuman …` as a process."""
        came = subprocess.run(
            [sys.executable, "-m", "bhuman_cli", *arguments],
            cwd=self.folder, env=self.environment(env), input=stdin, capture_output=True,
            timeout=self.timeout_s, check=False,
        )  # fmt: skip
        ended = Ended(came.returncode, came.stdout.decode(), came.stderr.decode())
        schemas.require_documents(arguments, ended.out, ended.err)
        return ended

    def render(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str | None] | None = None) -> Ended:
        """Run `bhuman render …`, asking often."""
        quick = () if {"--poll-interval", "--dry-run", "--init"} & set(arguments) else ("--poll-interval", "0.05")
        return self.run("render", *arguments, *quick, stdin=stdin, env=env)

    def environment(self, changed: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the command's whole environment; None takes a variable out."""
        measured = {name: value for name, value in bare_environment().items() if name != "PATH"}
        wanted = {**measured, "PYTHONPATH": str(REPOSITORY), **self.env, **(changed or {})}
        return {name: value for name, value in wanted.items() if value is not None}

    def results(self, name: str = "people.results.csv", delimiter: str = ",") -> list[dict[str, str]]:
        """Read a results file as a person's program does."""
        text = (self.folder / name).read_text(encoding="utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))

    def column(self, column: str, name: str = "people.results.csv") -> list[str]:
        """Return one column of a results file."""
        return [row[column] for row in self.results(name)]
