from __future__ import annotations

import json
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.callbacks import address


def kept(folder: Path, base_url: str) -> address.Address:
    found = address.Address(base_url=base_url, secret=address.secret(folder))
    address.save(folder, found)
    return found


def test_the_address_is_known_only_while_somebody_listens(tmp_path: Path) -> None:
    assert address.load(tmp_path) is None
    with address.stored_address(tmp_path):
        saved = kept(tmp_path, "https://hooks.example.com/x")
        assert address.load(tmp_path) == saved
        assert saved.callback_url("tok") == f"https://hooks.example.com/x/cb/{saved.secret}/tok"
        assert saved.callback_url() == f"https://hooks.example.com/x/cb/{saved.secret}"
        assert saved.callback_url("{token}").endswith("/{token}")
        assert not saved.is_loopback
    assert address.load(tmp_path) is None


def test_the_secret_stays_over_restarts_and_is_private(tmp_path: Path) -> None:
    first, second = kept(tmp_path, "https://a.example"), kept(tmp_path, "https://b.example")
    assert first.secret == second.secret
    assert len(first.secret) >= 32
    assert first.secret not in repr(first)
    assert (tmp_path / "listen.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("found", ["", "{", "[]", '{"secret": "short"}', '{"secret": 5}'])
def test_a_broken_file_is_replaced(tmp_path: Path, found: str) -> None:
    (tmp_path / "listen.json").write_text(found)
    assert len(kept(tmp_path, "https://a.example").secret) >= 32
    assert json.loads((tmp_path / "listen.json").read_text())["base_url"] == "https://a.example"


def test_two_receivers_do_not_share_a_folder(tmp_path: Path) -> None:
    with address.stored_address(tmp_path), pytest.raises(errors.Refusal), address.stored_address(tmp_path, wait_s=0):
        pass


def test_only_the_secret_opens() -> None:
    secret = "s" * 32
    assert address.opened_by(f"/cb/{secret}", secret) == ""
    assert address.opened_by(f"/cb/{secret}/tok-1", secret) == "tok-1"
    assert address.opened_by(f"/behind/proxy/cb/{secret}/tok/", secret) == "tok"
    for path in ["/", "/cb", f"/cb/{secret[:-1]}", f"/cb/{secret}x", f"/cb//{secret}", f"/xcb/{secret}", "/cb/é",
                 f"/cb/{secret}/{'t' * 65}", f"/cb/{secret}/a/b", f"/cb/{secret}/a%20b"]:  # fmt: skip
        assert address.opened_by(path, secret) is None, path


@pytest.mark.parametrize("text", ["http://example.com", "ftp://h", "https://", "https://u:p@h", "https://h?x=1", "h"])
def test_a_public_url_that_leaks_is_refused(text: str) -> None:
    with pytest.raises(errors.UsageError, match="--public-url"):
        address.public_url(text)
    assert address.public_url("https://h.example/path/") == "https://h.example/path"
    assert address.public_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080"


def test_a_folder_that_can_not_be_used_is_a_plain_message(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    with pytest.raises(errors.JournalError, match="can't be written"):
        address.save(taken / "state", address.Address(base_url="https://a.example", secret="s" * 32))
    with pytest.raises(errors.JournalError, match="can't be written"), address.stored_address(taken / "state"):
        pass
    assert address.load(taken / "state") is None
