"""Owns settings: flag > environment > project file > user file > default, and their sources. Holds no secrets."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bhuman_cli import shell
from bhuman_cli.config import project_file, starter_file
from bhuman_cli.errors import JournalError, UsageError

DEFAULT_BASE_URL: Final = "https://studio.bhuman.ai"
USER_FILE_NAME: Final = "config.toml"

_ENVIRONMENT: Final = {
    "base_url": "BHUMAN_BASE_URL",
    "campaign": "BHUMAN_CAMPAIGN_ID",
    "profile": "BHUMAN_PROFILE",
}
_RANKS: Final = ("flag", "environment", "project file", "user file", "default")

starter = starter_file.starter


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value, and who said so, in words: `flag --chunk-size`, `environment BHUMAN_BASE_URL`, `default`."""

    value: Any
    source: str

    @property
    def rank(self) -> int:
        """Return 0 for a flag, up to 4 for a default."""
        return next(place for place, word in enumerate(_RANKS) if self.source.startswith(word))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its source; names may be written with `-` or `_`."""

    values: Mapping[str, Setting]
    project_file: Path | None = None
    user_file: Path | None = None

    def get(self, name: str) -> Any:
        """Return the value that won."""
        return self.values[project_file.canonical(name)].value

    def source(self, name: str) -> str:
        """Return who said so."""
        return self.values[project_file.canonical(name)].source

    def is_given(self, name: str) -> bool:
        """Say whether anybody said so, or it is the default."""
        return self.source(name) != "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where files live between commands. Nothing exists until `private_folder` makes it."""

    config: Path
    state: Path
    studio: Path


def load(
    *, flags: Mapping[str, Any], input_path: Path | None, environ: Mapping[str, str], profile: str | None = None
) -> Settings:
    """Return every setting with its source.

    flags: by long option, `-` or `_`; None and empty lists count as not given.
    input_path: the table, whose neighbour the project file may be; None for stdin.
    profile: the value of `--profile`.

    Raises:
        UsageError: a file holds what it must not, or a value is of the wrong kind.
    """
    project = project_file.find(input_path, Path.cwd())
    user = home(environ).config / USER_FILE_NAME
    user_path = user if user.is_file() else None
    layers = (
        _from_flags({**flags, "profile": profile}),
        _from_environment(environ),
        _from_file(project, f"project file {project.name}" if project else ""),
        _from_file(user_path, "user file", is_project=False),
        {name: Setting(value=key.default, source="default") for name, key in project_file.KEYS.items()},
    )
    values: dict[str, Setting] = {}
    for layer in layers:
        for name, setting in layer.items():
            values.setdefault(name, setting)
    if values["local"].value:  # nobody but the embedded studio is called
        values["base_url"] = Setting(value=DEFAULT_BASE_URL, source="default")
    values["base_url"] = _normal_url(values["base_url"])
    _one_target(values)
    return Settings(values=values, project_file=project, user_file=user_path)


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Setting]:
    given = {project_file.canonical(name): value for name, value in flags.items() if not _is_absent(value)}
    unknown = sorted(set(given) - set(project_file.KEYS))
    if unknown:
        raise UsageError(f"there is no setting --{project_file.option(unknown[0])}")
    return {
        name: Setting(value=project_file.read_flag(name, value), source=f"flag --{project_file.option(name)}")
        for name, value in given.items()
    }


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 0)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Setting]:
    return {
        name: Setting(value=environ[variable].strip(), source=f"environment {variable}")
        for name, variable in _ENVIRONMENT.items()
        if environ.get(variable, "").strip()
    }


def _from_file(path: Path | None, source: str, *, is_project: bool = True) -> dict[str, Setting]:
    if path is None:
        return {}
    values = project_file.read(path, is_project=is_project)
    return {name: Setting(value=value, source=source) for name, value in values.items() if not _is_absent(value)}


def _normal_url(given: Setting) -> Setting:
    try:
        return Setting(value=base_url(given.value or DEFAULT_BASE_URL), source=given.source)
    except UsageError as error:
        # The words are those of the variable, where nearly everybody sets it.
        words = error.message.replace("BHUMAN_BASE_URL", f"base_url ({given.source})")
        raise UsageError(error.message if "environment" in given.source else words, hint=error.hint) from None


def _one_target(values: dict[str, Setting]) -> None:
    """Let the nearer of campaign and instance win, so that `-i` works where the project file names a campaign."""
    campaign, instance = values["campaign"], values["instance"]
    if not campaign.value or not instance.value:
        return
    if campaign.rank == instance.rank:
        raise UsageError(f"campaign and instance are both given by the {_RANKS[campaign.rank]}: a run has one target")
    loser = "instance" if campaign.rank < instance.rank else "campaign"
    values[loser] = Setting(value=None, source="default")


def base_url(text: str) -> str:
    """Return the service's address in its normal form: lower case, no default port, no trailing slash.

    Raises:
        UsageError: not http(s), `http` to another machine, or with credentials, a query or a fragment in it.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except ValueError:  # UnicodeError too
        raise UsageError(
            "BHUMAN_BASE_URL is not a URL", hint=shell.set_variable({"BHUMAN_BASE_URL": DEFAULT_BASE_URL})
        ) from None
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[a-z0-9._:\-]+", host):
        raise UsageError(
            "BHUMAN_BASE_URL is not an http(s) URL", hint=shell.set_variable({"BHUMAN_BASE_URL": DEFAULT_BASE_URL})
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(f"BHUMAN_BASE_URL may hold only scheme, host and port (host {host})", hint="bhuman login")
    if parts.scheme == "http" and not _is_loopback_host(host):
        raise UsageError(
            f"BHUMAN_BASE_URL: http to {host} would send the key in clear; http is for this machine only",
            hint=shell.set_variable({"BHUMAN_BASE_URL": f"https://{host}"}),
        )
    default_port = {"http": 80, "https": 443}[parts.scheme]
    shown_host = f"[{host}]" if ":" in host else host.rstrip(".")
    shown_port = f":{port}" if port not in {None, default_port} else ""
    return f"{parts.scheme}://{shown_host}{shown_port}{parts.path.rstrip('/')}"


def service_name(url: str) -> str:
    """Return scheme://host[:port] of a base URL: the `service` of a target, part of every row's identity."""
    parts = urlsplit(base_url(url))
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(url: str) -> bool:
    """Say whether the URL is this machine's."""
    return _is_loopback_host(urlsplit(url).hostname or "")


def _is_loopback_host(host: str) -> bool:
    if host.rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def home(environ: Mapping[str, str]) -> Home:
    """Return where config, journal and local studio live; nothing is made.

    `BHUMAN_HOME`, else the platform's usual folders; without HOME, those of the user database's entry.

    Raises:
        UsageError: nobody says where this user's files belong.
    """
    own = environ.get("BHUMAN_HOME", "").strip()
    if own:
        folder = Path(os.path.abspath(_expanded(own, environ)))  # noqa: PTH100 - resolve() would follow links
        return Home(config=folder, state=folder, studio=folder / "studio")
    if sys.platform in {"win32", "darwin"}:
        import platformdirs

        dirs = platformdirs.PlatformDirs("bhuman", appauthor=False)
        return Home(config=dirs.user_config_path, state=dirs.user_state_path, studio=dirs.user_data_path / "studio")
    return Home(
        config=_xdg(environ, "XDG_CONFIG_HOME", ".config") / "bhuman",
        state=_xdg(environ, "XDG_STATE_HOME", ".local/state") / "bhuman",
        studio=_xdg(environ, "XDG_DATA_HOME", ".local/share") / "bhuman" / "studio",
    )


def private_folder(path: Path) -> Path:
    """Make the folder and its missing parents, the folder itself readable by its owner only; return it.

    Raises:
        JournalError: there can be no such folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        why = "it is not a folder" if path.exists() else (error.strerror or "unknown").lower()
        raise JournalError(
            f"{path}: the folder for the journal can't be made: {why}", hint=shell.list_folder(path, itself=True)
        ) from None
    return path


def _xdg(environ: Mapping[str, str], variable: str, usual: str) -> Path:
    # The XDG specification: a relative path is to be ignored.
    named = Path(environ.get(variable, ""))
    return named if named.is_absolute() else _user_folder(environ) / usual


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    if text == "~" or text.startswith("~/"):
        return _user_folder(environ) / text[2:]
    return Path(text)


def _user_folder(environ: Mapping[str, str]) -> Path:
    named = Path(environ.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        import pwd

        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        # A temporary folder would forget what was paid; better to say it.
        raise UsageError(
            "there is no home folder to keep the journal in: HOME is not set and the user database has no entry",
            hint=shell.set_variable({"BHUMAN_HOME": "/var/lib/bhuman"}),
        ) from None
