"""Every ugly file under tests/data/tables is read as a person reads it, or refused with the sentence beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.errors import BhumanError
from bhuman_cli.table import reader

FOLDER = Path(__file__).parents[2] / "data" / "tables"


def _cases() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.with_name(f"{path.name}.expected.json").exists())


def _expected(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(f"{path.name}.expected.json").read_text("utf-8"))
    return found


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(_cases()) >= 60


@pytest.mark.parametrize("path", _cases(), ids=lambda path: path.name)
def test_reads_as_a_person_does(path: Path) -> None:
    expected = _expected(path)
    options = reader.ReadOptions(**expected.get("options", {}))
    if "error" in expected:
        with pytest.raises(BhumanError) as refused:
            for _ in reader.open_table(path, options).rows():
                pass
        assert expected["error"] in refused.value.message
        assert refused.value.message.count("\n") == 0
        assert refused.value.exit_code == expected["exit"]
        return
    table = reader.open_table(path, options)
    rows = list(table.rows())
    assert list(table.header) == expected["header"]
    assert [[row.line, *row.cells] for row in rows] == expected["rows"]
    assert [row.row_index for row in rows] == list(range(len(rows)))
    assert [row.cells for row in table.rows()] == [row.cells for row in rows]
    _flaws_agree(expected, rows)
    _facts_agree(expected, table)


def _flaws_agree(expected: dict[str, Any], rows: list[reader.SourceRow]) -> None:
    found = {str(row.row_index): {str(column) for column in row.flaws} for row in rows if row.flaws}
    assert found == {row: set(flaws) for row, flaws in expected.get("flaws", {}).items()}
    for row, flaws in expected.get("flaws", {}).items():
        for column, rule in flaws.items():
            assert rule in rows[int(row)].flaws[int(column)]


def _facts_agree(expected: dict[str, Any], table: reader.Table) -> None:
    for fact in ("kind", "encoding", "delimiter", "had_bom", "sheet", "first_column"):
        if fact in expected:
            assert getattr(table, fact) == expected[fact], fact
    if "unapplied" in expected:
        assert {str(column): code for column, code in table.unapplied.items()} == expected["unapplied"]
    if expected["notices"]:
        assert len(table.notices) == len(expected["notices"])
        for notice, said in zip(expected["notices"], table.notices, strict=True):
            assert notice in said
    elif table.kind in {"csv", "tsv", "json", "jsonl"}:
        assert table.notices == []
