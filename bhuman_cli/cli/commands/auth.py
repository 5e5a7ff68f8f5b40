"""Commands `login`, `logout`, `whoami`. No secret passes through argv."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer

from bhuman_cli import errors
from bhuman_cli.cli.options import JsonOption, ProfileOption
from bhuman_cli.config import credential_store, credentials
from bhuman_cli.config.credentials import Credentials
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows import spending
from bhuman_cli.workflows.session import CredentialCheck, Session

_MAX_STDIN: Final = 64 * 1024


def login(
    *,
    profile: ProfileOption = None,
    token: Annotated[
        bool, typer.Option("--token", help="Keep a user bearer token (it opens the lists) instead of an API key.")
    ] = False,
    file: Annotated[
        bool,
        typer.Option("--file", help="Keep it in a file only this user can read, for cron jobs without a keyring."),
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Keep it whatever the service says, or if it can't be asked.")
    ] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Don't ask; read stdin.")] = False,
    json_output: JsonOption = False,
) -> int:
    r"""Check API credentials with the service, then keep them.

    On a terminal they are asked for and not shown. Otherwise they are read from stdin: id and secret on two lines,
    or `id:secret`, or the two encoded with base64. They are kept in the system's keyring, else in a private file, and
    only ever sent to the service they were checked with. A key that opens nothing which can be tried for free is kept:
    the first render will tell.

    **Examples**

    `bhuman login`

    `printf '%s\n' "$KEY_ID" "$KEY_SECRET" | bhuman login --file`

    `BHUMAN_BASE_URL=http://127.0.0.1:8787 bhuman login`
    """
    session = sessions.start(profile=profile, json_mode=json_output, no_input=no_input)
    entered = _entered_token(session) if token else _entered_key(session)
    check = sessions.check_credentials(session, entered)[0]
    if check.verdict == "refused" and not unchecked:
        raise errors.CredentialsError(
            f"{session.service} refused these credentials{_after(check)}; nothing was saved; --unchecked saves them",
            hint=f"bhuman login{' --token' if token else ''}",
        )
    if check.verdict == "unknown" and not unchecked:
        raise errors.ServiceDown(
            f"{session.service} could not be asked whether they work{_after(check)}; nothing was saved",
            hint="bhuman login --unchecked",
        )
    place = _keep(session, entered, file=file)
    _say_kept(session, entered, place, check)
    return 0


def logout(
    *,
    profile: ProfileOption = None,
    json_output: JsonOption = False,
) -> int:
    """Forget the credentials that `bhuman login` kept for this profile and service.

    **Examples**

    `bhuman logout`

    `bhuman logout --profile work`
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    spending.record_logout(session)
    was_kept = credential_store.forget(session.home, session.profile, service=session.service)
    if json_output:
        session.console.out_json({"schema": "bhuman.logout/1", **_about(session), "forgotten": was_kept})
    elif was_kept:
        session.console.say(f"Removed the credentials of profile {session.profile} for {session.service}")
    else:
        session.console.say(f"No saved key for profile {session.profile} and {session.service}.")
    if any(session.environ.get(name, "").strip() for name in credentials.VARIABLES):
        session.console.say("Credentials in the environment are still in effect: bhuman whoami")
    return 0


def whoami(*, profile: ProfileOption = None, json_output: JsonOption = False) -> int:
    """Show which credentials are used, where they come from, and whether the service takes them.

    **Examples**

    `bhuman whoami`

    `bhuman whoami --profile work --json`
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    stored = session.stored_credentials()
    checks = sessions.check_credentials(session, stored)
    if json_output:
        session.console.out_json(_whoami_document(session, stored, checks))
    else:
        _print_whoami(session, stored, checks)
    if any(check.verdict == "refused" for check in checks):
        return int(errors.ExitCode.CREDENTIALS)
    return int(errors.ExitCode.DOWN if all(check.verdict == "unknown" for check in checks) else errors.ExitCode.OK)


def _entered_key(session: Session) -> Credentials:
    if session.console.is_interactive():
        session.console.say(
            f"API key for {session.service} (in the BHuman app: Settings > API Keys > Generate new key)"
        )
        key_id = session.console.ask("Client ID: ")
        secret = session.console.ask("Client Secret (not shown): ", secret=True)
        return Credentials(basic=credentials.encode(key_id, secret), source="terminal")
    lines = _stdin_lines()
    if len(lines) >= 2:
        return Credentials(basic=credentials.encode(lines[0], lines[1]), source="stdin")
    if len(lines) == 1 and ":" in lines[0]:
        key_id, _, secret = lines[0].partition(":")
        return Credentials(basic=credentials.encode(key_id.strip(), secret.strip()), source="stdin")
    if len(lines) == 1:
        return Credentials(basic=credentials.decode_basic(lines[0], name="stdin"), source="stdin")
    raise errors.CredentialsError(
        "stdin is empty: expected Client ID and Client Secret on two lines", hint="bhuman login"
    )


def _entered_token(session: Session) -> Credentials:
    if session.console.is_interactive():
        text = session.console.ask(f"User bearer token for {session.service} (not shown): ", secret=True)
    else:
        text = "".join(_stdin_lines())
    if not text:
        raise errors.CredentialsError("stdin is empty: expected a token", hint="bhuman login --token")
    return Credentials(bearer=credentials.check_token(text, name="the token"), source="stdin")


def _stdin_lines() -> list[str]:
    # Bytes that are no UTF-8 become characters that no key may have; PowerShell puts a byte order mark first.
    raw = sys.stdin.buffer.read(_MAX_STDIN) if sys.stdin is not None else b""
    text = raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # GNU base64 wraps a long pair after 76 characters.
    joined = "".join(lines)
    return [joined] if len(lines) > 1 and len(lines[0]) == 76 and _is_encoded_pair(joined) else lines


def _is_encoded_pair(text: str) -> bool:
    try:
        credentials.decode_basic(text)
    except errors.CredentialsError:
        return False
    return True


def _keep(session: Session, entered: Credentials, *, file: bool) -> str:
    """Keep what was entered; a token stands beside the key that was kept before, and the other way round."""
    before = credential_store.load(session.home, session.profile, service=session.service)
    secret = {
        "basic": entered.basic or (before.basic if before else None),
        "bearer": entered.bearer or (before.bearer if before else None),
    }
    keyring: credential_store.Keyring | None = None
    if not file:
        try:
            keyring = credential_store.safe_keyring()
        except errors.CredentialsError:
            keyring = None
    return credential_store.store(session.home, session.profile, secret, service=session.service, keyring=keyring)


def _say_kept(session: Session, entered: Credentials, place: str, check: CredentialCheck) -> None:
    where = str(session.home.config / credential_store.FILE_NAME)
    if place == "keyring":
        where = f"the keyring ({credential_store.keyring_name(credential_store.safe_keyring())})"
    if session.console.json_mode:
        about = {"schema": "bhuman.login/1", **_about(session)}
        session.console.out_json({**about, "kept_in": place, "checked": check.verdict})
        return
    key = f" as key {shown}" if (shown := credentials.shown_id(entered)) else ""
    session.console.say(f"Logged in to {session.service}{key} (profile {session.profile}). Saved in {where}.")
    if check.verdict != "works":
        reason = sessions.UNCHECKABLE if check.verdict == "closed" else "not checked"
        session.console.say(f"The credentials {reason}.")


def _about(session: Session) -> dict[str, str]:
    return {"profile": session.profile, "service": session.service}


def _whoami_document(session: Session, stored: Credentials, checks: list[CredentialCheck]) -> dict[str, Any]:
    return {
        "schema": "bhuman.whoami/1",
        **_about(session),
        "source": stored.source,
        "key_id": credentials.shown_id(stored),
        "credentials": [
            {"kind": check.kind, "verdict": check.verdict, **({"detail": check.detail} if check.detail else {})}
            for check in checks
        ],
    }


def _print_whoami(session: Session, stored: Credentials, checks: list[CredentialCheck]) -> None:
    key = f", Client ID {credentials.shown_id(stored)}" if stored.basic else ""
    rows = [["service", session.service], ["credentials", f"{stored.source}{key}"]]
    names = {"basic": "API key", "bearer": "user token"}
    rows += [[names[check.kind], _verdict(check)] for check in checks]
    if not stored.bearer:
        rows.append(["user token", "none: lists of campaigns, instances and results may stay closed"])
    session.console.table(["", ""], rows)


def _verdict(check: CredentialCheck) -> str:
    return f"{sessions.UNCHECKABLE if check.verdict == 'closed' else check.verdict}{_after(check)}"


def _after(check: CredentialCheck) -> str:
    return f" ({check.detail})" if check.detail else ""
