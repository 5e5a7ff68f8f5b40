"""Erasure of videos from the local studio: their values, callbacks, requests and files. What was counted stays."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path


def known(home: Path, ids: Sequence[str]) -> list[str]:
    """Return those of the ids that this studio holds values or files of."""
    database = home / "studio.sqlite"
    if not database.is_file():
        return [id_ for id_ in ids if (home / "media" / id_).is_dir()]
    with contextlib.closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        held = {
            id_
            for id_ in ids
            for (text,) in connection.execute("SELECT text FROM generations WHERE id = ?", (id_,))
            if any(json.loads(text))
        }
    return [id_ for id_ in ids if id_ in held or (home / "media" / id_).is_dir()]


def erase(home: Path, ids: Sequence[str]) -> None:
    """Remove the videos' values and files; the requests and batches that held them lose their bodies."""
    for id_ in ids:
        shutil.rmtree(home / "media" / id_, ignore_errors=True)
    database = home / "studio.sqlite"
    if not database.is_file():
        return
    with contextlib.closing(sqlite3.connect(database, timeout=5.0, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("BEGIN IMMEDIATE")
        for id_ in ids:
            for text, assets, request_no in connection.execute(
                "SELECT text, assets, request_no FROM generations JOIN batches ON no = batch_no WHERE id = ?", (id_,)
            ).fetchall():
                blank = [json.dumps([""] * len(json.loads(values))) for values in (text, assets)]
                connection.execute(
                    "UPDATE generations SET text = ?, assets = ?, message = '' WHERE id = ?", (*blank, id_)
                )
                connection.execute("UPDATE requests SET body = NULL, query = '' WHERE no = ?", (request_no,))
            connection.execute("DELETE FROM callbacks WHERE generation_id = ?", (id_,))
        connection.execute("COMMIT")
        connection.execute("VACUUM")
