"""Flips bits of a journal in which everything is paid: `python -m tests.crash --flips N`.

Each flip must be harmless, or be said (exit 8): no row is planned again, no link changes, no traceback.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from bhuman_cli import errors
from bhuman_cli.journal import chunks, database, history, results, runs
from bhuman_cli.journal.database import FILE_NAME, Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import runner
from tests.support import ledger
from tests.support.clocks import HeldClock

TEXTS = tuple(f"Person {number}" for number in range(24))


def paid_journal(folder: Path) -> Run:
    """Make a journal of two runs of one file, all paid and finished."""
    with contextlib.closing(ledger.opened(folder)) as journal:
        _paid(journal, TEXTS[:16])
        return _paid(journal, TEXTS)


def _paid(journal: Journal, texts: tuple[str, ...]) -> Run:
    run = ledger.confirmed(journal, ledger.rows_of(*texts))
    while chunk := chunks.plan(journal, run, ledger.pick(10), ledger.freeze):
        chunks.begin_sending(journal, chunk)
        chunks.accept(journal, chunk, ledger.new_ids(chunk.rows))
    with journal.transaction():
        journal.execute(
            "UPDATE claim SET status = 'succeeded', binding = 'confirmed', ended_at = '2026-11-29T10:00:00Z',"
            " url = 'https://assets.example/' || generation_id || '.mp4', gif = 'https://assets.example/g.gif',"
            " thumbnail = 'https://assets.example/t.jpg', share_url = 'https://videos.example/' || generation_id"
        )
    return run


def links(journal: Journal, run: Run) -> list[tuple[str, str, str]]:
    """Return what a results file would show of each row."""
    rows = results.rows(journal, run)
    return [(row.fields["id"], row.fields["share_url"], row.fields["url"]) for row in rows]


def outcome(folder: Path, run: Run, shown: list[tuple[str, str, str]]) -> str:
    """Use a journal as `render` and `resume` would; return `harmless`, `said`, or what is wrong."""
    try:
        with contextlib.closing(database.open_journal(folder, HeldClock())) as journal:
            found = runs.find(journal, run.run_id)
            history.list_runs(journal)
            if links(journal, found) != shown:
                return "a link or id changed"
            prepared = runner.prepare(journal, ledger.new_run(), ledger.rows_of(*TEXTS))
            if prepared.counts.new or prepared.counts.retried:
                return f"{prepared.counts.new} rows would be paid again"
            return "harmless" if links(journal, prepared.run) == shown else "a link or id changed in the new run"
    except errors.BhumanError as error:
        return "said" if error.exit_code in {errors.ExitCode.DOWN, errors.ExitCode.USAGE} else repr(error)
    except Exception as error:
        return f"a bug: {error!r}"


def flip(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Flip one random bit at a time; return the outcomes, and where the wrong ones are."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        run = paid_journal(home / "good")
        with contextlib.closing(ledger.opened(home / "good")) as journal:
            shown = links(journal, run)
        good = (home / "good" / FILE_NAME).read_bytes()
        used = [at for at, byte in enumerate(good) if byte]  # zeros are mostly free space
        for _ in range(count):
            at, bit = rng.choice(used) if rng.random() < 0.9 else rng.randrange(len(good)), rng.randrange(8)
            shutil.rmtree(home / "bad", ignore_errors=True)
            (home / "bad").mkdir()
            (home / "bad" / FILE_NAME).write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
            found = outcome(home / "bad", replace(run), shown)
            counts[found] += 1
            if found not in {"harmless", "said"}:
                wrong.append(f"byte {at}, bit {bit}: {found}")
    return counts, wrong
