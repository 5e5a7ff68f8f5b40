"""Pages of a list, followed until it ends. Knows no endpoint, sends nothing itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli.api.wire import Listing

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedResult:
    """What was collected. total: as the service says. is_cut: there may be more behind the limit."""

    items: tuple[Any, ...]
    total: int | None
    is_cut: bool


def follow(fetch: Callable[[int, int], Listing], *, limit: int = 0) -> PagedResult:
    """Collect the items of all pages, in the service's order, each once.

    fetch: given page (from 0) and size. limit: at most so many items, 0 for all.
    """
    items: list[Any] = []
    seen: set[str] = set()
    total: int | None = None
    # The size stays the same on all pages: with another one, page 1 would begin somewhere else.
    size = min(limit, PAGE_SIZE) if limit else PAGE_SIZE
    for page in range(MAX_PAGES):
        listing = fetch(page, size)
        total = listing.total if listing.total is not None else total
        fresh = [item for item in listing.items if (mark := _mark(item)) not in seen and not seen.add(mark)]  # type: ignore[func-returns-value]
        items += fresh
        if limit and len(items) >= limit:
            has_more = len(items) > limit or (total is None and len(listing.items) >= size) or (total or 0) > limit
            return PagedResult(items=tuple(items[:limit]), total=total, is_cut=has_more)
        # A service that takes no notice of `page` would answer the same for ever; a longer page than asked for is all.
        # A shorter page is the last one, unless the total says that the service has pages of its own size.
        is_all = len(items) >= total if total is not None else len(listing.items) != size
        if is_all or not fresh or len(listing.items) > size:
            break
    return PagedResult(items=tuple(items), total=total, is_cut=total is not None and len(items) < total)


def _mark(item: Any) -> str:
    identifier = item.get("id") if isinstance(item, dict) else None
    return identifier if isinstance(identifier, str) and identifier else json.dumps(item, sort_keys=True, default=str)
