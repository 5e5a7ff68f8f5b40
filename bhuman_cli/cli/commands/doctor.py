"""Command `doctor`: runs the checks, shows every setting with its source. Secrets stay masked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from bhuman_cli import errors, shell
from bhuman_cli.cli.options import JsonOption, ProfileOption
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings, trust
from bhuman_cli.errors import ExitCode
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import diagnostics, session
from bhuman_cli.workflows.diagnostics import Finding
from bhuman_cli.workflows.session import Session

_VERDICTS: Final = {diagnostics.OK: "ok", diagnostics.WARN: "warn", diagnostics.FAIL: "FAIL"}
_SECRET_URLS: Final = frozenset({"callback_url"})


def doctor(
    *,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A table: its project file is looked at, too.")
    ] = None,
    contract: Annotated[
        bool, typer.Option("--contract", help="Compare the service's OpenAPI document with what bhuman sends.")
    ] = False,
    openapi: Annotated[
        str | None,
        typer.Option("--openapi", metavar="PATH", help="Where the service keeps it.", show_default="looked for"),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask the service nothing.")] = False,
    json_output: JsonOption = False,
    profile: ProfileOption = None,
) -> int:
    """Check configuration, connection, clock and disk; show every setting and who said so.

    Secrets are masked, so the output can go into a ticket. `--contract` needs no credentials.

    **Examples**

    `bhuman doctor`

    `bhuman doctor campaign.csv --json`

    `bhuman doctor --contract`
    """
    console = Console(json_mode=json_output)
    if contract or openapi:
        return _contract(session.start(profile=profile, json_mode=json_output), openapi)
    opened, findings = _settings(console, file, profile)
    findings += _table(file) + _checks(opened, offline=offline)
    code = _exit_code(findings)
    if json_output:
        console.out_json(_document(opened, findings, code))
    else:
        _print(console, opened, findings)
    return int(code)


def _settings(console: Console, file: Path | None, profile: str | None) -> tuple[Session | None, list[Finding]]:
    try:
        opened = Session(
            console=console,
            values=settings.load(flags={}, input_path=file, environ=os.environ, profile=profile),
            home=settings.home(os.environ),
            environ=os.environ,
        )
    except errors.UsageError as error:
        failed = Finding(
            check="settings",
            verdict=diagnostics.FAIL,
            detail=error.message,
            hint=error.hint,
            exit_code=ExitCode.USAGE,
        )
        return None, [failed]
    files = [path for path in (opened.values.project_file, opened.values.user_file) if path]
    detail = f"read {', '.join(str(path) for path in files)}" if files else "no project file, no user file"
    return opened, [Finding(check="settings", verdict=diagnostics.OK, detail=detail), *_trust(opened.values)]


def _trust(values: settings.Settings) -> list[Finding]:
    """Say whether the project file is trusted, where anything in it has to be, and under which hash."""
    if values.project_file is None:
        return []
    shown = values.fingerprint[:16]
    if values.untrusted:
        refusal = values.distrust()
        detail = f"{refusal.message} ({shown})"
        return [Finding(check="trust", verdict=diagnostics.WARN, detail=detail, hint=refusal.hint)]
    is_kept = trust.is_trusted(settings.home(os.environ).state, values.fingerprint)
    said = "trusted" if is_kept else "holds nothing that has to be trusted"
    return [Finding(check="trust", verdict=diagnostics.OK, detail=f"{values.project_file.name}: {said} ({shown})")]


def _table(file: Path | None) -> list[Finding]:
    if file is None or file.exists():
        return []
    hint = shell.list_folder(file.parent)
    return [Finding(check="table", verdict=diagnostics.WARN, detail=f"there is no file {file}", hint=hint)]


def _checks(opened: Session | None, *, offline: bool) -> list[Finding]:
    from bhuman_cli.cli import app, environment

    unknown = environment.unknown(os.environ, app.COMMANDS, app.load)
    findings = list(diagnostics.environment(os.environ, unknown))
    clock = SystemClock()
    if opened is not None:
        reached = [] if offline else list(diagnostics.connection(opened, clock))
        findings += reached
        # A service that can't be reached is said once.
        is_up = bool(reached) and all(finding.verdict != diagnostics.FAIL for finding in reached)
        findings += diagnostics.keys(opened, may_ask=is_up)
    with contextlib.suppress(errors.UsageError):  # no home folder: said as a setting
        home = settings.home(os.environ)
        findings += diagnostics.kept(home)
        findings += diagnostics.state_folder(home, clock)
    findings.append(diagnostics.keyring())
    findings += diagnostics.parts()
    return findings


def _exit_code(findings: Sequence[Finding]) -> ExitCode:
    codes = [finding.exit_code for finding in findings if finding.verdict == diagnostics.FAIL]
    return ExitCode.USAGE if ExitCode.USAGE in codes else errors.worst(codes)


def _shown_settings(opened: Session | None) -> Iterator[tuple[str, Any, str]]:
    for name, setting in sorted(opened.values.values.items() if opened else ()):
        value = setting.value
        if name in _SECRET_URLS and isinstance(value, str):
            # The path of a callback URL is what keeps strangers from posting to it.
            parts = urlsplit(value)
            value = f"{parts.scheme}://{parts.hostname or ''}/…"
        elif isinstance(value, Path):
            value = str(value)
        yield name.replace("_", "-"), value, setting.source


def _document(opened: Session | None, findings: Sequence[Finding], code: ExitCode) -> dict[str, Any]:
    return {
        "schema": "bhuman.doctor/1",
        "versions": diagnostics.versions(),
        "settings": [
            {"name": name, "value": value, "source": source} for name, value, source in _shown_settings(opened)
        ],
        "findings": [
            {"check": finding.check, "verdict": finding.verdict, "detail": finding.detail, "hint": finding.hint}
            for finding in findings
        ],
        "exit_code": int(code),
    }


def _print(console: Console, opened: Session | None, findings: Sequence[Finding]) -> None:
    versions = diagnostics.versions()
    console.out(f"bhuman {versions['bhuman']}, Python {versions['python']}, {versions['platform']}")
    console.out("")
    rows = [row for row in _shown_settings(opened) if row[2] != "default" or row[0] in {"base-url", "profile"}]
    console.table(["setting", "value", "from"], [[name, _text(value), source] for name, value, source in rows])
    console.out("")
    console.checklist(
        [
            (
                _VERDICTS[finding.verdict],
                finding.check,
                finding.detail,
                "" if finding.verdict == diagnostics.OK or finding.hint == "bhuman doctor" else finding.hint,
            )
            for finding in findings
        ]
    )


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join("=".join(part) if isinstance(part, tuple) else str(part) for part in value)
    return str(value)


def _contract(opened: Session, path: str | None) -> int:
    """Compare, print, and end with 5 where a request of ours would fail."""
    from bhuman_cli.workflows.service import contract_check

    where, differences = contract_check.compare(opened, path)
    breaking = sum(one.breaks for one in differences)
    if opened.console.json_mode:
        listed = [{"route": one.route, "what": one.what, "breaks": one.breaks} for one in differences]
        opened.console.out_json({"schema": "bhuman.contract/1", "document": where, "differences": listed})
    else:
        words = {True: "differs", False: "note"}
        opened.console.table(
            ["", "route", "difference"], [[words[one.breaks], one.route, one.what] for one in differences]
        )
        notes = len(differences) - breaking
        opened.console.say(f"{where}: {breaking} differences that matter, {notes} notes")
    return int(ExitCode.ROWS_FAILED if breaking else ExitCode.OK)
