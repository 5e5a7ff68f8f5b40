"""A real browser plays a spliced file to its end, seeks into the joints, and shows the share page."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli.studio.render import job
from tests.integration.render.conftest import Studio
from tests.support import chromium

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.running(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def media(plain_template: Path, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> job.RenderedMedia:
    studio = Studio(plain_template, cache_dir, tmp_path_factory.mktemp("played"))
    values = {"first_name": "<b>Zoë</b> & Co", "company": "x\"'><script>document.title='bad'</script>"}
    return studio.row(values)


PLAY = """(async () => {
  const video = document.querySelector('video'); video.muted = true; video.playbackRate = 2;
  const times = [], seen = (_, frame) => { times.push(frame.mediaTime); video.requestVideoFrameCallback(seen) };
  video.requestVideoFrameCallback(seen);
  await video.play();
  await new Promise((done, failed) => { video.onended = done;
    video.onerror = () => failed(new Error(video.error.message)) });
  const last = times.at(-1), shown = times.length;
  const backwards = times.filter((time, index) => index && time <= times[index - 1]).length;
  const quality = video.getVideoPlaybackQuality(), ready = [];
  for (const time of [0.98, 1.0, 1.02, 1.98, 2.0, 2.02, 2.98, 3.0, 3.48, 3.5, 3.9]) {
    video.currentTime = time; await new Promise(done => { video.onseeked = done }); ready.push(video.readyState) }
  return { duration: video.duration, width: video.videoWidth, backwards, corrupted: quality.corruptedVideoFrames,
           shown, last, ready };
})()"""


def test_it_plays_to_the_end_and_seeks_into_the_joints(browser: chromium.Browser, media: job.RenderedMedia) -> None:
    browser.open(Path(media.page).as_uri())
    found = browser.js(PLAY)
    assert found["duration"] == pytest.approx(4.0, abs=0.05)
    assert found["width"] == 640
    assert found["backwards"] == found["corrupted"] == 0
    assert found["last"] > 3.5
    assert found["shown"] > 5
    assert min(found["ready"]) >= 2


def test_the_page_shows_the_values_as_text_and_needs_nothing_from_outside(
    browser: chromium.Browser, media: job.RenderedMedia
) -> None:
    browser.requests.clear()
    browser.console.clear()
    browser.open(Path(media.page).as_uri())
    assert browser.js("document.querySelector('dd').textContent") == "<b>Zoë</b> & Co"
    assert browser.js("document.querySelectorAll('dd')[1].textContent").startswith("x\"'><script>")
    assert "bad" not in browser.js("document.title")
    assert browser.js("document.querySelector('video').poster").endswith("/thumbnail.jpg")
    assert browser.js("document.querySelector('a[download]').getAttribute('href')") == "video.mp4"
    assert all(url.startswith(("file:", "data:")) for url in browser.requests)
    assert not [line for line in browser.console if "Refused" in line or "Error" in line]


def test_copy_link_says_that_it_did(browser: chromium.Browser, media: job.RenderedMedia) -> None:
    page = Path(media.page)
    browser.open(page.as_uri())
    assert browser.js("document.getElementById('copy')") is None, "a link to this machine's disk is nobody's"
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(page.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(f"http://127.0.0.1:{server.server_port}/{page.name}", offline=False)
        said = _copied(browser)
        server.shutdown()
    assert said == "Link copied"


def _copied(browser: chromium.Browser) -> object:
    browser.js("document.getElementById('copy').click()")
    return browser.js(
        "new Promise(done => { const look = () => { const text = document.getElementById('copy').textContent;"
        "text === 'Copy link' ? requestAnimationFrame(look) : done(text) }; look() })"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_in_light_and_dark(browser: chromium.Browser, media: job.RenderedMedia, dark: bool) -> None:
    browser.open(Path(media.page).as_uri(), width=360, height=740, dark=dark)
    assert browser.js("document.documentElement.scrollWidth") <= 360
    background = browser.js("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(16, 18, 24)") is dark
