"""Precedence, sources, service addresses, and where files live."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.config import settings
from bhuman_cli.errors import UsageError


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"BHUMAN_HOME": str(tmp_path / "home"), **more}


def load(tmp_path: Path, flags: dict[str, Any] | None = None, **more: str) -> settings.Settings:
    return settings.load(flags=flags or {}, input_path=tmp_path / "campaign.csv", environ=environ(tmp_path, **more))


def write_user_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "config.toml").write_text(text)


def test_each_layer_wins_over_the_ones_below_and_says_so(tmp_path: Path) -> None:
    assert load(tmp_path).source("campaign") == "default"
    write_user_file(tmp_path, 'campaign = "user"')
    assert (load(tmp_path).get("campaign"), load(tmp_path).source("campaign")) == ("user", "user file")
    (tmp_path / "campaign.toml").write_text('campaign = "project"')
    found = load(tmp_path)
    assert (found.get("campaign"), found.source("campaign")) == ("project", "project file campaign.toml")
    assert found.project_file == tmp_path / "campaign.toml"
    found = load(tmp_path, BHUMAN_CAMPAIGN_ID="env")
    assert (found.get("campaign"), found.source("campaign")) == ("env", "environment BHUMAN_CAMPAIGN_ID")
    found = load(tmp_path, {"campaign": "flag"}, BHUMAN_CAMPAIGN_ID="env")
    assert (found.get("campaign"), found.source("campaign")) == ("flag", "flag --campaign")


def test_names_may_be_written_either_way(tmp_path: Path) -> None:
    found = load(tmp_path, {"chunk-size": 7})
    assert found.get("chunk_size") == found.get("chunk-size") == 7
    assert found.source("chunk_size") == "flag --chunk-size"


@pytest.mark.parametrize("absent", [None, [], ()])
def test_a_flag_that_was_not_given_hides_nothing(tmp_path: Path, absent: Any) -> None:
    (tmp_path / "bhuman.toml").write_text('only = ["a"]')
    assert load(tmp_path, {"only": absent}).get("only") == ("a",)


def test_a_false_flag_is_given(tmp_path: Path) -> None:
    (tmp_path / "bhuman.toml").write_text("wait = true\nlipsync = true")
    found = load(tmp_path, {"wait": False, "lipsync": False})
    assert (found.get("wait"), found.get("lipsync")) == (False, False)


def test_an_empty_variable_is_unset(tmp_path: Path) -> None:
    (tmp_path / "bhuman.toml").write_text('campaign = "project"')
    assert load(tmp_path, BHUMAN_CAMPAIGN_ID="  ").get("campaign") == "project"


def test_flags_and_files_read_into_the_same_values(tmp_path: Path) -> None:
    flags = {"map": ["a=B=C"], "only": ["x, y", "z"], "asset": ["a,b"], "timeout": "15m", "rows": "0-9"}
    (tmp_path / "bhuman.toml").write_text(
        'only = ["x", "y", "z"]\nasset = ["a,b"]\ntimeout = "15m"\nrows = "0-9"\n[map]\na = "B=C"'
    )
    by_flag, by_file = load(tmp_path, flags), load(tmp_path)
    for name in flags:
        assert by_flag.get(name) == by_file.get(name), name
    assert by_flag.get("map") == (("a", "B=C"),)
    assert by_flag.get("timeout") == 900.0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"chunk-size": 0}, "--chunk-size must be a whole number from 1 to 2,000"),
        ({"chunk-size": 2_001}, "--chunk-size"),
        ({"map": ["novalue"]}, "--map must be NAME=VALUE"),
        ({"on-invalid": "maybe"}, "--on-invalid must be one of stop, skip"),
        ({"timeout": "soon"}, "--timeout"),
        ({"nonsense": 1}, "--nonsense"),
    ],
)
def test_a_wrong_flag_is_named(tmp_path: Path, flags: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(tmp_path, flags)


def test_the_nearer_target_wins(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text('campaign = "c"')
    found = load(tmp_path, {"instance": "i"})
    assert (found.get("instance"), found.get("campaign")) == ("i", None)
    with pytest.raises(UsageError, match="both given by the flag"):
        load(tmp_path, {"instance": "i", "campaign": "c"})


def test_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    found = load(tmp_path)
    documented = {"chunk_size": 500, "max_rows": None, "on_invalid": "stop", "poll_interval": 10.0, "wait": True,
                  "timeout": None, "progress": "auto", "rate": 10.0,
                  "base_url": "https://studio.bhuman.ai"}  # fmt: skip
    assert {name: found.get(name) for name in documented} == documented
    assert not any(found.is_given(name) for name in documented)


def test_the_profile_flag_wins_over_the_variable(tmp_path: Path) -> None:
    env = environ(tmp_path, BHUMAN_PROFILE="env")
    assert settings.load(flags={}, input_path=None, environ=env).get("profile") == "env"
    found = settings.load(flags={}, input_path=None, environ=env, profile="flag")
    assert (found.get("profile"), found.source("profile")) == ("flag", "flag --profile")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://studio.bhuman.ai", "https://studio.bhuman.ai"),
        ("HTTPS://Studio.BHuman.AI:443/", "https://studio.bhuman.ai"),
        (" https://h:8443/prefix/ ", "https://h:8443/prefix"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://localhost.:8787", "http://localhost:8787"),
        ("http://[::1]:8787/", "http://[::1]:8787"),
        ("http://[::ffff:127.0.0.1]:8787", "http://[::ffff:127.0.0.1]:8787"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_base_urls_have_one_normal_form(text: str, normal: str) -> None:
    assert settings.base_url(text) == normal
    assert settings.base_url(normal) == normal


@pytest.mark.parametrize(
    "text",
    ["", "studio.bhuman.ai", "ftp://x", "https://", "https://u:canary@h", "https://h?x=1", "https://h#f", "http://studio.bhuman.ai",
     "http://127.0.0.1.evil.example", "http://127.1", "http://0.0.0.0", "http://10.0.0.1", "http://localhost.evil.example",
     "https://h:99999", "https://a b", "https://[::1", "https://h\\@evil"],
)  # fmt: skip
def test_other_base_urls_are_refused_without_repeating_credentials(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings.base_url(text)
    assert "canary" not in caught.value.message + caught.value.hint


def test_a_wrong_base_url_is_named_by_its_source(tmp_path: Path) -> None:
    write_user_file(tmp_path, 'base_url = "http://far.example"')
    with pytest.raises(UsageError, match=r"^base_url \(user file\): http to far.example"):
        load(tmp_path)
    with pytest.raises(UsageError, match=r"^BHUMAN_BASE_URL: http to farther.example"):
        load(tmp_path, BHUMAN_BASE_URL="http://farther.example")
    assert load(tmp_path, BHUMAN_BASE_URL="http://127.0.0.1:5/").get("base-url") == "http://127.0.0.1:5"


def test_the_service_name_drops_path_case_and_default_port() -> None:
    assert settings.service_name("https://H.example:443/prefix/") == "https://h.example"
    assert settings.service_name("http://127.0.0.1:8787/x") == "http://127.0.0.1:8787"


def test_one_folder_if_bhuman_home_says_so(tmp_path: Path) -> None:
    found = settings.home({"BHUMAN_HOME": str(tmp_path), "HOME": "/somewhere"})
    assert found == settings.Home(config=tmp_path, state=tmp_path, studio=tmp_path / "studio")
    assert settings.home({"BHUMAN_HOME": "~/b", "HOME": "/h"}).state == Path("/h/b")


def test_the_usual_folders_else() -> None:
    found = settings.home({"HOME": "/h", "XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "relative"})
    assert found.config == Path("/h/.config/bhuman")
    assert found.state == Path("/s/bhuman")
    assert found.studio == Path("/h/.local/share/bhuman/studio")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_home_the_user_database_says_where(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    entry = type("Entry", (), {"pw_dir": "/from/database"})()
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    assert settings.home(environ).state == Path("/from/database/.local/state/bhuman")


def test_nobody_says_where_is_an_error_and_no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(UsageError, match="no home folder"):
        settings.home({})


def test_a_private_folder_is_the_owners(tmp_path: Path) -> None:
    made = settings.private_folder(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert settings.private_folder(made) == made


@pytest.mark.parametrize("text", ["$HOME/.bhuman", "%USERPROFILE%/bhuman", ".bhuman", "bhuman/state", "./x"])
def test_a_home_that_depends_on_where_it_is_read_is_refused(text: str) -> None:
    """Crontabs and unit files expand nothing, and a relative path is another journal in every folder."""
    with pytest.raises(UsageError, match="no whole path"):
        settings.home({"BHUMAN_HOME": text, "HOME": "/h"})
