from __future__ import annotations

from pathlib import Path

import pytest

from bhuman_cli.domain import Background, RowState
from tests.support.intakes import said, take
from tests.unit.table.test_checked_table import BACKGROUND


def test_assets_are_completed_and_blank_ones_skipped(tmp_path: Path) -> None:
    text = "name,logo,shot\nAnn,example.com/a.png,HTTP://x.io/b\nBob,,//cdn.example.com/c\n"
    rows, opened = take(tmp_path, text, asset_columns=["shot", "logo"], backgrounds=[BACKGROUND, _later()])
    assert [row.assets for row in rows] == [
        ("HTTP://x.io/b", "https://example.com/a.png"),
        ("https://cdn.example.com/c", ""),
    ]
    assert (opened.variables, len(opened.problems)) == (("name",), 0)


def test_one_address_for_all_rows_and_one_column_for_several_segments(tmp_path: Path) -> None:
    grounds = [BACKGROUND, _later(), Background(start=9, end=-1, kind="link", config={})]
    wanted = ["https://cdn.example.com/logo.png", "shot", "shot"]
    rows, opened = take(tmp_path, "name,shot\nAnn,x.io/a\n,\nBob,x.io/b\n", asset_columns=wanted, backgrounds=grounds)
    logo = "https://cdn.example.com/logo.png"
    assert rows.pop(1).state is RowState.SKIPPED, "an address for all rows makes no recipient"
    assert [row.assets for row in rows] == [
        (logo, "https://x.io/a", "https://x.io/a"),
        (logo, "https://x.io/b", "https://x.io/b"),
    ]
    assert opened.variables == ("name",)


@pytest.mark.parametrize(
    "text",
    [
        *("ftp://x.io/a", "javascript:alert(1)", "data:image/png;base64,x", "file:///etc/passwd", "C:\\logo.png"),
        *(
            "a b.com",
            "https://",
            "logo",
            "mailto:a@b.c",
            "https://[bad",
            "#N/A",
            "https://x.io:99999/",
            "https://x.io/{{id}}.png",
        ),
    ],
)
def test_assets_that_are_no_web_address_are_errors(tmp_path: Path, text: str) -> None:
    rows, opened = take(tmp_path, f'name,logo\nAnn,"{text}"\n', asset_columns=["logo"], backgrounds=[BACKGROUND])
    assert (rows[0].state, rows[0].assets, opened.problems.errors) == (RowState.INVALID, (), 1)


@pytest.mark.parametrize(
    "text", ["localhost:8000/a.png", "example.com:8080/a.png", "http://127.0.0.1:9/a", "https://[::1]/x"]
)
def test_assets_with_ports_are_web_addresses(tmp_path: Path, text: str) -> None:
    rows, _ = take(tmp_path, f"name,logo\nAnn,{text}\n", asset_columns=["logo"], backgrounds=[BACKGROUND])
    assert rows[0].assets[0].endswith(text)


def _later() -> Background:
    return Background(start=5, end=-1, kind="link", config={})


def test_what_concerns_the_whole_file_is_listed_with_the_rest(tmp_path: Path) -> None:
    rows, opened = take(
        tmp_path,
        "name,logo\n,x.io\n",
        asset_columns=["logo"],
        backgrounds=[BACKGROUND, Background(start=4, end=-1, kind="link", config={})],
        callback_url="http://example.com/hook",
    )
    assert [rule for row, _, _, rule, _ in said(opened) if row is None] == [
        "backgrounds 1 and 2 overlap in time",
        "1 asset column, but 2 backgrounds",
        "--callback-url: not an https:// address",
    ]
    assert (opened.problems.file_errors, opened.problems.errors, rows[0].assets) == (3, 4, ())
