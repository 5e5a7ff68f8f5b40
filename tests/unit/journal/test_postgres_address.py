"""The address of a journal on a server: what is shown of it, and when the way to it must be encrypted."""

from __future__ import annotations

import pytest

from bhuman_cli import errors
from bhuman_cli.journal.engine import address as address_of
from bhuman_cli.journal.engine import dialect


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ("postgresql://me@db.example/bhuman", "require"),
        ("postgresql://me@db.example/bhuman?sslmode=verify-full", "verify-full"),
        ("postgresql://me@db.example/bhuman?sslmode=disable", "disable"),
        ("postgresql://me@127.0.0.1/bhuman", None),
        ("postgresql://localhost/bhuman", None),
        ("postgresql:///bhuman?host=/run/postgresql", None),
    ],
)
def test_the_way_to_another_machine_is_encrypted_unless_the_address_says_otherwise(
    address: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("PGHOST", raising=False)
    assert address_of.parameters(address).get("sslmode") == mode


def test_a_password_is_never_shown_and_the_schema_is_named_by_the_search_path() -> None:
    address = "postgresql://me:geheim@db.example:6543/bhuman?search_path=acme&connect_timeout=3"
    assert address_of.masked(address) == "postgresql://me@db.example:6543/bhuman?search_path=acme"
    found = address_of.parameters(address)
    assert (found["password"], found["options"], found["connect_timeout"]) == ("geheim", "-csearch_path=acme", "3")
    assert str(found["application_name"]).startswith("bhuman ")
    with pytest.raises(errors.UsageError, match="no address of a journal") as wrong:
        address_of.parameters("postgresql://me:geheim@db.example/bhuman?nonsense=1")
    assert "geheim" not in wrong.value.message


def test_statements_are_translated_outside_of_their_texts_only() -> None:
    assert dialect.statement("SELECT ':a ?', x'0f', 5 % 2 WHERE a IS NOT 'b' AND c = :c AND d = ?") == (
        r"SELECT ':a ?', '\x0f'::bytea, 5 %% 2 WHERE a IS DISTINCT FROM 'b' AND c = %(c)s AND d = %s"
    )
    assert dialect.copied("INSERT INTO row (a, b) VALUES (?, ?)") == "COPY row (a, b) FROM STDIN"
    assert dialect.copied("INSERT INTO row (a, b) VALUES (?, 1)") == ""
