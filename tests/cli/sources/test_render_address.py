"""`bhuman render https://…` as a process: a real HTTPS server under the products' own names, behind a CONNECT proxy."""

from __future__ import annotations

import json
import stat

import pytest

from tests.support.desk import Desk, Ended
from tests.support.plain_service import PlainService
from tests.support.table_server import TableServer

KEY = "1AbCdEfGhIjKlMnOpQrStUvWxYz"
SHEET = f"https://docs.google.com/spreadsheets/d/{KEY}/edit#gid=7"
EXPORT = f"docs.google.com/spreadsheets/d/{KEY}/export?format=csv&gid=7"
NAMED = {
    "Content-Type": "text/csv",
    "Content-Disposition": "attachment; filename=\"x.csv\"; filename*=UTF-8''Leads%20-%20M%C3%BCnchen.csv",
}
RESULTS = "Leads - München.results.csv"


def csv_of(*names: str) -> str:
    return "first_name,company\n" + "".join(f"{name},Acme\n" for name in names)


def render(desk: Desk, web: TableServer, address: str, *more: str) -> Ended:
    return desk.render(address, *more, env=web.env)


def test_a_live_sheet_under_cron_costs_only_what_is_new(desk: Desk, web: TableServer, service: PlainService) -> None:
    place = "doc-0s.googleusercontent.com/export/abc"
    web.put(EXPORT, status=307, headers={"Location": f"https://{place}"})
    web.put(place, csv_of("Ana", "Ben", "Cleo"), headers=NAMED)
    first = render(desk, web, SHEET)
    assert (first.code, len(service.accepted)) == (0, 3), first.err
    assert first.out.strip() == str(desk.folder / RESULTS)
    web.put(place, csv_of("Dora", "Cleo", "Ana", "Ben"), headers=NAMED)
    view = SHEET.replace("/edit#", "/u/0/").replace("gid=7", f"d/{KEY}/view?gid=7").replace(f"d/{KEY}/u/0/", "u/0/")
    again = render(desk, web, view, "--json")
    assert (again.code, again.rows["submitted"], again.rows["reused"]) == (0, 1, 3), again.err
    assert [row["first_name"] for row in desk.results(RESULTS)] == ["Dora", "Cleo", "Ana", "Ben"]
    assert len({row["url"] for row in desk.results(RESULTS)}) == 4
    runs = json.loads(desk.run("runs", "--json").out)["runs"]
    assert len({run["file"] for run in runs}) == 1, "both links are one table: the later run supersedes the earlier"
    assert all("authorization" not in headers and "cookie" not in headers for _, headers in web.asked)


def test_what_was_rendered_from_an_address_is_found_by_it_and_by_its_name(
    desk: Desk, web: TableServer, service: PlainService
) -> None:
    web.put(EXPORT, csv_of("Ana"), headers=NAMED)
    assert render(desk, web, SHEET, "--dry-run").code == 0
    assert not service.bodies
    assert render(desk, web, SHEET).code == 0
    for name in (SHEET, "Leads - München.csv"):
        assert desk.run("status", name, env=web.env).code == 0
        assert desk.run("export", name, "-o", "copy.json", "--force", env=web.env).code == 0
    assert desk.run("runs").out.split("\t")[1].startswith(f"https://docs.google.com/spreadsheets/d/{KEY}")


def test_an_unchanged_table_is_not_sent_again_and_is_kept_for_its_owner_only(desk: Desk, web: TableServer) -> None:
    web.put("files.example/a/leads.csv", csv_of("Ana"), headers={"ETag": '"v1"'})
    for _ in range(2):
        assert render(desk, web, "https://files.example/a/leads.csv", "--dry-run").code == 0
    assert [headers.get("if-none-match") for _, headers in web.asked] == [None, '"v1"']
    kept = list((desk.home / "tables").iterdir())
    assert len(kept) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    body = next(path for path in kept if not path.suffix)
    body.write_bytes(b"damaged")
    assert render(desk, web, "https://files.example/a/leads.csv", "--dry-run").code == 0
    assert web.asked[-1][1].get("if-none-match") is None, "what is damaged here is fetched whole"


def test_a_sheet_by_name_is_read_as_a_workbook(desk: Desk, web: TableServer, service: PlainService) -> None:
    import io

    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["other"])  # type: ignore[union-attr]
    book.create_sheet("People").append(["first_name", "company"])
    book["People"].append(["Ana", "Acme"])
    stream = io.BytesIO()
    book.save(stream)
    web.put(f"docs.google.com/spreadsheets/d/{KEY}/export?format=xlsx", stream.getvalue())
    ended = render(desk, web, SHEET, "--sheet", "People")
    assert ended.code == 0, ended.err
    assert service.texts() == [["Ana", "Acme"]]


SIGN_IN = "<!DOCTYPE html><html><head><title>Sign in - Google Accounts</title></head><body>Sign in</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, SIGN_IN, "Anyone with the link"),
        (401, SIGN_IN, "Anyone with the link"),
        (403, "", "Anyone with the link"),
        (404, SIGN_IN, "no such table"),
        (400, "", "HTTP 400"),
    ],
)
def test_a_page_instead_of_a_table_is_3_and_says_what_to_do(
    desk: Desk, web: TableServer, service: PlainService, status: int, body: str, said: str
) -> None:
    web.put(EXPORT, body, status=status, headers={"Content-Type": "text/html"})
    ended = render(desk, web, SHEET)
    assert (ended.code, len(service.bodies)) == (3, 0)
    assert said in ended.err
    assert KEY not in ended.err, "whoever has the link can read the table"


def test_a_sign_in_page_behind_a_redirect_is_3(desk: Desk, web: TableServer) -> None:
    web.put(EXPORT, status=302, headers={"Location": "https://accounts.google.com/ServiceLogin?x=1"})
    web.put("accounts.google.com/ServiceLogin?x=1", SIGN_IN)
    ended = render(desk, web, SHEET, "--dry-run")
    assert (ended.code, "Anyone with the link" in ended.err) == (3, True)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://files.example/leads.csv", "from https to http"),
        ("https://127.0.0.1/leads.csv", "private address"),
        ("https://10.0.0.7/leads.csv", "private address"),
        ("https://[::ffff:169.254.169.254]/latest", "private address"),
        ("https://localhost/leads.csv", "private address"),
        ("ftp://files.example/leads.csv", "not an http"),
        ("https://me:secret@files.example/leads.csv", "user name"),
        ("https://files.example/loop.csv", "more than 5 times"),
    ],
)
def test_a_redirect_to_where_it_must_not_lead_is_3(desk: Desk, web: TableServer, location: str, said: str) -> None:
    web.put("files.example/loop.csv", status=302, headers={"Location": location})
    ended = render(desk, web, "https://files.example/loop.csv", "--dry-run")
    assert ended.code == 3, ended.err
    assert said in ended.err
    assert "secret@" not in ended.err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"cut": 20}, 8, "broke off"),
        ({"status": 503}, 8, "HTTP 503"),
        ({"status": 429}, 8, "HTTP 429"),
        ({"headers": {"Content-Length": str(65 << 20)}, "cut": 30}, 8, "broke off"),
    ],
)
def test_a_network_that_fails_is_8(desk: Desk, web: TableServer, more: dict[str, object], code: int, said: str) -> None:
    web.put("files.example/leads.csv", csv_of("Ana", "Ben"), **more)
    ended = render(desk, web, "https://files.example/leads.csv", "--dry-run")
    assert (ended.code, said in ended.err) == (code, True), ended.err
    assert not list((desk.home / "tables").glob("*")), "half a table is never kept"


def test_an_authority_nobody_named_and_a_proxy_that_is_gone_are_8(desk: Desk, web: TableServer) -> None:
    web.put("files.example/leads.csv", csv_of("Ana"))
    for changed in ({"REQUESTS_CA_BUNDLE": None}, {"HTTPS_PROXY": "http://127.0.0.1:9"}):
        ended = desk.render("https://files.example/leads.csv", "--dry-run", env={**web.env, **changed})
        assert ended.code == 8, ended.err


def test_addresses_that_are_wrong_as_they_stand_are_2(desk: Desk, web: TableServer) -> None:
    for link in ("http://files.example/l.csv", "https://me:pw@files.example/l.csv", "ftp://files.example/l.csv"):
        ended = render(desk, web, link, "--dry-run")
        assert (ended.code, "pw" in ended.err) == (2, False)
    assert web.asked == []


def test_a_table_that_lost_half_of_its_rows_needs_a_word(desk: Desk, web: TableServer, service: PlainService) -> None:
    link = "https://files.example/leads.csv"
    web.put("files.example/leads.csv", csv_of(*(f"N{at}" for at in range(10))))
    assert render(desk, web, link).code == 0
    web.put("files.example/leads.csv", csv_of("N1", "N2", "N3", "New"))
    refused = render(desk, web, link, "--json")
    assert (refused.code, refused.error["code"], len(service.accepted)) == (7, "source_shrank", 10)
    assert len(desk.results("leads.results.csv")) == 10
    assert render(desk, web, link, "--accept-changes").code == 0
    assert len(service.accepted) == 11
    assert render(desk, web, link).code == 0, "the word was given once"


def test_a_forgotten_person_stays_in_no_copy_of_a_live_table(desk: Desk, web: TableServer) -> None:
    web.put(EXPORT, csv_of("Anastazja", "Ben"), headers=NAMED)
    assert render(desk, web, SHEET).code == 0
    assert desk.run("forget", "--where", "first_name=Anastazja", "--yes", env=web.env).code == 0
    again = render(desk, web, SHEET, "--json")
    assert (again.code, again.rows["skipped"], again.rows["submitted"]) == (0, 1, 0), again.err
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert [path for path in files if b"Anastazja" in path.read_bytes()] == []
