"""Commands and the error boundary: only here an exception becomes a message and an exit code.

Commands are imported only when they are run, so that `bhuman --help` stays instant; COMMANDS says what they
do in short, and a test holds the two together.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bhuman_cli import __version__, errors
from bhuman_cli.errors import ExitCode

if TYPE_CHECKING:
    import threading

    from bhuman_cli.terminal.talk import Notice, Progress, Talk, Transcript


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it lives and how `bhuman --help` lists it.

    module: below `cli.commands`. attribute: a plain function, or `app` for a group of commands (a typer.Typer).
    together: what stands in the list of all commands instead, on one line for all that have the same text.
    """

    module: str
    attribute: str
    panel: str
    summary: str
    together: str = ""


_RENDER, _AFTER, _STUDIO, _ACCOUNT = (
    "Turn a spreadsheet into videos",
    "After the render",
    "Campaigns and integrations",
    "Account, machine and manual",
)

_MEDIA, _THINGS, _CALLS, _KEYS, _PROGRAMS, _MANUAL = (
    "Fetch a run's media; check whether they are good.",
    "List, show, create and update them.",
    "Send one request as an integration would, or any other.",
    "Save, remove or check API credentials.",
    "Tools for agents, what happened, JSON schemas.",
    "Read the manual; print the version.",
)

_PAID = "Show what was paid; remove a person everywhere."
_BEFORE = "Look at one row before anything is spent; sign a plan."
_HEALTH = "Check this machine; trust a project file."
COMMANDS: dict[str, Entry] = {
    "render": Entry("render", "render", _RENDER, "Render every row of a spreadsheet."),
    "resume": Entry("resume", "resume", _RENDER, "Continue a run without its file."),
    "status": Entry("status", "status", _RENDER, "Show a run, a campaign, an instance or one video."),
    "runs": Entry("runs", "app", _RENDER, "List the local history of runs, or delete from it."),
    "preview": Entry("preview", "preview", _RENDER, "Look at one row before anything is spent.", _BEFORE),
    "plan": Entry("mcp", "plan_app", _RENDER, "Sign a plan that somebody else may then carry out.", _BEFORE),
    "download": Entry(
        "results.download", "download", _AFTER, "Fetch the videos, GIFs and thumbnails of a run.", _MEDIA
    ),
    "check": Entry(
        "results.check", "check", _AFTER, "Check downloaded videos: sound, black, standing or damaged pictures.", _MEDIA
    ),
    "gallery": Entry("results.gallery", "gallery", _AFTER, "Write one HTML page that shows a whole run."),
    "export": Entry("results.export", "export", _AFTER, "Write results for mail merges, in other shapes, for support."),
    "spend": Entry("results.spend", "spend", _AFTER, "Show what was paid, by campaign, file, client or time.", _PAID),
    "forget": Entry("results.forget", "forget", _AFTER, "Remove a person everywhere this program wrote.", _PAID),
    "listen": Entry("listen", "listen", _AFTER, "Receive completion callbacks."),
    "import-speakeasy": Entry(
        "service.import_speakeasy",
        "import_speakeasy",
        _STUDIO,
        "Import a generated presenter, or list those there are.",
    ),
    "campaigns": Entry("service.resources", "campaigns", _STUDIO, "List, show, create and update campaigns.", _THINGS),
    "instances": Entry(
        "service.resources", "instances", _STUDIO, "List, show, create and update video instances.", _THINGS
    ),
    "webhooks": Entry("service.resources", "webhooks", _STUDIO, "List and create saved webhooks.", _THINGS),
    "trigger": Entry("service.trigger", "app", _STUDIO, "Send one request as an integration would.", _CALLS),
    "api": Entry("service.api", "api", _STUDIO, "Call any other endpoint, authenticated.", _CALLS),
    "login": Entry("auth", "login", _ACCOUNT, "Check and keep API credentials.", _KEYS),
    "logout": Entry("auth", "logout", _ACCOUNT, "Forget the credentials kept by login.", _KEYS),
    "whoami": Entry("auth", "whoami", _ACCOUNT, "Show which credentials are used, and whether they work.", _KEYS),
    "doctor": Entry("doctor", "doctor", _ACCOUNT, "Check configuration, connection, clock and disk.", _HEALTH),
    "trust": Entry("trust", "trust", _ACCOUNT, "Trust a project file that spends or sends elsewhere.", _HEALTH),
    "journal": Entry("journal", "app", _ACCOUNT, "Look at the memory of what was paid, copy it, share it."),
    "studio": Entry("local.studio", "app", _ACCOUNT, "Run AI Studio's API on this machine, rendering for real."),
    "mcp": Entry("mcp", "mcp", _ACCOUNT, "Serve tools for agents over stdio, in one folder.", _PROGRAMS),
    "events": Entry("runs", "events", _ACCOUNT, "Show what happened, in order, with a cursor.", _PROGRAMS),
    "schema": Entry("schema", "schema", _ACCOUNT, "Print the JSON Schema of a document for programs.", _PROGRAMS),
    "help": Entry("help", "help_", _ACCOUNT, "Read the manual: a topic, or a command's help.", _MANUAL),
    "version": Entry("help", "version", _ACCOUNT, "Print the version.", _MANUAL),
}

_TOLD = frozenset({"render", "resume", "download", "listen"})
"""Commands whose end `[notify]` tells."""


def load(name: str) -> Any:
    """Import and build the command called name (a TyperCommand or TyperGroup)."""
    entry = COMMANDS[name]
    module = importlib.import_module(f"bhuman_cli.cli.commands.{entry.module}")
    definition = getattr(module, entry.attribute)
    if isinstance(definition, typer.Typer):
        command: Any = typer.main.get_group(definition)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
        single.command(name=name)(definition)
        command = typer.main.get_command(single)
    command.name = name
    command.rich_help_panel = entry.panel
    from bhuman_cli.cli import completion, environment

    environment.declare(command, name)
    if "_BHUMAN_COMPLETE" in os.environ:
        completion.declare(command)
    _as_manual(command)
    return command


def _as_manual(command: Any) -> None:
    """Give a command, and those of a group, the help page of `help_page`."""

    def format_help(context: Any, formatter: Any) -> None:
        from bhuman_cli.cli import help_page

        formatter.write(help_page.page(command, context))

    command.format_help = format_help
    for each in getattr(command, "commands", {}).values():
        _as_manual(each)


class LazyGroup(TyperGroup):
    """The root group: lists commands from COMMANDS, imports one only when it is run or completed."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page that lists all commands."""
        from bhuman_cli.cli import help_page

        formatter.write(help_page.page(self, ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a placeholder while listing, the real command when it is about to run."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in ctx.args or cmd_name in getattr(ctx, "_protected_args", ()) or ctx.resilient_parsing:
            return load(cmd_name)
        entry = COMMANDS[cmd_name]
        return TyperCommand(cmd_name, help=entry.summary, short_help=entry.together, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command to run, or say which one was probably meant."""
        name = args[0]
        if name in COMMANDS:
            return name, load(name), args[1:]
        if name.startswith("-"):
            return super().resolve_command(ctx, args)
        from bhuman_cli.cli import usage_errors

        raise usage_errors.unknown_command(name, list(COMMANDS))


app = typer.Typer(
    name="bhuman",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try it, no account needed: bhuman render sample_data/campaign.csv --local",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"bhuman {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only. Works on every command.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Talk as on a terminal, where there is none and nothing is new.")
    ] = False,
) -> None:
    """Spreadsheet rows in, personalised videos out; no video is ever paid for twice."""
    del version, quiet, verbose  # taken out of the words before, wherever they stand


def run(argv: Sequence[str]) -> int:
    """Run one command line; return the exit code. Never raises but for a second Ctrl-C."""
    from bhuman_cli.cli import verbosity
    from bhuman_cli.terminal import talk

    words, spoken = verbosity.split(argv)
    talk.CURRENT.set(spoken)
    code = with_notifications(words, spoken, lambda: _run(words))
    if code:
        from bhuman_cli.terminal import console

        console.Console().tell_news()
    return code


def call(
    words: Sequence[str],
    *,
    on_notice: Notice | None = None,
    on_progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Transcript:
    """Run one command line for a caller in this process, who hears it instead of the streams.

    The words are parsed as the shell's are, so that settings, guards and journal are the same.

    Raises:
        BhumanError: as the command raises it.
    """
    from bhuman_cli.terminal import talk

    transcript = talk.Transcript(on_notice=on_notice, on_progress=on_progress)
    spoken = talk.Talk(listener=transcript, cancel=cancel, owns_signals=False)
    token = talk.CURRENT.set(spoken)

    def run() -> int:
        code = app(args=list(words), prog_name="bhuman", standalone_mode=False)
        return code if isinstance(code, int) else 0

    try:
        transcript.exit_code = with_notifications(words, spoken, run)
    except typer.TyperException as error:
        from bhuman_cli.cli import usage_errors

        raise usage_errors.explain(error) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    finally:
        talk.CURRENT.reset(token)
    return transcript


def with_notifications(words: Sequence[str], spoken: Talk, run: Callable[[], int]) -> int:
    """Run a command; tell whoever the user's `[notify]` names how it ended."""
    command = words[0] if words else ""
    if command not in _TOLD:
        return run()
    from bhuman_cli.workflows import notifications

    recipients = notifications.begin()
    code = int(ExitCode.BUG)
    try:
        code = run()
    except errors.BhumanError as error:
        code = int(error.exit_code)
        raise
    finally:
        notifications.end(recipients, command, code, spoken)
    return code


def _run(argv: Sequence[str]) -> int:
    _say_unknown_variables(argv)
    try:
        result = app(args=list(argv), prog_name="bhuman", standalone_mode=False)
    except errors.Declined as no:
        return _said_no(no)
    except errors.BhumanError as error:
        _report(error, argv)
        return int(error.exit_code)
    except typer.TyperException as error:
        return _usage(error, argv)
    except (KeyboardInterrupt, typer.Abort):
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return _quiet_pipe()
    except Exception as error:
        _report_bug(error, argv)
        return int(ExitCode.BUG)
    return int(result) if isinstance(result, int) else int(ExitCode.OK)


def _say_unknown_variables(argv: Sequence[str]) -> None:
    """A mistyped variable is silently not there, and a limit with it."""
    import os

    if argv[:1] in (["doctor"], ["--version"]):  # `doctor` lists them among its findings
        return
    if not any(name.startswith("BHUMAN") for name in os.environ):
        return
    from bhuman_cli.cli import environment
    from bhuman_cli.terminal import console

    for name, meant in environment.unknown(os.environ, COMMANDS, load):
        console.Console(json_mode=_wants_json(argv)).say(f"{name} is not a bhuman variable{meant}")


def _said_no(no: errors.Declined) -> int:
    """Say what did not happen; a no is an answer, not an error."""
    from bhuman_cli.terminal import console

    console.Console().say(f"{no.message[:1].upper()}{no.message[1:]}.")
    return int(no.exit_code)


def _wants_json(argv: Sequence[str]) -> bool:
    return "--json" in argv


def _report(error: errors.BhumanError, argv: Sequence[str]) -> None:
    import os

    from bhuman_cli.config import credentials
    from bhuman_cli.terminal import console, hints

    error.hint = hints.whole(error.hint, argv)
    if error.hint and not hints.is_command(error.hint):
        error.message, error.hint = f"{error.message}; {error.hint}", ""
    # The last net: whatever a library or a service put into its words, no key of the environment leaves with them.
    secrets = credentials.environment_secrets(os.environ)
    error.message, error.hint = credentials.mask(error.message, secrets), credentials.mask(error.hint, secrets)
    console.Console(json_mode=_wants_json(argv) or error.is_for_programs).error(error)


def _usage(error: typer.TyperException, argv: Sequence[str]) -> int:
    from bhuman_cli.cli import usage_errors

    if type(error).__name__ == "NoArgsIsHelpError":
        return int(ExitCode.OK)  # Typer has printed the help while the error was made
    _report(usage_errors.explain(error), argv)
    return int(ExitCode.USAGE)


def _quiet_pipe() -> int:
    """The reader of our output went away (`| head`): not our failure; keep the interpreter from complaining at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(ExitCode.OK)


def _report_bug(error: Exception, argv: Sequence[str]) -> None:
    from bhuman_cli.cli import bug_report

    where = bug_report.keep(error)
    details = f"; the details are in {where}" if where else ""
    message = f"this is a bug in bhuman: {type(error).__name__}{details}"
    _report(errors.BhumanError(message, hint="bhuman doctor", code="bug"), argv)
