"""Request to any other endpoint of the service: confirmed, sent once, judged. It is not in the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli import errors, shell
from bhuman_cli.api import paging, paths, post_result, wire
from bhuman_cli.api.paths import Address
from bhuman_cli.config import credentials
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.input import request_body
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from bhuman_cli.api.transport import Response

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """One request. auth: the kinds of credentials to use; () as the route wants."""

    method: str
    address: Address
    query: tuple[tuple[str, str], ...]
    body: bytes | None
    auth: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service said, without secrets. The body is printed before the answer is judged."""

    call: ServiceCall
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def document(self) -> Any:
        """Return the body as JSON, None where there is none.

        Raises:
            BhumanError: it is not JSON, which is a doubt after anything but a GET.
        """
        try:
            return wire.parse(self.body) if self.body.strip() else None
        except wire.WireError as error:
            self.judge()
            if self.call.method == "GET":
                raise
            raise _doubt(self.call, f"{self.status}, and {error.message}") from None

    def judge(self) -> None:
        """Raise what a bad answer is to a program: an exception with its exit code."""
        call, status = self.call, self.status
        is_change = call.method != "GET"
        if 200 <= status < 300:
            try:
                envelope = wire.read_envelope(self.body)
            except wire.WireError:
                if is_change and call.address.can_cost:
                    raise _doubt(call, "with something that is not JSON") from None
                return
            if not envelope.is_failure:
                return
            status = envelope.code if envelope.code and envelope.code != 200 else 400
        if is_change and call.address.can_cost and status in post_result.MAYBE_ACCEPTED:
            raise _doubt(call, str(status))
        if 300 <= status < 400:
            raise errors.ServiceDown(f"the service answered with a redirect ({status}), which is never followed")
        detail = wire.server_message(self.body)
        hint = "bhuman login" if status in {401, 403} else ""
        raise errors.ApiError(
            f"the service answered {status}{': ' if detail else ''}{detail}", status=status, detail=detail, hint=hint
        )


def prepare(
    session: Session, method: str, path: str, *, fields: Mapping[str, Any], data: str | None, auth: str | None
) -> ServiceCall:
    """Return the request. fields: of the query for GET, else of the body.

    Raises:
        UsageError: it can't be sent as it was typed.
    """
    verb = method.upper()
    if verb not in _METHODS:
        raise errors.UsageError(f"{method[:20]!r} is not one of {', '.join(_METHODS)}")
    if auth not in {None, "basic", "bearer"}:
        raise errors.UsageError("--auth must be basic or bearer")
    if data is not None and fields:
        raise errors.UsageError("give the body as --data or as fields, not both")
    address = paths.read(path, session.base_url)
    query = address.query
    body = request_body.read_body(data) if data is not None else None
    if body is not None:
        if verb == "GET":
            raise errors.UsageError("a GET has no body: leave --data out, or give fields")
        _check_json(body)
    elif fields and verb == "GET":
        query += tuple((key, value if isinstance(value, str) else json.dumps(value)) for key, value in fields.items())
    elif fields:
        body = json.dumps(fields, ensure_ascii=False).encode("utf-8")
    return ServiceCall(method=verb, address=address, query=query, body=body, auth=(auth,) if auth else ())


def confirm(session: Session, call: ServiceCall, data: str | None, *, yes: bool) -> None:
    """Ask before anything but a GET is sent.

    Raises:
        UsageError: it pays for videos. Refusal, Declined: nobody said yes.
    """
    if call.method == "GET":
        return
    if name := call.address.trigger:
        raise errors.UsageError(
            f"{call.address.path} pays for videos: it goes through the journal, which keeps it from being paid twice",
            hint=shell.join(["bhuman", "trigger", name, "--data", data or "payload.json"]),
        )
    size = f" with {len(call.body):,} bytes" if call.body else ""
    what = f"{call.method} {session.service}{call.address.path}{size}"
    sessions.confirm_change(session, what, yes=yes, costs=call.address.can_cost)


def send(session: Session, call: ServiceCall) -> Answer:
    """Send it once."""
    stored = session.stored_credentials()
    with session.client(stored) as client:
        response = client.request(call.method, call.address.path, query=call.query, body=call.body, auth=call.auth)
    return _answer(call, response, stored.secrets)


def all_pages(session: Session, call: ServiceCall) -> list[Any]:
    """Return the items of all pages of a list."""
    stored = session.stored_credentials()
    filters = tuple((key, value) for key, value in call.query if key not in {"page", "size"})
    with session.client(stored) as client:

        def fetch(page: int, size: int) -> wire.Listing:
            query = (*filters, ("page", str(page)), ("size", str(size)))
            response = client.request("GET", call.address.path, query=query, body=None, auth=call.auth)
            answer = _answer(call, response, stored.secrets)
            answer.judge()
            return wire.read_listing(response.body)

        return list(paging.follow(fetch).items)


def _answer(call: ServiceCall, response: Response, secrets: Sequence[str]) -> Answer:
    headers = tuple((name, credentials.mask(value, secrets)) for name, value in response.headers.items())
    body = credentials.mask_bytes(response.body, secrets)
    return Answer(call=call, status=response.status, headers=headers, body=body)


def _check_json(body: bytes) -> None:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise errors.UsageError("--data is not JSON") from None


def _doubt(call: ServiceCall, answered: str) -> errors.InDoubtError:
    paid = " and paid" if call.address.can_cost else ""
    return errors.InDoubtError(
        f"the service answered {answered}: the {call.method} may have been accepted{paid}; look in the BHuman app"
        " before sending it again"
    )
