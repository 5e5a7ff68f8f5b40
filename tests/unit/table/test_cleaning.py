"""What `--clean` takes away, and above all what it leaves alone because nobody can be certain."""

from __future__ import annotations

import pytest

from bhuman_cli.table import cleaning


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("  Ana   María ", "Ana María"), ("Dr. Anna", "Anna"), ("Prof. Dr. Jan", "Jan"),
        ("MR JOHN SMITH", "John Smith"),
        ("😀 Bo", "Bo"), ("José 👩\u200d👩\u200d👧", "José"), ("ANNA", "Anna"), ("anna-lena", "Anna-Lena"),
        ("J. SMITH", "J. Smith"), ("JOHN III", "John III"), ("MÜLLER", "Müller"), ("ИВАН", "Иван"),
        ("ΓΙΏΡΓΟΣ", "Γιώργος"),
    ],
)  # fmt: skip
def test_a_name_is_sent_as_it_is_spoken(written: str, spoken: str) -> None:
    found = cleaning.clean("name", written)
    assert (found.text, found.is_unsure) == (spoken, False)
    assert found.changes


@pytest.mark.parametrize("text", ["McDonald", "Ana van der Berg", "LeRoy", "安娜", "נועה", "Ludwig", "d'Arcy"])
def test_what_is_written_well_is_left_and_not_named(text: str) -> None:
    assert cleaning.clean("name", text) == cleaning.Cleaned(text=text)


@pytest.mark.parametrize(
    "text", ["MCDONALD", "mcdonald", "O'REILLY", "o’reilly", "ludwig van beethoven", "DE LA CRUZ", "JD", "MS DHONI",
             "IŞIL",             "IJSBRAND", "MACKENZIE", "Frau", "Dr.", "anna2"],
)  # fmt: skip
def test_what_is_not_certain_is_left_and_named(text: str) -> None:
    found = cleaning.clean("name", text)
    assert (found.text, found.is_unsure) == (text, True)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Acme Inc.", "Acme"), ("Acme, Inc", "Acme"), ("Müller GmbH", "Müller"), ("Foo & Co. KG", "Foo"),
        ("Bar GmbH & Co. KG", "Bar"), ("Baz, LLC", "Baz"), ("Foo Ltd.", "Foo"), ("Siemens AG", "Siemens"),
    ],
)  # fmt: skip
def test_a_company_loses_its_legal_form(written: str, spoken: str) -> None:
    assert cleaning.clean("company", written).text == spoken


@pytest.mark.parametrize("text", ["Inc.", "Casa SA", "Incubator", "Limitedless", "Ltd"])
def test_a_company_never_loses_its_name(text: str) -> None:
    assert cleaning.clean("company", text).text == text


def test_a_shouted_company_may_be_an_abbreviation() -> None:
    assert cleaning.clean("company", "IBM") == cleaning.Cleaned(text="IBM", is_unsure=True)
