"""Finding credentials: the order, halves, masks; and keeping them."""

from __future__ import annotations

import base64
import json
import stat
import sys
import traceback
from pathlib import Path

import pytest

from bhuman_cli.config import credential_store, credentials, settings
from bhuman_cli.config.credentials import Credentials
from bhuman_cli.errors import CredentialsError, ExitCode

SERVICE = "https://studio.bhuman.ai"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def home(tmp_path: Path) -> settings.Home:
    return settings.home({"BHUMAN_HOME": str(tmp_path / "home")})


ALL = {
    "BHUMAN_API_KEY_ID": "a-id",
    "BHUMAN_API_KEY_SECRET": "a-secret",
    "BHUMAN_CLIENT_ID": "c-id",
    "BHUMAN_CLIENT_SECRET": "c-secret",
    "BHUMAN_BASIC_AUTH": encoded("b-id:b-secret"),
}


def test_the_order_of_the_environment(home: settings.Home) -> None:
    environ = dict(ALL)
    assert credentials.find(environ, home).basic == encoded("a-id:a-secret")
    environ |= {"BHUMAN_API_KEY_ID": "", "BHUMAN_API_KEY_SECRET": " "}
    found = credentials.find(environ, home)
    assert (found.basic, found.source) == (encoded("c-id:c-secret"), "environment BHUMAN_CLIENT_ID")
    environ |= {"BHUMAN_CLIENT_ID": "", "BHUMAN_CLIENT_SECRET": ""}
    assert credentials.find(environ, home).basic == encoded("b-id:b-secret")


@pytest.mark.parametrize(
    ("have", "lack"),
    [
        ("BHUMAN_API_KEY_ID", "BHUMAN_API_KEY_SECRET"),
        ("BHUMAN_API_KEY_SECRET", "BHUMAN_API_KEY_ID"),
        ("BHUMAN_CLIENT_ID", "BHUMAN_CLIENT_SECRET"),
        ("BHUMAN_CLIENT_SECRET", "BHUMAN_CLIENT_ID"),
    ],
)
def test_half_a_pair_names_the_missing_half(home: settings.Home, have: str, lack: str) -> None:
    with pytest.raises(CredentialsError, match=f"{have} is set, but {lack} is not") as caught:
        credentials.find({have: "canary-half"}, home)
    assert caught.value.exit_code is ExitCode.CREDENTIALS
    assert caught.value.hint == "bhuman login"
    assert "canary" not in caught.value.message


def test_white_space_in_an_encoded_pair_is_ignored(home: settings.Home) -> None:
    wrapped = encoded("id:" + "x" * 90)
    wrapped = f"{wrapped[:76]}\n{wrapped[76:]}\n"
    found = credentials.find({"BHUMAN_BASIC_AUTH": f"Basic {wrapped}"}, home)
    assert found.basic == encoded("id:" + "x" * 90)


@pytest.mark.parametrize("text", ["not base64!", encoded("nocolon"), encoded(":secret"), encoded("id:"), "/w=="])
def test_an_encoded_pair_that_is_none_is_named_not_shown(home: settings.Home, text: str) -> None:
    with pytest.raises(CredentialsError, match="BHUMAN_BASIC_AUTH is not base64") as caught:
        credentials.find({"BHUMAN_BASIC_AUTH": text}, home)
    assert text not in caught.value.message


@pytest.mark.parametrize(("key_id", "secret"), [("i:d", "s"), ("i\nd", "s"), ("id", "s\x00"), ("", "s"), ("id", "")])
def test_a_key_that_could_break_the_header_is_refused(key_id: str, secret: str) -> None:
    with pytest.raises(CredentialsError):
        credentials.encode(key_id, secret)


def test_a_secret_may_hold_colons_and_any_script() -> None:
    assert credentials.encode("id", "a:b:é") == encoded("id:a:b:é")


def test_the_token_is_additional(home: settings.Home) -> None:
    found = credentials.find({**ALL, "BHUMAN_TOKEN": "Bearer tok-en"}, home)
    assert (found.basic, found.bearer) == (encoded("a-id:a-secret"), "tok-en")
    alone = credentials.find({"BHUMAN_TOKEN": "tok-en"}, home)
    assert (alone.basic, alone.bearer, alone.source) == (None, "tok-en", "environment BHUMAN_TOKEN")
    with pytest.raises(CredentialsError, match="BHUMAN_TOKEN"):
        credentials.find({"BHUMAN_TOKEN": "two words"}, home)


def test_nothing_at_all_says_login(home: settings.Home) -> None:
    with pytest.raises(CredentialsError, match=f"not logged in to {SERVICE}") as caught:
        credentials.find({}, home)
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.CREDENTIALS, "bhuman login")


def test_credentials_mask_themselves() -> None:
    held = Credentials(basic=encoded("key-id:canary-secret"), bearer="canary-token", source="test")
    shown = f"{held} {held!r} {[held]} {held.__reduce_ex__(2)[0]}"
    for secret in held.secrets:
        assert secret not in shown
    assert set(held.secrets) == {
        encoded("key-id:canary-secret"),
        "canary-token",
        "key-id:canary-secret",
        "canary-secret",
    }
    text = credentials.mask(f"sent {held.basic} and canary-secret, canary-token", held.secrets)
    assert "canary" not in text
    assert credentials.shown_id(held) == "key-…"
    assert credentials.shown_id(Credentials(bearer="x", source="")) == ""


def test_a_traceback_does_not_hold_the_secret() -> None:
    raw = "canary-secret-not-base64"
    with pytest.raises(CredentialsError) as caught:
        credentials.decode_basic(raw)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_every_secret_of_the_environment_is_known_before_any_is_used() -> None:
    known = credentials.environment_secrets({**ALL, "BHUMAN_TOKEN": "t-token"})
    for secret in ("a-secret", "c-secret", "b-secret", "t-token", encoded("a-id:a-secret"), encoded("b-id:b-secret")):
        assert secret in known
    assert credentials.environment_secrets({}) == []


class FakeKeyring:
    priority = 5.0
    name = "SecretService Keyring"

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class BrokenKeyring:
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("locked")

    def delete_password(self, service: str, username: str) -> None:
        raise RuntimeError("locked")


SECRET = {"basic": encoded("id:canary-kept"), "bearer": None}


def test_kept_in_a_private_file_and_found_again(home: settings.Home) -> None:
    assert credential_store.store(home, "default", SECRET, service=SERVICE, keyring=None) == "file"
    path = home.config / credential_store.FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o700
    assert [child.name for child in home.config.iterdir()] == [credential_store.FILE_NAME]
    found = credentials.find({}, home)
    assert (found.basic, found.source) == (SECRET["basic"], "profile default (file)")


def test_kept_credentials_are_given_to_their_own_service_only(home: settings.Home) -> None:
    credential_store.store(home, "default", SECRET, service=SERVICE, keyring=None)
    with pytest.raises(CredentialsError, match="but none for https://other"):
        credentials.find({}, home, service="https://other.example")


def test_the_environment_wins_over_what_is_kept(home: settings.Home) -> None:
    credential_store.store(home, "default", {**SECRET, "bearer": "kept"}, service=SERVICE, keyring=None)
    found = credentials.find(ALL, home)
    assert (found.basic, found.bearer) == (encoded("a-id:a-secret"), None), "a kept token is another account's"
    both = credentials.find({"BHUMAN_TOKEN": "env"}, home)
    assert (both.basic, both.bearer) == (SECRET["basic"], "env")


def test_in_the_keyring_nothing_secret_is_in_the_file(home: settings.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = FakeKeyring()
    assert credential_store.store(home, "work", SECRET, service=SERVICE, keyring=ring) == "keyring"
    assert str(SECRET["basic"]) not in (home.config / credential_store.FILE_NAME).read_text()
    monkeypatch.setattr(credential_store, "os_keyring", lambda: ring)
    found = credentials.find({}, home, "work")
    assert (found.basic, found.source) == (SECRET["basic"], "profile work (keyring)")
    assert credential_store.profiles(home) == [("work", SERVICE, "keyring")]
    assert credential_store.forget(home, "work", service=SERVICE)
    assert not ring.held
    assert not credential_store.forget(home, "work", service=SERVICE)
    assert credential_store.profiles(home) == []


def test_a_keyring_that_fails_is_not_the_end(home: settings.Home) -> None:
    assert credential_store.store(home, "default", SECRET, service=SERVICE, keyring=BrokenKeyring()) == "file"
    assert credentials.find({}, home).basic == SECRET["basic"]


def test_a_keyring_that_is_locked_later_says_so(home: settings.Home) -> None:
    credential_store.store(home, "default", SECRET, service=SERVICE, keyring=FakeKeyring())
    with pytest.raises(CredentialsError, match="keyring that holds the key does not answer"):
        credential_store.load(home, "default", service=SERVICE, keyring=BrokenKeyring())
    with pytest.raises(CredentialsError, match="does not let go"):
        credential_store.forget(home, "default", service=SERVICE, keyring=BrokenKeyring())
    assert credential_store.profiles(home), "what could not be forgotten is still listed"


def test_the_keyring_is_not_asked_where_nothing_was_put(home: settings.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> credential_store.Keyring:
        raise AssertionError("a locked keyring could wait for a person for ever")

    monkeypatch.setattr(credential_store, "os_keyring", asked)
    with pytest.raises(CredentialsError, match="not logged in"):
        credentials.find({}, home)


@pytest.mark.parametrize(
    "raw", ["{", "[]", "5", json.dumps({"default": {SERVICE: {"basic": 5}}}), json.dumps({"default": {SERVICE: {}}})]
)
def test_a_damaged_file_is_said(home: settings.Home, raw: str) -> None:
    settings.private_folder(home.config)
    (home.config / credential_store.FILE_NAME).write_text(raw)
    with pytest.raises(CredentialsError):
        credentials.find({}, home)


def test_a_damaged_keyring_entry_is_said(home: settings.Home) -> None:
    ring = FakeKeyring()
    credential_store.store(home, "default", SECRET, service=SERVICE, keyring=ring)
    ring.held = dict.fromkeys(ring.held, "{not json")
    with pytest.raises(CredentialsError, match="damaged"):
        credential_store.load(home, "default", service=SERVICE, keyring=ring)


def test_a_crash_while_writing_leaves_the_old_file(home: settings.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    credential_store.store(home, "default", SECRET, service=SERVICE, keyring=None)

    def crash(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("bhuman_cli.files.os.fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        credential_store.store(home, "other", SECRET, service=SERVICE, keyring=None)
    monkeypatch.undo()
    assert [child.name for child in home.config.iterdir()] == [credential_store.FILE_NAME]
    assert credentials.find({}, home).basic == SECRET["basic"]


def test_no_keyring_on_a_machine_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends import fail

    monkeypatch.setattr(keyring, "get_keyring", fail.Keyring)
    with pytest.raises(CredentialsError, match="no keyring"):
        credential_store.os_keyring()
    monkeypatch.setattr(keyring, "get_keyring", FakeKeyring)
    assert isinstance(credential_store.os_keyring(), FakeKeyring)

    def broken() -> None:
        raise RuntimeError

    monkeypatch.setattr(keyring, "get_keyring", broken)
    with pytest.raises(CredentialsError, match="can't be used"):
        credential_store.os_keyring()


class ClearTextKeyring(FakeKeyring):
    """As `keyrings.alt` has it: a file in base64."""

    priority = 0.5
    name = "file PlaintextKeyring"


class Chain:
    """As keyring's own chainer: several back ends, best first."""

    def __init__(self, *backends: FakeKeyring) -> None:
        self.backends = backends


def test_a_keyring_that_encrypts_nothing_is_read_but_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    monkeypatch.setattr(keyring, "get_keyring", ClearTextKeyring)
    assert isinstance(credential_store.os_keyring(), ClearTextKeyring)
    with pytest.raises(CredentialsError, match="file PlaintextKeyring does not encrypt"):
        credential_store.safe_keyring()


def test_of_several_keyrings_only_the_best_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    best = FakeKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: Chain(best, ClearTextKeyring()))
    assert credential_store.safe_keyring() is best
    monkeypatch.setattr(keyring, "get_keyring", lambda: Chain(ClearTextKeyring()))
    with pytest.raises(CredentialsError, match="does not encrypt"):
        credential_store.safe_keyring()


SECRET_ON_DEMAND = "s3cret-on-demand"


@pytest.mark.parametrize(
    ("text", "environ", "profile"),
    [
        ('api_key_id = "kid"\napi_key_secret_command = {words}', {}, None),
        ("api_key_secret_command = {words}", {"BHUMAN_API_KEY_ID": "kid"}, None),
        ("api_key_secret_command = {words}", {"BHUMAN_CLIENT_ID": "kid"}, None),
        ('[profiles.acme]\napi_key_id = "kid"\napi_key_secret_command = {words}', {}, "acme"),
        ('api_key_id = "no"\napi_key_secret_command = ["false"]\n[profiles.acme]\napi_key_id = "kid"\n'
         "api_key_secret_command = {words}", {}, "acme"),
    ],
)  # fmt: skip
def test_a_command_gives_the_secret_without_keeping_it(
    tmp_path: Path, text: str, environ: dict[str, str], profile: str | None
) -> None:
    home = settings.Home(config=tmp_path, state=tmp_path, studio=tmp_path)
    words = f'["{sys.executable}", "-c", "print({SECRET_ON_DEMAND!r})"]'
    (tmp_path / "config.toml").write_text(text.replace("{words}", words))
    held = credentials.find(environ, home, profile)
    assert (held.basic, SECRET_ON_DEMAND in held.source) == (credentials.encode("kid", SECRET_ON_DEMAND), False)


@pytest.mark.parametrize("words", ['["false"]', '["true"]', '["/no/such/program"]'])
def test_a_command_that_gives_no_secret_is_exit_4(tmp_path: Path, words: str) -> None:
    home = settings.Home(config=tmp_path, state=tmp_path, studio=tmp_path)
    (tmp_path / "config.toml").write_text(f'api_key_id = "kid"\napi_key_secret_command = {words}')
    with pytest.raises(CredentialsError, match="api_key_secret_command"):
        credentials.find({}, home)
