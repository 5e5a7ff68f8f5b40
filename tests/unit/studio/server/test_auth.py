"""Who may enter by which door."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.server.auth import Access, may_enter


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("access", "authorization", "doors"),
    [
        ("strict", basic("local:local"), {Access.ORDER, Access.BASIC, Access.EITHER}),
        ("open", basic("local:local"), {Access.ORDER, Access.BASIC, Access.EITHER, Access.LIST}),
        ("documented", basic("local:local"), {Access.ORDER}),
        ("documented", "Bearer local", {Access.LIST}),
        ("documented", basic("local:other"), set()),
        ("strict", "Bearer local", {Access.LIST, Access.EITHER}),
        ("open", "bearer  local ", {Access.LIST, Access.EITHER}),
        ("open", basic("local:other"), set()),
        ("open", basic("local"), set()),
        ("open", "Bearer other", set()),
        ("open", "Bearer ", set()),
        ("open", "Basic !!!", set()),
        ("open", "Basic \xff\xfe", set()),
        ("open", "Bearer \u20ac", set()),
        ("open", "Digest local", set()),
        ("open", "", set()),
        ("open", None, set()),
    ],
)
def test_doors(tmp_path: Path, access: str, authorization: str | None, doors: set[Access]) -> None:
    config = StudioConfig(home=tmp_path, access=access)  # type: ignore[arg-type]  # StudioConfig checks it
    assert {door for door in Access if may_enter(config, door, authorization)} == doors


def test_secrets_may_hold_colons(tmp_path: Path) -> None:
    config = StudioConfig(home=tmp_path, keys=(("id", "a:b:c"),))
    assert may_enter(config, Access.BASIC, basic("id:a:b:c"))
    assert not may_enter(config, Access.BASIC, basic("id:a:b"))
