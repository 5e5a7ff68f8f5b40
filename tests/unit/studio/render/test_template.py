"""Template files: defaults, limits, and messages that name every problem at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bhuman_cli.studio.render import template


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "intro.toml"
    path.write_text(text, "utf-8")
    return path


def problems(tmp_path: Path, text: str) -> str:
    with pytest.raises(template.TemplateError) as caught:
        template.load(write(tmp_path, text))
    return caught.value.message


def test_none_is_the_built_in_one_which_takes_any_variables() -> None:
    used = template.load(None)
    assert used is template.BUILT_IN
    assert used.accepts_any
    assert used.duration == 9.0


def test_everything_that_may_be_left_out_has_its_documented_default(tmp_path: Path) -> None:
    used = template.load(
        write(
            tmp_path,
            '[[variables]]\nname = "first_name"\nstart = 1\nend = 2\n'
            '[[backgrounds]]\nstart = 3\nend = -1\nkind = "site"\nconfig = { mode = "circle" }\n',
        )
    )
    assert used.name == "intro"
    assert used.video is None
    assert used.variables == ("first_name",)
    assert used.sections[0].text == "{first_name}"
    assert used.sections[0].position == "bottom-left"
    shown = used.backdrops[0]
    assert (shown.scale, shown.position, shown.audio, shown.brightness) == (0.4, "bottom-right", False, 1.0)
    assert (shown.colour, shown.similarity, shown.blend) == ("00FF00", 0.1, 0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nme = 'x'", "unknown key 'nme', did you mean 'name'?"),
        (
            "[[variables]]\nname='a'\nstart=1\nend=2\nstyl='badge'",
            "variables 1: unknown key 'styl', did you mean 'style'?",
        ),
        ("[[variables]]\nname='a'\nstart=1\nend=2\nstyle='bagde'", "did you mean 'badge'?"),
        ("[[variables]]\nname='a'\nstart=1\nend=2\ntext='{b}'", "text uses {b}, which is no variable"),
        ("[[variables]]\nname='a'\nstart=2\nend=1", "variables 1: end must be later than start"),
        ("[[variables]]\nname='a'\nstart=99\nend=100", "starts at 99 s, but the video is 9 s long"),
        ("[[variables]]\nname='a'\nend=1", "start is missing"),
        ("[[variables]]\nstart=0\nend=1", "name is missing"),
        ("[[variables]]\nname='a'\nstart=0\nend=1\nx=0.5", "x and y belong together"),
        ("[[variables]]\nname='a'\nstart=0\nend=1\ncolor='red'", "six hexadecimal digits"),
        ("[[variables]]\nname='a'\nstart='0'\nend=1", "start must be a number"),
        ("variables = 3", "must be written as [[variables]] tables"),
        ("[[backgrounds]]\nstart=0\nkind='link'\nconfig={mode='chrome'}", "did you mean 'chroma'?"),
        ("[[backgrounds]]\nstart=0\nkind='link'\nconfig={mode='basic',scale=4}", "scale must be between 0.01 and 1"),
        ("[[backgrounds]]\nstart=0\nkind='link'\nconfig={mode='basic',audio='yes'}", "audio must be true or false"),
        ("video = 'nothere.mp4'", "was not found beside the template"),
        ("name = [", "not valid TOML"),
    ],
)
def test_each_rule_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in problems(tmp_path, text)


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = "nme = 'x'\n[[variables]]\nname='a'\nstart=2\nend=1\n[[variables]]\nname='b'\nstart=0\nend=1\nstyle='x'"
    with pytest.raises(template.TemplateError) as caught:
        template.load(write(tmp_path, text))
    assert [line for line, _ in caught.value.problems] == [1, 5, 10]
    assert caught.value.message.splitlines()[1] == "intro.toml:1: top level: unknown key 'nme', did you mean 'name'?"


def test_a_problem_inside_a_table_of_its_own_is_said_with_its_line(tmp_path: Path) -> None:
    text = "[[backgrounds]]\nstart = 0\nkind = 'link'\n[backgrounds.config]\n'mode' = 'basic'\nscale = 4\n"
    assert problems(tmp_path, text).startswith("intro.toml:6: backgrounds 1 config: scale must be")
    inline = "[[variables]]\nname='a'\nstart=0\nend=1\n[[backgrounds]]\nkind='link'\nstart=0\nconfig={mode='x'}\n"
    assert problems(tmp_path, inline).startswith("intro.toml:8: backgrounds 1 config: mode 'x'")


def test_a_hundred_sections_and_ten_seconds_are_the_limits(tmp_path: Path) -> None:
    one = "[[variables]]\nname='a'\nstart=0\nend=1\n"
    assert len(template.load(write(tmp_path, one * 100)).sections) == 100
    assert "101 are too many, at most 100" in problems(tmp_path, one * 101)


def test_a_section_longer_than_ten_seconds_is_refused_even_if_it_runs_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_one = template.Template(name="x", accepts_any=True, duration=30.0)
    monkeypatch.setattr(template, "BUILT_IN", long_one)
    assert "is 12 s long, at most 10 s" in problems(tmp_path, "[[variables]]\nname='a'\nstart=18\nend=-1\n")


@pytest.mark.parametrize(("second", "fine"), [((2, 4), True), ((1.5, 4), False), ((0, 1), True)])
def test_backgrounds_may_touch_but_not_overlap(second: tuple[float, float], fine: bool) -> None:
    entries = [
        {"start": 1, "end": 2, "kind": "link", "config": {"mode": "basic"}},
        {"start": second[0], "end": second[1], "kind": "site", "config": {"mode": "circle"}},
    ]
    if fine:
        assert len(template.backgrounds(entries)) == 2
    else:
        with pytest.raises(template.TemplateError, match="segments may not overlap"):
            template.backgrounds(entries)


def test_a_background_to_the_end_overlaps_all_that_follow() -> None:
    entries = [
        {"start": 1, "end": -1, "kind": "link", "config": {"mode": "basic"}},
        {"start": 5, "end": 6, "kind": "link", "config": {"mode": "basic"}},
    ]
    with pytest.raises(template.TemplateError, match="backgrounds 2: overlaps backgrounds 1"):
        template.backgrounds(entries)


@pytest.mark.parametrize(
    "header",
    [[], ["first_name", "company"], ['a "b" \\ c', "back\\slash", "ünï", "{brace}", "", "  spaced  name "], ["x"] * 40],
)
def test_the_starter_loads_as_it_is_for_any_header(tmp_path: Path, header: list[str]) -> None:
    text = template.starter(header)
    assert tomllib.loads(text)["name"] == "My template"
    used = template.load(write(tmp_path, text))
    assert used.variables
    assert all(
        name.strip() in [" ".join(h.split()) for h in header] or not header for name in used.variables
    ) or not any(header)


def test_the_starter_explains_every_style_and_position() -> None:
    text = template.starter(["first_name"])
    assert all(style in text for style in template.styles())
    assert all(position in text for position in template.POSITIONS)


def test_a_font_of_ones_own_is_checked(tmp_path: Path) -> None:
    from bhuman_cli.studio.render.text import fonts

    (tmp_path / "brand.ttf").write_bytes((fonts.HERE / "NotoSans-Regular.ttf").read_bytes())
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    section = "[[variables]]\nname='a'\nstart=0\nend=1\nfont='{}'\n"
    used = template.load(write(tmp_path, section.format("brand.ttf")))
    assert used.sections[0].font == str(tmp_path / "brand.ttf")
    assert "but not a font" in problems(tmp_path, section.format("broken.ttf"))
    assert "nor a file beside the template" in problems(tmp_path, section.format("nothere.ttf"))


def test_a_template_for_ones_own_footage_fits_into_it() -> None:
    written = tomllib.loads(template.starter(["first_name", "company", "product", "place"], 'my "own".mp4', 3.0))
    assert written["video"] == 'my "own".mp4'
    assert [section["name"] for section in written["variables"]] == ["first_name", "company", "product", "place"]
    assert all(0 <= section["start"] < section["end"] <= 3.0 for section in written["variables"])
