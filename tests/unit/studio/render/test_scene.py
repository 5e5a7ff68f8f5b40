"""What is on screen when: pieces, marks, blanks, stacking, the built-in layout."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from bhuman_cli.studio.render import presenter, scene, template
from bhuman_cli.studio.render.template import Backdrop, Section, Template

REEL = scene.Reel(fps=Fraction(30), frames=300)


def made(*sections: Section, backdrops: tuple[Backdrop, ...] = ()) -> Template:
    return Template(name="t", variables=tuple(s.name for s in sections), sections=sections, backdrops=backdrops)


def section(start: float, end: float, name: str = "a", **more: object) -> Section:
    return Section(name=name, start=start, end=end, text=f"{{{name}}}", **more)  # type: ignore[arg-type]


def backdrop(start: float, end: float, **more: object) -> Backdrop:
    return Backdrop(start=start, end=end, kind="link", mode="basic", **more)  # type: ignore[arg-type]


def spans(plan: scene.Scene) -> list[tuple[int, int]]:
    return [(piece.first, piece.last) for piece in plan.pieces]


def test_seconds_become_frames_outwards_and_inside_the_footage() -> None:
    assert scene.span(1.0, 3.0, REEL) == (30, 90)
    assert scene.span(1.01, 2.99, REEL) == (30, 90)
    assert scene.span(9.0, -1, REEL) == (270, 300)
    assert scene.span(9.0, 99, REEL) == (270, 300)
    assert scene.span(20, 30, REEL) == (300, 300)


def test_only_what_varies_is_a_piece() -> None:
    plan = scene.lay_out(made(section(1, 2), section(5, 6, "b")), REEL, {"a": "x", "b": "y"}, (), ())
    assert spans(plan) == [(30, 60), (150, 180)]
    assert plan.marks == (0, 30, 60, 150, 180)


def test_overlapping_captions_are_cut_where_they_change_so_that_equal_values_give_equal_pieces() -> None:
    used = made(section(1, 3), section(2, 4, "b"))
    one = scene.lay_out(used, REEL, {"a": "x", "b": "y"}, (), ())
    other = scene.lay_out(used, REEL, {"a": "x", "b": "z"}, (), ())
    assert spans(one) == [(30, 60), (60, 90), (90, 120)]
    assert one.pieces[0] == other.pieces[0]
    assert one.pieces[1] != other.pieces[1]


def test_marks_do_not_depend_on_the_row() -> None:
    used = made(section(1, 2), backdrops=(backdrop(4, 6),))
    full = scene.lay_out(used, REEL, {"a": "x"}, ("http://h/x",), used.backdrops)
    blank = scene.lay_out(used, REEL, {"a": ""}, ("  ",), used.backdrops)
    assert full.marks == blank.marks
    assert spans(blank) == []
    assert blank.captions == ()
    assert blank.backdrops == ()


def test_pieces_too_short_for_a_key_frame_join_their_neighbour() -> None:
    used = made(section(1, 2), section(1.9, 3, "b"))
    assert spans(scene.lay_out(used, REEL, {"a": "x", "b": "y"}, (), ())) == [(30, 60), (60, 90)]


def test_a_piece_never_spans_the_edge_of_a_background() -> None:
    used = made(section(1, 2.1), backdrops=(backdrop(2, 4),))
    plan = scene.lay_out(used, REEL, {"a": "x"}, ("http://h/x",), used.backdrops)
    assert all(
        piece.shown is None or (piece.shown.first <= piece.first and piece.last <= piece.shown.last)
        for piece in plan.pieces
    )
    assert (30, 60) in spans(plan)


@pytest.mark.parametrize("assets", [(), ("http://h/x",), ("http://h/x", "", "http://h/3", "http://h/4")])
def test_assets_beyond_or_short_of_the_backgrounds_are_blank_or_ignored(assets: tuple[str, ...]) -> None:
    shown = (backdrop(1, 2), backdrop(3, 4), backdrop(5, 6))
    plan = scene.lay_out(made(), REEL, {}, assets, shown)
    expected = [number for number, asset in enumerate(assets[:3], 1) if asset]
    assert [item.number for item in plan.backdrops] == expected


def test_captions_at_one_place_and_time_get_slots_of_their_own() -> None:
    used = made(
        section(1, 3, "a", position="right"), section(1, 3, "b", position="right"), section(4, 5, "c", position="right")
    )
    found = scene.lay_out(used, REEL, {"a": "1", "b": "2", "c": "3"}, (), ()).captions
    assert [(caption.slot, caption.slots) for caption in found] == [(0, 2), (1, 2), (0, 1)]


def test_values_are_filled_in_once_and_braces_in_them_stay() -> None:
    section = Section(name="a", start=0, end=1, text="{a} and {b}{nobody}")
    assert section.fill({"a": "{b}", "b": "{a}"}) == "{b} and {a}"
    assert section.fill({"a": " ", "b": "x"}) == section.fill({"b": "x"}) == "", "its own value is blank"


def test_the_built_in_template_says_a_sentence_and_never_the_raw_table() -> None:
    values = {"first_name": "Zoë", "company": "Acme", "plan": "Pro", "e-mail": "zoe@acme.example", "score": "7"}
    reel = scene.Reel(fps=Fraction(presenter.FPS), frames=presenter.FRAMES)
    plan = scene.lay_out(template.BUILT_IN, reel, values, (), ())
    assert [caption.text for caption in plan.captions] == [
        "Hi Zoë!", "Pro, made for Acme", "Thank you for watching, Zoë!",
    ]  # fmt: skip
    assert {caption.label for caption in plan.captions} == {""}
    assert plan.captions[-1].last / reel.fps >= 8, "the end is not empty"
    assert set(plan.marks) <= set(presenter.MARKS), "the presenter must be usable as it is"


def test_captions_make_room_for_a_presenter_in_their_corner() -> None:
    reel = scene.Reel(fps=Fraction(presenter.FPS), frames=presenter.FRAMES)
    shown = (dataclasses.replace(backdrop(3.5, -1), position="bottom-left"),)
    values = {"first_name": "Zoë", "company": "Acme"}
    free = scene.lay_out(template.BUILT_IN, reel, values, ("",), shown).captions
    taken = scene.lay_out(template.BUILT_IN, reel, values, ("http://h/x",), shown).captions
    assert [caption.position for caption in free] == ["bottom-left"] * 3
    assert [caption.position for caption in taken] == ["bottom-left", "top-left", "top-left"]
