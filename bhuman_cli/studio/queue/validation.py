"""Validation of well-formed requests (HTTP 400): mapping, assets, segments. Pure.

Source: API contract, sections 2.1, 2.3, 6.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bhuman_cli.domain import MAX_ROWS_PER_REQUEST

MODES: Final = ("keep_original", "full_script")
KINDS: Final = ("link", "site", "linkedin")
BACKGROUND_MODES: Final = ("basic", "circle", "chroma")


class InvalidOrder(Exception):
    """The payload can't be used; the message says why."""


def check_rows(variables: Sequence[str], names: Sequence[Sequence[str]]) -> None:
    """Check that every row has a value for every variable.

    Raises:
        Unusable: it has not, there are no rows or variables, too many rows, or a variable is named twice or not at all.
    """
    if not variables:
        raise InvalidOrder("variables is empty")
    if any(not name.strip() for name in variables):
        raise InvalidOrder("variables: a name is blank")
    if len(set(variables)) != len(variables):
        raise InvalidOrder("variables: a name is there twice")
    if not names:
        raise InvalidOrder("names is empty")
    if len(names) > MAX_ROWS_PER_REQUEST:
        raise InvalidOrder(f"names has {len(names)} rows; the most is {MAX_ROWS_PER_REQUEST}")
    for index, row in enumerate(names):
        if len(row) != len(variables):
            raise InvalidOrder(f"names[{index}] has {len(row)} values for {len(variables)} variables")


def check_known(variables: Sequence[str], target_variables: Sequence[str], *, accepts_any: bool) -> None:
    """Check the variables against those of the template.

    Raises:
        Unusable: one is missing, or unknown to a template that doesn't take any.
    """
    if accepts_any:
        return
    if unknown := [name for name in variables if name not in target_variables]:
        raise InvalidOrder(f"variables: the template has no {', '.join(sorted(unknown))[:200]}")
    if missing := [name for name in target_variables if name not in variables]:
        raise InvalidOrder(f"variables: the template needs {', '.join(sorted(missing))[:200]}")


def mode(name: str | None) -> str:
    """Return the generation mode; missing or blank is keep_original.

    Raises:
        Unusable: another word.
    """
    word = (name or "").strip() or MODES[0]
    if word not in MODES:
        raise InvalidOrder(f"generation_mode must be {' or '.join(MODES)}")
    return word


def complete_assets(
    assets: Sequence[Sequence[str | None]] | None, *, rows: int, backgrounds: int
) -> list[tuple[str, ...]]:
    """Return one tuple per row, one URL per background, "" where blank; https:// is put before what has no scheme.

    Raises:
        Unusable: rows or columns don't line up, or a URL is of another scheme.
    """
    if not assets:
        if backgrounds:
            raise InvalidOrder(f"assets is missing, but there are {backgrounds} backgrounds")
        return [()] * rows
    if len(assets) != rows:
        raise InvalidOrder(f"assets has {len(assets)} rows, names has {rows}")
    for index, row in enumerate(assets):
        if len(row) != backgrounds:
            raise InvalidOrder(f"assets[{index}] has {len(row)} columns for {backgrounds} backgrounds")
    return [tuple(_complete(cell, index) for cell in row) for index, row in enumerate(assets)]


def _complete(cell: str | None, index: int) -> str:
    url = (cell or "").strip()
    if not url:
        return ""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d)", url):
        return f"https://{url}"
    if not re.match(r"https?://[^/\s]", url, re.IGNORECASE):
        raise InvalidOrder(f"assets[{index}]: only http and https URLs")
    return url


def check_segments(backgrounds: Sequence[Mapping[str, Any]]) -> None:
    """Check that segments are whole and do not overlap; end -1 means to the end.

    Raises:
        Unusable: they do.
    """
    spans = []
    for index, background in enumerate(backgrounds):
        start, end = float(background["start"]), float(background["end"])
        end = float("inf") if end == -1 else end
        if start < 0 or end <= start:
            raise InvalidOrder(
                f"backgrounds[{index}]: a segment ends after it starts (or at -1), and starts at 0 or later"
            )
        if background["kind"] not in KINDS:
            raise InvalidOrder(f"backgrounds[{index}].kind must be {', '.join(KINDS)}")
        if background["config"]["mode"] not in BACKGROUND_MODES:
            raise InvalidOrder(f"backgrounds[{index}].config.mode must be {', '.join(BACKGROUND_MODES)}")
        spans.append((start, end, index))
    spans.sort()
    for (_, end, one), (start, _, other) in itertools.pairwise(spans):
        if start < end:
            raise InvalidOrder(f"backgrounds[{one}] and backgrounds[{other}] overlap")
