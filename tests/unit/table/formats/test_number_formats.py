from __future__ import annotations

import pytest

from bhuman_cli.table.formats import date_formats, number_formats


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("00000", 42, "00042"),
        ("00000", 1234567, "1234567"),
        ("00000-0000", 21390042, "02139-0042"),
        (r"000\-00\-0000", 12345678, "012-34-5678"),
        ('"No. "000', 7, "No. 007"),
        ("000", -7, "-007"),
        ("000;-000", 7, "007"),
        ("00.00", 3.145, "03.15"),
        ("000", 7.5, "008"),
        ("000_)", 7, "007"),
    ],
)
def test_padding_is_applied_as_the_sheet_shows_it(code: str, number: float, shown: str) -> None:
    padding = number_formats.padding(code)
    assert padding is not None
    assert padding.apply(number) == shown


@pytest.mark.parametrize(
    "code", ["0", "General", "@", "0.00", "#,##0", "0%", "0.00E+00", "# ?/?", "[Red]00", "yyyy-mm-dd"]
)
def test_other_formats_do_not_pad(code: str) -> None:
    assert number_formats.padding(code) is None


@pytest.mark.parametrize(
    ("code", "is_date"),
    [
        ("yyyy-mm-dd", True),
        ("[h]:mm", True),
        ("General", False),
        ("0.00", False),
        ('0" days"', False),
        ("[Red]0", False),
    ],
)
def test_dates_are_told_from_numbers(code: str, is_date: bool) -> None:
    assert date_formats.is_date(code) is is_date


@pytest.mark.parametrize(
    ("code", "number", "differs"),
    [
        ("0", 7, False),
        ("0", 7.5, True),
        ("[Red]0;[Blue]-0", 7, False),
        ("[>5]0", 7, True),
        ("0.00", 7.25, False),
        ("0.00", 7.5, True),
        ("#,##0", 999, False),
        ("#,##0", 1000, True),
        ("0%", 0.5, True),
        ("General", 7.123, False),
    ],
)
def test_a_format_is_worth_a_warning_where_it_shows_something_else(code: str, number: float, differs: bool) -> None:
    assert number_formats.shows_otherwise(code, number) is differs


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (7.0, "7"),
        (-0.0, "0"),
        (2.5, "2.5"),
        (0.1 + 0.2, "0.3"),
        (1e20, "100000000000000000000"),
        (1.234567890123457e17, "123456789012345700"),
        (1e-7, "0.0000001"),
        (491701234567.0, "491701234567"),
    ],
)
def test_numbers_are_written_out(number: float, text: str) -> None:
    assert number_formats.plain(number) == text
