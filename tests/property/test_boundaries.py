"""Boundaries: strangers' bytes in; no traceback, no escape on the terminal, no path outside, no key in what is said."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bhuman_cli import errors, sanitize
from bhuman_cli.api import error_text, wire
from bhuman_cli.callbacks import events
from bhuman_cli.config import settings as config
from bhuman_cli.delivery import review
from bhuman_cli.domain import RowState
from bhuman_cli.studio.render import decoders, template
from bhuman_cli.studio.render.footage import reader as footage
from bhuman_cli.table import checked_table
from bhuman_cli.table.output import results_file
from bhuman_cli.table.sources import address
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import saved_plan

KEY = "k3y-of-the-person-who-runs-it"
HOSTILE = [
    b"\x1b]0;title\x07\x1b[2K\x1b[1A", "\u202egnp.exe\u2066\x9b31m".encode(), b'=HYPERLINK("http://evil.example/")',
    b"\x00", b"\xff\xfe", b"../../../etc/passwd", b"~/.bashrc", b"{{first_name}}", b"[[", b'"', b"'", b"\r\n",
    b"{" * 300, b"1e999", b"-1", b"null", b"true", b"[]", b"{}", b"\\u001b", b"\\ud800",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"javascript:alert(1)", b"file:///etc/passwd", b"http://[::1]/", b"http://user:pw@host/", b"9" * 400, b"%00",
    b"$(id)", "٣".encode(), b"nan", b"2026-13-40",
]  # fmt: skip
MANY = int(os.environ.get("FUZZ_EXAMPLES", "0"))
FEW = settings(
    max_examples=MANY or 60, derandomize=not MANY, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


@st.composite
def spoilt(draw: Any, specimen: bytes) -> bytes:
    """Draw what a stranger makes of a good file: pieces replaced, doubled, cut; now and then anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return bytes(draw(st.binary(max_size=300)))
    made = specimen
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(made)))
        to = draw(st.integers(at, min(len(made), at + 12)))
        piece = draw(st.sampled_from([*HOSTILE, b"", made[at:to] * 3]))
        made = made[:at] + piece + made[to:]
    return made


@contextlib.contextmanager
def said() -> Iterator[None]:
    """Whatever the block says, or stops with, is harmless; only an error of ours may stop it."""
    with contextlib.redirect_stderr(io.StringIO()) as heard:
        try:
            yield
        except errors.BhumanError as error:
            Console().error(error)
    text = heard.getvalue()
    assert not [letter for letter in text if letter != "\n" and unicodedata.category(letter) in {"Cc", "Cf", "Cs"}]
    assert KEY not in text


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


PROJECT = b"""campaign = "10ca1000-0000-4000-8000-000000000001"
output = "out/results.csv"
download = "media"
suppress = ["no.csv"]
max_rows = 20
only = ["first_name", "company"]
timeout = "2h"
callback_url = "https://hooks.example/x"
[map]
first_name = "First Name"
"""


@FEW
@given(content=spoilt(PROJECT))
def test_a_project_file_leads_nowhere_unless_it_is_trusted(content: bytes, tmp_path: Path) -> None:
    written(tmp_path, "leads.toml", content)
    environ = {"BHUMAN_HOME": str(tmp_path / "home"), "BHUMAN_API_KEY_ID": KEY, "BHUMAN_API_KEY_SECRET": KEY}
    with said():
        values = config.load(flags={}, input_path=tmp_path / "leads.csv", environ=environ)
        for name in ("output", "download", "backgrounds", "suppress", "say"):
            found = values.get(name)
            for path in found if isinstance(found, tuple) else [found] if found else []:
                inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(tmp_path))
                assert inside or name in values.untrusted


TABLE = 'First Name,company,site\nZoë,"Acme, Inc",https://a.example/x\n007,=1+1,\n'.encode()


@FEW
@given(content=spoilt(TABLE))
def test_a_header_and_a_cell_are_rows_or_problems(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, "leads.csv", content)
    with said():
        table = checked_table.open_table(path, checked_table.TableOptions())
        for notice in table.notices:
            Console().say(notice)
        rows = list(table.rows())
        for problem in table.problems:
            Console().say(f"{problem.column}: {problem.rule} {problem.hint}")
        sent = [value for row in rows if row.state is RowState.PENDING for value in row.values]
        assert not [value for value in sent if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", value)]


RECORD = {
    "id": "4f7f6fd2-2d8f-4f9a-9d0e-0a55a1f0a001", "status": "succeeded", "share_url": "https://a.example/s",
    "url": "https://a.example/v.mp4", "thumbnail": "https://a.example/t.jpg", "gif": "", "message": "fine",
    "execution_name": "x-1", "updated_at": "2026-11-29T00:00:00Z", "row_index": 0, "text": ["Zoë"],
}  # fmt: skip
ANSWER = json.dumps({"code": 200, "result": RECORD}).encode()
LISTED = json.dumps({"code": 200, "result": {"total": 1, "generated_videos": [RECORD]}}).encode()


@FEW
@given(content=st.one_of(spoilt(ANSWER), spoilt(LISTED)))
def test_what_the_service_says_becomes_harmless_text_and_web_links(content: bytes) -> None:
    with said():
        Console().say(error_text.server_message(content))
        readers: list[Callable[[bytes], Any]] = [wire.read_one_generation, wire.read_generation_list, wire.read_record]
        for read in readers:
            with contextlib.suppress(errors.BhumanError):
                read(content)
        generation = wire.read_one_generation(content)
        for link in (generation.share_url, generation.url, generation.gif) if generation else ():
            assert link == "" or link.startswith(("https://", "http://"))
            assert not re.search(r"[\s<>\"\x00-\x1f\x7f-\x9f]", link)
        cell = sanitize.cell(generation.message) if generation else ""
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@FEW
@given(content=spoilt(json.dumps({**RECORD, "event": "whatsapp.ready"}).encode()))
def test_a_callback_is_an_event_or_none(content: bytes) -> None:
    with contextlib.suppress(events.NotAnEvent):
        event = events.read(content, token="", received_at="2026-11-29T00:00:00Z")
        assert re.fullmatch(r"[\w.:-]+", event.generation_id + event.kind)


@FEW
@given(content=spoilt(template.starter(["first_name", "company"]).encode()))
def test_a_template_loads_or_names_its_lines(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, "bhuman-template.toml", content)
    with said():
        try:
            template.load(path)
        except template.TemplateError as error:
            raise errors.InputError(error.message) from None


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n"


@FEW
@given(
    content=st.one_of(spoilt(PNG), spoilt(EPS), spoilt(PLAYLIST), spoilt(b"ffconcat version 1.0\nfile /etc/passwd\n"))
)
def test_an_asset_is_a_picture_or_nothing(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, "asset.png", content)
    with contextlib.suppress(decoders.UndecodableError), decoders.open_picture(path) as picture:
        picture.load()
        assert picture.format in decoders.PICTURES
    with contextlib.suppress(*footage.READ_ERRORS), decoders.open_media(path) as container:
        assert set(container.format.name.split(",")) & set(decoders.CONTAINERS.split(","))


PLAN = json.dumps(
    {"schema": "bhuman.plan/1", "plan_id": "p1", "made_at": "2026-11-29T00:00:00Z", "journal": "j", "again": False,
     "retry_failed": False, "target": {"service": "local", "kind": "campaign", "id": "x"}, "identities": ["00" * 16]}
).encode()  # fmt: skip


@FEW
@given(content=spoilt(PLAN))
def test_a_plan_is_one_or_refused(content: bytes, tmp_path: Path) -> None:
    with said():
        saved_plan.read(written(tmp_path, "plan.json", content))


@FEW
@given(content=spoilt(b"id,decision,note\n4f7f6fd2-2d8f-4f9a-9d0e-0a55a1f0a001,approved,good\n"))
def test_a_review_is_one_or_refused(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, "r.review.csv", content)
    with said():
        assert all(decision.word in {"", "approved", "rejected"} for decision in review.read([path]).values())
    with said():
        results_file.recognise(path)


LINKS = [
    b"https://docs.google.com/spreadsheets/d/1AbC-_x/edit#gid=0", b"https://www.dropbox.com/s/abc/leads.csv?dl=0",
    b"https://onedrive.live.com/x?cid=1", b"https://github.com/a/b/blob/main/leads.csv", b"https://x.example/leads.csv",
]  # fmt: skip


@FEW
@given(content=st.sampled_from(LINKS).flatmap(spoilt))
def test_the_address_of_a_table_is_a_web_address_or_refused(content: bytes) -> None:
    with said():
        found = address.parse(content.decode("utf-8", "replace"))
        assert found.url.startswith("https://")
        assert not re.search(r"[\s\x00-\x1f\x7f]", found.url)
        assert Path(found.fallback_name).name == found.fallback_name


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", None)
