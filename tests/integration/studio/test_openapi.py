"""The studio's own OpenAPI document, and what generated requests, good and bad, get from it."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks

from tests.support.studio import running_studio

EXAMPLES = 6
HELD_TO = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]

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


def test_every_endpoint_of_the_contract_is_there(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        document = requests.get(f"{studio.base_url}/swagger-ui/openapi.json", timeout=10).json()
    found = {
        f"{method.upper()} {path.removeprefix('/api/ai_studio')}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert found >= DOCUMENTED
    assert all(path.startswith("/api/ai_studio/") for path in document["paths"])


def test_nothing_generated_is_a_server_error_and_every_answer_fits_the_schema(tmp_path: Path) -> None:
    failures: list[str] = []
    with running_studio(tmp_path) as studio, requests.Session() as session:
        session.auth = (studio.key_id, studio.secret)
        schema = schemathesis.openapi.from_url(f"{studio.base_url}/swagger-ui/openapi.json")
        operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
        assert len(operations) >= len(DOCUMENTED)
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    _try(operation, mode, studio.base_url, session)
                except (Exception, FailureGroup) as failure:
                    failures.append(f"{operation.label} ({mode.value}): {str(failure)[:600]}")
        log = studio.requests()
    assert not failures, "\n\n".join(failures)
    statuses = {entry["status"] for entry in log}
    # The generator reached past the shape: some orders were taken, some refused for what they said.
    assert {200, 400, 401, 404, 422} <= statuses
    assert max(statuses) < 500


def _try(operation: Any, mode: GenerationMode, base_url: str, session: requests.Session) -> None:
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
        case.call_and_validate(base_url=base_url, session=session, checks=HELD_TO)

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
