"""Exports for mail programs, products and support, read back by other programs."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from bhuman_cli.cli import app
from tests.support import studio

PEOPLE = [
    ("Ana", "Novák", "ana@example.com", "Acme"),
    ("Bo", "Ek", "bo@example.com", "A&B"),
    ("Cy", "Źle", "cy@example.com", "Failing Firm"),
    ("Di", "Ur", "di@example.com", "Delta"),
]
SECRET = "Failing Firm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    folder: Path
    service: studio.RunningStudio

    @property
    def table(self) -> Path:
        return self.folder / "leads.csv"

    def results(self) -> list[dict[str, str]]:
        with (self.folder / "leads.results.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, delimiter=";"))


@pytest.fixture(scope="module")
def mailing(tmp_path_factory: pytest.TempPathFactory, environment: Callable[[str, Path], None]) -> Iterator[Mailing]:
    folder = tmp_path_factory.mktemp("mailing")
    with (folder / "leads.csv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["First Name", "surname", "Mail", "company"])
        table.writerows(PEOPLE)
    with studio.running_studio(folder, faults=['render row=2: fail message="no face for failing firm"']) as service:
        environment(service.base_url, folder / "home")
        words = ["render", str(folder / "leads.csv"), "--poll-interval", "0.1", "--progress", "none"]
        subprocess.run([sys.executable, "-m", "bhuman_cli", *words], check=False, capture_output=True, timeout=60)
        made = Mailing(folder=folder, service=service)
        assert [row["status"] for row in made.results()] == ["succeeded", "succeeded", "failed", "succeeded"]
        yield made


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = app.run([str(word) for word in argv])
    said = capsys.readouterr()
    return code, said.out, said.err


def read(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize(
    ("purpose", "header"),
    [
        ("mailchimp", ["Email Address", "First Name", "Last Name", "Video Link", "Video Picture"]),
        ("hubspot", ["Email", "First name", "Last name", "Video link", "Video picture"]),
        ("brevo", ["EMAIL", "FIRSTNAME", "LASTNAME", "VIDEO_LINK", "VIDEO_PICTURE"]),
        ("outlook", ["First Name", "Last Name", "E-mail Address", "Web Page", "User 1"]),
    ],
)
def test_a_product_gets_the_columns_that_its_import_knows(
    mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str], purpose: str, header: list[str]
) -> None:
    assert run(capsys, "export", mailing.table, "--for", purpose, "-o", tmp_path / "out.csv")[0] == 0
    rows = read(tmp_path / "out.csv")
    assert set(rows[0]) == set(header)
    address, first, last = (next(name for name in header if word in name.lower().replace("-", "").replace(" ", ""))
                            for word in ("email", "first", "last"))  # fmt: skip
    assert [(row[first], row[last], row[address]) for row in rows] == [PEOPLE[n][:3] for n in (0, 1, 3)]
    links = {row["First Name"]: row["share_url"] for row in mailing.results()}
    assert all(links[row[first]] in row.values() for row in rows)


def test_a_mail_merge_keeps_the_inputs_separator_mark_and_columns(
    mailing: Mailing, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "export", mailing.table, "--for", "mailmerge")
    path = Path(out.strip())
    assert (code, path.name) == (0, "leads.mailmerge.csv")
    assert path.read_bytes().startswith("\ufeffFirst Name;surname;Mail;company;email_html;".encode())
    assert 'alt="Video for Ana"' in read(path, ";")[0]["email_html"]
    assert "work only on this machine" in err


def test_a_workbook_is_read_back_by_openpyxl(
    mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "export", mailing.table, "--for", "brevo", "-o", tmp_path / "out.xlsx")[0] == 0
    rows = list(openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0].iter_rows(values_only=True))
    assert rows[0][:3] == ("EMAIL", "FIRSTNAME", "LASTNAME")
    assert rows[3][:3] == ("di@example.com", "Di", "Ur")


def test_fallback_and_campaign_fields(mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = (
        "--for",
        "gmail",
        "--utm",
        "source=mail,campaign={company}",
        "--fallback-link",
        "https://acme.example/x?a=1",
    )
    assert run(capsys, "export", mailing.table, *argv, "-o", tmp_path / "o.csv")[0] == 0
    links = [row["video_link"] for row in read(tmp_path / "o.csv", ";")]
    assert links[2] == "https://acme.example/x?a=1&utm_source=mail&utm_campaign=Failing+Firm"
    assert links[1].endswith("utm_source=mail&utm_campaign=A%26B")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--for", "mailchimp", "--email", "company"], "holds no e-mail addresses"),
        (["--for", "mailchimp", "--email", "nobody"], "no such column"),
        (["--for", "gmail", "--utm", "campaign={firm}"], "no column"),
        (["--for", "gmail", "--fallback-link", "acme.example"], "--fallback-link"),
        (["--utm", "a=b"], "--for"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    code, _, err = run(capsys, "export", mailing.table, *argv, "-o", tmp_path / "o.csv")
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert said in err


def test_dead_links_are_found_and_listed(mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("export", mailing.table, "--for", "gmail", "--check-links", "--json", "-o", tmp_path / "o.csv")
    code, out, _ = run(capsys, *argv)
    assert (code, json.loads(out)["dead_links"]) == (0, [])
    gone = mailing.results()[1]["id"]
    mailing.service.faults.replace([f"GET media/{gone}/*: 404", f"HEAD media/{gone}/*: 404"])
    try:
        code, out, err = run(capsys, *argv)
    finally:
        mailing.service.faults.clear()
    assert (code, [item["row_index"] for item in json.loads(out)["dead_links"]]) == (5, [1])
    assert "dead link (HTTP 404) · line 3" in err
    assert gone not in err


def test_posters_are_jpegs_beside_the_export(
    mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "export", mailing.table, "--for", "gmail", "--poster", "-o", tmp_path / "o.csv")[0] == 0
    files = [row["poster_file"] for row in read(tmp_path / "o.csv", ";")]
    assert len(set(files)) == 3
    assert {Path(file).parent for file in files} == {tmp_path / "o.posters"}
    with Image.open(files[0]) as picture:
        middle = picture.convert("L").tobytes()[picture.height // 2 * picture.width + picture.width // 2]
        assert picture.format == "JPEG"
        assert middle > 220  # the play mark


def test_support_gets_whole_ids_and_no_values(
    mailing: Mailing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "export", mailing.table, "--for", "support", "-o", tmp_path / "s.json")
    assert (code, out.strip()) == (0, str(tmp_path / "s.json"))
    (row,) = json.loads((tmp_path / "s.json").read_text())["rows"]
    failed = mailing.results()[2]
    assert (row["row_index"], row["line"], row["attempts"][0]["id"]) == (2, 4, failed["id"])
    assert row["attempts"][0]["execution_name"] == failed["execution_name"]
    assert row["attempts"][0]["sent_at"] <= row["attempts"][0]["answered_at"]
    assert "failed" in [step["status"] for step in row["attempts"][0]["statuses"]]
    both = (tmp_path / "s.json").read_text() + (tmp_path / "s.txt").read_text()
    assert failed["id"] in (tmp_path / "s.txt").read_text()
    assert not [value for person in PEOPLE for value in person if f'"{value}"' in both or f" {value} " in both]
