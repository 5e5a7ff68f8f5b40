"""The studio's pages in a real browser: they work, complain about nothing, and ask nobody but the studio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support import chromium
from tests.support.studio import RunningStudio, eventually, running_studio

pytestmark = pytest.mark.chromium


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    with running_studio(tmp_path) as running:
        yield running


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[chromium.Browser]:
    with chromium.running(tmp_path / "profile") as started:
        yield started


# What the Authorize dialog does when its form is sent.
AUTHORIZE = """window.ui.authActions.authorize({
  key: {name: "key", schema: {type: "http", scheme: "basic"}, value: {username: "local", password: "local"}}})"""
OPEN = "document.querySelector('.opblock.is-open')"


def execute(browser: chromium.Browser, status: str) -> None:
    """Send the campaign example as it stands, and wait for this status."""
    if not browser.js(f"!!{OPEN}"):
        browser.js("document.querySelector('[id$=pipeline_campaign_post] button.opblock-summary-control').click()")
    eventually(lambda: browser.js(f"!!{OPEN}?.querySelector('textarea')?.value.includes('Alex')"))
    browser.js(f"{OPEN}.querySelector('button.execute').click()")
    shown = f"{OPEN}.querySelector('.live-responses-table td.response-col_status:not(.col_header)')?.innerText ?? ''"
    eventually(lambda: browser.js(shown).startswith(status) and browser.js(f"!{OPEN}.querySelector('.loading')"))


def test_swagger_ui_takes_an_order_offline(studio: RunningStudio, browser: chromium.Browser) -> None:
    browser.open(f"{studio.base_url}/swagger-ui/", offline=False)
    eventually(lambda: browser.js("document.querySelectorAll('.opblock').length > 20"))
    execute(browser, "401")
    browser.js(AUTHORIZE)
    execute(browser, "200")
    assert [row["text"] for row in studio.accepted()] == [["Alex", "ExampleCo"], ["Jordan", "Sample Labs"]]
    assert {url.split("/", 3)[2] for url in browser.requests if url.startswith("http")} == {
        studio.base_url.removeprefix("http://")
    }
    assert [line for line in browser.console if "401" not in line] == []


def test_front_and_share_page(studio: RunningStudio, browser: chromium.Browser) -> None:
    body = {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [["Zoë"]]}
    answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=10)
    (identifier,) = answer.json()["result"]
    browser.open(studio.base_url, offline=False)
    browser.js("document.images[0].scrollIntoView()")
    eventually(lambda: browser.js("[...document.images].every(image => image.complete && image.naturalWidth > 0)"))
    assert browser.js("document.querySelector('.card b').innerText") == "Zoë"
    browser.open(f"{studio.base_url}/video/{identifier}", offline=False)
    duration = "new Promise(done => { const video = document.querySelector('video');"
    duration += " video.readyState ? done(video.duration) : video.onloadedmetadata = () => done(video.duration); })"
    assert browser.js(duration) == pytest.approx(1.0, abs=0.05)
    assert browser.console == []
