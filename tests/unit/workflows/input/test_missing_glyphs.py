"""Letters that no font draws are named before they are rendered, without quoting a value."""

from __future__ import annotations

import pytest

from bhuman_cli.domain import Row, RowState
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows.input import input_table


def row(number: int, value: str, **fields: object) -> Row:
    made = {"row_index": number, "line": number + 2, "cells": (value,), "values": (value,), **fields}
    return Row(**made)  # type: ignore[arg-type] # the keys are a row's


def test_rows_pass_and_uncovered_characters_are_named_by_code_point(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        row(0, "Zo\u00eb"),
        row(1, "Enkidu \U00012000"),
        row(2, "Secret \U00012000 name"),
        row(3, "\U00012001", selected=False),
        row(4, "\U00012001", state=RowState.INVALID),
    ]
    assert list(input_table.warn_missing_glyphs(rows, Console())) == rows
    said = capsys.readouterr().err
    assert "no installed font has U+12000; these characters will be missing in 2 rows (lines 3, 4)" in said
    assert "Secret" not in said


def test_nothing_is_said_where_every_letter_can_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(0, "J\u00fcrgen"), row(1, "Nguy\u1ec5n"), row(2, "\u05e9\u05dc\u05d5\u05dd")]
    assert list(input_table.warn_missing_glyphs(rows, Console())) == rows
    assert capsys.readouterr().err == ""
