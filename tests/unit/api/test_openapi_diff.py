"""What differs between a service's own OpenAPI document and what this program sends."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bhuman_cli.api import openapi_diff
from bhuman_cli.api.openapi_diff import Difference

PREFIX = "/api/ai_studio"


def operation(fields: dict[str, str], required: list[str], **more: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in fields.items()},
        "required": required,
    }
    return {"requestBody": {"content": {"application/json": {"schema": {**schema, **more}}}}}


def parameters(*names: str) -> dict[str, Any]:
    return {"parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]}


def document() -> dict[str, Any]:
    """Return a document that describes exactly what is sent."""
    paths: dict[str, Any] = {}
    for sent in openapi_diff.KNOWN_REQUESTS:
        fields = {**sent.always, **sent.at_times}
        if sent.method == "GET":
            described = {
                "parameters": [
                    {"name": name, "in": "query", "required": True, "schema": {"type": kind}}
                    for name, kind in fields.items()
                ]
            }
        else:
            described = operation(fields, list(sent.always))
        paths.setdefault(f"{PREFIX}/{sent.route}", {})[sent.method.lower()] = described
    return {"openapi": "3.1.0", "paths": paths}


def body(found: dict[str, Any], route: str, method: str = "post") -> dict[str, Any]:
    schema: dict[str, Any] = found["paths"][f"{PREFIX}/{route}"][method]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    return schema


def differences(found: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [(one.route, one.what, one.breaks) for one in openapi_diff.compare(found)]


def test_a_document_that_says_what_is_sent_differs_in_nothing() -> None:
    assert openapi_diff.compare(document()) == []


def test_a_missing_route_and_a_missing_method() -> None:
    found = document()
    del found["paths"][f"{PREFIX}/pipeline/pabbly"]
    found["paths"][f"{PREFIX}/try_sample"] = {"get": {}, "put": {}}
    assert differences(found)[:2] == [
        ("POST pipeline/pabbly", "the route is not in the document", True),
        ("POST try_sample", "the document has GET, PUT there", True),
    ]


def test_an_undocumented_route_that_is_missing_is_only_a_note() -> None:
    found = document()
    del found["paths"][f"{PREFIX}/pipeline/leadr"]
    assert differences(found) == [("POST pipeline/leadr", "the route is not in the document", False)]


def test_a_field_that_is_not_mentioned_or_refused() -> None:
    found = document()
    del body(found, "webhook")["properties"]["name"]
    body(found, "webhook")["required"] = []
    assert differences(found) == [("POST webhook", "name is sent, but the document does not mention it", False)]
    body(found, "webhook")["additionalProperties"] = False
    assert differences(found) == [("POST webhook", "name is sent, but the document refuses it", True)]


def test_a_new_requirement() -> None:
    found = document()
    schema = body(found, "pipeline/campaign")
    schema["properties"]["budget"] = {"type": "number"}
    schema["required"] += ["budget", "callback_url"]
    assert sorted(differences(found)) == [
        ("POST pipeline/campaign", "budget is required, but not sent by itself", True),
        ("POST pipeline/campaign", "callback_url is required, but only sent when asked for", True),
    ]


def test_another_type() -> None:
    found = document()
    body(found, "pipeline/pabbly")["properties"]["variables"] = {"type": "array"}
    assert differences(found) == [
        ("POST pipeline/pabbly", "variables is sent as object, the document wants array", True)
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"$ref": "#/components/schemas/Text"}]},
        {"$ref": "#/components/schemas/Text"},
        {},
    ],
)
def test_types_that_fit_in_another_spelling(schema: dict[str, Any]) -> None:
    found = document()
    found["components"] = {"schemas": {"Text": {"type": "string"}}}
    body(found, "pipeline/campaign")["properties"]["callback_url"] = schema
    assert openapi_diff.compare(found) == []


def test_a_body_behind_references_and_all_of() -> None:
    found = document()
    whole = copy.deepcopy(body(found, "pipeline/zapier"))
    found["components"] = {
        "schemas": {
            "A/B": {"allOf": [{"$ref": "#/components/schemas/Rows"}], "properties": {}},
            "Rows": whole,
            "Loop": {"$ref": "#/components/schemas/Loop"},
        }
    }
    content = found["paths"][f"{PREFIX}/pipeline/zapier"]["post"]["requestBody"]["content"]["application/json"]
    content["schema"] = {"$ref": "#/components/schemas/A~1B"}
    assert openapi_diff.compare(found) == []
    content["schema"] = {"$ref": "#/components/schemas/Loop"}
    assert all(not one.breaks for one in openapi_diff.compare(found))


def test_a_query_parameter_that_is_required() -> None:
    found = document()
    found["paths"][f"{PREFIX}/webhook"]["get"]["parameters"] = [
        {"name": "workspace", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "x-trace", "in": "header", "required": True},
    ]
    assert differences(found) == [("GET webhook", "workspace is required, but not sent by itself", True)]


def test_parameters_of_a_whole_path_count_and_swagger_2_is_read() -> None:
    found = document()
    paths = found["paths"]
    campaign = paths[f"{PREFIX}/campaigns"]
    campaign["parameters"] = campaign["get"].pop("parameters")
    webhook = paths[f"{PREFIX}/webhook"]
    webhook["post"] = {"parameters": [{"in": "body", "name": "body", "schema": body(document(), "webhook")}]}
    assert openapi_diff.compare(found) == []
    moved = {
        "swagger": "2.0",
        "basePath": "/api",
        "paths": {path.removeprefix("/api"): item for path, item in paths.items()},
    }
    assert openapi_diff.is_document(moved)
    assert openapi_diff.compare(moved) == []


def test_what_the_service_has_and_nobody_sends_is_a_note() -> None:
    found = document()
    found["paths"][f"{PREFIX}/credits"] = {"get": {}}
    found["paths"]["/health"] = {"get": {}}
    assert openapi_diff.compare(found) == [
        Difference(route="GET credits", what="the service describes it, no command sends it", breaks=False)
    ]


@pytest.mark.parametrize("value", [None, [], {}, {"openapi": "3"}, {"paths": []}, {"openapi": "3", "paths": []}])
def test_what_is_no_document(value: Any) -> None:
    assert not openapi_diff.is_document(value)


@pytest.mark.parametrize(
    "item",
    [None, 5, [], {"post": 5}, {"post": {"requestBody": 5}}, {"post": {"requestBody": {"content": {"a": 5}}}},
     {"post": {"parameters": [5, {"$ref": "#/nowhere"}, {"$ref": 5}]}}],
)  # fmt: skip
def test_a_strange_document_is_compared_as_far_as_it_goes(item: Any) -> None:
    found = document()
    found["paths"][f"{PREFIX}/webhook"] = item
    # What can't be read of one route is said of that route; the others are compared as before.
    assert {difference.route.split()[-1] for difference in openapi_diff.compare(found)} <= {"webhook"}
