from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bhuman_cli import errors
from bhuman_cli.delivery import names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())


@given(st.text(max_size=400))
def test_a_name_is_safe_on_every_file_system(text: str) -> None:
    name = names.safe(text)
    assert name
    assert not set(name) & set('<>:"/\\|?*')
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"} for char in name)
    assert name == name.strip(" .")
    assert name[0] not in "-~=+@"
    assert len(name.encode()) <= names.MAX_BYTES + 1
    assert name.split(".")[0].strip().upper() not in {"CON", "NUL", "AUX", "PRN", "COM1", "LPT9"}


@given(
    st.lists(
        st.sampled_from(["Anna", "ANNA", "änna", "Änna", "A\u0308nna", "a/b", "a\\b", "ﬁ", "fi", "", "."]), max_size=30
    )
)
def test_names_never_clash_whatever_the_file_system_ignores(values: list[str]) -> None:
    rows = [{"row_index": str(n), "who": who} for n, who in enumerate(values)]
    found = names.stems("{who}", rows)
    assert len({_folded(name) for name in found}) == len(rows)


def test_a_generated_name_that_another_row_wants_gives_way() -> None:
    rows = [{"row_index": str(n), "who": who} for n, who in enumerate(["a-2", "a", "a", "a-2"])]
    found = names.stems("{who}", rows)
    assert found[:2] == ["a-2", "a"]
    assert len(set(found)) == 4


def test_a_name_does_not_depend_on_which_rows_have_finished() -> None:
    rows = [{"row_index": str(n), "who": "John", "status": "pending"} for n in range(3)]
    before = names.stems("{who}", rows)
    after = names.stems("{who}", [{**row, "status": "succeeded"} for row in rows])
    assert before == after == ["John", "John-1", "John-2"]


def test_the_row_number_is_padded_and_the_ending_left_to_the_kind_of_file() -> None:
    rows = [{"row_index": "7", "first_name": "Zoë"}]
    assert names.stems("{row_index:04d}-{first_name}.mp4", rows) == ["0007-Zoë"]


@pytest.mark.parametrize("word", ["con", "NUL.txt", "com1", "LPT³", "aux "])
def test_devices_of_windows_are_defused(word: str) -> None:
    assert names.safe(word).startswith("_")


def test_a_long_name_keeps_whole_characters_and_their_accents() -> None:
    name = names.safe("é́" * 100)
    assert len(name.encode()) <= names.MAX_BYTES
    assert not unicodedata.combining(name[0])
    assert name.encode().decode() == name


@pytest.mark.parametrize("text", ["../../etc/passwd", "..", "a\x00b", "\u202egpj.exe", "C:\\x", "/etc/passwd"])
def test_a_cell_never_leaves_the_folder(text: str) -> None:
    name = names.safe(text)
    assert "/" not in name
    assert "\\" not in name
    assert ".." not in {name, name[:2]}
    assert name.isprintable()


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{who}/{row_index}", "not a folder"),
        ("{nobody}", "no column 'nobody'"),
        ("{who.__class__}", "no column"),
        ("{who!r}", "width"),
        ("{who:>9999999999}", "width"),
        ("{", "Single"),
        ("", "empty"),
    ],
)
def test_a_template_that_can_not_work_is_refused_before_anything_is_fetched(template: str, said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        names.check(template, ["who", "row_index"])


def test_a_number_s_width_applies_to_numbers_only() -> None:
    rows = [{"row_index": "3", "zip": "007", "who": "x7"}]
    assert names.stems("{row_index:03}-{zip:05d}-{who:04d}", rows) == ["003-00007-x7"]


def test_a_cut_name_does_not_lose_half_a_letter() -> None:
    text = "a" * (names.MAX_BYTES - 1) + "e\u0323\u0301"
    assert names.safe(text).rstrip("a") in {"", "ẹ"}
