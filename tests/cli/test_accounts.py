"""Whose key pays: a run keeps its profile and key, and its rest is not paid with another one unasked."""

from __future__ import annotations

import base64
import json

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def login(desk: Desk, profile: str, key_id: str, secret: str) -> None:
    basic = base64.b64encode(f"{key_id}:{secret}".encode()).decode()
    desk.home.mkdir(exist_ok=True)
    path = desk.home / "credentials.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept[profile] = {desk.env["BHUMAN_BASE_URL"]: {"basic": basic, "bearer": None}}
    path.write_text(json.dumps(kept))


def test_resume_pays_with_the_run_s_own_profile_and_refuses_another_key(desk: Desk, service: PlainService) -> None:
    no_key = {"BHUMAN_API_KEY_ID": None, "BHUMAN_API_KEY_SECRET": None}
    login(desk, "acme", plain_service.KEY, plain_service.SECRET)
    login(desk, "default", "somebody-else", "another-secret")
    desk.people(4)
    service.posts = [lambda body: plain_service.reply(200, {"code": 200, "result": service.accept(body)})]
    service.posts.append(plain_service.refusing(429, Retry_After="3600"))
    begun = desk.render("people.csv", "--profile", "acme", "--chunk-size", "2", "--json", env=no_key)
    assert (begun.code, begun.document["next"]) == (6, f"bhuman resume {begun.document['run_id']} --profile acme")
    other = desk.run("resume", "--profile", "default", "--json", env=no_key)
    assert (other.code, other.error["code"], len(service.accepted)) == (7, "other_account", 2)
    assert "some…" in other.error["message"]
    assert "somebody-else" not in other.err
    own = desk.run("resume", "--json", "--poll-interval", "0.05", env=no_key)
    assert (own.code, own.rows["succeeded"]) == (0, 4), "the run's profile, without being named"


def test_a_run_goes_on_with_another_key_once_its_own_was_logged_out(desk: Desk, service: PlainService) -> None:
    no_key = {"BHUMAN_API_KEY_ID": None, "BHUMAN_API_KEY_SECRET": None}
    login(desk, "default", "first-key", "one")
    service.keys = {("first-key", "one"), ("second-key", "two")}
    desk.people(2)
    service.posts = [plain_service.refusing(429, Retry_After="3600")]
    assert desk.render("people.csv", env=no_key).code == 6
    login(desk, "default", "second-key", "two")
    assert desk.run("resume", env=no_key).code == 7, "replaced, not taken away"
    login(desk, "default", "first-key", "one")
    assert desk.run("logout", env=no_key).code == 0
    login(desk, "default", "second-key", "two")
    resumed = desk.run("resume", "--poll-interval", "0.05", env=no_key)
    assert (resumed.code, len(service.accepted)) == (0, 2)
    assert "was begun with key firs…" in resumed.err
