"""`--probe`: every asset address is opened once before any money, and told row by row."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tests.support.desk import Desk
from tests.support.plain_service import PlainService

PAGES = {"/cat.png": (200, "image/png"), "/page": (200, "text/html"), "/blocked": (403, "text/html")}


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Site(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            status, kind = PAGES.get(self.path, (404, "text/html"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", "3")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_dead_and_wrong_addresses_are_told_before_any_money(
    desk: Desk, service: PlainService, site: tuple[str, list[str]]
) -> None:
    url, asked = site
    (desk.folder / "b.json").write_text(
        json.dumps([{"start": 0, "end": 3, "kind": "link", "config": {"mode": "basic"}}])
    )
    rows = [("Ada", f"{url}/cat.png"), ("Bob", f"{url}/page"), ("Cid", f"{url}/gone"), ("Dan", f"{url}/blocked")]
    desk.table("people.csv", rows, header=("first_name", "logo"))
    options = ("--asset", "logo", "--backgrounds", "b.json", "--json")
    assert desk.render("people.csv", *options, "-n").code == 0
    assert asked == [], "never unasked"
    stopped = desk.render("people.csv", *options, "--probe")
    assert (stopped.code, service.bodies) == (3, [])
    rules = {problem["line"]: problem["rule"] for problem in stopped.error["problems"]}
    assert "a page, but its background wants a picture" in rules[3]
    assert "HTTP 404" in rules[4]
    assert "sign-in or bot page" in rules[5]
    assert 2 not in rules
    skipped = desk.render("people.csv", *options, "--probe", "--on-invalid", "skip")
    assert (skipped.code, skipped.rows["submitted"], skipped.rows["invalid"]) == (5, 1, 3)
