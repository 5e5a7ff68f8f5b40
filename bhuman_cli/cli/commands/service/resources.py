"""Commands `campaigns`, `instances` (which differ in a word) and `webhooks`: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from bhuman_cli import errors, ids, sanitize
from bhuman_cli.cli.options import DataOption, JsonOption, LimitOption, ProfileOption, YesOption
from bhuman_cli.domain import TargetKind
from bhuman_cli.net import hosts
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.input import request_body
from bhuman_cli.workflows.session import Session

UNVERIFIED: Final = "BHuman documents neither method nor fields of this request: what is sent here is unverified."


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """One of the two. key: the word of ids.parse."""

    kind: TargetKind
    one: str
    many: str
    key: str
    columns: tuple[str, ...]


CAMPAIGN: Final = Noun(
    kind=TargetKind.CAMPAIGN,
    one="campaign",
    many="campaigns",
    key=ids.CAMPAIGN,
    columns=("id", "name", "updated_at"),
)
INSTANCE: Final = Noun(
    kind=TargetKind.INSTANCE,
    one="video instance",
    many="instances",
    key=ids.INSTANCE,
    columns=("id", "name", "updated_at"),
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id, or its address in the BHuman app.")]
NameOption = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Its name.")]
FieldOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Any other field, as text; repeatable.")
]


def build(noun: Noun) -> typer.Typer:
    """Return the command group of one of the two nouns."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help=(
            f"List, show, create and update {_many(noun)}.\n\n**Examples**\n\n`bhuman {noun.many} list`\n\n"
            f"`bhuman {noun.many} show {_EXAMPLE_ID}`"
        ),
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    _add_reading(app, noun)
    _add_writing(app, noun)
    return app


def _add_reading(app: typer.Typer, noun: Noun) -> None:
    @app.command("list", help=_help(f"List {_many(noun)}.", f"bhuman {noun.many} list", "--limit 20 --json"))
    def list_(*, limit: LimitOption = 100, json_output: JsonOption = False, profile: ProfileOption = None) -> None:
        session = sessions.start(profile=profile, json_mode=json_output)
        with session.client(session.stored_credentials()) as client, _explained(noun):
            page = client.resources(noun.kind, limit=limit)
        if json_output:
            session.console.out_json(
                {"schema": f"bhuman.{noun.many}/1", "total": page.total, noun.many: list(page.items)}
            )
            return
        print_items(session.console, noun.columns, page.items)
        if page.is_cut:
            of = f" of {page.total}" if page.total is not None else ""
            more = f"all of them: bhuman {noun.many} list --limit 0" if limit else "the service gives no more"
            session.console.say(f"shown: {len(page.items)}{of}; {more}")
        elif not page.items:
            session.console.say(f"there are no {_many(noun)}")

    @app.command("show", help=_help(f"Show one {noun.one}.", f"bhuman {noun.many} show", _EXAMPLE_ID))
    def show(*, api_id: IdArgument, json_output: JsonOption = False, profile: ProfileOption = None) -> None:
        session = sessions.start(profile=profile, json_mode=json_output)
        identifier = ids.of_kind(api_id, noun.key)
        with session.client(session.stored_credentials()) as client, _explained(noun):
            record = client.resource(noun.kind, identifier)
        if record is None:
            raise errors.ApiError(f"{session.service} knows no {noun.one} of this id", status=404)
        print_record(session.console, record)


def _add_writing(app: typer.Typer, noun: Noun) -> None:
    @app.command("create", help=_help(f"Create a {noun.one}.", f"bhuman {noun.many} create", "--name Intro", _UNSURE))
    def create(
        *,
        name: NameOption = None,
        fields: FieldOption = None,
        data: DataOption = None,
        yes: YesOption = False,
        json_output: JsonOption = False,
        profile: ProfileOption = None,
    ) -> None:
        session = sessions.start(profile=profile, json_mode=json_output)
        payload = _payload(name, fields, data)
        with _changing(session, noun, yes=yes) as client:
            record = client.create(noun.kind, payload)
        print_changed(session.console, record, f"created the {noun.one}")

    @app.command(
        "update",
        help=_help(f"Change a {noun.one}.", f"bhuman {noun.many} update", f"{_EXAMPLE_ID} --name New", _UNSURE),
    )
    def update(  # noqa: PLR0913 - one parameter is one option
        *,
        api_id: IdArgument,
        name: NameOption = None,
        fields: FieldOption = None,
        data: DataOption = None,
        yes: YesOption = False,
        json_output: JsonOption = False,
        profile: ProfileOption = None,
    ) -> None:
        session = sessions.start(profile=profile, json_mode=json_output)
        payload = _payload(name, fields, data)
        with _changing(session, noun, yes=yes) as client:
            record = client.update(noun.kind, ids.of_kind(api_id, noun.key), payload)
        print_changed(session.console, record, f"changed the {noun.one}")


_EXAMPLE_ID: Final = "https://app.bhuman.ai/…/00000000-0000-0000-0000-000000000000"
_FEW_COLUMNS, _MANY_COLUMNS = 2, 4
_UNSURE: Final = f"{UNVERIFIED} Fields of your own: `--set` or `--data`."


def _help(first: str, command: str, options: str, note: str = "") -> str:
    extra = f"\n\n{note}" if note else ""
    return f"{first}{extra}\n\n**Examples**\n\n`{command} {options}`"


def _many(noun: Noun) -> str:
    return f"{noun.one}s"


def _payload(name: str | None, fields: Sequence[str] | None, data: str | None) -> dict[str, Any]:
    payload = request_body.read_object(data) if data else {}
    for field in fields or ():
        key, equals, value = field.partition("=")
        if not equals or not key.strip():
            raise errors.UsageError(f"--set {field[:40]!r}: expected FIELD=VALUE")
        payload[key.strip()] = value
    if name is not None:
        payload["name"] = name
    if not payload:
        raise errors.UsageError("there is nothing to send: give --name, --set or --data")
    return payload


@contextmanager
def _changing(session: Session, noun: Noun, *, yes: bool) -> Iterator[Any]:
    """Ask, and give a client. It costs nothing: where nobody can be asked it is sent, as it was typed."""
    unasked = yes or not session.console.is_interactive()
    sessions.confirm_change(session, f"this {noun.one} to {session.service}", yes=unasked)
    with session.client(session.stored_credentials()) as client, _explained(noun):
        yield client


@contextmanager
def _explained(noun: Noun) -> Iterator[None]:
    """Say what a closed route means, and what works without it. Source: API contract, section 5."""
    try:
        yield
    except errors.ApiError as error:
        if error.status not in {401, 403}:
            raise
        way = "-c" if noun.kind is TargetKind.CAMPAIGN else "-i"
        raise errors.CredentialsError(
            f"{error.message}. This route opens to a user bearer token (BHUMAN_TOKEN). Without one, take the id from"
            f" the address of the {noun.one} in the BHuman app: `bhuman render FILE {way} ADDRESS` needs nothing else",
            hint="bhuman login --token",
        ) from error


def print_items(console: Console, columns: Sequence[str], items: Sequence[Any]) -> None:
    """Print a table of records: the columns that any of them has, or where those are few, other plain fields.

    No source documents most of these records. What is no record stands in a column `value`.
    """
    records = [item if isinstance(item, Mapping) else {"value": item} for item in items if item is not None]
    shown = _filled(columns, records)
    if len(shown) < _FEW_COLUMNS:
        others = dict.fromkeys(name for record in records for name in record if name not in columns)
        shown += _filled(list(others), records)[: _MANY_COLUMNS - len(shown)]
    if shown:
        names = [sanitize.for_terminal(str(column), limit=40) for column in shown]
        console.table(names, [[cell(record.get(column)) for column in shown] for record in records])
    elif records:
        console.say(f"{len(records):,} records without a plain field; --json shows them")


def _filled(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        column
        for column in columns
        if any(_is_flat(record.get(column)) and record.get(column) not in {None, ""} for record in records)
    ]


def print_record(console: Console, record: Any) -> None:
    """Print one record, or what came instead: as JSON for programs, else a line per field."""
    if console.json_mode:
        console.out_json(record)
    elif isinstance(record, Mapping):
        console.table(
            ["field", "value"], [[sanitize.for_terminal(str(key)), cell(value)] for key, value in record.items()]
        )
    elif record is not None:
        console.out(sanitize.for_terminal(cell(record)))


def cell(value: Any) -> str:
    """Return a JSON value as a table shows it."""
    import json

    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_flat(value: Any) -> bool:
    return not isinstance(value, dict | list)


def print_changed(console: Console, result: Any, said: str) -> None:
    """Say that a change was made, and print what the service answered, if anything."""
    console.say(said)
    print_record(console, result)


campaigns = build(CAMPAIGN)
instances = build(INSTANCE)

webhooks = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List and create saved webhooks, which are told about finished videos."
    "\n\n**Examples**\n\n`bhuman webhooks list`"
    "\n\n`bhuman webhooks create --name Production --url https://yourapp.com/bhuman/callback`",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@webhooks.command("list")
def _list_webhooks(*, json_output: JsonOption = False, profile: ProfileOption = None) -> None:
    """List the saved webhooks.

    **Examples**

    `bhuman webhooks list`
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    with session.client(session.stored_credentials()) as client:
        page = client.webhooks()
    if json_output:
        session.console.out_json({"schema": "bhuman.webhooks/1", "total": page.total, "webhooks": list(page.items)})
        return
    print_items(session.console, ("id", "name", "webhook", "url"), page.items)
    if not page.items:
        session.console.say("there are no saved webhooks")


@webhooks.command("create")
def _create_webhook(
    *,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="How it is listed.")],
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where events are posted to; HTTPS.")],
    json_output: JsonOption = False,
    profile: ProfileOption = None,
) -> None:
    """Save a webhook. Which wins, a saved webhook or a run's own `--callback-url`, is not documented.

    **Examples**

    `bhuman webhooks create --name Production --url https://yourapp.com/bhuman/callback`
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    _check_url(url, session.base_url)
    if not name.strip():
        raise errors.UsageError("--name is blank")
    with session.client(session.stored_credentials()) as client:
        record = client.create_webhook(name.strip(), url)
    print_changed(session.console, record, "saved the webhook")


def _check_url(url: str, base_url: str) -> None:
    """Refuse what the service could not call, before it is kept there. Source: API contract, sections 4 and 7."""
    is_local = hosts.is_loopback_url(base_url) and hosts.is_loopback_url(url) and url.startswith("http://")
    if not is_local and not url.lower().startswith("https://"):
        raise errors.UsageError("--url must begin with https://")
    if not url.isprintable() or " " in url:
        raise errors.UsageError("--url holds a space or a control character")
