"""Help of a command as a page of a manual: usage, the common options first, the others by subject, examples.

Drawn as plain text of the terminal's width; nothing here knows a particular command.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

_WIDEST: Final = 100
_NARROWEST: Final = 34  # less room than this beside the names: the text goes below them
_NAMES: Final = 30  # names wider than this stand on a line of their own
_EXAMPLE: Final = re.compile(r"^`(?P<command>[^`]+)`\s*(?P<comment>.*)$")
_FOR_SHELLS: Final = {"--install-completion", "--show-completion"}  # `bhuman help getting-started` has them
_REST: Final = "Options"
COMMON: Final = "Common options"
"""The panel that is shown first, whatever the order of the declarations."""


def page(command: Any, context: Any, width: int | None = None) -> str:
    """Return the help of a command or group as text. width: the terminal's, if not given, at most 100.

    Commands of a group that have the same `short_help` share a line.
    """
    columns = min(width or shutil.get_terminal_size().columns, _WIDEST)
    text, examples = _parts(command.help or "")
    usage = " ".join([context.command_path, *_usage(command, context)])
    blocks = [*(_wrapped(paragraph, columns) for paragraph in text), _titled("Usage", [f"  {usage}"])]
    if hasattr(command, "list_commands"):
        blocks += _commands(command, context, columns)
    blocks += _parameters(command, context, columns)
    if examples:
        blocks.append(_titled("Examples", examples))
    if command.epilog:
        blocks.append(_wrapped(_plain(command.epilog), columns))
    return "\n\n".join(blocks)


def _parts(text: str) -> tuple[list[str], list[str]]:
    """Return the paragraphs of a docstring, and its examples as lines that begin with `$`."""
    body, _, rest = text.partition("**Examples**")
    paragraphs = [_plain(" ".join(part.split())) for part in body.split("\n\n") if part.strip()]
    lines = []
    for line in filter(None, map(str.strip, rest.splitlines())):
        match = _EXAMPLE.match(line)
        comment = f"  # {match['comment']}" if match and match["comment"] else ""
        lines.append(f"  $ {match['command']}{comment}" if match else f"  {_plain(line)}")
    return paragraphs, lines


def _plain(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"\1", text)


def _usage(command: Any, context: Any) -> list[str]:
    arguments = [_argument(each) for each in command.get_params(context) if not each.opts[0].startswith("-")]
    return [*(["COMMAND"] if hasattr(command, "list_commands") else arguments), "[options]"]


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    name = f"{name}…" if param.nargs == -1 else name
    return name if param.required else f"[{name}]"


def _commands(group: Any, context: Any, columns: int) -> Iterator[str]:
    panels: dict[str, dict[str, list[str]]] = {}
    for name in group.list_commands(context):
        each = group.get_command(context, name)
        if each is not None and not each.hidden:
            summary = each.short_help or (each.help or "").strip().split("\n\n")[0]
            panel = panels.setdefault(each.rich_help_panel or "Commands", {})
            panel.setdefault(_plain(" ".join(summary.split())), []).append(name)
    width = max(len(names[0]) for panel in panels.values() for names in panel.values())
    for title, panel in panels.items():
        yield _titled(title, [_row(", ".join(names), text, columns, width) for text, names in panel.items()])


def _parameters(command: Any, context: Any, columns: int) -> Iterator[str]:
    panels: dict[str, list[tuple[str, str]]] = {COMMON: []}
    for each in command.get_params(context):
        if getattr(each, "hidden", False) or each.opts[0] in _FOR_SHELLS:
            continue
        if not each.opts[0].startswith("-"):
            if each.help:
                panels.setdefault("Arguments", []).append((_argument(each), _plain(each.help)))
            continue
        panels.setdefault(each.rich_help_panel or _REST, []).append((_option(each), _described(each)))
    panels[_REST] = panels.pop(_REST, [])
    width = min(_NAMES, max((len(name) for rows in panels.values() for name, _ in rows), default=0))
    for title in sorted(panels, key=lambda name: name != "Arguments"):
        if panels[title]:
            shown = "Other options" if title == _REST and len(panels) > 3 else title
            yield _titled(shown, [_row(name, text, columns, width) for name, text in panels[title]])


def _option(param: Any) -> str:
    short = [name for name in param.opts if not name.startswith("--")]
    long = [name for name in param.opts if name.startswith("--")]
    if param.secondary_opts:
        long = [f"--[no-]{long[0].removeprefix('--')}"] if param.secondary_opts[0] == f"--no-{long[0][2:]}" else long
    value = "" if param.is_flag or param.count else f" {param.metavar or 'VALUE'}"
    return f"{short[0] + ',' if short else '   '} {long[0] if long else ''}{value}"


def _described(param: Any) -> str:
    text = _plain(param.help or "")
    shown = param.show_default if isinstance(param.show_default, str) else ""
    if not shown and param.show_default is True and not param.is_flag and param.default not in (None, (), []):
        shown = str(param.default)
    return f"{text} [default: {shown}]" if shown else text


def _row(name: str, text: str, columns: int, width: int) -> str:
    if len(name) > width and len(name) + len(text) + 4 <= columns:
        return f"  {name}  {text}"
    below = len(name) > width or columns - width < _NARROWEST
    indent = " " * (6 if columns - width < _NARROWEST else width + 4)
    lines = textwrap.wrap(text, columns - len(indent), break_long_words=False, break_on_hyphens=False) or [""]
    first = [f"  {name}"] if below else [f"  {name:<{width}}  {lines.pop(0)}".rstrip()]
    return "\n".join([*first, *(indent + line for line in lines if line)])


def _wrapped(text: str, columns: int) -> str:
    return textwrap.fill(text, columns, break_long_words=False, break_on_hyphens=False)


def _titled(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *lines])
