"""Quality check of a run's downloaded videos: each decoded once, the verdicts kept in the manifest. Fetches nothing."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import amounts, domain, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.delivery import batch, manifest
from bhuman_cli.delivery.media import What
from bhuman_cli.journal import history
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.results.run_lookup import RunResults
from bhuman_cli.workflows.session import Session

SCHEMA: Final = "bhuman.check/1"
MAX_SHOWN: Final = 20
_SAY_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A checked file. quality: what is wrong with it, "" where it is sound."""

    row_index: int
    file: str
    quality: str

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `videos` in the JSON document."""
        return {"row_index": self.row_index, "file": self.file, "quality": self.quality or None}


def last_folder(session: Session, run: RunResults) -> Path:
    """Return the folder of the run's last download."""
    import contextlib

    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        folder = history.media_folder(journal, run.run.run_no)
    return Path(folder) if folder else run.media_folder


def check(run: RunResults, folder: Path, console: Console) -> list[Video]:
    """Check the run's videos in folder and keep the verdicts in its manifest; in row order.

    Raises:
        UsageError: the decoders are missing, or nothing of this run is in the folder.
    """
    measure, compare = _decoders()
    if not folder.is_dir():
        raise _nothing(run, folder)
    with batch.folder_lock(folder):
        entries = manifest.read(folder)
        files = [
            entry
            for row in run.rows
            if (entry := entries.get((row.fields["id"], str(What.VIDEO)))) and (folder / entry.file).is_file()
        ]
        if not files:
            raise _nothing(run, folder)
        unique = list(dict.fromkeys(files))
        report = _progress(console, len(unique))
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="check") as pool:
            measured = []
            for item in pool.map(lambda entry: measure(folder / entry.file), unique):
                measured.append(item)
                report(len(measured))
        verdicts = {entry.key: "; ".join(faults) for entry, faults in zip(unique, compare(measured), strict=True)}
        _keep(folder, entries, verdicts)
    videos = [
        Video(row_index=int(row.fields["row_index"]), file=str(folder / entry.file), quality=verdicts[entry.key])
        for row in run.rows
        if (entry := entries.get((row.fields["id"], str(What.VIDEO)))) and entry.key in verdicts
    ]
    return sorted(videos, key=lambda video: video.row_index)


def _decoders() -> tuple[Callable[[Path], Any], Callable[[Sequence[Any]], list[tuple[str, ...]]]]:
    try:
        from bhuman_cli.studio.render.footage import quality
    except ImportError:
        raise errors.UsageError("checking needs the extra `studio`", hint="pip install 'bhuman[studio]'") from None
    return quality.measure, quality.compare


def _nothing(run: RunResults, folder: Path) -> errors.UsageError:
    return errors.UsageError(
        f"{folder}: no video of run {run.run.run_id} was downloaded there", hint=f"bhuman download {run.run.run_id}"
    )


def _progress(console: Console, total: int) -> Callable[[int], None]:
    clock = SystemClock()
    said = [clock.monotonic_s()]

    def report(count: int) -> None:
        if clock.monotonic_s() - said[0] >= _SAY_EVERY_S:
            said[0] = clock.monotonic_s()
            console.say(f"{count:,} of {total:,} videos checked")

    return report


def _keep(
    folder: Path, entries: Mapping[tuple[str, str], manifest.Entry], verdicts: Mapping[tuple[str, str], str]
) -> None:
    manifest.rewrite(
        folder,
        [
            dataclasses.replace(entry, quality=verdicts.get(key, entry.quality))
            for key, entry in entries.items()
        ],
    )  # fmt: skip


def qualities(run: RunResults, folder: Path) -> dict[str, str]:
    """Return what is wrong with the run's videos by row_index, as last checked; sound ones are left out."""
    try:
        entries = manifest.read(folder)
    except errors.UsageError:
        return {}
    return {
        row.fields["row_index"]: entry.quality
        for row in run.rows
        if row.fields["status"] == domain.Status.SUCCEEDED
        and (entry := entries.get((row.fields["id"], str(What.VIDEO))))
        and entry.quality
    }


def summary_line(videos: Sequence[Video]) -> str:
    """Return what was found, in one line."""
    suspects = sum(bool(video.quality) for video in videos)
    checked = f"{amounts.show(len(videos), 'video')} checked"
    return f"{checked}: {suspects:,} to look at" if suspects else f"{checked}: all are sound"


def say(videos: Sequence[Video], console: Console) -> None:
    """Say what was found: one line, and the suspects with their reasons."""
    console.say(summary_line(videos))
    suspects = [video for video in videos if video.quality]
    for video in suspects[:MAX_SHOWN]:
        console.say(f"  row {video.row_index}, {Path(video.file).name}: {video.quality}")
    if len(suspects) > MAX_SHOWN:
        kinds = Counter(video.quality for video in suspects[MAX_SHOWN:])
        console.say(f"  and {sum(kinds.values()):,} more: see the column `quality` of manifest.csv")
