"""Which rows go together in a paid request, and its frozen bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bhuman_cli.domain import Background, RenderSpec, Target, TargetKind
from bhuman_cli.journal.claims import Candidate
from bhuman_cli.runs import identity, request
from bhuman_cli.runs.request import Shape
from tests.support.ledger import TARGET

BACKGROUND = Background(start=0, end=-1, kind="link", config={"mode": "basic"}, name="page")


def candidate(index: int, *values: str, assets: tuple[str, ...] = ()) -> Candidate:
    return Candidate(
        row_index=index, identity=bytes(16), text_key=identity.text_key(values), values=values, assets=assets,
        retried_claim=None,
    )  # fmt: skip


def frozen(*rows: Candidate, **shape: Any) -> Any:
    usual: dict[str, Any] = {"target": TARGET, "spec": RenderSpec(variables=("first_name", "company"))}
    return json.loads(request.freeze(Shape(**{**usual, **shape}), rows, "tok"))


def test_rows_are_taken_in_order_up_to_the_chunk_size_and_no_more_are_read() -> None:
    rows = iter([candidate(at, f"name {at}") for at in range(9)])
    assert [row.row_index for row in request.pick(rows, 4)] == [0, 1, 2, 3]
    assert len(list(rows)) >= 4, "a file of a million rows is not read for each request"
    assert request.pick(iter([]), 4) == []


def test_equal_texts_with_other_assets_never_share_a_request() -> None:
    rows = [
        candidate(0, "Ada", assets=("https://a.example",)),
        candidate(1, "Ada", assets=("https://b.example",)),
        candidate(2, "Bob", assets=("https://b.example",)),
        candidate(3, " Ada ", assets=("https://a.example",)),
    ]
    assert [row.row_index for row in request.pick(rows, 10)] == [0, 2, 3]
    assert [row.row_index for row in request.pick(rows[1:2], 10)] == [1]


@pytest.mark.parametrize("text", ["x" * 60_000, '"\\\n' * 15_000, "ü" * 30_000])
def test_a_request_stays_within_five_mebibytes_as_it_is_sent(text: str) -> None:
    rows = [candidate(at, f"{at}{text}", "Acme") for at in range(200)]
    picked = request.pick(rows, 2_000)
    shape = Shape(target=TARGET, spec=RenderSpec(variables=("first_name", "company")))
    body = request.freeze(shape, picked, "tok")
    assert len(body) <= request.MAX_BYTES
    assert len(body) > request.MAX_BYTES * 0.9, "and uses what it may"
    assert len(picked) < 200


def test_a_row_that_is_too_large_goes_alone_rather_than_never() -> None:
    large = candidate(0, "x" * (request.MAX_BYTES - 100))
    assert [row.row_index for row in request.pick([large, candidate(1, "Ada")], 10)] == [0]


def test_the_body_holds_what_is_documented_and_nothing_else() -> None:
    body = frozen(candidate(0, "Zoë", "Acme"), candidate(1, "Bob", "</script>"))
    assert body == {
        "campaign_id": TARGET.api_id, "variables": ["first_name", "company"],
        "names": [["Zoë", "Acme"], ["Bob", "</script>"]], "generation_mode": "keep_original",
    }  # fmt: skip
    assert list(body) == ["campaign_id", "variables", "names", "generation_mode"]


def test_lipsync_callback_and_backgrounds_are_sent_where_they_were_given() -> None:
    spec = RenderSpec(variables=("n",), backgrounds=(BACKGROUND,), generation_mode="full_script", lipsync=False)
    row = candidate(0, "Ada", assets=("https://a.example",))
    body = frozen(row, spec=spec, callback_url="https://me.example/{token}?a=1")
    assert body["callback_url"] == "https://me.example/tok?a=1"
    assert body["enable_lipsync"] is False
    assert body["generation_mode"] == "full_script"
    assert body["assets"] == [["https://a.example"]]
    assert body["backgrounds"] == [{"name": "page", "start": 0, "end": -1, "kind": "link", "config": {"mode": "basic"}}]
    instance = Target(service=TARGET.service, kind=TargetKind.INSTANCE, api_id=TARGET.api_id)
    sample = frozen(row, spec=spec, target=instance)
    assert sample["video_instance_id"] == TARGET.api_id
    assert not {"campaign_id", "assets", "backgrounds"} & set(sample), "documented for campaigns only"


def test_one_row_as_an_object_for_integrations() -> None:
    body = frozen(candidate(0, "Ada", "Acme"), as_object=True)
    assert body["variables"] == {"first_name": "Ada", "company": "Acme"}
    assert "names" not in body


def test_routes() -> None:
    instance = Target(service=TARGET.service, kind=TargetKind.INSTANCE, api_id=TARGET.api_id)
    spec = RenderSpec(variables=("n",))
    assert Shape(target=TARGET, spec=spec).route == "/api/ai_studio/pipeline/campaign"
    assert Shape(target=instance, spec=spec).route == "/api/ai_studio/try_sample"
    assert Shape(target=TARGET, spec=spec, path="/api/ai_studio/pipeline/zapier").route.endswith("zapier")


def test_lone_surrogates_are_replaced_not_raised() -> None:
    assert frozen(candidate(0, "a\ud800b", "x"))["names"] == [["a?b", "x"]]


def test_chunk_sizes_stay_within_the_limit() -> None:
    assert [request.clamp_rows(size) for size in (-1, 0, 1, 2_000, 2_001)] == [1, 1, 1, 2_000, 2_000]
