from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bhuman_cli import sanitize


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("ready", "ready"),
        ("https://example.com/a?b=c&d=é", "https://example.com/a?b=c&d=é"),
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("  =1", "'=1"),
        ("\r\n@x", "'@x"),
        ("＝1+1", "'＝1+1"),
        ("\u200b=1", "'=1"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1b[2J=1", "'=1"),
        ("two\nlines\r\nand\ttab", "two lines and tab"),
        ("nul\0bell\x07", "nulbell"),
        ("<script>x</script>", "‹script›x‹/script›"),
        ("abc\u202etxt.exe", "abctxt.exe"),
        ("half \ud800", "half"),
    ],
)
def test_server_text_is_made_harmless(raw: str, shown: str) -> None:
    assert sanitize.cell(raw) == shown


def test_a_text_without_end_is_cut_to_what_a_cell_holds() -> None:
    assert len(sanitize.cell("é" * 100_000)) == len(sanitize.cell("e" * 100_000)) == sanitize.MAX_CHARS


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(st.text(max_size=6), st.sampled_from(["", "=1", " x", "a\nb", "<", "é", "ok", "-"])), max_size=11
    )
)
def test_several_texts_are_made_harmless_as_each_alone(given_texts: list[str]) -> None:
    assert sanitize.cells(given_texts) == [sanitize.cell(each) for each in given_texts]
