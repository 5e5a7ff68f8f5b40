"""Commands as the person's shell takes them: their words, quoting, and what hints need. Runs nothing.

POSIX shells quote with single quotes; cmd and PowerShell both read double quotes, and only there `export`, `ls -ld`,
`chmod` and `df` mean nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_PLAIN_ON_WINDOWS: Final = re.compile(r"[\w@+=:,./\\-]+")


class Shell(StrEnum):
    """The shells that hints are written for."""

    POSIX = "posix"
    CMD = "cmd"
    POWERSHELL = "powershell"


def current(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Shell:
    """Return the shell this command was most likely typed in.

    On Windows, PowerShell adds the person's own folder to PSModulePath; cmd inherits only the system's.
    """
    if platform != "win32":
        return Shell.POSIX
    own = f"{environ.get('USERPROFILE', '')}\\".lower()
    return Shell.POWERSHELL if own != "\\" and own in environ.get("PSModulePath", "").lower() else Shell.CMD


def quote(text: str, shell: Shell | None = None) -> str:
    """Return text as one word of a command line."""
    if (shell or current()) is Shell.POSIX:
        return shlex.quote(text)
    if _PLAIN_ON_WINDOWS.fullmatch(text):
        return text
    if (shell or current()) is Shell.POWERSHELL:
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace('"', '""') + '"'


def join(words: Iterable[str], shell: Shell | None = None) -> str:
    """Return words as one command line."""
    return " ".join(quote(word, shell) for word in words)


def command_words(options: Mapping[str, Any], switches: Collection[str] = ()) -> list[str]:
    """Return keyword arguments as the words of a command line.

    None is not given; True and False are `--x` and `--no-x`; a list repeats the option, a mapping gives NAME=VALUE.
    switches: options that have no `--no-x`, which False leaves out.
    """
    words: list[str] = []
    for name, value in options.items():
        option = f"--{name.rstrip('_').replace('_', '-')}"
        match value:
            case None:
                continue
            case bool():
                if value or name not in switches:
                    words.append(option if value else option.replace("--", "--no-", 1))
            case Mapping():
                for key, part in value.items():
                    words += [option, f"{key}={part}"]
            case str() | int() | float() | Path():
                words.append(f"{option}={value}")
            case _:
                for part in value:
                    words.append(f"{option}={part}")
    return words


def set_variable(values: Mapping[str, str], shell: Shell | None = None) -> str:
    """Return the command that sets environment variables for the commands after it."""
    shell = shell or current()
    if shell is Shell.POSIX:
        return "export " + " ".join(f"{name}={quote(value, shell)}" for name, value in values.items())
    if shell is Shell.POWERSHELL:
        return "; ".join(f"$env:{name} = {_always_quoted(value)}" for name, value in values.items())
    return " && ".join(f'set "{name}={value}"' for name, value in values.items())


def list_folder(path: object, shell: Shell | None = None, *, itself: bool = False) -> str:
    """Return the command that lists a folder, or what may be done with the folder itself."""
    shell = shell or current()
    if shell is Shell.POSIX:
        return join(["ls", *(["-ld"] if itself else []), str(path)], shell)
    if itself:
        return join(["icacls", str(path)], shell)
    return join(["dir", str(path)], shell)


def remove_file(path: object, shell: Shell | None = None) -> str:
    """Return the command that removes one file."""
    shell = shell or current()
    return join([{Shell.POSIX: "rm", Shell.CMD: "del"}.get(shell, "Remove-Item"), str(path)], shell)


def make_folder(path: object, shell: Shell | None = None) -> str:
    """Return the command that makes a folder and those above it."""
    shell = shell or current()
    return join(["mkdir", *(["-p"] if shell is Shell.POSIX else []), str(path)], shell)


def make_private(mode: str, path: object, shell: Shell | None = None) -> str:
    """Return the command after which only its owner can open path. mode: for POSIX, as chmod takes it."""
    shell = shell or current()
    if shell is Shell.POSIX:
        return join(["chmod", mode, str(path)], shell)
    owner = "%USERNAME%" if shell is Shell.CMD else "$env:USERNAME"
    return f'{join(["icacls", str(path)], shell)} /inheritance:r /grant:r "{owner}:(OI)(CI)F"'


def show_free_space(shell: Shell | None = None) -> str:
    """Return the command that shows how full the disks are."""
    return {Shell.POSIX: "df -h", Shell.POWERSHELL: "Get-PSDrive -PSProvider FileSystem"}.get(
        shell or current(), "fsutil volume diskfree ."
    )


def _always_quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for programs that handle what strangers made: without what opens an account."""
    return {name: value for name, value in environ.items() if not name.startswith("BHUMAN_")}
