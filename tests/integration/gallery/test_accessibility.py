"""Every page by axe in a real Chromium: WCAG 2.2 AA and best practice, light and dark, on a desktop and a phone."""

from __future__ import annotations

import functools
import importlib.util
import json
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import domain
from bhuman_cli.delivery import gallery
from bhuman_cli.studio.render.output import share_page
from tests.integration.render import footage
from tests.support import chromium, media_files, studio
from tests.support.pages import SHARED, row

pytestmark = pytest.mark.chromium

# The newer one comes with a driver that is wanted for nothing else: CI installs it by itself.
PACKAGES = ("axe_playwright_python", "axe_core_python")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIEWS = [(dark, width) for dark in (False, True) for width in (1280, 390)]
CORNERS = [(False, 1280), (True, 390)]


@functools.cache
def axe() -> str:
    spec = next(filter(None, map(importlib.util.find_spec, PACKAGES)))
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.running(tmp_path_factory.mktemp("profile")) as found:
        yield found


def violations(
    browser: chromium.Browser, url: str, *, before: str = "0", views: Sequence[tuple[bool, int]] = VIEWS
) -> list[str]:
    """Return what axe finds on a page in each view, by rule and place. before: JavaScript to run first."""
    found: list[str] = []
    for dark, width in views:
        browser.open("about:blank")
        browser.open(url, offline=not url.startswith("http"), width=width, dark=dark)
        browser.js(before)
        browser.js("new Promise(done => setTimeout(done, 250))")  # what fades in would be judged half faded
        browser.js(axe() + ";0")
        places = "[one.id, ...one.nodes.slice(0, 3).map(node => node.target.join(' '))].join(' | ')"
        run = f"axe.run(document, {{runOnly: {json.dumps(TAGS)}}})"
        told = browser.js(f"{run}.then(all => all.violations.map(one => {places}))")
        found += [f"{'dark' if dark else 'light'} {width}: {rule}" for rule in told]
    return found


def odd_rows(folder: Path) -> list[domain.ResultRow]:
    (folder / "t.png").write_bytes(media_files.PNG)
    here = (folder / "t.png").as_uri()
    names = [
        "Ada",
        "",
        "x" * 300,
        "مرحبا بالعالم",
        "<b>Bob</b>",
        "word " * 90,
        "陈伟",
        "=1+1",
        "👩‍👩‍👧",
        "Ø",
        "Żółć",
        "\u202eevil",
    ]
    rows = [
        row(n, name, thumbnail=here, url="https://h/v.mp4", share_url=f"https://h/{n}") for n, name in enumerate(names)
    ]
    statuses = ["failed", "rejected", "in_doubt", "invalid", "pending", "skipped"]
    rows += [row(20 + n, "No", status=status, message="HTTP 400: no face " * 4) for n, status in enumerate(statuses)]
    return [*rows, row(40, "Local", share_url=(folder / "index.html").as_uri())]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    header = ["first_name", "company", "email"]
    shown = gallery.Page(
        title="leads & <b>more</b>.csv", subtitle="run r1 · 19 rows", header=header, labels=header,
        rows=odd_rows(folder), quality={"3": "no sound"}, name="leads", key="k",
        review={f"00000000-0000-4000-8000-{1:012}": gallery.Decision(word="rejected", note="too loud")},
        lines={str(n): n + 2 for n in range(60)}, seconds=[1.0 + n for n in range(40)],
    )  # fmt: skip
    path = folder / "gallery.html"
    path.write_bytes(gallery.render(shown).encode())
    return path.as_uri()


@pytest.mark.parametrize(
    "before",
    ["0", "look.click()", "document.querySelectorAll('.acts button')[2].click()",
     "document.querySelector('button.frame').click()", "q.value = 'nobody'; q.dispatchEvent(new Event('input'))"],
    ids=["cards", "table", "note", "player", "nothing"],
)  # fmt: skip
def test_the_gallery_has_no_violation(browser: chromium.Browser, page: str, before: str) -> None:
    views = VIEWS if before in {"0", "look.click()"} else CORNERS
    assert violations(browser, page, before=before, views=views) == []


@pytest.mark.parametrize("name", SHARED)
def test_the_share_page_has_no_violation(browser: chromium.Browser, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, SHARED[name])
    assert violations(browser, path, before="document.querySelector('details')?.toggleAttribute('open')") == []


def written(folder: Path, page: share_page.SharePage) -> str:
    footage.make(folder / "video.mp4", footage.Clip(seconds=1, size=(320, 180)))
    (folder / "thumbnail.jpg").write_bytes(media_files.PNG)
    (folder / "index.html").write_text(page.html(), "utf-8")
    return (folder / "index.html").as_uri()


SHIFT = (
    "new Promise(done => { let sum = 0; new PerformanceObserver(list => { for (const one of list.getEntries())"
    " if (!one.hadRecentInput) sum += one.value; }).observe({type: 'layout-shift', buffered: true});"
    " setTimeout(() => done(sum), 700); })"
)


@pytest.mark.parametrize("name", SHARED)
def test_the_share_page_does_not_jump_and_starts_with_one_button(
    browser: chromium.Browser, tmp_path: Path, name: str
) -> None:
    path = written(tmp_path, SHARED[name])
    browser.requests.clear()  # other tests' pages ask for their videos
    for width, height in ((1280, 900), (390, 844), (844, 390)):
        browser.open(path, width=width, height=height)
        assert browser.js(SHIFT) <= 0.05
        assert browser.js("document.documentElement.scrollWidth <= innerWidth")
        film, button = "document.querySelector('.film').getBoundingClientRect()", "start.getBoundingClientRect()"
        assert browser.js(f"Math.abs({film}.width - {button}.width) + Math.abs({film}.height - {button}.height) < 4")
    assert browser.js("!document.querySelector('video').controls && document.querySelectorAll('.start').length === 1")
    browser.js("start.click()")
    assert browser.js("start.hidden && document.querySelector('video').controls")
    assert [url for url in browser.requests if not url.startswith(("file:", "data:", "about:"))] == []


def test_the_studios_pages_have_no_violation(browser: chromium.Browser, tmp_path: Path) -> None:
    with studio.running_studio(tmp_path, faults=["render row=1: fail"]) as running:
        body = {"campaign_id": running.campaign_id, "names": [["Ada"], ["Bo"]], "variables": ["first_name"]}
        sent = urllib.request.Request(
            running.api("pipeline/campaign"), json.dumps(body).encode(),
            {**running.basic, "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(sent) as answer:
            ids = json.load(answer)["result"]
        studio.eventually(lambda: all(item["state"] in {"succeeded", "failed"} for item in running.accepted()))
        for path in ("/", *(f"/video/{id_}" for id_ in ids)):
            assert violations(browser, running.base_url + path) == [], path


def test_axe_would_find_something(browser: chromium.Browser, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("<!doctype html><p style='color:#aaa'>pale<img src=x><button></button>")
    rules: Any = " ".join(violations(browser, (tmp_path / "bad.html").as_uri()))
    assert all(rule in rules for rule in ("color-contrast", "image-alt", "button-name", "html-has-lang"))
