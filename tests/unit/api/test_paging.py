"""Following a list to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bhuman_cli.api import paging
from bhuman_cli.api.wire import Listing


def service(
    count: int, *, total: bool = True, calls: list[tuple[int, int]] | None = None
) -> Callable[[int, int], Listing]:
    records: list[dict[str, Any]] = [{"id": str(number)} for number in range(count)]

    def fetch(page: int, size: int) -> Listing:
        if calls is not None:
            calls.append((page, size))
        return Listing(total=count if total else None, items=tuple(records[page * size : (page + 1) * size]))

    return fetch


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 300])
def test_every_item_once_and_in_order(count: int, total: bool) -> None:
    found = paging.follow(service(count, total=total))
    assert [item["id"] for item in found.items] == [str(number) for number in range(count)]
    assert not found.is_cut


@pytest.mark.parametrize(
    ("count", "limit", "is_cut"), [(250, 100, True), (100, 100, False), (30, 7, True), (5, 7, False)]
)
def test_a_limit_cuts_and_says_so(count: int, limit: int, is_cut: bool) -> None:
    found = paging.follow(service(count), limit=limit)
    assert (len(found.items), found.is_cut) == (min(count, limit), is_cut)


def test_no_page_more_than_needed_is_asked_for() -> None:
    calls: list[tuple[int, int]] = []
    paging.follow(service(200, calls=calls))
    assert calls == [(0, 100), (1, 100)]
    calls.clear()
    paging.follow(service(200, calls=calls), limit=5)
    assert calls == [(0, 5)]


def test_a_service_that_ignores_the_page_does_not_hold_us_for_ever() -> None:
    page = Listing(total=None, items=tuple({"name": str(number)} for number in range(100)))
    assert len(paging.follow(lambda _page, _size: page).items) == 100


def test_a_service_that_answers_everything_at_once_is_believed() -> None:
    page = Listing(total=None, items=tuple({"id": str(number)} for number in range(250)))
    assert len(paging.follow(lambda _page, _size: page).items) == 250


@pytest.mark.parametrize(("limit", "shown"), [(0, 120), (110, 110)])
def test_a_service_with_smaller_pages_of_its_own_is_read_to_its_total(limit: int, shown: int) -> None:
    whole = service(120)
    found = paging.follow(lambda page, _size: whole(page, 50), limit=limit)
    assert [item["id"] for item in found.items] == [str(number) for number in range(shown)]
    assert found.is_cut == (limit > 0)


def test_a_total_that_is_never_reached_is_a_cut() -> None:
    page = Listing(total=120, items=tuple({"id": str(number)} for number in range(50)))
    found = paging.follow(lambda _page, _size: page)
    assert (len(found.items), found.is_cut) == (50, True)


def test_items_that_are_no_records_are_kept() -> None:
    found = paging.follow(lambda _page, _size: Listing(total=None, items=("a", None, "b", 5)))
    assert found.items == ("a", None, "b", 5)
