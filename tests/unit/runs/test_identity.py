"""What makes two rows the same purchase."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bhuman_cli.domain import Background, RenderSpec
from bhuman_cli.runs import identity

SPEC = RenderSpec(variables=("first_name", "company"))


def of(values: tuple[str, ...], assets: tuple[str, ...] = (), **changed: Any) -> bytes:
    return identity.of_spec(replace(SPEC, **changed))(values, assets)


def test_the_order_of_columns_does_not_matter_but_which_value_is_whose_does() -> None:
    assert of(("Ada", "Acme")) == of(("Acme", "Ada"), variables=("company", "first_name"))
    assert of(("Ada", "Acme")) != of(("Acme", "Ada"))


def test_a_quality_is_another_video_and_none_is_what_it_was_before_there_was_any() -> None:
    row = ("Ada", "Acme")
    assert len({of(row), of(row, quality="standard"), of(row, quality="premium")}) == 3
    assert of(row, quality=None) == of(row)


def test_accents_in_either_form_and_outer_white_space_are_the_same() -> None:
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert of((composed, "Acme")) == of((decomposed, "Acme"))
    assert of((" Ada\t", "Acme\u00a0")) == of(("Ada", "Acme"))
    assert of(("Ada", "a"), variables=(composed, "b")) == of(("Ada", "a"), variables=(decomposed, "b"))
    assert identity.text_key([composed, " x "]) == identity.text_key([decomposed, "x"])


def test_case_and_inner_white_space_are_not_the_same() -> None:
    assert len({of((name, "Acme")) for name in ("Ada", "ada", "A da", "A  da", "")}) == 5


def test_no_value_can_pretend_to_be_the_border_between_two() -> None:
    borders = [("a\x1fb", "c"), ("a", "b\x1fc"), ("a", "b"), ("a b", "c"), ("a", "b c"), ("a\x00b", "c"), ("=1:a", "b")]
    pairs = [*borders, ("ab", ""), ("", "ab"), ("a1:b", ""), ("1:a", "1:b"), ("a;", "b"), ("a", ";b")]
    assert len({of(pair) for pair in pairs}) == len(pairs)
    assert of(("a", "b"), ("c",)) != of(("a", "b"), ("c", ""))
    assert len({identity.text_key(pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    "changed",
    [
        {"variables": ("first_name", "firm")},
        {"generation_mode": "full_script"},
        {"lipsync": True},
        {"lipsync": False},
        {"backgrounds": (Background(start=0, end=3, kind="link", config={"mode": "basic"}),)},
    ],
)
def test_whatever_changes_the_video_is_another_purchase(changed: dict[str, Any]) -> None:
    assert of(("Ada", "Acme")) != of(("Ada", "Acme"), **changed)


def test_assets_count_and_so_does_every_part_of_a_background() -> None:
    one = Background(start=0, end=3, kind="link", config={"mode": "basic", "scale": 0.4})
    others = [
        replace(one, start=1.5), replace(one, end=-1), replace(one, kind="site"),
        replace(one, config={"mode": "circle", "scale": 0.4}), replace(one, config={"mode": "basic"}),
    ]  # fmt: skip
    row = (("Ada", "Acme"), ("https://a.example",))
    assert len({of(*row, backgrounds=(item,)) for item in (one, *others)}) == 6
    assert of(*row, backgrounds=(one,)) != of(row[0], ("https://b.example",), backgrounds=(one,))


def test_a_number_written_another_way_is_the_same_background() -> None:
    """`0` and `0.0`, and keys in another order, are the same JSON to the service."""
    one = Background(start=0, end=3, kind="link", config={"mode": "basic", "scale": 1, "at": [1, 2.5]})
    other = Background(start=0.0, end=3.0, kind="link", config={"scale": 1.0, "mode": "basic", "at": [1.0, 2.5]})
    assert of(("Ada", "Acme"), ("",), backgrounds=(one,)) == of(("Ada", "Acme"), ("",), backgrounds=(other,))


def test_lone_surrogates_do_not_break_it() -> None:
    assert of(("\ud800", "x")) != of(("\ud801", "x"))


# Bytes that stand in people's journals: with any other, every row that was ever paid would be new, and paid again.


@pytest.mark.parametrize(
    ("spec", "values", "assets", "pinned"),
    [
        (SPEC, ("Ada", "Acme"), (), "bdd372ae7ec2eaee18763d41bb41bb34"),
        (replace(SPEC, variables=("company", "first_name")), ("Acme", "Ada"), (), "bdd372ae7ec2eaee18763d41bb41bb34"),
        (SPEC, ("Ada\x1fBob", "Acme"), (), "0e101d8d3e09cd8d0ffe45a4182e1645"),
        (SPEC, ("Zoe\u0308", "M\u00fcller "), (), "cb08b66d78d30630715fa7c4bf96a2aa"),
        (
            RenderSpec(
                variables=("first_name",), lipsync=True, generation_mode="full_script",
                backgrounds=(
                    Background(
                        start=0.0, end=-1.0, kind="site", config={"mode": "circle", "scale": 0.4}, name="page"
                    ),
                ),
            ),
            ("Ada",), ("https://x.example/1",), "b45ae86ed24bc361ed4f4c23b3036439",
        ),
    ],
)  # fmt: skip
def test_the_bytes_of_an_identity_never_change(
    spec: RenderSpec, values: tuple[str, ...], assets: tuple[str, ...], pinned: str
) -> None:
    assert identity.of_spec(spec)(values, assets).hex() == pinned


@pytest.mark.parametrize(
    ("values", "pinned"),
    [
        (("Ada", "Acme"), "ef2b473bd83544d511595f91ebcecc89"),
        (("A\x1fB",), "c13f7bf53f4b23cedc2142963b998593"),
        (("Zo\u00eb", "M\u00fcller"), "c8d6c7aeeab7f913c68e1dec1dec7b44"),
    ],
)
def test_the_bytes_of_a_text_never_change(values: tuple[str, ...], pinned: str) -> None:
    assert identity.text_key(values).hex() == pinned
