"""Store of what `bhuman login` keeps: the operating system's keyring, else a 0600 file. Prints nothing.

The file says where each secret is, so that a keyring is only asked (and can only ask its own questions) when
something was put there: a cron job without a session never waits for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

from bhuman_cli import files, shell
from bhuman_cli.config import settings
from bhuman_cli.errors import CredentialsError

FILE_NAME: Final = "credentials.json"
KEYRING_SERVICE: Final = "bhuman"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredentials:
    """One profile's secrets for one service. place: "keyring" or "file"."""

    basic: str | None = field(repr=False)
    bearer: str | None = field(repr=False)
    place: str


class Keyring(Protocol):
    """The part of the operating system's keyring that is used."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept, or None."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""
        ...


def profiles(home: settings.Home) -> list[tuple[str, str, str]]:
    """Return (profile, service, "keyring" or "file") of everything kept, without reading a secret from the keyring."""
    return [
        (profile, service, "keyring" if entry.get("in_keyring") else "file")
        for profile, services in sorted(_read(home).items())
        for service, entry in sorted(services.items())
    ]


def load(
    home: settings.Home, profile: str, *, service: str, keyring: Keyring | None = None
) -> StoredCredentials | None:
    """Return what `keep` kept, or None.

    Raises:
        CredentialsError: the keyring that holds them does not answer, or what is kept is damaged.
    """
    entry = _read(home).get(profile, {}).get(service)
    if entry is None:
        return None
    secret: Any = entry
    place = "keyring" if entry.get("in_keyring") else "file"
    if entry.get("in_keyring"):
        secret = _from_keyring(keyring or os_keyring(), _account(profile, service))
    basic, bearer = secret.get("basic"), secret.get("bearer")
    if not (isinstance(basic, str | None) and isinstance(bearer, str | None) and (basic or bearer)):
        raise CredentialsError(f"what is kept for profile {profile} is damaged", hint="bhuman login")
    return StoredCredentials(basic=basic, bearer=bearer, place=place)


def store(
    home: settings.Home, profile: str, secret: Mapping[str, str | None], *, service: str, keyring: Keyring | None
) -> str:
    """Keep a profile's secrets for a service; return where: "keyring" or "file".

    secret: `basic` and `bearer`. keyring: None, or one that fails, means the 0600 file.
    """
    entry: dict[str, Any] = dict(secret)
    if keyring is not None:
        try:
            keyring.set_password(KEYRING_SERVICE, _account(profile, service), json.dumps(dict(secret)))
            entry = {"in_keyring": True}
        except Exception:  # back ends raise what they like; the file is always there
            entry = dict(secret)
    everything = _read(home)
    everything.setdefault(profile, {})[service] = entry
    _write(home, everything)
    return "keyring" if "in_keyring" in entry else "file"


def forget(home: settings.Home, profile: str, *, service: str, keyring: Keyring | None = None) -> bool:
    """Forget what is kept for a profile and service; say whether there was anything."""
    everything = _read(home)
    entry = everything.get(profile, {}).pop(service, None)
    if entry is None:
        return False
    if entry.get("in_keyring"):
        try:
            (keyring or os_keyring()).delete_password(KEYRING_SERVICE, _account(profile, service))
        except Exception as error:  # back ends raise what they like
            raise CredentialsError(
                f"the keyring does not let go of profile {profile}: {type(error).__name__}"
            ) from None
    _write(home, {name: services for name, services in everything.items() if services})
    return True


def os_keyring() -> Keyring:
    """Return the operating system's keyring.

    Raises:
        CredentialsError: there is none that keeps anything.
    """
    try:
        import keyring
        from keyring.backends import fail, null

        backend = keyring.get_keyring()
    except Exception as error:  # back ends raise what they like while loading
        raise CredentialsError(f"the keyring can't be used: {type(error).__name__}") from None
    if isinstance(backend, fail.Keyring | null.Keyring):
        raise CredentialsError("this machine has no keyring")
    return backend


def safe_keyring() -> Keyring:
    """Return the keyring that new secrets may be kept in: one that encrypts them.

    A back end that writes clear text or a password-less file says so itself, by a priority below 1.

    Raises:
        CredentialsError: this machine has none.
    """
    backend: Any = os_keyring()
    chained = getattr(backend, "backends", None)  # several in turn: the best one, and never the next on a failure
    backend = next(iter(chained), backend) if chained else backend
    if backend.priority < 1:
        raise CredentialsError(f"the keyring {keyring_name(backend)} does not encrypt what it keeps")
    return cast(Keyring, backend)


def keyring_name(keyring: Keyring) -> str:
    """Return what people call a keyring: its back end's name."""
    return str(getattr(keyring, "name", type(keyring).__name__))


def _account(profile: str, service: str) -> str:
    return f"{profile} {service}"


def _from_keyring(keyring: Keyring, account: str) -> Any:
    try:
        text = keyring.get_password(KEYRING_SERVICE, account)
    except Exception as error:  # back ends raise what they like
        raise CredentialsError(
            f"the keyring that holds the key does not answer ({type(error).__name__})",
            hint="export BHUMAN_API_KEY_ID=… BHUMAN_API_KEY_SECRET=…",
        ) from None
    try:
        entry = json.loads(text or "null")
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else {}


def _read(home: settings.Home) -> dict[str, dict[str, dict[str, Any]]]:
    path = home.config / FILE_NAME
    try:
        payload = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        raise CredentialsError(f"{path} can't be read", hint=f"{shell.remove_file(path)}; bhuman login") from None
    if not isinstance(payload, dict):
        raise CredentialsError(f"{path} is damaged", hint=f"{shell.remove_file(path)}; bhuman login")
    return {
        str(profile): {str(name): entry for name, entry in services.items() if isinstance(entry, dict)}
        for profile, services in payload.items()
        if isinstance(services, dict)
    }


def _write(home: settings.Home, everything: Mapping[str, Any]) -> None:
    folder = settings.private_folder(home.config)
    with files.aside(folder / FILE_NAME, syncs=True) as path:  # 0600 before the first byte is in it
        path.write_text(json.dumps(everything, indent=1), encoding="utf-8")
