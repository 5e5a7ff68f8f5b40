"""Erasure of videos from the local studio: their values, callbacks, requests and files. What was counted stays."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from bhuman_cli.studio.queue import request_log, schema, store
from bhuman_cli.studio.queue.database import Database


def known(home: Path, ids: Sequence[str]) -> list[str]:
    """Return those of the ids that this studio holds values or files of."""
    ids_with_values: set[str] = set()
    if (home / store.NAME).is_file():
        with contextlib.closing(store.StudioStore.open(home, read_only=True)) as opened:
            rows = {id_: opened.generation(id_) for id_ in ids}
            ids_with_values = {id_ for id_, row in rows.items() if row is not None and any(json.loads(row["text"]))}
    return [id_ for id_ in ids if id_ in ids_with_values or (home / "media" / id_).is_dir()]


def erase(home: Path, ids: Sequence[str]) -> None:
    """Remove the videos' values and files; the requests and batches that held them lose their bodies."""
    for id_ in ids:
        shutil.rmtree(home / "media" / id_, ignore_errors=True)
    if not (home / store.NAME).is_file():
        return
    numbers: set[int] = set()
    with _erasing(home / store.NAME, schema.QUEUE) as database, database.writing():
        for id_ in ids:
            for text, assets, request_no in database.execute(
                "SELECT text, assets, request_no FROM generations JOIN batches ON no = batch_no WHERE id = ?", (id_,)
            ).fetchall():
                blank = [json.dumps([""] * len(json.loads(values))) for values in (text, assets)]
                database.execute(
                    "UPDATE generations SET text = ?, assets = ?, message = '' WHERE id = ?", (*blank, id_)
                )
                numbers.add(request_no)
            database.execute("DELETE FROM callbacks WHERE generation_id = ?", (id_,))
    with _erasing(home / request_log.NAME, schema.LOG) as database, database.writing():
        database.executemany(
            "UPDATE requests SET body = NULL, query = '' WHERE no = ?", [(number,) for number in numbers]
        )


@contextlib.contextmanager
def _erasing(path: Path, tables: schema.Schema) -> Iterator[Database]:
    """Open a file so that nothing of what is erased stays in it, nor in the log that is written ahead of it."""
    with contextlib.closing(Database.open(path, tables)) as database:
        database.execute("PRAGMA secure_delete = ON")
        yield database
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
