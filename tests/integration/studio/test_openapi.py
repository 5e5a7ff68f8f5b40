"""The studio's own OpenAPI document: valid, true in each access mode, and what generated requests get from it."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any

import hypothesis
import openapi_spec_validator
import pytest
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok

from tests.support.studio import RunningStudio, running_studio

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
"""For each operation, right and wrong; `.ci/run` tries more."""

NOT_JUDGED = {
    # What fits the schema may still be refused: rows must be as long as `variables`, and ids must exist (400).
    "positive_data_acceptance",
}

DOCUMENTED = {
    "POST /pipeline/campaign",
    "POST /pipeline/zapier",
    "POST /pipeline/pabbly",
    "POST /pipeline/leadr",
    "POST /pipeline/webhook",
    "POST /try_sample",
    "POST /videos_preview",
    "GET /video_instances",
    "GET /video_instance",
    "GET /campaigns",
    "GET /campaign",
    "GET /generated_video_by_id",
    "GET /get_generated_video",
    "GET /generated_video_by_campaign_id",
    "GET /generated_video_by_video_instance_id",
    "GET /speakeasy_projects",
    "POST /speakeasy_projects/import",
    "GET /webhook",
    "POST /webhook",
}

ACCESS = ["strict", "open", "documented"]
HEADERS = {"key": {"Authorization": "Basic bG9jYWw6bG9jYWw="}, "user": {"Authorization": "Bearer local"}}


def document(studio: RunningStudio) -> dict[str, Any]:
    answer = requests.get(f"{studio.base_url}/swagger-ui/openapi.json", timeout=10)
    return dict(answer.json())


def operations(said: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, methods in said["paths"].items() for method, one in methods.items()]


def test_the_document_is_valid_whole_and_described(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        said = document(studio)
    openapi_spec_validator.validate(said)
    found = {f"{method.upper()} {path.removeprefix('/api/ai_studio')}" for path, method, _ in operations(said)}
    assert found >= DOCUMENTED
    names = [one["operationId"] for _, _, one in operations(said)]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalpha() and len(name) < 35 for name in names)
    undescribed = [
        f"{shape}.{name}"
        for shape, schema in said["components"]["schemas"].items()
        for name, told in schema.get("properties", {}).items()
        if not told.get("description")
    ]
    undescribed += [
        parameter["name"]
        for _, _, one in operations(said)
        for parameter in one.get("parameters", [])
        if not parameter.get("description")
    ]
    assert undescribed == []
    for _, _, one in operations(said):
        assert {"405", "421", "503"} <= set(one["responses"])
        assert "Source:" in one["description"] or "own" in one["description"]
        json_answers = [answer["content"]["application/json"] for answer in one["responses"].values()
                        if "application/json" in answer.get("content", {})]  # fmt: skip
        assert all("example" in content for content in json_answers)


@pytest.mark.parametrize("access", ACCESS)
def test_credentials_are_what_the_document_says_and_every_example_works(tmp_path: Path, access: str) -> None:
    """Each operation with its own example: answered with exactly the credentials named, and 401 with any other."""
    with running_studio(tmp_path, access=access) as studio:
        for path, method, one in operations(document(studio)):
            body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            given = {parameter["name"]: parameter.get("example") for parameter in one.get("parameters", [])}
            query = {name: value for name, value in given.items() if f"{{{name}}}" not in path}
            url = studio.base_url + path.format(**given)
            opened = {scheme for security in one["security"] for scheme in security}
            statuses = {
                scheme: requests.request(method, url, params=query, json=body, headers=headers, timeout=10).status_code
                for scheme, headers in {**HEADERS, "": {}}.items()
            }
            if one["operationId"] == "report_render":
                expected = dict.fromkeys(statuses, 403)
            else:
                expected = {scheme: 200 if not opened or scheme in opened else 401 for scheme in statuses}
            assert statuses == expected, one["operationId"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("access", ACCESS)
def test_every_check_holds_for_whatever_is_generated(tmp_path: Path, access: str) -> None:
    failures: list[str] = []
    load_all_checks()
    with running_studio(tmp_path, access=access) as studio, requests.Session() as session:
        schema = schemathesis.openapi.from_url(f"{studio.base_url}/swagger-ui/openapi.json")
        for result in schema.get_all_operations():
            assert isinstance(result, Ok)
            operation: Any = result.ok()
            security = operation.definition.raw["security"]
            headers = HEADERS[next(iter(security[0]))] if security else {}
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    _try(operation, mode, headers, session)
                except (Exception, FailureGroup) as failure:
                    failures.append(f"{operation.label} ({mode.value}): {str(failure)[:900]}")
        statuses = {entry["status"] for entry in studio.requests()}
    assert not failures, "\n\n".join(failures)
    # The generator reached past the shape: some orders were taken, some refused for what they said.
    assert {200, 400, 404, 422} <= statuses
    assert max(statuses) < 500


def _try(operation: Any, mode: GenerationMode, headers: dict[str, str], session: requests.Session) -> None:
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    def ask(case: Any) -> None:
        checks = [check for check in CHECKS.get_all() if check.__name__ not in NOT_JUDGED]
        # Unknown query parameters are passed over, as by the service's own framework: they make nothing wrong.
        known = {parameter["name"] for parameter in operation.definition.raw.get("parameters", [])}
        in_query = [one for one in case.meta.phase.data.mutations if one.parameter_location is ParameterLocation.QUERY]
        is_only_more = all(set(one.keywords) == {"additionalProperties"} for one in in_query)
        case.query = {name: value for name, value in (case.query or {}).items() if name in known}
        wrong = {place for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE}
        if wrong <= {ParameterLocation.HEADER, *([ParameterLocation.QUERY] if is_only_more else [])}:
            # Nothing is wrong with it any more: it is sent with credentials, and without what it had too much.
            checks = [check for check in checks if check.__name__ != "negative_data_rejection"]
        case.call_and_validate(headers=headers, session=session, checks=checks)

    with warnings.catch_warnings():
        # Hypothesis and the generator warn about each other's strategies; that is not what is judged here.
        warnings.simplefilter("ignore")
        # An operation without parameters has nothing that could be wrong.
        with contextlib.suppress(hypothesis.errors.Unsatisfiable):
            ask()


@pytest.mark.parametrize("name", ["", "swagger-ui-bundle.js", "swagger-ui.css", "favicon.png", "openapi.json"])
def test_swagger_ui_needs_no_network(tmp_path: Path, name: str) -> None:
    with running_studio(tmp_path) as studio:
        answer = requests.get(f"{studio.base_url}/swagger-ui/{name}", timeout=10)
        assert answer.status_code == 200
        if not name:
            assert "://" not in answer.text
            assert answer.headers["content-type"].startswith("text/html")
        assert requests.get(f"{studio.base_url}/swagger-ui", timeout=10).url.endswith("/swagger-ui/")
