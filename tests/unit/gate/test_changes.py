"""Other variables and rows rendered anew, as tables of cases."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bhuman_cli.gate import changes
from bhuman_cli.gate.changes import Anew


@pytest.mark.parametrize(
    ("sent", "known", "accepted", "words"),
    [
        ("ab", None, (), ""),
        ("ab", "ba", (), ""),
        ("a", "ab", (), "missing: b"),
        ("abc", "ab", (), "new: c"),
        ("ac", "ab", (), "missing: b, new: c"),
        ("a", "ab", ("a",), ""),
        ("xy", "ab", (), "none of the campaign's variables"),
    ],
)
def test_other_variables_need_a_word_once_a_set(
    sent: str, known: str | None, accepted: Sequence[str], words: str
) -> None:
    said = changes.other_variables(sent, known, accepted)
    assert (words in said) if words else said == ""


@pytest.mark.parametrize(
    ("rows", "of", "refused"), [(20, 20, False), (21, 105, False), (21, 104, True), (100, 100, True)]
)
def test_more_than_twenty_and_a_fifth(rows: int, of: int, refused: bool) -> None:
    assert bool(changes.many_anew(Anew(rows=rows, of=of))) is refused


def test_the_column_in_which_rows_differ_alone() -> None:
    paid = [(f"Ana{at}", f"Co {at}", "monday") for at in range(9)]
    new = [(f"Ana{at}", f"Co {at}", "tuesday") for at in range(7)] + [("Bo", "Else", "tuesday")]
    assert changes.one_column(new, paid, ("name", "company", "day")) == ("day", 7)
    other = [("Ana0", "Changed", "monday"), ("Changed", "Co 1", "monday")]
    assert changes.one_column(other, paid, ("name", "company", "day"))[1] == 1, "not the same column throughout"
    assert changes.one_column([("x",)], [("y",)], ("name",)) == ("", 0), "one variable says nothing"


def test_changed_columns_of_rows_with_the_same_key() -> None:
    paid = {"a@x": ("Ana", "Co", "1"), "b@x": ("Bo", "Co", "2"), "c@x": ("Cy", "Else", "3")}
    new = {"a@x": ("Ana", "Co", "9"), "b@x": ("Bob", "Co", "9"), "c@x": ("All", "is", "new"), "d@x": ("Dan", "", "")}
    columns = ("name", "company", "day")
    assert changes.changed_columns(new, paid, columns, by_place=True) == (2, {"day": 2, "name": 1})
    assert changes.changed_columns(new, paid, columns, by_place=False) == (3, {"day": 3, "name": 2, "company": 1})
    assert changes.listed({"day": 1, "name": 2_000}) == "name in 2,000 rows, day in 1 row"
