"""The studio's pages in a real browser: they work, complain about nothing, and ask nobody but the studio."""

from __future__ import annotations

import contextlib
import functools
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


# The workers' door stays closed: its form asks for a token that no page knows.
UNANSWERED = {"operations-orders-report_render"}

# What the Authorize dialog does when its forms are sent.
AUTHORIZE = """window.ui.authActions.authorize({
  key: {name: "key", schema: {type: "http", scheme: "basic"}, value: {username: "local", password: "local"}},
  user: {name: "user", schema: {type: "http", scheme: "bearer"}, value: "local"}})"""


# Swagger UI reads an operation when it is opened; a button pressed before asks for nothing, or for what is not there.
READ = """(block => !!ui.specSelectors.specResolvedSubtree(["paths", block.querySelector(".opblock-summary-path")
  .dataset.path, block.querySelector(".opblock-summary-method").innerText.toLowerCase()]))"""


def try_out(browser: chromium.Browser, studio: RunningStudio) -> dict[str, int]:
    """Open each operation and press its button; return what the studio answered, 0 where the form asks for more."""
    answers = {}
    names = browser.js("[...document.querySelectorAll('.opblock')].map(one => one.id)")
    # The page last: Swagger UI colours its whole source, which takes it a while.
    for number, name in sorted(enumerate(names), key=lambda pair: pair[1].endswith("open_share_page")):
        block = f"document.querySelectorAll('.opblock')[{number}]"
        header = f"{block}.querySelector('button.opblock-summary-control').click()"
        browser.js(header)
        body = f"({block}.querySelector('textarea.body-param__text')?.value ?? '{{').startsWith('{{')"
        button = f"{block}.querySelector('button.execute')"
        ready = f"!!{button} && {READ}({block}) && {body}"
        eventually(functools.partial(browser.js, ready), within_s=60)
        before = len(studio.requests())
        browser.js(f"{button}.click()")
        with contextlib.suppress(AssertionError):
            eventually(functools.partial(_is_answered, studio, before), within_s=2 if name in UNANSWERED else 30)
        answers[name] = next((entry["status"] for entry in studio.requests()[before:]), 0)
        if not name.endswith("open_share_page"):
            browser.js(header)  # an open one makes the page slow
    return answers


def _is_answered(studio: RunningStudio, before: int) -> bool:
    # A request is logged when it is read; its status follows with the answer.
    return any(entry["status"] for entry in studio.requests()[before:])


@pytest.mark.timeout(300)
def test_swagger_ui_gets_through_with_every_example_as_it_stands(
    studio: RunningStudio, browser: chromium.Browser
) -> None:
    browser.open(f"{studio.base_url}/swagger-ui/", offline=False)
    eventually(lambda: browser.js("document.querySelectorAll('.opblock').length > 20"))
    browser.js(AUTHORIZE)
    answers = try_out(browser, studio)
    assert len(answers) > 20
    assert {name for name, status in answers.items() if status != 200} == UNANSWERED
    assert [row["text"] for row in studio.accepted()][:2] == [["Alex", "ExampleCo"], ["Jordan", "Sample Labs"]]
    assert {url.split("/", 3)[2] for url in browser.requests if url.startswith("http")} == {
        studio.base_url.removeprefix("http://")
    }
    assert browser.console == []


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
