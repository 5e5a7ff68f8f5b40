from __future__ import annotations

from typing import Any

import pytest

from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import mapping
from bhuman_cli.table.mapping import MappingOptions

HEADER = ("First Name", "company", "email", "Last, First", "logo")


def variables(wishes: MappingOptions, header: tuple[str, ...] = HEADER) -> tuple[str, ...]:
    return mapping.plan(header, wishes).variables


def test_every_column_is_a_variable_in_header_order_unless_told() -> None:
    found = mapping.plan(HEADER, MappingOptions())
    assert (found.variables, found.positions, found.notices) == (HEADER, (0, 1, 2, 3, 4), ())


def test_map_renames_a_column_and_keeps_its_place() -> None:
    found = mapping.plan(HEADER, MappingOptions(maps=["first_name=First Name"], only=["company", "first_name"]))
    assert (found.variables, found.positions) == (("first_name", "company"), (0, 1))


def test_only_and_exclude_take_columns_or_variables_and_names_with_commas() -> None:
    assert variables(MappingOptions(only=["company,email"])) == ("company", "email")
    assert variables(MappingOptions(only=["Last, First", "email"])) == ("email", "Last, First")
    assert variables(MappingOptions(only=['"Last, First",email'])) == ("email", "Last, First")
    assert variables(MappingOptions(exclude=["email,logo", "Last, First"])) == ("First Name", "company")
    assert variables(MappingOptions(only=["company,email"], exclude=["email"])) == ("company",)
    assert variables(MappingOptions(maps=["n=First Name"], exclude=["n", "Last, First", "logo"])) == (
        "company",
        "email",
    )


def test_an_excluded_name_is_a_column_before_it_is_a_variable() -> None:
    header = ("name", "Name of person")
    assert variables(MappingOptions(maps=["name=Name of person"], exclude=["name"]), header) == ("name",)
    assert mapping.plan(header, MappingOptions(maps=["name=Name of person"], exclude=["name"])).positions == (1,)


def test_set_comes_last_and_survives_only() -> None:
    found = mapping.plan(HEADER, MappingOptions(sets=["plan = Gold ", "sender=Ann=Lee"], only=["company"]))
    assert (found.variables, found.constants) == (("company", "plan", "sender"), ("Gold", "Ann=Lee"))


def test_assets_are_not_variables_and_keep_the_order_given() -> None:
    found = mapping.plan(("a", "x", "y"), MappingOptions(assets=["y", "x"]))
    assert (found.variables, found.assets) == (("a",), (2, 1))


def test_defaults_are_found_by_variable_column_or_likeness() -> None:
    found = mapping.plan(
        ("First Name", "company"), MappingOptions(maps=["n=First Name"], defaults=["First Name=friend"])
    )
    assert found.defaults == {0: "friend"}
    assert mapping.plan(("First Name",), MappingOptions(defaults=["first_name=friend"])).defaults == {0: "friend"}


def test_known_variables_are_matched_but_for_case_spaces_and_underscores_and_it_is_said() -> None:
    wishes = MappingOptions(
        known=["first_name", "company"], known_source="campaign.toml", only=["First Name", "company"]
    )
    found = mapping.plan(HEADER, wishes)
    assert found.variables == ("first_name", "company")
    assert found.notices == ("column 'First Name' is variable 'first_name' (campaign.toml)",)
    assert (found.missing, found.unknown) == ((), ())


def test_unknown_and_missing_variables_are_named_with_what_was_probably_meant() -> None:
    found = mapping.plan(
        ("frist_name", "email"), MappingOptions(known=["first_name", "company"], known_source="the campaign")
    )
    assert found.variables == ("frist_name", "email")
    assert (found.missing, found.unknown) == (("first_name", "company"), ("frist_name", "email"))
    assert "did you mean 'first_name'? --map first_name=frist_name" in found.notices[1]
    assert any("'company' has no column" in notice for notice in found.notices)
    assert mapping.closest("name", ["company", "first_name"]) == "first_name"
    assert mapping.closest("firm", ["company", "first_name"]) == ""


def test_a_known_variable_given_by_set_is_not_missing() -> None:
    assert mapping.plan(("company",), MappingOptions(known=["company", "plan"], sets=["plan=Gold"])).missing == ()


@pytest.mark.parametrize(
    ("wishes", "sentence", "hint"),
    [
        (MappingOptions(only=["compny"]), "--only compny: no such column; did you mean 'company'?", "--only company"),
        (MappingOptions(exclude=["zzz"]), "--exclude zzz: no such column; there are: First Name, company", ""),
        (MappingOptions(assets=["loga"]), "did you mean 'logo'?", "--asset logo"),
        (MappingOptions(maps=["a=compani"]), "--map a=compani: no such column; did you mean 'company'?", ""),
        (MappingOptions(defaults=["compny=x"]), "--default compny: no such variable; did you mean 'company'?", ""),
        (MappingOptions(maps=["company"]), "--map company: needs VARIABLE=COLUMN", "--map VARIABLE=COLUMN"),
        (MappingOptions(sets=["plan="]), "--set plan: needs VARIABLE=VALUE", "--set VARIABLE=VALUE"),
        (MappingOptions(sets=["plan=a", "plan=b"]), "--set plan: given twice", ""),
        (MappingOptions(maps=["a=company", "b=company"]), "the column is already variable a", ""),
        (MappingOptions(maps=["company=email"]), "two columns for it, 'company' and 'email'", "--exclude email"),
        (MappingOptions(sets=["Last, First=x"]), "both column 'Last, First' and --set", "--exclude 'Last, First'"),
        (MappingOptions(sets=["company=x"]), "both column 'company' and --set", "--exclude company"),
        (MappingOptions(assets=["logo"], exclude=["logo"]), "the same column is an --asset", ""),
        (MappingOptions(assets=["logo"], maps=["a=logo"]), "the column is an asset", ""),
        (MappingOptions(exclude=["First Name,company,email,logo", "Last, First"]), "no column is left to send", ""),
    ],
)
def test_refuses_what_does_not_fit(wishes: MappingOptions, sentence: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        mapping.plan(HEADER, wishes)
    assert sentence in refused.value.message
    assert hint in refused.value.hint


def test_two_columns_of_the_file_for_one_known_variable_are_the_files_fault() -> None:
    with pytest.raises(InputError, match="two columns for it, 'First Name' and 'first_name'"):
        mapping.plan(("First Name", "first_name"), MappingOptions(known=["first_name"]))
    assert mapping.plan(("First Name", "first_name"), MappingOptions()).variables == ("First Name", "first_name")


def test_a_stranger_given_by_set_is_not_a_column_to_exclude() -> None:
    known: dict[str, Any] = {"known": ["company", "plan"], "known_source": "campaign.toml"}
    notices = mapping.plan(("company", "plan"), MappingOptions(sets=["city=Ulm"], **known)).notices
    assert notices == (
        "known variables, by campaign.toml: company, plan", "'city' is not a known variable; it comes from --set",
    )  # fmt: skip
    notices = mapping.plan(("company",), MappingOptions(sets=["plann=Gold"], **known)).notices
    assert notices[1] == "'plann' is not a known variable; did you mean --set plan=VALUE?"
