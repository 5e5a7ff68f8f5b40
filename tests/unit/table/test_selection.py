from __future__ import annotations

import pytest

from bhuman_cli.errors import UsageError
from bhuman_cli.table import selection


def rows(text: str | None, limit: int | None = None, count: int = 20) -> list[int]:
    chosen, found = selection.parse(text, limit), list[int]()
    for row_index in range(count):
        if chosen.has(row_index, len(found)):
            found.append(row_index)
    return found


def test_everything_unless_told() -> None:
    assert selection.parse(None, None).is_all
    assert rows(None) == list(range(20))


def test_pieces_and_counts() -> None:
    assert rows("0-3, 15") == [0, 1, 2, 3, 15]
    assert rows("17-") == [17, 18, 19]
    assert rows(None, 3) == [0, 1, 2]
    assert rows("5-9,1", 3) == [1, 5, 6]
    assert rows("50") == []


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-3", "1-2-3"])
def test_refuses_other_forms(text: str) -> None:
    with pytest.raises(UsageError, match="--rows"):
        selection.parse(text, None)


def test_refuses_less_than_one_row() -> None:
    with pytest.raises(UsageError, match="--limit"):
        selection.parse(None, 0)
