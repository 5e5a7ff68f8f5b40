"""Console: stdout is data, stderr is talk; colours, tables, prompts. The only module that draws with rich.

Nothing here decides; text from servers and spreadsheets is made harmless before it reaches a terminal.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bhuman_cli import errors, sanitize
from bhuman_cli.terminal import talk as talks

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "FAIL": ("✗", "bold red")}
_OPENS_WITHIN_S = 3.0
_NARROW = 60  # a table of several columns would be cut into syllables
_PAGE_WIDTH = 100  # longer lines of prose are hard to read
# What JSON need not escape, but a terminal may obey: C1 (the other way to write an escape code), direction overrides.
_UNSEEN = re.compile(
    "[\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0001-\U000e007f]"
)


def as_json(document: Any, *, indent: int | None = None) -> str:
    """Return JSON whose invisible characters are written as escapes: the same to programs, harmless to a terminal."""
    return _UNSEEN.sub(
        lambda match: json.dumps(match[0])[1:-1], json.dumps(document, ensure_ascii=False, indent=indent)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """One command's way to the terminal.

    json_mode: errors become one JSON line on stderr. no_input: behave as without a terminal.
    log_file: what is said is appended to it as well, with time, level, run and file.
    talk: of the command that this console belongs to.
    """

    json_mode: bool = False
    no_input: bool = False
    quiet: bool = False
    log_file: Path | None = None
    talk: talks.Talk = field(default_factory=talks.CURRENT.get, repr=False, compare=False)

    def is_interactive(self) -> bool:
        """Say whether a person can be asked: stdin and stderr are terminals and nobody said otherwise."""
        hears_person = self.talk.listener is None and not self.no_input
        return hears_person and _is_terminal(sys.stdin) and _is_terminal(sys.stderr)

    def is_watched(self) -> bool:
        """Say whether somebody sees stderr as it is written."""
        return self.talk.listener is None and _is_terminal(sys.stderr)

    def tell_news(self) -> None:
        """Say what was held back: something happens that is worth a mail from cron."""
        sentences, self.talk.held = self.talk.held, None
        for text, style in sentences or ():
            self._show(text, style, "notice")

    def is_drawn(self) -> bool:
        """Say whether data on stdout is read by a person, not by a program."""
        return _is_terminal(sys.stdout)

    def out(self, text: str) -> None:
        """Print one line of data to stdout; a reader that went away is not an error."""
        if self.talk.listener is not None:
            self.talk.listener.take_line(text)
        else:
            write_line(sys.stdout, text)

    def markdown(self, text: str) -> None:
        """Print Markdown to stdout: drawn on a terminal, as it is in a pipe."""
        if self.talk.listener is not None or not _is_terminal(sys.stdout):
            self.out(text.rstrip("\n"))
            return
        from rich.markdown import Markdown

        drawn = _rich(stderr=False)
        drawn.print(Markdown(text), width=min(drawn.width, _PAGE_WIDTH))

    def out_json(self, document: Any) -> None:
        """Print one JSON document to stdout, for programs."""
        self.talk.has_document = True
        if self.talk.listener is not None:
            self.talk.listener.take_document(document)
            return
        self.out(as_json(document, indent=2 if _is_terminal(sys.stdout) else None))

    def say(self, text: str, *, style: str = "") -> None:
        """Talk to the person, on stderr; text is shown as it is, markup in it has no effect."""
        self.log(text)
        if self.quiet:
            return
        if self.talk.held is not None:
            self.talk.held.append((text, style))
        else:
            self._show(text, style, "notice")

    def warn(self, text: str) -> None:
        """Talk about something that may be wrong."""
        self.log(text, level="WARNING")
        self.tell_news()
        self._show(text if self.talk.as_events else f"warning: {text}", "yellow", "warning")

    def event(self, name: str, **fields: Any) -> None:
        """Print one object of `--progress json`, and nothing without it."""
        if self.talk.as_events and self.talk.listener is None:
            write_line(sys.stderr, as_json(self.talk.event(name, **fields)))

    def _show(self, text: str, style: str, kind: str) -> None:
        if self.talk.listener is not None:
            self.talk.listener.say(kind, text)
        elif self.talk.as_events:
            self.event(kind, text=sanitize.for_terminal(text, limit=20_000))
        elif not self.talk.is_quiet:
            _print(text, style)

    def log(self, text: str, *, level: str = "INFO") -> None:
        """Append a line to the log file, if there is one, and say nothing."""
        if self.log_file is None:
            return
        from datetime import UTC, datetime

        try:
            self.log_file.touch(mode=0o600)
            with self.log_file.open("a", encoding="utf-8") as stream:
                about = f"{level} {self.talk.run_id or '-'} {sanitize.for_terminal(self.talk.file) or '-'}"
                stream.write(
                    f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {about} {sanitize.for_terminal(text, limit=20_000)}\n"
                )
        except OSError as error:
            raise errors.UsageError(f"--log-file {self.log_file}: {error.strerror}") from None

    def error(self, error: errors.BhumanError) -> None:
        """Say what stopped the program, and the command that helps."""
        self.log(f"{error.message}{f' hint: {error.hint}' if error.hint else ''}", level="ERROR")
        self.tell_news()
        if self.talk.listener is not None:
            self.talk.listener.say("error", error.message)
            return
        if self.talk.as_events:
            self.event("error", error=error.as_json())
            return
        if self.json_mode:
            write_line(sys.stderr, as_json({"error": error.as_json()}))
            return
        _print(f"error: {error.message}", "bold red")
        if error.hint:
            _print(f"hint: {error.hint}", "cyan")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """Print a table of data to stdout: drawn on a terminal, tab-separated without a header in a pipe."""
        if self.talk.listener is not None or not _is_terminal(sys.stdout):
            for row in rows:
                self.out("\t".join(sanitize.for_terminal(cell).replace("\t", " ").replace("\n", " ") for cell in row))
            return
        drawn = _rich(stderr=False)
        if drawn.width < _NARROW:
            for row in rows:
                lines = (f"{name}  {sanitize.for_terminal(cell)}" for name, cell in zip(columns, row, strict=True))
                self.out("\n".join(lines) + "\n")
            return
        drawn.print(_drawn(columns, rows, right))

    @contextlib.contextmanager
    def redrawn(self, watched: bool) -> Iterator[Callable[[Sequence[Sequence[str]]], None]]:
        """Give what prints a table of two columns to stdout; while watched in place of the one before."""
        if not (watched and can_draw() and _is_terminal(sys.stdout)):
            yield lambda rows: self.table(("", ""), rows)
            return
        from rich.live import Live

        with Live(console=_rich(stderr=False), auto_refresh=False) as live:
            yield lambda rows: live.update(_drawn(("", ""), rows), refresh=True)

    def checklist(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Print what was checked to stdout: (verdict, check, what was seen, hint), each hint below its line.

        verdict: `ok`, `warn` or `FAIL`; on a terminal a mark in its colour.
        """
        if not _is_terminal(sys.stdout):
            for verdict, check, detail, hint in rows:
                self.out("\t".join(sanitize.for_terminal(part).replace("\t", " ") for part in (verdict, check, detail)))
                if hint:
                    self.out(f"\t\thint: {sanitize.for_terminal(hint)}")
            return
        from rich.text import Text

        width = max((len(check) for _, check, _, _ in rows), default=0)
        drawn = _rich(stderr=False)
        for verdict, check, detail, hint in rows:
            mark, style = _MARKS[verdict]
            indent = " " * (width + 4)
            lines = wrap(sanitize.for_terminal(detail), drawn.width - len(indent))
            drawn.print(Text.assemble((mark, style), f" {check:<{width}}  ", lines[0]))
            for line in lines[1:]:
                drawn.print(Text(indent + line))
            if hint:
                drawn.print(Text(f"{indent}{sanitize.for_terminal(hint)}", style="cyan"))

    def show_page(self, page: Path) -> None:
        """Show a page in the browser, or say where it is."""
        if not _open_page(page):
            self.say(f"no browser here; open {page}")

    def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask a yes/no question on stderr; only call it when is_interactive()."""
        suffix = " [Y/n] " if default else " [y/N] "
        answer = _answer(question + suffix)
        if not answer:
            write_line(sys.stderr, "")
            return False
        word = answer.strip().lower()
        return default if not word else word in {"y", "yes"}

    def ask(self, question: str, *, secret: bool = False, check: Callable[[str], bool] | None = None) -> str:
        """Ask for a line of text on stderr, hidden if secret; asks again while check says no."""
        while True:
            answer = _hidden(question) if secret else _shown(question)
            if check is None or check(answer):
                return answer


def _answer(question: str) -> str:
    """Ask, and return the line that was typed with its end; "" if input ended."""
    sys.stderr.write(sanitize.for_terminal(question, limit=20_000))
    sys.stderr.flush()
    return sys.stdin.readline()


def _shown(question: str) -> str:
    answer = _answer(question)
    if not answer:
        raise errors.UsageError("no answer: input ended")
    return answer.strip()


def _hidden(question: str) -> str:
    import getpass

    try:
        return getpass.getpass(sanitize.for_terminal(question), stream=sys.stderr).strip()
    except EOFError:
        raise errors.UsageError("no answer: input ended") from None


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream is not None and stream.isatty())
    except ValueError:  # closed
        return False


def write_line(stream: Any, text: str) -> None:
    """Write a line; nobody reads a stream that is closed or whose reader went away.

    Raises:
        UsageError: data can't be written for another reason, as where a disk is full.
    """
    if stream is None:  # `>&-`
        return
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        _into_nothing(stream)
    except OSError as error:
        _into_nothing(stream)
        if stream is not sys.stdout:  # a log on a full disk: what cost money goes on without talk
            return
        raise errors.UsageError(f"standard output can't be written: {error.strerror or 'unwritable'}") from None


def _into_nothing(stream: Any) -> None:
    """Send what is left, at the interpreter's end as well, where it does no harm."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(sanitize.for_terminal(cell)) for cell in row))
    return table


def can_draw() -> bool:
    """Say whether stderr is a terminal that can redraw."""
    return _is_terminal(sys.stderr) and os.environ.get("TERM", "") not in {"dumb", ""}


def drawing() -> Any:
    """Return rich's console on stderr, for what is drawn again and again."""
    from rich.console import Console as RichConsole

    return RichConsole(stderr=True, highlight=False, emoji=False, markup=False)


def _rich(*, stderr: bool) -> Any:
    from rich.console import Console as RichConsole

    return RichConsole(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True)


def _takes_colour() -> bool:
    """Say whether talk is coloured: on a terminal or with FORCE_COLOR, never with NO_COLOR; empty ones are unset."""
    return not os.environ.get("NO_COLOR") and (_is_terminal(sys.stderr) or bool(os.environ.get("FORCE_COLOR")))


def wrap(text: str, width: int) -> list[str]:
    """Return text in lines that break between words; a path or a link is never cut."""
    import textwrap

    lines = textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False, drop_whitespace=True)
    return lines or [""]


def _fitted(line: str, columns: int) -> str:
    """Return a line broken between words, later lines indented. A hint stays whole: it is there to be pasted."""
    if len(line) <= columns or line.startswith("hint: "):
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    first, *rest = wrap(line.strip(), columns - len(indent) - 2)
    return "\n".join([indent + first, *(f"{indent}  {each}" for each in rest)])


def _print(text: str, style: str = "") -> None:
    safe = sanitize.for_terminal(text, limit=20_000)
    if _is_terminal(sys.stderr):
        columns = shutil.get_terminal_size().columns
        safe = "\n".join(_fitted(line, columns) for line in safe.split("\n"))
    if style and _takes_colour():
        _rich(stderr=True).print(safe, style=style)
    else:
        write_line(sys.stderr, safe)


def _open_page(page: Path) -> bool:
    """Open a page in the browser; False where there is none. What the system says about it stays off the screen."""
    if not sys.platform.startswith("linux"):
        import webbrowser

        return webbrowser.open(page.as_uri())
    import subprocess

    silent = subprocess.DEVNULL
    try:
        opener = subprocess.Popen(["xdg-open", page.as_uri()], stdin=silent, stdout=silent, stderr=silent)
        return opener.wait(_OPENS_WITHIN_S) == 0
    except OSError:
        return False
    except subprocess.TimeoutExpired:
        return True  # it is the browser itself that runs
