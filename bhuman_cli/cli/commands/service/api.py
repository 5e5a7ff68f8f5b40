"""Command `api METHOD PATH`: any other endpoint, authenticated: parses, calls, prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bhuman_cli import errors, sanitize
from bhuman_cli.cli import options
from bhuman_cli.cli.options import JsonOption, ProfileOption
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.service import service_call
from bhuman_cli.workflows.service.service_call import Answer, ServiceCall

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
    session = sessions.start(profile=profile, json_mode=json_output, no_input=no_input)
    method, path = (first, second) if second is not None else ("POST" if field or typed_field or data else "GET", first)
    fields = _fields(field, typed_field)
    call = service_call.prepare(session, method, path, fields=fields, data=data, auth=auth)
    _require_one_form(call, paginate=paginate, include=include, json_output=json_output)
    session.stored_credentials()  # nobody is asked about a request that can't be made
    service_call.confirm(session, call, data, yes=yes)
    if paginate:
        session.console.out_json(service_call.all_pages(session, call))
        return
    answer = service_call.send(session, call)
    if json_output:
        session.console.out_json(answer.document())
    else:
        _print(session.console, answer, include=include)
    answer.judge()


def _require_one_form(call: ServiceCall, *, paginate: bool, include: bool, json_output: bool) -> None:
    if paginate and call.method != "GET":
        raise errors.UsageError("--paginate goes with GET only")
    if include and (paginate or json_output):
        raise errors.UsageError("--include prints headers, --json and --paginate one JSON document: give one of them")


def _fields(texts: Sequence[str] | None, typed: Sequence[str] | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for option, pairs in (("-f", texts), ("-F", typed)):
        for field in pairs or ():
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


def _print(console: Console, answer: Answer, *, include: bool) -> None:
    if include:
        console.out(f"HTTP {answer.status}")
        for name, value in answer.headers:
            console.out(sanitize.for_terminal(f"{name}: {value}"))
        console.out("")
    if not sys.stdout.isatty():
        # Bytes as they came: the pipe's encoding is nobody's business here.
        end = b"" if answer.body.endswith(b"\n") or not answer.body else b"\n"
        sys.stdout.flush()
        sys.stdout.buffer.write(answer.body + end)
        sys.stdout.buffer.flush()
        return
    text = answer.body.decode("utf-8", "replace")
    try:
        console.out_json(json.loads(text))
    except (ValueError, RecursionError):
        console.out(sanitize.for_terminal(text, limit=20_000))
