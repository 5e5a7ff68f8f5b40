"""Credentials: where they are found, and how they are masked. Never prints, keeps or checks one."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli.config import credential_store, secret_command, settings
from bhuman_cli.errors import CredentialsError

DEFAULT_PROFILE: Final = "default"
MASK: Final = "••••"

_PAIRS: Final = (("BHUMAN_API_KEY_ID", "BHUMAN_API_KEY_SECRET"), ("BHUMAN_CLIENT_ID", "BHUMAN_CLIENT_SECRET"))
VARIABLES: Final = (*_PAIRS[0], *_PAIRS[1], "BHUMAN_BASIC_AUTH", "BHUMAN_TOKEN")
_SHORTEST_IN_BODIES: Final = 8
_SHORTEST_MASKED: Final = 6  # the local studio's secret is the word "local"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """What opens the service, and where it was found.

    basic: base64 of `id:secret`, as the header wants it. bearer: a user token.
    """

    basic: str | None = field(default=None)
    bearer: str | None = field(default=None)
    source: str = ""

    def __repr__(self) -> str:
        kinds = " and ".join(word for word, value in (("basic", self.basic), ("bearer", self.bearer)) if value)
        return f"<Credentials {kinds or 'none'} from {self.source}>"

    __str__ = __repr__

    @property
    def key_id(self) -> str:
        """Return the id half of the pair, which may be shown; "" without a pair."""
        return _decoded(self.basic)[0] if self.basic else ""

    @property
    def secrets(self) -> list[str]:
        """Return every text that must not appear in output, longest first."""
        texts = [self.basic or "", self.bearer or ""]
        if self.basic:
            texts += [":".join(_decoded(self.basic)), _decoded(self.basic)[1]]
        return sorted({text for text in texts if len(text) >= _SHORTEST_MASKED}, key=len, reverse=True)


def find(
    environ: Mapping[str, str],
    home: settings.Home,
    profile: str | None = None,
    *,
    service: str = settings.DEFAULT_BASE_URL,
) -> Credentials:
    """Return the environment's credentials, else those kept by `bhuman login` for this profile and service.

    service: kept credentials are only ever given to the service they were checked with.

    Raises:
        CredentialsError: none, half a pair, or something that can't be a key.
    """
    own = settings.user_values(home, profile or DEFAULT_PROFILE)
    command = secret_command.SecretCommand(words=own.get("api_key_secret_command") or ())
    basic, source = _basic_from(environ, command)
    bearer = _bearer_from(environ)
    if basic is None and own.get("api_key_id") and command.words:
        basic = encode(str(own["api_key_id"]), command.secret())
        source = f"api_key_id of the user file and {command.name}"
    if basic is not None:
        return Credentials(basic=basic, bearer=bearer, source=source)
    stored = credential_store.load(home, profile or DEFAULT_PROFILE, service=service)
    if stored is not None:
        source = f"profile {profile or DEFAULT_PROFILE} ({stored.place})"
        source = f"environment BHUMAN_TOKEN, {source}" if bearer else source
        return Credentials(basic=stored.basic, bearer=bearer or stored.bearer, source=source)
    if bearer is not None:
        return Credentials(bearer=bearer, source="environment BHUMAN_TOKEN")
    raise CredentialsError(_nothing_found(home, profile or DEFAULT_PROFILE, service), hint="bhuman login")


def encode(key_id: str, secret: str) -> str:
    """Return base64 of `id:secret`.

    Raises:
        CredentialsError: a half is empty, the id holds a colon, or there are control characters.
    """
    _require_no_mcp_key(key_id, secret)
    if not key_id or not secret:
        raise CredentialsError("Client ID and Client Secret must not be empty", hint="bhuman login")
    if ":" in key_id or not (key_id + secret).isprintable():
        raise CredentialsError("the key has a character that no key has; was it copied whole?", hint="bhuman login")
    return base64.b64encode(f"{key_id}:{secret}".encode()).decode("ascii")


def decode_basic(text: str, *, name: str = "BHUMAN_BASIC_AUTH") -> str:
    """Return an encoded pair without the line breaks that GNU `base64` puts in, checked to be one.

    Raises:
        CredentialsError: it is not base64 of `id:secret`.
    """
    _require_no_mcp_key(text)
    compact = re.sub(r"\s+", "", re.sub(r"(?i)^\s*basic\s", "", text))
    try:
        key_id, colon, secret = base64.b64decode(compact, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        key_id = colon = secret = ""
    _require_no_mcp_key(key_id, secret)
    if not (key_id and colon and secret):
        raise CredentialsError(f"{name} is not base64 of id:secret", hint="bhuman login")
    return compact


def check_token(text: str, *, name: str = "BHUMAN_TOKEN") -> str:
    """Return a bearer token without the word `Bearer` and outer white space.

    Raises:
        CredentialsError: it could not stand in a header.
    """
    token = re.sub(r"(?i)^bearer\s+", "", text.strip())
    _require_no_mcp_key(token)
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise CredentialsError(f"{name} has a character that no token has; was it copied whole?", hint="bhuman login")
    return token


_MCP_KEY: Final = re.compile(r"\bbhm_mcp_", re.IGNORECASE)


def _require_no_mcp_key(*texts: str) -> None:
    """Refuse the key of another door by its name.

    Raises:
        CredentialsError: one is a key of BHuman's MCP server.
    """
    if any(_MCP_KEY.search(text) for text in texts):
        raise CredentialsError(
            "that is an MCP key (bhm_mcp_…): it opens BHuman's MCP server, not the API; an API key has a Client ID and"
            " a Client Secret (in the BHuman app: Settings > API Keys > Generate new key)",
            hint="bhuman login",
        )


def mask(text: str, secrets: Sequence[str]) -> str:
    """Return the text with every secret in it replaced."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def mask_bytes(data: bytes, secrets: Sequence[str]) -> bytes:
    """Return an answer's body with every secret in it replaced, so that a service's echo of them is stored nowhere.

    Short secrets are left alone: a word such as `result` could be the answer's own.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST_IN_BODIES:
            data = data.replace(secret.encode("utf-8"), MASK.encode("utf-8"))
    return data


def shown_id(credentials: Credentials) -> str:
    """Return enough of the key's id to tell two keys apart; "" without a key."""
    return shown(credentials.key_id)


def shown(key_id: str) -> str:
    """Return enough of a key's id to tell two keys apart; "" without one."""
    return f"{key_id[:4]}…" if key_id else ""


def environment_secrets(environ: Mapping[str, str]) -> list[str]:
    """Return every secret the environment holds, used or not, to mask output before they are found."""
    names = ("BHUMAN_API_KEY_SECRET", "BHUMAN_CLIENT_SECRET", "BHUMAN_BASIC_AUTH", "BHUMAN_TOKEN")
    texts = {_unquoted(environ.get(name, "")) for name in names}
    encoded = re.sub(r"\s+", "", environ.get("BHUMAN_BASIC_AUTH", ""))
    texts |= {encoded, _decoded(encoded)[1]}
    for id_name, secret_name in _PAIRS:
        pair = f"{_unquoted(environ.get(id_name, ''))}:{_unquoted(environ.get(secret_name, ''))}"
        texts.add(base64.b64encode(pair.encode("utf-8", "replace")).decode("ascii") if len(pair) > 1 else "")
    return sorted((text for text in texts if len(text) >= _SHORTEST_MASKED), key=len, reverse=True)


def _decoded(basic: str) -> tuple[str, str]:
    try:
        key_id, _, secret = base64.b64decode(basic, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return key_id, secret


def _basic_from(environ: Mapping[str, str], command: secret_command.SecretCommand) -> tuple[str | None, str]:
    for names in _PAIRS:
        values = [_unquoted(environ.get(name, "")) for name in names]
        if all(values):
            return encode(values[0], values[1]), f"environment {names[0]}"
        if values[0] and command.words:
            return encode(values[0], command.secret()), f"environment {names[0]} and {command.name}"
        if any(values):
            have, lack = (names[0], names[1]) if values[0] else (names[1], names[0])
            raise CredentialsError(
                f"{have} is set, but {lack} is not: both variables are required", hint="bhuman login"
            )
    if environ.get("BHUMAN_BASIC_AUTH", "").strip():
        return decode_basic(_unquoted(environ["BHUMAN_BASIC_AUTH"])), "environment BHUMAN_BASIC_AUTH"
    return None, ""


def _unquoted(text: str) -> str:
    """Return a value without the quotes that `docker --env-file` keeps; no key begins and ends with one."""
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _bearer_from(environ: Mapping[str, str]) -> str | None:
    text = _unquoted(environ.get("BHUMAN_TOKEN", ""))
    return check_token(text) if text else None


def _nothing_found(home: settings.Home, profile: str, service: str) -> str:
    others = [place for name, place, _ in credential_store.profiles(home) if name == profile and place != service]
    if others:
        return f"profile {profile} has credentials for {others[0]}, but none for {service}"
    return f"you are not logged in to {service} (profile {profile}), and the environment has no key"
