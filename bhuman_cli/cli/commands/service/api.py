"""Command `api METHOD PATH`: any other endpoint, authenticated. Asks before anything but a GET."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bhuman_cli import errors, shell
from bhuman_cli.cli import options
from bhuman_cli.cli.options import JsonOption, ProfileOption
from bhuman_cli.config import credentials
from bhuman_cli.terminal.console import harmless
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.input import request_body
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from bhuman_cli.api.paths import Address
    from bhuman_cli.api.transport import Response

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MAX_PAGES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """What the command line asks for."""

    method: str
    address: Address
    query: tuple[tuple[str, str], ...]
    body: bytes | None
    auth: tuple[str, ...]


First = Annotated[
    str,
    typer.Argument(metavar="[METHOD]", help="GET, POST, PUT, PATCH or DELETE; without it GET, or POST with a body."),
]
Second = Annotated[
    str | None, typer.Argument(metavar="PATH", help="Such as `campaigns` or `/api/ai_studio/campaigns`.")
]
Field = Annotated[
    list[str] | None,
    typer.Option("-f", "--field", metavar="KEY=VALUE", help="A text field; of the query for GET, else of the body."),
]
TypedField = Annotated[
    list[str] | None,
    typer.Option("-F", "--typed-field", metavar="KEY=JSON", help="The same, the value as JSON: 5, true, [1,2]."),
]
Paginate = Annotated[bool, typer.Option("--paginate", help="GET every page; print one JSON list.")]
Include = Annotated[bool, typer.Option("--include", help="Print the status line and the headers, too.")]
Auth = Annotated[
    str | None,
    typer.Option(
        "--auth",
        metavar="basic|bearer",
        help="Which credentials, if there are both.",
        show_default="as the route wants",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before sending anything but a GET.")]
NoInput = Annotated[bool, typer.Option("--no-input", help="Never prompt.")]


def api(  # noqa: PLR0913 - one parameter is one option
    first: First,
    second: Second = None,
    *,
    field: Field = None,
    typed_field: TypedField = None,
    data: options.DataOption = None,
    paginate: Paginate = False,
    include: Include = False,
    auth: Auth = None,
    yes: Yes = False,
    no_input: NoInput = False,
    json_output: JsonOption = False,
    profile: ProfileOption = None,
) -> None:
    """Call any other endpoint of the service, authenticated.

    The answer's body goes to stdout as it is; with `--json` only if it is JSON. Only the service of BHUMAN_BASE_URL is
    called. Anything but a GET is confirmed first, sent once and never repeated; it is not in the journal, so for
    videos prefer `bhuman trigger`.

    **Examples**

    `bhuman api campaigns --paginate`

    `bhuman api GET get_generated_video -f id=GENERATION_ID`

    `bhuman api POST webhook -f name=Production -f webhook=https://yourapp.com/bhuman/callback`
    """
    from bhuman_cli.api import paths

    session = sessions.start(profile=profile, json_mode=json_output, no_input=no_input)
    method, path = (first, second) if second is not None else ("POST" if field or typed_field or data else "GET", first)
    address = paths.read(path, session.base_url)
    wish = _wish(method, address, fields=_fields(field, typed_field), data=data, auth=auth)
    _require_one_form(wish, paginate=paginate, include=include, json_output=json_output)
    held = session.stored_credentials()
    if wish.method != "GET":
        _refuse_paid(address, data)
        _confirm(session, wish, yes=yes)
    with session.client(held) as client:
        if paginate:
            session.console.out_json(_all_pages(client, wish, held.secrets))
            return
        answer = client.request(wish.method, wish.address.path, query=wish.query, body=wish.body, auth=wish.auth)
    if json_output:
        _print_document(session, wish, answer, held.secrets)
    else:
        _print(session, answer, held.secrets, include=include)
    _judge(wish, answer, held.secrets)


def _refuse_paid(address: Address, data: str | None) -> None:
    if name := address.trigger:
        raise errors.UsageError(
            f"{address.path} pays for videos: it goes through the journal, which keeps it from being paid twice",
            hint=shell.join(["bhuman", "trigger", name, "--data", data or "payload.json"]),
        )


def _require_one_form(wish: ApiOptions, *, paginate: bool, include: bool, json_output: bool) -> None:
    if paginate and wish.method != "GET":
        raise errors.UsageError("--paginate goes with GET only")
    if include and (paginate or json_output):
        raise errors.UsageError("--include prints headers, --json and --paginate one JSON document: give one of them")


def _wish(
    method: str, address: Address, *, fields: Mapping[str, Any], data: str | None, auth: str | None
) -> ApiOptions:
    verb = method.upper()
    if verb not in _METHODS:
        raise errors.UsageError(f"{method[:20]!r} is not one of {', '.join(_METHODS)}")
    if auth not in {None, "basic", "bearer"}:
        raise errors.UsageError("--auth must be basic or bearer")
    if data is not None and fields:
        raise errors.UsageError("give the body as --data or as fields, not both")
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
    return ApiOptions(method=verb, address=address, query=query, body=body, auth=(auth,) if auth else ())


def _fields(texts: Sequence[str] | None, typed: Sequence[str] | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for option, given in (("-f", texts), ("-F", typed)):
        for field in given or ():
            key, equals, value = field.partition("=")
            if not equals or not key:
                raise errors.UsageError(f"{option} {field[:40]!r}: expected KEY=VALUE")
            if key in fields:
                raise errors.UsageError(f"the field {key[:40]!r} is given twice")
            fields[key] = value if option == "-f" else _typed(key, value)
    return fields


def _typed(key: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise errors.UsageError(f"-F {key[:40]}: the value is not JSON; for text use -f") from None


def _check_json(body: bytes) -> None:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise errors.UsageError("--data is not JSON") from None


def _confirm(session: Session, wish: ApiOptions, *, yes: bool) -> None:
    size = f" with {len(wish.body):,} bytes" if wish.body else ""
    what = f"{wish.method} {session.service}{wish.address.path}{size}"
    sessions.confirm_change(session, what, yes=yes, costs=wish.address.can_cost)


def _all_pages(client: Any, wish: ApiOptions, secrets: Sequence[str]) -> list[Any]:
    from bhuman_cli.api import paging, wire

    kept = tuple((key, value) for key, value in wish.query if key not in {"page", "size"})

    def fetch(page: int, size: int) -> wire.Listing:
        query = (*kept, ("page", str(page)), ("size", str(size)))
        answer = client.request("GET", wish.address.path, query=query, body=None, auth=wish.auth)
        _judge(wish, answer, secrets)
        return wire.read_listing(answer.body)

    return list(paging.follow(fetch).items)


def _print(session: Session, answer: Response, secrets: Sequence[str], *, include: bool) -> None:
    if include:
        session.console.out(f"HTTP {answer.status}")
        for name, value in answer.headers.items():
            session.console.out(harmless(credentials.mask(f"{name}: {value}", secrets)))
        session.console.out("")
    if not sys.stdout.isatty():
        # Bytes as they came: the pipe's encoding is nobody's business here.
        end = b"" if answer.body.endswith(b"\n") or not answer.body else b"\n"
        sys.stdout.flush()
        sys.stdout.buffer.write(credentials.mask_bytes(answer.body, secrets) + end)
        sys.stdout.buffer.flush()
        return
    text = credentials.mask(answer.body.decode("utf-8", "replace"), secrets)
    try:
        session.console.out_json(json.loads(text))
    except (ValueError, RecursionError):
        session.console.out(harmless(text, limit=20_000))


def _print_document(session: Session, wish: ApiOptions, answer: Response, secrets: Sequence[str]) -> None:
    """Print the body as one JSON document, `null` for none; what is not JSON is kept from programs."""
    from bhuman_cli.api import wire

    body = credentials.mask_bytes(answer.body, secrets)
    try:
        session.console.out_json(wire.parse(body) if body.strip() else None)
    except wire.WireError as error:
        _judge(wish, answer, secrets)
        if wish.method == "GET":
            raise
        raise _doubt(wish, f"{answer.status}, and {error.message}") from None


def _judge(wish: ApiOptions, answer: Response, secrets: Sequence[str]) -> None:
    """Turn a bad answer into the exit code; its body has been printed."""
    from bhuman_cli.api import post_result, wire

    status = answer.status
    is_change = wish.method != "GET"
    if 200 <= status < 300:
        try:
            envelope = wire.read_envelope(answer.body)
        except wire.WireError:
            if is_change and wish.address.can_cost:
                raise _doubt(wish, "with something that is not JSON") from None
            return
        if not envelope.is_failure:
            return
        status = envelope.code if envelope.code and envelope.code != 200 else 400
    if is_change and wish.address.can_cost and status in post_result.MAYBE_ACCEPTED:
        raise _doubt(wish, str(status))
    if 300 <= status < 400:
        raise errors.ServiceDown(f"the service answered with a redirect ({status}), which is never followed")
    detail = credentials.mask(wire.server_message(answer.body), secrets)
    hint = "bhuman login" if status in {401, 403} else ""
    raise errors.ApiError(
        f"the service answered {status}{': ' if detail else ''}{detail}", status=status, detail=detail, hint=hint
    )


def _doubt(wish: ApiOptions, answered: str) -> errors.InDoubtError:
    paid = " and paid" if wish.address.can_cost else ""
    return errors.InDoubtError(
        f"the service answered {answered}: the {wish.method} may have been accepted{paid}; look in the BHuman app"
        " before sending it again"
    )
