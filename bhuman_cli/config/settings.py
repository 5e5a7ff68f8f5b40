"""Settings with their sources: flag > environment > project file > user file > default. Holds no secrets."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bhuman_cli import shell
from bhuman_cli.config import keys, project_file, starter_file, trust
from bhuman_cli.errors import JournalError, Refusal, UsageError
from bhuman_cli.net import hosts

DEFAULT_BASE_URL: Final = "https://studio.bhuman.ai"
USER_FILE_NAME: Final = "config.toml"

_VARIABLES: Final[Mapping[str, str]] = {
    "BHUMAN_CAMPAIGN_ID": "campaign",  # the nearer of two names for one thing, and the older
    **{keys.variable_of(name): name for name in keys.KEYS if name not in keys.FLAGS_ONLY},
}
"""Environment variable → setting."""

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
    """Every setting with its source; names may be written with `-` or `_`.

    untrusted: settings of the project file that count only once it is trusted. fingerprint: what would be trusted.
    """

    values: Mapping[str, Setting]
    project_file: Path | None = None
    user_file: Path | None = None
    untrusted: tuple[str, ...] = ()
    fingerprint: str = ""

    def get(self, name: str) -> Any:
        """Return the value that won.

        Raises:
            Refusal: it stands in a project file that nobody trusted yet, and would spend or redirect.
        """
        name = keys.canonical(name)
        if name in self.untrusted:
            raise self.distrust([name])
        return self.values[name].value

    def source(self, name: str) -> str:
        """Return who said so."""
        return self.values[keys.canonical(name)].source

    def distrust(self, names: Sequence[str] = ()) -> Refusal:
        """Return the refusal for settings that a project file may hold only once it is trusted."""
        path = self.project_file or Path(project_file.COMMON_NAME)
        listed = ", ".join(keys.option(name) for name in names or self.untrusted)
        return Refusal(
            f"{path.name} came with the folder and sets {listed}: that may spend more or send elsewhere, and counts"
            " only once the file is trusted",
            hint=f"bhuman trust {shell.quote(str(path))}",
            code="untrusted_settings",
        )

    def trusting(self) -> Settings:
        """Return the same settings with the project file believed."""
        return replace(self, untrusted=())

    def is_given(self, name: str) -> bool:
        """Say whether anybody said so, or it is the default."""
        return self.source(name) != "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where files live between commands. Nothing exists until `private_folder` makes it.

    journal: the address of one that several machines share, "" for the file in `state`.
    """

    config: Path
    state: Path
    studio: Path
    journal: str = ""


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
    places = home(environ)
    project = _read(project_file.find(input_path, Path.cwd()), is_project=True)
    user = _read(places.config / USER_FILE_NAME, is_project=False)
    layers = (
        _from_flags({**flags, "profile": profile}),
        _from_environment(environ),
        _from_file(project.values, f"project file {project.path.name}" if project.path else ""),
        _from_file(user.values, "user file"),
        {name: Setting(value=key.default, source="default") for name, key in keys.KEYS.items()},
    )
    values: dict[str, Setting] = {}
    for layer in layers:
        for name, setting in layer.items():
            values.setdefault(name, setting)
    _of_profile(values, user.values.get("profiles") or {})
    if values["local"].value:  # nobody but the embedded studio is called
        values["base_url"] = Setting(value=DEFAULT_BASE_URL, source="default")
    values["base_url"] = _normal_url(values["base_url"])
    _one_target(values)
    return Settings(
        values=values,
        project_file=project.path,
        user_file=user.path,
        untrusted=_untrusted(project, values, places),
        fingerprint=project.fingerprint,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A settings file as it was read; path None: there is none."""

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""


def _read(path: Path | None, *, is_project: bool) -> _File:
    if path is None or not path.is_file():
        return _File()
    raw = project_file.read_bytes(path)
    return _File(
        path=path,
        values=project_file.read(path, is_project=is_project, raw=raw),
        fingerprint=trust.fingerprint(path, raw),
    )


def _untrusted(project: _File, values: Mapping[str, Setting], places: Home) -> tuple[str, ...]:
    if project.path is None or trust.is_trusted(places.state, project.fingerprint):
        return ()
    wins = {name: value for name, value in project.values.items() if values[name].source.startswith("project file")}
    return tuple(trust.demands(project.path, wins))


def _of_profile(values: dict[str, Setting], profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Let what the user's file says for the chosen profile win over what it says for all."""
    profile = values["profile"].value
    for name, value in profiles.get(profile, {}).items():
        if name in values and values[name].rank >= _RANKS.index("user file"):
            values[name] = Setting(value=value, source=f"user file, profile {profile}")


def user_values(home: Home, profile: str) -> Mapping[str, Any]:
    """Return what only the user's own file says, that of the profile before that of all.

    Raises:
        UsageError: the file is wrong.
    """
    values = _read(home.config / USER_FILE_NAME, is_project=False).values
    own = (values.get("profiles") or {}).get(profile, {})
    return {name: own.get(name, values.get(name)) for name in {*keys.USER_KEYS, *own}}


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Setting]:
    values = {keys.canonical(name): value for name, value in flags.items() if not _is_absent(value)}
    unknown = sorted(set(values) - set(keys.KEYS))
    if unknown:
        raise UsageError(f"there is no setting --{keys.option(unknown[0])}")
    return {
        name: Setting(value=keys.read_flag(name, value), source=f"flag --{keys.option(name)}")
        for name, value in values.items()
    }


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 0)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Setting]:
    values: dict[str, Setting] = {}
    for variable, name in _VARIABLES.items():
        if (text := environ.get(variable, "").strip()) and name not in values:
            value = keys.read_variable(name, variable, text)
            values[name] = Setting(value=_at_home(value), source=f"environment {variable}")
    return values


def _at_home(value: Any) -> Any:
    """No shell reads a unit file or a `.env`: `~` is expanded here."""
    try:
        return value.expanduser() if isinstance(value, Path) else value
    except RuntimeError:
        return value


def variables() -> list[str]:
    """Return the environment variables that set an option of `render` or `resume`."""
    return list(_VARIABLES)


def _from_file(values: Mapping[str, Any], source: str) -> dict[str, Setting]:
    return {
        name: Setting(value=value, source=source)
        for name, value in values.items()
        if name in keys.KEYS and not _is_absent(value)
    }


def _normal_url(setting: Setting) -> Setting:
    try:
        return Setting(value=base_url(setting.value or DEFAULT_BASE_URL), source=setting.source)
    except UsageError as error:
        # The words are those of the variable, where nearly everybody sets it.
        words = error.message.replace("BHUMAN_BASE_URL", f"base_url ({setting.source})")
        raise UsageError(error.message if "environment" in setting.source else words, hint=error.hint) from None


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
    if parts.scheme == "http" and not hosts.is_loopback(host):
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


def home(environ: Mapping[str, str]) -> Home:
    """Return where config, journal and local studio live; nothing is made.

    `BHUMAN_HOME`, else the platform's usual folders; without HOME, those of the user database's entry.

    Raises:
        UsageError: nobody says where this user's files belong.
    """
    places = _folders(environ)
    return replace(places, journal=_shared_journal(environ, places.config / USER_FILE_NAME))


def _shared_journal(environ: Mapping[str, str], user_file: Path) -> str:
    """Return the address of a shared journal, from the environment or the user's own file.

    Raises:
        UsageError: it is no address of a PostgreSQL database.
    """
    address, source = environ.get("BHUMAN_JOURNAL", "").strip(), "BHUMAN_JOURNAL"
    if not address and user_file.is_file():
        address, source = str(_read(user_file, is_project=False).values.get("journal") or ""), str(user_file)
    if address and not address.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            f"{source}: a journal's address begins with postgresql://; without one it is a file of this machine",
            hint="bhuman help journal",
        )
    return address


def _folders(environ: Mapping[str, str]) -> Home:
    own = environ.get("BHUMAN_HOME", "").strip()
    if own:
        folder = Path(os.path.normpath(_own_home(own, environ)))
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


def _own_home(text: str, environ: Mapping[str, str]) -> Path:
    """Return the folder that BHUMAN_HOME names.

    Raises:
        UsageError: it depends on the working directory, or holds a variable that nobody expanded (as in a crontab).
    """
    folder = _expanded(text, environ)
    if not folder.is_absolute() or "$" in text or "%" in text:
        raise UsageError(
            f"BHUMAN_HOME is {text[:80]!r}, which is no whole path: the journal would be another one in every folder",
            hint=shell.set_variable({"BHUMAN_HOME": "/var/lib/bhuman"}),
        )
    return folder


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
