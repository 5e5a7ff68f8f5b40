"""A plain HTTP stand-in for the service: the submitting POST and one-ID GETs, nothing else, on loopback.

Written apart from the local studio, so that both can't be wrong in the same way. It counts what it accepted.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CAMPAIGN_ID = "6f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a11"
KEY, SECRET, TOKEN = "plain-key-id", "plain-key-secret", "plain-user-token"
API = "/api/ai_studio"

Reply = tuple[int, dict[str, str], bytes]
Post = Callable[[dict[str, Any]], Reply | None]


class PlainService:
    """What the stand-in knows.

    posts: what the next POSTs do instead of accepting; each returns a reply, or None to close without one.
    shape: changes a record before it is shown. is_rendering: no video is finished. away: no id is known yet.
    lists_open: whether the token may read the campaign's list. keys: that are taken. campaign: its record's fields.
    """

    def __init__(self) -> None:
        self.accepted: list[dict[str, Any]] = []
        self.bodies: list[dict[str, Any]] = []
        self.seen: list[tuple[str, str, str]] = []
        self.posts: list[Post] = []
        self.always: Post | None = None
        self.shape: Callable[[dict[str, Any]], dict[str, Any]] = lambda record: record
        self.lists_open = False
        self.keys = {(KEY, SECRET)}
        self.campaign: dict[str, Any] = {}
        self.url = ""
        self.is_rendering = False
        self.away = False

    def accept(self, body: dict[str, Any]) -> list[str]:
        """Take a request; return its ids in row order."""
        ids = []
        for index, values in enumerate(body["names"]):
            ids.append(str(uuid.uuid4()))
            self.accepted.append({"id": ids[-1], "text": list(values), "row_index": index, "request": len(self.bodies)})
        return ids

    def texts(self) -> list[list[str]]:
        """Return the values of every accepted row, in order."""
        return [item["text"] for item in self.accepted]

    def record(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return a generation as the service shows it: finished."""
        key = item["id"]
        page = {"share_url": f"https://videos.example/{key}", "url": f"https://assets.example/{key}.mp4"}
        media = {"thumbnail": f"https://assets.example/{key}.jpg", "gif": f"https://assets.example/{key}.gif"}
        if self.is_rendering:
            page = media = {}
        return self.shape(
            {"id": key, "status": "succeeded", **page, **media, "message": "", "execution_name": f"exec-{key[:4]}"}
            | {"campaign_id": CAMPAIGN_ID, "row_index": item["row_index"], "text": item["text"]}
            | {"created_at": "2026-11-21T12:00:00", "updated_at": "2026-11-21T12:00:05Z"}
            | ({"status": "queued"} if self.is_rendering else {})
        )

    def post(self, headers: Any, raw: bytes) -> Reply | None:
        """Answer the submitting POST: 401 before anything is looked at."""
        wanted = {"Basic " + base64.b64encode(f"{id_}:{secret}".encode()).decode() for id_, secret in self.keys}
        if headers.get("Authorization") not in wanted:
            return reply(401, {"code": 401, "result": None, "error": f"unknown key {headers.get('Authorization')}"})
        body = json.loads(raw)
        self.bodies.append(body)
        special = self.posts.pop(0) if self.posts else self.always
        return special(body) if special is not None else reply(200, {"code": 200, "result": self.accept(body)})

    def get(self, headers: Any, path: str, query: dict[str, list[str]]) -> Reply:
        """Answer one-ID GETs, and the list where the token opens it."""
        if path == f"{API}/generated_video_by_id" and self.away:
            return reply(404, {"code": 404})
        if path == f"{API}/generated_video_by_id":
            found = next((item for item in self.accepted if item["id"] == query.get("id", [""])[0]), None)
            return reply(200, {"code": 200, "result": self.record(found)}) if found else reply(404, {"code": 404})
        has_token = headers.get("Authorization") == f"Bearer {TOKEN}"
        if path == f"{API}/generated_video_by_campaign_id" and self.lists_open and has_token:
            start = int(query["page"][0]) * int(query["size"][0])
            newest = [self.record(item) for item in reversed(self.accepted)]
            shown = newest[start : start + int(query["size"][0])]
            return reply(200, {"code": 200, "result": {"total": len(newest), "videos": shown}})
        if path == f"{API}/campaign" and self.campaign and has_token:
            return reply(200, {"code": 200, "result": [{"id": CAMPAIGN_ID, **self.campaign}]})
        return reply(401, {"code": 401, "error": "not open to this key"})


def reply(status: int, payload: Any, **headers: str) -> Reply:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(payload).encode()


def refusing(status: int, message: str = "no", **headers: str) -> Post:
    """Return a POST that accepts nothing."""
    return lambda _: reply(status, {"code": status, "result": None, "error": message}, **headers)


@contextlib.contextmanager
def running() -> Iterator[PlainService]:
    """Run a stand-in on a free port."""
    service = PlainService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            parts = urlsplit(self.path)
            service.seen.append(("POST", parts.path, self.headers.get("Authorization", "")))
            known = parts.path == f"{API}/pipeline/campaign"
            self._send(service.post(self.headers, raw) if known else reply(404, {"code": 404}))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            service.seen.append(("GET", parts.path, self.headers.get("Authorization", "")))
            self._send(service.get(self.headers, parts.path, parse_qs(parts.query)))

        def _send(self, found: Reply | None) -> None:
            if found is None:
                self.close_connection = True
                return
            status, headers, body = found
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
