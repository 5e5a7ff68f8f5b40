"""Which file stands behind a shared link, and that all forms of one link are one table to the journal."""

from __future__ import annotations

import pytest

from bhuman_cli.errors import UsageError
from bhuman_cli.table.sources import address

KEY = "1AbC_dEf-GhIjKlMnOpQrStUvWxYz0123456789abcd"
EXPORT = f"https://docs.google.com/spreadsheets/d/{KEY}/export"


@pytest.mark.parametrize(
    "link",
    [
        f"https://docs.google.com/spreadsheets/d/{KEY}/edit#gid=77",
        f"https://docs.google.com/spreadsheets/d/{KEY}/edit?gid=77#gid=77",
        f"https://docs.google.com/spreadsheets/d/{KEY}/edit?usp=sharing&gid=77",
        f"https://docs.google.com/spreadsheets/d/{KEY}/view#gid=77",
        f"https://docs.google.com/spreadsheets/u/1/d/{KEY}/edit#gid=77",
        f"https://docs.google.com/a/acme.com/spreadsheets/d/{KEY}/edit#gid=77".replace("/a/acme.com", ""),
        f"https://docs.google.com/spreadsheets/d/{KEY}/export?format=xlsx&gid=77",
        f"https://docs.google.com/spreadsheets/d/{KEY}/htmlview?gid=77",
        f"  https://docs.google.com/spreadsheets/d/{KEY}/copy#gid=77 ",
    ],
)
def test_every_form_of_a_google_link_is_the_same_export_and_the_same_table(link: str) -> None:
    found = address.parse(link)
    assert found.url == f"{EXPORT}?format=csv&gid=77"
    assert found.identity == f"https://docs.google.com/spreadsheets/d/{KEY}#gid=77"
    assert found.fallback_name == "sheet-77.csv"


def test_a_link_without_a_sheet_is_the_first_one_and_a_named_sheet_comes_as_a_workbook() -> None:
    assert address.parse(f"https://docs.google.com/spreadsheets/d/{KEY}").url == f"{EXPORT}?format=csv"
    first, zero = (address.parse(f"https://docs.google.com/spreadsheets/d/{KEY}/edit{end}") for end in ("", "#gid=0"))
    assert first.identity == zero.identity
    named = address.parse(f"https://docs.google.com/spreadsheets/d/{KEY}/edit#gid=5", sheet="Q3 & Q4")
    assert named.url == f"{EXPORT}?format=xlsx"
    assert named.identity.endswith("#sheet=Q3%20%26%20Q4")
    hidden = address.parse(f"https://docs.google.com/spreadsheets/d/{KEY}/edit#gid=5", as_workbook=True)
    assert hidden.url == f"{EXPORT}?format=xlsx&gid=5"


@pytest.mark.parametrize("form", ["pubhtml?gid=3&single=true", "pub?output=csv&gid=3", "pubhtml#gid=3"])
def test_a_published_sheet_is_its_own_csv(form: str) -> None:
    found = address.parse(f"https://docs.google.com/spreadsheets/d/e/2PACX-1v{KEY}/{form}")
    assert found.url == (f"https://docs.google.com/spreadsheets/d/e/2PACX-1v{KEY}/pub?output=csv&gid=3&single=true")


@pytest.mark.parametrize(
    ("link", "url"),
    [
        (
            "https://www.dropbox.com/scl/fi/a1/leads.csv?rlkey=k2&st=z&dl=0",
            "https://www.dropbox.com/scl/fi/a1/leads.csv?rlkey=k2&st=z&dl=1",
        ),
        ("https://www.dropbox.com/s/a1/leads.csv?raw=1", "https://www.dropbox.com/s/a1/leads.csv?dl=1"),
        (
            "https://github.com/acme/data/blob/main/q3/leads%20a.csv#L3",
            "https://raw.githubusercontent.com/acme/data/main/q3/leads%20a.csv",
        ),
        ("https://1drv.ms/x/c/ab/Ecd?e=9", "https://1drv.ms/x/c/ab/Ecd?e=9&download=1"),
        (
            "https://acme.sharepoint.com/:x:/s/team/Ab?e=1",
            "https://acme.sharepoint.com/:x:/s/team/Ab?e=1&download=1",
        ),
        (
            "https://onedrive.live.com/view.aspx?resid=A!1&authkey=!k&ithint=file",
            "https://onedrive.live.com/download?resid=A%211&authkey=%21k",
        ),
        (
            "https://drive.google.com/file/d/0123456789abc/view?usp=sharing",
            "https://drive.google.com/uc?export=download&id=0123456789abc",
        ),
        ("https://Files.Example:443/a.csv?v=2#top", "https://files.example/a.csv?v=2"),
    ],
)
def test_a_link_to_a_page_becomes_its_file(link: str, url: str) -> None:
    assert address.parse(link).url == url


def test_what_is_signed_anew_each_time_is_one_table_and_another_query_is_another() -> None:
    def identity(query: str) -> str:
        return address.parse(f"https://bucket.example/leads.csv?{query}").identity

    assert identity("b=2&a=1&X-Amz-Signature=1&X-Amz-Date=2") == identity("a=1&b=2&X-Amz-Signature=9")
    assert identity("e=1") != identity("e=2")
    dropbox = [f"https://www.dropbox.com/scl/fi/a/l.csv?rlkey=k&dl={dl}" for dl in (0, 1)]
    assert len({address.parse(link).identity for link in dropbox}) == 1
    assert "rlkey" not in address.parse(dropbox[0]).identity, "what opens a table is not kept in the journal"


@pytest.mark.parametrize(
    "link",
    ["http://files.example/a.csv", "ftp://files.example/a.csv", "file:///etc/passwd", "https:///a.csv",
     "https://me:secret@files.example/a.csv", "https://me@files.example/a.csv", "https://files.example:99999/a.csv",
     "https://files.example/a b.csv"],
)  # fmt: skip
def test_other_addresses_are_refused_and_not_repeated_with_their_secrets(link: str) -> None:
    with pytest.raises(UsageError) as refused:
        address.parse(link)
    assert "secret@" not in refused.value.message
    assert "me:" not in refused.value.message


def test_http_is_for_this_machine_and_for_whoever_asks_for_it() -> None:
    for host in ("127.0.0.1:8000", "localhost", "[::1]:9"):
        assert address.parse(f"http://{host}/a.csv").url == f"http://{host}/a.csv"
    assert address.parse("http://files.example/a.csv", insecure=True).url == "http://files.example/a.csv"
    assert not address.is_address("C:\\leads.csv")
    assert not address.is_address("leads.csv")
