"""Trust in a project file, given by `bhuman trust` or by a yes on a terminal. Nothing is sent here."""

from __future__ import annotations

import os
from pathlib import Path

from bhuman_cli import errors, shell
from bhuman_cli.config import keys, project_file, settings
from bhuman_cli.config import trust as trusts
from bhuman_cli.terminal.console import Console


def trust(file: Path, *, is_json: bool) -> int:
    """Remember that a person trusts the file; say what it may do from now on.

    Raises:
        UsageError: there is no such file, or it can't be a project file.
    """
    path = _project_file(file)
    raw = project_file.read_bytes(path)
    values = project_file.read(path, raw=raw)
    home = settings.home(os.environ)
    print_ = trusts.fingerprint(path, raw)
    trusts.keep(settings.private_folder(home.state), path, print_)
    names = [keys.option(name) for name in trusts.demands(path, values)]
    console = Console(json_mode=is_json)
    if is_json:
        console.out_json({"schema": "bhuman.trust/1", "file": str(path), "hash": print_, "settings": names})
    else:
        console.say(f"{path.name} is trusted as it is now: {', '.join(names) or 'nothing in it has to be'}")
        console.out(str(path))
    return 0


def _project_file(file: Path) -> Path:
    if file.suffix == ".toml" and file.is_file():
        return file
    path = project_file.find(file, Path.cwd()) if file.exists() else None
    if path is None:
        raise errors.UsageError(f"{file}: there is no such project file", hint=shell.list_folder(file.parent))
    return path


def settle(values: settings.Settings, console: Console, *, asks: bool) -> settings.Settings:
    """Return the settings with the project file trusted where that has to be.

    asks: a person can be asked, and is.

    Raises:
        Refusal: it sets what counts only once it is trusted, and nobody said so.
    """
    if not values.untrusted or values.project_file is None:
        return values
    refusal = values.distrust()
    if not asks or not console.confirm(f"{refusal.message}. Trust it?"):
        raise refusal
    home = settings.home(os.environ)
    trusts.keep(settings.private_folder(home.state), values.project_file, values.fingerprint)
    return values.trusting()
