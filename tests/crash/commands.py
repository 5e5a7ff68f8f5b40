"""Histories of whole commands in this process, judged by a stand-in that counts: other memories, and the gate."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import bhuman_cli as bhuman
from bhuman_cli import errors
from tests.crash.histories import Case, Told
from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

History = Callable[[Desk, PlainService], None]
QUICK: dict[str, Any] = {"poll_interval": "0.05s"}


def told(history: History) -> Callable[[], Iterator[Told]]:
    """Return the history as one that is judged: nothing accepted twice, no link beside another person's row."""

    def tell() -> Iterator[Told]:
        came = Told(Case(outcomes=(history.__name__,)))
        with tempfile.TemporaryDirectory() as folder, plain_service.running() as service:
            desk = Desk(Path(folder), service.url)
            environment = {**desk.env, "PATH": os.environ["PATH"], "BHUMAN_TOKEN": plain_service.TOKEN}
            with mock.patch.dict(os.environ, environment, clear=True), contextlib.chdir(folder):
                history(desk, service)
            came.posts = len(service.bodies)
            came.broken = _judged(desk, service)
        yield came

    return tell


def _judged(desk: Desk, service: PlainService) -> str:
    twice = [text for text, count in Counter(map(tuple, service.texts())).items() if count > 1]
    if twice:
        return f"accepted twice: {twice}"
    pages = {service.record(item)["url"]: item["text"] for item in service.accepted}
    for path in desk.folder.glob("*.results.csv"):
        for row in desk.results(path.name):
            person = [row["first_name"], row["company"]]
            if row["url"] and pages.get(row["url"], person) != person:
                return f"wrong link beside line {row['row_index']} of {path.name}"
    return ""


def _tried(command: Callable[..., Any], *words: Any, **options: Any) -> None:
    """Run a command that may be refused: what it sent is judged, not what it says."""
    with contextlib.suppress(errors.BhumanError):
        command(*words, **QUICK, **options)


def restored_home(desk: Desk, service: PlainService) -> None:
    """A home that is put back from a backup: the results file knows more than the journal."""
    desk.people(6)
    service.posts = [_taking(service), plain_service.refusing(401)]
    _tried(bhuman.render, "people.csv", chunk_size=2)
    backup = shutil.copytree(desk.home, desk.folder / "backup")
    _tried(bhuman.resume)
    shutil.rmtree(desk.home)
    shutil.copytree(backup, desk.home)
    _tried(bhuman.resume)
    _tried(bhuman.resume, all=True)


def equal_totals(desk: Desk, service: PlainService) -> None:
    """As many videos of ours are deleted at the service as another journal pays for."""
    service.lists_open = True
    desk.people(4)
    _tried(bhuman.render, "people.csv", limit=2)
    del service.accepted[:2]
    with mock.patch.dict(os.environ, {"BHUMAN_HOME": str(desk.folder / "another")}):
        desk.people(2, "others.csv", start=2)
        _tried(bhuman.render, "others.csv")
    (desk.folder / "others.results.csv").unlink()
    _tried(bhuman.render, "people.csv")


def cut_texts(desk: Desk, service: PlainService) -> None:
    """The service shows the beginnings of texts, and a lost journal's videos are to be taken over."""
    service.lists_open = True
    service.shape = lambda record: {**record, "text": [value[:20] for value in record["text"]]}
    desk.table("people.csv", [("Bartholomew Smithson the Elder", "Acme")])
    _tried(bhuman.render, "people.csv")
    shutil.rmtree(desk.home)
    (desk.folder / "people.results.csv").unlink()
    desk.table("people.csv", [("Bartholomew Smithson the Younger", "Acme")])
    _tried(bhuman.render, "people.csv", adopt=True)


def equal_rows(desk: Desk, service: PlainService) -> None:
    """Equal rows in one file, added to it, and in another one."""
    desk.table("people.csv", [("Ann", "Acme"), ("Bob", "Blue")] * 3)
    _tried(bhuman.render, "people.csv", chunk_size=2)
    desk.table("people.csv", [("Bob", "Blue")] * 4)
    _tried(bhuman.render, "people.csv")
    desk.table("others.csv", [("Ann", "Acme")] * 2)
    _tried(bhuman.render, "others.csv")


def opted_out(desk: Desk, service: PlainService) -> None:
    """Somebody opts out after the plan and before the rest is sent: sent all the same, it counts as a second time."""
    desk.people(4)
    (desk.folder / "out.csv").write_text("first_name\n")
    service.posts = [_taking(service), plain_service.refusing(401)]
    _tried(bhuman.render, "people.csv", chunk_size=2, suppress=["out.csv"], on="first_name")
    (desk.folder / "out.csv").write_text("first_name\nName3\n")
    _tried(bhuman.resume)
    _count_as_twice(service, [item for item in service.accepted if item["text"][0] == "Name3"])


def failing_service(desk: Desk, service: PlainService) -> None:
    """A service that fails every render receives the first rows, whatever is typed and whatever the file is called."""
    service.shape = lambda record: {**record, "status": "failed", "url": "", "share_url": ""}
    desk.people(9)
    _tried(bhuman.render, "people.csv", first=3)
    desk.people(9, "renamed.csv", start=20)
    _tried(bhuman.render, "renamed.csv")
    _tried(bhuman.resume)
    _count_as_twice(service, service.accepted[3:])


def spent_budget(desk: Desk, service: PlainService) -> None:
    """A budget of the day holds over commands and files."""
    desk.home.mkdir()
    (desk.home / "config.toml").write_text('[budget]\nrows_per_day = 3\nwhen_over = "later"\n')
    for number in range(3):
        desk.people(2, f"{number}.csv", start=10 * number)
        _tried(bhuman.render, f"{number}.csv")
    _count_as_twice(service, service.accepted[3:])


def _taking(service: PlainService) -> plain_service.Post:
    return lambda body: plain_service.reply(200, {"code": 200, "result": service.accept(body)})


def _count_as_twice(service: PlainService, videos: list[dict[str, Any]]) -> None:
    """Let the judge take what should not have been paid at all for paid twice."""
    service.accepted += [dict(video) for video in videos]
