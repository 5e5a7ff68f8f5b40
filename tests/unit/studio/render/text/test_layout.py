"""Text as pictures: shaping and order without system libraries, fitting, and what no font covers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bhuman_cli.studio.render.text import fonts, layout, shaping
from tests.support import colour_font

WHITE = (255, 255, 255)
WIDE = layout.Box(width_px=2_000, size_px=40, smallest_px=20)


def drawn(value: str, box: layout.Box = WIDE) -> np.ndarray:
    return layout.draw(layout.fit(value, box), WHITE)


def glyphs(value: str) -> list[int]:
    return [placed.glyph for placed in shaping.line(value, "bold", shaping.base_level(value)).glyphs]


@pytest.mark.parametrize(
    "value",
    ["Zoë Łódź", "Nguyễn Thị Ánh", "محمد عبد الله", "שלמה כהן", "अभिषेक क्षत्रिय", "สมชาย ใจดี", "শ্রীকান্ত", "தமிழ்ச்செல்வி",
     "Ольга", "Γιώργος", "İğdır ß", "O’Connor – “x” €"],
)  # fmt: skip
def test_the_shipped_fonts_cover_what_names_need(value: str) -> None:
    assert layout.uncovered(value) == ""
    assert drawn(value)[..., 3].any()


def test_characters_nobody_covers_are_named_once_and_leave_no_boxes() -> None:
    assert layout.uncovered("A\U000e0041\ue000B\ue000") == "\U000e0041\ue000"
    assert glyphs("A\ue000B") == glyphs("AB")
    assert 0 not in glyphs("A\ue000B")


def test_what_a_template_s_own_font_covers_is_not_missing(tmp_path: Path) -> None:
    own = str(colour_font.build(tmp_path / "own.ttf", 0))
    assert layout.uncovered("a😀\ue000", own) == "\ue000"
    box = layout.Box(width_px=400, size_px=40, smallest_px=20, font=own)
    assert len(layout.fit("a 😀", box).lines[0].glyphs) == 3


def test_invisible_characters_are_not_reported() -> None:
    assert layout.uncovered("a\u200db\u200c\u200f\ufe0f \n\t\u202ac\u202c\u2066d\u2069") == ""


def test_arabic_letters_join() -> None:
    alone = {glyphs(letter)[0] for letter in "محمد"}
    assert not alone & set(glyphs("محمد")[1:]), "inner letters must have joined forms"


def test_devanagari_vowel_signs_move_before_their_consonant_and_conjuncts_form() -> None:
    assert len(glyphs("क्ष")) < 3, "three characters, one conjunct"
    consonant = glyphs("क")[0]
    assert glyphs("कि")[1] == consonant, "the sign i is written before its consonant"


def test_hebrew_runs_from_right_to_left() -> None:
    assert glyphs("אב") == [glyphs("ב")[0], glyphs("א")[0]]


def test_mixed_text_keeps_numbers_and_latin_readable_inside_arabic() -> None:
    line = shaping.line("שלום 123 Bob", "bold", 1).glyphs
    found = [placed.glyph for placed in line]
    digits, bob = glyphs("123"), glyphs("Bob")
    assert "".join(map(chr, digits)) in "".join(map(chr, found))
    assert "".join(map(chr, bob)) in "".join(map(chr, found))
    assert found[: len(bob)] == bob, "what comes last in a right-to-left line stands leftmost"


def test_brackets_follow_what_they_enclose() -> None:
    value = "Hi אבג (דה)!"
    found = shaping.line(value, "bold", shaping.base_level(value)).glyphs
    opening, closing = glyphs("(")[0], glyphs(")")[0]
    latin = fonts.faces("bold")[0]
    brackets = [placed for placed in found if placed.face is latin and placed.glyph in {opening, closing}]
    assert [placed.glyph for placed in brackets] == [opening, closing]
    between = [placed for placed in found if brackets[0].x < placed.x < brackets[1].x]
    assert len(between) == 2


def test_marks_do_not_widen_a_line() -> None:
    assert shaping.line("e\u0301", "bold", 0).width == pytest.approx(shaping.line("é", "bold", 0).width)


def test_clusters_keep_joined_emoji_and_flags_together() -> None:
    scotland = "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbsct\x7f")
    value = f"👩‍💻a👍🏽🇧🇷🇵🇱e\u0301{scotland}b"
    assert shaping.clusters(value) == ["👩‍💻", "a", "👍🏽", "🇧🇷", "🇵🇱", "e\u0301", scotland, "b"]


@pytest.mark.parametrize("size", range(1, 12))
def test_fitting_ends_however_small_the_letters_are(size: int) -> None:
    for smallest in range(1, size + 1):
        box = layout.Box(width_px=30, size_px=size, smallest_px=smallest, lines=2)
        assert len(layout.fit("a long value " * 9, box).lines) == 2


def lines_of(value: str, box: layout.Box) -> list[list[int]]:
    return [[placed.glyph for placed in line.glyphs] for line in layout.fit(value, box).lines]


def test_a_long_name_breaks_at_its_hyphen() -> None:
    box = layout.Box(width_px=600, size_px=40, smallest_px=24, lines=2)
    wanted = ["Hi Alexandria Konstantinopolous-", "Featherstonehaugh von Hohenzollern"]
    assert lines_of(" ".join(wanted).replace("- ", "-"), box) == [glyphs(line) for line in wanted]


def test_a_word_shrinks_before_it_is_broken() -> None:
    box = layout.Box(width_px=560, size_px=40, smallest_px=22, lines=3)
    wanted = ["Rindfleischetikettierungsüberwachungs", "GmbH & Co. KG"]
    assert lines_of(" ".join(wanted), box) == [glyphs(line) for line in wanted]


def test_writing_without_spaces_wraps_before_it_becomes_small() -> None:
    box = layout.Box(width_px=560, size_px=40, smallest_px=12, lines=2)
    assert layout.fit("กรุงเทพมหานครอมรรัตนโกสินทร์มหินทรา", box).size_px == 32


def test_what_no_font_covers_leaves_no_gap() -> None:
    for value, wanted in (
        ("Hi Zoë \ue000!", "Hi Zoë!"), ("\ue000 Zoë", "Zoë"), ("a \ue000\ue001 b", "a b"), ("a\ue000b", "ab"),
    ):  # fmt: skip
        assert lines_of(value, WIDE) == [glyphs(wanted)]


def test_a_long_value_shrinks_first() -> None:
    block = layout.fit("A longer name than fits", layout.Box(width_px=300, size_px=40, smallest_px=20))
    assert len(block.lines) == 1
    assert 20 <= block.size_px < 40
    assert block.width_px <= 300


def test_then_it_wraps_and_then_it_ends_in_an_ellipsis() -> None:
    box = layout.Box(width_px=300, size_px=40, smallest_px=24, lines=2)
    block = layout.fit("one two three four five six seven", box)
    assert len(block.lines) == 2
    assert block.width_px <= 300
    cut = layout.fit("word " * 200, box)
    assert len(cut.lines) == 2
    assert cut.size_px == 24
    assert cut.lines[-1].glyphs[-1].glyph == glyphs("…")[-1]
    assert cut.width_px <= 301


def test_a_word_without_spaces_is_broken_rather_than_lost() -> None:
    block = layout.fit("https://example.com/" + "x" * 40, layout.Box(width_px=300, size_px=40, smallest_px=20, lines=4))
    assert block.width_px <= 301
    assert sum(len(line.glyphs) for line in block.lines) == 60


def test_line_breaks_in_a_value_become_spaces() -> None:
    assert np.array_equal(drawn("a\nb"), drawn("a b"))


def test_nothing_draws_outside_its_picture_or_fails_for_odd_values() -> None:
    for value in ("", " ", "\u0301", "\u202e", "🇧", "a" * 5_000_000, "\u0e33" * 30, "ﷺ" * 20, "([{" * 9_999):
        assert drawn(value, layout.Box(width_px=400, size_px=40, smallest_px=20, lines=2)).shape[2] == 4


def test_arabic_is_shaped_without_pillows_text_engine_or_fribidi() -> None:
    """The picture must come out the same where neither libraqm nor libfribidi can be loaded."""
    program = (
        "import sys, hashlib; sys.modules['PIL._imagingft'] = None; sys.modules['PIL.ImageFont'] = None;"
        "from bhuman_cli.studio.render.text import layout;"
        "box = layout.Box(width_px=900, size_px=40, smallest_px=20);"
        "a = layout.draw(layout.fit('محمد अभिषेक สมชาย', box), (255, 255, 255));"
        "print(hashlib.sha256(a.tobytes()).hexdigest())"
    )
    import hashlib

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    here = drawn("محمد अभिषेक สมชาย", layout.Box(width_px=900, size_px=40, smallest_px=20))
    assert found.stdout.strip() == hashlib.sha256(here.tobytes()).hexdigest()


def test_the_licence_travels_with_the_fonts() -> None:
    assert "SIL OPEN FONT LICENSE" in (fonts.HERE / "OFL.txt").read_text("utf-8")
    assert sum(path.stat().st_size for path in fonts.HERE.glob("*.ttf")) < 1_400_000


def test_fonts_differ_and_fall_back_for_what_they_lack(tmp_path: Path) -> None:
    own = tmp_path / "own.ttf"
    own.write_bytes((fonts.HERE / "NotoSansHebrew-Bold.ttf").read_bytes())
    for font in ("regular", str(own)):
        box = layout.Box(width_px=2_000, size_px=40, smallest_px=20, font=font)
        assert layout.fit("Zoë שלמה", box).width_px > 100
    assert shaping.line("Zoë", "regular", 0).width < shaping.line("Zoë", "bold", 0).width


def test_emoji_are_drawn_in_colour_where_the_system_has_them_and_reported_where_not() -> None:
    if fonts.emoji_face() is None:
        assert layout.uncovered("Ana 🎉") == "🎉"
        return
    picture = drawn("🎉")
    colours = picture[picture[..., 3] > 200][:, :3]
    assert len(np.unique(colours // 32, axis=0)) > 5


@pytest.mark.parametrize("version", [0, 1])
def test_emoji_of_coloured_outlines_are_drawn_too(version: int, tmp_path: Path) -> None:
    """Windows' and some distributions' emoji fonts hold layers of outlines, no pictures."""
    face = fonts.Face(colour_font.build(tmp_path / "emoji.ttf", version), is_emoji=True)
    assert face.has_colours
    picture, left, top = face.glyph(1, 40, 0)
    assert (picture.shape, left, top) == ((40, 40, 4), 0, 40)
    assert picture[20, 20].tolist() == [0, 0, 255, 255]
    assert picture[2, 2].tolist() == [255, 0, 0, 255 if version == 0 else 128]


def test_a_font_without_colours_is_no_emoji_font() -> None:
    assert not fonts.faces("bold")[0].has_colours
