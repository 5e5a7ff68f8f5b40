"""Owns the endpoints: a method each, credentials per route, GETs asked again. Never the submitting POST (api.paid)."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli import durations, settings
from bhuman_cli.api import retry, transport, wire
from bhuman_cli.api.limiter import Limiter
from bhuman_cli.api.transport import Answer, Request
from bhuman_cli.credentials import Credentials
from bhuman_cli.domain import Generation, Target, TargetKind
from bhuman_cli.errors import ApiError, ServiceDown
from bhuman_cli.ports import Clock

PREFIX: Final = "/api/ai_studio"
PAGE_SIZE: Final = 100

BASIC: Final = "basic"
BEARER: Final = "bearer"
# Which credentials a route is asked with, in turn; the next only after a 401. Source: API contract, section 5.
_LISTS: Final = (BEARER, BASIC)
_EITHER: Final = (BASIC, BEARER)
_OPEN: Final = ("", BASIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request relative to the service. auth: the credentials to try in turn, "" for none."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    payload: Any = None
    auth: Sequence[str] = _EITHER
    limit_bytes: int = transport.RECORD_BYTES


class Client:
    """The service, as seen with one set of credentials; safe to share among threads.

    polls: GETs sent so far, each attempt counted.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        *,
        clock: Clock,
        limiter: Limiter,
        user_agent: str,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.polls = 0
        self._credentials = credentials
        self._clock = clock
        self._limiter = limiter
        self._on_notice = on_notice
        self._lock = threading.Lock()
        self._allow_file = settings.is_loopback(base_url)
        self._by_id_auth: Sequence[str] = _OPEN
        self._transport = transport.Transport(clock=clock, pool_size=limiter.in_flight, user_agent=user_agent)

    def __enter__(self) -> Client:
        """Return the client; its connections are closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    # Generations.

    def generation(self, generation_id: str) -> Generation | None:
        """Return what the service says of one generation; None if it knows none of this id.

        Asked without credentials (the id is the access), with Basic only where the service wants it.

        Raises:
            ApiError: refused. ServiceDown: no good answer.
        Source: API contract, 2.11.
        """
        call = Call(
            method="GET",
            path=f"{PREFIX}/generated_video_by_id",
            query=(("id", generation_id),),
            auth=self._by_id_auth,
        )
        try:
            answer = self._ask(call)
        except ApiError as error:
            if error.status in {400, 404, 410}:
                return None
            raise
        found = wire.read_one_generation(answer.body, allow_file=self._allow_file)
        if found is not None and found.id != generation_id.lower():
            raise wire.WireError("the service answered for another video than the one asked for")
        return found

    def generations_page(self, target: Target, page: int, size: int = PAGE_SIZE) -> wire.Page:
        """Return one page of a target's generations, from page 0.

        Raises:
            ApiError: 401 or 403: the route is closed to these credentials. ServiceDown: no good answer.
        Source: API contract, 2.9 and 2.10.
        """
        name = "campaign" if target.kind is TargetKind.CAMPAIGN else "video_instance"
        answer = self._ask(
            Call(
                method="GET",
                path=f"{PREFIX}/generated_video_by_{name}_id",
                query=((f"{name}_id", target.api_id), ("page", str(page)), ("size", str(size))),
                auth=_LISTS,
                limit_bytes=transport.LIST_BYTES,
            )
        )
        return wire.read_generation_list(answer.body, allow_file=self._allow_file)

    # Campaigns and instances. Source: API contract, 2.6 to 2.8.

    def campaigns(self, page: int, size: int = PAGE_SIZE) -> wire.Listing:
        """Return one page of campaigns. Raises as `generations_page`."""
        return self._list("campaigns", page, size)

    def campaign(self, campaign_id: str) -> Mapping[str, Any] | None:
        """Return a campaign's record, None if there is none. Raises as `generations_page`."""
        return self._record("campaign", campaign_id)

    def instances(self, page: int, size: int = PAGE_SIZE) -> wire.Listing:
        """Return one page of video instances. Raises as `generations_page`."""
        return self._list("video_instances", page, size)

    def instance(self, instance_id: str) -> Mapping[str, Any] | None:
        """Return a video instance's record, None if there is none. Raises as `generations_page`."""
        return self._record("video_instance", instance_id)

    def create(self, kind: TargetKind, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Create a campaign or instance from a payload whose shape nobody documents. One attempt."""
        return self._changed("POST", _noun(kind), payload, auth=_LISTS)

    def update(self, kind: TargetKind, api_id: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Change a campaign or instance; the id stands in the query and the payload. One attempt."""
        call = Call(
            method="PUT",
            path=f"{PREFIX}/{_noun(kind)}",
            query=(("id", api_id),),
            payload={"id": api_id, **payload},
            auth=_LISTS,
        )
        return wire.read_record(self._once(call).body)

    # Webhooks, Speakeasy, previews. Source: API contract, 2.13 to 2.16.

    def webhooks(self) -> wire.Listing:
        """Return the saved webhooks."""
        return wire.read_listing(self._ask(Call(method="GET", path=f"{PREFIX}/webhook")).body)

    def create_webhook(self, name: str, url: str) -> Mapping[str, Any] | None:
        """Save a webhook. One attempt."""
        return self._changed("POST", "webhook", {"name": name, "webhook": url}, auth=_EITHER)

    def speakeasy_projects(self) -> wire.Listing:
        """Return the presenters that can be imported."""
        return wire.read_listing(self._ask(Call(method="GET", path=f"{PREFIX}/speakeasy_projects")).body)

    def import_speakeasy(self, project_id: str, workspace_id: str | None = None) -> Any:
        """Import a presenter; return the service's result as it is, since its shape is not documented. One attempt."""
        payload = {"project_id": project_id} | ({"workspace_id": workspace_id} if workspace_id else {})
        call = Call(method="POST", path=f"{PREFIX}/speakeasy_projects/import", payload=payload)
        return wire.read_envelope(self._once(call).body).result

    def videos_preview(self, payload: Mapping[str, Any]) -> Any:
        """Request a preview; return the service's result as it is. One attempt."""
        call = Call(method="POST", path=f"{PREFIX}/videos_preview", payload=payload)
        return wire.read_envelope(self._once(call).body).result

    # Anything else.

    def request(self, method: str, path: str, *, query: Sequence[tuple[str, str]] = (), payload: Any = None) -> Answer:
        """Send any request to this service and return the answer whatever its status; a GET is asked again.

        path: beginning with `/`, from the root of the host. Any method but GET is sent once.

        Raises:
            ServiceDown: no answer.
        """
        call = Call(
            method=method,
            path=path,
            query=tuple(query),
            payload=payload,
            auth=_EITHER,
            limit_bytes=transport.LIST_BYTES,
        )
        return self._answer(call, attempts=retry.ATTEMPTS if method == "GET" else 1)

    def _list(self, noun: str, page: int, size: int) -> wire.Listing:
        call = Call(
            method="GET",
            path=f"{PREFIX}/{noun}",
            query=(("page", str(page)), ("size", str(size))),
            auth=_LISTS,
            limit_bytes=transport.LIST_BYTES,
        )
        return wire.read_listing(self._ask(call).body)

    def _record(self, noun: str, api_id: str) -> Mapping[str, Any] | None:
        call = Call(method="GET", path=f"{PREFIX}/{noun}", query=(("id", api_id),), auth=_LISTS)
        try:
            return wire.read_record(self._ask(call).body)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def _changed(
        self, method: str, noun: str, payload: Mapping[str, Any], auth: Sequence[str]
    ) -> Mapping[str, Any] | None:
        answer = self._once(Call(method=method, path=f"{PREFIX}/{noun}", payload=payload, auth=auth))
        return wire.read_record(answer.body)

    def _ask(self, call: Call) -> Answer:
        return self._judged(call, self._answer(call, attempts=retry.ATTEMPTS))

    def _once(self, call: Call) -> Answer:
        return self._judged(call, self._answer(call, attempts=1))

    def _answer(self, call: Call, *, attempts: int) -> Answer:
        """Try the credentials in turn: a 401 is certain not to have done anything."""
        held = [kind for kind in call.auth if kind == "" or self._header(kind)]
        answer: Answer | None = None
        for kind in held or [""]:
            answer = self._repeated(call, kind, attempts)
            if answer.status != 401:
                if call.auth is _OPEN and kind == BASIC:
                    self._by_id_auth = (BASIC,)
                return answer
        assert answer is not None
        return answer

    def _repeated(self, call: Call, kind: str, attempts: int) -> Answer:
        request = self._built(call, kind)
        attempt = 1
        while True:
            answer, failed = self._attempt(request)
            if answer is not None:
                after = retry.retry_after_s(answer.headers.get("retry-after"), now=self._clock.now())
                outcome = retry.Outcome(status=answer.status, retry_after_s=after)
            else:
                outcome = retry.Outcome(failure=failed.failure if failed else retry.Failure.READ)
            decision = retry.decide(outcome, attempt=attempt, chance=random.random())
            if decision.too_fast:
                self._limiter.too_fast(decision.pause_s)
            if not decision.again or attempt >= attempts:
                break
            if decision.wait_s > 5:
                self._on_notice(f"the service asked for a pause of {durations.show(decision.wait_s)}")
            self._clock.sleep(decision.wait_s)
            attempt += 1
        if answer is None:
            assert failed is not None
            raise self._down(failed)
        return answer

    def _attempt(self, request: Request) -> tuple[Answer | None, transport.NoAnswer | None]:
        with self._limiter.slot():
            if request.method == "GET":
                with self._lock:
                    self.polls += 1
            try:
                answer = self._transport.send(request)
            except transport.NoAnswer as failed:
                return None, failed
        if answer.status < 400:
            self._limiter.good()
        return answer, None

    def _built(self, call: Call, kind: str) -> Request:
        headers = {"Authorization": self._header(kind)} if kind else {}
        body = None
        if call.payload is not None:
            body = json.dumps(call.payload, ensure_ascii=False).encode("utf-8")
            headers["Content-Type"] = "application/json"
        return Request(
            method=call.method,
            url=self.base_url + call.path,
            query=call.query,
            body=body,
            headers=headers,
            limit_bytes=call.limit_bytes,
        )

    def _header(self, kind: str) -> str:
        held = self._credentials
        if held is not None and kind == BASIC and held.basic:
            return f"Basic {held.basic}"
        if held is not None and kind == BEARER and held.bearer:
            return f"Bearer {held.bearer}"
        return ""

    def _judged(self, call: Call, answer: Answer) -> Answer:
        """Return a good answer; a failure inside a 200 counts as that failure's status."""
        name = call.path.removeprefix(PREFIX).lstrip("/")
        status = answer.status
        if 200 <= status < 300:
            envelope = wire.read_envelope(answer.body)
            if not envelope.is_failure:
                return answer
            status = envelope.code if envelope.code and envelope.code != 200 else 400
        if 300 <= status < 400:
            raise ServiceDown(f"{name}: the service answered with a redirect ({status}), which is never followed")
        detail = wire.server_message(answer.body)
        words = f": {detail}" if detail else ""
        raise ApiError(
            f"{name}: the service answered {status}{words}", status=status, detail=detail, hint=self._hint(call, status)
        )

    def _hint(self, call: Call, status: int) -> str:
        if status not in {401, 403}:
            return ""
        if call.auth is _LISTS and not (self._credentials and self._credentials.bearer):
            return "this route needs a user bearer token: export BHUMAN_TOKEN=…"
        return "bhuman login"

    def _down(self, failed: transport.NoAnswer) -> ServiceDown:
        return ServiceDown(f"{settings.service_name(self.base_url)}: {failed.reason}", hint="bhuman doctor")


def _noun(kind: TargetKind) -> str:
    return "campaign" if kind is TargetKind.CAMPAIGN else "video_instance"
