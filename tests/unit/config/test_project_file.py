"""Which project file is read, and what it may hold."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from bhuman_cli.config import keys, project_file, settings
from bhuman_cli.errors import ExitCode, UsageError


def test_the_first_of_three_places_is_read(tmp_path: Path) -> None:
    beside, work = tmp_path / "data", tmp_path / "work"
    beside.mkdir()
    work.mkdir()
    table = beside / "leads.xlsx"
    assert project_file.find(table, work) is None
    (work / "bhuman.toml").touch()
    assert project_file.find(table, work) == work / "bhuman.toml"
    (beside / "bhuman.toml").touch()
    assert project_file.find(table, work) == beside / "bhuman.toml"
    (beside / "leads.toml").touch()
    assert project_file.find(table, work) == beside / "leads.toml"
    assert project_file.find(None, work) == work / "bhuman.toml"


def read(tmp_path: Path, text: str, *, is_project: bool = True) -> dict[str, object]:
    path = tmp_path / "campaign.toml"
    path.write_text(text, encoding="utf-8")
    return project_file.read(path, is_project=is_project)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, 'output = "out/r.csv"\nbackgrounds = "/abs/b.json"\ndownload = "media"')
    assert found == {
        "output": tmp_path / "out/r.csv",
        "backgrounds": Path("/abs/b.json"),
        "download": tmp_path / "media",
    }


@pytest.mark.parametrize(
    "key",
    ["yes", "again", "retry-failed", "retry_failed", "adopt", "accept-changes", "force", "base-url", "token",
     "log-file", "api_key_secret", "BHUMAN_API_KEY_SECRET", "client-secret", "basic_auth", "command", "exec", "hook",
     "notify", "budget", "profiles", "api_key_id", "api_key_secret_command"],
)  # fmt: skip
def test_what_a_project_file_may_not_hold_is_exit_2(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match=key) as caught:
        read(tmp_path, f'{key} = "canary-value"')
    assert caught.value.exit_code is ExitCode.USAGE
    assert "canary-value" not in caught.value.message + caught.value.hint


def test_an_unknown_key_says_which_was_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean chunk-size"):
        read(tmp_path, "chunksize = 5")
    with pytest.raises(UsageError, match="there is no setting"):
        read(tmp_path, "zzz = 5")


def test_hints_never_name_what_is_forbidden_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, 'base_urls = "x"')
    assert "did you mean base" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chunk-size = 5\nchunk_size = 6", "twice"),
        ('chunk-size = "5"', "whole number"),
        ("chunk-size = true", "whole number"),
        ("wait = 1", "true or false"),
        ("strict = 'yes'", "true or false"),
        ("campaign = 5", "a text"),
        ("only = 5", "a list of names"),
        ("only = [5]", "a list of names"),
        ("map = 5", "a table"),
        ("map = [5]", "NAME=VALUE"),
        ("map = ['=x']", "NAME=VALUE"),
        ("[set]\na = true", "a table of texts"),
        ('output = ""', "a path"),
        ("timeout = true", "a duration"),
        ("timeout = 'soon'", "not a duration"),
        ("rate = 0", "a number"),
        ("generation-mode = 'new'", "one of keep_original, full_script"),
        ("[[[", "not valid TOML"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        read(tmp_path, text)
    assert "campaign.toml" in caught.value.message


def test_values_in_their_final_form(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'sheet = 2\nrows = [0, 5]\nonly = "a, \\"b,c\\""\nmap = ["v=C"]\nvariables = [" a ", "b"]\nunit_cost = 2\n'
        "[default]\nfirst_name = 'there'\nage = 7\n",
    )
    assert found == {
        "sheet": "2",
        "rows": "0,5",
        "only": ("a", "b,c"),
        "map": (("v", "C"),),
        "variables": ("a", "b"),
        "unit_cost": 2.0,
        "default": (("first_name", "there"), ("age", "7")),
    }


def test_the_user_file_may_name_service_and_profile(tmp_path: Path) -> None:
    found = read(tmp_path, 'base_url = "https://h"\nprofile = "work"', is_project=False)
    assert found == {"base_url": "https://h", "profile": "work"}
    with pytest.raises(UsageError, match="credential"):
        read(tmp_path, 'token = "x"', is_project=False)


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "campaign.toml"
    path.write_bytes("\ufeffchunk-size = 5\r\n".encode())
    assert project_file.read(path) == {"chunk_size": 5}


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"a = " + b"[" * 5_000, b'only = """' + b"x" * 5_000_000])
def test_a_file_that_is_none_is_a_usage_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "campaign.toml"
    path.write_bytes(raw)
    with pytest.raises(UsageError):
        project_file.read(path)


def test_a_folder_or_unreadable_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        project_file.read(tmp_path)


@pytest.mark.parametrize("header", ['First Name,"a""b",é,,日本', ["First Name", 'quote"\\back', "tab\tbell\x07"], ""])
def test_the_starter_file_is_valid_as_it_is_and_with_every_line_uncommented(
    tmp_path: Path, header: str | list[str]
) -> None:
    text = settings.starter(header)
    tomllib.loads(text)
    path = tmp_path / "campaign.toml"
    path.write_text(text, encoding="utf-8")
    assert project_file.read(path)["map"] == ()
    lines = [line.removeprefix("# ") if " = " in line and line.startswith("# ") else line for line in text.splitlines()]
    path.write_text("\n".join(line for line in lines if "variable = " not in line), encoding="utf-8")
    found = project_file.read(path)
    assert found["chunk_size"] == 500
    if header:
        assert ("first_name", "First Name") in found["map"]


any_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", sorted(keys.KEYS))
@settings_of(max_examples=25, deadline=None)
@given(value=any_value)
def test_any_value_of_any_key_is_read_or_refused(name: str, value: object) -> None:
    said = f"--{keys.option(name)}: read"
    try:
        keys.read_flag(name, value)
    except UsageError as refused:
        said = refused.message
    assert said.startswith(f"--{keys.option(name)}"), "named as it was written"


@pytest.mark.parametrize("nothing", ['""', "[]"])
def test_an_only_that_names_nothing_does_not_mean_everything(tmp_path: Path, nothing: str) -> None:
    path = tmp_path / "campaign.toml"
    path.write_text(f"only = {nothing}\n")
    with pytest.raises(UsageError, match="only must be at least one column"):
        project_file.read(path)
