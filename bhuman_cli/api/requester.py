"""Requests with credentials in turn, retried GETs and a pace. Knows no endpoint, nor the paid POST."""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from bhuman_cli import durations
from bhuman_cli.api import post_result, retry, transport, wire
from bhuman_cli.api.limiter import Limiter, Pause
from bhuman_cli.api.transport import NoAnswer, Request, Response
from bhuman_cli.api.wire import WireError
from bhuman_cli.clock import ServiceTime
from bhuman_cli.config import credentials as secrets
from bhuman_cli.config import settings
from bhuman_cli.config.credentials import Credentials
from bhuman_cli.errors import ApiError, InDoubtError, ServiceDown

PREFIX: Final = "/api/ai_studio"
_WORTH_SAYING_S: Final = 5.0

BASIC: Final = "basic"
BEARER: Final = "bearer"
# Which credentials a route is asked with, in turn; the next only after a 401. Source: API contract, section 5.
LISTS: Final = (BEARER, BASIC)
EITHER: Final = (BASIC, BEARER)
OPEN: Final = ("", BASIC)

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request relative to the service.

    body: JSON to send as it is; payload: a value to send as JSON. auth: the credentials to try in turn, "" for none.
    can_cost: a failure that may hide accepted work is in doubt.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    payload: Any = None
    body: bytes | None = None
    auth: Sequence[str] = EITHER
    limit_bytes: int = transport.RECORD_BYTES
    can_cost: bool = False

    @property
    def name(self) -> str:
        """Return the route, for messages."""
        return self.path.removeprefix(PREFIX).lstrip("/")


class Requester:
    """One set of credentials asking one service; safe to share among threads.

    polls: GETs sent so far, each attempt counted. service_time: of the newest answer that told.
    patience_s: no question goes on for longer, its repeats and pauses included.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        *,
        limiter: Limiter,
        user_agent: str,
        on_notice: Callable[[str], None],
        patience_s: float = math.inf,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.polls = 0
        self.service_time: ServiceTime | None = None
        self.secrets = credentials.secrets if credentials is not None else []
        self._credentials = credentials
        self._clock = limiter.clock
        self._pause = Pause(limiter.clock)
        self._limiter = limiter
        self._on_notice = on_notice
        self._lock = threading.Lock()
        self._open_auth: Sequence[str] = OPEN
        self._patience_s = patience_s
        self._transport = transport.Transport(
            clock=limiter.clock,
            pool_size=limiter.in_flight,
            user_agent=user_agent,
            total_s=min(transport.TOTAL_S, patience_s),
        )

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def stop(self) -> None:
        """End every wait of this client: a request that would have to wait raises Stopped instead."""
        self._pause.stop()

    def ask(self, call: Call) -> Response:
        """Return a good answer.

        Raises:
            ApiError: refused. ServiceDown: no good answer. InDoubtError: no answer to what may have been done.
        """
        return self.check(call, self.answer(call))

    def read(self, call: Call, reader: Callable[[bytes], _Read]) -> _Read:
        """Return what the reader makes of a good answer.

        Raises:
            ApiError: refused. ServiceDown: no good answer, or one that can't be read. InDoubtError: of a change, no
                answer or one that can't be read.
        """
        answer = self.ask(call)
        try:
            return reader(answer.body)
        except WireError as error:
            raise self._unreadable(call, error) from None

    def answer(self, call: Call) -> Response:
        """Return the answer whatever its status. GETs are repeated, anything else is sent once.

        The credentials are tried in turn: after a 401 it is certain that nothing was done.

        Raises:
            ServiceDown: no answer. InDoubtError: no answer to what may have been done.
        """
        turn = self._open_auth if call.auth is OPEN else call.auth
        *earlier, last = [kind for kind in turn if kind == "" or self._header(kind)] or [""]
        for kind in earlier:
            answer = self._send_with_retries(call, kind)
            if answer.status != 401:
                return answer
        answer = self._send_with_retries(call, last)
        if call.auth is OPEN and last == BASIC and answer.status < 400:
            self._open_auth = (BASIC,)  # this service wants to know who asks; don't ask it twice each time
        return answer

    def _send_with_retries(self, call: Call, kind: str) -> Response:
        request = self._build(call, kind)
        attempt, ends_s = 1, self._clock.monotonic_s() + self._patience_s
        while True:
            response = self._attempt(request)
            decision = retry.decide(self._outcome(response), attempt=attempt, chance=random.random())
            if decision.too_fast:
                self._limiter.note_too_fast(decision.pause_s)
            if not decision.again or call.method != "GET":
                break
            if self._clock.monotonic_s() + decision.wait_s >= ends_s:
                break
            if decision.wait_s > _WORTH_SAYING_S:
                self._on_notice(f"the service asked for a pause of {durations.show(decision.wait_s)}")
            self._pause.wait(decision.wait_s)
            attempt += 1
        if isinstance(response, Response):
            return response
        raise self._without_answer(call, response)

    def _attempt(self, request: Request) -> Response | NoAnswer:
        with self._limiter.slot(self._pause.wait):
            if request.method == "GET":
                with self._lock:
                    self.polls += 1
            try:
                answer = self._transport.send(request)
            except NoAnswer as failed:
                return failed
            except KeyboardInterrupt:
                if request.method == "GET":
                    raise
                service = settings.service_name(self.base_url)
                raise _in_doubt(request.method, f"{service}: interrupted before an answer came") from None
        self._note_time(answer)
        if answer.status < 400:
            self._limiter.note_success()
        return self._without_secrets(answer)

    def _note_time(self, answer: Response) -> None:
        date = wire.read_datetime(answer.headers.get("date"))
        if date:
            self.service_time = ServiceTime(datetime.fromisoformat(date), self._clock.now())

    def _without_secrets(self, answer: Response) -> Response:
        """A service may repeat what it was sent: not into messages, results or logs."""
        headers = {name: secrets.mask(value, self.secrets) for name, value in answer.headers.items()}
        return Response(status=answer.status, headers=headers, body=secrets.mask_bytes(answer.body, self.secrets))

    def _outcome(self, response: Response | NoAnswer) -> retry.Outcome:
        if isinstance(response, NoAnswer):
            return retry.Outcome(failure=response.failure)
        after = retry.retry_after_s(response.headers.get("retry-after"), now=self._clock.now())
        return retry.Outcome(status=response.status, retry_after_s=after)

    def _build(self, call: Call, kind: str) -> Request:
        headers = {"Authorization": self._header(kind)} if kind else {}
        body = call.body
        if body is None and call.payload is not None:
            body = json.dumps(call.payload, ensure_ascii=False).encode("utf-8")
        if body is not None:
            headers["Content-Type"] = "application/json"
        return Request(
            method=call.method,
            url=self.base_url + call.path,
            query=call.query,
            body=body,
            headers=headers,
            limit_bytes=call.limit_bytes,
        )

    def first_available(self, auth: Sequence[str]) -> Sequence[str]:
        """Return the first kind of credentials that there is, alone."""
        return tuple(kind for kind in auth if self._header(kind))[:1]

    def _header(self, kind: str) -> str:
        credentials = self._credentials
        if credentials is not None and kind == BASIC and credentials.basic:
            return f"Basic {credentials.basic}"
        if credentials is not None and kind == BEARER and credentials.bearer:
            return f"Bearer {credentials.bearer}"
        return ""

    def check(self, call: Call, answer: Response) -> Response:
        """Return a good answer; a failure inside a 200 counts as that failure's status.

        Raises:
            ApiError: refused. ServiceDown: a redirect, or an answer that can't be read. InDoubtError: of a change, one
                that can't be read; of what can cost, a failure that may hide accepted work.
        """
        name = call.name
        status = answer.status
        if 200 <= status < 300:
            if call.method != "GET" and not answer.body.strip():
                return answer  # done, and nothing to say about it
            try:
                envelope = wire.read_envelope(answer.body)
            except WireError as error:
                raise self._unreadable(call, error) from None
            if not envelope.is_failure:
                return answer
            status = envelope.code if envelope.code and envelope.code != 200 else 400
        if call.can_cost and status in post_result.MAYBE_ACCEPTED:
            raise _in_doubt(call.method, f"{name}: the service answered {status}")
        if 300 <= status < 400:
            raise ServiceDown(f"{name}: the service answered with a redirect ({status}), which is never followed")
        if status in {401, 403} and wire.is_web_page(answer.body):
            raise ServiceDown(f"{name}: something between here and the service answered with a web page ({status})")
        detail = secrets.mask(wire.server_message(answer.body), self.secrets)
        words = f": {detail}" if detail else ""
        raise ApiError(
            f"{name}: the service answered {status}{words}", status=status, detail=detail, hint=self._hint(call, status)
        )

    def _hint(self, call: Call, status: int) -> str:
        if status not in {401, 403}:
            return ""
        has_token = self._credentials is not None and bool(self._credentials.bearer)
        return "bhuman login --token" if call.auth is LISTS and not has_token else "bhuman login"

    def _unreadable(self, call: Call, error: WireError) -> WireError | InDoubtError:
        if call.method == "GET":
            return WireError(f"{call.name}: {error.message}", hint="bhuman doctor")
        return _in_doubt(call.method, f"{call.name}: {error.message}")

    def _without_answer(self, call: Call, failed: NoAnswer) -> ServiceDown | InDoubtError:
        service = settings.service_name(self.base_url)
        if call.method == "GET" or failed.failure in {
            retry.Failure.CONNECT,
            retry.Failure.TLS,
            retry.Failure.CERTIFICATE,
        }:
            return ServiceDown(f"{service}: {failed.reason}", hint="bhuman doctor")
        return _in_doubt(call.method, f"{service}: {failed.reason}")


def _in_doubt(method: str, said: str) -> InDoubtError:
    return InDoubtError(f"{said}; the {method} may have been carried out, so look before repeating it")
