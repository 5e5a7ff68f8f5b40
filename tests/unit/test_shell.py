"""Hints are words of the shell that the person types in."""

from __future__ import annotations

import shlex

import pytest

from bhuman_cli import shell
from bhuman_cli.shell import Shell

PERSON = {"USERPROFILE": r"C:\Users\Ana"}
SYSTEM = r"C:\Program Files\WindowsPowerShell\Modules;C:\WINDOWS\system32\WindowsPowerShell\v1.0\Modules"


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, Shell.POSIX),
        ("darwin", PERSON, Shell.POSIX),
        ("win32", PERSON | {"PSModulePath": SYSTEM}, Shell.CMD),
        ("win32", PERSON | {"PSModulePath": rf"C:\Users\Ana\Documents\PowerShell\Modules;{SYSTEM}"}, Shell.POWERSHELL),
        ("win32", {}, Shell.CMD),
    ],
)
def test_the_shell_is_told_by_what_it_adds_to_the_environment(
    platform: str, environ: dict[str, str], expected: Shell
) -> None:
    assert shell.current(platform, environ) is expected


@pytest.mark.parametrize("text", ["plain.csv", "two words.csv", "it's.csv", "$(touch x).csv", 'a"b', ""])
def test_a_quoted_word_is_one_word_again_in_a_posix_shell(text: str) -> None:
    assert shlex.split(shell.quote(text, Shell.POSIX)) == [text]


def test_windows_shells_get_quotes_they_read() -> None:
    assert shell.quote(r"C:\lists\leads.csv", Shell.CMD) == r"C:\lists\leads.csv"
    assert shell.quote("two words.csv", Shell.CMD) == '"two words.csv"'
    assert shell.quote("Ana's list.csv", Shell.POWERSHELL) == "'Ana''s list.csv'"
    assert shell.quote("$(calc)", Shell.POWERSHELL) == "'$(calc)'"


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        (Shell.POSIX, ["export A=1 B='x y'", "ls -ld /x", "ls /x", "rm /x", "mkdir -p /x", "chmod 600 /x", "df -h"]),
        (
            Shell.CMD,
            ['set "A=1" && set "B=x y"', "icacls /x", "dir /x", "del /x", "mkdir /x",
             'icacls /x /inheritance:r /grant:r "%USERNAME%:(OI)(CI)F"', "fsutil volume diskfree ."],
        ),
        (
            Shell.POWERSHELL,
            ["$env:A = '1'; $env:B = 'x y'", "icacls /x", "dir /x", "Remove-Item /x", "mkdir /x",
             'icacls /x /inheritance:r /grant:r "$env:USERNAME:(OI)(CI)F"', "Get-PSDrive -PSProvider FileSystem"],
        ),
    ],
)  # fmt: skip
def test_each_shell_has_its_own_commands(name: Shell, commands: list[str]) -> None:
    assert [
        shell.set_variable({"A": "1", "B": "x y"}, name),
        shell.list_folder("/x", name, itself=True),
        shell.list_folder("/x", name),
        shell.remove_file("/x", name),
        shell.make_folder("/x", name),
        shell.make_private("600", "/x", name),
        shell.show_free_space(name),
    ] == commands
