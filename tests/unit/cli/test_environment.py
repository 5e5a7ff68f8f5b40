"""Settings from environment variables, and which variables mean something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.cli import app, environment
from bhuman_cli.config import keys, settings
from bhuman_cli.errors import UsageError


def load(tmp_path: Path, **variables: str) -> settings.Settings:
    environ = {"BHUMAN_HOME": str(tmp_path / "home"), **variables}
    return settings.load(flags={}, input_path=tmp_path / "campaign.csv", environ=environ)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_rows", "50", 50),
        ("poll_interval", "1m", 60.0),
        ("strict", "yes", True),
        ("wait", "0", False),
        ("lipsync", "false", False),
        ("rate", "2.5", 2.5),
        ("only", 'a, "b,c"', ("a", "b,c")),
        ("set", "plan=Pro", (("plan", "Pro"),)),
        ("set", "greeting=Hello, you", (("greeting", "Hello, you"),)),
        ("map", "a=A,b=B", (("a", "A"), ("b", "B"))),
        ("default", "a=x, y\nb=z", (("a", "x, y"), ("b", "z"))),
        ("output", "out/r.csv", Path("out/r.csv")),
        ("on_invalid", "skip", "skip"),
        ("instance", "x", "x"),
    ],
)
def test_every_kind_of_option_is_read_from_its_variable(tmp_path: Path, name: str, text: str, value: Any) -> None:
    found = load(tmp_path, **{keys.variable_of(name): text})
    assert (found.get(name), found.source(name)) == (value, f"environment {keys.variable_of(name)}")


@pytest.mark.parametrize("name", sorted(keys.FLAGS_ONLY))
def test_what_spends_is_never_taken_from_the_environment(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, **{keys.variable_of(name): "true"}).source(name) == "default"


@pytest.mark.parametrize(("name", "text"), [("max_rows", "many"), ("wait", "maybe"), ("rate", "x"), ("set", "nothing")])
def test_a_wrong_value_names_its_variable(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(UsageError, match=keys.variable_of(name)):
        load(tmp_path, **{keys.variable_of(name): text})


def test_variables_that_set_nothing_are_named_with_what_was_meant() -> None:
    known = ("BHUMAN_MAX_ROWS", "BHUMAN_CAMPAIGN_ID", "BHUMAN_DOWNLOAD_TO", "BHUMAN_STUDIO_SERVE_PORT", "BHUMAN_JSON")
    unknown = ("BHUMAN_MAX_ROW", "BHUMAN_DOWNLOAD_T", "BHUMAN_YES", "BHUMAN_EXPORT_FORCE")
    said = dict(environment.unknown(dict.fromkeys([*known, *unknown, "OTHER"], "x"), app.COMMANDS, app.load))
    assert sorted(said) == sorted(unknown)
    assert said["BHUMAN_MAX_ROW"] == "; did you mean BHUMAN_MAX_ROWS?"
    assert said["BHUMAN_DOWNLOAD_T"] == "; did you mean BHUMAN_DOWNLOAD_TO?"


def test_no_command_takes_what_spends_or_replaces_from_a_variable() -> None:
    def options(command: Any) -> list[Any]:
        below = [option for child in getattr(command, "commands", {}).values() for option in options(child)]
        return [*command.params, *below]

    taken = [option for name in app.COMMANDS for option in options(app.load(name)) if option.envvar]
    names = {option.opts[0] for option in taken}
    assert not names & {"--yes", "--force", "--confirm", "--forget-payments", "--again", "--in-doubt"}
    assert {"--to", "--port"} <= names
