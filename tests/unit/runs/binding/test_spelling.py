"""What a service may have made of a row's values: generous to confirm or refuse, strict to adopt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bhuman_cli.runs.binding import spelling


@pytest.mark.parametrize(
    ("made", "value"),
    [
        ("Smith &amp; Co", "Smith & Co"),
        ("Smith &amp;amp; Co", "Smith & Co"),
        ("ACME", "Acme"),
        ("Two Spaces", " Two\u00a0 Spaces\n"),
        ("O'Neil", "O\u2019Neil"),
        ('"quoted"', "\u201equoted\u201c"),
        ("2020-2024", "2020\u20132024"),
        ("Caf\u00e9", "Cafe\u0301 \U0001f600"),
        ("thumb", "thumb \U0001f44d\U0001f3fd"),
        ("firm", "\ufb01rm"),
        ("ab", "a\u200bb"),
        ("stra\u00dfe", "STRASSE"),
    ],
)
def test_values_fold_to_what_services_make_of_them(made: str, value: str) -> None:
    assert spelling.fold(made) == spelling.fold(value)


@given(st.text(st.characters(max_codepoint=126), max_size=30))
def test_plain_text_folds_as_any_other(value: str) -> None:
    """The emoji takes the long way, and is dropped at its end."""
    assert spelling.fold(f"{value} \U0001f600") == spelling.fold(value)


def test_other_values_stay_other() -> None:
    folds = {spelling.fold(value) for value in ("Ana", "Anna", "Ana B", "\u00c1na", "Ana-B", "")}
    assert len(folds) == 6


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        (("a very long comp", "x"), True),
        (("a very long comp...", "x"), True),
        (("a very long com", "x"), False),
        (("a very long company name", "x"), True),
        (("a very long company names", "x"), False),
        (("a very long comp",), False),
    ],
)
def test_a_cut_off_text_counts_from_sixteen_characters_on(text: tuple[str, ...], is_cut: bool) -> None:
    assert spelling.is_cut_of(text, ("a very long company name", "x")) == is_cut


def test_a_text_resembles_a_row_in_any_order_and_where_one_holds_all_of_the_other() -> None:
    row = ("ada", "acme")
    for text in (("acme", "ada"), ("ada",), ("ada", "acme", "more")):
        assert spelling.resembles(text, row)
    for other in (("ada", "other"), ("",), ()):
        assert not spelling.resembles(other, row)


def test_respellings_are_the_fewest_that_explain_a_confirmed_record() -> None:
    assert spelling.shown_by(["A &amp; B"], ["A & B"]) == {"entities"}
    assert spelling.shown_by(["a b"], ["A  B"]) == {"case", "space"}
    assert spelling.shown_by(["A B"], ["A B"]) == set()
    assert spelling.shown_by(["Zoe"], ["Ada"]) == set()


def test_nothing_is_respelt_inside_an_address() -> None:
    assert spelling.respelled(["https://x.example/Ab?a=1&amp;b"], {"case", "entities"}) == (
        "https://x.example/Ab?a=1&amp;b",
    )
    assert spelling.respelled(["Ab", "A@b.example"], {"case"}) == ("ab", "A@b.example")
