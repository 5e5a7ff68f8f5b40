"""A batch of downloads as a test asks for one: rows with links, a clock that only counts, what lies in a folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bhuman_cli import domain
from bhuman_cli.delivery import batch, fetch
from tests.support import media_files
from tests.support.media_server import Answer

GOOD = Answer(media_files.mp4())


class StillClock:
    """Sleeps by counting."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def row(index: int, url: str, name: str = "Ann", **more: str) -> domain.ResultRow:
    fields = dict.fromkeys(domain.RESULT_COLUMNS, "")
    fields |= {"row_index": str(index), "id": f"id-{index}", "status": "succeeded", "url": url, **more}
    return domain.ResultRow(cells=(name,), fields=fields)


def get(rows: list[domain.ResultRow], folder: Path, kit: fetch.FetchTools, **choice: object) -> list[fetch.FetchResult]:
    chosen = replace(batch.Choice(template="{row_index:04d}-{first_name}"), **choice)  # type: ignore[arg-type]
    wanted = batch.jobs(["first_name"], rows, folder, chosen)
    return batch.run(wanted, folder, kit, 4, lambda _: None)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}
