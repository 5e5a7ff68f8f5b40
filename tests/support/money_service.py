"""A service that is its own judge: it counts what it accepted, whatever it then answers."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bhuman_cli import errors
from bhuman_cli.api import wire
from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.api.wire import Page
from bhuman_cli.clock import ServiceTime, iso_utc
from bhuman_cli.domain import Generation
from tests.support.money_world import Violation, World

CAMPAIGN = "3d9c1b52-94f0-4d5b-8d39-0d3c8c1c7f10"
RENDER_S = 1.5
BAD = "BAD"  # a row with this value is refused with 400

Values = tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Video:
    """A row the service accepted. token: of the request that brought it. ours: False for a colleague's."""

    id: str
    values: Values
    place: int
    token: str
    at_s: float
    created_at: str
    ours: bool = True


@dataclass(slots=True, kw_only=True)
class Manner:
    """How the service behaves besides its answers to the POST.

    speaks: text | late (text only once finished) | index | index1 | null | odd | odd_null. lists: the list is open.
    lag_s: how long a video is missing in the list. calls_back: callbacks name the attempt.
    fails: values whose render fails. has_colleague: somebody else orders the same texts at the same time.
    is_away: no GET is answered. ahead_s: of our clock.
    lists_finished_only: no unfinished video is listed. first_takes_s, first_lag_s: of the first request's videos.
    """

    speaks: str = "text"
    lists: bool = False
    lag_s: float = 0.0
    calls_back: bool = False
    fails: frozenset[str] = frozenset()
    has_colleague: bool = False
    is_away: bool = False
    ahead_s: float = 0.0
    lists_finished_only: bool = False
    first_takes_s: float = RENDER_S
    first_lag_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Oracle:
    """The service. outcomes: what happens to the next POSTs, one each; then all go well.

    allowed: how often each content may be accepted. wanted: the rows of each file as it was last confirmed.
    """

    world: World
    outcomes: list[str] = field(default_factory=list)
    manner: Manner = field(default_factory=Manner)
    videos: dict[str, Video] = field(default_factory=dict)
    posts: int = 0
    polls: int = 0
    allowed: Counter[Values] = field(default_factory=Counter)
    wanted: dict[str, frozenset[Values]] = field(default_factory=dict)
    began: datetime = field(init=False)
    on_wire: Callable[[str], None] = lambda _: None
    on_answer: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        """The campaign is not empty at the start."""
        self.began = self.world.clock.now()
        for _ in range(2):
            old = self.accept([("somebody", "else")], "colleague", ours=False)
            self.videos[old[0]].created_at = "2026-11-20T08:00:00.000Z"

    # What a run sees.

    @property
    def service_time(self) -> ServiceTime | None:
        """Tell the service's clock, which may be off ours."""
        return ServiceTime(self._clock(), self.world.clock.now())

    def _clock(self) -> datetime:
        """Return the service's own time, whatever our wall clock is set to."""
        return self.began + timedelta(seconds=self.world.clock.monotonic_s() + self.manner.ahead_s)

    def post(self, route: str, body: bytes, before_first_byte: Callable[[], None]) -> NotSent | PostResponse:
        """Send the paid request once; it goes as the script says."""
        assert route == "/api/ai_studio/pipeline/campaign"
        self.world.effect("post: connecting")
        outcome = self.outcomes.pop(0) if self.outcomes else "ok"
        if outcome == "refused":
            return NotSent(reason="connection refused")
        before_first_byte()
        read = json.loads(body)
        token = read["callback_url"].rsplit("/", 1)[1]
        self.on_wire(token)
        self.posts += 1
        self.world.story.append(f"{self.world.life.name} post {self.posts}: {outcome} {read['names']}")
        self.world.effect("post: on the wire")
        rows = [tuple(row) for row in read["names"]]
        for values in rows:
            if not any(values in table for table in self.wanted.values()):
                raise Violation(f"not wanted: {values} was sent, but no confirmed file has it")
        came = self._answer(outcome, rows, token)
        self.world.effect("post: answered")
        self.on_answer(token)
        return came

    def generation(self, generation_id: str) -> Generation | None:
        """Return one record."""
        self.world.effect("get")
        self.polls += 1
        if self.manner.is_away:
            raise errors.ServiceDown("away")
        video = self.videos.get(generation_id)
        return self._record(video) if video is not None else None

    def page(self, page: int) -> Page:
        """Return one page of the list, where it is open."""
        self.world.effect("list")
        self.polls += 1
        if self.manner.is_away:
            raise errors.ServiceDown("away")
        if not self.manner.lists:
            raise errors.ApiError("closed", status=403)
        now = self.world.clock.monotonic_s()
        shown = [self._record(video) for video in self.videos.values() if video.at_s + self._lag_s(video) <= now]
        if self.manner.lists_finished_only:
            shown = [record for record in shown if record.is_final]
        return Page(total=len(shown), generations=tuple(shown[page * 100 : page * 100 + 100]))

    def called_back(self, token: str) -> list[str]:
        """Return the generations whose callbacks came on an attempt's own URL."""
        if not self.manner.calls_back:
            return []
        now = self.world.clock.monotonic_s()
        return [video.id for video in self.videos.values() if video.token == token and video.at_s + RENDER_S <= now]

    # What really happens.

    def accept(self, rows: list[Values], token: str, *, ours: bool = True) -> list[str]:
        """Take rows: from here on they cost."""
        ids = []
        for place, values in enumerate(rows):
            video = Video(
                id=str(uuid.UUID(int=(len(self.videos) + 1) * 0x1_0000_0001_0000_0001)), values=values, place=place,
                token=token, at_s=self.world.clock.monotonic_s(), created_at=self._now(), ours=ours,
            )  # fmt: skip
            self.videos[video.id] = video
            ids.append(video.id)
        if ours:
            for values, count in self.accepted().items():
                if count > self.allowed[values]:
                    raise Violation(f"accepted twice: {values} {count} times, wanted {self.allowed[values]}")
        return ids

    def _now(self) -> str:
        return iso_utc(self._clock())

    def accepted(self) -> Counter[Values]:
        """Count what was accepted of ours, by content."""
        return Counter(video.values for video in self.videos.values() if video.ours)

    def _answer(self, outcome: str, rows: list[Values], token: str) -> PostResponse:
        if outcome == "ok" and any(BAD in values for values in rows):
            outcome = "400"
        if "foreign" in outcome and len(rows) == 1:
            # A stranger's id for the only row of the very first request: by its record it could be an own one that the
            # service words in another way. Known limit.
            outcome = "null_after"
        if outcome in NOTHING_ACCEPTED:
            return NOTHING_ACCEPTED[outcome]
        taken = rows[:1] if outcome.startswith("part") else rows
        ids = self.accept(taken, token)
        if self.manner.has_colleague:
            self.accept(rows, "colleague", ours=False)
        self.world.effect("post: accepted")
        stranger = next(video.id for video in self.videos.values() if not video.ours)
        return ACCEPTED[outcome](ids, stranger)

    def _is_of_first(self, video: Video) -> bool:
        return video.ours and video.token == next((item.token for item in self.videos.values() if item.ours), "")

    def _lag_s(self, video: Video) -> float:
        lag_s = self.manner.first_lag_s
        return self.manner.lag_s if lag_s is None or not self._is_of_first(video) else lag_s

    def _record(self, video: Video) -> Generation:
        now = self.world.clock.monotonic_s()
        is_done = now >= video.at_s + (self.manner.first_takes_s if self._is_of_first(video) else RENDER_S)
        is_failed = is_done and bool(self.manner.fails & set(video.values))
        record: dict[str, Any] = {
            "id": video.id, "status": "failed" if is_failed else "succeeded" if is_done else "processing",
            "created_at": video.created_at, "campaign_id": CAMPAIGN,
        }  # fmt: skip
        if is_done and not is_failed:
            record |= {"url": f"https://v.test/{video.id}.mp4", "share_url": f"https://v.test/{video.id}"}
            record |= {"thumbnail": f"https://v.test/{video.id}.jpg", "gif": f"https://v.test/{video.id}.gif"}
        speaks = self.manner.speaks
        if speaks == "text" or (speaks == "late" and is_done):
            record |= {"text": list(video.values), "row_index": video.place}
        if speaks == "escaped":
            record |= {"text": [value.replace("e", "&#101;") for value in video.values], "row_index": video.place}
        if speaks in {"index", "index1"}:
            record["row_index"] = video.place + (speaks == "index1")
        if speaks in {"odd", "odd_null"}:
            record["text"] = ["<" + ", ".join(video.values) + ">"]
        if speaks == "odd":
            record["row_index"] = video.place
        return wire.read_generation(record)


def _json(status: int, value: Any, **headers: str) -> PostResponse:
    return PostResponse(status=status, headers=headers, body=json.dumps(value).encode(), error="")


def _ok(ids: list[Any], **more: Any) -> PostResponse:
    return _json(200, {"code": 200, "result": ids, **more})


def _lost(reason: str = "after sending: the connection was reset") -> PostResponse:
    return PostResponse(status=None, headers={}, body=b"", error=reason)


def _broken(ids: list[str], size: int) -> PostResponse:
    whole = json.dumps({"code": 200, "result": ids}).encode()
    return PostResponse(status=200, headers={}, body=whole[:size], error="the answer is shorter than it said")


NOTHING_ACCEPTED: dict[str, PostResponse] = {
    "lost_before": _lost(),
    "half_headers_before": _lost("after sending: the header block broke off"),
    "500_before": _json(500, {"detail": "oops"}),
    "503_before": _json(503, {}, **{"retry-after": "5"}),
    "408": _json(408, {}),
    "409": _json(409, {"error": "conflict"}),
    "307": PostResponse(status=307, headers={"location": "/elsewhere"}, body=b"", error=""),
    "429": _json(429, {}, **{"retry-after": "7"}),
    "429_bare": _json(429, {}),
    "429_long": _json(429, {}, **{"retry-after": "3600"}),
    "401": _json(401, {"error": "unauthorized"}),
    "403": _json(403, {}),
    "404": _json(404, {"error": "no campaign"}),
    "422": _json(422, {"detail": [{"loc": ["body"], "msg": "wrong"}]}),
    "400": _json(400, {"code": 400, "result": None, "error": "rows and columns don't line up"}),
    "402": _json(402, {"error": "payment required"}),
    "422_with_a_stray_id": _json(422, {"error": f"see {uuid.UUID(int=0xBAD)}"}),
    "quota": _json(200, {"code": 1001, "result": None, "error": "insufficient credits"}),
    "code_400": _json(200, {"code": 400, "result": None, "error": "bad row"}),
    "code_429": _json(200, {"code": 429, "result": None, "error": "slow down"}),
    "code_500_before": _json(200, {"code": 500, "result": None, "error": "boom"}),
    "html_before": PostResponse(status=200, headers={}, body=b"<html>please log in</html>", error=""),
}

ACCEPTED: dict[str, Callable[[list[str], str], PostResponse]] = {
    "ok": lambda ids, _: _ok(ids),
    "objects": lambda ids, _: _ok([{"id": item.upper()} for item in ids]),
    "lost_after": lambda ids, _: _lost(),
    "half_headers_after": lambda ids, _: _lost("after sending: the header block broke off"),
    "500_after": lambda ids, _: _json(500, {"detail": "oops"}),
    "502_after": lambda ids, _: PostResponse(status=502, headers={}, body=b"<html>bad gateway</html>", error=""),
    "code_500_after": lambda ids, _: _json(200, {"code": 500, "result": None, "error": "boom"}),
    "303_after": lambda ids, _: PostResponse(status=303, headers={"location": "/done"}, body=b"", error=""),
    "empty_after": lambda ids, _: PostResponse(status=200, headers={}, body=b"", error=""),
    "null_after": lambda ids, _: _ok([None for _ in ids]),
    "no_result_after": lambda ids, _: _json(200, {"code": 200}),
    "garbage_after": lambda ids, _: PostResponse(status=200, headers={}, body=b'\xff\xfe{"result', error=""),
    "deep_after": lambda ids, _: PostResponse(status=200, headers={}, body=b"[" * 100_000, error=""),
    "huge_number_after": lambda ids, _: PostResponse(
        status=200, headers={}, body=b'{"code":' + b"9" * 5_000 + b"}", error=""
    ),
    "short_ids": lambda ids, _: _ok(ids[:1]),
    "shuffled": lambda ids, _: _ok(ids[::-1]),
    "repeated": lambda ids, _: _ok([ids[0]] * len(ids)),
    "foreign": lambda ids, stranger: _ok([stranger, *ids[1:]]),
    "only_foreign": lambda ids, stranger: _ok([stranger]),
    "too_many": lambda ids, stranger: _ok([*ids, stranger]),
    "unknown_id": lambda ids, _: _ok([str(uuid.UUID(int=0xBAD)), *ids[1:]]),
    "only_unknown": lambda ids, _: _ok([str(uuid.UUID(int=0xBAD + n)) for n in range(len(ids) + 1)]),
    "malformed": lambda ids, _: _ok(["not-an-id", *ids[1:]]),
    "code_with_ids": lambda ids, _: _json(200, {"code": 207, "result": ids, "error": "partly"}),
    "truncated_one": lambda ids, _: _broken(ids, 27 + 40),
    "truncated_none": lambda ids, _: _broken(ids, 40),
    "truncated_all": lambda ids, _: _broken(ids, 10_000),
    "202_in_words": lambda ids, _: _json(202, {"code": 202, "message": "accepted"}),
    "400_with_ids": lambda ids, _: _json(400, {"error": "partly", "queued": {"videos": ids}}),
    "part_400_with_ids": lambda ids, _: _json(400, {"error": "partly", "queued": ids}),
    "402_with_ids": lambda ids, _: _json(402, {"error": f"insufficient credits after {ids[0]}"}),
    "not_gzip": lambda ids, _: PostResponse(
        status=200,
        headers={"content-encoding": "gzip"},
        error="",
        body=json.dumps({"code": 200, "result": [item.replace("-", "").upper() for item in ids]}).encode(),
    ),
    "part_lost": lambda ids, _: _lost(),
    "part_500": lambda ids, _: _json(500, {}),
    "part_ids": lambda ids, _: _ok(ids),
}

OUTCOMES: tuple[str, ...] = ("refused", *ACCEPTED, *NOTHING_ACCEPTED)
