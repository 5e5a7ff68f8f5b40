"""`bhuman preview FILE`: one row on this machine, said once what is prepared, refused in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.render import footage
from tests.support import plain_service, small_template, terminal
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

TABLE = "first_name\nZoë\n\n=cmd\n{{name}}\n"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    path: Path

    def preview(self, *words: str, code: str = "from bhuman_cli.__main__ import main; main()") -> Ran:
        environ = {**os.environ, "BHUMAN_HOME": str(self.path / "home"), "NO_COLOR": "1"}
        command = [sys.executable, "-c", code, "preview", *words]
        done = subprocess.run(
            command, cwd=self.path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("desk")
    (path / "leads.csv").write_text(TABLE, "utf-8")
    small_template.write(path).rename(path / "bhuman-template.toml")
    return Folder(path)


def test_the_first_one_says_what_it_prepares_and_the_second_has_nothing_to_say(folder: Folder) -> None:
    first = folder.preview("leads.csv", "--json")
    assert (first.code, first.err) == (
        0,
        "first use: preparing small.mp4, cut where this template's texts and backgrounds begin and end"
        " (once; later previews take a second or two)\n",
    )
    told = json.loads(first.out)
    assert (told["row_index"], told["line"]) == (0, 2)
    assert len(footage.decode(told["video"]).pictures) == 30  # ten a second become fifteen
    assert "Zoë" in Path(told["page"]).read_text("utf-8")
    second = folder.preview("leads.csv", "zoë")
    assert (second.code, second.out, second.err) == (0, f"{told['page']}\n", "")


def test_it_loads_no_web_server_for_one_row(folder: Folder) -> None:
    """That alone would take as long as the row."""
    code = (
        "import sys, atexit; from bhuman_cli.__main__ import main\n"
        "atexit.register(lambda: print({'fastapi', 'uvicorn', 'pandas', 'distributed'} & set(sys.modules)))\nmain()"
    )
    assert folder.preview("leads.csv", code=code).out.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(("leads.csv", "--row", "1"), 3, "line 3 can't be rendered: it is blank"),
     (("leads.csv", "--row", "3"), 3, "line 5 can't be rendered"),
     (("leads.csv", "--row", "9"), 2, "leads.csv has no data in row 9"),
     (("leads.csv", "--line", "1"), 2, "leads.csv has no data in line 1"),
     (("leads.csv", "nobody"), 2, "leads.csv has no row that holds this text"),
     (("leads.csv", "m"), 2, "2 rows of leads.csv hold this text: lines 4, 5"),
     (("leads.csv", "zo", "--row", "1"), 2, "name one row"),
     (("leads.csv", "--row", "-1"), 2, "--row"), (("gone.csv",), 2, "there is no file gone.csv"),
     (("leads.csv", "--data", "{}"), 2, "--data goes with"), ((), 2, "name a file")],
)  # fmt: skip
def test_what_can_not_be_shown_is_refused(folder: Folder, words: tuple[str, ...], code: int, said: str) -> None:
    ran = folder.preview(*words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_on_a_terminal_a_preview_by_the_service_is_asked_for_first(desk: Desk, service: PlainService) -> None:
    words = [sys.executable, "-m", "bhuman_cli", "preview", "--campaign", plain_service.CAMPAIGN_ID]
    with terminal.terminal(words, folder=desk.folder, env=desk.environment()) as screen:
        screen.wait_for("may cost credits")
        screen.wait_for("[y/N] ")
        screen.type("n\r")
        assert screen.end() == 0
    assert service.seen == []
    with terminal.terminal([*words, "--yes"], folder=desk.folder, env=desk.environment()) as screen:
        screen.end()
    assert [(method, path.rsplit("/", 1)[1]) for method, path, _ in service.seen] == [("POST", "videos_preview")]
