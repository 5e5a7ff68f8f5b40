"""The shipped schemas are those of the shapes, accepted by a foreign validator, and change only with their number."""

from __future__ import annotations

import json

import jsonschema
import pytest

from bhuman_cli import documents, errors
from bhuman_cli.cli import app
from bhuman_cli.cli.commands import schema
from tests.support import schemas
from tests.support.desk import Desk


@pytest.mark.parametrize("name", sorted(documents.DOCUMENTS))
def test_a_schema_is_what_its_shape_says_and_changes_only_with_its_number(name: str) -> None:
    shipped = json.loads(schema.text_of(name))
    assert shipped == schemas.generated(name), "python -m tests.support.schemas"
    jsonschema.Draft202012Validator.check_schema(shipped)
    known = json.loads(schemas.VERSIONS.read_text())
    assert known[f"{name} {schemas.version(name)}"] == schemas.digest(name), "a changed shape needs a new number"


def test_every_error_code_of_the_program_has_an_exit_code_and_a_cure() -> None:
    listed = {each["code"]: each for each in schema.error_list()["errors"]}
    for kind in _below(errors.BhumanError):
        if kind.code != "error":
            assert listed[kind.code]["cure"], kind
            assert listed[kind.code]["exit_code"] == kind.exit_code or kind is errors.ApiError


def _below(kind: type[errors.BhumanError]) -> list[type[errors.BhumanError]]:
    return [found for child in kind.__subclasses__() for found in (child, *_below(child))]


def test_the_command_tree_names_every_command_and_the_environment_of_its_options() -> None:
    tree = {each["name"]: each for each in schema.command_tree()["commands"]}
    assert set(tree) == set(app.COMMANDS)
    render = {name: option for option in tree["render"]["options"] for name in option["names"]}
    assert render["--max-rows"]["metavar"] == "N"
    assert (render["--map"]["multiple"], render["--map"]["type"]) == (True, "text")
    assert (render["--max-rows"]["type"], render["--yes"]["type"]) == ("whole number", "switch")
    assert render["--yes"]["environment"] == []
    gallery = {name: option for option in tree["gallery"]["options"] for name in option["names"]}
    assert any(option["environment"] for option in gallery.values())


def test_programs_read_them_as_json(desk: Desk) -> None:
    assert "render" in desk.run("schema").out.split()
    assert desk.run("schema", "render").document["properties"]["schema"]["const"] == "bhuman.render/2"
    assert desk.run("schema", "--errors").document["errors"]
    assert desk.run("schema", "--commands").document["commands"]
    assert "did you mean render" in desk.run("schema", "rendr").err
